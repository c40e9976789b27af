package kiosk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/survey"
)

// notebook is a journal in memory that can do what a real one does on a bad day: fail
// before keeping, and fail after keeping.
type notebook struct {
	now     func() time.Time
	mu      sync.Mutex
	entries []survey.Entry
	appends int // calls that were meant to keep something

	refuse      error // keeps nothing and says so
	loseThanks  bool  // keeps it, but says that it does not know
	loseEntry   bool  // keeps nothing, and says that it does not know
	hideFromGet bool  // finds nothing, as when another request with the key is just being kept
}

var _ kiosk.Journal = (*notebook)(nil)

var chain = survey.Chain{1}

func (n *notebook) Append(_ context.Context, d survey.Draft) (survey.Entry, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.appends++
	switch {
	case n.refuse != nil:
		return survey.Entry{}, false, n.refuse
	case n.loseEntry:
		return survey.Entry{}, false, fmt.Errorf("sync: %w", kiosk.ErrUnknown)
	}
	for _, e := range n.entries {
		if e.Nonce == d.Nonce {
			return e, false, nil
		}
	}
	e := survey.Entry{
		ID: survey.RecordID{Chain: chain, Sequence: uint64(len(n.entries) + 1)}, Nonce: d.Nonce, At: n.now(),
		Response: d.Response, Comment: d.Comment, HadComment: d.Comment != "",
	}
	n.entries = append(n.entries, e)
	if n.loseThanks {
		return survey.Entry{}, false, fmt.Errorf("sync: %w", kiosk.ErrUnknown)
	}
	return e, true, nil
}

func (n *notebook) Find(nonce survey.Nonce) (survey.Entry, bool, error) {
	return n.look(func(e survey.Entry) bool { return !n.hideFromGet && e.Nonce == nonce })
}

func (n *notebook) Get(id survey.RecordID) (survey.Entry, bool, error) {
	return n.look(func(e survey.Entry) bool { return e.ID == id })
}

func (n *notebook) look(is func(survey.Entry) bool) (survey.Entry, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := slices.IndexFunc(n.entries, is); i >= 0 {
		return n.entries[i], true, nil
	}
	return survey.Entry{}, false, nil
}

func words(vi string) survey.Words { return survey.Words{"vi": vi} }

func five(satisfiedFrom survey.Level, best survey.Level) survey.Scale {
	s := survey.Scale{Code: "five"}
	for v := survey.Level(1); v <= best; v++ {
		s.Levels = append(s.Levels, survey.ScaleLevel{Value: v, Words: words(fmt.Sprint(v)), Satisfied: v >= satisfiedFrom})
	}
	return s
}

func quick() *survey.Questionnaire {
	return &survey.Questionnaire{
		Code: "quick", Title: words("Đánh giá nhanh"), Scales: []survey.Scale{five(4, 5)},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "five", Words: words("Nhìn chung?")}},
	}
}

func service() *survey.Questionnaire {
	return &survey.Questionnaire{
		Code: "service", Title: words("Phiếu dịch vụ"), Scales: []survey.Scale{five(4, 5)},
		Factors: []survey.Factor{{Code: "A", Name: words("Tiếp cận")}},
		Questions: []survey.Question{
			{Code: "A1", Factor: "A", Kind: survey.Satisfaction, Scale: "five", Words: words("Biển chỉ dẫn?")},
			{Code: "A2", Factor: "A", Kind: survey.Satisfaction, Scale: "five", Words: words("Chỗ ngồi?")},
		},
	}
}

// hall is a kiosk of two counters with a clock that the test moves.
type hall struct {
	*kiosk.Recorder
	t       *testing.T
	journal *notebook
	now     time.Time
}

func open(t *testing.T, change ...func(*kiosk.Settings)) *hall {
	h := &hall{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, survey.Zone)}
	h.journal = &notebook{now: func() time.Time { return h.now }}
	h.reopen(change...)
	return h
}

// reopen starts the program again on the same journal.
func (h *hall) reopen(change ...func(*kiosk.Settings)) {
	s := kiosk.Settings{
		Catalogue: survey.NewCatalogue(quick(), service()), Counters: []survey.CounterCode{"H-1", "H-2"},
		Repeat: 5 * time.Second, Now: func() time.Time { return h.now },
	}
	for _, c := range change {
		c(&s)
	}
	h.Recorder = kiosk.NewRecorder(s, h.journal)
}

func press(key string, level survey.Level) kiosk.Press {
	return kiosk.Press{
		Questionnaire: "quick", Channel: survey.Touch, Key: key,
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: level}},
	}
}

// after records a press some time after what came before.
func (h *hall) after(d time.Duration, p kiosk.Press) survey.Entry {
	h.t.Helper()
	h.now = h.now.Add(d)
	e, err := h.Record(h.t.Context(), p)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func TestAPressIsKept(t *testing.T) {
	h := open(t)
	e := h.after(0, press("a", 5))
	r := e.Response
	if e.ID.Sequence != 1 || r.Counter != "H-1" || r.Stage != survey.Result || r.Questionnaire != quick().Hash() || len(r.Flags) != 0 {
		t.Errorf("kept is %+v", e)
	}
	if h.journal.appends != 1 {
		t.Errorf("%d appends for one press", h.journal.appends)
	}
	other := press("b", 1)
	other.Counter, other.Stage, other.ResolvingUnit, other.Field, other.Procedure, other.Respondent = "H-2", survey.Refusal, "SNV", "land", "1.001", survey.Citizen
	other.Comment = "Chờ lâu"
	e = h.after(0, other)
	if r := e.Response; r.Counter != "H-2" || r.Stage != survey.Refusal || r.ResolvingUnit != "SNV" || r.Field != "land" || r.Procedure != "1.001" || r.Respondent != survey.Citizen || e.Comment != "Chờ lâu" {
		t.Errorf("kept is %+v", e)
	}
}

func TestAnswersAreKeptInTheQuestionnairesOrder(t *testing.T) {
	h := open(t)
	form := kiosk.Press{Questionnaire: "service", Channel: survey.Web, Key: "a", Answers: []survey.Answer{
		{Question: "A2", Kind: survey.AtLevel, Level: 2}, {Question: "A1", Kind: survey.Blank},
	}}
	first := h.after(0, form)
	if first.Response.Answers[0].Question != "A1" || form.Answers[0].Question != "A2" {
		t.Errorf("kept in the order %v, given %v", first.Response.Answers, form.Answers)
	}
	slices.Reverse(form.Answers)
	if again := h.after(0, form); again.ID != first.ID {
		t.Error("the same answers in another order are another content")
	}
}

func TestSameKeySameEntry(t *testing.T) {
	h := open(t)
	first := h.after(0, press("a", 5))
	again := h.after(time.Hour, press("a", 5))
	if again.ID != first.ID || h.journal.appends != 1 {
		t.Errorf("sent again: %s after %s, %d appends", again.ID, first.ID, h.journal.appends)
	}
	explicit := press("a", 5)
	explicit.Counter, explicit.Stage, explicit.Questionnaire = "H-1", survey.Result, quick().ID()
	if again := h.after(0, explicit); again.ID != first.ID {
		t.Error("naming what was meant anyway makes another entry")
	}
	if other := h.after(time.Hour, press("b", 5)); other.ID == first.ID {
		t.Error("another key gives the same entry")
	}
}

func TestSameKeyOtherContent(t *testing.T) {
	h := open(t)
	given := press("a", 5)
	given.Comment = "Tốt"
	h.after(0, given)
	for name, change := range map[string]func(*kiosk.Press){
		"level":              func(p *kiosk.Press) { p.Answers = press("", 4).Answers },
		"channel":            func(p *kiosk.Press) { p.Channel = survey.Button },
		"counter":            func(p *kiosk.Press) { p.Counter = "H-2" },
		"stage":              func(p *kiosk.Press) { p.Stage = survey.Refusal },
		"field":              func(p *kiosk.Press) { p.Field = "land" },
		"respondent":         func(p *kiosk.Press) { p.Respondent = survey.Citizen },
		"questionnaire":      func(p *kiosk.Press) { p.Questionnaire = "service" },
		"unknown one":        func(p *kiosk.Press) { p.Questionnaire = "quik" },
		"version":            func(p *kiosk.Press) { p.Questionnaire = "quick@" + service().Hash().String() },
		"comment":            func(p *kiosk.Press) { p.Comment = "Tệ" },
		"no comment":         func(p *kiosk.Press) { p.Comment = "" },
		"an invalid content": func(p *kiosk.Press) { p.Answers = nil },
		"replaces":           func(p *kiosk.Press) { p.Replaces = survey.RecordID{Chain: chain, Sequence: 1} },
	} {
		p := given
		change(&p)
		if _, err := h.Record(t.Context(), p); !errors.Is(err, kiosk.ErrConflict) {
			t.Errorf("another %s under the same key gives %v", name, err)
		}
	}
	if len(h.journal.entries) != 1 {
		t.Errorf("%d entries", len(h.journal.entries))
	}
}

func TestAnErasedCommentIsStillTheSamePress(t *testing.T) {
	h := open(t)
	given := press("a", 5)
	given.Comment = "Số điện thoại của tôi là …"
	first := h.after(0, given)
	h.journal.entries[0].Comment = ""
	if again := h.after(0, given); again.ID != first.ID || again.Comment != "" {
		t.Errorf("sent again after erasure: %+v", again)
	}
	if _, err := h.Record(t.Context(), press("a", 5)); !errors.Is(err, kiosk.ErrConflict) {
		t.Errorf("the same without the comment gives %v", err)
	}
}

func TestKeysOutliveAChangeOfQuestionnaire(t *testing.T) {
	h := open(t)
	first := h.after(0, press("a", 5))
	three := quick()
	three.Scales[0] = five(3, 3) // the new version has no level 5
	for name, catalogue := range map[string]*survey.Catalogue{
		"both versions are here":   survey.NewCatalogue(quick(), three),
		"only the new one is here": survey.NewCatalogue(three),
		"none of them is here":     survey.NewCatalogue(service()),
	} {
		h.reopen(func(s *kiosk.Settings) {
			s.Catalogue, s.Stage, s.Counters = catalogue, survey.Reception, []survey.CounterCode{"H-2"}
		})
		if again := h.after(time.Hour, press("a", 5)); again.ID != first.ID || again.Response.Questionnaire != quick().Hash() {
			t.Errorf("%s: %+v", name, again)
		}
		if _, err := h.Record(t.Context(), press("a", 4)); !errors.Is(err, kiosk.ErrConflict) {
			t.Errorf("%s: another level gives %v", name, err)
		}
	}
	if len(h.journal.entries) != 1 {
		t.Errorf("%d entries", len(h.journal.entries))
	}
}

// TestTooSoon is the story of one counter, press by press. The wait is since the line
// before.
func TestTooSoon(t *testing.T) {
	on := func(c survey.CounterCode, ch survey.Channel) func(*kiosk.Press) {
		return func(p *kiosk.Press) { p.Counter, p.Channel = c, ch }
	}
	h := open(t)
	for i, c := range []struct {
		wait time.Duration
		is   func(*kiosk.Press)
		soon bool
		why  string
	}{
		{0, on("H-1", survey.Touch), false, "the first"},
		{4999 * time.Millisecond, on("H-1", survey.Touch), true, "a hair under 5 s"},
		{5 * time.Second, on("H-1", survey.Touch), false, "just 5 s after the one before"},
		{time.Second, on("H-2", survey.Touch), false, "another counter"},
		{time.Second, on("H-1", survey.Button), true, "screen and buttons are one place"},
		{time.Second, on("H-1", survey.QR), false, "a phone"},
		{0, on("H-1", survey.QR), false, "another phone at the same moment"},
		{0, on("H-1", survey.Web), false, "the web"},
		{3 * time.Second, on("H-1", survey.Touch), true, "4 s after the button: phones in between change nothing"},
		{5 * time.Second, on("H-1", survey.Touch), false, "5 s after a repeat"},
	} {
		p := press(fmt.Sprint("k", i), 5)
		c.is(&p)
		e := h.after(c.wait, p)
		if got := e.Response.Has(survey.TooSoon); got != c.soon {
			t.Errorf("%d, %s: flagged %v", i, c.why, got)
		}
	}
}

func TestNoIntervalNoFlag(t *testing.T) {
	h := open(t, func(s *kiosk.Settings) { s.Repeat = 0 })
	for i := range 3 {
		if e := h.after(0, press(fmt.Sprint(i), 5)); len(e.Response.Flags) != 0 {
			t.Errorf("flags %v", e.Response.Flags)
		}
	}
}

func TestSendingAgainIsNotPressingAgain(t *testing.T) {
	h := open(t)
	h.after(0, press("a", 5))
	h.after(4*time.Second, press("a", 5)) // the same press, sent again
	if e := h.after(2*time.Second, press("b", 5)); e.Response.Has(survey.TooSoon) {
		t.Error("a press 6 s after the one before is flagged, because that one was sent twice")
	}
}

func TestARefusedPressStartsNoInterval(t *testing.T) {
	h := open(t)
	if _, err := h.Record(t.Context(), press("bad", 9)); err == nil {
		t.Fatal("level 9 is taken")
	}
	full := errors.New("no space left on device")
	h.journal.refuse = full
	if _, err := h.Record(t.Context(), press("a", 5)); !errors.Is(err, full) || errors.Is(err, kiosk.ErrUnknown) {
		t.Fatalf("a full disk gives %v", err)
	}
	h.journal.refuse = nil
	if e := h.after(time.Second, press("b", 5)); e.Response.Has(survey.TooSoon) {
		t.Error("the press after one that was not kept is flagged as a repeat")
	}
	if e := h.after(time.Second, press("c", 5)); !e.Response.Has(survey.TooSoon) {
		t.Error("and the one after that is not")
	}
}

func TestOutcomeUnknown(t *testing.T) {
	for name, break_ := range map[string]func(*notebook){
		"it was kept all the same": func(n *notebook) { n.loseThanks = true },
		"it was not kept":          func(n *notebook) { n.loseEntry = true },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			break_(h.journal)
			if _, err := h.Record(t.Context(), press("a", 5)); !errors.Is(err, kiosk.ErrUnknown) {
				t.Fatalf("%v", err)
			}
			h.journal.loseThanks, h.journal.loseEntry = false, false
			e := h.after(time.Second, press("a", 5))
			if e.ID.Sequence != 1 || len(h.journal.entries) != 1 || e.Response.Has(survey.TooSoon) {
				t.Errorf("sent again: %+v of %d entries", e, len(h.journal.entries))
			}
			if e := h.after(time.Second, press("b", 5)); !e.Response.Has(survey.TooSoon) {
				t.Error("the next press, 2 s after it, is not flagged")
			}
		})
	}
}

func TestTwoRequestsWithOneKeyAtOnce(t *testing.T) {
	h := open(t)
	h.journal.hideFromGet = true // neither sees the other before it appends
	first := h.after(0, press("a", 5))
	if again := h.after(time.Millisecond, press("a", 5)); again.ID != first.ID || again.Response.Has(survey.TooSoon) {
		t.Errorf("the second gets %+v", again)
	}
	if _, err := h.Record(t.Context(), press("a", 4)); !errors.Is(err, kiosk.ErrConflict) {
		t.Errorf("with other content it gets %v", err)
	}
}

func TestChangeOfMind(t *testing.T) {
	h := open(t)
	first := h.after(0, press("a", 1))
	replace := func(key string, of survey.Entry) kiosk.Press {
		p := press(key, 5)
		p.Replaces = of.ID
		return p
	}
	if e := h.after(2*time.Second, replace("b", first)); len(e.Response.Flags) != 0 || e.Response.Replaces != first.ID {
		t.Errorf("changed after 2 s: %+v", e.Response)
	}
	repeat := h.after(time.Second, press("c", 5))
	changed := h.after(10*time.Second, replace("d", repeat))
	if !repeat.Response.Has(survey.TooSoon) || !changed.Response.Has(survey.TooSoon) {
		t.Errorf("a repeat is flagged %v, and changed %v", repeat.Response.Flags, changed.Response.Flags)
	}
	if again := h.after(time.Minute, replace("e", changed)); !again.Response.Has(survey.TooSoon) {
		t.Error("changing a changed repeat makes it count")
	}
}

// What was answered at a screen stands once the visit must be over: neither a change of
// mind nor a further answer reaches it, by whatever number it is called.
func TestAVisitThatIsOverIsNotRewritten(t *testing.T) {
	h := open(t)
	first := h.after(0, press("a", 1))
	replace, follow := press("b", 5), kiosk.Press{Questionnaire: "service", Channel: survey.Touch, Key: "c", Answers: []survey.Answer{{Question: "A1", Kind: survey.AtLevel, Level: 1}}}
	replace.Replaces, follow.Continues = first.ID, first.ID
	for _, jump := range []time.Duration{61 * time.Minute, -3 * time.Hour} {
		h.now = h.now.Add(jump)
		for _, p := range []kiosk.Press{replace, follow} {
			_, err := h.Record(t.Context(), p)
			if ps := (survey.Problems)(nil); !errors.As(err, &ps) || len(ps) != 1 || ps[0].En != "that visit ended long ago" {
				t.Errorf("%v later, key %s: %v", jump, p.Key, err)
			}
		}
	}
	if n := len(h.journal.entries); n != 1 {
		t.Fatalf("%d records, want the first alone", n)
	}
	h.now = first.At.Add(59 * time.Minute)
	h.after(0, replace)
	h.after(0, follow)
}

func TestFollowUpAnswers(t *testing.T) {
	h := open(t)
	follow := func(key string, of survey.Entry, questions ...survey.QuestionCode) kiosk.Press {
		p := kiosk.Press{Questionnaire: "service", Channel: survey.Touch, Key: key, Continues: of.ID}
		for _, q := range questions {
			p.Answers = append(p.Answers, survey.Answer{Question: q, Kind: survey.AtLevel, Level: 4})
		}
		return p
	}
	first := h.after(0, press("a", 5))
	second := h.after(time.Second, follow("b", first, "A1"))
	if len(second.Response.Flags) != 0 || second.Response.Continues != first.ID {
		t.Errorf("follow-up after 1 s: %+v", second.Response)
	}
	h.after(time.Second, follow("c", second, "A2"))
	_, err := h.Record(t.Context(), follow("d", second, "A1", "A2"))
	says(t, err, `continues = "01000000000000000000000000000000/2": phiếu nối tiếp trả lời lại câu đã trả lời`, `continues = "01000000000000000000000000000000/2": a continuing response answers a question again`)
	if e := h.after(3*time.Second, press("e", 5)); e.Response.Has(survey.TooSoon) {
		t.Error("follow-ups start the interval anew")
	}
}

func TestTestMode(t *testing.T) {
	h := open(t, func(s *kiosk.Settings) { s.Test = true })
	first := h.after(0, press("a", 5))
	second := h.after(time.Second, press("b", 5))
	if fmt.Sprint(first.Response.Flags, second.Response.Flags) != "[test] [test too_soon]" {
		t.Errorf("flags %v and %v", first.Response.Flags, second.Response.Flags)
	}
	h.reopen()
	if again := h.after(0, press("a", 5)); again.ID != first.ID || !again.Response.Has(survey.Test) {
		t.Errorf("sent again after the test: %+v", again)
	}
}

// says checks an error's words in both languages.
func says(t *testing.T, err error, vi, en string) {
	t.Helper()
	var ps survey.Problems
	if !errors.As(err, &ps) || ps.Text(survey.Vietnamese) != vi || ps.Text(survey.English) != en {
		t.Errorf("answered with\n%v\nwant\n%s\n%s", err, vi, en)
	}
}

func TestBadPresses(t *testing.T) {
	h := open(t)
	kept := h.after(0, press("kept", 5))
	gone := survey.RecordID{Chain: survey.Chain{9}, Sequence: 7}
	for name, c := range map[string]struct {
		spoil  func(*kiosk.Press)
		vi, en string
	}{
		"questionnaire": {
			func(p *kiosk.Press) { p.Questionnaire = "quik" },
			`questionnaire = "quik": thiết bị này không có phiếu hỏi đó; có: quick, service`, `questionnaire = "quik": this kiosk has no such questionnaire; it has: quick, service`,
		},
		"no questionnaire": {
			func(p *kiosk.Press) { p.Questionnaire = "" },
			`questionnaire: thiết bị này không có phiếu hỏi đó; có: quick, service`, `questionnaire: this kiosk has no such questionnaire; it has: quick, service`,
		},
		"question": {
			func(p *kiosk.Press) { p.Answers[0].Question = "A1" },
			`answers.A1: phiếu hỏi quick không có câu hỏi này; có: Z0`, `answers.A1: questionnaire quick has no such question; it has: Z0`,
		},
		"level": {
			func(p *kiosk.Press) { p.Answers[0].Level = 6 },
			`answers.Z0 = "6": mức phải là một trong: 1, 2, 3, 4, 5`, `answers.Z0 = "6": the level must be one of: 1, 2, 3, 4, 5`,
		},
		"no answers": {
			func(p *kiosk.Press) { p.Answers = nil },
			`answers: phải có ít nhất một câu trả lời`, `answers: at least one answer is needed`,
		},
		"channel": {
			func(p *kiosk.Press) { p.Channel = "fax" },
			`channel = "fax": phải là một trong: button, touch, qr, web, app, portal, campaign, paper`, `channel = "fax": must be one of: button, touch, qr, web, app, portal, campaign, paper`,
		},
		"stage": {
			func(p *kiosk.Press) { p.Stage = "end" },
			`stage = "end": phải là một trong: reception, supplement, refusal, result`, `stage = "end": must be one of: reception, supplement, refusal, result`,
		},
		"counter": {
			func(p *kiosk.Press) { p.Counter = "H-3" },
			`counter = "H-3": thiết bị này không phục vụ quầy đó; phục vụ: H-1, H-2`, `counter = "H-3": this kiosk does not serve that counter; it serves: H-1, H-2`,
		},
		"comment": {
			func(p *kiosk.Press) { p.Comment = strings.Repeat("ồ", 2001) },
			`comment = "` + strings.Repeat("ồ", 60) + `…": góp ý phải là văn bản UTF-8, nhiều nhất 2000 ký tự`, `comment = "` + strings.Repeat("ồ", 60) + `…": a comment is UTF-8 text of at most 2000 characters`,
		},
		"replaces what is not here": {
			func(p *kiosk.Press) { p.Replaces = gone },
			`replaces = "09000000000000000000000000000000/7": thiết bị này không có phiếu đó`, `replaces = "09000000000000000000000000000000/7": this kiosk holds no such record`,
		},
		"continues what is not here": {
			func(p *kiosk.Press) { p.Continues = gone },
			`continues = "09000000000000000000000000000000/7": thiết bị này không có phiếu đó`, `continues = "09000000000000000000000000000000/7": this kiosk holds no such record`,
		},
		"another counter's record": {
			func(p *kiosk.Press) { p.Replaces, p.Counter = kept.ID, "H-2" },
			`replaces = "01000000000000000000000000000000/1": phiếu đó thuộc quầy khác`, `replaces = "01000000000000000000000000000000/1": that record belongs to another counter`,
		},
		"both": {
			func(p *kiosk.Press) { p.Replaces, p.Continues = kept.ID, kept.ID },
			`continues = "01000000000000000000000000000000/1": một phiếu không vừa thay thế vừa nối tiếp phiếu khác`, `continues = "01000000000000000000000000000000/1": a response either replaces another or continues one, not both`,
		},
		"no key": {
			func(p *kiosk.Press) { p.Key = "" },
			`idempotency_key: cần một khóa riêng cho mỗi lượt trả lời, 1 đến 200 ký tự; gửi lại cùng một lượt thì dùng lại khóa đó`, `idempotency_key: one key of 1 to 200 characters is needed for each response; send the same response again with the same key`,
		},
		"long key": {
			func(p *kiosk.Press) { p.Key = strings.Repeat("k", 201) },
			`idempotency_key: cần một khóa riêng cho mỗi lượt trả lời, 1 đến 200 ký tự; gửi lại cùng một lượt thì dùng lại khóa đó`, `idempotency_key: one key of 1 to 200 characters is needed for each response; send the same response again with the same key`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := press("bad", 5)
			c.spoil(&p)
			_, err := h.Record(t.Context(), p)
			says(t, err, c.vi, c.en)
		})
	}
	if len(h.journal.entries) != 1 {
		t.Errorf("%d entries", len(h.journal.entries))
	}
	longest := press(strings.Repeat("k", 200), 5)
	longest.Comment = strings.Repeat("ồ", 2000)
	h.after(0, longest)
}

func TestManyHandsAtOnce(t *testing.T) {
	h := open(t, func(s *kiosk.Settings) { now := time.Now(); s.Now = func() time.Time { return now } })
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			p := press(fmt.Sprint("key ", i%32), 5) // each key twice
			p.Counter = []survey.CounterCode{"H-1", "H-2"}[i%2]
			if _, err := h.Record(t.Context(), p); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	counted := map[survey.CounterCode]int{}
	for _, e := range h.journal.entries {
		if !e.Response.Has(survey.TooSoon) {
			counted[e.Response.Counter]++
		}
	}
	if len(h.journal.entries) != 32 {
		t.Errorf("32 keys make %d entries", len(h.journal.entries))
	}
	if counted["H-1"] != 1 || counted["H-2"] != 1 {
		t.Errorf("of presses at one moment %v count, want the first at each counter", counted)
	}
}

func ExampleRecorder() {
	r := kiosk.NewRecorder(kiosk.Settings{
		Catalogue: survey.NewCatalogue(quick()), Counters: []survey.CounterCode{"H-1"}, Repeat: 5 * time.Second,
	}, &notebook{now: time.Now}) // a real kiosk has the journal on its disk
	finger := kiosk.Press{
		Questionnaire: "quick", Channel: survey.Touch, Key: "made when the page opened",
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 5}},
	}
	for range 2 { // the page did not hear the thanks, and sends it again
		e, err := r.Record(context.Background(), finger)
		fmt.Println(e.ID, err)
	}
	finger.Answers = []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 1}}
	_, err := r.Record(context.Background(), finger)
	fmt.Println(err)
	// Output:
	// 01000000000000000000000000000000/1 <nil>
	// 01000000000000000000000000000000/1 <nil>
	// this idempotency key was used before for other content
}

// A press that waited for the disk is judged by when it was pressed: a double tap before a
// disk that takes six seconds is a repeat all the same.
func TestARepeatIsJudgedByWhenItWasPressed(t *testing.T) {
	h := open(t)
	began := h.now
	pressed := func(key string, at time.Duration) kiosk.Press {
		p := press(key, 5)
		p.Channel, p.Pressed = survey.Button, began.Add(at)
		return p
	}
	for i, c := range []struct {
		wait    time.Duration
		pressed time.Duration
		soon    bool
		why     string
	}{
		{0, 0, false, "the first"},
		{6 * time.Second, 150 * time.Millisecond, true, "the second tap, recorded 6 s later"},
		{0, 5149 * time.Millisecond, true, "a hair under 5 s after it"},
		{0, 100 * time.Millisecond, true, "one that was pressed before, and comes later"},
		{0, 10149 * time.Millisecond, false, "5 s after the last"},
	} {
		if e := h.after(c.wait, pressed(fmt.Sprint("p", i), c.pressed)); e.Response.Has(survey.TooSoon) != c.soon {
			t.Errorf("%s: flags %v", c.why, e.Response.Flags)
		}
	}
}

// A press that waits for the disk while later ones are kept is no repeat of those, if it was
// pressed long before them: that person, too, counts once.
func TestAPressThatComesLateIsNoRepeatOfALaterOne(t *testing.T) {
	h := open(t)
	began := h.now
	waited := press("waited", 5)
	waited.Channel, waited.Pressed = survey.Button, began
	h.journal.refuse = errors.New("not now")
	if _, err := h.Record(t.Context(), waited); err == nil {
		t.Fatal("the disk took it")
	}
	h.journal.refuse = nil
	if e := h.after(10*time.Second, press("touch", 2)); e.Response.Has(survey.TooSoon) {
		t.Error("a press 10 s after one that waits is flagged")
	}
	if e := h.after(time.Second, waited); e.Response.Has(survey.TooSoon) {
		t.Error("one that waited is flagged, and was pressed 10 s before the other")
	}
	if e := h.after(time.Second, press("again", 2)); !e.Response.Has(survey.TooSoon) {
		t.Error("a press 2 s after the touch is not flagged")
	}
	// Of two that are close together, one of which nobody knows, the first stays the first.
	first, second := press("first", 5), press("second", 4)
	h.now = h.now.Add(time.Minute)
	first.Pressed = h.now
	h.journal.loseEntry = true
	if _, err := h.Record(t.Context(), first); !errors.Is(err, kiosk.ErrUnknown) {
		t.Fatal(err)
	}
	h.journal.loseEntry = false
	if e := h.after(time.Second, second); !e.Response.Has(survey.TooSoon) {
		t.Error("a press 1 s after one of which nobody knows is not flagged")
	}
	if e := h.after(time.Second, first); e.Response.Has(survey.TooSoon) {
		t.Error("both are left out")
	}
}

// Who changes their mind has pressed: the next press is measured from there.
func TestAChangeOfMindIsAPress(t *testing.T) {
	h := open(t)
	first := h.after(0, press("a", 5))
	change := press("b", 1)
	change.Replaces = first.ID
	if e := h.after(3*time.Second, change); e.Response.Has(survey.TooSoon) {
		t.Error("a change of mind is flagged as a repeat")
	}
	if e := h.after(3*time.Second, press("c", 1)); !e.Response.Has(survey.TooSoon) {
		t.Error("a press 3 s after a change of mind is not flagged")
	}
}
