package browsertest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hailong/assets/browsertest"
)

// A checker that finds nothing may be one that does not look: it must see what is wrong
// with a page, behind a strict content security policy, too, and be content with a good one.
func TestAxeSeesWhatIsWrong(t *testing.T) {
	ctx := browsertest.Chromium(t, time.Minute)
	show := func(body string) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'none'")
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(`<!doctype html><html lang="vi"><title>Trang thử</title>` + body))
		}))
		t.Cleanup(srv.Close)
		if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL)); err != nil {
			t.Fatal(err)
		}
	}
	show(`<main><h1>Trang</h1><p><input type="radio" name="a"></p></main>`)
	list, _, err := browsertest.Axe(ctx)
	if err != nil || len(list) != 1 || list[0].Rule != "label" {
		t.Errorf("a button without a name: %+v, %v", list, err)
	}
	show(`<main><h1>Trang</h1><p><label><input type="radio" name="a"> Hài lòng</label></p></main>`)
	browsertest.Accessible(t, ctx, "a good page")
}

// The file is what its authors published, and nothing that somebody changed on the way.
func TestAxeIsAsPublished(t *testing.T) {
	b, err := os.ReadFile("axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c" {
		t.Errorf("axe.min.js has changed: %x", sum)
	}
}
