package uplink

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// hasty are waits that make a test short.
var hasty = Tuning{
	Window: 4, Fill: 5, Stall: 20 * time.Millisecond, StallMax: 100 * time.Millisecond, Retry: 2 * time.Millisecond,
	RetryMax: 20 * time.Millisecond, AskMax: 20 * time.Millisecond, AskAnswer: 20 * time.Millisecond, Rewind: 5 * time.Millisecond, Idle: time.Minute,
}

// box is a kiosk with a real journal, its uplink, and the centre.
type box struct {
	t       *testing.T
	key     ed25519.PrivateKey
	dir     string // of the journal
	journal *journal.Journal
	bus     *centreBus
	over    Bus // what the uplink runs over; nil = bus
	uplink  *Uplink
	beat    time.Duration // between heartbeats; set before renew
	tuning  Tuning        // the same
	ctx     context.Context
	stop    func()
	presses int
}

// newBox makes everything but does not run the uplink yet.
func newBox(t *testing.T) *box {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, key: key, bus: newCentreBus(t, public), dir: t.TempDir(), tuning: hasty}
	b.open(journal.Options{})
	b.renew()
	return b
}

// open opens the journal; it is closed with the test.
func (b *box) open(o journal.Options) {
	b.t.Helper()
	o.Kiosk = b.bus.kiosk
	j, err := journal.Open(b.dir, o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.journal = j
	b.t.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.t.Error(err)
		}
	})
}

// reopen opens the journal anew, and makes the uplink over it.
func (b *box) reopen(o journal.Options) {
	b.t.Helper()
	if err := b.journal.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open(o)
	b.renew()
}

// settledBox is one whose presses the centre has.
func settledBox(t *testing.T, presses int) *box {
	t.Helper()
	b := newBox(t)
	b.press(presses)
	b.carry()
	return b
}

// carry runs the uplink with the link up until the centre has all.
func (b *box) carry() {
	b.t.Helper()
	b.run()
	b.up()
	b.settled()
}

// renew makes the uplink anew over the same journal, as a start of the program does.
func (b *box) renew() {
	b.uplink = New(Options{
		Kiosk: b.bus.kiosk, Key: b.key, CentreKey: b.bus.sign.Public().(ed25519.PublicKey), Journal: b.journal,
		Tuning: b.tuning, Seed: 1, Heartbeat: b.beat, Beat: b.heartbeat, Log: slog.New(slog.DiscardHandler),
	})
}

// heartbeat is what a kiosk program says of itself.
func (b *box) heartbeat(durable uint64) custody.Heartbeat {
	last := b.journal.Head().Sequence
	return custody.Heartbeat{
		Kiosk: b.bus.kiosk, Chain: b.journal.Chain(), Last: last, Unsent: last - min(last, durable), At: time.Now().UnixMilli(),
	}
}

// run runs the uplink until the test or stop ends it.
func (b *box) run() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	over := b.over
	if over == nil {
		over = b.bus
	}
	go func() { done <- b.uplink.Run(ctx, over) }()
	b.ctx = ctx
	b.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				b.t.Errorf("the uplink ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			b.t.Error("the uplink did not stop within 5 s")
		}
	})
	b.t.Cleanup(b.stop)
}

func (b *box) up() { b.uplink.Link(b.ctx, true, nil) }

// press adds records to the journal, several at a time.
func (b *box) press(n int) {
	b.t.Helper()
	var all sync.WaitGroup
	for i := range n {
		key := fmt.Sprint(b.presses + i)
		all.Go(func() {
			_, _, err := b.journal.Append(context.Background(), survey.Draft{Nonce: survey.KeyNonce(key), Response: survey.Response{
				Questionnaire: survey.Hash{1}, Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 5}},
				Channel: survey.Touch, Stage: survey.Result, Counter: "Q1",
			}})
			if err != nil {
				b.t.Errorf("press %s: %v", key, err)
			}
		})
	}
	all.Wait()
	b.presses += n
}

func (b *box) until(what string, ok func() error) {
	b.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not within 5 s: %v; state %+v", what, err, b.uplink.State())
		}
		time.Sleep(time.Millisecond)
	}
}

// settled waits until the centre has the whole journal and the kiosk knows it.
func (b *box) settled() {
	b.t.Helper()
	head := b.journal.Head()
	b.until("everything arrives and is signed for", func() error {
		if err := b.bus.holds(b.journal.Chain(), head); err != nil {
			return err
		}
		switch r := b.kept(); {
		case r.Head() != head:
			return fmt.Errorf("the journal keeps a receipt up to %d, want %d", r.Durable, head.Sequence)
		case head.Sequence > 0 && r.Epoch != b.bus.life():
			return errors.New("the journal keeps a receipt of the centre's last life")
		}
		if s := b.uplink.State(); s.Durable != head.Sequence || time.Since(s.Receipt) > time.Minute {
			return errors.New("the state does not say so")
		}
		return nil
	})
}

// kept is the receipt that the journal keeps.
func (b *box) kept() custody.Receipt {
	b.t.Helper()
	signed := b.journal.Receipt()
	if signed == nil {
		return custody.Receipt{}
	}
	r, err := custody.OpenReceipt(signed, b.bus.sign.Public().(ed25519.PublicKey))
	if err != nil {
		b.t.Fatalf("the journal keeps a receipt that is none: %v", err)
	}
	return r
}
