package uplink

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// Journal is what the uplink needs of the kiosk's journal.
type Journal interface {
	Chain() survey.Chain
	Head() custody.Head
	Changed() <-chan struct{}
	// Batch copies durable records from sequence first on, at least one and at most so
	// many that their bytes come to maxBytes, and signs them, with the totals of the days
	// that changed after sequence durable. It gives nil when first lies after the head.
	Batch(first, durable uint64, maxRecords, maxBytes int, kiosk survey.KioskID, key ed25519.PrivateKey) (*custody.Batch, error)
	// HashAt is the hash of the record with that sequence, zero if it is not here (any
	// more).
	HashAt(sequence uint64) (survey.Hash, error)
	// Receipt is the last receipt kept, as signed; nil if there is none.
	Receipt() []byte
	// SetReceipt keeps a receipt as signed. It need not be durable when it returns.
	SetReceipt(signed []byte)
}

// Bus is the connection to the message server.
type Bus interface {
	// Request sends data and returns at once; answer waits for what comes back. What is
	// requested first on a subject is sent first.
	Request(subject string, data []byte) (answer func(context.Context) ([]byte, error), err error)
	// Publish sends data and expects nothing back.
	Publish(subject string, data []byte) error
	// Reconnect gives up a connection over which nothing comes back, and makes another.
	Reconnect() error
	// Subscribe hands every message on subject to hear until stop is called.
	Subscribe(subject string, hear func(data []byte)) (stop func(), err error)
}

// ErrNobody says that nobody listens where a request went. A [Bus] returns it.
var ErrNobody = errors.New("nobody listens there")

// The size of a batch: small enough for a slow line, large enough that the bus is
// never the bottleneck.
const (
	maxBatchRecords = 1000
	maxBatchBytes   = 64 << 10
)

// beat is the time between two heartbeats where nothing else is said: a batch says all
// that a heartbeat does.
const beat = 2 * time.Minute

// deaf is how many questions running stay unanswered before the connection is given up: a
// line may be dead for a long time before anybody is told.
const deaf = 4

// publishWait is how long the bus may take to acknowledge a batch.
const publishWait = 10 * time.Second

// Options are what an uplink needs.
type Options struct {
	Kiosk     survey.KioskID
	Key       ed25519.PrivateKey
	CentreKey ed25519.PublicKey // receipts are signed with it
	Journal   Journal
	Tuning    Tuning // zero = Defaults
	Seed      uint64 // of the jitter
	// Past says that the journal is what was salvaged of an earlier chain: the centre may
	// have more of it, and that is well.
	Past bool
	// Beat makes a heartbeat, given the durable mark; nil = none are sent.
	Beat func(durable uint64) custody.Heartbeat
	// Heartbeat is the time between two heartbeats while the link is up; 0 = 2 min. When
	// the link comes up one goes out at once.
	Heartbeat time.Duration
	// OnReceipt, if set, hears of each receipt that was kept. It must not block.
	OnReceipt func(custody.Receipt)
	// OnGreeted, if set, hears that the centre has just started. It must not block.
	OnGreeted func()
	// Contact, if set, hears of each question that the centre answered: when it was asked
	// and answered by Now, and the centre's clock in between. It bounds the box's clock.
	Contact func(asked, answered time.Time, centre time.Time)
	Now     func() time.Time // nil = time.Now
	Log     *slog.Logger
}

// State is how the uplink stands, for status pages.
type State struct {
	Up      bool
	Since   time.Time // when Up last changed
	Problem string    // why it is down, or the alarm raised last; "" = none
	Durable uint64    // the durable mark
	Receipt time.Time // when the last receipt came; zero if none has
}

// Uplink runs a machine over a journal and a bus.
type Uplink struct {
	Options
	bus     Bus
	machine *Machine
	events  chan heard
	state   atomic.Pointer[State]
	under   sync.WaitGroup // requests under way
	deaf    int            // questions running that stayed unanswered
}

// heard is an event with the bytes of its receipt.
type heard struct {
	Event
	signed []byte
	link   *State // Up, Down: the link's side of the new state
	alive  bool   // Unmarked: the message server said that the centre is away, so the line lives
}

// New makes an uplink. The last receipt kept by the journal is its starting point.
func New(o Options) *Uplink {
	if o.Tuning == (Tuning{}) {
		o.Tuning = Defaults
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = beat
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	u := &Uplink{Options: o, machine: NewMachine(o.Tuning, o.Seed), events: make(chan heard, 64)}
	last, err := u.open(o.Journal.Receipt())
	if err != nil {
		last = custody.Receipt{} // of another centre or chain: ask anew
	}
	u.machine.Step(time.Time{}, Event{Kind: Started, Head: o.Journal.Head().Sequence, Receipt: last})
	u.state.Store(&State{Durable: u.machine.Durable()})
	if o.OnReceipt != nil && last.Durable > 0 {
		o.OnReceipt(last)
	}
	return u
}

// State is how the uplink stands now.
func (u *Uplink) State() State { return *u.state.Load() }

// Unsent is how many records the centre has not signed for.
func (u *Uplink) Unsent() uint64 {
	last := u.Journal.Head().Sequence
	return last - min(last, u.State().Durable)
}

// Link tells the uplink that the connection came up or went down. It never blocks for
// longer than the uplink takes to read one event.
func (u *Uplink) Link(ctx context.Context, up bool, problem error) {
	s := &State{Up: up, Since: time.Now()}
	if problem != nil {
		s.Problem = problem.Error()
	}
	kind := Down
	if up {
		kind = Up
	}
	u.say(ctx, heard{Event: Event{Kind: kind}, link: s})
}

func (u *Uplink) say(ctx context.Context, h heard) {
	select {
	case u.events <- h:
	case <-ctx.Done():
	}
}

// Run carries over bus until ctx ends, and then waits for what it started. It may be
// called once.
func (u *Uplink) Run(ctx context.Context, bus Bus) error {
	u.bus = bus
	defer u.under.Wait()
	stop, err := u.bus.Subscribe(wire.Receipt(u.Kiosk), func(data []byte) { u.hearReceipt(ctx, Receipted, data) })
	if err != nil {
		return fmt.Errorf("listen for receipts: %w", err)
	}
	defer stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	heart := time.NewTicker(u.Heartbeat)
	defer heart.Stop()
	for {
		var h heard
		select {
		case <-ctx.Done():
			return nil
		case <-heart.C:
			u.beat()
			continue
		case h = <-u.events:
		case <-u.Journal.Changed():
			h.Event = Event{Kind: Appended, Head: u.Journal.Head().Sequence}
		case <-timer.C:
			h.Kind = Tick
		}
		switch h.Kind {
		case Acked:
			heart.Reset(u.Heartbeat)
		case Unmarked:
			if h.alive {
				u.deaf = 0
			} else {
				u.unanswered()
			}
		case Marked, Up:
			u.deaf = 0
		}
		u.step(ctx, h, timer)
	}
}

// unanswered counts a question that nobody answered.
func (u *Uplink) unanswered() {
	if u.deaf++; u.deaf < deaf || !u.State().Up {
		return
	}
	u.deaf = 0
	u.Log.Warn("nothing comes back over this connection; making another")
	if err := u.bus.Reconnect(); err != nil {
		u.Log.Warn("no other connection", "error", err)
	}
}

// step feeds one event to the machine, and what follows from it.
func (u *Uplink) step(ctx context.Context, h heard, timer *time.Timer) {
	u.noteLink(h)
	for todo := []heard{h}; len(todo) > 0; todo = todo[1:] {
		now := time.Now()
		wake := time.Hour
		for _, a := range u.machine.Step(now, todo[0].Event) {
			switch a.Kind {
			case Send:
				todo = append(todo, u.send(ctx, a.From))
			case Ask:
				u.ask(ctx)
			case Keep:
				u.keep(todo[0])
			case Raise:
				u.raise(a.Why, todo[0])
			case Wake:
				wake = min(wake, max(time.Until(a.At), time.Millisecond))
			}
		}
		timer.Reset(wake)
	}
}

func (u *Uplink) noteLink(h heard) {
	if h.link == nil {
		return
	}
	s := u.State()
	rose := h.link.Up && !s.Up
	if s.Up != h.link.Up || s.Since.IsZero() {
		u.Log.Info("link to the centre", "up", h.link.Up, "problem", h.link.Problem)
		s.Since = h.link.Since
	}
	s.Up, s.Problem = h.link.Up, h.link.Problem
	u.state.Store(&s)
	if rose {
		u.beat()
	}
}

// beat says that the kiosk lives, while the link is up. What is lost is not missed: the
// next one says all of it.
func (u *Uplink) beat() {
	if u.Beat == nil || !u.State().Up {
		return
	}
	h := u.Beat(u.machine.Durable())
	if err := u.bus.Publish(wire.Heartbeat(u.Kiosk), h.Sign(u.Key)); err != nil {
		u.Log.Debug("heartbeat not sent", "error", err)
	}
}

// send builds the batch from first on and publishes it in the background.
func (u *Uplink) send(ctx context.Context, first uint64) heard {
	b, err := u.Journal.Batch(first, u.machine.Durable(), maxBatchRecords, maxBatchBytes, u.Kiosk, u.Key)
	if err != nil || b == nil {
		u.Log.Error("the journal cannot be read for sending", "from", first, "error", err)
		if err != nil {
			u.trouble(string(Unread) + ": " + err.Error())
		}
		return heard{Event: Event{Kind: Failed, First: first}}
	}
	taken, err := u.bus.Request(wire.Batch(u.Kiosk), b.Message())
	if err != nil {
		u.Log.Debug("batch not sent", "from", first, "error", err)
		return heard{Event: Event{Kind: Failed, First: first}}
	}
	u.under.Add(1)
	go func() {
		defer u.under.Done()
		e := Event{Kind: Acked, First: first}
		if err := acknowledged(ctx, taken); err != nil {
			e.Kind = Failed
			u.Log.Debug("batch not taken by the bus", "from", first, "error", err)
		}
		u.say(ctx, heard{Event: e})
	}()
	return heard{Event: Event{Kind: Sent, Last: b.Header.Last()}}
}

// acknowledged waits until the stream has a batch. No message id went with it: a batch
// sent again must arrive again, because it asks once more for a receipt that was lost.
func acknowledged(ctx context.Context, taken func(context.Context) ([]byte, error)) error {
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	answer, err := taken(ctx)
	if err != nil {
		return err
	}
	var ack struct {
		Stream string
		Error  *struct {
			Code        int
			Description string
		}
	}
	if err := json.Unmarshal(answer, &ack); err != nil {
		return fmt.Errorf("the bus's acknowledgement cannot be read: %w", err)
	}
	if ack.Error != nil {
		return fmt.Errorf("the bus refused it: %d %s", ack.Error.Code, ack.Error.Description)
	}
	if ack.Stream == "" {
		return errors.New("no stream took it")
	}
	return nil
}
