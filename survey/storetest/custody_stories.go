package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

type opener = func(t *testing.T, dir string) Store

// presses is a kiosk with n presses at counter Q1.
func presses(name string, n int) *kiosk {
	k := newKiosk(name)
	for i := range n {
		k.record(press("Q1", survey.Level(i%5+1)))
	}
	return k
}

func repeatChangesNothing(t *testing.T, open opener) {
	s := counting(t, open)
	k := presses("a", 9)
	s.expect(k.batch(1, 4), custody.New, k.headAt(4))
	s.expect(k.batch(5, 9), custody.New, k.headAt(9))
	before := s.rollups()
	state := s.chainState(k.chain)
	for _, b := range []*custody.Batch{k.batch(1, 4), k.batch(5, 9), k.all(), k.batch(2, 3), k.batch(1, 1), k.batch(9, 9), k.batch(4, 6)} {
		s.expect(b, custody.Duplicate, k.head())
	}
	if got := s.keep(k.all(), k.all()); len(got[0].Counters) != 0 || got[1].Case != custody.Duplicate {
		t.Errorf("a repeat answers %+v", got)
	}
	s.sameRollups(before)
	if got := s.chainState(k.chain); got != state {
		t.Errorf("a repeat changed the chain's state from %+v to %+v", state, got)
	}
	if n := len(s.walked(k.chain)); n != 2 {
		t.Errorf("%d batches are kept, want 2", n)
	}
	s.recounted()
}

func overlapAddsTheRest(t *testing.T, open opener) {
	s := counting(t, open)
	k := presses("a", 9)
	s.expect(k.batch(1, 4), custody.New, k.headAt(4))
	s.expect(k.batch(3, 7), custody.New, k.headAt(7))
	s.expect(k.batch(1, 9), custody.New, k.headAt(9))
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 9, 9, 0)
	want := [][]byte{k.batch(1, 4).Bytes, k.batch(3, 7).Bytes, k.batch(1, 9).Bytes}
	if got := s.walked(k.chain); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("Walk gives %d batches, not the three that came, as they came", len(got))
	}
	for seq := range k.records {
		id := survey.RecordID{Chain: k.chain, Sequence: uint64(seq) + 1}
		e, found, err := s.store.Entry(s.ctx, id)
		if err != nil || !found || e.ID != id || e.Response.Answers[0].Level != survey.Level(seq%5+1) {
			t.Errorf("Entry(%s) = %+v, %v, %v", id, e, found, err)
		}
	}
	s.recounted()
}

func gapKeepsNothing(t *testing.T, open opener) {
	s := counting(t, open)
	k := presses("a", 9)
	s.expect(k.batch(2, 3), custody.Gap, custody.Head{})
	s.expect(k.batch(1, 3), custody.New, k.headAt(3))
	s.expect(k.batch(5, 9), custody.Gap, k.headAt(3))
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 3, 3, 0)
	s.expect(k.batch(4, 9), custody.New, k.head())
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 9, 9, 0)
	s.recounted()
}

func forkIsEvidence(t *testing.T, open opener) {
	s := counting(t, open)
	k := presses("a", 6)
	s.expect(k.batch(1, 3), custody.New, k.headAt(3))
	s.expect(k.batch(4, 6), custody.New, k.headAt(6))
	before := s.rollups()

	clone := presses("a", 5) // a cloned card: the same up to 5, then its own
	clone.record(press("Q1", 5))
	clone.record(press("Q1", 5))
	other := newKiosk("b") // another key on the same chain
	other.chain, other.records = k.chain, slices.Clone(k.records)
	other.record(press("Q1", 1))
	forks := []*custody.Batch{
		clone.batch(6, 6), // another hash where the chain ends
		clone.batch(6, 7), // the same, and goes on
		clone.batch(7, 7), // another previous hash
		other.batch(7, 7), // another kiosk, though all else fits
		other.batch(1, 3), // another kiosk's word for what is known
	}
	for range 2 { // evidence is kept once
		for _, b := range forks {
			s.expect(b, custody.Fork, k.head())
		}
	}
	got, err := s.store.Forks(s.ctx, k.chain)
	s.ok(err)
	// The second covers the first, the third says nothing that the second does not, nor
	// the last anything that the chain does not.
	want := [][]byte{forks[1].Bytes, forks[3].Bytes}
	slices.SortFunc(want, bytes.Compare)
	slices.SortFunc(got, bytes.Compare)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d batches are kept as evidence, want the two that together hold all", len(got))
	}
	if st := s.chainState(k.chain); st.Forks != 2 || st.Disputed != 3 || st.Kiosk != k.id {
		t.Errorf("state after the forks: %+v", st)
	}
	s.sameRollups(before)
	k.record(press("Q1", 4))
	s.expect(k.batch(7, 7), custody.New, k.head()) // the first branch goes on
	s.recounted()
}

func severalAtOnce(t *testing.T, open opener) {
	s := counting(t, open)
	a, b := presses("a", 5), presses("b", 3)
	b.record(press("Q3", 2))
	got := s.keep(a.batch(1, 2), b.batch(1, 1), a.batch(3, 5), a.batch(3, 5), b.batch(3, 4), b.batch(2, 4))
	for i, want := range []struct {
		custody.Case
		custody.Head
		counters []survey.CounterCode
	}{
		{custody.New, a.headAt(2), []survey.CounterCode{"Q1"}},
		{custody.New, b.headAt(1), []survey.CounterCode{"Q1"}},
		{custody.New, a.headAt(5), []survey.CounterCode{"Q1"}},
		{custody.Duplicate, a.headAt(5), nil},
		{custody.Gap, b.headAt(1), nil},
		{custody.New, b.headAt(4), []survey.CounterCode{"Q1", "Q3"}},
	} {
		if got[i].Case != want.Case || got[i].Head != want.Head || !slices.Equal(got[i].Counters, want.counters) {
			t.Errorf("arrival %d: %v at %d, counters %v; want %v at %d, %v",
				i, got[i].Case, got[i].Head.Sequence, got[i].Counters, want.Case, want.Head.Sequence, want.counters)
		}
	}
	chains, err := s.store.Chains(s.ctx)
	s.ok(err)
	if len(chains) != 2 || bytes.Compare(chains[0].Chain[:], chains[1].Chain[:]) >= 0 {
		t.Errorf("Chains gives %+v", chains)
	}
	if st := s.chainState(a.chain); st.Kiosk != a.id || st.Head != a.head() || !st.Received.Equal(noon) {
		t.Errorf("chain a is %+v", st)
	}
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 9, 9, 0)
	s.recounted()
}

func failureKeepsNothing(t *testing.T, open opener) {
	s := counting(t, open)
	k := presses("a", 4)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if _, err := s.store.Keep(ctx, arrivals([]*custody.Batch{k.all()})); !errors.Is(err, context.Canceled) {
		t.Errorf("Keep with an ended context gives %v", err)
	}
	s.expect(k.all(), custody.New, k.head()) // all new: nothing of it was kept
	s.recounted()
}

func reopened(t *testing.T, open opener) {
	s := counting(t, open)
	k := presses("a", 6)
	k.record(form("Q2", map[survey.QuestionCode]survey.Level{"A1": 4, "B1": 2}))
	s.expect(k.batch(1, 7), custody.New, k.headAt(7))
	before, epoch, state := s.rollups(), s.store.Epoch(), s.chainState(k.chain)
	if epoch == (custody.Epoch{}) {
		t.Error("the epoch is zero")
	}
	s.reopen()
	if s.store.Epoch() != epoch {
		t.Error("opening again drew another epoch")
	}
	if got := s.chainState(k.chain); got.Head != state.Head || got.Kiosk != state.Kiosk || !got.Received.Equal(state.Received) {
		t.Errorf("after opening again the chain is %+v, not %+v", got, state)
	}
	s.sameRollups(before)
	k.record(press("Q3", 3)) // names made before and after stand beside each other
	s.expect(k.batch(7, 8), custody.New, k.head())
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 7, 7, 0)
	s.recounted()
	another := newStory(t, open)
	if another.store.Epoch() == epoch {
		t.Error("two stores have the same epoch")
	}
}

// manyGoroutines has two callers send the same chain against each other, as after a
// reconnect, beside other chains and readers.
func manyGoroutines(t *testing.T, open opener) {
	s := counting(t, open)
	const n = 20
	var wg sync.WaitGroup
	run := func(name string) {
		k := presses(name, n)
		for i := 1; i <= n; i++ {
			kept, err := s.store.Keep(s.ctx, arrivals([]*custody.Batch{k.batch(max(1, i-3), i)}))
			if err != nil || kept[0].Case == custody.Fork || kept[0].Head.Sequence < uint64(i) {
				t.Errorf("kiosk %s, batch to %d: %+v, %v", name, i, kept, err)
			}
		}
	}
	for _, name := range []string{"a", "a", "b", "c"} {
		wg.Go(func() { run(name) })
	}
	wg.Go(func() {
		var seen int64
		for seen < 3*n && !t.Failed() {
			res, err := compute(s.ctx, s.store, survey.ScoreQuery{From: today, To: today, By: survey.ByHour})
			if err != nil || res.Total.N < seen {
				t.Errorf("while others write: n %d after %d, %v", res.Total.N, seen, err)
				return
			}
			seen = res.Total.N
		}
	})
	wg.Wait()
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 3*n, 3*n, 0)
	s.recounted()
}

func rejectedComesBack(t *testing.T, open opener) {
	s := newStory(t, open)
	first := custody.Rejected{Kiosk: "k-one", Reason: "the signature does not fit", Bytes: []byte{0xff, 0, 1}, Received: noon}
	second := custody.Rejected{Kiosk: "k-two", Reason: "the signature does not fit", Bytes: []byte{0xff, 0, 1}, Received: noon}
	again := first
	again.Received = noon.Add(1)
	for _, r := range []custody.Rejected{first, second, again} {
		s.ok(s.store.Reject(s.ctx, r))
	}
	s.reopen()
	got, err := s.store.Rejected(s.ctx, 0, 10)
	s.ok(err)
	if len(got) != 2 || got[0].Kiosk != "k-one" || got[1].Kiosk != "k-two" || !bytes.Equal(got[0].Bytes, first.Bytes) ||
		got[0].Reason != first.Reason || !got[0].Received.Equal(noon) {
		t.Fatalf("Rejected gives %+v", got)
	}
	if oldest, err := s.store.Rejected(s.ctx, 0, 1); err != nil || len(oldest) != 1 || oldest[0].Kiosk != "k-one" {
		t.Errorf("the oldest rejected is %+v, %v", oldest, err)
	}
	if next, err := s.store.Rejected(s.ctx, got[0].Number, 1); err != nil || len(next) != 1 || next[0].Kiosk != "k-two" {
		t.Errorf("the one after it is %+v, %v", next, err)
	}
	number := got[1].Number
	for range 2 {
		s.ok(s.store.Resolved(s.ctx, number))
	}
	s.ok(s.store.Reject(s.ctx, second)) // known, and resolved
	if got, err := s.store.Rejected(s.ctx, 0, 10); err != nil || len(got) != 1 || got[0].Kiosk != "k-one" {
		t.Errorf("after one is resolved: %+v, %v", got, err)
	}
	if err := s.store.Resolved(s.ctx, 99); err == nil {
		t.Error("a number that was never given is resolved")
	}
}

func commentsBesideTheChain(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	const text = "Cán bộ rất nhiệt tình, nhưng chờ lâu quá"
	with := k.comment(press("Q1", 4), text)
	without := k.record(press("Q1", 3))
	stray := k.comment(press("Q1", 2), "lời này không khớp")
	k.comments[1].Text = "lời khác" // no longer what the record vouches for
	s.keep(k.all())
	s.reopen()
	for id, want := range map[survey.RecordID]string{with: text, without: "", stray: ""} {
		e, found, err := s.store.Entry(s.ctx, id)
		if err != nil || !found || e.Comment != want || e.HadComment != (id != without) {
			t.Errorf("Entry(%s) = %+v, %v, %v; want comment %q", id, e, found, err, want)
		}
	}
	for _, b := range s.walked(k.chain) {
		if strings.Contains(string(b), "nhiệt tình") {
			t.Error("the comment is inside the verbatim batch and can never be erased")
		}
	}
	if _, found, err := s.store.Entry(s.ctx, survey.RecordID{Chain: k.chain, Sequence: 4}); found || err != nil {
		t.Errorf("a record that did not come: %v, %v", found, err)
	}
}

// walked are the batches that Walk hands out.
func (s *story) walked(c survey.Chain) (list [][]byte) {
	s.Helper()
	s.ok(s.store.Walk(s.ctx, c, func(b []byte) error {
		list = append(list, b)
		return nil
	}))
	stop := fmt.Errorf("enough")
	if err := s.store.Walk(s.ctx, c, func([]byte) error { return stop }); len(list) > 0 && !errors.Is(err, stop) {
		s.Errorf("Walk swallowed its visitor's error: %v", err)
	}
	return list
}
