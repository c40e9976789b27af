package uplink

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hailong/survey/custody"
)

// Whatever a bus and a centre do to it (lose, repeat, delay, restart, forget), once
// they behave the machine brings everything over, and never waits without a timer.
func TestEverythingArrivesOnceTheFaultsEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rapid.Uint64().Draw(rt, "seed"))
		for range rapid.IntRange(10, 300).Draw(rt, "steps") {
			w.misbehave()
			if w.wrong != nil {
				rt.Fatal(w.wrong)
			}
		}
		if err := w.settle(); err != nil {
			rt.Fatal(err)
		}
	})
}

// world is a bus and a centre in one, with injected time.
type world struct {
	rnd   *rand.Rand
	m     *Machine
	now   time.Time
	wake  time.Time
	up    bool
	head  uint64 // the journal
	kept  uint64 // the centre
	epoch byte
	stamp int64
	due   []Event           // not delivered yet
	said  []custody.Receipt // all receipts so far, of all lives
	wrong error             // what must never happen
}

func newWorld(seed uint64) *world {
	w := &world{rnd: rand.New(rand.NewPCG(seed, 1)), m: NewMachine(Defaults, seed), now: time.Unix(0, 0), epoch: 1}
	w.tell(Event{Kind: Started})
	return w
}

func (w *world) receipt() custody.Receipt {
	w.stamp++
	r := custody.Receipt{Epoch: custody.Epoch{w.epoch}, Durable: w.kept, ServerTime: w.stamp}
	w.said = append(w.said, r)
	return r
}

// repeat lets a receipt come late or once more, perhaps one of an old life, which must
// not come back with it.
func (w *world) repeat() {
	if !w.up || len(w.said) == 0 {
		return
	}
	r := w.said[w.rnd.IntN(len(w.said))]
	before := w.m.last.Epoch
	w.tell(Event{Kind: Receipted, Receipt: r})
	if w.m.last.Epoch != before {
		w.wrong = fmt.Errorf("a receipt nobody asked for led from life %d to %d", before[0], w.m.last.Epoch[0])
	}
}

// tell feeds an event to the machine and puts what follows on the way.
func (w *world) tell(e Event) {
	for todo := []Event{e}; len(todo) > 0; todo = todo[1:] {
		w.wake = w.now.Add(time.Hour)
		for _, a := range w.m.Step(w.now, todo[0]) {
			switch a.Kind {
			case Wake:
				if a.At.Before(w.wake) {
					w.wake = a.At
				}
			case Ask:
				w.due = append(w.due, Event{Kind: Marked})
			case Send:
				last := min(a.From+99, w.head)
				todo = append(todo, Event{Kind: Sent, Last: last})
				w.due = append(w.due, Event{Kind: Acked, First: a.From, Last: last})
			}
		}
	}
}

// deliver lets the oldest thing on the way happen.
func (w *world) deliver() {
	e := w.due[0]
	w.due = w.due[1:]
	if !w.up {
		return
	}
	if e.Kind == Marked {
		w.tell(Event{Kind: Marked, Receipt: w.receipt()})
		return
	}
	gap := e.First > w.kept+1
	if !gap {
		w.kept = max(w.kept, e.Last)
	}
	w.tell(Event{Kind: Acked, First: e.First})
	r := w.receipt()
	r.Gap = gap
	w.tell(Event{Kind: Receipted, Receipt: r})
}

func (w *world) misbehave() {
	w.now = w.now.Add(time.Duration(w.rnd.IntN(3000)) * time.Millisecond)
	switch w.rnd.IntN(11) {
	case 10:
		w.repeat()
	case 0, 1:
		w.head += uint64(w.rnd.IntN(400))
		w.tell(Event{Kind: Appended, Head: w.head})
	case 2:
		w.up = !w.up
		w.tell(Event{Kind: map[bool]EventKind{true: Up, false: Down}[w.up]})
	case 3: // the bus loses something it took
		if len(w.due) > 0 {
			lost := w.due[0]
			w.due = w.due[1:]
			switch {
			case lost.Kind == Marked:
				w.tell(Event{Kind: Unmarked})
			case w.rnd.IntN(2) == 0:
				w.tell(Event{Kind: Acked, First: lost.First})
			default:
				w.tell(Event{Kind: Failed, First: lost.First})
			}
		}
	case 4: // the centre is restored from an old backup
		w.kept = w.rnd.Uint64N(w.kept + 1)
		w.epoch++
		if w.up && w.rnd.IntN(4) > 0 { // a greeting may be lost, too
			w.tell(Event{Kind: Greeted})
		}
	default:
		if len(w.due) > 0 {
			w.deliver()
		}
	}
	if !w.now.Before(w.wake) {
		w.tell(Event{Kind: Tick})
	}
}

// settle is the time without faults. Seconds of it are enough, but where the centre
// forgot everything in silence.
func (w *world) settle() error {
	if !w.up {
		w.up = true
		w.tell(Event{Kind: Up})
	}
	w.repeat() // the last late one
	for end := w.now.Add(Defaults.Idle + 10*time.Minute); w.now.Before(end); {
		for len(w.due) > 0 {
			w.deliver()
		}
		if w.kept == w.head && w.m.Durable() == w.head && w.m.last.Epoch == (custody.Epoch{w.epoch}) {
			return nil
		}
		w.now = w.wake
		w.tell(Event{Kind: Tick})
	}
	return fmt.Errorf("kept %d and mark %d of %d: %+v", w.kept, w.m.Durable(), w.head, w.m)
}
