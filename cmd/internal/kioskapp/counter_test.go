package kioskapp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/cmd/internal/kioskapp"
	"hailong/kiosk"
	"hailong/survey"
)

func TestSettingsOfTheCounterThatCannotBeMeant(t *testing.T) {
	for text, want := range map[string][2]string{ // path, and what is said of it
		`hours: {mon: ["7:30-11:30"]}`:                 {"hours.mon[0]", "07:30-11:30"},
		`hours: {sun: ["07:30-11:30", "11:00-12:00"]}`: {"hours.sun[1]", "overlaps"},
		`hours: {fri: ["22:00-02:00"]}`:                {"hours.fri[0]", "24:00"},
		`hours: {holidays: [2026-02-30]}`:              {"hours.holidays[0]", "YYYY-MM-DD"},
		`hours: {open: {2026-05-09: ["8-11"]}}`:        {"hours.open.2026-05-09[0]", "07:30-11:30"},
		`hours: {open: {09/05/2026: ["08:00-11:00"]}}`: {"hours.open.09/05/2026", "YYYY-MM-DD"},
		`hours: {monday: ["08:00-11:00"]}`:             {"hours.monday", "mon, tue, wed"},
		`operator: {pin: "123"}`:                       {"operator.pin", "4 to 12 digits"},
		`operator: {pin: "1234567890123"}`:             {"operator.pin", "4 to 12 digits"},
		`operator: {pin: "12a4"}`:                      {"operator.pin", "4 to 12 digits"},
		`operator: {exit: [""]}`:                       {"operator.exit[0]", "command"},
		`tls: {certificate: c.pem}`:                    {"tls.key", "both are needed"},
		`tls: {key: k.pem}`:                            {"tls.certificate", "both are needed"},
	} {
		_, err := kioskapp.Load(write(t, text+"\n"))
		if err == nil {
			t.Errorf("%s: it was taken", text)
			continue
		}
		both := (interface{ Text(survey.Lang) string })(nil)
		if !errors.As(err, &both) || !strings.Contains(both.Text("en"), want[0]) || !strings.Contains(both.Text("en"), want[1]) || !strings.Contains(both.Text("vi"), want[0]) || strings.Contains(err.Error(), "12a4") {
			t.Errorf("%s: %v", text, err)
		}
	}
	c, err := kioskapp.Load(write(t, `
hours:
  mon: ["07:30-11:30", "13:30-17:00"]
  sat: []
  holidays: [2026-01-01, 2026-04-30]
  open: {2026-05-09: ["08:00-11:00"]}
operator: {pin: 0042, exit: [systemctl, stop, kiosk-browser]}
`))
	if err != nil || c.Hours.Mon[1] != "13:30-17:00" || len(c.Hours.Holidays) != 2 || c.Hours.Open["2026-05-09"][0] != "08:00-11:00" || c.Operator.PIN != "0042" || len(c.Operator.Exit) != 3 {
		t.Errorf("%+v, %v", c.Hours, err)
	}
}

func TestACertificateThatIsNotThere(t *testing.T) {
	c := settings(t.TempDir(), "http://127.0.0.1:1")
	c.TLS = kioskapp.TLS{Certificate: "none.pem", Key: "none.key"}
	if app, err := kioskapp.New(c, kioskapp.Options{}); err == nil || !strings.Contains(err.Error(), "tls") || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("%v", errors.Join(err, func() error {
			if app != nil {
				return app.Close()
			}
			return nil
		}()))
	}
}

// operate sends a form to the operator's page.
func (s *service) operate(t *testing.T, form url.Values) string {
	t.Helper()
	resp, err := http.PostForm(s.base+"/operator", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Status + "\n" + string(b)
}

// watched is a journal that remembers with which flags records were made.
type watched struct {
	kiosk.Journal
	mu    sync.Mutex
	flags []string
	full  bool // it takes nothing
}

// Append implements [kiosk.Journal].
func (w *watched) Append(ctx context.Context, d survey.Draft) (survey.Entry, bool, error) {
	w.mu.Lock()
	w.flags = append(w.flags, fmt.Sprint(d.Response.Flags))
	full := w.full
	w.mu.Unlock()
	if full {
		return survey.Entry{}, false, kiosk.ErrFull
	}
	return w.Journal.Append(ctx, d)
}

// kept checks the flags of all records so far.
func (w *watched) kept(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := strings.Join(w.flags, " "); got != strings.Join(want, " ") {
		t.Errorf("records were made with %s, want %s", got, strings.Join(want, " "))
	}
}

// startWatched runs a kiosk whose records are watched, at an address of this machine.
func startWatched(t *testing.T, c kioskapp.Config) (*service, *watched) {
	t.Helper()
	w := &watched{}
	app, err := kioskapp.New(c, kioskapp.Options{Wrap: func(j kiosk.Journal) kiosk.Journal {
		w.Journal = j
		return w
	}})
	if err != nil {
		t.Fatal(err)
	}
	k := start(t, app)
	k.base = strings.NewReplacer("[::]", "127.0.0.1", "0.0.0.0", "127.0.0.1").Replace(k.base)
	k.ready(t)
	return k, w
}

// The whole program: an operator comes in, switches test mode on, pairs a tablet, leaves
// the browser; what is pressed meanwhile is a test; the diary has it all.
func TestAnOperatorAtARealKiosk(t *testing.T) {
	centre := startCentre(t)
	c := settings(t.TempDir(), centre.base)
	mark := filepath.Join(t.TempDir(), "left")
	c.Listen = "0.0.0.0:0" // tablets can reach it
	c.Operator = kioskapp.Operator{PIN: "24680", Exit: []string{"touch", mark}}
	c.Online = "https://danhgia.example.vn"
	k, journal := startWatched(t, c)
	if page := k.operate(t, url.Values{"pin": {"13579"}}); !strings.Contains(page, "403") {
		t.Errorf("a wrong PIN: %s", page)
	}
	page := k.operate(t, url.Values{"pin": {"24680"}})
	token := regexp.MustCompile(`name="token" value="([0-9a-f]+)"`).FindStringSubmatch(page)
	if token == nil || !strings.Contains(page, "đang kết nối") || !strings.Contains(page, "MiB") || !strings.Contains(page, "sai mã PIN") {
		t.Fatalf("the menu: %s", page)
	}
	do := func(what string, more ...string) string {
		form := url.Values{"token": {token[1]}, "do": {what}}
		if len(more) > 0 {
			form.Set("id", more[0])
		}
		return k.operate(t, form)
	}
	code := func(when string, want int) {
		t.Helper()
		if status, _, err := k.get("/qr.svg"); err != nil || status != want {
			t.Errorf("%s, the code for phones: %d %v, want %d", when, status, err, want)
		}
	}
	code("before test mode", 200)
	do("test-on")
	k.press(t, "during")
	code("in test mode", 404) // the gateway would count what is answered with it
	do("test-off")
	code("after test mode", 200)
	k.press(t, "after")
	counter := k.status(t).Counters[0]
	if page := do("pair", counter); !strings.Contains(page, `class="shown"`) {
		t.Errorf("pairing: %s", page)
	}
	do("exit")
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("the command did not run: %v", err)
	}
	do("pause")
	if code, _, answer := k.post(t, "paused"); code != 503 {
		t.Errorf("a press while it is out of service: %d %v", code, answer)
	}
	do("resume")
	do("leave")
	k.press(t, "again")
	journal.kept(t, "[test]", "[]", "[]")
	until(t, "the diary", func() error {
		list, err := kioskapp.ReadDiary(c.Data)
		var all []string
		for _, e := range list {
			switch e.Kind {
			case kioskapp.DiaryOperator, kioskapp.DiaryWrongPIN, kioskapp.DiaryTablet:
				all = append(all, string(e.Kind)+": "+e.Words.In("en"))
			}
		}
		want := []string{
			"operator_wrong: wrong operator's PIN", "operator: the operator's menu was entered", "operator: test mode is on for 30 minutes", "operator: test mode is off",
			"tablet: a pairing code was made for a tablet at counter " + counter, "operator: the screen was left through the operator's menu",
			"operator: the box is out of service", "operator: the box is in service again", "operator: the operator's menu was closed",
		}
		if strings.Join(all, "\n") != strings.Join(want, "\n") {
			return fmt.Errorf("%v: %s", err, strings.Join(all, "\n"))
		}
		return err
	})
	until(t, "all is sent", func() error {
		if n := k.status(t).Unsent; n != 0 {
			return fmt.Errorf("%d unsent", n)
		}
		return nil
	})
}

// Presses outside opening hours are kept, counted and marked.
func TestARealKioskOutsideItsHours(t *testing.T) {
	centre := startCentre(t)
	c := settings(t.TempDir(), centre.base)
	c.Hours = &kioskapp.Hours{Holidays: []survey.Date{survey.DateOf(time.Now())}}
	k, journal := startWatched(t, c)
	if code, page, err := k.get("/"); err != nil || code != 200 || !strings.Contains(page, "Ngoài giờ làm việc") {
		t.Errorf("%d %v %s", code, err, page)
	}
	if n := k.press(t, "k1"); n != 1 {
		t.Errorf("the press is %d", n)
	}
	journal.kept(t, "[out_of_hours]")
}
