package centreapp_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"hailong/cmd/internal/centreapp"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
	"hailong/sync/link"
	"hailong/sync/wire"
)

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func token(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, centreapp.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// readiness is what /readyz answers, asked without a socket.
func readiness(t *testing.T, app *centreapp.App) (int, string) {
	t.Helper()
	resp, err := app.Console().App().Test(httptest.NewRequest("GET", "/readyz", nil), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, readAll(t, resp)
}

// A commit that fails in a call of the console, with no batch in sight, ends the
// program too, and /readyz says why.
func TestAStoreThatFailsInTheConsoleEndsTheProgram(t *testing.T) {
	app := open(t, settings(t.TempDir()), func(o *centreapp.Options) { o.MaxSize = 1 << 20 })
	if code, why := readiness(t, app); code != 503 || !strings.Contains(why, "not taken in") {
		t.Errorf("before it runs: %d %s", code, why)
	}
	_, ended := running(t, app)
	eventually(t, "ready", func() bool { code, _ := get(t, app.URL()+"/readyz", ""); return code == 200 })
	if err := app.Store().PutBoard(t.Context(), make([]byte, 2<<20)); !errors.Is(err, boltstore.ErrFailed) {
		t.Fatalf("the commit gave %v", err)
	}
	if err := wait(t, ended); !errors.Is(err, boltstore.ErrFailed) {
		t.Fatalf("it ended with %v", err)
	}
	if code, why := readiness(t, app); code != 503 || !strings.Contains(why, "opened anew") {
		t.Errorf("with a failed store: %d %s", code, why)
	}
}

// Whoever replaces the store gets a token that opens the new one.
func TestATokenOfAnotherStoreIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	closed(t, open(t, settings(dir)))
	before := token(t, dir)
	other := t.TempDir()
	closed(t, open(t, settings(other)))
	if err := os.Rename(filepath.Join(other, "store.db"), filepath.Join(dir, "store.db")); err != nil {
		t.Fatal(err)
	}
	app := open(t, settings(dir))
	running(t, app)
	after := token(t, dir)
	if before == after {
		t.Error("the token of the old store was kept")
	}
	for tok, want := range map[string]int{before: http.StatusUnauthorized, after: http.StatusOK} {
		if code, body := get(t, app.URL()+"/api/v1/units", tok); code != want {
			t.Errorf("%d %s, want %d", code, body, want)
		}
	}
}

// kiosk enrols a kiosk and connects it; gone is closed when its connection is lost.
func kiosk(t *testing.T, app *centreapp.App) (name survey.KioskID, key ed25519.PrivateKey, nc *nats.Conn, gone <-chan struct{}) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	name = custody.KioskName(public)
	err = app.Store().PutKiosk(context.Background(), survey.Kiosk{
		ID: name, Role: survey.CounterKiosk, Counters: []survey.CounterCode{"Q1"}, Key: public, Enrolled: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	up, down := make(chan struct{}, 8), make(chan struct{}, 8)
	nc, err = link.Dial(link.Options{URL: app.NATS(), Kiosk: name, Key: key, OnChange: func(is bool, _ error) {
		at := down
		if is {
			at = up
		}
		select {
		case at <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	select {
	case <-up:
	case <-time.After(10 * time.Second):
		t.Fatal("an enrolled kiosk was not let in within 10 s")
	}
	return name, key, nc, down
}

// A heartbeat reaches the list of kiosks, and a kiosk that is shut out loses its
// connection at once.
func TestTheCentreHearsAndShutsOut(t *testing.T) {
	dir := t.TempDir()
	app := open(t, settings(dir))
	running(t, app)
	name, key, nc, gone := kiosk(t, app)
	var list struct {
		Items []struct {
			ID        survey.KioskID
			Connected bool
			Unsent    *uint64
		}
	}
	beat := custody.Heartbeat{Chain: survey.Chain{1}, Last: 9, Totals: &custody.Totals{Last: 9}, At: time.Now().UnixMilli()}.Sign(key)
	eventually(t, "the heartbeat", func() bool {
		if err := errors.Join(nc.Publish(wire.Heartbeat(name), []byte("xin chào")), nc.Publish(wire.Heartbeat(name), beat)); err != nil {
			t.Fatal(err)
		}
		code, body := get(t, app.URL()+"/api/v1/kiosks", token(t, dir))
		if err := json.Unmarshal([]byte(body), &list); err != nil || code != 200 || len(list.Items) != 1 {
			t.Fatalf("%d %s %v", code, body, err)
		}
		k := list.Items[0]
		return k.ID == name && k.Connected && k.Unsent != nil && *k.Unsent == 9
	})
	req, err := http.NewRequest("POST", app.URL()+"/api/v1/kiosks/"+string(name)+"/revoke", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token(t, dir))
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	defer resp.Body.Close()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the kiosk that was shut out is still connected after 10 s")
	}
}

func TestMetricsSayHowTheStoreIs(t *testing.T) {
	app := open(t, settings(t.TempDir()))
	_, _ = running(t, app)
	sendBatch(t, app)
	var body string
	eventually(t, "the batch", func() bool {
		_, body = get(t, app.URL()+"/metrics", "")
		return strings.Contains(body, `hailong_batches_total{case="new"} 1`)
	})
	for _, want := range []string{
		`hailong_batches_total{case="fork"} 0`, "hailong_batches_rejected_total 0", "hailong_records_held 0", "hailong_records_quarantined 1",
		"hailong_forks 0", "hailong_store_ok 1",
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("%s\nlacks %s", body, want)
		}
	}
}
