package intake_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/intake"
	"hailong/sync/wire"
)

func TestABatchIsKeptAndSignedFor(t *testing.T) {
	a, b := newBox(1, 20), newBox(2, 5)
	c := newCentre(t, a, b)
	sa, sb := c.connect(a), c.connect(b)
	sa.sendAll() // before the intake runs: it finds them at its start
	c.start()
	sb.sendAll()
	sa.receiptUpTo(20)
	sb.receiptUpTo(5)
	c.settled(a, b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) != 25 || len(c.counters) != 25 || len(c.rejected) != 0 {
		t.Fatalf("heard of %d batches, %d counters, %d rejected", len(c.kept), len(c.counters), len(c.rejected))
	}
}

func TestNothingIsAcknowledgedThatWasNotKept(t *testing.T) {
	t.Parallel()
	a := newBox(1, 10)
	c := newCentre(t, a)
	s := c.connect(a)
	c.store.fault(fails, nil)
	c.start()
	s.sendAll()
	c.until("the store is tried again", func() error {
		if n := c.store.tried(); n < 3 {
			return fmt.Errorf("tried %d times", n)
		}
		return nil
	})
	// The negative control: as long as the store fails nothing leaves the bus and nothing
	// is signed for.
	if n := c.waiting(); n != 10 {
		t.Fatalf("the bus holds %d batches of 10 that were never kept", n)
	}
	s.quiet()
	c.store.fault(nil, nil)
	s.receiptUpTo(10)
	c.settled(a)
}

// A store that cannot say who a kiosk is makes nobody a stranger: the batch waits.
func TestKeysThatCannotBeReadHoldBatchesUp(t *testing.T) {
	t.Parallel()
	a := newBox(1, 5)
	c := newCentre(t, a)
	s := c.connect(a)
	var asked, mended atomic.Int64
	known := c.keys
	c.keys = func(k survey.KioskID) (ed25519.PublicKey, bool, error) {
		if asked.Add(1); mended.Load() == 0 {
			return nil, false, errDisk
		}
		return known(k)
	}
	c.start()
	s.sendAll()
	c.until("the keys are asked for again", func() error {
		if n := asked.Load(); n < 6 {
			return fmt.Errorf("asked %d times", n)
		}
		return nil
	})
	if m, err := s.nc.Request(wire.Mark(a.name), custody.MarkRequest{Chain: a.chain}.Encode(), 50*time.Millisecond); err == nil {
		t.Errorf("a question was answered with %d bytes", len(m.Data))
	}
	if n := c.waiting(); n != 5 {
		t.Fatalf("the bus holds %d of 5 batches that nobody could judge", n)
	}
	s.quiet()
	mended.Store(1)
	s.receiptUpTo(5)
	c.settled(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rejected) != 0 {
		t.Errorf("%d batches were rejected: %s", len(c.rejected), c.rejected[0].Reason)
	}
}

func TestAStoreThatKeptAndSaidItHadNot(t *testing.T) {
	t.Parallel()
	a := newBox(1, 10)
	c := newCentre(t, a)
	s := c.connect(a)
	c.store.fault(nil, func() error { return errDisk }) // committed, but nobody knows
	s.sendAll()
	c.start()
	c.until("the store has it and says it has not", func() error { return c.store.holds(a) })
	if n := c.waiting(); n != 10 {
		t.Fatalf("the bus holds %d of 10 batches whose fate nobody knows", n)
	}
	s.quiet()
	c.store.fault(nil, nil)
	s.receiptUpTo(10)
	c.settled(a) // once each
}

// A store that hangs holds up batches, not the answers to kiosks that ask; and what was
// under way at the stop comes again after it.
func TestAStoreThatHangsAndAStop(t *testing.T) {
	t.Parallel()
	a := newBox(1, 4)
	c := newCentre(t, a)
	s := c.connect(a)
	hung := make(chan struct{}, 64)
	c.store.fault(func(ctx context.Context) error {
		hung <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}, nil)
	c.start()
	s.sendAll()
	<-hung
	if r := s.ask(); r.Durable != 0 {
		t.Fatalf("while the store hangs the mark is %d", r.Durable)
	}
	c.stop()
	if n := c.waiting(); n != 4 {
		t.Fatalf("after the stop the bus holds %d of 4 batches", n)
	}
	s.quiet()
	c.store.fault(nil, nil)
	c.start()
	s.receiptUpTo(4)
	c.settled(a)
}

func TestMarks(t *testing.T) {
	a, b, stranger := newBox(1, 3), newBox(2, 0), newBox(3, 1)
	c := newCentre(t, a, b)
	sa, sb := c.connect(a), c.connect(b)
	c.start()
	sa.send(sa.message(1, 3))
	sa.receiptUpTo(3)
	if r := sa.ask(); r.Chain != a.chain || r.Head() != a.headAt(3) || r.Started || r.Gap || r.Refused != "" {
		t.Fatalf("the mark is %+v", r)
	}
	if r := sb.ask(); r.Chain != b.chain || r.Head() != (custody.Head{}) {
		t.Fatalf("the mark of a chain that the centre has never seen is %+v", r)
	}
	for _, q := range []struct {
		name  string
		kiosk survey.KioskID
		data  []byte
	}{
		{"a kiosk that is not enrolled", stranger.name, custody.MarkRequest{Chain: stranger.chain}.Encode()},
		{"not a request", a.name, []byte("xin chào")},
		{"no chain", a.name, custody.MarkRequest{}.Encode()},
	} {
		if m, err := c.broker.Conn().Request(wire.Mark(q.kiosk), q.data, 50*time.Millisecond); err == nil {
			t.Errorf("%s was answered with %d bytes", q.name, len(m.Data))
		}
	}
}

// Behind a message server that knows no keys a kiosk that was shut out asks like any other,
// and hears that it is refused.
func TestTheMarkOfAKioskThatWasShutOut(t *testing.T) {
	a := newBox(1, 6)
	c := newCentre(t, a)
	var out atomic.Bool
	c.keys = func(k survey.KioskID) (ed25519.PublicKey, bool, error) {
		if out.Load() {
			return nil, false, fmt.Errorf("kiosk %s: %w", k, &intake.ShutOut{Kiosk: k, Since: time.Unix(0, 0)})
		}
		return keysOf(a)(k)
	}
	s := c.connect(a)
	c.start()
	s.send(s.message(1, 3))
	s.receiptUpTo(3)
	out.Store(true)
	if r := s.ask(); r.Chain != a.chain || r.Head() != a.headAt(3) || !strings.Contains(r.Refused, "no kiosk of that name is enrolled any more") {
		t.Fatalf("shut out it hears %+v", r)
	}
	out.Store(false)
	if r := s.ask(); r.Refused != "" {
		t.Fatalf("allowed again it hears %+v", r)
	}
}

// A receipt tells both marks, the one that moves the sender and the one that lets the
// kiosk forget: in an answer, after a batch, and with a refusal.
func TestReceiptsTellWhatIsBackedUp(t *testing.T) {
	a := newBox(1, 6)
	c := newCentre(t, a)
	s := c.connect(a)
	c.start()
	has := func(what string, r custody.Receipt, durable, backup uint64) {
		t.Helper()
		if r.Head() != a.headAt(durable) || (custody.Head{Sequence: r.Backup, Hash: r.BackupSum}) != a.headAt(backup) {
			t.Errorf("%s: %d is durable and %d backed up, want %d and %d", what, r.Durable, r.Backup, durable, backup)
		}
	}
	s.send(s.message(1, 4))
	s.receiptUpTo(4)
	has("before a backup", s.ask(), 4, 0)
	c.store.backUp(a.chain, a.headAt(3))
	has("after it", s.ask(), 4, 3)
	s.send(s.message(5, 6))
	has("with the next batch", s.receipt(), 6, 3)
	other := newBox(2, 1)
	s.send(custody.NewBatch(a.name, other.key, a.hashAt(5), a.records[5:], nil, nil).Message())
	r := s.receipt()
	if has("with a refusal", r, 6, 3); r.Refused == "" {
		t.Error("a batch signed with another key is not refused")
	}
}

// At its start the intake greets every kiosk, so that each sends again, without waiting,
// what was lost with the centre's last life.
func TestEveryKioskIsGreeted(t *testing.T) {
	a, b := newBox(1, 0), newBox(2, 0)
	c := newCentre(t, a, b)
	stations := []*station{c.connect(a), c.connect(b)}
	for range 2 {
		c.start()
		for _, s := range stations {
			if r := s.receipt(); !r.Started || r.Durable != 0 || !r.Chain.IsZero() {
				t.Fatalf("greeted with %+v", r)
			}
		}
		c.stop()
	}
}

// What is not admitted is kept with the reason, taken off the bus, told to the sender
// where it can be, and does not hold up what comes behind it.
func TestAPoisonousBatchBlocksNobody(t *testing.T) {
	t.Parallel()
	a, b := newBox(1, 6), newBox(2, 3)
	c := newCentre(t, a, b)
	sa, sb := c.connect(a), c.connect(b)
	sa.send(sa.message(1, 3))
	sa.send([]byte("xin chào"))
	forged := custody.NewBatch(a.name, b.key, a.hashAt(3), a.records[3:], nil, nil).Message()
	sa.send(forged)
	sa.send(sb.message(1, 3)) // b's batch on a's subject
	sb.sendAll()
	sa.send(sa.message(4, 6))
	failed := false
	c.store.fault(func(context.Context) error { // the very first change fails: a rejected one comes again too
		if failed {
			return nil
		}
		failed = true
		return errDisk
	}, nil)
	c.start()
	c.settled(a, b)
	sb.receiptUpTo(3)
	var refused []string
	for durable := uint64(0); durable < 6 || len(refused) < 2; {
		r := sa.receipt()
		if r.Refused != "" {
			refused = append(refused, r.Refused)
			if r.Head() != a.headAt(r.Durable) && r.Chain == a.chain {
				t.Fatalf("a refusal with the mark %+v", r.Head())
			}
			continue
		}
		if !r.Started {
			durable = r.Durable
		}
	}
	if !strings.Contains(refused[0], "signature") || !strings.Contains(refused[1], "another kiosk") {
		t.Fatalf("refused because of %q", refused)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	want := []string{"cannot be read", "signature", "another kiosk"}
	if len(c.rejected) != len(want) || len(c.store.rejected) != len(want) {
		t.Fatalf("rejected: %d told, %d kept, want %d", len(c.rejected), len(c.store.rejected), len(want))
	}
	for i, r := range c.store.rejected {
		if !strings.Contains(r.Reason, want[i]) || r.Kiosk != a.name || r.Reason != c.rejected[i].Reason {
			t.Errorf("rejected because of %q, want %q", r.Reason, want[i])
		}
	}
	if string(c.store.rejected[0].Bytes) != "xin chào" || string(c.store.rejected[1].Bytes) != string(forged) {
		t.Error("what was rejected is not kept as it came")
	}
}

// A batch that begins too late is not kept; the sender hears where to go on, and a
// contradiction is refused while the first branch stays.
func TestGapsAndForksAreTold(t *testing.T) {
	a := newBox(1, 6)
	c := newCentre(t, a)
	var told strings.Builder // written by the intake alone, read when it has stopped
	c.log = slog.New(slog.NewTextHandler(&told, nil))
	s := c.connect(a)
	c.start()
	s.send(s.message(1, 2))
	s.receiptUpTo(2)
	s.send(s.message(5, 6))
	if r := s.receipt(); !r.Gap || r.Head() != a.headAt(2) || r.Refused != "" {
		t.Fatalf("after a gap: %+v", r)
	}
	branch := newBox(1, 0) // the same key and chain, but other records
	branch.records = append(branch.records, a.records[0])
	branch.name = "k-copy" // makes its nonces, and so its records, different
	branch.press()
	branch.press()
	branch.name = a.name
	s.send(branch.message(2, 3))
	if r := s.receipt(); !strings.Contains(r.Refused, "fork") || r.Head() != a.headAt(2) {
		t.Fatalf("after a fork: %+v", r)
	}
	s.send(s.message(3, 6))
	s.receiptUpTo(6)
	c.settled(a)
	c.stop()
	if want := fmt.Sprintf("kiosk=%s chain=%s head=2", a.name, a.chain); !strings.Contains(told.String(), want) {
		t.Errorf("the log does not say %q of the fork:\n%s", want, told.String())
	}
}

// The intake's consumer may be taken away, by hand or with the bus's files: it is made
// anew, and until then the intake does not spin.
func TestALostConsumerIsMadeAnew(t *testing.T) {
	t.Parallel()
	c, s := halfway(t)
	before := c.broker.Conn().Stats().OutMsgs
	began := time.Now()
	if err := c.jetstream().DeleteConsumer(context.Background(), wire.Stream, wire.Consumer); err != nil {
		t.Fatal(err)
	}
	s.send(s.message(4, 6))
	s.receiptUpTo(6)
	c.settled(s.box)
	asked := c.broker.Conn().Stats().OutMsgs - before
	if most := 200 + uint64(time.Since(began).Milliseconds()/2); asked > most {
		t.Fatalf("%d messages went out in %s, want at most %d", asked, time.Since(began), most)
	}
}

func TestABusThatCannotBeUsedIsSaid(t *testing.T) {
	a := newBox(1, 0)
	c := newCentre(t, a)
	c.broker.Close()
	in := intake.New(intake.Options{Store: c.store, Conn: c.broker.Conn(), Keys: keysOf(a), Sign: c.key, Log: slog.New(slog.DiscardHandler)})
	if err := in.Run(context.Background()); err == nil {
		t.Fatal("it ran over a closed connection")
	}
}

// A stop is no failure, however early it comes.
func TestAStopBeforeItHasBegun(t *testing.T) {
	c := newCentre(t, newBox(1, 0))
	in := intake.New(intake.Options{Store: c.store, Conn: c.broker.Conn(), Keys: keysOf(), Sign: c.key, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := in.Run(ctx); err != nil {
		t.Fatalf("it ended with %v", err)
	}
}

// A store that cannot go on ends the intake; what it could not keep stays on the bus.
func TestAStoreThatCannotGoOn(t *testing.T) {
	a := newBox(1, 3)
	c := newCentre(t, a)
	c.connect(a).sendAll()
	c.store.fault(fails, nil)
	in := intake.New(intake.Options{
		Store: c.store, Conn: c.broker.Conn(), Keys: keysOf(a), Sign: c.key, Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) bool { return errors.Is(err, errDisk) },
	})
	if err := in.Run(context.Background()); !errors.Is(err, errDisk) {
		t.Fatalf("it ended with %v", err)
	}
	if n := c.waiting(); n != 3 {
		t.Fatalf("the bus holds %d of 3 batches", n)
	}
	c.store.fault(nil, nil)
	c.start()
	c.settled(a)
}
