package uplink

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// A centre that was restored from a backup older than what the kiosk let go asks for what
// nobody has. The journal is opened anew, and what is left of the old chain arrives inside
// the new one.
func TestAStrandedKioskGoesOnByItself(t *testing.T) {
	b := newBox(t)
	o := journal.Options{
		Segment: 4 << 10, Ballast: -1, Full: 1, Spare: 20, Space: func(string) journal.Space { return journal.Space{Free: 10, Total: 100} },
	}
	b.reopen(o)
	for range 80 { // one by one, so that segments are sealed
		b.press(1)
	}
	b.carry()
	b.stop()
	o.Chain = b.journal.Chain()
	b.reopen(o) // it soon looks what can go
	hash, err := b.journal.HashAt(60)
	if err == nil {
		err = b.journal.Backed(o.Chain, custody.Head{Sequence: 60, Hash: hash})
	}
	if err != nil {
		t.Fatal(err)
	}
	b.carry()
	b.until("something is let go", func() error {
		if oldest, _ := b.journal.Segments(); oldest < 3 {
			return fmt.Errorf("segment %d is here", oldest)
		}
		return nil
	})
	b.bus.restore(o.Chain, 7)
	b.until("the journal ends its life", func() error {
		select {
		case <-b.journal.Failed():
			return nil
		default:
			return errors.New("it goes on")
		}
	})
	if s := b.uplink.State(); s.Durable != 7 {
		t.Errorf("the mark is %d", s.Durable)
	}
	b.stop()
	b.reopen(o)
	b.press(1)
	b.carry()
	var salvaged []uint64
	b.bus.mu.Lock()
	defer b.bus.mu.Unlock()
	for _, r := range b.bus.chains[b.journal.Chain()] {
		if inner, err := r.Salvaged(); err == nil && inner.Chain == o.Chain {
			salvaged = append(salvaged, inner.Sequence)
		}
	}
	n := len(salvaged)
	if n < 20 || n > 73 || salvaged[0] != uint64(80-n+1) || salvaged[n-1] != 80 {
		t.Fatalf("of the old chain these arrived: %v", salvaged)
	}
}

// An earlier chain that cannot give what the centre lacks is an alarm, until it can.
func TestWhatCannotBeReadIsAnAlarm(t *testing.T) {
	b := newBox(t)
	shut := &closed{Journal: b.journal}
	shut.closed.Store(true)
	b.uplink.Journal = shut
	b.press(10)
	b.run()
	b.up()
	b.until("the state says it", func() error {
		if s := b.uplink.State(); !strings.HasPrefix(s.Problem, string(Unread)) || !strings.HasSuffix(s.Problem, errClosed.Error()) {
			return fmt.Errorf("problem %q", s.Problem)
		}
		return nil
	})
	shut.closed.Store(false)
	b.settled()
	b.until("the alarm is over", func() error {
		if s := b.uplink.State(); s.Problem != "" {
			return errors.New(s.Problem)
		}
		return nil
	})
}

var errClosed = errors.New("record 1 was let go")

// closed is a journal that gives no batch for a while.
type closed struct {
	Journal
	closed atomic.Bool
}

// Batch implements [Journal].
func (c *closed) Batch(first, durable uint64, maxRecords, maxBytes int, kiosk survey.KioskID, key ed25519.PrivateKey) (*custody.Batch, error) {
	if c.closed.Load() {
		return nil, errClosed
	}
	return c.Journal.Batch(first, durable, maxRecords, maxBytes, kiosk, key)
}
