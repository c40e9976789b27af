package boltstore_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
	"hailong/survey/score"
)

// The load of the drain benchmarks: one call brings chunk batches of perBatch records.
// b.N counts records; a backlog of a million is -benchtime 1000000x.
const (
	chunk    = 64
	perBatch = 250
)

// drain hands out a backlog of n records of some kiosks in chunks, with the timer
// stopped while they are made.
func drain(b *testing.B, kiosks int, tickets bool, keep func([]custody.Arrival) error) {
	journals := make([]*journal, kiosks)
	for i := range journals {
		journals[i] = newJournal(fmt.Sprint("kiosk ", i), counterCode(i))
		journals[i].tickets = tickets
	}
	b.ResetTimer()
	b.StopTimer()
	for sent, next := 0, 0; sent < b.N; {
		var arrivals []custody.Arrival
		for range chunk {
			n := min(perBatch, b.N-sent)
			if n == 0 {
				break
			}
			arrivals = append(arrivals, journals[next%kiosks].batch(n))
			sent, next = sent+n, next+1
		}
		b.StartTimer()
		err := keep(arrivals)
		b.StopTimer()
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkKeep drains a backlog into the store: of one kiosk, of many, and of many
// gateways where each answer has a ticket.
func BenchmarkKeep(b *testing.B) {
	for _, c := range []struct {
		name    string
		kiosks  int
		tickets bool
	}{{"kiosks=1", 1, false}, {"kiosks=200", 200, false}, {"gateways=200", 200, true}} {
		b.Run(c.name, func(b *testing.B) {
			s := benchStore(b, c.kiosks)
			drain(b, c.kiosks, c.tickets, func(list []custody.Arrival) error {
				_, err := s.Keep(b.Context(), list)
				return err
			})
		})
	}
}

// BenchmarkBareInsert is the yardstick: the same records into one bbolt bucket, 1,000
// in a transaction, nothing judged or counted.
func BenchmarkBareInsert(b *testing.B) {
	for _, kiosks := range []int{1, 200} {
		b.Run(fmt.Sprintf("kiosks=%d", kiosks), func(b *testing.B) {
			db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { db.Close() })
			drain(b, kiosks, false, func(list []custody.Arrival) error { return bareInsert(db, list) })
		})
	}
}

func bareInsert(db *bbolt.DB, list []custody.Arrival) error {
	const perTransaction = 1000 / perBatch
	for len(list) > 0 {
		n := min(perTransaction, len(list))
		err := db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("records"))
			for _, a := range list[:n] {
				for i := range a.Batch.Records {
					r := &a.Batch.Records[i]
					key := binary.BigEndian.AppendUint64(append(make([]byte, 0, 24), r.Chain[:]...), r.Sequence)
					err = errors.Join(err, bucket.Put(key, r.Bytes))
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// BenchmarkKeepOne is a press that arrives alone.
func BenchmarkKeepOne(b *testing.B) {
	s := benchStore(b, 1)
	k := newJournal("a", counterCode(0))
	for b.Loop() {
		a := k.batch(1)
		if _, err := s.Keep(b.Context(), []custody.Arrival{a}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchStore(b *testing.B, counters int) *boltstore.Store {
	b.Helper()
	s, err := boltstore.Open(filepath.Join(b.TempDir(), "centre.db"), boltstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if err := errors.Join(s.PutStructure(b.Context(), centre(counters), 1), s.AddQuestionnaires(b.Context(), faces)); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkScoreYear1000Counters asks for a year's score over the roll-ups of 1,000
// counters, 12 months of 22 days of 8 hours.
func BenchmarkScoreYear1000Counters(b *testing.B) {
	const counters = 1000
	s := benchStore(b, counters)
	fillYear(b, s, counters)
	structure, err := s.Structure(b.Context())
	catalogue, cerr := s.Catalogue(b.Context())
	if err := errors.Join(err, cerr); err != nil {
		b.Fatal(err)
	}
	w := score.World{Structure: structure, Catalogue: catalogue, Minimum: 1}
	day := survey.NewDate
	for _, q := range []struct {
		name string
		survey.ScoreQuery
	}{
		{"total", survey.ScoreQuery{By: survey.ByNone}},
		{"by=unit", survey.ScoreQuery{By: survey.ByUnit}},
		{"by=month", survey.ScoreQuery{By: survey.ByMonth}},
		{"by=day", survey.ScoreQuery{By: survey.ByDay}},
		{"by=field", survey.ScoreQuery{By: survey.ByField}},
		{"one unit", survey.ScoreQuery{Unit: "48.007", By: survey.ByCounter}},
	} {
		q.From, q.To = day(2026, time.January, 1), day(2026, time.December, 31)
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				res, err := score.Compute(b.Context(), s, w, q.ScoreQuery)
				if err != nil || res.Total.N == 0 {
					b.Fatalf("n %d, %v", res.Total.N, err)
				}
			}
		})
	}
}

// fillYear gives each counter one press in each of its 2,112 office hours.
func fillYear(b *testing.B, s *boltstore.Store, counters int) {
	b.Helper()
	const days, hours = 22, 8
	for i := range counters {
		k := newJournal(fmt.Sprint("kiosk ", i), counterCode(i))
		k.perHour = 1
		var list []custody.Arrival
		for month := range 12 {
			first := survey.NewDate(2026, time.January+time.Month(month), 1)
			k.start = (first - survey.Date(month*days)).Start().Add(8 * time.Hour)
			list = append(list, k.batch(days*hours))
		}
		if _, err := s.Keep(b.Context(), list); err != nil {
			b.Fatal(err)
		}
	}
}
