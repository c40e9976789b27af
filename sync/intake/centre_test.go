package intake_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/broker"
	"hailong/sync/intake"
	"hailong/sync/link"
	"hailong/sync/wire"
)

// centre is a message server, a store and an intake between them.
type centre struct {
	t        *testing.T
	dir      string // of the message server
	broker   *broker.Broker
	store    *memory
	key      ed25519.PrivateKey
	boxes    []*box
	log      *slog.Logger
	keys     intake.Keys // of the enrolled boxes, if nothing else is set before start
	mu       sync.Mutex  // protects what follows
	rejected []custody.Rejected
	kept     []custody.Kept
	counters []survey.CounterCode
	stuck    int // chains, as last told
	stop     func()
}

// newCentre starts everything but the intake. The kiosks are enrolled.
func newCentre(t *testing.T, boxes ...*box) *centre {
	t.Helper()
	c := &centre{t: t, boxes: boxes, log: slog.New(slog.DiscardHandler), keys: keysOf(boxes...), dir: t.TempDir(), store: &memory{chains: map[survey.Chain][]custody.Record{}}}
	for _, b := range boxes {
		c.store.kiosks = append(c.store.kiosks, survey.Kiosk{ID: b.name, Key: public(b.key)})
	}
	_, c.key, _ = ed25519.GenerateKey(nil) // from the system's own source, which does not fail
	var err error
	c.broker, err = broker.Start(context.Background(), broker.Options{Dir: c.dir, Listen: "127.0.0.1:0", Admit: func(key []byte) (survey.KioskID, bool) {
		name := custody.KioskName(key)
		_, ok, _ := keysOf(boxes...)(name)
		return name, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.broker.Close)
	return c
}

// start runs the intake until the test or stop ends it.
func (c *centre) start() {
	c.t.Helper()
	in := intake.New(intake.Options{
		Store: c.store, Conn: c.broker.Conn(), Keys: c.keys, Sign: c.key, Log: c.log,
		OnKept: func(counters []survey.CounterCode, kept []custody.Kept) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.counters, c.kept = append(c.counters, counters...), append(c.kept, kept...)
		},
		OnRejected: func(r custody.Rejected) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.rejected = append(c.rejected, r)
		},
		OnStuck: func(chains int) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.stuck = chains
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				c.t.Errorf("the intake ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			c.t.Error("the intake did not stop within 5 s")
		}
	})
	c.t.Cleanup(c.stop)
}

func (c *centre) stuckNow() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stuck
}

// halfway is a centre at work and a kiosk that has sent the first half of its six records,
// and been greeted.
func halfway(t *testing.T) (*centre, *station) {
	t.Helper()
	a := newBox(1, 6)
	c := newCentre(t, a)
	s := c.connect(a)
	c.start()
	s.greeted()
	s.send(s.message(1, 3))
	s.receiptUpTo(3)
	return c, s
}

// jetstream is the bus's streams.
func (c *centre) jetstream() jetstream.JetStream {
	c.t.Helper()
	js, err := jetstream.New(c.broker.Conn())
	if err != nil {
		c.t.Fatal(err)
	}
	return js
}

// waiting is how many batches the bus still holds.
func (c *centre) waiting() int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s, err := c.jetstream().Stream(ctx, wire.Stream)
	if err != nil {
		c.t.Fatal(err)
	}
	return int(s.CachedInfo().State.Msgs)
}

// until waits for something that must come true.
func (c *centre) until(what string, ok func() error) {
	c.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: not within 10 s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// settled waits until the store has all of the boxes' records and the bus is empty.
func (c *centre) settled(boxes ...*box) {
	c.t.Helper()
	c.until("everything is kept and acknowledged", func() error {
		for _, b := range boxes {
			if err := c.store.holds(b); err != nil {
				return err
			}
		}
		if n := c.waiting(); n > 0 {
			return fmt.Errorf("the bus still holds %d batches", n)
		}
		return nil
	})
}

// station is a kiosk's end of the bus.
type station struct {
	*box
	t        *testing.T
	nc       *nats.Conn
	receipts *nats.Subscription
	centre   ed25519.PublicKey
}

// connect brings a kiosk to the bus with its own key and permissions.
func (c *centre) connect(b *box) *station {
	c.t.Helper()
	up := make(chan struct{}, 8)
	nc, err := link.Dial(link.Options{URL: "nats://" + c.broker.Addr(), Kiosk: b.name, Key: b.key, OnChange: func(is bool, problem error) {
		if is && problem == nil {
			up <- struct{}{}
		}
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(nc.Close)
	select {
	case <-up:
	case <-time.After(10 * time.Second):
		c.t.Fatal("a kiosk could not connect within 10 s")
	}
	s := &station{box: b, t: c.t, nc: nc, centre: public(c.key)}
	if s.receipts, err = nc.SubscribeSync(wire.Receipt(b.name)); err == nil {
		err = nc.Flush()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// send publishes bytes as a batch and waits until the bus has them.
func (s *station) send(data []byte) {
	s.t.Helper()
	m, err := s.nc.Request(wire.Batch(s.name), data, 5*time.Second)
	if err != nil || !strings.Contains(string(m.Data), wire.Stream) {
		s.t.Fatalf("the bus did not take it: %v %v", m, err)
	}
}

// sendAll sends all records, each in a batch of its own.
func (s *station) sendAll() {
	s.t.Helper()
	for seq := range uint64(len(s.records)) {
		s.send(s.message(seq+1, seq+1))
	}
}

// receipt is the next receipt, verified.
func (s *station) receipt() custody.Receipt {
	s.t.Helper()
	m, err := s.receipts.NextMsg(10 * time.Second)
	if err != nil {
		s.t.Fatalf("no receipt came: %v", err)
	}
	return s.opened(m.Data)
}

func (s *station) opened(data []byte) custody.Receipt {
	s.t.Helper()
	r, err := custody.OpenReceipt(data, s.centre)
	if err != nil {
		s.t.Fatal(err)
	}
	if r.Kiosk != s.name || r.Epoch != (custody.Epoch{9}) || time.Since(r.At()).Abs() > time.Minute {
		s.t.Fatalf("the receipt is %+v", r)
	}
	return r
}

// receiptUpTo reads receipts until one is for everything; none may be for less than the
// one before it.
func (s *station) receiptUpTo(seq uint64) {
	s.t.Helper()
	for before := uint64(0); before < seq; {
		r := s.receipt()
		if r.Started {
			continue
		}
		if r.Chain != s.chain || r.Durable < before || r.Head() != s.headAt(r.Durable) || r.Refused != "" || r.Gap {
			s.t.Fatalf("after the mark %d came the receipt %+v", before, r)
		}
		before = r.Durable
	}
}

// quiet fails the test if a receipt other than a greeting is there.
func (s *station) quiet() {
	s.t.Helper()
	if err := s.nc.Flush(); err != nil { // what the centre sent before is here now
		s.t.Fatal(err)
	}
	for n, _, _ := s.receipts.Pending(); n > 0; n-- {
		if r := s.receipt(); !r.Started {
			s.t.Fatalf("a receipt came: %+v", r)
		}
	}
}

// ask asks for the mark of the kiosk's own chain.
func (s *station) ask() custody.Receipt {
	s.t.Helper()
	m, err := s.nc.Request(wire.Mark(s.name), custody.MarkRequest{Chain: s.chain}.Encode(), 5*time.Second)
	if err != nil {
		s.t.Fatalf("ask for the mark: %v", err)
	}
	return s.opened(m.Data)
}
