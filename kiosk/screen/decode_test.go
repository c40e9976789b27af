package screen

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"hailong/kiosk"
	"hailong/survey"
)

func TestBadResponsesAreToldWhatIsAllowed(t *testing.T) {
	body := func(member string) string {
		key, _, _ := strings.Cut(member, ":")
		var rest []string
		for _, m := range []string{`"questionnaire":"quick"`, `"answers":{"Z0":5}`, `"channel":"touch"`, `"idempotency_key":"k"`} {
			if !strings.HasPrefix(m, key+":") {
				rest = append(rest, m)
			}
		}
		if member != key { // "key:" alone leaves the member out
			rest = append(rest, member)
		}
		return "{" + strings.Join(rest, ",") + "}"
	}
	for _, c := range []struct {
		name, body  string
		path, value string
		vi, en      string // parts of the messages
	}{
		{"unknown questionnaire", body(`"questionnaire":"long"`), "questionnaire", "long", "không có phiếu hỏi đó; có: quick", "no such questionnaire; it has: quick"},
		{"questionnaire left out", body(`"questionnaire"`), "questionnaire", "", "có: quick", "it has: quick"},
		{"questionnaire of a wrong type", body(`"questionnaire":7`), "questionnaire", "7", "phải là văn bản", "must be text"},
		{"unknown question", body(`"answers":{"Z9":5}`), "answers.Z9", "", "có: Z0", "it has: Z0"},
		{"unknown level", body(`"answers":{"Z0":6}`), "answers.Z0", "6", "một trong: 1, 2, 3, 4, 5", "one of: 1, 2, 3, 4, 5"},
		{"level below", body(`"answers":{"Z0":-1}`), "answers.Z0", "-1", "từ 0 đến 99", "from 0 to 99"},
		{"level far above", body(`"answers":{"Z0":100000000000000000000}`), "answers.Z0", "100000000000000000000", "từ 0 đến 99", "from 0 to 99"},
		{"level as a word", body(`"answers":{"Z0":"five"}`), "answers.Z0", "five", `phải là số nguyên, null (để trống) hoặc "na"`, `must be a whole number, null (blank) or "na"`},
		{"level as a number in quotes", body(`"answers":{"Z0":"5"}`), "answers.Z0", "5", "số nguyên", "whole number"},
		{"empty word", body(`"answers":{"Z0":""}`), "answers.Z0", `""`, "số nguyên", "whole number"},
		{"half a level", body(`"answers":{"Z0":4.5}`), "answers.Z0", "4.5", "số nguyên", "whole number"},
		{"a level as a fraction", body(`"answers":{"Z0":5.0}`), "answers.Z0", "5.0", "số nguyên", "whole number"},
		{"a level with an exponent", body(`"answers":{"Z0":5e0}`), "answers.Z0", "5e0", "số nguyên", "whole number"},
		{"a level of truth", body(`"answers":{"Z0":true}`), "answers.Z0", "true", "số nguyên", "whole number"},
		{"a list of levels", body(`"answers":{"Z0":[5]}`), "answers.Z0", "[5]", "số nguyên", "whole number"},
		{"not applicable where it is not offered", body(`"answers":{"Z0":"na"}`), "answers.Z0", "na", "không sử dụng", "does not offer"},
		{"answered twice", body(`"answers":{"Z0":5,"Z0":1}`), "answers.Z0", "1", "hai lần", "twice"},
		{"no answers", body(`"answers":{}`), "answers", "", "ít nhất một câu trả lời", "at least one answer"},
		{"answers null", body(`"answers":null`), "answers", "", "ít nhất một câu trả lời", "at least one answer"},
		{"answers left out", body(`"answers"`), "answers", "", "ít nhất một câu trả lời", "at least one answer"},
		{"answers as a list", body(`"answers":[5]`), "answers", "[5]", "phải là một đối tượng", "must be an object"},
		{"unknown channel", body(`"channel":"fax"`), "channel", "fax", "một trong: button, touch, qr", "one of: button, touch, qr"},
		{"channel left out", body(`"channel"`), "channel", "", "một trong: button", "one of: button"},
		{"key left out", body(`"idempotency_key"`), "idempotency_key", "", "1 đến 200 ký tự", "1 to 200 characters"},
		{"key too long", body(`"idempotency_key":"` + strings.Repeat("k", 201) + `"`), "idempotency_key", "", "1 đến 200 ký tự", "1 to 200 characters"},
		{"unknown stage", body(`"stage":"later"`), "stage", "later", "một trong: reception", "one of: reception"},
		{"counter of another kiosk", body(`"counter":"Q9"`), "counter", "Q9", "không phục vụ quầy đó; phục vụ: ", "does not serve that counter; it serves: "},
		{"field that is no code", body(`"field":"Q 1"`), "field", "Q 1", "1 đến 64 ký tự", "1 to 64 characters"},
		{"unknown respondent", body(`"respondent":"cat"`), "respondent", "cat", "citizen, organisation", "citizen, organisation"},
		{"comment of a wrong type", body(`"comment":{"text":"x"}`), "comment", `{"text":"x"}`, "phải là văn bản", "must be text"},
		{"comment too long", body(`"comment":"` + strings.Repeat("ă", 2001) + `"`), "comment", strings.Repeat("ă", 60) + "…", "nhiều nhất 2000 ký tự", "at most 2000 characters"},
		{"replaces nothing", body(`"replaces":"7"`), "replaces", "7", `"chuỗi/số thứ tự"`, `"chain/sequence"`},
		{"continues what is not here", body(`"continues":"0100000000000000000000000000000a/1"`), "continues", "0100000000000000000000000000000a/1", "không có phiếu đó", "no such record"},
		{"unknown key", body(`"level":5`), "level", "", "không có khóa này; có: questionnaire, answers", "no such key; there are: questionnaire, answers"},
		{"key in another case", body(`"Channel":"touch"`), "Channel", "", "không có khóa này", "no such key"},
		{"key twice", body(`"stage":"result","stage":"refusal"`), "stage", "", "hai lần", "twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			for lang, part := range map[string]string{"": c.vi, "en-US,en;q=0.9,vi;q=0.1": c.en} {
				a := s.post(t, c.body, "Accept-Language", lang)
				p := a.problem(t)
				if a.StatusCode != 422 || p.Type != "/problems/invalid" || len(p.Errors) != 1 {
					t.Fatalf("%d %s", a.StatusCode, a.text)
				}
				if e := p.Errors[0]; e.Path != c.path || e.Value != c.value || !strings.Contains(e.Message, part) {
					t.Errorf("errors[0] = %+v, want path %q, value %q, message with %q", e, c.path, c.value, part)
				}
				if !strings.Contains(p.Detail, c.path) || !strings.Contains(p.Detail, part) {
					t.Errorf("detail %q", p.Detail)
				}
			}
			if n := len(s.journal.kept()); n != 0 {
				t.Errorf("%d records kept", n)
			}
		})
	}
}

func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	s := newStand(t)
	p := s.post(t, `{"questionnaire":1,"answers":{"Z0":"x","A1":[]},"chanel":"touch"}`).problem(t)
	var paths []string
	for _, e := range p.Errors {
		paths = append(paths, e.Path)
	}
	if want := []string{"questionnaire", "answers.Z0", "answers.A1", "chanel"}; !slices.Equal(paths, want) {
		t.Errorf("told of %v, want %v", paths, want)
	}
	many := `{"answers":{` + strings.Repeat(`"Q":"x",`, 500) + `"Z":1}}`
	if p := s.post(t, many).problem(t); len(p.Errors) != maxErrors {
		t.Errorf("%d errors told, want %d", len(p.Errors), maxErrors)
	}
}

func TestABodyThatIsNotOneJSONObjectIsRefused(t *testing.T) {
	s := newStand(t)
	good := press(5, "k")
	for _, b := range []string{
		"", " ", "null", "5", `"x"`, "[" + good + "]", good + good, good + "x", good + "\x00", good[:len(good)-1], `{"answers":{"Z0":05}}`, `{'a':1}`, `{"a":1,}`, `{1:2}`,
		"\xef\xbb\xbf" + good, strings.Replace(good, "quick", "qui\xffck", 1), strings.Repeat(`{"answers":`, 2000),
	} {
		a := s.post(t, b)
		if a.StatusCode != 400 || a.problem(t).Type != "/problems/malformed" {
			t.Errorf("%.40q: %d %s", b, a.StatusCode, a.text)
		}
	}
	if n := len(s.journal.kept()); n != 0 {
		t.Errorf("%d records kept", n)
	}
	if a := s.post(t, " \n"+good+"\r\n "); a.StatusCode != 201 {
		t.Errorf("white space around: %d %s", a.StatusCode, a.text)
	}
}

// compose writes a press as the interface wants it: the other way of decodePress.
func compose(p kiosk.Press) []byte {
	answers := map[string]any{}
	for _, a := range p.Answers {
		switch a.Kind {
		case survey.AtLevel:
			answers[string(a.Question)] = a.Level
		case survey.NotApplicable:
			answers[string(a.Question)] = "na"
		case survey.Blank:
			answers[string(a.Question)] = nil
		}
	}
	m := map[string]any{
		"questionnaire": p.Questionnaire, "answers": answers, "channel": p.Channel, "idempotency_key": p.Key, "counter": p.Counter, "stage": p.Stage, "field": p.Field,
		"procedure": p.Procedure, "resolving_unit": p.ResolvingUnit, "respondent": p.Respondent, "comment": p.Comment,
	}
	if !p.Replaces.IsZero() {
		m["replaces"] = p.Replaces.String()
	}
	if !p.Continues.IsZero() {
		m["continues"] = p.Continues.String()
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// FuzzDecodePress: nothing panics, errors are of the two kinds, and what was read says
// the same when it is written and read again.
func FuzzDecodePress(f *testing.F) {
	f.Add([]byte(press(5, "k")))
	f.Add([]byte(`{"answers":{"Z0":null,"A1":"na","A2":0},"replaces":"01000000000000000000000000000000/1","comment":"\ud83d\ude00\ud800"}`))
	f.Add([]byte(`{"answers":{"Z0":5,"Z0":5},"x":[{"y":[1e999]}]}`))
	f.Add([]byte(`{"answers":{"":-0}} `))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodePress(data)
		var ps survey.Problems
		switch {
		case errors.Is(err, errNotJSON):
			return
		case errors.As(err, &ps):
			if !json.Valid(data) || len(ps) == 0 || ps[0].Vi == "" || ps[0].En == "" {
				t.Fatalf("problems %v", ps)
			}
			return
		case err != nil:
			t.Fatalf("an error of a third kind: %v", err)
		}
		if !json.Valid(data) || !utf8.ValidString(p.Key+p.Comment+string(p.Counter)) {
			t.Fatalf("accepted %q", data)
		}
		again, err := decodePress(compose(p))
		if err != nil {
			t.Fatalf("%v for %s", err, compose(p))
		}
		byCode := func(a, b survey.Answer) int { return strings.Compare(string(a.Question), string(b.Question)) }
		slices.SortFunc(p.Answers, byCode)
		slices.SortFunc(again.Answers, byCode)
		if fmt.Sprintf("%+v", p) != fmt.Sprintf("%+v", again) {
			t.Fatalf("read %+v, then %+v", p, again)
		}
	})
}
