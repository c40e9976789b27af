package screen

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"hailong/assets/browsertest"
	"hailong/survey"
)

// size is a screen, and the least that a face's button must be there.
type size struct {
	name          string
	width, height int64
	mm            float64 // width of a pixel, as assumed in screen.css
	face, apart   float64 // mm, where the screen has room for more than nothing
}

// A phone is no kiosk, but the page must not break on one: it may scroll there.
var sizes = []size{
	{"800x480", 800, 480, .19, 26, 3},
	{"1024x600", 1024, 600, .217, 30, 10},
	{"800x1280", 800, 1280, .17, 20, 5},
	{"1920x1080", 1920, 1080, .248, 30, 10},
	{"1280x800", 1280, 800, .17, 30, 10},
	{"phone", 360, 640, .16, 9, 1.2}, // the first screen alone
}

// withCode has a code for phones while on says so.
func withCode(on *atomic.Bool) func(*Options, *Settings) {
	return func(o *Options, _ *Settings) {
		o.Code = func(survey.CounterCode) (Code, bool) {
			return Code{SVG: []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 37 37"><path fill="#000" d="M0 0h7v7H0zM30 0h7v7h-7zM0 30h7v7H0zM9 9h3v9h6v-6h9v15H12v-3H9z"/></svg>`)}, on.Load()
		}
	}
}

// The layout of each screen is measured here; to look at them:
// HAILONG_SCREENS=DIR go test ./kiosk/screen -run InABrowser/Layout
func browserLayout(t *testing.T, ctx context.Context) {
	for _, c := range []struct{ lang, manner string }{{"vi", ""}, {"en", ""}, {"vi", "text=large"}, {"en", "text=large"}, {"vi", "contrast=high"}} {
		t.Run(c.lang+c.manner, func(t *testing.T) {
			var code atomic.Bool
			code.Store(true)
			s := newStand(t, withFollowUp, withCode(&code))
			v := attend(t, ctx, s.listen(t)+"/?lang="+c.lang+"&"+c.manner)
			name := func(view string) string { return strings.TrimRight(view+"-"+c.lang+"-"+c.manner, "-") }
			v.measured(name("code"))
			code.Store(false)
			v.do(chromedp.Navigate(v.base() + "/?lang=" + c.lang + "&" + c.manner))
			v.measured(name("ask"))
			v.do(chromedp.Click(faceOf(4)))
			for n := 1; n <= 3; n++ {
				v.shows("more", n)
				v.measured(name(fmt.Sprint("more", n)))
				if n == 1 {
					v.pass(20_000)
					v.measured(name("idle"))
					v.do(chromedp.KeyEvent("\t"))
				}
				v.pass(500)
				v.do(chromedp.Click(chromedp.CSS(`.more [value="skip"]`)))
			}
			v.shows("done", 0)
			v.measured(name("done"))
		})
	}
	for _, q := range []string{"quick4", "quick3"} {
		s := newStand(t, func(_ *Options, set *Settings) { set.Questionnaire = q })
		v := attend(t, ctx, s.listen(t))
		v.measured(q)
		v.do(chromedp.Click(faceOf(5)))
		v.shows("thanks", 0)
		if q == "quick3" {
			v.measured("thanks-vi")
		}
	}
}

// measured looks at what is shown at every size.
func (v visitor) measured(name string) {
	v.t.Helper()
	for i, size := range sizes {
		if size.name == "phone" && name != "ask-vi" && !strings.HasPrefix(name, "ask-vi-text") || size.name == "1280x800" && strings.Contains(name, "=") {
			continue
		}
		v.do(chromedp.EmulateViewport(size.width, size.height, chromedp.EmulateTouch))
		// Larger text and another language are the same page to the checker.
		if i == 0 && !strings.Contains(name, "large") && !strings.Contains(name, "-en") {
			browsertest.Accessible(v.t, v.ctx, name)
		}
		v.measure(name+"-"+size.name, size)
		browsertest.Picture(v.t, v.ctx, name+"-"+size.name)
	}
}

// look measures a screen at one size, and has it checked.
func (v visitor) look(name string, at size) {
	v.t.Helper()
	v.measure(name, at)
	browsertest.Accessible(v.t, v.ctx, name)
	browsertest.Picture(v.t, v.ctx, name)
}

// measure checks that all is on the screen, that buttons are big and apart, and that text
// stands out from its ground by 4.5:1 or more.
func (v visitor) measure(name string, at size) {
	v.t.Helper()
	for _, fault := range ask[[]string](v, fmt.Sprintf(measuring, at.face/at.mm, at.apart/at.mm)) {
		v.t.Errorf("%s: %s", name, fault)
	}
}

const measuring = `((least, apart) => {
  const faults = [], root = document.documentElement;
  const height = innerWidth < 400 ? root.scrollHeight : innerHeight;
  if (root.scrollHeight > height || root.scrollWidth > innerWidth)
    faults.push('the page is ' + root.scrollWidth + ' × ' + root.scrollHeight + ' on a screen of ' + innerWidth + ' × ' + innerHeight);
  const shown = s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility({visibilityProperty: true}));
  const coded = shown('.code img').length > 0; // what the code takes, the faces have not
  if (coded) [least, apart] = [least * .75, apart * .4];
  const boxes = shown('button, a').map(e => [e, e.getBoundingClientRect()]);
  for (const [e, b] of boxes) {
    const name = e.className + ' ' + (e.value || e.innerText);
    const face = e.matches('.face');
    if (face && (b.width < least || b.height < Math.min(least, innerHeight * .1))) faults.push(name + ' is ' + b.width + ' × ' + b.height);
    if (b.width < 44 || b.height < 44) faults.push(name + ' is only ' + b.width + ' × ' + b.height);
    if (b.left < 0 || b.top < 0 || b.right > innerWidth || b.bottom > height) faults.push(name + ' is not on the screen');
    if (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1) faults.push(name + ' does not hold its words');
    for (const [other, o] of boxes) {
      if (other === e || e.closest('.idle') !== other.closest('.idle')) continue;
      const near = face && other.matches('.face') ? apart : e.matches('.langs a') ? 0 : 3;
      const x = Math.max(o.left - b.right, b.left - o.right), y = Math.max(o.top - b.bottom, b.top - o.bottom);
      if (Math.max(x, y) < near - .5) faults.push(name + ' is ' + Math.max(x, y) + ' from ' + other.className + ' ' + other.value);
    }
  }
  const texts = shown('h1, .noted, .progress, .say, .unit, .counter, footer, .code, .left').map(e => [e, e.getBoundingClientRect()]).filter(([e]) => !document.querySelector('.idle') || e.closest('.idle'));
  for (const [e, b] of texts) for (const [other, o] of boxes.filter(([x]) => !!x.closest('.idle') === !!e.closest('.idle')))
    if (e.innerText.trim() && !e.contains(other) && o.left < b.right - 1 && b.left < o.right - 1 && o.top < b.bottom - 1 && b.top < o.bottom - 1)
      faults.push('"' + e.innerText + '" lies under ' + other.className + ' ' + (other.value || other.innerText));
  const channel = c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const numbers = c => c.match(/[\d.]+/g).map(Number);
  for (const t of shown('.t, .langs a, code, .left')) {
    let on = t;
    while (on !== root && numbers(getComputedStyle(on).backgroundColor)[3] === 0) on = on.parentElement;
    const [x, y] = [light(numbers(getComputedStyle(t).color)), light(numbers(getComputedStyle(on).backgroundColor))];
    const ratio = (Math.max(x, y) + .05) / (Math.min(x, y) + .05);
    if (ratio < 4.5) faults.push('"' + t.innerText + '" has a contrast of ' + ratio.toFixed(2));
  }
  return faults;
})(%v, %v)`
