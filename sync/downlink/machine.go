package downlink

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Tuning are the machine's waits.
type Tuning struct {
	Every  time.Duration // between two questions while all is well; jittered by a quarter
	Spread time.Duration // the first question after the link came up or the centre started comes within this
	Least  time.Duration // between two questions, however often they are wanted; the first wait after a failure, which doubles up to Every
	Answer time.Duration // how long an answer may take
}

// The waits of the two kinds of kiosks. A counter's can wait: what it needs to know are
// names and one address. A gateway turns people away whose ticket it cannot verify.
var (
	AtCounter = Tuning{Every: time.Hour, Spread: 30 * time.Second, Least: 10 * time.Second, Answer: 30 * time.Second}
	AtGateway = Tuning{Every: 5 * time.Minute, Spread: 2 * time.Second, Least: 10 * time.Second, Answer: 30 * time.Second}
)

// hurry is the longest spread of a kiosk that holds nothing yet.
const hurry = time.Second

// Event is something that happened to a kiosk.
type Event struct {
	Kind   EventKind
	answer answer // Answered
}

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	Up       EventKind = iota + 1 // the link came up
	Down                          // the link went down
	Greeted                       // the centre has just started: it may know more
	Wanted                        // somebody met what the directory does not have
	Answered                      // an answer came
	Failed                        // none came, or none that can be read
	Kept                          // what Take gave was kept
	Refused                       // what Take gave is not to be believed
	Tick                          // time passed
)

// Action is something to do.
type Action struct {
	Kind     ActionKind
	question question  // Ask
	tag      Tag       // Take
	packed   []byte    // Take
	At       time.Time // Wake
}

// ActionKind says what to do.
type ActionKind uint8

// The actions.
const (
	Ask  ActionKind = iota + 1 // ask the centre, and say Answered or Failed
	Take                       // keep a directory, and say Kept or Refused
	Wake                       // say Tick at At, or at any time before
)

// Machine decides when a kiosk asks for its directory, and puts the pieces together. Not
// safe for concurrent use.
type Machine struct {
	tuning Tuning
	up     bool
	busy   bool // a question is under way, or what came is being kept
	again  bool // more is wanted since the question under way was asked
	have   Tag  // of the directory held
	asked  time.Time
	due    time.Time // when to ask next
	wait   time.Duration

	want   Tag      // of the directory that is coming; zero = none is
	pieces [][]byte // of it; nil = still lacking
	some   func(time.Duration) time.Duration
}

// NewMachine makes the machine of a kiosk that holds the directory named have. seed
// decides its jitter.
func NewMachine(t Tuning, have Tag, seed uint64) *Machine {
	rnd := rand.New(rand.NewPCG(seed, seed))
	return &Machine{tuning: t, have: have, wait: t.Least, some: func(d time.Duration) time.Duration {
		return time.Duration(rnd.Int64N(int64(d) + 1))
	}}
}

// Step takes one event and returns what to do, in order.
func (m *Machine) Step(now time.Time, e Event) []Action {
	var take []Action
	switch e.Kind {
	case Up:
		m.up = true
		m.soon(now)
	case Down:
		m.up = false
	case Greeted:
		if m.soon(now); m.busy {
			m.again = true
		}
	case Wanted:
		m.again = m.again || m.busy
		m.by(later(now, m.asked.Add(m.tuning.Least)))
	case Answered:
		take = m.hear(now, e.answer)
	case Failed, Refused:
		if e.Kind == Refused {
			m.want, m.pieces = Tag{}, nil
		}
		m.busy = false
		m.due = now.Add(m.wait/2 + m.some(m.wait/2))
		m.wait = min(2*m.wait, m.tuning.Every)
	case Kept:
		m.have, m.want, m.pieces = m.want, Tag{}, nil
		m.done(now)
	}
	return append(take, m.next(now)...)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// by asks at a moment, if not before it.
func (m *Machine) by(at time.Time) {
	if m.due.IsZero() || at.Before(m.due) {
		m.due = at
	}
}

// soon asks within the spread, so that kiosks that come back together do not ask together.
func (m *Machine) soon(now time.Time) {
	spread := m.tuning.Spread
	if m.have == (Tag{}) {
		spread = min(spread, hurry)
	}
	m.by(now.Add(m.some(spread)))
}

// done is when all is well: the next question is far away, unless more is wanted already.
func (m *Machine) done(now time.Time) {
	m.busy, m.wait = false, m.tuning.Least
	m.due = now.Add(m.tuning.Every*3/4 + m.some(m.tuning.Every/2))
	if m.again {
		m.again = false
		m.by(later(now, m.asked.Add(m.tuning.Least)))
	}
}

// hear takes an answer in.
func (m *Machine) hear(now time.Time, a answer) []Action {
	m.busy = false
	switch {
	case a.kind == same:
		m.want, m.pieces = Tag{}, nil
		m.done(now)
		return nil
	case a.kind == gone:
		m.want, m.pieces = Tag{}, nil
		m.due = m.asked.Add(m.tuning.Least)
		return nil
	case a.tag != m.want || a.of != len(m.pieces):
		m.want, m.pieces = a.tag, make([][]byte, a.of)
	}
	m.pieces[a.number] = a.bytes
	if m.lacking() >= 0 {
		m.due = now
		return nil
	}
	m.busy = true
	return []Action{{Kind: Take, tag: m.want, packed: slices.Concat(m.pieces...)}}
}

// lacking is the first piece that has not come; -1 = all have.
func (m *Machine) lacking() int {
	return slices.IndexFunc(m.pieces, func(p []byte) bool { return p == nil })
}

// next asks if it is time, or says when it will be.
func (m *Machine) next(now time.Time) []Action {
	switch {
	case !m.up || m.busy:
		return nil
	case now.Before(m.due):
		return []Action{{Kind: Wake, At: m.due}}
	}
	m.busy = true
	if m.want != (Tag{}) { // where it was broken off it goes on
		return []Action{{Kind: Ask, question: question{kind: askPiece, tag: m.want, number: m.lacking()}}}
	}
	m.asked, m.again = now, false
	return []Action{{Kind: Ask, question: question{kind: askNew, tag: m.have}}}
}
