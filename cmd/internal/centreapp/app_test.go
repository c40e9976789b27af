package centreapp_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/http"
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
	"hailong/sync/intake"
	"hailong/sync/link"
	"hailong/sync/wire"
)

// settings are those of an aggregator in the folder dir, on free ports.
func settings(dir string) centreapp.Config {
	c := centreapp.Defaults()
	c.Data, c.Listen, c.NATS.Listen = dir, "127.0.0.1:0", "127.0.0.1:0"
	return c
}

func open(t *testing.T, c centreapp.Config, change ...func(*centreapp.Options)) *centreapp.App {
	t.Helper()
	var o centreapp.Options
	for _, f := range change {
		f(&o)
	}
	app, err := centreapp.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, app) })
	return app
}

func closed(t *testing.T, app *centreapp.App) {
	t.Helper()
	if err := app.Close(); err != nil {
		t.Error(err)
	}
}

// refused makes an aggregator that must not start; whatever it had opened by then is
// released again, so that the same folder opens with the good settings.
func refused(t *testing.T, bad, good centreapp.Config, words ...string) {
	t.Helper()
	app, err := centreapp.New(t.Context(), bad, centreapp.Options{})
	if err == nil {
		t.Fatal("it started", app.Close())
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v\ndoes not say %q", err, w)
		}
	}
	closed(t, open(t, good))
}

func used(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestAPortInUseIsNamed(t *testing.T) {
	good := settings(t.TempDir())
	console, broker := good, good
	console.Listen = used(t)
	refused(t, console, good, "listen", console.Listen)
	broker.NATS.Listen = used(t)
	refused(t, broker, good, "nats.listen", broker.NATS.Listen)
}

func TestFilesThatCannotBeReadAreNamed(t *testing.T) {
	good := settings(t.TempDir())
	for _, c := range []struct {
		name   string
		change func(*centreapp.Config)
		words  []string
	}{
		{"units", func(c *centreapp.Config) { c.Units = "none.yaml" }, []string{"units", "none.yaml"}},
		{"questionnaires", func(c *centreapp.Config) { c.Questionnaires = []string{"none.yaml"} }, []string{"questionnaires", "none.yaml"}},
		{"certificate", func(c *centreapp.Config) { c.TLS = centreapp.TLS{Certificate: "none.pem", Key: "none.key"} }, []string{"tls", "none.pem"}},
		{"NATS certificate", func(c *centreapp.Config) { c.NATS.TLS = centreapp.TLS{Certificate: "none.pem", Key: "none.key"} }, []string{"nats.tls"}},
		{"external NATS", func(c *centreapp.Config) { c.NATS.URL = "nats://127.0.0.1:1" }, []string{"nats://127.0.0.1:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := good
			bad.Data = t.TempDir() // units are read only while the store has none
			c.change(&bad)
			refused(t, bad, good, c.words...)
		})
	}
}

func TestTheDataFolderIsInUse(t *testing.T) {
	dir := t.TempDir()
	first := open(t, settings(dir))
	_, err := centreapp.New(t.Context(), settings(dir), centreapp.Options{})
	if !errors.Is(err, boltstore.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("data = %q", dir)) {
		t.Fatalf("%v, want ErrLocked and the folder", err)
	}
	said(t, err, "data", "", "locked by another program", "chương trình khác khóa")
	closed(t, first)
	open(t, settings(dir))
}

// A store whose key is gone, or damaged, is refused: kiosks would believe none of its
// receipts. Where there is no store yet, a key is made.
func TestTheCentresKey(t *testing.T) {
	dir := t.TempDir()
	closed(t, open(t, settings(dir)))
	path := filepath.Join(dir, "centre.key")
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"centre.key", centreapp.TokenFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want 0600", name, info.Mode(), err)
		}
	}
	for _, c := range []struct {
		name   string
		damage func() error
		words  string
	}{
		{"missing", func() error { return os.Remove(path) }, "missing although there is a store"},
		{"empty", func() error { return os.WriteFile(path, nil, 0o600) }, "damaged"},
		{"cut short", func() error { return os.WriteFile(path, key[:20], 0o600) }, "damaged"},
		{"garbage", func() error { return os.WriteFile(path, []byte("xin chào"), 0o600) }, "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.damage(); err != nil {
				t.Fatal(err)
			}
			_, err := centreapp.New(t.Context(), settings(dir), centreapp.Options{})
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("%v, want %q and the file", err, c.words)
			}
			if c.name == "missing" {
				if _, err := os.Stat(path); !os.IsNotExist(err) {
					t.Fatal("a new key was made beside the old store")
				}
			}
		})
	}
	if err := os.WriteFile(path, key, 0o600); err != nil {
		t.Fatal(err)
	}
	closed(t, open(t, settings(dir))) // the control: with its key it starts
	if again, err := os.ReadFile(path); err != nil || string(again) != string(key) {
		t.Fatalf("the key changed: %v", err)
	}
}

// running runs an aggregator and gives how it ended.
func running(t *testing.T, app *centreapp.App) (stop func(), ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	return cancel, done
}

func wait(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(15 * time.Second):
		t.Fatal("it did not end within 15 s")
		return nil
	}
}

// The administrator's token is made once and opens the API; the same holds after a
// restart, and the sample's units are there.
func TestASecondStartGoesOn(t *testing.T) {
	dir := t.TempDir()
	var token string
	for life := range 2 {
		app := open(t, settings(dir))
		stop, ended := running(t, app)
		b, err := os.ReadFile(filepath.Join(dir, centreapp.TokenFile))
		if err != nil {
			t.Fatal(err)
		}
		if life == 1 && string(b) != token {
			t.Error("the token was made anew")
		}
		token = string(b)
		if code, body := get(t, app.URL()+"/api/v1/units", ""); code != http.StatusUnauthorized {
			t.Errorf("a stranger is answered %d %s", code, body)
		}
		code, body := get(t, app.URL()+"/api/v1/units", strings.TrimSpace(token))
		if code != http.StatusOK || !strings.Contains(body, "mau-ttpvhcc") {
			t.Errorf("the units are answered with %d %s", code, body)
		}
		stop()
		if err := wait(t, ended); err != nil {
			t.Fatal(err)
		}
		closed(t, app)
	}
}

func get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, readAll(t, resp)
}

// Without auto_enrol nothing of the sample is put into a store.
func TestAFileWithoutUnitsPutsNone(t *testing.T) {
	c := settings(t.TempDir())
	c.AutoEnrol = false
	app := open(t, c)
	s, err := app.Store().Structure(context.Background())
	if err != nil || len(s.Units) != 0 {
		t.Fatalf("%d units, %v", len(s.Units), err)
	}
	q, err := app.Store().Catalogue(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := q.InForce("quick"); !ok {
		t.Fatal("the questionnaires that come with the program are missing")
	}
}

func TestTheAddressesThatAreTold(t *testing.T) {
	c := settings(t.TempDir())
	app := open(t, c)
	if app.URL() != "http://"+app.Addr() || !strings.HasPrefix(app.NATS(), "nats://127.0.0.1:") || strings.HasSuffix(app.NATS(), ":0") {
		t.Errorf("console %s, NATS %s", app.URL(), app.NATS())
	}
	if !strings.HasPrefix(app.SigninLink(), app.URL()+"/signin") {
		t.Errorf("sign in at %s", app.SigninLink())
	}
	closed(t, app)
	c.PublicURL, c.NATS.Advertise = "https://danhgia.example.vn", "tls://nats.example.vn:4222"
	app = open(t, c)
	if app.URL() != c.PublicURL || app.NATS() != c.NATS.Advertise || !strings.HasPrefix(app.SigninLink(), c.PublicURL+"/") {
		t.Errorf("console %s, NATS %s, sign in at %s", app.URL(), app.NATS(), app.SigninLink())
	}
}

// brokenStore is a store whose commit has failed.
type brokenStore struct{ intake.Store }

func (brokenStore) Keep(context.Context, []custody.Arrival) ([]custody.Kept, error) {
	return nil, fmt.Errorf("%w: no space left", boltstore.ErrFailed)
}

// busyStore is a store that cannot take anything just now.
type busyStore struct{ intake.Store }

func (busyStore) Keep(context.Context, []custody.Arrival) ([]custody.Kept, error) {
	return nil, errors.New("busy")
}

// A store that failed to write takes nothing more until it is opened anew: the program
// ends and says so, instead of refusing for ever. Any other error it sits out.
func TestAFailedStoreEndsTheProgram(t *testing.T) {
	for _, c := range []struct {
		name string
		wrap func(intake.Store) intake.Store
		ends bool
	}{
		{"failed", func(s intake.Store) intake.Store { return brokenStore{s} }, true},
		{"busy", func(s intake.Store) intake.Store { return busyStore{s} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			app := open(t, settings(t.TempDir()), func(o *centreapp.Options) { o.Wrap = c.wrap })
			stop, ended := running(t, app)
			sendBatch(t, app)
			if c.ends {
				if err := wait(t, ended); !errors.Is(err, boltstore.ErrFailed) || !strings.Contains(err.Error(), "opened anew") {
					t.Fatalf("it ended with %v", err)
				}
				return
			}
			select {
			case err := <-ended:
				t.Fatalf("it ended with %v", err)
			case <-time.After(100 * time.Millisecond):
			}
			stop()
			if err := wait(t, ended); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// sendBatch has an enrolled kiosk send one record.
func sendBatch(t *testing.T, app *centreapp.App) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	name := custody.KioskName(public)
	err = app.Store().PutKiosk(context.Background(), survey.Kiosk{
		ID: name, Name: "Quầy 1", Role: survey.CounterKiosk, Counters: []survey.CounterCode{"Q1"}, Key: public, Enrolled: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{}, 8)
	nc, err := link.Dial(link.Options{URL: app.NATS(), Kiosk: name, Key: key, OnChange: func(is bool, problem error) {
		if is && problem == nil {
			up <- struct{}{}
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
	r := custody.Seal(custody.Record{Version: custody.RecordVersion, Chain: survey.Chain{1}, Sequence: 1, Kind: custody.ResponseRecord, PayloadVersion: custody.PayloadVersion})
	batch := custody.NewBatch(name, key, survey.Hash{}, []custody.Record{r}, nil, nil)
	var m *nats.Msg
	if m, err = nc.Request(wire.Batch(name), batch.Message(), 5*time.Second); err != nil || !strings.Contains(string(m.Data), wire.Stream) {
		t.Fatalf("the bus did not take the batch: %v %v", m, err)
	}
}
