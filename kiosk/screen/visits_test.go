package screen

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"hailong/survey"
)

func withFollowUp(_ *Options, set *Settings) { set.FollowUp = "then" }

// now waits until the page shows a view, and lets a hand that trembles come to rest.
func (v visitor) now(view string, step int) {
	v.t.Helper()
	v.shows(view, step)
	v.pass(settlingFor)
}

// settlingFor is how long a new screen takes no press, in ms; see screen.js.
const settlingFor = 500

func button(value string) string { return fmt.Sprintf(`.more [value=%q]`, value) }

func tap(selector string) chromedp.Action[chromedp.Void] { return chromedp.Tap(chromedp.CSS(selector)) }

// tabTo goes to an element as somebody does who has only a keyboard, and presses Enter.
func (v visitor) tabTo(selector string) {
	v.t.Helper()
	for range 40 {
		v.do(chromedp.KeyEvent(kb.Tab))
		if ask[bool](v, fmt.Sprintf(`document.activeElement.matches(%q) && getComputedStyle(document.activeElement).outlineStyle === 'solid'`, selector)) {
			v.do(chromedp.KeyEvent(kb.Enter))
			return
		}
	}
	v.t.Fatalf("the Tab key does not lead to %s", selector)
}

// links are the records as "question=answer", with what each goes on with or replaces.
func (s *stand) links() (list []string) {
	for _, e := range s.journal.kept() {
		for _, a := range e.Response.Answers {
			line := fmt.Sprintf("%s=%d", a.Question, a.Level)
			if a.Kind != survey.AtLevel {
				line = fmt.Sprintf("%s=%s", a.Question, map[survey.AnswerKind]string{survey.Blank: "blank", survey.NotApplicable: "na"}[a.Kind])
			}
			if id := e.Response.Continues; !id.IsZero() {
				line += fmt.Sprintf(" continues %d", id.Sequence)
			}
			if id := e.Response.Replaces; !id.IsZero() {
				line += fmt.Sprintf(" replaces %d", id.Sequence)
			}
			list = append(list, line+" "+string(e.Response.Channel))
		}
	}
	return list
}

func (s *stand) wantLinks(t *testing.T, want ...string) {
	t.Helper()
	if got := s.links(); !slices.Equal(got, want) {
		t.Errorf("the journal holds %q, want %q", got, want)
	}
}

// A whole visit by each kind of hand, in each language, at each size: after it the page
// is the first one again, and nothing of the visit is left in the browser.
func browserWholeVisits(t *testing.T, ctx context.Context) {
	hands := []struct {
		name  string
		press func(v visitor, face, reason string)
		then  func(v visitor, selector string)
		want  []string
	}{
		{
			"touch", func(v visitor, selector, _ string) { v.do(tap(selector)) }, func(v visitor, selector string) { v.do(tap(selector)) },
			[]string{"Z0=2 touch", "R1=3 continues 1 touch", "C1=blank continues 1 touch", "E1=na continues 1 touch"},
		},
		{
			"keypad", func(v visitor, _, key string) { v.do(chromedp.KeyEvent(key)) }, func(v visitor, selector string) { v.do(tap(selector)) },
			[]string{"Z0=2 button", "R1=3 continues 1 button", "C1=blank continues 1 touch", "E1=na continues 1 touch"},
		},
		{
			"keyboard", func(v visitor, selector, _ string) { v.tabTo(selector) }, func(v visitor, selector string) { v.tabTo(selector) },
			[]string{"Z0=2 touch", "R1=3 continues 1 touch", "C1=blank continues 1 touch", "E1=na continues 1 touch"},
		},
	}
	for i := range 4 * len(hands) { // each hand at each of four sizes, in both languages
		hand, size := hands[i/4], sizes[i%4]
		s := newStand(t, withFollowUp)
		v := attend(t, ctx, s.listen(t))
		v.do(chromedp.EmulateViewport(size.width, size.height, chromedp.EmulateTouch))
		for _, lang := range []survey.Lang{survey.Vietnamese, survey.English} {
			before, key := v.dom(), v.key()
			v.shown()
			if lang == survey.English {
				hand.then(v, `.langs a[data-lang="en"]`)
			}
			hand.press(v, `.face[value="2"]`, "2")
			v.now("more", 1)
			hand.press(v, `.reason[value="3"]`, "3")
			v.now("more", 2)
			if said := ask[string](v, `document.querySelector('.status').innerText.trim() + document.querySelector('.progress').innerText`); !strings.Contains(said, map[survey.Lang]string{"vi": "Đã ghi nhận", "en": "Recorded"}[lang]) || !strings.Contains(said, "2/3") {
				t.Errorf("%s: the second question says %q", hand.name, said)
			}
			hand.then(v, button("skip"))
			v.now("more", 3)
			hand.then(v, button("na"))
			v.now("done", 0)
			v.pass(3000 - settlingFor)
			v.wantShown("ask 0", "wait 0", "more 1 500", "wait 1 0", "more 2 500", "wait 2 0", "more 3 500", "wait 3 0", "done 3000", "ask")
			if after := v.dom(); after != before {
				t.Errorf("%s, %s: after the visit the page is\n%s\nbefore it was\n%s", hand.name, lang, after, before)
			}
			if v.key() == key {
				t.Error("the next visit has the same key")
			}
			v.leavesNoTrace()
		}
		want := slices.Clone(hand.want)
		for _, line := range hand.want {
			want = append(want, strings.Replace(line, "continues 1", "continues 5", 1))
		}
		s.wantLinks(t, want...)
	}
}

// Whoever watches the screen learns nothing: what follows the worst answer and the best
// is the same, byte by byte and to the millisecond.
func browserNothingTellsTheAnswer(t *testing.T, ctx context.Context) {
	for name, followUp := range map[string]string{"with further questions": "then", "without": ""} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, func(_ *Options, set *Settings) { set.FollowUp = followUp })
			v := attend(t, ctx, s.listen(t))
			var log [2][]string
			var shots [2][][]byte
			for i, level := range []survey.Level{1, 5} {
				look := func() { shots[i] = append(shots[i], v.picture()) }
				v.shown()
				release := s.journal.hold()
				v.do(tap(fmt.Sprintf(`.face[value="%d"]`, level)))
				v.shows("wait", 0)
				v.pass(400) // a slow disk
				look()
				release()
				if followUp != "" {
					v.now("more", 1)
					look()
					v.do(tap(button("skip")))
					v.now("more", 2)
					look()
					v.do(tap(button("skip")))
					v.now("more", 3)
					look()
					v.do(tap(button("end")))
					v.now("done", 0)
				} else {
					v.now("thanks", 0)
				}
				look()
				v.pass(3000 - settlingFor)
				v.shows("ask", 0)
				look()
				log[i] = v.shown()
			}
			if !slices.Equal(log[0], log[1]) {
				t.Errorf("after level 1 the page showed %q, after level 5 %q", log[0], log[1])
			}
			for n := range shots[0] {
				if !bytes.Equal(shots[0][n], shots[1][n]) {
					t.Errorf("picture %d of %d shows which face was pressed", n+1, len(shots[0]))
				}
			}
			if len(shots[0]) < 3 || !strings.HasPrefix(strings.Join(log[0], " "), "ask 0 wait 400 ") {
				t.Errorf("%d pictures of %q", len(shots[0]), log[0])
			}
		})
	}
}

func browserChangeOfMind(t *testing.T, ctx context.Context) {
	s := newStand(t)
	v := attend(t, ctx, s.listen(t))
	before := v.dom()
	v.do(tap(`.face[value="2"]`))
	v.now("thanks", 0)
	if said := strings.Join(strings.Fields(ask[string](v, `document.querySelector('[role=status]').innerText`)), " "); said != "Cảm ơn Ông/Bà! Ý kiến đã được ghi nhận. Chọn lại" {
		t.Errorf("the thank-you says %q", said)
	}
	v.do(tap(`.change button`))
	v.now("ask", 0)
	v.do(tap(`.face[value="4"]`))
	v.now("thanks", 0)
	v.pass(3000)
	v.shows("ask", 0)
	if after := v.dom(); after != before {
		t.Errorf("after the visit the page is\n%s\nbefore it was\n%s", after, before)
	}

	// The same key of a keypad again is no second citizen; another one replaces.
	v.do(chromedp.KeyEvent("3"))
	v.now("thanks", 0)
	v.do(chromedp.KeyEvent("3"))
	v.do(chromedp.KeyEvent("5"))
	v.now("thanks", 0)
	v.do(chromedp.KeyEvent("1"))
	v.now("thanks", 0)
	v.pass(3000)
	v.shows("ask", 0)
	s.wantLinks(t, "Z0=2 touch", "Z0=4 replaces 1 touch", "Z0=3 button", "Z0=5 replaces 3 button", "Z0=1 replaces 3 button")
	v.leavesNoTrace()

	// Before further questions are answered the first answer can be changed, after that no more.
	s = newStand(t, withFollowUp)
	v = attend(t, ctx, s.listen(t))
	v.do(tap(`.face[value="1"]`))
	v.now("more", 1)
	v.do(tap(button("again")))
	v.now("ask", 0)
	v.do(tap(`.face[value="5"]`))
	v.now("more", 1)
	v.do(chromedp.KeyEvent("6"))
	v.now("more", 2)
	if n := ask[int](v, `document.querySelectorAll('.more [value="again"]').length`); n != 0 {
		t.Error("the first answer can be changed after the second")
	}
	v.do(tap(button("end")))
	v.now("done", 0)
	s.wantLinks(t, "Z0=1 touch", "Z0=5 replaces 1 touch", "R1=6 continues 1 button")
	v.do(chromedp.Tap(chromedp.CSS(`.status h1`))) // the next citizen is in a hurry
	v.shows("ask", 0)
}

func browserIdleReset(t *testing.T, ctx context.Context) {
	s := newStand(t, withFollowUp)
	v := attend(t, ctx, s.listen(t))
	before := v.dom()
	counting := func() bool { return ask[bool](v, `!!document.querySelector('.idle')`) }
	v.do(tap(`.face[value="3"]`))
	v.shows("more", 1)
	for n := range 12 { // as often as somebody needs it
		v.pass(19_999)
		if counting() {
			t.Fatalf("round %d: it counts down before 20 s are over", n)
		}
		v.pass(1)
		v.pass(13_000)
		if left := ask[string](v, `document.querySelector('.idle p').innerText`); !strings.HasPrefix(left, "7 giây") {
			t.Fatalf("round %d: after 33 s it says %q", n, left)
		}
		switch n % 4 {
		case 0:
			v.do(tap("[data-time]"))
		case 1:
			v.do(chromedp.KeyEvent(kb.Enter))
		case 2: // beside the button, where another one lies below
			at := ask[[]float64](v, `(b => [b.x + b.width / 2, b.y + b.height / 2])(document.querySelector('.more .end').getBoundingClientRect())`)
			v.do(chromedp.TapXY(at[0], at[1]))
		default: // as assistive technology presses
			ask[bool](v, `document.querySelector('[data-time]').click(); true`)
		}
		if counting() {
			t.Fatalf("round %d: it goes on counting", n)
		}
	}
	v.shows("more", 1) // and nothing below was pressed
	v.pass(39_999)
	v.shows("more", 1)
	v.pass(1)
	v.shows("ask", 0)
	if after := v.dom(); after != before {
		t.Errorf("after the visit the page is\n%s\nbefore it was\n%s", after, before)
	}
	s.wantLinks(t, "Z0=3 touch") // what was answered stays

	// Whoever goes away leaves no other language, no larger text and no open change behind.
	for _, leave := range [][]string{{`.langs [data-lang="en"]`}, {`[data-switch="text"]`, `[data-switch="contrast"]`}} {
		for _, selector := range leave {
			v.do(tap(selector))
		}
		if v.dom() == before {
			t.Fatalf("%v changed nothing", leave)
		}
		v.pass(40_000)
		if after := v.dom(); after != before {
			t.Errorf("%v: the page is\n%s\nbefore it was\n%s", leave, after, before)
		}
	}
	v.do(tap(`.face[value="4"]`))
	v.now("more", 1)
	v.do(tap(button("again")))
	v.now("ask", 0)
	v.pass(40_000)
	v.do(tap(`.face[value="5"]`))
	v.now("more", 1)
	s.wantLinks(t, "Z0=3 touch", "Z0=4 touch", "Z0=5 touch")
	v.leavesNoTrace()
}
