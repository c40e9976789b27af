package uplink

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hailong/survey/custody"
)

// stage drives a machine by hand and remembers what it was told to do.
type stage struct {
	t   *testing.T
	m   *Machine
	now time.Time
	did []Action
}

func newStage(t *testing.T, head, durable uint64) *stage {
	s := &stage{t: t, m: NewMachine(Defaults, 1), now: time.Unix(1000, 0)}
	s.m.jitter = func(d time.Duration) time.Duration { return d }
	s.say(Event{Kind: Started, Head: head, Receipt: receipt(durable)})
	return s
}

func receipt(durable uint64) custody.Receipt {
	return custody.Receipt{Epoch: custody.Epoch{1}, Durable: durable, ServerTime: int64(durable) + 1}
}

// say feeds an event and what follows when every batch holds 100 records.
func (s *stage) say(e Event) *stage {
	s.did = nil
	for todo := []Event{e}; len(todo) > 0; todo = todo[1:] {
		for _, a := range s.m.Step(s.now, todo[0]) {
			s.did = append(s.did, a)
			if a.Kind == Send {
				todo = append(todo, Event{Kind: Sent, Last: min(a.From+99, s.m.head)})
			}
		}
	}
	return s
}

func (s *stage) after(d time.Duration) *stage {
	s.now = s.now.Add(d)
	return s.say(Event{Kind: Tick})
}

func (s *stage) sent() (from []uint64) {
	for _, a := range s.did {
		if a.Kind == Send {
			from = append(from, a.From)
		}
	}
	return from
}

func (s *stage) asked() bool {
	return slices.ContainsFunc(s.did, func(a Action) bool { return a.Kind == Ask })
}

func (s *stage) raised(want Alarm) {
	s.t.Helper()
	if !slices.ContainsFunc(s.did, func(a Action) bool { return a.Kind == Raise && a.Why == want }) {
		s.t.Fatalf("no alarm %q in %+v", want, s.did)
	}
}

func (s *stage) expect(from ...uint64) {
	s.t.Helper()
	if got := s.sent(); !slices.Equal(got, from) {
		s.t.Fatalf("sent from %v, want %v", got, from)
	}
}

func TestNothingIsSentBeforeTheCentreSaidWhereItStands(t *testing.T) {
	s := newStage(t, 50, 0)
	s.expect()
	s.say(Event{Kind: Up})
	if s.expect(); !s.asked() {
		t.Fatal("the centre was not asked for its mark")
	}
	s.say(Event{Kind: Marked, Receipt: receipt(20)})
	s.expect(21)
}

func TestAnUnansweredQuestionIsAskedAgainLaterAndLater(t *testing.T) {
	s := newStage(t, 50, 0)
	s.say(Event{Kind: Up})
	for _, wait := range []time.Duration{250, 500, 1000, 2000, 4000, 8000, 8000} {
		wait *= time.Millisecond
		s.say(Event{Kind: Unmarked})
		if s.after(wait - time.Millisecond); s.asked() {
			t.Fatalf("asked again before %s", wait)
		}
		if s.after(time.Millisecond); !s.asked() {
			t.Fatalf("not asked again after %s", wait)
		}
	}
	s.say(Event{Kind: Marked, Receipt: receipt(0)})
	s.expect(1)
}

func TestAQuestionThatWasSwallowedIsGivenUp(t *testing.T) {
	s := newStage(t, 50, 0)
	s.say(Event{Kind: Up})
	if s.after(Defaults.AskAnswer - time.Millisecond); s.asked() {
		t.Fatal("asked twice at once")
	}
	if s.after(time.Millisecond); !s.asked() {
		t.Fatal("a question without any answer was never asked again")
	}
}

func TestALoneRecordGoesAtOnceAndTheNextWaitForFullBatches(t *testing.T) {
	s := newStage(t, 0, 0)
	s.say(Event{Kind: Up}).say(Event{Kind: Marked, Receipt: receipt(0)})
	s.say(Event{Kind: Appended, Head: 1}).expect(1)
	s.say(Event{Kind: Appended, Head: 2}).expect() // the first is still under way
	s.say(Event{Kind: Acked, First: 1}).expect(2)
	s.say(Event{Kind: Appended, Head: 1000})
	if got := s.sent(); len(got) < 3 || len(got) > Defaults.Window {
		t.Fatalf("a full journal is sent in %d batches at once", len(got))
	}
}

func TestARefusedPublishIsTriedAgainFromItsFirstRecord(t *testing.T) {
	s := newStage(t, 50, 0)
	s.say(Event{Kind: Up}).say(Event{Kind: Marked, Receipt: receipt(0)}).expect(1)
	s.say(Event{Kind: Failed, First: 1}).expect()
	s.after(249 * time.Millisecond).expect()
	s.after(time.Millisecond).expect(1)
	s.say(Event{Kind: Failed, First: 1}).after(499 * time.Millisecond).expect()
	s.after(time.Millisecond).expect(1)
}

func TestAMarkThatStandsStillIsAskedForAndTheRestSentAgain(t *testing.T) {
	s := newStage(t, 50, 0)
	s.say(Event{Kind: Up}).say(Event{Kind: Marked, Receipt: receipt(0)}).say(Event{Kind: Acked, First: 1})
	for _, wait := range []time.Duration{5, 20, 80, 300, 300} { // jitter none: the full four-fold
		wait *= time.Second
		if s.after(wait - time.Millisecond); s.asked() {
			t.Fatalf("asked before the mark stood still for %s", wait)
		}
		if s.after(time.Millisecond); !s.asked() {
			t.Fatalf("not asked although the mark stood still for %s", wait)
		}
		s.say(Event{Kind: Marked, Receipt: receipt(0)}).expect(1)
		s.say(Event{Kind: Acked, First: 1})
	}
	s.say(Event{Kind: Receipted, Receipt: receipt(50)})
	if s.after(Defaults.Idle - time.Second); s.asked() || len(s.sent()) > 0 {
		t.Fatalf("everything is signed for, and still: %+v", s.did)
	}
	if s.after(time.Second); !s.asked() {
		t.Fatal("a centre that lost everything in silence would never be noticed")
	}
}

func TestAReceiptLostIsMadeUpByTheNextOne(t *testing.T) {
	s := newStage(t, 250, 0)
	s.say(Event{Kind: Up}).say(Event{Kind: Marked, Receipt: receipt(0)})
	s.say(Event{Kind: Receipted, Receipt: receipt(200)})
	if s.m.Durable() != 200 {
		t.Fatalf("mark %d, want 200", s.m.Durable())
	}
	s.say(Event{Kind: Receipted, Receipt: receipt(100)}) // late
	if s.m.Durable() != 200 || len(s.did) > 1 {
		t.Fatalf("a late receipt moved the mark to %d: %+v", s.m.Durable(), s.did)
	}
}

func TestAGapSendsTheCursorBackOnce(t *testing.T) {
	s := newStage(t, 300, 0)
	s.say(Event{Kind: Up}).say(Event{Kind: Marked, Receipt: receipt(0)}).expect(1, 101)
	gap := receipt(0)
	gap.Gap = true
	s.say(Event{Kind: Receipted, Receipt: gap}).expect(1, 101)
	s.say(Event{Kind: Receipted, Receipt: gap}).expect() // of the next batch behind the same gap
	s.now = s.now.Add(Defaults.Rewind)
	s.say(Event{Kind: Receipted, Receipt: gap}).expect(1, 101)
}

func TestARestoredCentreIsFilledAgain(t *testing.T) {
	s := newStage(t, 90, 90)
	s.say(Event{Kind: Up}).say(Event{Kind: Marked, Receipt: receipt(90)}).expect()
	restored := custody.Receipt{Epoch: custody.Epoch{2}, Durable: 40, ServerTime: 1000}
	s.say(Event{Kind: Receipted, Receipt: restored}).expect(41)
}

func TestACentreThatHasJustStartedIsSentWhatMayBeLost(t *testing.T) {
	s := newStage(t, 90, 30)
	s.say(Event{Kind: Up}).say(Event{Kind: Marked, Receipt: receipt(30)}).expect(31)
	s.say(Event{Kind: Acked, First: 31})
	if s.say(Event{Kind: Greeted}); !s.asked() {
		t.Fatal("a greeting did not make it ask")
	}
	s.say(Event{Kind: Marked, Receipt: receipt(30)}).expect(31)
}

func TestAlarms(t *testing.T) {
	up := func(t *testing.T) *stage {
		return newStage(t, 90, 50).say(Event{Kind: Up}).say(Event{Kind: Marked, Receipt: receipt(50)})
	}
	t.Run("another record under our number", func(t *testing.T) {
		s := up(t)
		s.say(Event{Kind: Receipted, Receipt: receipt(60), Differs: true}).raised(Forked)
		if s.m.Durable() != 50 {
			t.Fatal("a contradicted mark was taken")
		}
	})
	t.Run("the centre has more than we", func(t *testing.T) {
		up(t).say(Event{Kind: Receipted, Receipt: receipt(91), Differs: true}).raised(Ahead)
	})
	t.Run("a mark goes down within one epoch", func(t *testing.T) {
		low := receipt(10)
		low.ServerTime = 10_000
		up(t).say(Event{Kind: Receipted, Receipt: low}).raised(Receded)
	})
	t.Run("a batch is refused", func(t *testing.T) {
		no := receipt(50)
		no.Refused = "signature"
		s := up(t)
		s.say(Event{Kind: Receipted, Receipt: no}).raised(Refused)
	})
}

// Whatever a bus and a centre do to it (lose, repeat, delay, restart, forget), once
// they behave the machine brings everything over, and never waits without a timer.
func TestEverythingArrivesOnceTheFaultsEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rapid.Uint64().Draw(rt, "seed"))
		for range rapid.IntRange(10, 300).Draw(rt, "steps") {
			w.misbehave()
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
	due   []Event // not delivered yet
}

func newWorld(seed uint64) *world {
	w := &world{rnd: rand.New(rand.NewPCG(seed, 1)), m: NewMachine(Defaults, seed), now: time.Unix(0, 0), epoch: 1}
	w.tell(Event{Kind: Started})
	return w
}

func (w *world) receipt() custody.Receipt {
	w.stamp++
	return custody.Receipt{Epoch: custody.Epoch{w.epoch}, Durable: w.kept, ServerTime: w.stamp}
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
	switch w.rnd.IntN(10) {
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
