package screen

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hailong/survey"
)

var errDisk = errors.New("disk busy")

// plainly is a page without what differs from visit to visit.
func plainly(page string) string {
	return regexp.MustCompile(`name="(key|continues)" value="[^"]*"`).ReplaceAllString(page, `name="$1"`)
}

// presses presses one button of the first form of a page.
func (s *stand) presses(t *testing.T, page answer, button string) answer {
	t.Helper()
	if !regexp.MustCompile(`name="level" value="` + button + `"`).MatchString(page.text) {
		t.Fatalf("the page has no button %q: %s", button, page.text)
	}
	return s.submit(t, with(fields(page.text), "level", button))
}

func TestFurtherQuestionsWithoutTheScript(t *testing.T) {
	s := newStand(t, withFollowUp)
	var pages [2][]string
	for i, level := range []string{"1", "5"} {
		page := s.get(t, "/?lang=en&contrast=high&text=large")
		for _, button := range []string{level, "2", "skip", "na"} {
			page = s.presses(t, page, button)
			if page.StatusCode != 201 || !strings.Contains(page.text, `<html lang="en" data-contrast="high" data-text="large">`) {
				t.Fatalf("after %s: %d %s", button, page.StatusCode, page.text)
			}
			pages[i] = append(pages[i], plainly(page.text))
		}
	}
	if !slices.Equal(pages[0], pages[1]) {
		t.Error("what follows the worst answer is not what follows the best")
	}
	for n, want := range [][]string{
		{"Thank you!", "1/3", "What mattered most for your answer?", `content="40; url=/"`, "Choose again", "Skip", "Finish"},
		{"Recorded", "2/3", "manner of the official"}, {"Recorded", "3/3", "Does not apply"}, {"Thank you!", `content="3; url=/"`},
	} {
		for _, text := range want {
			if !strings.Contains(pages[0][n], text) {
				t.Errorf("page %d lacks %q: %s", n+1, text, pages[0][n])
			}
		}
	}
	if strings.Contains(pages[0][1], "Choose again") || strings.Contains(pages[0][3], "<form") {
		t.Error("an answer can be changed when it is too late")
	}
	s.wantLinks(t, "Z0=1 touch", "R1=2 continues 1 touch", "C1=blank continues 1 touch", "E1=na continues 1 touch",
		"Z0=5 touch", "R1=2 continues 5 touch", "C1=blank continues 5 touch", "E1=na continues 5 touch")
}

func TestChangeOfMindAndTheEndWithoutTheScript(t *testing.T) {
	s := newStand(t, withFollowUp)
	first := s.presses(t, s.get(t, "/"), "2")
	again := s.presses(t, first, "again")
	if again.StatusCode != 200 || !strings.Contains(again.text, `class="face"`) || strings.Contains(again.text, "screen.js") {
		t.Fatalf("%d %s", again.StatusCode, again.text)
	}
	changed := s.presses(t, again, "4")
	if twice := s.presses(t, again, "4"); twice.text != changed.text {
		t.Error("the same press twice gives another page")
	}
	end := s.presses(t, s.presses(t, changed, "6"), "end")
	if end.StatusCode != 200 || !strings.Contains(end.text, "Cảm ơn Ông/Bà!") || strings.Contains(end.text, "<form") {
		t.Errorf("%d %s", end.StatusCode, end.text)
	}
	s.wantLinks(t, "Z0=2 touch", "Z0=4 replaces 1 touch", "R1=6 continues 1 touch")

	// Where the answer to a further question is not kept, it is asked again, as itself.
	s.journal.fail([]error{errDisk}, nil)
	page := s.presses(t, s.get(t, "/"), "3")
	if page.StatusCode != 503 {
		t.Fatalf("%d", page.StatusCode)
	}
	page = s.submit(t, fields(page.text))
	s.journal.fail([]error{errDisk}, nil)
	page = s.presses(t, page, "1")
	if page.StatusCode != 503 || strings.Contains(page.text, "Cảm ơn") || strings.Contains(page.text, "Đã ghi nhận") {
		t.Fatalf("%d %s", page.StatusCode, page.text)
	}
	if page = s.submit(t, fields(page.text)); page.StatusCode != 201 || !strings.Contains(page.text, "2/3") {
		t.Errorf("%d %s", page.StatusCode, page.text)
	}
	if a := s.submit(t, with(fields(page.text), "level", "na")); a.StatusCode != 422 { // it is not offered there
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
	if got := s.links()[3:]; !slices.Equal(got, []string{"Z0=3 touch", "R1=1 continues 4 touch"}) {
		t.Errorf("the journal holds %q", got)
	}
	for _, change := range []url.Values{{"step": {"x"}}, {"step": {"-1"}}, {"continues": {"1"}}, {"replaces": {"x/1"}}} {
		v := fields(s.get(t, "/").text)
		v.Set("level", "3")
		for k := range change {
			v.Set(k, change.Get(k))
		}
		if a := s.submit(t, v); a.StatusCode != 400 && a.StatusCode != 422 || strings.Contains(a.text, "Cảm ơn") {
			t.Errorf("%v: %d %s", change, a.StatusCode, a.text)
		}
	}
}

// The rest of the screen's own questionnaire follows its overall question, and then what
// the settings name.
func TestWhatFollows(t *testing.T) {
	long := questionnaire("long", 1, 2, 3, 4, 5)
	for _, code := range []survey.QuestionCode{"A1", "P1"} {
		q := long.Questions[0]
		q.Code, q.Kind = code, map[survey.QuestionCode]survey.QuestionKind{"A1": survey.Satisfaction, "P1": survey.Perception}[code]
		long.Questions = append(long.Questions, q)
	}
	wide := &survey.Questionnaire{Code: "wide", Scales: []survey.Scale{{Code: "ten"}}, Questions: []survey.Question{{Code: "W1", Kind: survey.Satisfaction, Scale: "ten"}}}
	for i := range 10 {
		wide.Scales[0].Levels = append(wide.Scales[0].Levels, survey.ScaleLevel{Value: survey.Level(i)})
	}
	n := &shown{settings: Settings{Catalogue: survey.NewCatalogue(long, wide), Questionnaire: "long", FollowUp: "wide"}}
	if err := n.choose(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, st := range n.steps {
		got = append(got, string(st.Code)+map[bool]string{true: " faces", false: " list"}[st.Faces])
		if st.Of != 3 {
			t.Errorf("%s is one of %d", st.Code, st.Of)
		}
	}
	if want := []string{"A1 faces", "P1 list", "W1 list"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if last := n.steps[2].Choices; last[8].Digit != 9 || last[9].Digit != 0 {
		t.Errorf("keys %d and %d", last[8].Digit, last[9].Digit)
	}
	s := newStand(t)
	set := s.settings
	set.FollowUp = "none"
	if err := s.Show(set, s.recorder); err == nil || !strings.Contains(err.Error(), `show questionnaire "none": the catalogue has only quick,`) {
		t.Errorf("%v", err)
	}
}
