package screen

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The layout of each screen is measured here and kept as a picture; to look at them:
// go test ./kiosk/screen -run InABrowser/Layout -artifacts -outputdir DIR
func browserLayout(t *testing.T, ctx context.Context) {
	sizes := []struct {
		name          string
		width, height int64
		face          float64 // least width and height of a face's button, in CSS pixels
	}{{"panel", 800, 480, 140}, {"desk", 1280, 800, 220}, {"hall", 1920, 1080, 300}, {"tablet", 768, 1024, 108}, {"tablet-wide", 1024, 768, 160}, {"phone", 390, 844, 84}, {"small-phone", 360, 740, 64}}
	for _, c := range []struct{ questionnaire, lang string }{{"quick", "vi"}, {"quick", "en"}, {"quick4", "vi"}, {"quick3", "vi"}} {
		s := newStand(t, func(_ *Options, set *Settings) { set.Questionnaire, set.Thanks = c.questionnaire, time.Hour })
		v := visit(t, ctx, s.listen(t)+"/?lang="+c.lang)
		for _, view := range []string{"ask", "thanks"} {
			if view == "thanks" && c.questionnaire != "quick" {
				break // it is the same page
			}
			if view == "thanks" {
				v.do(chromedp.Click(faceOf(5)))
				v.sees("thanks")
			}
			for _, size := range sizes {
				v.do(chromedp.EmulateViewport(size.width, size.height))
				name := strings.Join([]string{c.questionnaire, size.name, c.lang, view}, "-")
				v.measure(name, size.face)
				v.save(name + ".png")
			}
		}
	}
}

func (v visitor) save(name string) {
	v.t.Helper()
	if f := flag.Lookup("test.artifacts"); f == nil || f.Value.String() != "true" {
		return
	}
	if err := os.WriteFile(filepath.Join(v.t.ArtifactDir(), name), v.picture(), 0o644); err != nil {
		v.t.Fatal(err)
	}
}

// measure checks that all is on the screen, that faces are big and apart, and that text
// stands out from its ground by 4.5:1 or more.
func (v visitor) measure(name string, least float64) {
	v.t.Helper()
	for _, fault := range ask[[]string](v, fmt.Sprintf(measuring, least)) {
		v.t.Errorf("%s: %s", name, fault)
	}
}

const measuring = `(least => {
  const faults = [], root = document.documentElement;
  if (root.scrollHeight > innerHeight || root.scrollWidth > innerWidth)
    faults.push('the page is ' + root.scrollWidth + ' × ' + root.scrollHeight + ' on a screen of ' + innerWidth + ' × ' + innerHeight);
  let last = null;
  for (const f of document.querySelectorAll('.face')) {
    const b = f.getBoundingClientRect();
    if (b.width === 0) continue;
    if (b.width < least || b.height < least) faults.push('face ' + f.value + ' is ' + b.width + ' × ' + b.height);
    if (f.scrollWidth > f.clientWidth || f.scrollHeight > f.clientHeight) faults.push('face ' + f.value + ' does not hold its word');
    if (last && b.left - last.right < 8 && b.top - last.bottom < 8) faults.push('face ' + f.value + ' touches the one before');
    last = b;
  }
  const channel = c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const numbers = c => c.match(/[\d.]+/g).map(Number);
  for (const t of document.querySelectorAll('.t, .langs a, code')) {
    if (!t.getClientRects().length) continue;
    let on = t;
    while (on !== root && numbers(getComputedStyle(on).backgroundColor)[3] === 0) on = on.parentElement;
    const [x, y] = [light(numbers(getComputedStyle(t).color)), light(numbers(getComputedStyle(on).backgroundColor))];
    const ratio = (Math.max(x, y) + .05) / (Math.min(x, y) + .05);
    if (ratio < 4.5) faults.push('"' + t.innerText + '" has a contrast of ' + ratio.toFixed(2));
  }
  return faults;
})(%v)`
