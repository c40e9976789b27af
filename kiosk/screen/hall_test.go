package screen

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/survey"
)

// hall is a stand with tablets around it: a clock that the test moves, a folder, and the
// events that somebody reads later.
type hall struct {
	*stand
	folder string
	afar   atomic.Bool // requests come from elsewhere in the hall, not from the box

	mu     sync.Mutex // protects what follows
	now    time.Time
	events []string // kind: words in English
}

func newHall(t *testing.T, change ...func(*Options, *Settings)) *hall {
	t.Helper()
	h := &hall{folder: t.TempDir(), now: time.Date(2026, 4, 20, 9, 0, 0, 0, survey.Zone)}
	h.restart(t, change...)
	return h
}

// restart begins a new life of the program, with the same folder and journal.
func (h *hall) restart(t *testing.T, change ...func(*Options, *Settings)) {
	t.Helper()
	before := h.stand
	h.stand = newStand(t, append([]func(*Options, *Settings){func(o *Options, _ *Settings) {
		o.Folder, o.Now, o.Note = h.folder, h.clock, h.note
		o.Operator.PIN = "24680"
		o.Addresses = func() []string { return []string{"http://192.168.1.20:8081"} }
	}}, change...)...)
	h.Screen.near = func(netip.Addr) bool { return !h.afar.Load() }
	if before != nil {
		h.journal = before.journal
		h.recorder = kiosk.NewRecorder(kiosk.Settings{Catalogue: h.settings.Catalogue, Counters: []survey.CounterCode{"Q1", "Q2"}, Testing: h.Testing, Now: h.clock}, h.journal)
		if err := h.Show(h.settings, h.recorder); err != nil {
			t.Fatal(err)
		}
	}
}

func (h *hall) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hall) later(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *hall) note(kind string, w survey.Words) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, kind+": "+w.In(survey.English))
}

// told checks that the latest events are these, and forgets them.
func (h *hall) told(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if got := strings.Join(h.events, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the diary says\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	h.events = nil
}

// invite makes a one-time code at the box.
func (h *hall) invite(t *testing.T, counter string) string {
	t.Helper()
	h.afar.Store(false)
	a := h.do(t, "POST", "/api/v1/tablets", fmt.Sprintf(`{"counter":%q}`, counter), "Content-Type", "application/json")
	var got invitedBody
	if err := json.Unmarshal([]byte(a.text), &got); err != nil || a.StatusCode != 201 || got.Counter != survey.CounterCode(counter) {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	return got.Code
}

const formType = "application/x-www-form-urlencoded"

// types types a one-time code on a tablet.
func (h *hall) types(t *testing.T, code string, headers ...string) answer {
	t.Helper()
	h.afar.Store(true)
	return h.do(t, "POST", "/pair", "code="+code, append([]string{"Content-Type", formType}, headers...)...)
}

// tablet is a paired tablet: its cookie, as a header.
func (h *hall) tablet(t *testing.T, counter string) (cookie string) {
	t.Helper()
	a := h.types(t, h.invite(t, counter))
	if a.StatusCode != 303 || a.Header.Get("Location") != "/" || len(a.Cookies()) != 1 {
		t.Fatalf("%d %v %s", a.StatusCode, a.Header, a.text)
	}
	c := a.Cookies()[0]
	return c.Name + "=" + c.Value
}

// asTablet asks from elsewhere in the hall, with a cookie; "" = without.
func (h *hall) asTablet(t *testing.T, cookie, method, path, body string, headers ...string) answer {
	t.Helper()
	h.afar.Store(true)
	if cookie != "" {
		headers = append(headers, "Cookie", cookie)
	}
	return h.do(t, method, path, body, headers...)
}

// pressOn sends a press as the page's script does.
func (h *hall) pressOn(t *testing.T, cookie, key, more string, headers ...string) answer {
	t.Helper()
	body := fmt.Sprintf(`{"questionnaire":"quick","answers":{"Z0":5},"channel":"touch","idempotency_key":%q%s}`, key, more)
	return h.asTablet(t, cookie, "POST", "/api/v1/responses", body, append([]string{"Content-Type", "application/json"}, headers...)...)
}

// strangers are asked for a page by someone who is not let in: they get the human page,
// and nothing that could be pressed.
func (a answer) strangers(t *testing.T, what string) {
	t.Helper()
	if a.StatusCode != 403 || !strings.Contains(a.text, "Màn hình này chỉ dùng tại quầy") || strings.Contains(a.text, "<form") || strings.Contains(a.text, "Nhìn chung") {
		t.Errorf("%s: %d %s", what, a.StatusCode, a.text)
	}
}

func read(t *testing.T, res *http.Response) answer {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(b)}
}
