package cmd_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"hailong/assets/browsertest"
)

// tab is another tab of the same browser, of a given size.
func tab(t *testing.T, ctx context.Context, width, height int64) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	do(t, ctx, chromedp.EmulateViewport(width, height, chromedp.EmulateTouch))
	return ctx
}

// do runs steps in a tab.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// read evaluates an expression in a tab.
func read[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// face is the button of a level.
func face(level int) chromedp.CSS {
	return chromedp.CSS(fmt.Sprintf(`button.face[value="%d"]`, level))
}

// A citizen presses a face (with a mouse, a finger, a key), and the analyst's number
// changes without a reload.
func TestAFacePressedInABrowserArrivesOnTheConsoleWithoutAReload(t *testing.T) {
	d := startDemo(t)
	ctx := browsertest.Chromium(t, 2*time.Minute)
	console := tab(t, ctx, 1440, 900)
	counter := tab(t, ctx, 1280, 800)
	row := fmt.Sprintf(`document.querySelector("[id$='-counter-%s']")?.dataset.n ?? ""`, d.Info.Counter)
	do(t, console, chromedp.Navigate(d.Centre.SigninLink()), chromedp.WaitVisible(chromedp.CSS("#board")))
	if got := read[string](t, console, row); got != "" && got != "0" {
		t.Fatalf("before any press the counter's number is %q", got)
	}
	read[string](t, console, `window.never = "reloaded"`)
	browsertest.Picture(t, console, "gate-console-before")

	hands := []struct {
		name  string
		press chromedp.Action[chromedp.Void]
	}{
		{"mouse", chromedp.Click(face(5))},
		{"touch", chromedp.Tap(face(4))},
		{"key", chromedp.KeyEvent("1")},
		{"keyboard", chromedp.Steps(chromedp.Focus(face(3)), chromedp.KeyEvent(kb.Enter))},
	}
	do(t, counter, chromedp.Navigate(d.Info.Kiosk), chromedp.WaitVisible(face(5)))
	browsertest.Picture(t, counter, "gate-counter-asks")
	for i, hand := range hands {
		do(t, counter, chromedp.WaitVisible(face(5)), hand.press)
		within(t, 10*time.Second, "the thanks after "+hand.name, func() error {
			if text := read[string](t, counter, `document.querySelector("[role=status]").innerText`); !strings.Contains(text, "Cảm ơn") {
				return fmt.Errorf("the screen says %q", text)
			}
			return nil
		})
		browsertest.Picture(t, counter, "gate-counter-thanks-"+hand.name)
		within(t, 10*time.Second, "the console after "+hand.name, func() error {
			if got := read[string](t, console, row); got != fmt.Sprint(i+1) {
				return fmt.Errorf("the counter's number is %q, want %d", got, i+1)
			}
			return nil
		})
		within(t, 10*time.Second, "the record of "+hand.name, func() error {
			st, err := statusOf(d.Info.Kiosk)
			if err == nil && (st.Last != uint64(i+1) || st.Unsent != 0) {
				err = fmt.Errorf("%+v", st)
			}
			return err
		})
		within(t, 10*time.Second, "the question again", func() error {
			if view := read[string](t, counter, `document.querySelector("[role=status]").innerText.trim()`); view != "" {
				return fmt.Errorf("the screen says %q", view)
			}
			return nil
		})
	}
	if read[string](t, console, `window.never`) != "reloaded" {
		t.Fatal("the console was reloaded")
	}
	r, err := scores(d.Info.Console, d.Info.Token, "?by=channel")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Total.N + r.Total.Excluded; got != int64(len(hands)) {
		t.Fatalf("%d presses are counted (%d of them left out), want %d", got, r.Total.Excluded, len(hands))
	}
	browsertest.Picture(t, console, "gate-console-after")
	stored := read[int](t, counter, `localStorage.length + sessionStorage.length + document.cookie.length`)
	if stored != 0 {
		t.Fatalf("the screen left %d things in the browser", stored)
	}
}
