package webform

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"hailong/assets/browsertest"
	"hailong/kiosk"
)

// watch notes whatever a page must not do, and lets its clock run fifty times faster.
const watch = `
window.faults = [];
addEventListener('error', e => faults.push(String(e.message)));
addEventListener('securitypolicyviolation', e => faults.push(e.violatedDirective + ' ' + e.blockedURI));
const real = window.setTimeout;
window.setTimeout = (f, ms) => real(f, ms / 50);`

// visitor is a person with a phone.
type visitor struct {
	t   *testing.T
	ctx context.Context
}

func takePhone(t *testing.T, ctx context.Context, scripts bool, width, height int64) visitor {
	t.Helper()
	tab, stop := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	v := visitor{t, tab}
	if err := chromedp.Do(tab); err != nil { // opens the tab, which lasts as long as this context
		t.Fatal(err)
	}
	v.do(browsertest.Command(cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: watch}),
		browsertest.Command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts}),
		chromedp.EmulateViewport(width, height, chromedp.EmulateTouch))
	return v
}

func (v visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, stop := context.WithTimeout(v.ctx, 15*time.Second)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

func ask[T any](v visitor, script string) T {
	v.t.Helper()
	got, err := chromedp.Run(v.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		v.t.Fatalf("%s: %v", script, err)
	}
	return got
}

// sees waits until the page shows a view; over a change of pages as well, also where the
// page comes out of the browser's memory.
func (v visitor) sees(view string) {
	v.t.Helper()
	v.until(fmt.Sprintf(`document.readyState === 'complete' && document.body.dataset.webform === %q`, view))
}

func (v visitor) until(script string) {
	v.t.Helper()
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var yes bool
		if yes, err = chromedp.Run(v.ctx, chromedp.Evaluate[bool](script)); yes {
			return
		}
	}
	v.t.Fatalf("never true: %s (%v); the page shows %s", script, err, ask[string](v, `document.body.innerText`))
}

// tap touches the middle of an element.
func (v visitor) tap(selector string) {
	v.t.Helper()
	at := ask[[]float64](v, fmt.Sprintf(`(e => { e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })(document.querySelector(%q))`, selector))
	v.do(chromedp.MouseClickXY(at[0], at[1]))
}

func (v visitor) choose(question, level string) {
	v.t.Helper()
	v.tap(fmt.Sprintf(`input[name="a.%s"][value="%s"] + span`, question, level))
}

// back presses the browser's back button. The page may come out of the browser's memory,
// without being loaded.
func (v visitor) back() {
	v.t.Helper()
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		h, err := cdp.Call(ctx, target, cdppage.GetNavigationHistory, cdp.Empty{})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, target, cdppage.NavigateToHistoryEntry, cdppage.NavigateToHistoryEntryParams{EntryID: h.Entries[h.CurrentIndex-1].ID})
		return err
	}))
}

func (v visitor) send() { v.t.Helper(); v.tap(`form[method=post] button`) }

// One browser serves all these stories, a phone of its own for each.
func TestInABrowser(t *testing.T) {
	ctx := browsertest.Chromium(t, 3*time.Minute)
	t.Run("WithoutScripts", func(t *testing.T) { browserWithoutScripts(t, ctx) })
	t.Run("BackAndAnotherAnswer", func(t *testing.T) { browserBackAndAnotherAnswer(t, ctx) })
	t.Run("WithScripts", func(t *testing.T) { browserWithScripts(t, ctx) })
	t.Run("KeepsTryingUntilItIsSaved", func(t *testing.T) { browserKeepsTrying(t, ctx) })
	t.Run("ByKeyboardAlone", func(t *testing.T) { browserByKeyboard(t, ctx) })
	t.Run("Everybody", func(t *testing.T) { browserEverybody(t, ctx) })
	t.Run("OverASlowNetwork", func(t *testing.T) { browserOverASlowNetwork(t, ctx) })
}

func browserWithoutScripts(t *testing.T, ctx context.Context) {
	s := open(t)
	at := s.fresh()
	v := takePhone(t, ctx, false, 360, 640)
	v.do(chromedp.Navigate(s.base + at + "?lang=vi"))
	v.sees("first")
	v.send() // nothing chosen
	v.until(`document.querySelector('#problem') !== null`)
	v.choose("Z0", "4")
	v.do(chromedp.SendKeys(chromedp.CSS("#comment"), "Ghế ngồi ít. 0912 345 678"))
	v.send()
	v.sees("more")
	if e := s.counted(1)[0]; levelOf(e, "Z0") != 4 || e.Comment != "Ghế ngồi ít. [số điện thoại]" {
		t.Errorf("%+v", e)
	}
	v.do(chromedp.Reload()) // sends the form again
	v.sees("more")
	s.counted(1)
	v.choose("A1", "2")
	v.choose("C1", "5")
	v.send()
	v.sees("done")
	if all := s.counted(2); all[1].Response.Continues != all[0].ID || levelOf(all[1], "A1") != 2 || levelOf(all[1], "C1") != 5 {
		t.Errorf("%+v", all[1])
	}
	v.do(chromedp.Navigate(s.base + at + "?lang=vi")) // the same phone, later
	v.sees("done")
	other := takePhone(t, ctx, false, 360, 640)
	other.do(chromedp.Navigate(s.base + at + "?lang=vi"))
	other.sees("spent")
}

// The back button brings the form back as it was sent; sending it again is the same
// answer, another answer is told that the first one counts.
func browserBackAndAnotherAnswer(t *testing.T, ctx context.Context) {
	s := open(t)
	at := s.fresh()
	v := takePhone(t, ctx, false, 360, 640)
	v.do(chromedp.Navigate(s.base + at + "?lang=vi"))
	v.choose("Z0", "5")
	v.send()
	v.sees("more")
	v.back()
	v.sees("first")
	v.choose("Z0", "5") // browsers may or may not have kept it
	v.send()
	v.sees("more")
	s.counted(1)
	v.back()
	v.sees("first")
	v.choose("Z0", "1")
	v.send()
	v.sees("kept")
	if all := s.counted(1); levelOf(all[0], "Z0") != 5 {
		t.Errorf("%+v", all)
	}
}

func browserWithScripts(t *testing.T, ctx context.Context) {
	s := open(t)
	at := s.fresh()
	v := takePhone(t, ctx, true, 360, 640)
	v.do(chromedp.Navigate(s.base + at + "?lang=vi"))
	v.sees("first")
	v.choose("Z0", "2")
	hold := make(chan struct{})
	s.set(func() { s.fails = func() error { <-hold; return nil } })
	v.send()
	v.send() // a second tap while the first is under way
	if state := ask[string](v, `(b => b.disabled + ' ' + b.textContent)(document.querySelector('form[method=post] button'))`); state != "true Đang gửi…" {
		t.Errorf("the button is %s", state)
	}
	close(hold)
	v.sees("more")
	s.counted(1)
	if head := ask[string](v, `document.activeElement.tagName + ' ' + getComputedStyle(document.body).margin + ' ' + scrollY`); head != "H1 0px 0" {
		t.Errorf("after the form: %s", head)
	}
	if cookie := ask[string](v, `document.cookie`); cookie != "" {
		t.Errorf("scripts can read the cookie %q", cookie)
	}
	v.choose("A1", "3")
	v.send()
	v.sees("done")
	s.counted(2)
	if faults := ask[[]string](v, `faults.concat(Object.keys(localStorage), Object.keys(sessionStorage))`); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
	v.do(chromedp.Navigate(s.base + at + "?lang=vi"))
	v.sees("done")
}

// What cannot be saved stays in the page, which says so and goes on trying.
func browserKeepsTrying(t *testing.T, ctx context.Context) {
	s := open(t)
	at := s.fresh()
	v := takePhone(t, ctx, true, 360, 640)
	v.do(chromedp.Navigate(s.base + at + "?lang=vi"))
	v.choose("Z0", "3")
	s.set(func() { s.fails = func() error { return kiosk.ErrFull } })
	v.send()
	v.until(`document.querySelector('.s.bad') !== null`)
	if said := ask[string](v, `document.querySelector('.s').textContent + document.body.dataset.webform + document.querySelector('[value="3"]').checked`); !strings.Contains(said, "CHƯA lưu") || !strings.HasSuffix(said, "firsttrue") {
		t.Errorf("the page says %s", said)
	}
	browsertest.Picture(t, v.ctx, "webform-unsaved-script")
	browsertest.Accessible(t, v.ctx, "not saved, with the script")
	v.do(browsertest.Command(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{{Offline: true, DownloadThroughput: -1, UploadThroughput: -1}}}))
	// Meanwhile the gateway gets a newer program, whose style this page's policy forbids.
	newer := *s.form.files
	newer.style = "<style>body{margin:1px}</style>"
	s.set(func() { s.fails, s.form.files = nil, &newer })
	tried := s.form.Figures().Unsaved
	time.Sleep(200 * time.Millisecond) // ten seconds of the page's clock, without a network
	if s.counted(0); tried == 0 {
		t.Error("the page did not try")
	}
	v.do(browsertest.Command(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{}}))
	v.sees("more")
	if e := s.counted(1)[0]; levelOf(e, "Z0") != 3 {
		t.Errorf("%+v", e)
	}
	if margin := ask[string](v, `getComputedStyle(document.body).margin`); margin != "0px" {
		t.Errorf("the page has lost its style: margin %s", margin)
	}
}

func browserByKeyboard(t *testing.T, ctx context.Context) {
	s := open(t)
	v := takePhone(t, ctx, true, 1280, 800)
	v.do(chromedp.Navigate(s.base + s.fresh() + "?lang=vi"))
	v.sees("first")
	ask[any](v, `document.querySelector('input[type=radio]').focus()`)
	v.do(chromedp.KeyEvent(" "), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown)) // space, arrow down twice
	if got := ask[string](v, `(document.querySelector('input:checked') || {}).value || ''`); got == "" || got == "1" {
		t.Fatalf("the arrow keys chose %q", got)
	}
	v.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	v.sees("more")
	s.counted(1)
}

// Every page at the sizes that people have: nothing is cut off, every target is large
// enough, and axe-core finds nothing.
func browserEverybody(t *testing.T, ctx context.Context) {
	s := open(t)
	expired := screenTicket()
	expired.Expires = noon
	spent := s.fresh()
	other := s.phone()
	other.post(spent, other.get(spent).form(), "a.Z0", "5")
	limited := open(t, func(o *Options) { o.Limits = few; o.Limits.Total = 0.1 })
	for limited.phone().get("/").status == 200 {
	}
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 360, 640}, {"tablet", 800, 1280}, {"desktop", 1440, 900}} {
		v := takePhone(t, ctx, true, size.width, size.height)
		look := func(view string) {
			t.Helper()
			v.sees(view)
			name := view + ", " + size.name
			if size.name == "phone" {
				browsertest.Accessible(t, v.ctx, name)
			}
			browsertest.Picture(t, v.ctx, "webform-"+view+"-"+size.name)
			if wide := ask[int](v, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				t.Errorf("%s: %d px stand out to the right", name, wide)
			}
			if small := ask[[]string](v, `[...document.querySelectorAll('label.o, button, a, textarea, input[type=text]')].filter(e => { const r = e.getBoundingClientRect(); return r.width < 44 || r.height < 44 }).map(e => e.outerHTML)`); len(small) > 0 {
				t.Errorf("%s: too small to be touched: %q", name, small)
			}
			if faults := ask[[]string](v, `window.faults`); len(faults) > 0 {
				t.Errorf("%s: %q", name, faults)
			}
		}
		at := s.fresh()
		for _, p := range []struct{ at, view string }{
			{s.base + "/?lang=vi", "front"}, {s.base + "/xin-chao?lang=vi", "short"}, {s.base + "/q/ABC?lang=vi", "bad"}, {s.base + sign(t, kioskKey, expired) + "?lang=vi", "expired"},
			{s.base + spent + "?lang=vi", "spent"}, {s.base + "/privacy?lang=vi", "privacy"}, {limited.base + "/", "busy"}, {s.base + at + "?lang=en", "first"}, {s.base + at + "?lang=vi", "first"},
		} {
			if size.name != "phone" && p.view != "first" && p.view != "front" {
				continue
			}
			v.do(chromedp.Navigate(p.at))
			look(p.view)
		}
		v.choose("Z0", "4")
		v.send()
		look("more")
		v.choose("A1", "4")
		v.send()
		look("done")
		scripts := func(yes bool) {
			v.do(browsertest.Command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !yes}))
		}
		at = s.fresh()
		scripts(false)
		v.do(chromedp.Navigate(s.base + at + "?lang=vi"))
		v.choose("Z0", "4")
		s.set(func() { s.fails = func() error { return kiosk.ErrFull } })
		v.send()
		v.sees("unsaved")
		scripts(true)
		look("unsaved")
		s.set(func() { s.fails = nil })
		scripts(false)
		v.send()
		v.sees("more")
		scripts(true)
	}
}

// The first page over a 2G line: one request. The figure is printed, the bound is wide.
func browserOverASlowNetwork(t *testing.T, ctx context.Context) {
	s := open(t)
	v := takePhone(t, ctx, true, 360, 640)
	v.do(browsertest.Command(network.Enable, network.EnableParams{}), browsertest.Command(network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}))
	asked := chromedp.Events(v.ctx, network.RequestWillBeSent)
	v.do(browsertest.Command(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{
		{Latency: 800, DownloadThroughput: 280_000 / 8, UploadThroughput: 256_000 / 8},
	}}))
	v.do(chromedp.Navigate(s.base + s.fresh() + "?lang=vi"))
	v.sees("first")
	n := 0
	for ev, err := range asked {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(ev.Request.URL, "data:") {
			continue
		}
		if n++; n == 1 {
			// Whatever the page asked for was asked for by the time it was loaded; a mark of our own ends the list.
			ask[any](v, `void fetch('/healthz')`)
			continue
		}
		if !strings.HasSuffix(ev.Request.URL, "/healthz") {
			t.Errorf("the page asks for %s", ev.Request.URL)
			continue
		}
		break
	}
	took := ask[float64](v, `performance.timing.loadEventEnd - performance.timing.navigationStart`)
	size := ask[float64](v, `performance.getEntriesByType('navigation')[0].transferSize`)
	t.Logf("2G (280 kbit/s down, 800 ms latency): one request, %.0f bytes, loaded after %.2f s", size, took/1000)
	if took < 800 || took > 10_000 || size > 14_000 {
		t.Errorf("%.0f ms, %.0f bytes", took, size)
	}
	v.choose("Z0", "5")
	began := time.Now()
	v.send()
	v.sees("more")
	t.Logf("2G: thanks %.2f s after Send", time.Since(began).Seconds())
}
