package boltstore

import (
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// A record of the clock that names a boot again and again tells nothing, neither here nor in
// the kiosk's own ledger: its words are not held against all records of the boot, one by one.
func TestABootThatIsNamedManyTimes(t *testing.T) {
	monday := survey.NewDate(2026, time.March, 2)
	at := func(days, hour int) int64 {
		return monday.Start().AddDate(0, 0, days).Add(time.Duration(hour) * time.Hour).UnixMilli()
	}
	press := custody.EncodeResponse(&survey.Response{Questionnaire: survey.Hash{9}})
	one, two := custody.BootID{1}, custody.BootID{2}
	told := []custody.BootClock{{Boot: one, Low: at(0, 6), High: at(1, 6)}} // tells no day of that boot's records
	for range 300 {
		told = append(told,
			custody.BootClock{Boot: one, Low: at(0, 6), High: at(0, 22)}, // the day of the first of them, and not of the one twelve hours later
			custody.BootClock{Boot: two, Low: at(5, 8), High: at(5, 8)},
			custody.BootClock{Boot: one, Low: at(2, 8), High: at(2, 8)},
		)
	}
	list := []custody.Record{
		{Kind: custody.ResponseRecord, Boot: one, Clock: custody.ClockUnsure, Payload: press},
		{Kind: custody.ResponseRecord, Boot: one, Mono: (12 * time.Hour).Milliseconds(), Clock: custody.ClockUnsure, Payload: press},
		{Kind: custody.ResponseRecord, Boot: two, Clock: custody.ClockUnsure, Payload: press},
		{Kind: custody.ClockRecord, Payload: custody.EncodeClocks(told)},
	}
	chain, previous, ledger := survey.Chain{1}, survey.Hash{}, custody.Ledger{}
	for i := range list {
		r := &list[i]
		r.Version, r.Chain, r.Sequence, r.Previous, r.PayloadVersion = custody.RecordVersion, chain, uint64(i)+1, previous, custody.PayloadVersion
		*r = custody.Seal(*r)
		previous = r.Hash
		ledger.Add(r)
	}
	s := openNew(t)
	keep := func(w *writing, from, to int) error {
		before := survey.Hash{}
		if from > 0 {
			before = list[from-1].Hash
		}
		_, err := w.keep(custody.Arrival{Batch: custody.NewBatch("k", make([]byte, 64), before, list[from:to], nil, nil)})
		return err
	}
	err := s.update(t.Context(), func(w *writing) error {
		if err := keep(w, 0, 3); err != nil {
			return err
		}
		stats := w.tx.Stats()
		already := stats.GetCursorCount()
		if err := keep(w, 3, 4); err != nil {
			return err
		}
		stats = w.tx.Stats()
		if n := stats.GetCursorCount() - already; n > int64(len(told))/4 {
			t.Errorf("%d words about two boots took %d searches", len(told), n)
		}
		for seq := range uint64(3) {
			if day, placed := w.placedAt(survey.RecordID{Chain: chain, Sequence: seq + 1}); placed {
				t.Errorf("record %d is placed on %s", seq+1, day)
			}
		}
		if n := ledger.Issued(custody.UnknownDay); n != 3 {
			t.Errorf("the ledger knows no day of %d records, want 3", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Recount(t.Context()); err != nil {
		t.Error(err)
	}
}
