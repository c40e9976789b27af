package files_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hailong/configs"
	"hailong/survey"
	"hailong/survey/files"
)

// good is a small questionnaire that the tables below break in one place each.
const good = `code: quick
title: {vi: Đánh giá, en: Rating}
scales:
  - code: two
    levels:
      - {value: 1, words: {vi: Không}}
      - {value: 2, words: {vi: Có}, satisfied: true}
questions:
  - code: Z0
    kind: overall
    scale: two
    words: {vi: Thế nào?}
`

func broken(t *testing.T, old, repl string) string {
	t.Helper()
	if strings.Count(good, old) != 1 {
		t.Fatalf("%q is there %d times", old, strings.Count(good, old))
	}
	return strings.Replace(good, old, repl, 1)
}

func TestQuestionnaireIsRead(t *testing.T) {
	q, err := files.Questionnaire("q.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if q.Code != "quick" || len(q.Questions) != 1 || q.Title.In(survey.English) != "Rating" {
		t.Errorf("read %+v", q)
	}
	if got := q.Scale("two").Key(); got != "two 1 2+" {
		t.Errorf("scale %q", got)
	}
}

// The same content, however the editor saved it, is the same version.
func TestTheEditorDoesNotMatter(t *testing.T) {
	want, err := files.Questionnaire("q.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"byte order mark":   "\ufeff" + good,
		"Windows line ends": strings.ReplaceAll(good, "\n", "\r\n"),
		"old Mac line ends": strings.ReplaceAll(good, "\n", "\r"),
		"decomposed":        broken(t, "Đánh giá", "Đa\u0301nh gia\u0301"),
		"escaped":           broken(t, "Đánh giá", `"\u0110a\u0301nh gi\xe1"`),
		"comments":          "# one\n" + broken(t, "title:", "# two\ntitle:"),
		"document markers":  "---\n" + good + "...\n",
		"JSON":              `{"code":"quick","title":{"vi":"Đánh giá","en":"Rating"},"scales":[{"code":"two","levels":[{"value":1,"words":{"vi":"Không"}},{"value":2,"words":{"vi":"Có"},"satisfied":true}]}],"questions":[{"code":"Z0","kind":"overall","scale":"two","words":{"vi":"Thế nào?"}}]}`,
	} {
		got, err := files.Questionnaire("q.yaml", []byte(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Hash() != want.Hash() {
			t.Errorf("%s: another version: %+v", name, got)
		}
	}
}

func TestTextIsTakenAsItStands(t *testing.T) {
	s, err := files.Structure("s.yaml", []byte(`units:
  - code: 007
    name: {vi: 00004, en: no}
    kind: commune
    admin_code: 0x10
  - code: 1.50
    name: {vi: true}
    kind: commune
    parent: 007
    valid_from: 2025-07-01
    predecessors: [ 1e3, 1_000 ]
`))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(s.Units)
	want := "[{007 map[en:no vi:00004] commune    0x10 []} {1.50 map[vi:true] commune 007 2025-07-01   [1e3 1_000]}]"
	if got != want {
		t.Errorf("read %s\nwant %s", got, want)
	}
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("#", files.MaxQuestionnaire) + "\n"
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", "q.yaml: the file is empty"},
		{"only comments", "# nothing\n", "q.yaml: the file is empty"},
		{"only null", "~\n", "q.yaml: the file is empty"},
		{"too large", long + good, "q.yaml: the file is too large: 1048840 bytes, at most 1048576"},
		{"a picture", "\x89PNG\r\n\x1a\n", "q.yaml:1: this line is not UTF-8 (an older encoding?); save the file as UTF-8"},
		{"old encoding", broken(t, "Đánh giá", "\xd0\xb8nh gi\xe1"), "q.yaml:2: this line is not UTF-8 (an older encoding?); save the file as UTF-8"},
		{"UTF-16", "\xff\xfec\x00o\x00", "q.yaml:1: the file is UTF-16; save it as UTF-8"},
		{"control", broken(t, "Thế nào?", "Thế\x1b[2J"), `q.yaml:12: "U+001B": a control character is not allowed`},
		{"escaped control", broken(t, "Thế nào?", `"\e[2J"`), "q.yaml:12: questions[0].words.vi = \"\\x1b[2J\": the text holds control or invalid characters"},
		{"tab", broken(t, "    kind: overall", "\tkind: overall"), "q.yaml:10: the line is indented with a tab; use spaces"},
		{"open quote", broken(t, "Thế nào?", `"Thế nào?`), "q.yaml:12: this is not YAML: could not find end character of double-quoted text"},
		{"just words", "hello\n", `q.yaml:1: "hello": a group of key: value is needed here`},
		{"two documents", good + "---\ncode: b\n", "q.yaml:14: a file holds one document only; split it at the line ---"},
		{"anchor", broken(t, "{vi: Không}", "&no {vi: Không}"), `q.yaml:6: "&": anchors (&) are not used here; write the value out in each place, and put text that begins with & in quotes`},
		{"alias", broken(t, "{vi: Không}", "*no"), `q.yaml:6: "*": aliases (*) are not used here; write the value out in each place, and put text that begins with * in quotes`},
		{"merge", broken(t, "title:", "<<: {code: x}\ntitle:"), `q.yaml:2: "<<": merge keys (<<) are not used here`},
		{"tag", broken(t, "code: quick", "code: !!binary cXVpY2s="), `q.yaml:1: "!!binary": tags (!) are not used here; put text that begins with ! in quotes`},
		{"unknown key", broken(t, "kind: overall", "kin: overall"), "q.yaml:10: questions[0].kin: there is no such key; the keys here are: code, factor, kind, scale, words, not_applicable"},
		{"doubled key", broken(t, "code: quick", "code: quick\ncode: quack"), "q.yaml:2: code: this key is there already, on line 1"},
		{"doubled language", broken(t, "{vi: Thế nào?}", "{vi: Thế nào?, vi: Sao?}"), "q.yaml:12: questions[0].words.vi: this key is there already, on line 12"},
		{"list for text", broken(t, "code: quick", "code: [quick]"), "q.yaml:1: code: text is needed here"},
		{"text for list", broken(t, "questions:\n", "factors: none\nquestions:\n"), `q.yaml:8: factors = "none": a list is needed here (each item begins with -)`},
		{"word for number", broken(t, "value: 1", "value: one"), `q.yaml:6: scales[0].levels[0].value = "one": a whole number from 0 to 255 is needed, without quotes`},
		{"quoted number", broken(t, "value: 1", `value: "1"`), `q.yaml:6: scales[0].levels[0].value = "1": a whole number from 0 to 255 is needed, without quotes`},
		{"large number", broken(t, "value: 2", "value: 256"), `q.yaml:7: scales[0].levels[1].value = "256": a whole number from 0 to 255 is needed, without quotes`},
		{"half a level", broken(t, "value: 2", "value: 1.5"), `q.yaml:7: scales[0].levels[1].value = "1.5": a whole number from 0 to 255 is needed, without quotes`},
		{"yes", broken(t, "satisfied: true", "satisfied: yes"), `q.yaml:7: scales[0].levels[1].satisfied = "yes": true or false is needed`},
		{"unknown scale", broken(t, "scale: two", "scale: five"), `q.yaml:11: questions[0].scale = "five": the scale is not declared under scales`},
		{"missing words", broken(t, "{vi: Thế nào?}", "{en: How?}"), "q.yaml:12: questions[0].words.vi: the Vietnamese words are missing"},
		{"missing part", broken(t, "    words: {vi: Thế nào?}\n", ""), "q.yaml:9: questions[0].words.vi: the Vietnamese words are missing"},
		{"missing list", good[:strings.Index(good, "questions:")], "q.yaml: questions: at least one question is needed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := files.Questionnaire("q.yaml", []byte(c.data))
			if err == nil {
				t.Fatalf("it was read: %+v", q)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
			var fe *files.Error
			if !errors.As(err, &fe) {
				t.Fatalf("%T is no *files.Error", err)
			}
			if vi := fe.Text(survey.Vietnamese); vi == err.Error() || vi == "" {
				t.Errorf("the Vietnamese text is the English one: %s", vi)
			}
		})
	}
}

// One look at the message is enough to mend the whole file.
func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	_, err := files.Structure("units.yaml", []byte(`units:
  - code: a
    nam: {vi: A}
    kind: commune
  - code: [b]
    valid_from: 1 July
counter: []
`))
	var fe *files.Error
	if !errors.As(err, &fe) {
		t.Fatalf("got %v", err)
	}
	want := `units.yaml:3: units[0].nam: không có khóa này; các khóa ở đây là: code, name, kind, parent, valid_from, valid_to, admin_code, predecessors
units.yaml:5: units[1].code: ở đây phải là một đoạn chữ
units.yaml:6: units[1].valid_from = "1 July": ngày phải có dạng NĂM-THÁNG-NGÀY, ví dụ 2026-03-31
units.yaml:7: counter: không có khóa này; các khóa ở đây là: units, counters, fields, procedures`
	if got := fe.Text(survey.Vietnamese); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var ps survey.Problems
	if !errors.As(err, &ps) || len(ps) != 4 {
		t.Errorf("the problems are not within reach: %v", ps)
	}
}

func TestALongListOfProblemsIsCut(t *testing.T) {
	_, err := files.Structure("units.yaml", []byte("units:\n"+strings.Repeat("  - code: x y\n", 30)))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 21 || lines[20] != "… and 99 more" {
		t.Errorf("%d lines, the last: %s", len(lines), lines[len(lines)-1])
	}
}

// Files made to hurt are refused before they take time or memory.
func TestHostileFilesAreRefusedQuickly(t *testing.T) {
	bomb := "a: &a [x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c]\n", c, c, c-1, c-1, c-1)
	}
	const size = 50_000
	for _, c := range []struct{ name, data, want string }{
		{"aliases", bomb, "anchors (&) are not used here"},
		{"brackets", strings.Repeat("[", size), "nested too deeply"},
		{"braces", strings.Repeat("{a: ", size), "nested too deeply"},
		{"dashes", strings.Repeat("- ", size), "nested too deeply"},
		{"steps", stairs(300), "nested too deeply"},
		{"mixed", strings.Repeat("- {a: [", size), "nested too deeply"},
		{"keys", strings.Repeat("a: 1\n", size), "too many keys"},
		{"keys in braces", "{" + strings.Repeat("a: 1, ", size) + "}", "too many keys"},
		{"keys below a list", "units:\n- " + strings.Repeat("a: 1\n  ", size), "too many keys"},
	} {
		if _, err := files.Structure("s.yaml", []byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// The limit is on one mapping, not on the file: a list may be as long as it likes.
func TestALongListIsNotHostile(t *testing.T) {
	var b strings.Builder
	b.WriteString("units:\n")
	for i := range 4000 {
		fmt.Fprintf(&b, "- code: %05d\n  name: {vi: Xã %d}\n  kind: commune\n", i, i)
	}
	s, err := files.Structure("s.yaml", []byte(b.String()))
	if err != nil || len(s.Units) != 4000 || s.Units[3999].Code != "03999" {
		t.Errorf("%v", err)
	}
}

// stairs is a block mapping that is n levels deep.
func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

type settings struct {
	Listen  string            `yaml:"listen"`
	Repeat  time.Duration     `yaml:"repeat"`
	Minimum int               `yaml:"minimum"`
	Ratio   float64           `yaml:"ratio"`
	Debug   bool              `yaml:"debug"`
	TLS     *tlsSettings      `yaml:"tls"`
	Labels  map[string]string `yaml:"labels"`
	Hidden  string            `yaml:"-"`
	Shared  `yaml:",inline"`
}

type tlsSettings struct {
	Cert string `yaml:"cert"`
}

// Shared are keys that two programs have in common.
type Shared struct {
	Data string `yaml:"data"`
}

func TestSettings(t *testing.T) {
	defaults := settings{Listen: "127.0.0.1:8080", Repeat: 5 * time.Second, Minimum: 1, Shared: Shared{Data: "./data"}}
	for _, c := range []struct{ name, data, want string }{
		{"an empty file keeps the defaults", "", "{127.0.0.1:8080 5s 1 0 false <nil> map[]  {./data}}"},
		{"so does an empty value", "listen:\nminimum: ~\n", "{127.0.0.1:8080 5s 1 0 false <nil> map[]  {./data}}"},
		{"everything set", "listen: ':0'\nrepeat: 1m30s\nminimum: -3\nratio: 0.5\ndebug: true\nlabels: {a: 1}\ndata: /srv\n", "{:0 1m30s -3 0.5 true <nil> map[a:1]  {/srv}}"},
		{"no span of time", "repeat: 5\n", `c.yaml:1: repeat = "5": a span of time is a number and a unit, for example 5s, 2m, 1h30m`},
		{"zero needs no unit", "repeat: 0\n", "{127.0.0.1:8080 0s 1 0 false <nil> map[]  {./data}}"},
		{"a decimal comma", "ratio: 0,5\n", `c.yaml:1: ratio = "0,5": a number is needed, with a point for decimals`},
		{"below a pointer", "tls:\n  cret: x\n", "c.yaml:2: tls.cret: there is no such key; the keys here are: cert"},
		{"a field that is no key", "hidden: x\n", "c.yaml:1: hidden: there is no such key; the keys here are: listen, repeat, minimum, ratio, debug, tls, labels, data"},
		{"another case", "Listen: x\n", "c.yaml:1: Listen: there is no such key; the keys here are: listen, repeat, minimum, ratio, debug, tls, labels, data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := defaults
			said := fmt.Sprint(files.Strict("c.yaml", []byte(c.data), &got))
			if said == "<nil>" {
				said = fmt.Sprint(got)
			}
			if said != c.want {
				t.Errorf("got  %s\nwant %s", said, c.want)
			}
		})
	}
	var s settings
	if err := files.Strict("c.yaml", []byte("tls: {cert: a.pem}"), &s); err != nil || s.TLS.Cert != "a.pem" {
		t.Errorf("below a pointer: %+v, %v", s.TLS, err)
	}
}

func FuzzQuestionnaire(f *testing.F) {
	f.Add([]byte(good))
	for _, file := range configs.Questionnaires {
		f.Add(file.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := files.Questionnaire("q.yaml", data)
		if err != nil {
			var fe *files.Error
			if !errors.As(err, &fe) || fe.Text(survey.Vietnamese) == "" || len(fe.Lines) != len(fe.Problems) {
				t.Fatalf("%T: %v", err, err)
			}
			lines := 1 + strings.Count(strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n"), "\n")
			for _, n := range fe.Lines {
				if n < 0 || n > lines {
					t.Fatalf("line %d of %d: %v", n, lines, err)
				}
			}
			return
		}
		if err := q.Validate(); err != nil {
			t.Fatalf("read, but not valid: %v", err)
		}
	})
}
