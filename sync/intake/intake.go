package intake

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// Store is what intake needs of the central store.
type Store interface {
	// Epoch is the store's present life.
	Epoch() custody.Epoch
	// Keep takes verified batches in one transaction, durable when it returns. Repeats
	// change nothing. The answers are in the order of the arrivals.
	Keep(ctx context.Context, arrivals []custody.Arrival) ([]custody.Kept, error)
	// Reject keeps, durably, what was not admitted, with the reason.
	Reject(ctx context.Context, r custody.Rejected) error
	// Marks are how far a chain has come, and how far in a verified backup; the zero
	// Heads for an unknown one.
	Marks(ctx context.Context, chain survey.Chain) (durable, backup custody.Head, err error)
	// Kiosks are all kiosks ever enrolled.
	Kiosks(ctx context.Context) ([]survey.Kiosk, error)
}

// Options are what intake needs.
type Options struct {
	Store Store
	Conn  *nats.Conn
	Keys  Keys
	Sign  ed25519.PrivateKey // the centre's key, for receipts
	Now   func() time.Time   // nil = time.Now
	Log   *slog.Logger
	// OnKept, if set, hears after each commit which counters' counts changed, and what
	// case each batch was. It must not block.
	OnKept func(counters []survey.CounterCode, kept []custody.Kept)
	// Fatal, if set, says that the store cannot go on after this error: Run then ends
	// with it, so that the program starts again and looks at what is on disk.
	Fatal func(error) bool
	// OnRejected, if set, hears of each delivery that was not admitted.
	OnRejected func(custody.Rejected)
	// OnStuck, if set, hears how many chains the store cannot keep, be it that it keeps
	// others or for some seconds nothing at all, whenever that changes.
	OnStuck func(chains int)
}

// How much is taken at once: enough to share one commit, bounded in memory
// (maxFetch × the largest message).
const (
	maxFetch = 64
	fetchFor = 2 * time.Second
	// redeliver is how long the bus waits for an acknowledgement before it delivers a
	// message again: short, because what was under way at a restart waits for it.
	redeliver = 5 * time.Second
	storeWait = 500 * time.Millisecond // after the store failed
)

// Intake takes batches from the bus into the store.
type Intake struct {
	Options
	stuck  map[sender]uint64 // chains that the store cannot keep, each up to the end of what failed first
	knocks *Knocks
}

// New makes an intake.
func New(o Options) *Intake {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Intake{Options: o, stuck: map[sender]uint64{}, knocks: NewKnocks(o.Now)}
}

// Run works until ctx ends. It returns early if the bus cannot be used at all, or the
// store cannot go on.
func (in *Intake) Run(ctx context.Context) error {
	err := in.work(ctx)
	if ctx.Err() != nil {
		return nil // told to stop, perhaps while it started
	}
	return err
}

func (in *Intake) work(ctx context.Context) error {
	consumer, err := in.consumer(ctx)
	if err != nil {
		return err
	}
	marks, err := in.Conn.Subscribe(wire.AllMarks, func(m *nats.Msg) { in.answerMark(ctx, m) })
	if err != nil {
		return fmt.Errorf("listen for mark requests: %w", err)
	}
	defer func() { _ = marks.Unsubscribe() }() // the connection closes next
	if err := in.greet(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		messages, err := in.fetch(ctx, consumer)
		if err != nil {
			consumer = in.renew(ctx, consumer, err)
			continue
		}
		if err := in.hold(ctx, consumer, in.withoutCanaries(messages)); err != nil {
			return err
		}
	}
	return nil
}

// withoutCanaries are the batches among deliveries. A canary has done its work when it
// came into the stream; here it is only taken out.
func (in *Intake) withoutCanaries(messages []jetstream.Msg) []jetstream.Msg {
	return slices.DeleteFunc(messages, func(m jetstream.Msg) bool {
		if m.Subject() != wire.Canary {
			return false
		}
		_ = m.Ack() // lost, it comes once more
		return true
	})
}

// renew makes the consumer anew where it may be gone: taken away by hand, or lost with
// the bus's files. What the stream held may be lost with it, so the kiosks are greeted.
// While the stream itself is missing it stays at the consumer that it has.
func (in *Intake) renew(ctx context.Context, c jetstream.Consumer, cause error) jetstream.Consumer {
	in.Log.Warn("the bus gives nothing", "error", cause)
	pause(ctx, storeWait)
	anew, err := in.consumer(ctx)
	if err != nil {
		return c // next time, perhaps
	}
	if err := in.greet(ctx); err != nil {
		in.Log.Warn("kiosks not greeted; they send again when their own wait is over", "error", err)
	}
	return anew
}

func (in *Intake) consumer(ctx context.Context) (jetstream.Consumer, error) {
	js, err := jetstream.New(in.Conn)
	if err != nil {
		return nil, fmt.Errorf("use the bus's streams: %w", err)
	}
	c, err := js.CreateOrUpdateConsumer(ctx, wire.Stream, jetstream.ConsumerConfig{
		Durable: wire.Consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: redeliver,
		MaxDeliver: -1, MaxAckPending: 4 * maxFetch,
	})
	if err != nil {
		return nil, fmt.Errorf("make consumer %s: %w", wire.Consumer, err)
	}
	return c, nil
}

// fetch waits for deliveries and returns those that are there, at most maxFetch; none
// is no error.
func (in *Intake) fetch(ctx context.Context, c jetstream.Consumer) ([]jetstream.Msg, error) {
	messages, err := collect(c.FetchNoWait(maxFetch))
	if err == nil && len(messages) == 0 && ctx.Err() == nil {
		wait, cancel := context.WithTimeout(ctx, fetchFor)
		defer cancel()
		messages, err = collect(c.Fetch(1, jetstream.FetchContext(wait)))
		if wait.Err() != nil {
			err = nil // it waited long enough
		}
	}
	return messages, err
}

// collect gathers what a request to the bus brought. An error that came behind some
// deliveries comes again with the next request.
func collect(batch jetstream.MessageBatch, err error) ([]jetstream.Msg, error) {
	if err != nil {
		return nil, err
	}
	var list []jetstream.Msg
	for m := range batch.Messages() {
		list = append(list, m)
	}
	if len(list) > 0 {
		return list, nil
	}
	return nil, batch.Error()
}

// take keeps deliveries, acknowledges them, and sends receipts.
func (in *Intake) take(ctx context.Context, messages []jetstream.Msg) error {
	judged, err := in.judge(messages)
	if err != nil {
		return err
	}
	var arrivals []custody.Arrival
	for _, j := range judged {
		if j.Rejected != nil {
			if err := in.Store.Reject(ctx, *j.Rejected); err != nil {
				return fmt.Errorf("keep a rejected batch: %w", err)
			}
			continue
		}
		arrivals = append(arrivals, *j.Arrival)
	}
	var kept []custody.Kept
	if len(arrivals) > 0 {
		if kept, err = in.Store.Keep(ctx, arrivals); err != nil {
			return fmt.Errorf("keep batches: %w", err)
		}
	}
	if err := in.reply(ctx, Settle(judged, kept)); err != nil {
		in.Log.Warn("receipts not sent; the kiosks will ask", "error", err)
	}
	for _, m := range messages {
		if err := m.Ack(); err != nil {
			in.Log.Warn("delivery not acknowledged; it will come again", "error", err)
		}
	}
	in.tell(judged, kept)
	in.unstick(judged, kept)
	return nil
}

// judge checks deliveries on all processors. With an error none is judged.
func (in *Intake) judge(messages []jetstream.Msg) ([]Judged, error) {
	judged := make([]Judged, len(messages))
	faults := make([]error, len(messages))
	now := in.Now()
	var next sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), len(messages))
	for w := range workers {
		next.Go(func() {
			for i := w; i < len(messages); i += workers {
				judged[i], faults[i] = Admit(Delivery{messages[i].Subject(), messages[i].Data()}, in.Keys, now)
			}
		})
	}
	next.Wait()
	for _, err := range faults {
		if err != nil {
			return nil, err // one is enough: all of them need the store
		}
	}
	return judged, nil
}

// tell says what was done, once it is all done.
func (in *Intake) tell(judged []Judged, kept []custody.Kept) {
	for _, j := range judged {
		if j.Rejected == nil {
			continue
		}
		in.complain(slog.LevelError, "batch rejected", j.Kiosk, j.Rejected.Reason)
		if in.OnRejected != nil {
			in.OnRejected(*j.Rejected)
		}
	}
	var counters []survey.CounterCode
	rest := kept
	for _, j := range judged {
		if j.Arrival == nil {
			continue
		}
		k := rest[0]
		rest = rest[1:]
		counters = append(counters, k.Counters...)
		if k.Case == custody.Fork {
			in.Log.Error("fork: two journals claim the same numbers; both are kept, the first counts",
				"kiosk", j.Kiosk, "chain", j.Chain, "head", k.Head.Sequence)
		}
	}
	if in.OnKept != nil && len(kept) > 0 {
		in.OnKept(counters, kept)
	}
}

// complain says what a kiosk was refused, unless that was said a short time ago.
func (in *Intake) complain(level slog.Level, what string, kiosk survey.KioskID, why string) {
	if times := in.knocks.Knock(what + " " + string(kiosk) + " " + why); times > 0 {
		in.Log.Log(context.Background(), level, what, "kiosk", kiosk, "reason", why, "times", times)
	}
}

// reply signs receipts with the chains' present marks and sends them, refusals too.
func (in *Intake) reply(ctx context.Context, replies []Reply) error {
	var all error
	for _, r := range replies {
		durable, backup, err := in.Store.Marks(ctx, r.Chain)
		if err != nil {
			all = errors.Join(all, err)
			continue
		}
		r.Head, r.Backup = durable, backup
		all = errors.Join(all, in.Conn.Publish(wire.Receipt(r.Kiosk), in.receipt(r, false)))
	}
	return all
}

func (in *Intake) receipt(r Reply, started bool) []byte {
	return custody.SignReceipt(custody.Receipt{
		Epoch: in.Store.Epoch(), Kiosk: r.Kiosk, Chain: r.Chain, Durable: r.Head.Sequence, DurableSum: r.Head.Hash,
		Backup: r.Backup.Sequence, BackupSum: r.Backup.Hash,
		ServerTime: in.Now().UnixMilli(), Refused: r.Refused, Gap: r.Gap, Started: started,
	}, in.Sign)
}

// greet tells every kiosk that intake has just started, or found the bus anew, so that
// each asks for its mark and sends again, without waiting, what was lost with the last
// life of the bus or the centre.
func (in *Intake) greet(ctx context.Context) error {
	kiosks, err := in.Store.Kiosks(ctx)
	if err != nil {
		return fmt.Errorf("read the kiosks: %w", err)
	}
	for _, k := range kiosks {
		if err := in.Conn.Publish(wire.Receipt(k.ID), in.receipt(Reply{Kiosk: k.ID}, true)); err != nil {
			return fmt.Errorf("greet kiosk %s: %w", k.ID, err)
		}
	}
	return nil
}

// answerMark answers a kiosk that asks how far its chain has come here. One that was shut
// out hears that, too: it may stand behind a message server that knows no keys.
func (in *Intake) answerMark(ctx context.Context, m *nats.Msg) {
	kiosk := wire.Kiosk(m.Subject)
	if !strings.HasPrefix(m.Reply, wire.InboxPrefix(kiosk)+".") {
		in.Log.Warn("mark request ignored: it wants its answer where others listen", "kiosk", kiosk, "reply", m.Reply)
		return
	}
	req, err := custody.ParseMarkRequest(m.Data)
	if err != nil {
		in.Log.Warn("mark request ignored", "kiosk", kiosk, "error", err)
		return
	}
	refused := ""
	_, enrolled, err := in.Keys(kiosk)
	if out := (*ShutOut)(nil); errors.As(err, &out) {
		refused, err = out.Error(), nil // silence would look like a dead line, and nobody at the kiosk would be told
		in.complain(slog.LevelWarn, "mark request refused", kiosk, refused)
	} else if err == nil && !enrolled {
		in.complain(slog.LevelWarn, "mark request ignored", kiosk, errUnknownKiosk.Error())
		return
	}
	if err != nil {
		in.Log.Error("mark not answered", "kiosk", kiosk, "error", err)
		return
	}
	durable, backup, err := in.Store.Marks(ctx, req.Chain)
	if err != nil {
		in.Log.Error("mark not answered", "kiosk", kiosk, "error", err)
		return
	}
	r := Reply{Kiosk: kiosk, Chain: req.Chain, Head: durable, Backup: backup, Refused: refused}
	if err := m.Respond(in.receipt(r, false)); err != nil {
		in.Log.Warn("mark not answered", "kiosk", kiosk, "error", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
