package boltstore

import (
	"errors"
	"path/filepath"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// lifeOf are the records of a short chain: a press in a boot that does not know the
// time, a record of the clock that tells it, and a press after it.
func lifeOf(chain survey.Chain) []custody.Record {
	const wall = 1_776_000_000_000
	press := custody.EncodeResponse(&survey.Response{Questionnaire: survey.Hash{9}})
	list := []custody.Record{
		{Kind: custody.ResponseRecord, Wall: 1, Clock: custody.ClockUnsure, Payload: press},
		{Kind: custody.ClockRecord, Wall: wall, Payload: custody.EncodeClocks([]custody.BootClock{{Low: wall, High: wall}})},
		{Kind: custody.ResponseRecord, Wall: wall, Payload: press},
	}
	previous := survey.Hash{}
	for i := range list {
		r := &list[i]
		r.Version, r.Chain, r.Sequence, r.Previous, r.PayloadVersion = 1, chain, uint64(i)+1, previous, custody.PayloadVersion
		*r = custody.Seal(*r)
		previous = r.Hash
	}
	return list
}

// misunderstand leaves a record as a program does that cannot read it: in a bucket, on
// the unknown day, and in the account.
func (w *writing) misunderstand(id survey.RecordID, as state, st *chainState) error {
	t, err := w.tallyOf(st, custody.UnknownDay)
	if err != nil {
		return err
	}
	t.received++
	t.changed, st.changed = true, true
	v := appendDay(nil, custody.UnknownDay)
	if as == held {
		st.Held++
		t.held++
		return w.put(heldBucket, idKey(id), v)
	}
	st.Quarantined++
	t.quarantined++
	return w.put(quarantineBucket, idKey(id), v)
}

// keepLikeAnOlderProgram keeps the chain as a program that understands none of it, or
// only what it says of the clock.
func keepLikeAnOlderProgram(t *testing.T, s *Store, records []custody.Record, clock bool) {
	t.Helper()
	made := custody.NewBatch("k", make([]byte, 64), survey.Hash{}, records, nil, nil)
	err := s.update(t.Context(), func(w *writing) error {
		st, err := w.chain(records[0].Chain)
		if err != nil {
			return err
		}
		st.Kiosk, st.Head = "k", custody.Head{Sequence: 3, Hash: records[2].Hash}
		for i, as := range []state{held, held, quarantined} {
			id := survey.RecordID{Chain: st.Chain, Sequence: uint64(i) + 1}
			if i == 1 && clock {
				err = w.takeOwn(id, &records[i], st, touched{})
			} else {
				err = w.misunderstand(id, as, st)
			}
			if err != nil {
				return err
			}
		}
		if err := w.put(metaBucket, judgingKey, []byte{judging - 1}); err != nil {
			return err
		}
		return w.putBatch(custody.Arrival{Batch: made})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestANewerProgramJudgesAgain opens a file whose records an older program could not
// understand. In the end all is as if this one had been there from the start.
func TestANewerProgramJudgesAgain(t *testing.T) {
	records := lifeOf(survey.Chain{1})
	same := openNew(t)
	made := custody.NewBatch("k", make([]byte, 64), survey.Hash{}, records, nil, nil)
	if _, err := same.Keep(t.Context(), []custody.Arrival{{Batch: made}}); err != nil {
		t.Fatal(err)
	}
	stores := []*Store{same}
	for _, clock := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "centre.db")
		older, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		keepLikeAnOlderProgram(t, older, records, clock)
		if err := older.Recount(t.Context()); err == nil {
			t.Error("what an older program thought is what this one thinks: the test shows nothing")
		}
		if err := older.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		stores = append(stores, s)
	}
	for i, s := range stores {
		list, all, err := s.Held(t.Context(), 9)
		if err != nil || all != 2 || len(list) != 2 || list[0].Day != list[1].Day || list[0].Day == custody.UnknownDay {
			t.Errorf("store %d: %d are held: %+v, %v", i, all, list, err)
		}
		if n, err := s.Rejudge(t.Context()); n != 0 || err != nil {
			t.Errorf("store %d: %d more were something else, %v", i, n, err)
		}
		if err := s.Recount(t.Context()); err != nil {
			t.Errorf("store %d: %v", i, err)
		}
	}
}

// TestARecordThatWaitsJoinsSessions has an older program that could not read the record in
// the middle, so that the two around it were counted apart. Read now, it joins their
// sessions, though it waits for its own questionnaire.
func TestARecordThatWaitsJoinsSessions(t *testing.T) {
	s := openNew(t)
	words := survey.Words{survey.Vietnamese: "a"}
	faces := &survey.Questionnaire{
		Code: "faces", Title: words,
		Scales:    []survey.Scale{{Code: "f", Levels: []survey.ScaleLevel{{Value: 1, Words: words}, {Value: 2, Words: words, Satisfied: true}}}},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "f", Words: words}},
	}
	if err := errors.Join(s.AddQuestionnaires(t.Context(), faces), s.PutStructure(t.Context(), &survey.Structure{
		Units:    []survey.Unit{{Code: "48", Name: words, Kind: survey.Province}},
		Counters: []survey.Counter{{Code: "Q1", Unit: "48", Name: words}},
	}, 1)); err != nil {
		t.Fatal(err)
	}
	const wall = 1_776_000_000_000
	var records []custody.Record
	for i, q := range []survey.Hash{faces.Hash(), {9}, faces.Hash()} {
		resp := survey.Response{
			Questionnaire: q, Channel: survey.Touch, Stage: survey.Result, Counter: "Q1",
			Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 1}},
		}
		r := custody.Record{Version: 1, Chain: survey.Chain{1}, Sequence: uint64(i) + 1, Kind: custody.ResponseRecord, Wall: wall, Counter: "Q1", Questionnaire: q, PayloadVersion: 1}
		if i > 0 {
			resp.Continues, r.Previous = records[i-1].ID(), records[i-1].Hash
		}
		r.Payload = custody.EncodeResponse(&resp)
		records = append(records, custody.Seal(r))
	}
	made := custody.NewBatch("k", make([]byte, 64), survey.Hash{}, records, nil, nil)
	if err := s.update(t.Context(), func(w *writing) error {
		st, err := w.chain(survey.Chain{1})
		if err != nil {
			return err
		}
		st.Kiosk, st.Head = "k", custody.Head{Sequence: 3, Hash: records[2].Hash}
		if err := w.putBatch(custody.Arrival{Batch: made}); err != nil {
			return err
		}
		never := func(*act) bool { return false }
		return errors.Join(
			w.takeFresh(records[0].ID(), &records[0], st, never, touched{}),
			w.misunderstand(records[1].ID(), held, st),
			w.takeFresh(records[2].ID(), &records[2], st, never, touched{}))
	}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Rejudge(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d became something else, %v; the one in the middle is held still", n, err)
	}
	if err := s.Recount(t.Context()); err != nil {
		t.Error(err)
	}
}
