package centreapp_test

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"hailong/cmd/internal/centreapp"
	"hailong/survey"
	"hailong/survey/custody"
)

// told is a log that may be read while it is written.
type told struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *told) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// lines are those that contain a word, of all that was said so far.
func (l *told) lines(word string) (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, word) {
			list = append(list, line)
		}
	}
	return list
}

// knocks tries once to connect with a key, nil for none, and must not be let in.
func knocks(t *testing.T, app *centreapp.App, key ed25519.PrivateKey) {
	t.Helper()
	opts := []nats.Option{nats.NoReconnect()}
	if key != nil {
		pair, err := nkeys.FromRawSeed(nkeys.PrefixByteUser, key.Seed())
		if err != nil {
			t.Fatal(err)
		}
		public, err := pair.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		opts = append(opts, nats.Nkey(public, pair.Sign))
	}
	if nc, err := nats.Connect(app.NATS(), opts...); err == nil {
		nc.Close()
		t.Fatal("it was let in")
	}
}

// A box that was shut out, or never enrolled, knocks for months, and nobody looks after it.
// The log names it with the reason, at once and then once an hour with the number of
// attempts; the message server's own line for each attempt, which names no kiosk, is not
// there. Callers without a key are spoken of by where they come from.
func TestTheLogOfCallersWhoAreNotLetIn(t *testing.T) {
	var log told
	clock := newClock(time.Date(2026, time.April, 15, 8, 0, 0, 0, survey.Zone))
	app := open(t, settings(t.TempDir()), func(o *centreapp.Options) { o.Log, o.Now = logTo(&log), clock.now })
	public, revoked, _ := ed25519.GenerateKey(nil) // from the system's own source, which does not fail
	since := clock.now()
	name := custody.KioskName(public)
	if err := app.Store().PutKiosk(t.Context(), survey.Kiosk{ID: name, Role: survey.CounterKiosk, Key: public, Enrolled: since, Revoked: &since}); err != nil {
		t.Fatal(err)
	}
	_, unknown, _ := ed25519.GenerateKey(nil)
	callers := []struct {
		key  ed25519.PrivateKey
		says []string
	}{
		{revoked, []string{"kiosk not let in", "kiosk=" + string(name), "it was revoked at 08:00"}},
		{unknown, []string{"kiosk not let in", "kiosk=" + string(custody.KioskName(unknown.Public().(ed25519.PublicKey))), "not enrolled"}},
		{nil, []string{"a caller of the message server", "from=127.0.0.1"}},
	}
	const often = 3
	for hour, times := range []int{1, often} {
		for range often {
			for _, c := range callers {
				knocks(t, app, c.key)
			}
		}
		for _, c := range callers {
			lines := log.lines(c.says[1])
			if len(lines) != hour+1 || !strings.Contains(lines[hour], fmt.Sprintf("times=%d", times)) {
				t.Errorf("hour %d: said of %s: %q", hour, c.says[1], lines)
			}
			for _, what := range c.says {
				if len(lines) == 0 || !strings.Contains(lines[0], what) {
					t.Errorf("%q does not say %q", lines, what)
				}
			}
		}
		clock.set(clock.now().Add(time.Hour))
	}
	if lines := log.lines("authentication error"); len(lines) != 0 {
		t.Errorf("the message server says for itself: %q", lines)
	}
}
