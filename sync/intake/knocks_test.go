package intake_test

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/intake"
	"hailong/sync/wire"
)

// What comes again and again is spoken of at once, and then once an hour with its number;
// another refusal has its own hour.
func TestARefusalIsSpokenOfOnceAnHour(t *testing.T) {
	now := time.Date(2026, time.April, 15, 8, 0, 0, 0, survey.Zone)
	k := intake.NewKnocks(func() time.Time { return now })
	for i, step := range []struct {
		after   time.Duration
		refusal string
		want    int
	}{
		{0, "k-one", 1},
		{time.Second, "k-one", 0},
		{time.Second, "k-two", 1},
		{58 * time.Minute, "k-one", 0},
		{2 * time.Minute, "k-one", 3},
		{time.Second, "k-one", 0},
		{time.Second, "k-two", 1},
		{30 * 24 * time.Hour, "k-one", 2},
		{-365 * 24 * time.Hour, "k-one", 1}, // a clock that was set back silences nothing
	} {
		now = now.Add(step.after)
		if got := k.Knock(step.refusal); got != step.want {
			t.Errorf("step %d: %s is spoken of with %d, want %d", i, step.refusal, got, step.want)
		}
	}
}

// Names that a stranger makes up take no memory without end: beyond a number they share
// one hour, and an hour later there is room again.
func TestMadeUpNamesAreNotAllRemembered(t *testing.T) {
	now := time.Date(2026, time.April, 15, 8, 0, 0, 0, survey.Zone)
	k := intake.NewKnocks(func() time.Time { return now })
	const names = 5000
	said := 0
	for round := range 2 {
		for i := range names {
			if k.Knock(fmt.Sprint("made up ", i)) > 0 {
				said++
			}
		}
		if said > 1002 || round == 0 && said < 1000 {
			t.Fatalf("%d lines of %d strangers", said, names)
		}
	}
	now = now.Add(2 * time.Hour)
	if got := k.Knock("one who never came before"); got != 1 {
		t.Errorf("two hours later a new one is spoken of with %d", got)
	}
}

// Behind a message server that knows no keys a kiosk that was shut out asks and sends for
// months, and so does one that nobody enrolled. The log names each once, with the reason;
// the kiosk that is known hears it each time.
func TestTheLogOfKiosksThatAreNotTaken(t *testing.T) {
	a, stranger := newBox(1, 2), newBox(3, 0)
	c := newCentre(t, a)
	var told strings.Builder // the handler lets one write at a time, the last before the stop is the intake's own
	c.log = slog.New(slog.NewTextHandler(&told, nil))
	c.keys = func(k survey.KioskID) (ed25519.PublicKey, bool, error) {
		if k == stranger.name {
			return nil, false, nil
		}
		return nil, false, &intake.ShutOut{Kiosk: k, Since: time.Unix(0, 0)}
	}
	s := c.connect(a)
	c.start()
	s.greeted()
	for range 5 {
		request := custody.MarkRequest{Chain: stranger.chain}.Encode()
		if err := c.broker.Conn().PublishRequest(wire.Mark(stranger.name), wire.InboxPrefix(stranger.name)+".x", request); err != nil {
			t.Fatal(err)
		}
		if r := s.ask(); r.Refused == "" {
			t.Fatalf("shut out it hears %+v", r)
		}
	}
	s.send(s.message(1, 1))
	s.send(s.message(2, 2))
	c.until("both batches are rejected", func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.rejected) < 2 {
			return fmt.Errorf("%d are", len(c.rejected))
		}
		return nil
	})
	c.stop()
	for what, kiosk := range map[string]survey.KioskID{"mark request refused": a.name, "batch rejected": a.name, "mark request ignored": stranger.name} {
		if n := strings.Count(told.String(), fmt.Sprintf("msg=%q kiosk=%s reason=", what, kiosk)); n != 1 {
			t.Errorf("%q is said %d times of %s:\n%s", what, n, kiosk, told.String())
		}
	}
}
