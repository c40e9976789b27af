package screen

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"hailong/assets/browsertest"
	"hailong/kiosk"
	"hailong/survey"
)

// visitor is a person before the screen.
type visitor struct {
	t   *testing.T
	ctx context.Context
}

func (v visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

// ask evaluates a script in a visitor's page.
func ask[T any](v visitor, script string) T {
	v.t.Helper()
	got, err := chromedp.Run(v.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatalf("%s: %v", script, err)
	}
	return got
}

// until waits for a script to be true, over a change of pages as well.
func (v visitor) until(script string) {
	v.t.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var yes bool
		if yes, err = chromedp.Run(v.ctx, chromedp.Evaluate[bool](script)); yes {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	v.t.Fatalf("never true: %s (last error %v); the page shows %q", script, err, ask[string](v, "String(document.body?.dataset.view)"))
}

func faceOf(level survey.Level) chromedp.CSS {
	return chromedp.CSS(fmt.Sprintf(`.face[value="%d"]`, level))
}

// picture is what the screen shows. The whole page is painted anew for it: what was painted
// piece by piece differs by a shade at round corners, which no eye sees and bytes do.
func (v visitor) picture() []byte {
	v.t.Helper()
	ask[bool](v, `(async () => {
		const frame = () => new Promise(done => requestAnimationFrame(done));
		const {style} = document.documentElement;
		for (const size of [1.01, '']) {
			style.zoom = size;
			await frame();
			await frame();
		}
		document.documentElement.removeAttribute('style');
		return true;
	})()`)
	png, err := chromedp.Run(v.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		v.t.Fatal(err)
	}
	return png
}

// dom is the whole document, but for the key of the turn and the number of the code's picture.
func (v visitor) dom() string {
	return ask[string](v, `document.documentElement.outerHTML.replace(document.querySelector('[name=key]').value, 'KEY').replace(/qr\.svg\?n=\d+/, 'qr.svg')`)
}

func (v visitor) key() string { return ask[string](v, `document.querySelector('[name=key]').value`) }

// leavesNoTrace checks that the browser keeps nothing and that nothing went wrong.
func (v visitor) leavesNoTrace() {
	v.t.Helper()
	if n := ask[int](v, `(async () => document.cookie.length + localStorage.length + sessionStorage.length + (await indexedDB.databases()).length + (await caches.keys()).length + history.length - 2)()`); n != 0 {
		v.t.Errorf("the browser keeps %d things of the visit", n)
	}
	if f := ask[[]string](v, "faults"); len(f) != 0 {
		v.t.Errorf("faults on the page: %v", f)
	}
}

func (s *stand) wants(t *testing.T, answers ...survey.Response) {
	t.Helper()
	kept := s.journal.kept()
	if len(kept) != len(answers) {
		t.Fatalf("%d records kept, want %d", len(kept), len(answers))
	}
	for i, want := range answers {
		if got := kept[i].Response; got.Channel != want.Channel || got.Answers[0] != want.Answers[0] {
			t.Errorf("record %d: %s %+v, want %s %+v", i+1, got.Channel, got.Answers, want.Channel, want.Answers)
		}
	}
}

func by(ch survey.Channel, level survey.Level) survey.Response {
	return survey.Response{Channel: ch, Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: level}}}
}

// One browser serves all these stories, a tab for each.
func TestInABrowser(t *testing.T) {
	ctx := browsertest.Chromium(t, 8*time.Minute)
	t.Run("FingerKeypadAndTwoHands", func(t *testing.T) { browserFingerKeypadAndTwoHands(t, ctx) })
	t.Run("ThanksComeOnlyWithTheRecord", func(t *testing.T) { browserThanksComeOnlyWithTheRecord(t, ctx) })
	t.Run("OneVisitIsOneCitizen", func(t *testing.T) { browserOneVisitIsOneCitizen(t, ctx) })
	t.Run("ThePageFollowsTheProgram", func(t *testing.T) { browserThePageFollowsTheProgram(t, ctx) })
	t.Run("WithoutScripts", func(t *testing.T) { browserWithoutScripts(t, ctx) })
	t.Run("WholeVisits", func(t *testing.T) { browserWholeVisits(t, ctx) })
	t.Run("NothingTellsTheAnswer", func(t *testing.T) { browserNothingTellsTheAnswer(t, ctx) })
	t.Run("ChangeOfMind", func(t *testing.T) { browserChangeOfMind(t, ctx) })
	t.Run("IdleReset", func(t *testing.T) { browserIdleReset(t, ctx) })
	t.Run("UnclearHands", func(t *testing.T) { browserUnclearHands(t, ctx) })
	t.Run("FeltAtOnce", func(t *testing.T) { browserFeltAtOnce(t, ctx) })
	t.Run("Invitation", func(t *testing.T) { browserInvitation(t, ctx) })
	t.Run("Panel", func(t *testing.T) { browserPanel(t, ctx) })
	t.Run("Listening", func(t *testing.T) { browserListening(t, ctx) })
	t.Run("Layout", func(t *testing.T) { browserLayout(t, ctx) })
}

func browserFingerKeypadAndTwoHands(t *testing.T, ctx context.Context) {
	s := newStand(t)
	v := attend(t, ctx, s.listen(t))
	again := func() {
		t.Helper()
		v.shows("thanks", 0)
		v.pass(3000)
		v.shows("ask", 0)
	}
	v.do(chromedp.Tap(faceOf(4)))
	again()
	v.do(chromedp.KeyEvent("2"))
	again()
	pad := func(kind input.DispatchKeyEventType) chromedp.Action[chromedp.Void] { // a keypad without NumLock
		return browsertest.Command(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Code: "Numpad1", Key: "End"})
	}
	v.do(pad(input.DispatchKeyEventTypeKeyDown), pad(input.DispatchKeyEventTypeKeyUp))
	again()
	v.do(chromedp.Focus(faceOf(3)), chromedp.KeyEvent("\r")) // an ordinary keyboard works too
	again()
	v.do(chromedp.KeyEvent("9")) // no such face
	ask[bool](v, `document.querySelectorAll('.face').forEach(f => f.click()); true`)
	again()
	v.leavesNoTrace()
	s.wants(t, by(survey.Touch, 4), by(survey.Button, 2), by(survey.Button, 1), by(survey.Touch, 3), by(survey.Touch, 1))
}

func browserThanksComeOnlyWithTheRecord(t *testing.T, ctx context.Context) {
	s := newStand(t)
	v := attend(t, ctx, s.listen(t))
	s.journal.fail([]error{kiosk.ErrUnknown, errors.New("disk busy")}, []error{kiosk.ErrUnknown})
	v.do(chromedp.Click(faceOf(2)))
	v.waits("thanks") // at the fourth try, with one key: kept once
	v.pass(3000)
	v.shows("ask", 0)
	s.wants(t, by(survey.Touch, 2))

	gone := slices.Repeat([]error{kiosk.ErrUnknown}, 4)
	s.journal.fail(gone, nil)
	v.shown()
	v.do(chromedp.Click(faceOf(4)))
	v.waits("failed")
	if views := strings.Join(v.shown(), " "); !regexp.MustCompile(`^ask \d+ wait \d+ failed$`).MatchString(views) {
		t.Errorf("without a record the page showed %s", views)
	}
	v.look("failed", sizes[0])
	v.do(chromedp.Click(chromedp.CSS("[data-again]")))
	v.waits("thanks")
	v.pass(3000)
	v.shows("ask", 0)
	s.wants(t, by(survey.Touch, 2), by(survey.Touch, 4))

	s.journal.fail(slices.Clone(gone), nil)
	v.do(chromedp.Click(faceOf(1)))
	v.waits("failed")
	v.pass(40_000) // nobody presses again: the next visitor finds the first screen
	v.shows("ask", 0)
	s.wants(t, by(survey.Touch, 2), by(survey.Touch, 4))
	v.leavesNoTrace()
}

// Where nobody told the page whether the first press was kept, another face is still the
// same visit: one citizen is counted once, by the press that was kept first.
func browserOneVisitIsOneCitizen(t *testing.T, ctx context.Context) {
	s := newStand(t)
	v := attend(t, ctx, s.listen(t))
	ask[bool](v, `(real => {
		let lost = 4; // answers that never arrive, though the press does
		window.fetch = async (...what) => {
			const answer = await real(...what);
			if (what[0] === '/api/v1/responses' && lost-- > 0) throw new TypeError('lost on the way');
			return answer;
		};
		return true;
	})(fetch)`)
	v.do(chromedp.KeyEvent("2"))
	v.waits("failed")
	v.do(chromedp.KeyEvent("5"))
	v.waits("kept")
	if text := ask[string](v, `document.querySelector('[role=status] h1').innerText`); text != "Lượt này đã được ghi nhận" {
		t.Errorf("it says %q", text)
	}
	v.look("kept", sizes[0])
	v.pass(5000)
	v.shows("ask", 0)
	s.wants(t, by(survey.Button, 2))

	// The same, but nothing was kept: the other face is the answer.
	s.journal.fail(slices.Repeat([]error{kiosk.ErrUnknown}, 4), nil)
	v.do(chromedp.KeyEvent("2"))
	v.waits("failed")
	v.do(chromedp.KeyEvent("5"))
	v.waits("thanks")
	v.pass(3000)
	v.shows("ask", 0)
	v.do(chromedp.KeyEvent("1")) // the next citizen
	v.waits("thanks")
	s.wants(t, by(survey.Button, 2), by(survey.Button, 5), by(survey.Button, 1))
	v.leavesNoTrace()
}

func browserThePageFollowsTheProgram(t *testing.T, ctx context.Context) {
	s := newStand(t)
	v := attend(t, ctx, s.listen(t))
	s.Hide()
	v.waits("starting")
	v.look("starting", sizes[0])
	s.state.set(errors.New("disk full"))
	v.waits("out")
	v.look("out", sizes[0])
	s.state.set(&NotEnrolled{Why: both("trung tâm chưa nhận thiết bị này (403): mã ghi danh không đúng, đã dùng hoặc quá 24 giờ; hãy tạo mã mới: hailong kiosks add --counter QUẦY", "the code is wrong")})
	v.until(`document.readyState === 'complete' && pass(100) && document.querySelector('footer').innerText.includes('E1 – thiết bị chưa được ghi danh')`)
	v.look("not-enrolled", sizes[0])
	s.state.set(nil)
	other := s.settings
	other.Questionnaire, other.Test = "quick3", true
	if err := s.Show(other, s.recorder); err != nil {
		t.Fatal(err)
	}
	v.waits("ask")
	if n := ask[int](v, `document.querySelectorAll('.face').length`); n != 3 {
		t.Errorf("%d faces, want 3", n)
	}
	v.look("test", sizes[0])
}

func browserWithoutScripts(t *testing.T, ctx context.Context) {
	s := newStand(t, func(_ *Options, set *Settings) { set.Thanks = time.Second })
	tab, stop := chromedp.NewContext(ctx)
	t.Cleanup(stop)
	v := visitor{t, tab}
	v.do(browsertest.Command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}), chromedp.EmulateViewport(800, 480, chromedp.EmulateTouch), chromedp.Navigate(s.listen(t)))
	v.do(chromedp.Click(faceOf(5)))
	v.do(chromedp.WaitVisible(chromedp.CSS(`[data-view="thanks"] h1`)))
	v.do(chromedp.WaitVisible(chromedp.CSS(`[data-view="ask"] .face`))) // it goes home by itself
	s.wants(t, by(survey.Touch, 5))
}
