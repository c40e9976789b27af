// Package uplink carries a kiosk's journal to the centre and the centre's receipts
// back. What to do is decided by [Machine], a step function without clock or network
// of its own; [Uplink] is the thin runner around it.
//
// The journal is the queue. The machine sends batches from a cursor that lives in
// memory; only the centre's signed receipts move the durable mark. Whenever it is in
// doubt (at start, after a reconnect, when the mark stands still) it asks the centre
// for its mark and goes on from there. A record may arrive twice; it counts once.
package uplink

import (
	"math/rand/v2"
	"slices"
	"time"

	"hailong/survey/custody"
)

// Tuning are the machine's waits and window.
type Tuning struct {
	Window    int           // batches sent and not yet acknowledged by the bus
	Fill      uint64        // while a batch is under way, the next waits for so many records
	Stall     time.Duration // how long the mark may stand still before the centre is asked; doubles each time
	StallMax  time.Duration
	Retry     time.Duration // wait after a failed publish or an unanswered question; doubles each time
	RetryMax  time.Duration // between failed publishes
	AskMax    time.Duration // between unanswered questions
	AskAnswer time.Duration // how long a question may stay unanswered
	Idle      time.Duration // how long all may be well before the centre is asked whether it is
	Rewind    time.Duration // least time between two rewinds because of a gap
}

// Defaults are the waits of a kiosk in service.
var Defaults = Tuning{
	Window: 16, Fill: 200, Stall: 5 * time.Second, StallMax: 5 * time.Minute, Retry: 250 * time.Millisecond,
	RetryMax: 30 * time.Second, AskMax: 8 * time.Second, AskAnswer: 3 * time.Second, Rewind: time.Second, Idle: 10 * time.Minute,
}

// Event is something that happened. Exactly one of the fields below Kind is used.
type Event struct {
	Kind    EventKind
	Head    uint64          // Appended, Started: the journal's last sequence
	First   uint64          // Acked, Failed: the batch's first sequence
	Last    uint64          // Sent: the batch's last sequence
	Receipt custody.Receipt // Receipted, Marked: verified, of this journal's chain
	Differs bool            // Receipted, Marked: its hash is not the journal's
}

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	Started   EventKind = iota + 1 // the journal is open up to Head; the last stored receipt, if any, is given
	Up                             // the link came up
	Down                           // the link went down
	Greeted                        // the centre has just started: what was under way may be lost
	Appended                       // the journal grew to Head
	Sent                           // a batch up to Last was handed to the link
	Acked                          // the bus took the batch beginning at First
	Failed                         // the bus did not take it
	Receipted                      // a receipt came by itself
	Marked                         // the answer to a question
	Unmarked                       // a question stayed unanswered
	Tick                           // time passed
)

// Action is something to do.
type Action struct {
	Kind ActionKind
	From uint64    // Send: the first sequence of the next batch
	At   time.Time // Wake: when to send the next Tick
	Why  Alarm     // Raise
}

// ActionKind says what to do.
type ActionKind uint8

// The actions.
const (
	Send  ActionKind = iota + 1 // build a batch from From on, hand it to the link, and say Sent
	Ask                         // ask the centre for its mark, and say Marked or Unmarked
	Keep                        // keep the event's receipt: it is the latest
	Wake                        // say Tick at At, or at any time before
	Raise                       // tell people
)

// Alarm is something that a person should look at.
type Alarm string

// The alarms.
const (
	Forked  Alarm = "the centre holds another record under a number of this journal: a copy of this kiosk may be at work"
	Ahead   Alarm = "the centre has more records than this journal: the journal is an old copy"
	Receded Alarm = "the centre's mark went down without a new epoch: its store may have been replaced by hand"
	Refused Alarm = "the centre refused a batch"
	Unread  Alarm = "the journal cannot give what the centre lacks"
)

// Machine decides what the uplink does. Not safe for concurrent use.
type Machine struct {
	tuning Tuning
	up     bool
	asking bool      // the centre's mark is wanted before anything is sent
	askBy  time.Time // when the question under way is given up; zero = none is
	head   uint64
	cursor uint64 // sent up to here, in memory only
	flight []uint64
	last   custody.Receipt // latest receipt; its Durable is the mark

	progress time.Time     // when the mark last moved, or sending began
	rewound  time.Time     // when a gap last sent the cursor back
	stall    time.Duration // what doubles while it stands still
	wait     time.Duration // stall, jittered: how long it may stand still now
	ready    time.Time     // no publish or question before this
	resent   time.Time     // in dispute: when the branch may be sent once more
	dispute  time.Duration // what doubles until then
	retry    time.Duration
	askRetry time.Duration
	jitter   func(time.Duration) time.Duration // between half of it and all
}

// rarely is how many times longer than for a mark a machine in dispute with the centre
// waits, at most, until it sends its branch once more.
const rarely = 32

// NewMachine makes a machine. seed decides its jitter.
func NewMachine(t Tuning, seed uint64) *Machine {
	rnd := rand.New(rand.NewPCG(seed, seed))
	return &Machine{tuning: t, stall: t.Stall, wait: t.Stall, jitter: func(d time.Duration) time.Duration {
		return d/2 + time.Duration(rnd.Int64N(int64(d/2)+1))
	}}
}

// Durable is the mark: everything up to it is committed in the centre's store.
func (m *Machine) Durable() uint64 { return m.last.Durable }

// Step takes one event and returns what to do, in order.
func (m *Machine) Step(now time.Time, e Event) []Action {
	var out []Action
	switch e.Kind {
	case Started:
		m.head, m.last, m.cursor = e.Head, e.Receipt, min(e.Receipt.Durable, e.Head)
	case Up:
		if !m.up {
			m.up = true
			m.doubt(now)
		}
	case Down:
		m.up, m.asking, m.flight = false, false, nil
	case Greeted:
		m.doubt(now)
	case Appended:
		m.head = max(m.head, e.Head)
	case Sent:
		if m.cursor == m.last.Durable {
			m.progress = now // nothing was under way; the wait for a receipt begins now
		}
		m.cursor = max(m.cursor, e.Last)
		m.head = max(m.head, e.Last) // the journal may have grown while the batch was made
	case Acked:
		m.land(e.First)
		m.retry = 0
	case Failed:
		if !m.land(e.First) {
			break // its receipt came all the same, or it was sent again long since
		}
		m.cursor = min(m.cursor, max(e.First-1, m.last.Durable))
		m.retry = min(max(2*m.retry, m.tuning.Retry), m.tuning.RetryMax)
		m.ready = now.Add(m.jitter(m.retry))
	case Receipted, Marked:
		out = m.receipt(now, e)
	case Unmarked:
		m.askBy = time.Time{}
		m.askRetry = min(max(2*m.askRetry, m.tuning.Retry), m.tuning.AskMax)
		m.ready = now.Add(m.jitter(m.askRetry))
	}
	return append(out, m.plan(now)...)
}

// doubt forgets what is under way and has the centre asked.
func (m *Machine) doubt(now time.Time) {
	m.flight, m.cursor = nil, min(m.last.Durable, m.head)
	m.stall, m.wait, m.retry, m.askRetry = m.tuning.Stall, m.tuning.Stall, 0, 0
	m.ready, m.progress = now, now
	m.asking, m.askBy = true, time.Time{}
}

// land takes a batch out of flight, and reports whether it was there.
func (m *Machine) land(first uint64) bool {
	i := slices.Index(m.flight, first)
	if i >= 0 {
		m.flight = slices.Delete(m.flight, i, i+1)
	}
	return i >= 0
}

// receipt takes the centre's word.
func (m *Machine) receipt(now time.Time, e Event) []Action {
	answered := e.Kind == Marked && m.asking
	if answered {
		m.asking, m.askRetry = false, 0
	}
	r := e.Receipt
	switch {
	case r.Epoch != m.last.Epoch && e.Kind != Marked:
		// Of a new life of the centre, or a late word of an old one: only the answer to a
		// question tells which it lives now. A question under way is that question.
		if !m.asking {
			m.asking, m.askBy = true, time.Time{}
		}
		return nil
	case e.Differs && r.Durable <= m.head:
		m.contradicted(now, e.Kind)
		return []Action{{Kind: Raise, Why: Forked}}
	case r.Durable > m.head:
		m.contradicted(now, e.Kind)
		return []Action{{Kind: Raise, Why: Ahead}}
	case r.Epoch == m.last.Epoch && r.Durable < m.last.Durable:
		if r.ServerTime > m.last.ServerTime {
			return []Action{{Kind: Raise, Why: Receded}}
		}
		return nil // an older word that came late
	}
	var out []Action
	switch {
	case r.Epoch != m.last.Epoch:
		m.cursor, m.flight = r.Durable, nil // what was under way may be lost with the centre's last life
	case r.Gap && !now.Before(m.rewound.Add(m.tuning.Rewind)):
		m.cursor, m.flight, m.rewound = r.Durable, nil, now // every batch behind the gap says so: one rewind is enough
	}
	if r.Durable > m.last.Durable {
		m.progress, m.stall, m.wait = now, m.tuning.Stall, m.tuning.Stall
	}
	m.last, m.dispute, m.resent = r, 0, time.Time{}
	m.cursor = max(m.cursor, r.Durable)
	// What the store has has arrived, whether or not the bus's acknowledgement has.
	m.flight = slices.DeleteFunc(m.flight, func(first uint64) bool { return first <= r.Durable })
	if answered && len(m.flight) == 0 {
		m.cursor = r.Durable // nobody else has it
		m.progress = now
	}
	if r.Refused != "" {
		out = append(out, Action{Kind: Raise, Why: Refused})
		most := m.tuning.RetryMax
		if e.Kind == Marked { // the kiosk itself is refused: it asks until it is not, and sends nothing
			most = m.tuning.StallMax
			m.asking, m.askBy = true, time.Time{}
		}
		m.retry = min(max(2*m.retry, m.tuning.Retry), most)
		m.ready = now.Add(m.jitter(m.retry))
	}
	return append(out, Action{Kind: Keep})
}

// contradicted goes on sending: what contradicts the centre's chain is kept there as
// evidence. Nothing tells what of it arrived, so an answered question sends all of it
// once more, ever more rarely; the centre keeps each record once.
func (m *Machine) contradicted(now time.Time, heard EventKind) {
	if heard != Marked || now.Before(m.resent) {
		return
	}
	m.dispute = min(max(2*m.dispute, m.tuning.Stall), rarely*m.tuning.StallMax)
	m.resent = now.Add(m.jitter(m.dispute))
	m.cursor, m.flight = min(m.last.Durable, m.head), nil
}

// plan is what to do next in the present state.
func (m *Machine) plan(now time.Time) []Action {
	if !m.up {
		return nil
	}
	// Also with batches under way: their acknowledgements may be lost with the receipts.
	if m.cursor > m.last.Durable && !now.Before(m.progress.Add(m.wait)) {
		m.asking, m.askBy = true, time.Time{}
		m.progress = now
		m.stall = min(2*m.stall, m.tuning.StallMax)
		m.wait = m.jitter(m.stall)
	}
	if m.cursor == m.last.Durable && !now.Before(m.progress.Add(m.tuning.Idle)) {
		m.asking, m.askBy, m.progress = true, time.Time{}, now // does the centre still have everything?
	}
	if now.Before(m.ready) {
		return []Action{{Kind: Wake, At: m.ready}}
	}
	if m.asking {
		if now.Before(m.askBy) {
			return []Action{{Kind: Wake, At: m.askBy}}
		}
		m.askBy = now.Add(m.tuning.AskAnswer)
		return []Action{{Kind: Ask}, {Kind: Wake, At: m.askBy}}
	}
	var out []Action
	if waiting := m.head - m.cursor; waiting > 0 && (len(m.flight) == 0 || waiting >= m.tuning.Fill && len(m.flight) < m.tuning.Window) {
		m.flight = append(m.flight, m.cursor+1)
		out = append(out, Action{Kind: Send, From: m.cursor + 1})
	}
	if m.cursor > m.last.Durable {
		return append(out, Action{Kind: Wake, At: m.progress.Add(m.wait)})
	}
	return append(out, Action{Kind: Wake, At: m.progress.Add(m.tuning.Idle)})
}
