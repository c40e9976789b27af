package boltstore

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/score"
)

func openNew(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "centre.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestLinkJoinsSessions joins two sessions that exist already, as happens when a record
// is understood only later: what was counted of both has to be known.
func TestLinkJoinsSessions(t *testing.T) {
	s := openNew(t)
	chain := survey.Chain{7}
	id := func(n uint64) survey.RecordID { return survey.RecordID{Chain: chain, Sequence: n} }
	err := s.update(t.Context(), func(w *writing) error {
		for _, step := range []struct {
			id, to uint64
			before [][]uint64
			after  []uint64
		}{
			{2, 1, [][]uint64{{2}, {1}}, []uint64{1, 2}},
			{5, 4, [][]uint64{{5}, {4}}, []uint64{4, 5}},
			{6, 5, [][]uint64{{6}, {4, 5}}, []uint64{4, 5, 6}},
			{4, 2, [][]uint64{{4, 5, 6}, {1, 2}}, []uint64{1, 2, 4, 5, 6}},
			{6, 5, [][]uint64{{1, 2, 4, 5, 6}}, []uint64{1, 2, 4, 5, 6}}, // again
			{5, 0, [][]uint64{{1, 2, 4, 5, 6}}, []uint64{1, 2, 4, 5, 6}}, // no link of its own
			{9, 0, [][]uint64{{9}}, []uint64{9}},
		} {
			before, after, err := w.link(id(step.id), step.to)
			if err != nil {
				return err
			}
			if !slices.EqualFunc(before, step.before, slices.Equal) || !slices.Equal(after, step.after) {
				t.Errorf("link %d to %d: %v became %v; want %v, %v", step.id, step.to, before, after, step.before, step.after)
			}
		}
		for seq, want := range map[uint64]uint64{1: 1, 2: 1, 4: 1, 6: 1, 9: 9} {
			if got := w.root(id(seq)); got != want {
				t.Errorf("the session of %d begins at %d, want %d", seq, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestReaderAheadOfTheNames reads rows whose names were committed but are not in memory
// yet, which happens between a commit and its publishing.
func TestReaderAheadOfTheNames(t *testing.T) {
	s := openNew(t)
	fact := score.Fact{
		Time: score.TimeKey{
			Hour: 490000, Counter: "Q1", Channel: survey.Touch, Stage: survey.Result, Excluded: survey.TooSoon,
			Item: score.Item{Questionnaire: survey.Hash{9}, Kind: score.QuestionItem, Code: "Z0"}, Outcome: score.Outcome{Kind: survey.AtLevel, Level: 99},
		},
		Receiving: "48", Field: "đất đai",
	}
	err := s.update(t.Context(), func(w *writing) error {
		w.add(fact, score.Count{Answers: 1, Respondents: 1}, 3)
		w.changed = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.names.Store(newNames())
	day := fact.Time.Hour.Date()
	var rows int
	err = s.TimeCounts(t.Context(), score.Span{From: day, To: day}, []survey.CounterCode{"Q1", "Q1"}, func(k score.TimeKey, n score.Count) error {
		rows++
		if k != fact.Time || n.Answers != 3 {
			t.Errorf("got %+v: %+v", k, n)
		}
		return nil
	})
	if err != nil || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
	err = s.ServiceCounts(t.Context(), score.Span{From: day, To: day}, []survey.UnitCode{"48"}, func(k score.ServiceKey, n score.Count) error {
		rows++
		if k != fact.Service() || n.Respondents != 3 {
			t.Errorf("got %+v: %+v", k, n)
		}
		return nil
	})
	if err != nil || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// TestRowsThatReachZeroGo takes away what was added: nothing is left in the file.
func TestRowsThatReachZeroGo(t *testing.T) {
	s := openNew(t)
	fact := score.Fact{Time: score.TimeKey{Hour: 490000, Counter: "Q1", Item: score.Item{Kind: score.OverallItem}}, Receiving: "48"}
	for _, n := range []int64{2, -1, -1} {
		if err := s.update(t.Context(), func(w *writing) error {
			w.add(fact, score.Count{Answers: 1, Respondents: 1}, n)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := s.db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, b := range [][]byte{timeHourBucket, timeMonthBucket, serviceDayBucket, serviceMonthBucket} {
		if k, v := tx.Bucket(b).Cursor().First(); k != nil {
			t.Errorf("%s still has %x: %x", b, k, v)
		}
	}
}

func TestChainStateRoundTrip(t *testing.T) {
	st := chainState{ChainState: custody.ChainState{
		Chain: survey.Chain{1}, Kiosk: "k-abc", Head: custody.Head{Sequence: 1 << 40, Hash: survey.Hash{2}},
		Held: 3, Quarantined: 4, Forks: 5, Disputed: 6, Unkept: 7, Received: time.UnixMilli(1_776_000_000_123).In(survey.Zone),
	}, evidence: 8, evidenceBytes: 9, before: 20_000}
	if got, err := decodeChain(st.Chain, st.encode()); err != nil || *got != st {
		t.Errorf("got %+v, %v; want %+v", got, err, st)
	}
	if _, err := decodeChain(st.Chain, st.encode()[:40]); err == nil {
		t.Error("a short row was read")
	}
}

// A damaged account is seen although the errors of two chains cancel out.
func TestChainsAreBalancedOneByOne(t *testing.T) {
	s := openNew(t)
	put := func(chain byte, received, counted int64) {
		t.Helper()
		if err := s.update(t.Context(), func(w *writing) error {
			row := tally{received: received, counted: counted}
			return w.put(tallyBucket, tallyKey{"k-a", survey.Chain{chain}, 20000}.encode(), row.encode())
		}); err != nil {
			t.Fatal(err)
		}
	}
	closing := func() custody.Closing {
		t.Helper()
		list, _, err := s.Closings(t.Context(), custody.ClosingQuery{})
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list[0]
	}
	put(1, 5, 5)
	put(2, 5, 5)
	if c := closing(); !c.Balanced() || c.Unaccounted != 0 {
		t.Errorf("sound rows: %+v", c)
	}
	put(1, 5, 4)
	put(2, 5, 6)
	if c := closing(); c.Received != c.Counted || c.Balanced() || c.Unaccounted != 2 {
		t.Errorf("rows that make up for each other: %+v", c)
	}
}
