package uplink

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// centreBus is a bus with a centre behind it, in memory. It misbehaves as it is told to.
type centreBus struct {
	t     *testing.T
	kiosk survey.KioskID
	key   ed25519.PublicKey  // of the kiosk
	sign  ed25519.PrivateKey // of the centre

	mu     sync.Mutex // protects what follows
	faults faults
	rnd    *rand.Rand
	epoch  custody.Epoch
	chains map[survey.Chain][]custody.Record
	hear   func([]byte)
	used   int // requests of any kind
	batch  int // batches handed over
	marks  int
	again  int   // connections given up
	said   int64 // the latest receipt's time: no two are alike
	beats  []custody.Heartbeat
}

// faults say what goes wrong; the chances are per cent.
type faults struct {
	cut      bool          // requests fail at once, as on a connection that is down
	full     bool          // the stream refuses batches
	swallow  int           // chance that a batch is acknowledged and lost
	unacked  int           // chance that a batch is kept and its acknowledgement lost
	silent   int           // chance that a receipt or the answer to a question is lost
	late     time.Duration // every answer comes so late
	nonsense bool          // acknowledgements are not the stream's
	refused  string        // why the kiosk is refused when it asks; "" = it is not
}

func newCentreBus(t *testing.T, kiosk ed25519.PublicKey) *centreBus {
	t.Helper()
	_, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &centreBus{
		t: t, kiosk: custody.KioskName(kiosk), key: kiosk, sign: sign, rnd: rand.New(rand.NewPCG(1, 2)),
		epoch: custody.Epoch{1}, chains: map[survey.Chain][]custody.Record{},
	}
}

var (
	errCut    = errors.New("the line is cut")
	streamAck = []byte(`{"stream":"` + wire.Stream + `","seq":1}`)
	fullAck   = []byte(`{"type":"io.nats.jetstream.api.v1.pub_ack_response","error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}}`)
)

// Request implements [Bus].
func (b *centreBus) Request(subject string, data []byte) (func(context.Context) ([]byte, error), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used++
	if b.faults.cut {
		return nil, errCut
	}
	answer := b.answer(subject, data)
	late := b.faults.late
	return func(ctx context.Context) ([]byte, error) {
		if answer == nil {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		select {
		case <-time.After(late):
			return answer, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, nil
}

// answer is what the bus or the centre says; nil is silence.
func (b *centreBus) answer(subject string, data []byte) []byte {
	switch subject {
	case wire.Batch(b.kiosk):
		b.batch++
		switch {
		case b.faults.full:
			return fullAck
		case b.faults.nonsense:
			return []byte("+OK")
		case b.happens(b.faults.swallow):
			return streamAck
		}
		b.keep(data)
		if b.happens(b.faults.unacked) {
			return nil
		}
		return streamAck
	case wire.Mark(b.kiosk):
		b.marks++
		m, err := custody.ParseMarkRequest(data)
		if err != nil {
			b.t.Errorf("the mark request cannot be read: %v", err)
		}
		if b.happens(b.faults.silent) {
			return nil
		}
		return b.receipt(m.Chain, func(r *custody.Receipt) { r.Refused = b.faults.refused })
	}
	b.t.Errorf("a request on %s", subject)
	return nil
}

// Publish implements [Bus].
func (b *centreBus) Publish(subject string, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.faults.cut {
		return errCut
	}
	h, err := custody.OpenHeartbeat(data, b.key)
	if err != nil || subject != wire.Heartbeat(b.kiosk) {
		b.t.Errorf("published on %s: %v", subject, err)
	}
	b.beats = append(b.beats, h)
	return nil
}

// Reconnect implements [Bus].
func (b *centreBus) Reconnect() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.again++
	return nil
}

// heartbeats are those heard so far.
func (b *centreBus) heartbeats() []custody.Heartbeat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.beats)
}

func (b *centreBus) happens(chance int) bool { return b.rnd.IntN(100) < chance }

// keep takes a batch as the intake and the store would, and sends the receipt.
func (b *centreBus) keep(data []byte) {
	batch, err := custody.ParseMessage(data)
	if err == nil {
		err = batch.Verify(b.key)
	}
	if err != nil {
		b.t.Errorf("a batch that the intake would reject: %v", err)
		return
	}
	chain := batch.Header.Chain
	c, fresh, _ := custody.Admit(b.head(chain), batch, func(seq uint64) (survey.Hash, error) {
		return b.chains[chain][seq-1].Hash, nil
	})
	b.chains[chain] = append(b.chains[chain], fresh...)
	if c == custody.Fork {
		b.t.Error("a fork")
	}
	if !b.happens(b.faults.silent) {
		b.hear(b.receipt(chain, func(r *custody.Receipt) { r.Gap = c == custody.Gap }))
	}
}

func (b *centreBus) head(chain survey.Chain) custody.Head {
	if have := b.chains[chain]; len(have) > 0 {
		return custody.Head{Sequence: uint64(len(have)), Hash: have[len(have)-1].Hash}
	}
	return custody.Head{}
}

// receipt signs the present mark, changed as wanted.
func (b *centreBus) receipt(chain survey.Chain, change func(*custody.Receipt)) []byte {
	head := b.head(chain)
	b.said = max(b.said+1, time.Now().UnixMilli())
	r := custody.Receipt{
		Epoch: b.epoch, Kiosk: b.kiosk, Chain: chain, Durable: head.Sequence, DurableSum: head.Hash, ServerTime: b.said,
	}
	if change != nil {
		change(&r)
	}
	return custody.SignReceipt(r, b.sign)
}

// Subscribe implements [Bus].
func (b *centreBus) Subscribe(subject string, hear func([]byte)) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if subject != wire.Receipt(b.kiosk) {
		return nil, fmt.Errorf("a subscription to %s", subject)
	}
	told := make(chan []byte, 1024) // in order, from a goroutine of its own, as NATS does it
	b.hear = func(data []byte) { told <- data }
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case data := <-told:
				hear(data)
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop) }, nil
}

// say sends the kiosk something as if it were a receipt.
func (b *centreBus) say(data []byte) {
	b.mu.Lock()
	hear := b.hear
	b.mu.Unlock()
	hear(data)
}

func (b *centreBus) set(f faults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = f
}

// counts are the batches and the questions so far.
func (b *centreBus) counts() (batches, marks int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.batch, b.marks
}

func (b *centreBus) requests() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// life is the centre's present epoch.
func (b *centreBus) life() custody.Epoch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.epoch
}

// restore puts the store back to a state before, as after a disaster, and greets.
func (b *centreBus) restore(chain survey.Chain, to int) {
	b.mu.Lock()
	b.epoch[0]++
	b.chains[chain] = b.chains[chain][:to:to]
	greeting := b.receipt(survey.Chain{}, func(r *custody.Receipt) { r.Started = true })
	b.mu.Unlock()
	b.say(greeting)
}

// holds is nil when the store has exactly the journal's records, in order.
func (b *centreBus) holds(chain survey.Chain, head custody.Head) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if got := b.head(chain); got != head {
		return fmt.Errorf("the centre has %d records, want %d", got.Sequence, head.Sequence)
	}
	for i, r := range b.chains[chain] {
		if r.Sequence != uint64(i+1) {
			return fmt.Errorf("record %d stands at %d", r.Sequence, i+1)
		}
	}
	return nil
}
