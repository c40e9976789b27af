package boltstore

import (
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// The walk that jumps over days gives the same rows as the one over all of them.
func TestJumpingOverDaysLeavesNoneOut(t *testing.T) {
	s := openNew(t)
	days := []survey.Date{custody.UnknownDay, 5, 6, 9, 200}
	put := func(tx *bbolt.Tx) error {
		for _, kiosk := range []survey.KioskID{"k-a", "k-b", "k-long"} {
			for chain := range byte(3) {
				for i, day := range days {
					if chain == 1 && i%2 == 0 {
						continue
					}
					row := tally{received: 1}
					if err := tx.Bucket(tallyBucket).Put(tallyKey{kiosk, survey.Chain{0xff, chain}, day}.encode(), row.encode()); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	if err := s.db.Update(put); err != nil {
		t.Fatal(err)
	}
	queries := []custody.ClosingQuery{{Unknown: true}}
	bounds := []survey.Date{0, 1, 4, 5, 6, 7, 9, 10, 200, 201}
	for _, from := range bounds {
		for _, to := range bounds {
			queries = append(queries, custody.ClosingQuery{From: from, To: to})
		}
	}
	for _, q := range queries {
		for _, prefix := range [][]byte{nil, kioskKey("k-b"), kioskKey("k-none")} {
			var want, got []string
			err := s.db.View(func(tx *bbolt.Tx) error {
				err := eachTally(tx, prefix, func(k tallyKey, _ *tally) error {
					if asked(q, k.day) {
						want = append(want, fmt.Sprint(k))
					}
					return nil
				})
				if err != nil {
					return err
				}
				return eachAsked(tx, q, prefix, func(k tallyKey, _ *tally) error {
					got = append(got, fmt.Sprint(k))
					return nil
				})
			})
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%+v of %q: %v, want %v, %v", q, prefix, got, want, err)
			}
		}
	}
}
