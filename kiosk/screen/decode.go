package screen

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hailong/kiosk"
	"hailong/survey"
)

// pressKeys are the keys that a response may have, in the order in which they are
// documented.
var pressKeys = []string{
	"questionnaire", "answers", "channel", "idempotency_key", "counter", "stage", "field", "procedure",
	"resolving_unit", "respondent", "comment", "replaces", "continues",
}

// errNotJSON says that a body is not one JSON object in UTF-8.
var errNotJSON = errors.New("not one JSON object in UTF-8")

// pressDecoder reads one response. JSON that can be read but says something wrong is
// told key by key, so everything wrong comes back at once.
type pressDecoder struct {
	press    kiosk.Press
	problems survey.Problems
}

// decodePress reads the body of POST /api/v1/responses. Whether the codes exist is the
// recorder's to say. The error is [errNotJSON] or [survey.Problems].
func decodePress(body []byte) (kiosk.Press, error) {
	body = bytes.TrimSpace(body)
	// encoding/json would put U+FFFD in place of what is not UTF-8.
	if !utf8.Valid(body) || !json.Valid(body) || body[0] != '{' {
		return kiosk.Press{}, errNotJSON
	}
	var d pressDecoder
	eachMember(body, d.member)
	return d.press, d.problems.Err()
}

// eachMember calls do for every member of a JSON object, in the order in which they
// stand there. again is true for a key that was there before. The object must be valid
// JSON: then walking over it needs no more than finding where values end, which is
// several times faster than decoding it token by token.
func eachMember(object []byte, do func(key string, value json.RawMessage, again bool)) {
	var seen []string
	for i := nextValue(object, 1); object[i] != '}'; i = nextValue(object, i) {
		end := valueEnd(object, i)
		key := unquote(object[i:end])
		i = nextValue(object, end)
		end = valueEnd(object, i)
		do(key, object[i:end], slices.Contains(seen, key))
		seen = append(seen, key)
		i = end
	}
}

// nextValue is where the next key or value begins, or the object ends.
func nextValue(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r' || b[i] == ',' || b[i] == ':' {
		i++
	}
	return i
}

// valueEnd is where the value that begins at i ends.
func valueEnd(b []byte, i int) int {
	for depth := 0; ; {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 && (i == len(b) || b[i-1] == '"' || b[i-1] == '}' || b[i-1] == ']' || bytes.IndexByte([]byte(",:}] \t\r\n"), b[i]) >= 0) {
			return i
		}
	}
}

// unquote is the text of a valid JSON string.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // valid, so it cannot fail
	return s
}

func (d *pressDecoder) member(key string, value json.RawMessage, again bool) {
	if again {
		d.problems.Add(short(key), "", "khóa này có hai lần; mỗi khóa chỉ được một lần", "this key is there twice; each key may be there once")
		return
	}
	p := &d.press
	switch key {
	case "questionnaire":
		p.Questionnaire = d.text(key, value)
	case "answers":
		d.answers(value)
	case "channel":
		p.Channel = survey.Channel(d.text(key, value))
	case "idempotency_key":
		p.Key = d.text(key, value)
	case "counter":
		p.Counter = survey.CounterCode(d.text(key, value))
	case "stage":
		p.Stage = survey.Stage(d.text(key, value))
	case "field":
		p.Field = survey.FieldCode(d.text(key, value))
	case "procedure":
		p.Procedure = survey.ProcedureCode(d.text(key, value))
	case "resolving_unit":
		p.ResolvingUnit = survey.UnitCode(d.text(key, value))
	case "respondent":
		p.Respondent = survey.RespondentKind(d.text(key, value))
	case "comment":
		p.Comment = d.text(key, value)
	case "replaces":
		p.Replaces = d.record(key, value)
	case "continues":
		p.Continues = d.record(key, value)
	default:
		allowed := strings.Join(pressKeys, ", ")
		d.problems.Add(short(key), "", "không có khóa này; có: "+allowed, "there is no such key; there are: "+allowed)
	}
}

func isNull(value json.RawMessage) bool { return string(value) == "null" }

// text reads a string; null is the same as leaving the key out.
func (d *pressDecoder) text(path string, value json.RawMessage) string {
	switch {
	case isNull(value):
		return ""
	case value[0] != '"':
		d.problems.Add(path, string(value), "phải là văn bản trong dấu ngoặc kép", "must be text in quotes")
		return ""
	}
	return unquote(value)
}

func (d *pressDecoder) record(path string, value json.RawMessage) survey.RecordID {
	s := d.text(path, value)
	if s == "" {
		return survey.RecordID{}
	}
	id, err := survey.ParseRecordID(s)
	if err != nil {
		d.problems.Add(path, s, `phải là "chuỗi/số thứ tự" như câu trả lời 201 đã cho`, `must be "chain/sequence", as the 201 answer gave it`)
	}
	return id
}

func (d *pressDecoder) answers(value json.RawMessage) {
	switch {
	case isNull(value):
		return // the recorder says that an answer is needed
	case value[0] != '{':
		d.problems.Add("answers", string(value), `phải là một đối tượng: {"mã câu hỏi": mức}, ví dụ {"Z0": 5}`, `must be an object: {"question code": level}, for example {"Z0": 5}`)
		return
	}
	eachMember(value, func(question string, level json.RawMessage, again bool) {
		path := "answers." + short(question)
		if again {
			d.problems.Add(path, string(level), "câu hỏi được trả lời hai lần", "the question is answered twice")
			return
		}
		if a, ok := d.answer(path, level); ok {
			a.Question = survey.QuestionCode(question)
			d.press.Answers = append(d.press.Answers, a)
		}
	})
}

// answer reads one answer: a whole number, null for blank, or "na".
func (d *pressDecoder) answer(path string, value json.RawMessage) (survey.Answer, bool) {
	word := ""
	if value[0] == '"' {
		word = unquote(value)
	}
	switch {
	case isNull(value):
		return survey.Answer{Kind: survey.Blank}, true
	case word == "na":
		return survey.Answer{Kind: survey.NotApplicable}, true
	case word == "" && isWhole(value):
		n, err := strconv.ParseUint(string(value), 10, 8)
		if err == nil && survey.Level(n) <= survey.MaxLevel {
			return survey.Answer{Kind: survey.AtLevel, Level: survey.Level(n)}, true
		}
		d.problems.Add(path, string(value), "phải là một mức của thang đo; các mức là số nguyên từ 0 đến 99", "must be a level of the question's scale; levels are whole numbers from 0 to 99")
	default:
		found := string(value)
		if word != "" {
			found = word
		}
		d.problems.Add(path, found, `phải là số nguyên, null (để trống) hoặc "na" (không sử dụng)`, `must be a whole number, null (blank) or "na" (not applicable)`)
	}
	return survey.Answer{}, false
}

// isWhole reports whether a JSON value is a number without fraction and exponent: 5.0
// and 5e0 are refused, since whoever writes them has measured, not chosen.
func isWhole(value json.RawMessage) bool {
	digits := strings.TrimPrefix(string(value), "-")
	return digits != "" && !slices.ContainsFunc([]byte(digits), func(b byte) bool { return b < '0' || b > '9' })
}
