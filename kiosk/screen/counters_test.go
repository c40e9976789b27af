package screen

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/survey"
)

// sixteen puts as many counters on a box as it serves.
func sixteen(n int) []Counter {
	list := make([]Counter, n)
	for i := range list {
		list[i] = Counter{Code: survey.CounterCode(fmt.Sprintf("Q%d", i+1)), Unit: both("Trung tâm", "Centre"), Name: both(fmt.Sprintf("Quầy số %d.", i+1), fmt.Sprintf("Counter number %d.", i+1))}
	}
	return list
}

// Every page names its own counter, and what is pressed on it, with and without the
// script, is that counter's.
func TestSixteenCountersOnOneBox(t *testing.T) {
	s := newStand(t, func(_ *Options, set *Settings) { set.Counters = sixteen(MaxCounters) })
	var codes []survey.CounterCode
	for _, c := range s.settings.Counters {
		codes = append(codes, c.Code)
	}
	s.recorder = kiosk.NewRecorder(kiosk.Settings{Catalogue: s.settings.Catalogue, Counters: codes}, s.journal)
	if err := s.Show(s.settings, s.recorder); err != nil {
		t.Fatal(err)
	}
	revisions := map[string]bool{}
	for i, code := range codes {
		query := "?counter=" + string(code)
		page := s.get(t, "/"+query)
		name := fmt.Sprintf("Quầy số %d.", i+1)
		if page.StatusCode != 200 || !strings.Contains(page.text, name) || strings.Count(page.text, "Quầy số") != 1 || !strings.Contains(page.text, `data-counter="`+string(code)+`"`) {
			t.Errorf("%s: %d %s", code, page.StatusCode, page.text)
		}
		rev := s.get(t, "/revision"+query).text
		if revisions[rev] || !strings.Contains(page.text, `data-revision="`+rev+`"`) {
			t.Errorf("%s: revision %q", code, rev)
		}
		revisions[rev] = true
		if i > 0 { // all its addresses stay at the counter
			for _, want := range []string{`data-here="/` + query + `"`, `data-look="/revision` + query + `"`, `action="/press` + query + `"`, `url=/` + query + `"`, `href="/` + query + `&amp;lang=en"`} {
				if !strings.Contains(page.text, want) {
					t.Errorf("%s: no %s in %s", code, want, page.text)
				}
			}
		}
		form := url.Values{"key": {"form" + string(code)}, "questionnaire": {"quick"}, "question": {"Z0"}, "level": {"5"}}
		after := s.do(t, "POST", "/press"+query, form.Encode(), "Content-Type", formType)
		if after.StatusCode != 201 || !strings.Contains(after.text, name) || i > 0 && !strings.Contains(after.text, `url=/`+query+`"`) {
			t.Errorf("%s: a form: %d %s", code, after.StatusCode, after.text)
		}
		if a := s.post(t, fmt.Sprintf(`{"questionnaire":"quick","answers":{"Z0":1},"channel":"touch","idempotency_key":"json%s","counter":%q}`, code, code)); a.StatusCode != 201 {
			t.Errorf("%s: JSON: %d %s", code, a.StatusCode, a.text)
		}
		if home := s.get(t, "/press"+query); i > 0 && home.Header.Get("Location") != "/"+query {
			t.Errorf("%s: a reload leads to %q", code, home.Header.Get("Location"))
		}
	}
	kept := s.journal.kept()
	if len(kept) != 2*MaxCounters {
		t.Fatalf("%d records", len(kept))
	}
	for i, e := range kept {
		if e.Response.Counter != codes[i/2] {
			t.Errorf("record %d is for %s, want %s", i+1, e.Response.Counter, codes[i/2])
		}
	}
}

func TestMoreCountersThanABoxServes(t *testing.T) {
	s := newStand(t)
	before := s.get(t, "/revision").text
	set := s.settings
	set.Counters = sixteen(MaxCounters + 1)
	if err := s.Show(set, s.recorder); err == nil || !strings.Contains(err.Error(), "at most 16") {
		t.Errorf("it was shown: %v", err)
	}
	if s.get(t, "/revision").text != before {
		t.Error("the screen has changed")
	}
}

func TestACounterThatIsNotServedGetsAHumanPage(t *testing.T) {
	s := newStand(t)
	for _, code := range []string{"Q9", "q2", "%00", "%3Cscript%3E"} {
		a := s.get(t, "/?counter="+code)
		if a.StatusCode != 404 || !strings.Contains(a.text, "Không có quầy này") || strings.Contains(a.text, "<form") || strings.Contains(a.text, "script>") && strings.Contains(a.text, "&lt;") {
			t.Errorf("%s: %d %s", code, a.StatusCode, a.text)
		}
		a = s.do(t, "POST", "/press?counter="+code, "key=k&questionnaire=quick&question=Z0&level=5", "Content-Type", formType)
		if a.StatusCode != 404 || !strings.Contains(a.text, "Không có quầy này") {
			t.Errorf("%s: a press: %d %s", code, a.StatusCode, a.text)
		}
		if a := s.get(t, "/revision?counter="+code); a.StatusCode != 404 || a.problem(t).Type != "/problems/no-counter" {
			t.Errorf("%s: its revision: %d %s", code, a.StatusCode, a.text)
		}
	}
	if a := s.post(t, `{"questionnaire":"quick","answers":{"Z0":1},"channel":"touch","idempotency_key":"k","counter":"Q9"}`); a.StatusCode != 422 || !strings.Contains(a.text, "Q1, Q2") {
		t.Errorf("JSON: %d %s", a.StatusCode, a.text)
	}
	if n := len(s.journal.kept()); n != 0 {
		t.Errorf("%d records kept", n)
	}
}

func TestTheCodeOfACounter(t *testing.T) {
	until := time.Date(2026, 4, 20, 9, 0, 20, 0, survey.Zone)
	s := newStand(t, func(o *Options, _ *Settings) {
		o.Code = func(c survey.CounterCode) (Code, bool) {
			return Code{SVG: []byte("<svg>" + c + "</svg>"), PNG: []byte("\x89PNG" + c), Until: until}, c == "Q1"
		}
	})
	for path, want := range map[string][2]string{"/qr.svg": {"image/svg+xml", "<svg>Q1</svg>"}, "/qr.png?counter=Q1": {"image/png", "\x89PNGQ1"}} {
		a := s.get(t, path)
		if a.StatusCode != 200 || a.Header.Get("Content-Type") != want[0] || a.text != want[1] || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Until") != "2026-04-20T09:00:20.000+07:00" {
			t.Errorf("%s: %d %v %q", path, a.StatusCode, a.Header, a.text)
		}
	}
	for _, path := range []string{"/qr.svg?counter=Q2", "/qr.png?counter=Q2"} {
		if a := s.get(t, path); a.StatusCode != 404 || a.problem(t).Type != "/problems/no-code" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.text)
		}
	}
	if a := s.get(t, "/qr.svg?counter=Q9"); a.StatusCode != 404 || a.problem(t).Type != "/problems/no-counter" {
		t.Errorf("no such counter: %d %s", a.StatusCode, a.text)
	}
	if a := newStand(t).get(t, "/qr.svg"); a.StatusCode != 404 || a.problem(t).Type != "/problems/no-code" {
		t.Errorf("a box without codes: %d %s", a.StatusCode, a.text)
	}
	s.Hide()
	if a := s.get(t, "/qr.svg"); a.StatusCode != 503 {
		t.Errorf("out of service: %d", a.StatusCode)
	}
}

// A counter's page outside opening hours: calm, with a way to answer all the same.
func TestThePageOutsideOpeningHours(t *testing.T) {
	hours, err := kiosk.NewHours("hours", kiosk.Timetable{Week: [7][]string{time.Monday: {"07:30-11:30", "13:30-17:00"}, time.Thursday: {"08:00-11:00"}}})
	if err != nil {
		t.Fatal(err)
	}
	h := newHall(t, func(_ *Options, set *Settings) { set.Hours = hours })
	open := h.get(t, "/?counter=Q2") // Monday, 09:00
	if open.StatusCode != 200 || !strings.Contains(open.text, "Nhìn chung") || strings.Contains(open.text, "data-after") {
		t.Errorf("open: %d %s", open.StatusCode, open.text)
	}
	h.later(3 * time.Hour)
	lunch := h.get(t, "/?counter=Q2")
	rev := h.get(t, "/revision?counter=Q2").text
	if lunch.StatusCode != 200 || !strings.Contains(lunch.text, "Ngoài giờ làm việc") || !strings.Contains(lunch.text, "Mở cửa lại lúc 13:30 hôm nay.") || !strings.Contains(lunch.text, "Open again at 13:30 today.") ||
		strings.Contains(lunch.text, "class=\"face\"") || !strings.Contains(lunch.text, `href="/?answer=1&amp;counter=Q2&amp;lang=vi"`) || !strings.Contains(lunch.text, `href="/?answer=1&amp;counter=Q2&amp;lang=en"`) || !strings.Contains(lunch.text, `data-revision="`+rev+`"`) {
		t.Errorf("at lunch, revision %s: %d %s", rev, lunch.StatusCode, lunch.text)
	}
	if strings.Contains(open.text, rev) {
		t.Error("the page in service would not notice that the counter has closed")
	}
	faces := h.get(t, "/?answer=1&counter=Q2&lang=en")
	still := h.get(t, "/revision?answer=1&counter=Q2").text
	if faces.StatusCode != 200 || !strings.Contains(faces.text, `lang="en"`) || !strings.Contains(faces.text, "class=\"face\"") || !strings.Contains(faces.text, `data-after="/?counter=Q2"`) ||
		!strings.Contains(faces.text, `data-look="/revision?answer=1&amp;counter=Q2"`) || !strings.Contains(faces.text, `data-revision="`+still+`"`) || !strings.Contains(faces.text, `content="60; url=/?counter=Q2"`) {
		t.Errorf("all the same, revision %s: %d %s", still, faces.StatusCode, faces.text)
	}
	h.later(6 * time.Hour) // 18:00
	if evening := h.get(t, "/?counter=Q2&lang=en").text; !strings.Contains(evening, "Mở cửa lại lúc 08:00, thứ Năm, ngày 23/04/2026.") || !strings.Contains(evening, "Open again at 08:00 on Thursday, 23/04/2026.") {
		t.Error(evening)
	}
	never := h.settings
	if never.Hours, err = kiosk.NewHours("hours", kiosk.Timetable{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Show(never, h.recorder); err != nil {
		t.Fatal(err)
	}
	if a := h.get(t, "/"); !strings.Contains(a.text, "Ngoài giờ làm việc") || strings.Contains(a.text, "Mở cửa lại") {
		t.Error(a.text)
	}
}
