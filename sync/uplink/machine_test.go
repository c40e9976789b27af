package uplink

import (
	"slices"
	"testing"
	"time"

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
	for _, wait := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} { // without jitter
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

// The waits double with jitter: each lies between half of its step and all of it, and
// two kiosks do not ask in step.
func TestKiosksDoNotAskInStep(t *testing.T) {
	waits := func(seed uint64) (all []time.Duration) {
		s := newStage(t, 50, 0)
		s.m = NewMachine(Defaults, seed)
		s.say(Event{Kind: Started, Head: 50, Receipt: receipt(0)}).say(Event{Kind: Up})
		for len(all) < 8 {
			s.say(Event{Kind: Marked, Receipt: receipt(0)}).expect(1)
			s.say(Event{Kind: Acked, First: 1})
			from := s.now
			for s.did = nil; !s.asked(); {
				s.after(100 * time.Millisecond)
			}
			all = append(all, s.now.Sub(from))
		}
		return all
	}
	one, other := waits(1), waits(2)
	for i, step := range []time.Duration{10, 20, 40, 80, 160, 300, 300} {
		step *= time.Second
		for _, got := range []time.Duration{one[i+1], other[i+1]} {
			if got < step/2 || got > step+100*time.Millisecond {
				t.Errorf("wait %d is %s, want between %s and %s", i+1, got, step/2, step)
			}
		}
	}
	if one[0] != Defaults.Stall || slices.Equal(one, other) {
		t.Errorf("the waits are %v and %v", one, other)
	}
}

// A receipt and the bus's acknowledgement may both be lost: the centre is asked although
// the batch still counts as under way.
func TestABatchUnderWayForTooLongMakesItAsk(t *testing.T) {
	s := newStage(t, 50, 0)
	s.say(Event{Kind: Up}).say(Event{Kind: Marked, Receipt: receipt(0)}).expect(1)
	if s.after(Defaults.Stall - time.Millisecond); s.asked() {
		t.Fatal("asked too soon")
	}
	if s.after(time.Millisecond); !s.asked() {
		t.Fatal("not asked")
	}
	s.say(Event{Kind: Marked, Receipt: receipt(0)}).expect() // a slow line is not made slower
	if s.say(Event{Kind: Tick}); s.asked() {
		t.Fatal("asked again at once")
	}
	if s.after(2 * Defaults.Stall); !s.asked() {
		t.Fatal("not asked again")
	}
	s.say(Event{Kind: Marked, Receipt: receipt(50)}).expect()
	s.say(Event{Kind: Appended, Head: 51}).expect(51) // nothing counts as under way any more
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
	s.say(Event{Kind: Receipted, Receipt: restored}).expect()
	if !s.asked() || s.m.Durable() != 90 {
		t.Fatalf("an unasked word of another life: mark %d, %+v", s.m.Durable(), s.did)
	}
	if s.say(Event{Kind: Receipted, Receipt: restored}); s.asked() {
		t.Fatal("asked again while a question is under way")
	}
	s.say(Event{Kind: Marked, Receipt: restored}).expect(41)
	s.say(Event{Kind: Receipted, Receipt: receipt(90)}).expect() // late, of the old life
	if !s.asked() || s.m.Durable() != 40 {
		t.Fatalf("a late word of the old life: mark %d, %+v", s.m.Durable(), s.did)
	}
	s.say(Event{Kind: Marked, Receipt: restored})
	if s.m.Durable() != 40 {
		t.Fatalf("the mark is %d", s.m.Durable())
	}
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

// A kiosk that the centre refuses when it asks hears it, keeps asking, ever more rarely, and
// sends nothing until it is taken again.
func TestAKioskThatIsRefusedAsksOn(t *testing.T) {
	s := newStage(t, 90, 50).say(Event{Kind: Up})
	no := receipt(50)
	no.Refused = "no kiosk of that name is enrolled"
	for wait := Defaults.Retry; ; wait = min(2*wait, Defaults.StallMax) {
		s.say(Event{Kind: Marked, Receipt: no}).raised(Refused)
		if !slices.ContainsFunc(s.did, func(a Action) bool { return a.Kind == Keep }) {
			t.Fatal("the refusal is not kept")
		}
		s.expect()
		if s.after(wait - 1); s.asked() {
			t.Fatalf("it asks again within %s", wait)
		}
		s.expect()
		if s.after(1); !s.asked() {
			t.Fatalf("it does not ask after %s", wait)
		}
		if wait == Defaults.StallMax {
			break
		}
	}
	s.say(Event{Kind: Marked, Receipt: receipt(50)}).expect(51) // it was allowed again
}

// A kiosk whose records contradict the centre's goes on sending them, as evidence: all of
// them again with each answered question, and ever more rarely.
func TestADisputedBranchIsSentAsEvidence(t *testing.T) {
	s := newStage(t, 150, 100)
	s.say(Event{Kind: Up})
	s.say(Event{Kind: Marked, Receipt: receipt(120), Differs: true}).raised(Forked)
	s.expect(101)
	s.say(Event{Kind: Acked, First: 101}).expect()
	s.say(Event{Kind: Appended, Head: 160}).expect(151) // what comes goes, too
	s.say(Event{Kind: Acked, First: 151})
	// A receipt of another life makes it ask; the answer does not send everything again.
	for range 3 {
		other := receipt(120)
		other.Epoch[0] = 9
		s.say(Event{Kind: Receipted, Receipt: other, Differs: true})
		s.say(Event{Kind: Marked, Receipt: other, Differs: true}).expect()
	}
	var waits []time.Duration
	for range 14 {
		began := s.now
		for len(s.sent()) == 0 {
			if s.after(time.Second); s.asked() {
				s.say(Event{Kind: Marked, Receipt: receipt(120), Differs: true}).raised(Forked)
			}
		}
		s.expect(101)
		waits = append(waits, s.now.Sub(began))
		s.say(Event{Kind: Acked, First: 101})
	}
	if waits[0] > time.Minute || !slices.IsSorted(waits[:8]) || waits[13] < (rarely-2)*Defaults.StallMax {
		t.Errorf("it waited %v between", waits)
	}
	s.say(Event{Kind: Marked, Receipt: receipt(160)}) // the centre was mended by hand
	s.say(Event{Kind: Appended, Head: 170}).expect(161)
}
