package cmd_test

import (
	"errors"
	"fmt"
	"hailong/cmd/internal/fault"
	"hailong/survey"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ledger is the list of what was thanked for: the measure of everything else.
type ledger struct {
	mu   sync.Mutex // protects kept
	kept map[string]string
}

// thank notes that a key was answered 201 with an id; another id for a known key is a
// press thanked for as two.
func (l *ledger) thank(key, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, ok := l.kept[key]; ok && before != id {
		return fmt.Errorf("key %s was thanked for as %s and as %s", key, before, id)
	}
	l.kept[key] = id
	return nil
}

// balance is nil when the centre counts exactly what was thanked for.
func (l *ledger) balance(counted int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := map[string]bool{}
	for _, id := range l.kept {
		ids[id] = true
	}
	if len(ids) != len(l.kept) {
		return fmt.Errorf("%d keys share %d records", len(l.kept), len(ids))
	}
	if counted != int64(len(l.kept)) {
		return fmt.Errorf("thanked %d, counted %d", len(l.kept), counted)
	}
	return nil
}

// crowd presses at kiosks until told to stop, and sends what is uncertain again with
// its key until it is thanked for.
type crowd struct {
	ledger ledger
	stop   atomic.Bool
	hands  sync.WaitGroup
	mu     sync.Mutex // protects errs
	errs   []error
}

func newCrowd() *crowd { return &crowd{ledger: ledger{kept: map[string]string{}}} }

func (c *crowd) press(kiosk string, hand int) {
	for n := 0; !c.stop.Load(); n++ {
		p := fault.Press{Questionnaire: "quick", Answers: map[string]int{"Z0": n%5 + 1}, Channel: survey.Web, Key: fmt.Sprintf("%s-%d-%d", kiosk, hand, n)}
		got, err := insist(kiosk, p, time.Now().Add(60*time.Second))
		if err == nil {
			err = c.ledger.thank(p.Key, got.ID)
		}
		if err != nil {
			c.mu.Lock()
			c.errs = append(c.errs, err)
			c.mu.Unlock()
			return
		}
		time.Sleep(2 * time.Millisecond) // the point is the kills, not the load
	}
}

// end stops the pressing; it returns once every press begun was thanked for.
func (c *crowd) end() error {
	c.stop.Store(true)
	c.hands.Wait()
	return errors.Join(c.errs...)
}

// Any of the three programs is killed in the middle of presses, again and again, and
// started again on the same data. Whatever was answered 201 is counted, exactly once.
func TestKilledAtRandomMomentsNothingIsLostAndNothingCountsTwice(t *testing.T) {
	rounds := 24
	if testing.Short() {
		rounds = 6
	}
	s := newSite(t)
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, seed))
	t.Logf("seed %d, %d kills", seed, rounds)
	c := newCrowd()
	for i, k := range s.kiosks {
		for hand := range 4 {
			c.hands.Go(func() { c.press(k, 10*i+hand) })
		}
	}
	victims := map[string]int{}
	for round := range rounds {
		time.Sleep(time.Duration(rnd.IntN(250)) * time.Millisecond)
		switch victim := (round + rnd.IntN(2)) % 3; victim {
		case 0:
			victims["aggregator"]++
			s.aggregator.kill()
			time.Sleep(time.Duration(rnd.IntN(100)) * time.Millisecond)
			s.startAggregator(t)
		default:
			victims["kiosk"]++
			s.boxes[victim-1].kill()
			s.startBox(t, victim-1)
		}
	}
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	s.drained(t)
	if err := c.ledger.balance(s.counted(t)); err != nil {
		t.Fatal(err)
	}
	t.Logf("thanked %d = counted %d after %v", len(c.ledger.kept), s.counted(t), victims)
}
