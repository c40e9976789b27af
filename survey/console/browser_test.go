package console

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"hailong/assets/browsertest"
	"hailong/survey"
	"hailong/survey/custody"
)

// watch notes what goes wrong on a page: errors of the script, and whatever the content
// security policy forbids.
const watch = `
window.faults = [];
addEventListener("error", e => faults.push(String(e.message)));
addEventListener("unhandledrejection", e => faults.push(String(e.reason)));
addEventListener("securitypolicyviolation", e => faults.push(e.violatedDirective + " " + e.blockedURI));`

// browser is a person before a real Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func openBrowser(t *testing.T, options ...chromedp.ExecAllocatorOption) browser {
	t.Helper()
	ctx := browsertest.Chromium(t, time.Minute, options...)
	b := browser{t, ctx}
	b.do(browsertest.Command(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch}))
	return b
}

func (b browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// ask evaluates a script in the page.
func ask[T any](b browser, script string) T {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return got
}

// until waits for a script to be true, over a change of pages as well.
func (b browser) until(script string) {
	b.t.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var yes bool
		if yes, err = chromedp.Run(b.ctx, chromedp.Evaluate[bool](script)); yes {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatalf("never true: %s (last error %v); the page shows %s", script, err, ask[string](b, "document.body.innerText"))
}

// look checks the page in the widths of a desk, a tablet and a phone, and keeps
// pictures where asked.
func (b browser) look(name string) {
	b.t.Helper()
	for _, size := range [][2]int64{{1280, 800}, {800, 600}, {360, 740}} {
		b.do(chromedp.EmulateViewport(size[0], size[1]))
		if over := ask[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			b.t.Errorf("%s at a width of %d: the page is %d px too wide", name, size[0], over)
		}
		if ask[bool](b, `[...document.querySelectorAll(".rows")].some(e => e.scrollWidth > e.clientWidth)`) {
			b.t.Errorf("%s at a width of %d: a table is wider than its box", name, size[0])
		}
		if high := ask[int](b, `document.querySelector("header.top").offsetHeight`); size[0] >= 800 && high > 80 {
			b.t.Errorf("%s at a width of %d: the head of the page is %d px high: it does not fit into a line", name, size[0], high)
		}
		if dir := os.Getenv("HAILONG_SCREENS"); dir != "" {
			picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("console-%s-%d.png", name, size[0])), picture, 0o644)
			}
			if err != nil {
				b.t.Error(err)
			}
		}
	}
	browsertest.Accessible(b.t, b.ctx, name)
	if f := ask[[]string](b, "faults"); len(f) != 0 {
		b.t.Errorf("%s: faults on the page: %v", name, f)
	}
}

// busy is a morning's worth of invented answers and kiosks.
func busy(c *centre) {
	c.store.kiosks = []survey.Kiosk{
		{ID: "k-4xq2mzt7ab", Name: "Máy quầy 1", Role: survey.CounterKiosk, Counters: []survey.CounterCode{"TT-01", "TT-02"}},
		{ID: "k-h2k9vw3cde", Name: "Máy phường", Role: survey.CounterKiosk, Counters: []survey.CounterCode{"HP-01"}},
		{ID: "k-copied9xyz", Role: survey.CounterKiosk, Counters: []survey.CounterCode{"HP-02"}},
		{ID: "k-online5fgh", Name: "Cổng trực tuyến", Role: survey.OnlineGateway, Counters: []survey.CounterCode{"TT-01", "HP-02"}, Revoked: &noon},
	}
	c.store.chains = []custody.ChainState{
		{Chain: survey.Chain{1}, Kiosk: "k-4xq2mzt7ab", Head: custody.Head{Sequence: 12480}, Received: noon.Add(-20 * time.Second)},
		{Chain: survey.Chain{3}, Kiosk: "k-copied9xyz", Head: custody.Head{Sequence: 91}, Forks: 2, Disputed: 6, Unkept: 3, Received: noon.Add(-10 * time.Second)},
		{Chain: survey.Chain{2}, Kiosk: "k-h2k9vw3cde", Head: custody.Head{Sequence: 733}, Held: 4, Quarantined: 1, Received: noon.Add(-26 * time.Hour)},
	}
	c.at = noon.Add(-3 * time.Hour)
	for counter, levels := range map[survey.CounterCode][5]int{"TT-01": {2, 3, 15, 60, 40}, "TT-02": {4, 9, 12, 22, 8}, "HP-01": {0, 1, 4, 9, 12}, "TA-01": {0, 0, 0, 1, 1}} {
		for i, n := range levels {
			for range n {
				c.put(counter, quick(), survey.Level(i+1))
			}
		}
	}
	for i, n := range []int{3, 11, 9} {
		for range n {
			c.put("TT-02", quick3(), survey.Level(i+1))
		}
	}
	c.put("TT-01", quick(), 5, survey.TooSoon)
	c.at = noon
}

func TestFiguresArriveInTheBrowserWithoutReload(t *testing.T) {
	b := openBrowser(t)
	demo := two("Bản dùng thử: số liệu trước hôm nay là giả lập.", "Demonstration: figures before today are simulated.")
	c := open(t, Settings{LiveStep: 1, Minimum: 3, Demo: demo}, busy)
	at := serve(t, c)

	b.do(chromedp.Navigate(at + c.OneTimeLink()))
	b.until(`document.querySelector("#state.live") !== null`)
	b.until(`document.getElementById("s0-counter-HP-02").textContent.includes("chưa có dữ liệu")`)
	ask[bool](b, `document.getElementById("s0-counter-HP-02-q").focus(), window.still = true`)

	for range 3 {
		c.put("HP-02", quick(), 5)
	}
	c.Changed([]survey.CounterCode{"HP-02"})
	b.until(`document.getElementById("s0-counter-HP-02").textContent.includes("3/3")`)
	b.until(`document.getElementById("s0-total").textContent.includes("206")`)
	if !ask[bool](b, `window.still === true && document.activeElement.id === "s0-counter-HP-02-q"`) {
		t.Error("the page was loaded anew, or the keyboard's place was lost")
	}
	b.look("today")
	b.do(chromedp.Navigate(at + "/kiosks"))
	b.look("kiosks")
	b.do(chromedp.Navigate(at + "/?lang=en"))
	b.until(`document.querySelector("#state.live") !== null`)
	b.look("today-en")
}

func TestSigningInWithABrowser(t *testing.T) {
	b := openBrowser(t)
	c := open(t, Settings{})
	at := serve(t, c)
	token := chromedp.CSS("#token")
	b.do(chromedp.Navigate(at+"/"), chromedp.WaitVisible(token))
	b.look("signin")
	b.do(chromedp.SendKeys(token, c.token+"\r"))
	b.until(`document.querySelector("#state.live") !== null`)
	b.look("empty")
	// Signed out elsewhere, the page finds out and asks to sign in.
	c.sessions.mu.Lock()
	clear(c.sessions.open)
	c.sessions.mu.Unlock()
	for range 5 {
		c.put("TT-01", quick(), 5)
	}
	c.Changed([]survey.CounterCode{"TT-01"})
	b.until(`location.pathname === "/signin"`)
	b.do(chromedp.SendKeys(token, "wrong\r"))
	b.until(`document.querySelector("#wrong") !== null`)
	b.look("wrong")
	b.do(chromedp.Navigate(at + "/signin/used"))
	b.look("used")
}
