package uplink

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

func TestEverythingArrivesInOrderWhateverTheBusDoes(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults faults
	}{
		{"nothing wrong", faults{}},
		{"answers come late", faults{late: 15 * time.Millisecond}},
		{"answers come after nobody waits for them any more", faults{late: 25 * time.Millisecond, silent: 30}},
		{"batches are acknowledged and lost", faults{swallow: 30}},
		{"receipts and answers are lost", faults{silent: 40}},
		{"acknowledgements are lost", faults{unacked: 40}},
		{"much at once", faults{swallow: 20, silent: 20, late: 5 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t)
			b.bus.set(c.faults)
			b.press(60) // before the uplink runs
			b.run()
			b.up()
			for range 100 {
				b.press(1) // while it runs
			}
			if c.faults.late > hasty.AskAnswer { // no question is ever answered in time
				b.until("it asks and asks", func() error {
					if _, n := b.bus.counts(); n < 3 {
						return fmt.Errorf("asked %d times", n)
					}
					return nil
				})
				b.bus.set(faults{})
			}
			b.settled()
			batches, marks := b.bus.counts()
			t.Logf("%d batches, %d questions", batches, marks)
		})
	}
}

func TestAFullStreamIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults faults
	}{
		{"full", faults{full: true}},
		{"answers that are not the stream's", faults{nonsense: true}},
		{"no line", faults{cut: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := settledBox(t, 20)
			b.bus.set(c.faults)
			before := b.bus.requests()
			b.press(20)
			b.until("it is tried again and again", func() error {
				if n := b.bus.requests() - before; n < 5 {
					return fmt.Errorf("tried %d times", n)
				}
				return nil
			})
			if d := b.uplink.State().Durable; d != 20 {
				t.Fatalf("the mark is %d although nothing more was taken", d)
			}
			b.bus.set(faults{})
			b.settled()
		})
	}
}

func TestTheLinkGoesDownAndUp(t *testing.T) {
	b := newBox(t)
	b.run()
	if s := b.uplink.State(); s.Up || !s.Since.IsZero() {
		t.Fatalf("before anything is known: %+v", s)
	}
	b.press(10)
	if n := b.bus.requests(); n > 0 {
		t.Fatalf("%d requests before the link was ever up", n)
	}
	b.up()
	b.settled()
	was := b.uplink.State()
	if !was.Up || was.Problem != "" || time.Since(was.Since) > time.Minute {
		t.Fatalf("up: %+v", was)
	}
	b.uplink.Link(b.ctx, false, errCut)
	b.until("the state says why it is down", func() error {
		if s := b.uplink.State(); s.Up || s.Problem != errCut.Error() || !s.Since.After(was.Since) || s.Durable != 10 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	before := b.bus.requests()
	b.press(30)
	if n := b.bus.requests(); n > before {
		t.Fatalf("%d requests while the link is down", n-before)
	}
	_, marks := b.bus.counts()
	b.up()
	b.settled()
	if _, n := b.bus.counts(); n == marks {
		t.Fatal("after a reconnect the centre was not asked for its mark")
	}
	if s := b.uplink.State(); !s.Up || s.Problem != "" {
		t.Fatalf("up again: %+v", s)
	}
}

// Only the centre's word about this very journal moves the mark.
func TestOtherPeoplesReceiptsAreIgnored(t *testing.T) {
	b := settledBox(t, 10)
	b.bus.set(faults{full: true}) // nothing moves the mark by itself from here on
	b.press(10)
	head := b.journal.Head()
	chain := b.journal.Chain()
	claim := func(change func(*custody.Receipt)) []byte {
		b.bus.mu.Lock()
		defer b.bus.mu.Unlock()
		return b.bus.receipt(chain, func(r *custody.Receipt) {
			r.Durable, r.DurableSum = head.Sequence, head.Hash
			change(r)
		})
	}
	good := claim(func(*custody.Receipt) {})
	_, forger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := custody.OpenReceipt(good, b.bus.sign.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	altered := append([]byte(nil), good...)
	altered[len(altered)/2] ^= 1
	before := string(b.journal.Receipt())
	for name, data := range map[string][]byte{
		"signed by another":   custody.SignReceipt(forged, forger),
		"with a bit changed":  altered,
		"of another kiosk":    claim(func(r *custody.Receipt) { r.Kiosk = "k-other" }),
		"of another chain":    claim(func(r *custody.Receipt) { r.Chain = survey.Chain{9} }),
		"of no chain":         claim(func(r *custody.Receipt) { r.Chain = survey.Chain{} }),
		"nonsense":            []byte("xin chào"),
		"empty":               {},
		"cut short":           good[:len(good)-1],
		"a greeting to other": claim(func(r *custody.Receipt) { r.Kiosk, r.Started = "k-other", true }),
	} {
		_, marks := b.bus.counts()
		b.bus.say(data)
		b.uplink.Link(b.ctx, true, nil) // goes through the same queue: what was said is read before it
		time.Sleep(2 * time.Millisecond)
		if got := string(b.journal.Receipt()); got != before || b.uplink.State().Durable != 10 {
			t.Errorf("a receipt %s moved the mark to %d", name, b.uplink.State().Durable)
		}
		if _, n := b.bus.counts(); n != marks {
			t.Errorf("a receipt %s made the kiosk ask", name)
		}
	}
	// The control: the very same claim, signed by the centre, is believed.
	b.bus.say(good)
	b.until("the centre's own word is kept", func() error {
		if string(b.journal.Receipt()) != string(good) || b.uplink.State().Durable != 20 {
			return errors.New("not yet")
		}
		return nil
	})
}

func TestAlarmsAreTold(t *testing.T) {
	other := survey.Hash{7}
	for _, c := range []struct {
		name   string
		change func(*custody.Receipt)
		want   string
	}{
		{"another record under a number", func(r *custody.Receipt) { r.DurableSum = other }, string(Forked)},
		{"more than there is", func(r *custody.Receipt) { r.Durable, r.DurableSum = 99, other }, string(Ahead)},
		{"a refusal, with its reason", func(r *custody.Receipt) { r.Refused = "the signature" }, string(Refused) + ": the signature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := settledBox(t, 10)
			b.bus.mu.Lock()
			r := b.bus.receipt(b.journal.Chain(), c.change)
			b.bus.mu.Unlock()
			b.bus.say(r)
			b.until("the state says it", func() error {
				if s := b.uplink.State(); s.Problem != c.want {
					return fmt.Errorf("problem %q, want %q", s.Problem, c.want)
				}
				return nil
			})
			b.press(1) // and all is well again
			b.settled()
			b.until("the alarm ends with the next good receipt", func() error {
				if s := b.uplink.State(); s.Problem != "" {
					return errors.New(s.Problem)
				}
				return nil
			})
		})
	}
}

// A restored centre has a new epoch and less than it had: everything after goes again.
func TestARestoredCentreIsFilledAgainByItself(t *testing.T) {
	b := settledBox(t, 40)
	b.bus.restore(b.journal.Chain(), 7)
	b.until("the centre is filled again", func() error { return b.bus.holds(b.journal.Chain(), b.journal.Head()) })
	b.settled()
}

// An epoch's late word does not bring the old life back.
func TestALateReceiptOfAnOldLifeMovesNothing(t *testing.T) {
	b := settledBox(t, 40)
	old := b.journal.Receipt()
	b.bus.restore(b.journal.Chain(), 7)
	b.settled()
	kept := string(b.journal.Receipt())
	_, marks := b.bus.counts()
	b.bus.say(old)
	b.until("the centre is asked which life it lives", func() error {
		if _, n := b.bus.counts(); n == marks {
			return errors.New("not asked")
		}
		if string(b.journal.Receipt()) == kept {
			return errors.New("the answer is not kept yet")
		}
		return nil
	})
	if r, err := b.uplink.open(b.journal.Receipt()); err != nil || r.Epoch != b.bus.epoch || r.Durable != 40 {
		t.Fatalf("the journal keeps %+v, %v", r, err)
	}
}

// The last batch arrived, and both words about it are lost: the centre is asked long
// before the bus's acknowledgement is given up.
func TestAllWordsAboutTheLastBatchAreLost(t *testing.T) {
	b := settledBox(t, 5)
	b.bus.set(faults{unacked: 100, silent: 100})
	b.press(1)
	head := b.journal.Head()
	b.until("the centre has it", func() error { return b.bus.holds(b.journal.Chain(), head) })
	b.bus.set(faults{})
	b.settled()
}

// A line over which nothing comes back is given up, however alive it seems.
func TestADeafConnectionIsGivenUp(t *testing.T) {
	b := settledBox(t, 5)
	given := func() int {
		b.bus.mu.Lock()
		defer b.bus.mu.Unlock()
		return b.bus.again
	}
	if n := given(); n != 0 {
		t.Fatalf("%d connections given up while all is well", n)
	}
	b.bus.set(faults{unacked: 100, silent: 100})
	b.press(1)
	b.until("another connection is made", func() error {
		if given() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	b.bus.set(faults{})
	b.settled()
}

func TestTheReceiptIsWhereTheNextStartBegins(t *testing.T) {
	b := settledBox(t, 10)
	b.stop()
	b.renew()
	if d := b.uplink.State().Durable; d != 10 {
		t.Fatalf("a new start begins at %d, want 10", d)
	}
	b.journal.SetReceipt([]byte("of another centre")) // the kiosk was enrolled anew elsewhere
	b.renew()
	if d := b.uplink.State().Durable; d != 0 {
		t.Fatalf("with a receipt that is not this centre's it begins at %d, want 0", d)
	}
	b.press(5)
	b.carry()
}

// A stop does not wait for answers that never come.
func TestAStopWithRequestsUnderWay(t *testing.T) {
	b := newBox(t)
	b.bus.set(faults{unacked: 100})
	b.press(40)
	b.run()
	b.up()
	b.until("something is under way", func() error {
		if n, _ := b.bus.counts(); n == 0 {
			return errors.New("nothing yet")
		}
		return nil
	})
	began := time.Now()
	b.stop()
	if took := time.Since(began); took > time.Second {
		t.Fatalf("the stop took %s", took)
	}
}

func TestABusWithoutReceiptsIsSaid(t *testing.T) {
	b := newBox(t)
	b.bus.kiosk = "k-other" // the subscription is refused
	if err := b.uplink.Run(context.Background(), b.bus); err == nil || !strings.Contains(err.Error(), "receipts") {
		t.Fatalf("ran without receipts: %v", err)
	}
}

// A journal that let records go, as a verified backup allows, cannot compare them any
// more: that is no contradiction. One that has the record says that it differs.
func TestAMarkOnARecordThatWasLetGo(t *testing.T) {
	b := newBox(t)
	b.press(10)
	for _, kept := range []uint64{8, 1} {
		b.renew()
		b.uplink.Journal = forgetful{b.journal, kept}
		events := make(chan heard, 1)
		b.uplink.events = events
		b.bus.mu.Lock()
		r := b.bus.receipt(b.journal.Chain(), func(r *custody.Receipt) { r.Durable, r.DurableSum = 5, survey.Hash{5} })
		b.bus.mu.Unlock()
		b.uplink.hearReceipt(context.Background(), Marked, r)
		if h := <-events; h.Differs != (kept == 1) {
			t.Errorf("with records from %d on: differs %v", kept, h.Differs)
		}
	}
}

// forgetful is a journal that let the first records go.
type forgetful struct {
	Journal
	kept uint64
}

func (f forgetful) HashAt(seq uint64) (survey.Hash, error) {
	if seq < f.kept {
		return survey.Hash{}, nil
	}
	return f.Journal.HashAt(seq)
}

// Of a chain that was salvaged the centre may have more than was found, and is right.
func TestTheCentreHasMoreOfASalvagedChain(t *testing.T) {
	b := settledBox(t, 10)
	b.stop()
	b.bus.mu.Lock()
	signed := b.bus.receipt(b.journal.Chain(), nil)
	b.bus.mu.Unlock()
	for _, past := range []bool{true, false} {
		for _, known := range []bool{false, true} { // whether the receipt was kept before a stop
			b.renew()
			o := b.uplink.Options
			o.Past, o.Journal = past, found{b.journal, 6}
			if b.uplink = New(o); !known {
				b.uplink.machine = NewMachine(hasty, 1)
				b.uplink.machine.Step(time.Now(), Event{Kind: Started, Head: 6})
			}
			events := make(chan heard, 1)
			b.uplink.events = events
			b.uplink.hearReceipt(context.Background(), Marked, signed)
			h := <-events
			actions := b.uplink.machine.Step(time.Now(), h.Event)
			if alarmed := len(actions) > 0 && actions[0].Kind == Raise; alarmed == past {
				t.Errorf("past %v, known %v: it follows %+v", past, known, actions)
			}
		}
	}
}

// found is what was found of a journal: less than there was.
type found struct {
	Journal
	upTo uint64
}

func (f found) Head() custody.Head {
	h, _ := f.HashAt(f.upTo)
	return custody.Head{Sequence: f.upTo, Hash: h}
}

// Others who ask the centre over the same connection hear when it has just started, and of
// no other kiosk's greeting.
func TestAGreetingIsTold(t *testing.T) {
	b := newBox(t)
	var greeted atomic.Int64
	b.uplink.OnGreeted = func() { greeted.Add(1) }
	b.run()
	b.up()
	greet := func(kiosk survey.KioskID) {
		b.bus.mu.Lock()
		data := b.bus.receipt(survey.Chain{}, func(r *custody.Receipt) { r.Kiosk, r.Started = kiosk, true })
		b.bus.mu.Unlock()
		b.bus.say(data)
	}
	b.until("the uplink has asked, so that it listens", func() error {
		if _, marks := b.bus.counts(); marks == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	greet("k-other") // it is read before the next
	greet(b.bus.kiosk)
	b.until("its own greeting is told", func() error {
		if greeted.Load() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	if n := greeted.Load(); n != 1 {
		t.Errorf("%d greetings were told of one", n)
	}
}
