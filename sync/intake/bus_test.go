package intake_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"hailong/sync/broker"
	"hailong/sync/wire"
)

// watch sees to the message server until the test ends, and says what it did.
func (c *centre) watch() <-chan broker.Event {
	c.t.Helper()
	told := make(chan broker.Event, 64)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.broker.Watch(ctx, 300*time.Millisecond, func(e broker.Event) { told <- e })
	}()
	c.t.Cleanup(func() {
		cancel()
		<-done
	})
	return told
}

// hears waits until the watch says something.
func (c *centre) hears(told <-chan broker.Event, kind broker.EventKind) {
	c.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e := <-told:
			if e.Kind == kind {
				return
			}
		case <-deadline:
			c.t.Fatalf("the watch did not say %q within 20 s", kind)
		}
	}
}

// greeted reads receipts until a greeting.
func (s *station) greeted() {
	s.t.Helper()
	for !s.receipt().Started {
	}
}

// again sends a batch until the bus takes it, as a kiosk does.
func (c *centre) again(s *station, data []byte) {
	c.t.Helper()
	c.until("the bus takes a batch", func() error {
		m, err := s.nc.Request(wire.Batch(s.name), data, time.Second)
		if err == nil && len(m.Data) > 0 {
			return nil
		}
		return fmt.Errorf("no answer: %w", err)
	})
}

func TestCanariesAreTakenOutAndNothingElse(t *testing.T) {
	t.Parallel()
	a := newBox(1, 4)
	c := newCentre(t, a)
	s := c.connect(a)
	canary := func() {
		if m, err := c.broker.Conn().Request(wire.Canary, nil, 5*time.Second); err != nil || len(m.Data) == 0 {
			t.Fatalf("the bus did not take a canary: %v", err)
		}
	}
	canary()
	canary()
	s.send(s.message(1, 2))
	canary()
	s.send(s.message(3, 4))
	canary()
	c.start()
	s.receiptUpTo(4)
	c.settled(a)
	canary() // alone
	c.settled(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) != 2 || len(c.rejected) != 0 || len(c.store.rejected) != 0 {
		t.Fatalf("kept %d batches of 2, rejected %d and %d of 0", len(c.kept), len(c.rejected), len(c.store.rejected))
	}
}

// The stream may be taken away under the intake: for a while there is none at all, then
// there is an empty one. The intake goes on and greets the kiosks, so that they need not
// wait to find out.
func TestALostStream(t *testing.T) {
	t.Parallel()
	c, s := halfway(t)
	if err := c.jetstream().DeleteStream(context.Background(), wire.Stream); err != nil {
		t.Fatal(err)
	}
	// The control: without a stream there is nothing to greet for.
	if m, err := s.receipts.NextMsg(1500 * time.Millisecond); err == nil {
		t.Fatalf("while there is no stream came %+v", s.opened(m.Data))
	}
	c.hears(c.watch(), broker.StreamMade)
	s.greeted()
	c.again(s, s.message(4, 6))
	s.receiptUpTo(6)
	c.settled(s.box)
}

// The server gets stuck because its folder was taken away under it, and is started again:
// what it had acknowledged is lost, and the kiosks that send again meet the same intake.
func TestAStuckServer(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for answers that do not come: skipped with -short")
	}
	t.Parallel()
	c, s := halfway(t)
	stuck := c.getStuck()
	for range 3 { // the control: unwatched, it stays so
		if err := stuck(); !errors.Is(err, nats.ErrTimeout) {
			t.Fatalf("the server said %v", err)
		}
	}
	c.hears(c.watch(), broker.Well)
	// The kiosk's own connection was cut: that tells it to ask, and the greeting may have
	// gone out before it was back.
	c.again(s, s.message(4, 6))
	s.receiptUpTo(6)
	c.settled(s.box)
	if err := stuck(); err != nil {
		t.Fatalf("after all that the server said %v", err)
	}
}

// getStuck makes the server stuck, and returns what tries whether it is.
func (c *centre) getStuck() func() error {
	c.t.Helper()
	try := func() error {
		_, err := c.broker.Conn().Request(wire.Canary, make([]byte, 200<<10), time.Second)
		return err
	}
	found, err := filepath.Glob(filepath.Join(c.dir, "jetstream", "*", "streams", wire.Stream, "msgs"))
	if err != nil || len(found) != 1 {
		c.t.Fatalf("the stream's files are not where they were looked for: %v %v", found, err)
	}
	if err := os.RemoveAll(found[0]); err != nil {
		c.t.Fatal(err)
	}
	for range 200 { // it notices when it begins a new file
		if try() != nil {
			return try
		}
	}
	c.t.Fatal("the server goes on without its folder")
	return nil
}
