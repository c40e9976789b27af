package screen

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hailong/assets/browsertest"
	"hailong/kiosk"
	"hailong/survey"
)

// The staff's pages in a real browser: on a 7-inch panel and on an upright tablet, with the
// script and without it. Pictures: HAILONG_SCREENS=DIR.
func TestTheStaffInABrowser(t *testing.T) {
	ctx := browsertest.Chromium(t, 5*time.Minute)
	for _, size := range []struct{ width, height int64 }{{800, 480}, {800, 1280}} {
		t.Run(fmt.Sprintf("%dx%d", size.width, size.height), func(t *testing.T) {
			browserOperatorAndTablet(t, ctx, size.width, size.height)
		})
	}
	t.Run("ClosedCounter", func(t *testing.T) { browserClosedCounter(t, ctx) })
}

// hit presses the middle of something, once it is there and the page is whole. It does not
// hold on to the page's nodes: where the page is renewed meanwhile they are gone.
func (v visitor) hit(selector string) {
	v.t.Helper()
	v.until(fmt.Sprintf(`document.readyState === 'complete' && document.querySelector(%q)?.checkVisibility() === true`, selector))
	at := ask[[]float64](v, fmt.Sprintf(`(e => {
		e.scrollIntoView({block: 'nearest', behavior: 'instant'});
		const b = e.getBoundingClientRect();
		return [b.x + b.width / 2, b.y + b.height / 2];
	})(document.querySelector(%q))`, selector))
	v.do(chromedp.MouseClickXY(at[0], at[1]))
}

// touchPlace touches the place's name at the top of the screen. The last of five leads to
// another page while the finger is still down, which the browser's own way of touching does
// not survive every time; so the script makes these touches.
func (v visitor) touchPlace(times int) {
	v.t.Helper()
	v.until(`document.readyState === 'complete' && document.querySelector('.place') !== null`)
	ask[bool](v, fmt.Sprintf(`(() => {
		for (let i = 0; i < %d; i++) document.querySelector('.place p').dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}));
		return true;
	})()`, times))
}

// goodPage checks that a page of the staff fits the width, that its buttons are big, and
// what axe-core says of it.
func (v visitor) goodPage(name string) {
	v.t.Helper()
	browsertest.Picture(v.t, v.ctx, name)
	browsertest.Accessible(v.t, v.ctx, name)
	for _, fault := range ask[[]string](v, `[
		...(document.documentElement.scrollWidth > innerWidth ? ['it is ' + document.documentElement.scrollWidth + ' wide on ' + innerWidth] : []),
		...[...document.querySelectorAll('button')].filter(b => b.getBoundingClientRect().height < 44 || b.getBoundingClientRect().width < 44).map(b => 'a small button: ' + b.innerText),
	]`) {
		v.t.Errorf("%s: %s", name, fault)
	}
}

func browserOperatorAndTablet(t *testing.T, ctx context.Context, width, height int64) {
	h := newHall(t, func(o *Options, set *Settings) {
		set.Counters = sixteen(MaxCounters)
		o.Diary = func() ([]Event, error) {
			return []Event{{At: time.Date(2026, 4, 20, 8, 0, 0, 0, survey.Zone), Sure: true, Words: both("chương trình bắt đầu, phiên bản v1.2.3", "started")}}, nil
		}
		o.Operator.Exit = func() error { return nil }
	})
	h.state.now = Status{
		Kiosk: "k-3f9a1c", Chain: survey.Chain{0xab, 0xcd}, Last: 4211, Unsent: 3, Free: 5 << 30, Total: 29 << 30, Version: "v1.2.3", Clock: Clock{Now: h.clock()},
		Link: Link{Connected: true, Since: h.clock().Add(-time.Hour)},
	}
	base, size := h.listen(t), fmt.Sprintf("-%dx%d", width, height)
	box := patient(t, ctx, width, height)
	box.do(chromedp.Navigate(base + "/"))
	pad := `document.body.dataset.view === 'pin'`

	// Four touches are no gesture, nor are five with another one between.
	box.touchPlace(4)
	box.hit("h1")
	box.touchPlace(4)
	if ask[bool](box, pad) {
		t.Fatal("four touches lead to the PIN")
	}
	box.touchPlace(1)
	box.until(pad)
	box.goodPage("pin" + size)
	if low := ask[float64](box, `Math.max(...[...document.querySelectorAll('.pad button')].map(b => b.getBoundingClientRect().bottom))`); low > float64(height) {
		t.Errorf("the pad ends at %v of %d", low, height)
	}
	digits := func(pin string) {
		for _, d := range pin {
			box.hit(fmt.Sprintf(`.pad [value="%c"]`, d))
		}
	}
	digits("13579")
	if n := ask[int](box, `document.querySelector('#pin').value.length`); n != 5 {
		t.Errorf("%d digits typed", n)
	}
	box.hit(`.go`)
	box.until(`document.querySelector('.wrong') !== null`)
	box.goodPage("pin-wrong" + size)
	digits("246880")
	for range 2 {
		box.hit(`.back`)
	}
	digits("0")
	box.hit(`.go`)
	box.until(`document.body.dataset.view === 'menu'`)
	box.goodPage("menu" + size)
	box.hit(`[value="test-on"]`)
	box.until(`document.querySelector('[value="test-off"]') !== null`)
	box.hit(`[data-counter="Q12"]`)
	box.until(`document.querySelector('.shown') !== null`)
	box.goodPage("code" + size)
	code := ask[string](box, `document.querySelector('.shown').innerText`)

	// The tablet is a browser of its own: it shares no cookie with the box's.
	h.afar.Store(true)
	tablet := visit(t, stranger(t, ctx), base+"/")
	tablet.do(chromedp.EmulateViewport(width, height, chromedp.EmulateTouch))
	tablet.until(`document.body.dataset.view === 'away'`)
	browsertest.Picture(t, tablet.ctx, "away"+size)
	tablet.do(chromedp.Navigate(base + "/pair"))
	tablet.goodPage("pair" + size)
	tablet.do(chromedp.SendKeys(chromedp.CSS("#code"), "0000 0000\r"))
	tablet.until(`document.querySelector('.wrong') !== null`)
	tablet.goodPage("pair-wrong" + size)
	tablet.do(chromedp.SendKeys(chromedp.CSS("#code"), strings.ToLower(code)+"\r"))
	tablet.until(`document.body.dataset.view === 'ask'`)
	browsertest.Picture(t, tablet.ctx, "tablet"+size)
	if text := ask[string](tablet, `document.querySelector('.counter').innerText`); text != "Quầy số 12." {
		t.Errorf("it shows %q", text)
	}
	if all := ask[string](tablet, `document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`); all != "{}{}" {
		t.Errorf("a script can read %s", all)
	}
	s := h.stand
	recorder := kiosk.NewRecorder(kiosk.Settings{Catalogue: s.settings.Catalogue, Counters: []survey.CounterCode{"Q1", "Q12"}, Testing: h.Testing}, s.journal)
	if err := h.Show(s.settings, recorder); err != nil {
		t.Fatal(err)
	}
	tablet.hit(string(faceOf(4)))
	tablet.shows("thanks", 0)
	tablet.pass(3000)
	tablet.shows("ask", 0)
	if kept := s.journal.kept(); len(kept) != 1 || kept[0].Response.Counter != "Q12" || !kept[0].Response.Has(survey.Test) {
		t.Errorf("kept %+v", kept)
	}

	// Revoked at the box: the tablet finds out by itself.
	h.afar.Store(false)
	box.hit(`[data-counter="Q12"]`)
	box.until(`document.querySelector('[value="revoke"]') !== null`)
	box.goodPage("menu-tablet" + size)
	box.hit(`[value="revoke"]`)
	box.until(`document.querySelector('.said') !== null && document.querySelector('[value="revoke"]') === null`)
	box.hit(`[value="pause"]`)
	box.until(`document.querySelector('[value="resume"]') !== null`)
	box.hit(`[value="leave"]`)
	box.until(`document.body.dataset.view === 'paused'`)
	browsertest.Picture(t, box.ctx, "paused"+size)
	browsertest.Accessible(t, box.ctx, "paused"+size)
	box.touchPlace(5) // the way back is the same
	box.until(pad)
	digits("24680")
	box.hit(`.go`)
	box.until(`document.body.dataset.view === 'menu'`)
	box.hit(`[value="resume"]`)
	box.until(`document.querySelector('[value="pause"]') !== null`)
	box.hit(`[value="leave"]`)
	box.until(`document.body.dataset.view === 'ask'`)
	h.afar.Store(true)
	tablet.waits("away")
	if f := ask[[]string](tablet, "faults"); len(f) != 0 {
		t.Errorf("faults on the tablet: %v", f)
	}
}

// patient is a tab whose clock goes as fast as ours: the staff's pages go home when nobody
// touches them.
func patient(t *testing.T, ctx context.Context, width, height int64) visitor {
	t.Helper()
	tab, stop := chromedp.NewContext(ctx)
	t.Cleanup(stop)
	v := visitor{t, tab}
	v.do(chromedp.EmulateViewport(width, height, chromedp.EmulateTouch))
	return v
}

// stranger is another browser, with cookies of its own.
func stranger(t *testing.T, ctx context.Context) context.Context {
	t.Helper()
	other, stop := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	if err := chromedp.Do(other); err != nil {
		t.Fatal(err)
	}
	return other
}

// Outside opening hours one touch shows the faces; afterwards the counter is closed again.
func browserClosedCounter(t *testing.T, ctx context.Context) {
	hours, err := kiosk.NewHours("hours", kiosk.Timetable{Week: [7][]string{time.Thursday: {"08:00-11:00"}}})
	if err != nil {
		t.Fatal(err)
	}
	h := newHall(t, func(_ *Options, set *Settings) { set.Hours = hours })
	h.Screen.near = netip.Addr.IsLoopback
	v := visit(t, ctx, h.listen(t)+"/?counter=Q2")
	v.until(`document.body.dataset.view === 'closed'`)
	for _, size := range []struct{ width, height int64 }{{800, 1280}, {800, 480}} {
		v.do(chromedp.EmulateViewport(size.width, size.height, chromedp.EmulateTouch))
		v.measure("closed", sizes[0])
		name := fmt.Sprintf("closed-%dx%d", size.width, size.height)
		browsertest.Picture(t, v.ctx, name)
		browsertest.Accessible(t, v.ctx, name)
	}
	v.hit("a.big")
	v.until(`document.body.dataset.view === 'ask'`)
	v.shows("ask", 0)
	v.hit(string(faceOf(2)))
	v.waits("closed")
	v.hit("a.big") // and nobody presses
	v.shows("ask", 0)
	v.waits("closed")
	if kept := h.journal.kept(); len(kept) != 1 || kept[0].Response.Counter != "Q2" {
		t.Errorf("kept %+v", kept)
	}
}
