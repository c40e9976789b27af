package journal

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"go.etcd.io/bbolt"

	"hailong/survey/custody"
)

// changeDay puts another row in the place of the first one of a bbolt file's days.
func changeDay(t *testing.T, path string, change func(key, row []byte) (otherKey, otherRow []byte)) {
	t.Helper()
	db, err := openDB(path, false)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		days := tx.Bucket(bucketDays)
		k, v := days.Cursor().First()
		k, v = bytes.Clone(k), bytes.Clone(v)
		otherKey, otherRow := change(bytes.Clone(k), v)
		return errors.Join(days.Delete(k), days.Put(otherKey, otherRow))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// One altered byte in a day's total is not signed: the days are counted anew, from where
// the totals are whole.
func TestAnAlteredDayIsCountedAnew(t *testing.T) {
	const value = sumSize + 4
	for name, c := range map[string]struct {
		change   func(key, row []byte) ([]byte, []byte)
		believed bool
	}{
		"the number":             {change: func(k, v []byte) ([]byte, []byte) { v[value] ^= 8; return k, v }},
		"the day":                {change: func(k, v []byte) ([]byte, []byte) { k[3] ^= 1; return k, v }},
		"without a checksum":     {change: func(k, v []byte) ([]byte, []byte) { return k, v[value:] }},
		"empty":                  {change: func(k, v []byte) ([]byte, []byte) { return k, nil }},
		"control: it fits again": {change: func(k, v []byte) ([]byte, []byte) { v[value] ^= 8; return k, keyed(k, v[value:]) }, believed: true},
	} {
		for _, presses := range []int{20, 60} { // of one segment, and of several
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				j := openTest(t, dir, small)
				for range presses {
					press(t, j, string(rune('a'+j.Head().Sequence)))
				}
				chain, head, was, n := j.Chain(), j.Head(), j.Totals(0), j.active().number
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				changeDay(t, filepath.Join(dir, dbName(n)), c.change)
				if n > 2 { // then the one before does not help either
					changeDay(t, filepath.Join(dir, dbName(n-1)), c.change)
				}
				for life := range 2 {
					var said sayings
					again := openTest(t, dir, small, said.hear, func(o *Options) { o.Chain = chain })
					is := again.Totals(0)
					if c.believed {
						if reflect.DeepEqual(is, was) {
							t.Fatal("the control does not see the harm")
						}
						return
					}
					if again.Chain() != chain || again.Head() != head || !reflect.DeepEqual(is, was) {
						t.Fatalf("life %d: %d records, totals %+v, want %+v", life, again.Head().Sequence, is, was)
					}
					if life == 0 {
						said.want(t, "tổng số theo ngày trong nhật ký bị hỏng, đã đếm lại")
					} else if len(said.vi) > 0 {
						t.Errorf("it is told again: %v", said.vi)
					}
					if err := again.Close(); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// The days are counted anew also where the power went before bbolt had the last records.
func TestAnAlteredDayAfterAPowerCut(t *testing.T) {
	dir, head, chain := pressed(t, 40, false)
	dropRecords(t, dir, 5)
	changeDay(t, filepath.Join(dir, segmentDB), func(k, v []byte) ([]byte, []byte) { v[sumSize+4] ^= 8; return k, v })
	again := openTest(t, dir, func(o *Options) { o.Chain = chain })
	if is := again.Totals(0); again.Head() != head || len(is.Days) != 1 || is.Days[0].Issued != 40 {
		t.Fatalf("%d records, totals %+v", again.Head().Sequence, is)
	}
}

// Where the segment before was let go nobody can count the days anew: the chain is left, and
// what is there goes on being sent.
func TestAnAlteredDayThatNothingTells(t *testing.T) {
	dir := t.TempDir()
	j := segmented(t, dir, 60)
	chain, n := j.Chain(), j.active().number
	head := custody.Head{Sequence: j.active().first - 1, Hash: j.active().previous}
	j.opts.Spare = 1 << 50
	if err := errors.Join(j.Backed(chain, head), j.prune()); err != nil {
		t.Fatal(err)
	}
	if len(j.segments()) != 1 {
		t.Fatalf("%d segments are left", len(j.segments()))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	changeDay(t, filepath.Join(dir, dbName(n)), func(k, v []byte) ([]byte, []byte) { v[sumSize+4] ^= 8; return k, v })
	again := openTest(t, dir, small, func(o *Options) { o.Chain = chain })
	if s := declared(t, again, chain); s.Last != 60 {
		t.Errorf("declared %+v", s)
	}
}
