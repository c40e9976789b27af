// Package browsertest starts a real Chromium for tests, and looks at pages as people
// with bad eyes, other hands or a screen reader meet them: with axe-core, the checker of
// the Web Content Accessibility Guidelines. It is for tests alone.
package browsertest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe is axe-core 4.14.1, as its authors publish it (MPL 2.0, see the folder axe).
//
//go:embed axe/axe.min.js
var axe string

// Need is the path of the first of these programs that is installed. Where there is none
// the test is skipped aloud, or fails where HAILONG_REQUIRE is set; missing says what is
// not tried then.
func Need(t testing.TB, missing string, programs ...string) string {
	t.Helper()
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("HAILONG_REQUIRE") != "" {
		t.Fatalf("none of %v is installed, and HAILONG_REQUIRE is set: %s", programs, missing)
	}
	t.Skipf("SKIPPED: none of %v is installed: %s", programs, missing)
	return ""
}

// Chromium starts a browser that ends with the test, or after life. Tabs are opened with
// chromedp.NewContext on what it returns. With -short, as the race detector is run, no page
// is tried in a browser: what it would tell there the tests without one tell sooner.
func Chromium(t testing.TB, life time.Duration, options ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED with -short: no page is tried in a real browser")
	}
	path := Need(t, "no page is tried in a real browser", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
	all := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.WSURLReadTimeout(time.Minute))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), append(all, options...)...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, life)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return ctx
}

// Violation is a rule of accessibility that a page breaks.
type Violation struct {
	Rule   string   `json:"id"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Where  []string `json:"where"` // the elements, each with what is wrong there
}

// check runs all of axe-core's rules but those that are mere advice of its makers, and
// with them the target sizes of WCAG 2.2.
const check = `(async () => {
	const r = await axe.run(document, {
		runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
		resultTypes: ['violations'],
	});
	return {
		passes: r.passes.length,
		violations: r.violations.map(v => ({
			id: v.id, impact: v.impact, help: v.help,
			where: v.nodes.map(n => n.target.join(' ') + ': ' + n.failureSummary.replace(/\s+/g, ' ') + ' ' + n.html.slice(0, 200)),
		})),
	};
})()`

// Axe looks at the page of a tab and returns what is wrong with it, and how many rules
// found something to look at and nothing wrong. It runs in a world of its own, which the
// page's content security policy does not reach and whose names the page does not see.
func Axe(ctx context.Context) (list []Violation, passed int, err error) {
	tree, err := call(ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return nil, 0, fmt.Errorf("find the page: %w", err)
	}
	world, err := call(ctx, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"})
	if err != nil {
		return nil, 0, fmt.Errorf("make a world for axe: %w", err)
	}
	var found struct {
		Passes     int         `json:"passes"`
		Violations []Violation `json:"violations"`
	}
	for _, script := range []string{axe + ";null", check} {
		yes := true
		got, err := call(ctx, runtime.Evaluate, runtime.EvaluateParams{
			Expression: script, ContextID: world.ExecutionContextID, AwaitPromise: &yes, ReturnByValue: &yes,
		})
		if err == nil && got.ExceptionDetails != nil {
			err = fmt.Errorf("%s", got.ExceptionDetails.Text)
		}
		if err == nil {
			err = json.Unmarshal(got.Result.Value, &found)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("run axe: %w", err)
		}
	}
	return found.Violations, found.Passes, nil
}

// call sends one command of the browser's protocol to a tab.
func call[P, R any](ctx context.Context, c cdp.Command[P, R], params P) (R, error) {
	return chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (R, error) {
		return cdp.Call(ctx, target, c, params)
	})
}

// Command makes an action of one command of the browser's protocol whose result does not
// matter.
func Command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, target, c, params)
		return none, err
	}
}

// Accessible fails the test for each rule that the page of a tab breaks. name says which
// page it is.
func Accessible(t testing.TB, ctx context.Context, name string) {
	t.Helper()
	list, passed, err := Axe(ctx)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if passed == 0 {
		t.Errorf("%s: no rule found anything to look at", name)
	}
	for _, v := range list {
		t.Errorf("%s: %s (%s): %s\n\t%v", name, v.Rule, v.Impact, v.Help, v.Where)
	}
}

// Picture keeps a picture of a tab in the folder HAILONG_SCREENS, if that is set.
func Picture(t testing.TB, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("HAILONG_SCREENS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		t.Errorf("keep the picture %s: %v", name, err)
	}
}
