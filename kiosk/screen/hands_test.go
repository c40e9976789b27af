package screen

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"hailong/assets/browsertest"
)

// contact is a finger, or more than that, on the middle of a face.
func (v visitor) contact(id float64, level int, radius float64) *input.TouchPoint {
	v.t.Helper()
	at := ask[[]float64](v, fmt.Sprintf(`(b => [b.x + b.width / 2, b.y + b.height / 2])(document.querySelector('.face[value="%d"]').getBoundingClientRect())`, level))
	return &input.TouchPoint{X: at[0], Y: at[1], RadiusX: &radius, RadiusY: &radius, ID: &id}
}

func (v visitor) touch(kind input.DispatchTouchEventType, points ...*input.TouchPoint) {
	v.t.Helper()
	if points == nil {
		points = []*input.TouchPoint{}
	}
	v.do(browsertest.Command(input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points}))
}

// Two faces at once, a palm, a thing that lies there and a hand that strokes are no
// answer, and the page says calmly how to press.
func browserUnclearHands(t *testing.T, ctx context.Context) {
	s := newStand(t)
	v := attend(t, ctx, s.listen(t))
	before := v.dom()
	const down, move, up = input.DispatchTouchEventTypeTouchStart, input.DispatchTouchEventTypeTouchMove, input.DispatchTouchEventTypeTouchEnd
	type story struct {
		name string
		what func()
	}
	for _, c := range []story{
		{"two faces at once", func() {
			one, two := v.contact(1, 2, 6), v.contact(2, 4, 6)
			v.touch(down, one)
			v.touch(down, one, two)
			v.touch(up, two)
			v.touch(up)
		}},
		{"a palm", func() {
			v.touch(down, v.contact(1, 3, 80))
			v.touch(up)
		}},
		{"a finger that becomes a palm", func() {
			palm := v.contact(1, 3, 80)
			palm.Y += 20
			v.touch(down, v.contact(1, 3, 6))
			v.touch(move, palm)
			v.touch(up)
		}},
		{"a hand that rests", func() {
			v.touch(down, v.contact(1, 1, 6))
			v.pass(3000)
			v.touch(up)
		}},
	} {
		v.shown()
		c.what()
		if said := ask[string](v, `document.querySelector('.say').innerText`); said != "Xin chỉ bấm một ô." {
			t.Errorf("%s: the page says %q", c.name, said)
		}
		v.pass(4000)
		v.wantShown("ask")
		if after := v.dom(); after != before {
			t.Errorf("%s: the page is\n%s\nbefore it was\n%s", c.name, after, before)
		}
	}
	for _, c := range []story{
		{"a finger that slides to another face", func() {
			v.touch(down, v.contact(1, 1, 6))
			v.touch(move, v.contact(1, 2, 6))
			v.touch(up)
		}},
		{"a mouse that does", func() {
			at := v.contact(1, 1, 1)
			v.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, at.X, at.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)),
				chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, at.X+160, at.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
		}},
		{"a touch that the browser takes for something else", func() {
			v.touch(down, v.contact(1, 1, 6))
			v.touch(input.DispatchTouchEventTypeTouchCancel)
		}},
	} {
		c.what()
		if after := v.dom(); after != before {
			t.Errorf("%s: the page is\n%s\nbefore it was\n%s", c.name, after, before)
		}
	}
	if kept := s.links(); len(kept) != 0 {
		t.Fatalf("the journal holds %q, want nothing", kept)
	}
	// An elbow on one face keeps nobody from pressing another, after a while.
	elbow := v.contact(1, 1, 6)
	v.touch(down, elbow)
	v.pass(3000)
	finger := v.contact(2, 4, 6)
	v.touch(down, elbow, finger)
	v.touch(up, finger)
	v.shows("thanks", 0)
	v.touch(up)
	s.wantLinks(t, "Z0=4 touch")
	v.leavesNoTrace()
}

// The sign of a touch is there before the event is through, the thanks not before the
// disk is.
func browserFeltAtOnce(t *testing.T, ctx context.Context) {
	s := newStand(t)
	v := attend(t, ctx, s.listen(t))
	ask[bool](v, `(window.signs = [], ['pointerdown', 'pointerup'].forEach(kind => addEventListener(kind, () => signs.push(document.body.hasAttribute('data-felt') + ' ' + document.body.dataset.view))), true)`)
	release := s.journal.hold()
	v.do(tap(`.face[value="2"]`))
	if signs := ask[[]string](v, "signs"); !slices.Equal(signs, []string{"true ask", "false wait"}) {
		t.Errorf("while the finger came down and went, the page showed %q", signs)
	}
	v.pass(400)
	time.Sleep(20 * time.Millisecond) // an answer that came too early would be here
	v.shows("wait", 0)
	release()
	v.now("thanks", 0)

	// A second tap of a hand that trembles neither answers the next question nor begins the
	// next visit.
	s = newStand(t, withFollowUp)
	v = attend(t, ctx, s.listen(t))
	v.do(tap(`.face[value="2"]`))
	v.shows("more", 1)
	v.do(tap(`.reason[value="1"]`), chromedp.KeyEvent("2"), tap(button("end")))
	v.shows("more", 1)
	v.pass(settlingFor)
	v.do(tap(`.reason[value="4"]`))
	v.shows("more", 2)
	s.wantLinks(t, "Z0=2 touch", "R1=4 continues 1 touch")
}
