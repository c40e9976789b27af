package screen

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"hailong/assets/browsertest"
)

// standing is a clock for the page's script that stands until the test lets time pass:
// nobody waits, and what is shown and for how long is known to the millisecond. It notes
// what the page shows, one after the other, and whatever it must not do.
const standing = `
window.faults = [];
window.log = [];      // [view, step, ms at which it came]
const timers = new Map();
let now = 0, next = 1;
const note = () => {
  const {view, step = ''} = document.body?.dataset ?? {};
  const last = log.at(-1);
  if (view && (!last || last[0] !== view || last[1] !== step)) log.push([view, step, now]);
};
const set = every => (f, ms = 0) => (timers.set(next, {at: now + ms, f, every: every ? ms : 0}), next++);
window.setTimeout = set(false);
window.setInterval = set(true);
window.clearTimeout = window.clearInterval = id => timers.delete(id);
window.pass = ms => {
  for (const end = now + ms;;) {
    let due = null;
    for (const [id, t] of timers) if (t.at <= end && (!due || t.at < due.t.at)) due = {id, t};
    if (!due) return now = end, true;
    now = due.t.at;
    if (due.t.every) due.t.at += due.t.every; else timers.delete(due.id);
    due.t.f();
    note();
  }
};
new MutationObserver(note).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-view', 'data-step']});
addEventListener('error', e => faults.push(String(e.message)));
addEventListener('unhandledrejection', e => faults.push(String(e.reason)));
addEventListener('securitypolicyviolation', e => faults.push(e.violatedDirective + ' ' + e.blockedURI));
`

// attend opens a screen in a tab of its own and waits until it asks.
func attend(t *testing.T, ctx context.Context, address string) visitor {
	t.Helper()
	v := visit(t, ctx, address)
	v.shows("ask", 0)
	return v
}

// visit opens a screen in a tab of its own, whose clock stands and where nothing moves.
func visit(t *testing.T, ctx context.Context, address string) visitor {
	t.Helper()
	tab, stop := chromedp.NewContext(ctx)
	t.Cleanup(stop)
	v := visitor{t, tab}
	v.do(browsertest.Command(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: standing}),
		browsertest.Command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}),
		chromedp.EmulateViewport(800, 480, chromedp.EmulateTouch), chromedp.Navigate(address))
	return v
}

// pass lets time pass on the page.
func (v visitor) pass(ms int) {
	v.t.Helper()
	ask[bool](v, fmt.Sprintf("pass(%d)", ms))
}

// shows waits until the page shows a view, of a further question where step is one. It
// waits for the program, not for the page's clock.
func (v visitor) shows(view string, step int) {
	v.t.Helper()
	n := ""
	if step > 0 {
		n = fmt.Sprint(step)
	}
	v.until(fmt.Sprintf(`document.readyState === 'complete' && document.body.dataset.view === %q && (document.body.dataset.step ?? '') === %q`, view, n))
}

// waits lets time pass until the page shows a view, of whatever page it has become.
func (v visitor) waits(view string) {
	v.t.Helper()
	v.until(fmt.Sprintf(`document.readyState === 'complete' && (document.body.dataset.view === %[1]q || pass(100) && document.body.dataset.view === %[1]q)`, view))
}

// base is the address of the screen.
func (v visitor) base() string { return ask[string](v, "location.origin") }

// shown is what the page has shown, and for how long, since the last time that this was
// asked: "view step ms". What is shown now has no length yet.
func (v visitor) shown() []string {
	v.t.Helper()
	return ask[[]string](v, `(() => {
		const said = log.map(([view, step, at], i) => (view + ' ' + step).trim() + (i + 1 < log.length ? ' ' + (log[i + 1][2] - at) : ''));
		log.splice(0, log.length - 1);
		return said;
	})()`)
}

func (v visitor) wantShown(want ...string) {
	v.t.Helper()
	if got := v.shown(); !slices.Equal(got, want) {
		v.t.Errorf("the page showed %q, want %q", got, want)
	}
}
