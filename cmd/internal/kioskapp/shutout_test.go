package kioskapp_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
)

// logged is a log that a test reads while it is written.
type logged struct {
	mu   sync.Mutex // protects text
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A kiosk that was revoked goes on recording, and whoever looks after it is told: in its
// status, its health, its diary and its log, and by a small sign on its screen.
func TestARevokedKioskSaysSo(t *testing.T) {
	t.Parallel()
	var data string
	centre := startCentre(t, func(c *centreapp.Config) { data = c.Data })
	dir := t.TempDir()
	var log logged
	app, err := kioskapp.New(settings(dir, centre.base), kioskapp.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	k := start(t, app)
	k.ready(t)
	k.press(t, "in service")
	until(t, "it is sent", func() error {
		if st := k.status(t); st.Unsent != 0 || st.Link.Problem != nil {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	revoke(t, centre, data, k.status(t).Kiosk)
	for life := range 2 {
		k.saysThatItIsShutOut(t)
		if n := k.press(t, fmt.Sprint("shut out ", life)); n != uint64(2+life) {
			t.Errorf("the press is %d", n)
		}
		if st := k.status(t); st.Unsent != uint64(1+life) || st.Receipted != 1 {
			t.Errorf("its status is %+v", st)
		}
		until(t, "the diary tells of it", func() error {
			if kinds := told(t, dir); count(kinds, kioskapp.DiaryShutOut) != 1+life {
				return fmt.Errorf("it tells %v", kinds)
			}
			return nil
		})
		if said := log.String(); !strings.Contains(said, "không chấp nhận thiết bị này nữa") || !strings.Contains(said, "does not accept this kiosk any more") {
			t.Errorf("the log says %s", said)
		}
		k.stop()
		k = inService(t, settings(dir, centre.base))
	}
	k.stop()
	c := settings(dir, centre.base)
	c.Centre.Code = newCode(t, centre, data)
	sent(t, inService(t, c), 3) // a new code takes it in again, with what it has still to send
}

func (s *service) saysThatItIsShutOut(t *testing.T) {
	t.Helper()
	for path, want := range map[string][]string{
		"/api/v1/status": {"không chấp nhận thiết bị này nữa", "hailong kiosks add", "hailong kiosks allow " + s.status(t).Kiosk, fmt.Sprintf("chưa gửi: %d bản ghi", s.status(t).Unsent)},
		"/readyz":        {"ok\n", "không chấp nhận thiết bị này nữa", "does not accept this kiosk any more"},
		"/metrics":       {"\nhailong_refused_by_centre 1\n", "\nhailong_ready 1\n"},
		"/":              {">E4</code></footer>", `value="5"`},
	} {
		until(t, path+" says that the kiosk is shut out", func() error {
			code, body, err := s.get(path)
			for _, w := range want {
				if err == nil && (code != http.StatusOK || !strings.Contains(body, w)) {
					err = fmt.Errorf("%d without %q:\n%s", code, w, body)
				}
			}
			return err
		})
	}
	if _, body, err := s.english("/api/v1/status"); err != nil || !strings.Contains(body, "does not accept this kiosk any more") {
		t.Errorf("in English: %s %v", body, err)
	}
}

// revoke shuts a kiosk out, as `hailong kiosks revoke` does.
func revoke(t *testing.T, centre *service, data, kiosk string) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, centre.base+"/api/v1/kiosks/"+kiosk+"/revoke", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("revoke: %s", resp.Status)
	}
}
