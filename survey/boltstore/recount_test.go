package boltstore_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"hailong/survey/boltstore"
	"hailong/survey/custody"
)

// TestRecountFindsTampering changes the file behind the store's back and expects the
// recount to name what does not agree.
func TestRecountFindsTampering(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	a, b := newJournal("a", counterCode(0)), newJournal("b", counterCode(7))
	_, err := s.Keep(t.Context(), []custody.Arrival{a.batch(30), b.batch(5)}) // counter 7 is not known: held
	if err = errors.Join(err, s.PutStructure(t.Context(), centre(2), 1), s.AddQuestionnaires(t.Context(), faces)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Recount(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "centre.db")
	for _, bucket := range []string{
		"batches", "held", "time_hour", "time_month", "service_day", "service_month",
	} {
		t.Run(bucket, func(t *testing.T) {
			key, value := removeFirst(t, path, bucket)
			s := opened(t, dir)
			if err := s.Recount(t.Context()); !errors.Is(err, boltstore.ErrDiffers) {
				t.Errorf("without a row of %s the recount says %v", bucket, err)
			} else if strings.Contains(bucket, "_") && !strings.Contains(err.Error(), bucket) {
				t.Errorf("the error does not name the roll-up: %v", err)
			}
			s.Close()
			edit(t, path, bucket, func(b *bbolt.Bucket) error { return b.Put(key, value) })
		})
	}
	again := opened(t, dir)
	if err := errors.Join(again.Recount(t.Context()), again.Close()); err != nil {
		t.Errorf("after putting all back: %v", err)
	}
}

func removeFirst(t *testing.T, path, bucket string) (key, value []byte) {
	t.Helper()
	edit(t, path, bucket, func(b *bbolt.Bucket) error {
		k, v := b.Cursor().First()
		key, value = append(key, k...), append(value, v...)
		return b.Delete(key)
	})
	return key, value
}

func edit(t *testing.T, path, bucket string, change func(*bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket([]byte(bucket))) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestFailedCommitStopsTheStore lets the file reach its limit. The store must then take
// nothing more, and a new opening must show the last commit.
func TestFailedCommitStopsTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "centre.db")
	s, err := boltstore.Open(path, boltstore.Options{MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.PutStructure(t.Context(), centre(1), 1), s.AddQuestionnaires(t.Context(), faces)); err != nil {
		t.Fatal(err)
	}
	if s.Err() != nil {
		t.Errorf("a good store says %v", s.Err())
	}
	k := newJournal("a", counterCode(0))
	var kept custody.Head
	for err == nil {
		a := k.batch(500)
		if _, err = s.Keep(t.Context(), []custody.Arrival{a}); err == nil {
			kept = k.head
		}
		if k.head.Sequence > 1<<16 {
			t.Fatal("the limit was never reached")
		}
	}
	if !errors.Is(err, boltstore.ErrFailed) {
		t.Errorf("at the limit: %v", err)
	}
	other := newJournal("b", counterCode(0))
	if _, err := s.Keep(t.Context(), []custody.Arrival{other.batch(1)}); !errors.Is(err, boltstore.ErrFailed) {
		t.Errorf("after a failed commit the store still took a batch: %v", err)
	}
	select {
	case <-s.Failed():
	default:
		t.Error("nobody is told that the store has failed")
	}
	if !errors.Is(s.Err(), boltstore.ErrFailed) {
		t.Errorf("the failed store says %v", s.Err())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = boltstore.Open(path, boltstore.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if head, err := s.Head(t.Context(), k.chain); err != nil || head != kept || kept.Sequence == 0 {
		t.Errorf("the head is %d, %v; the last commit had %d", head.Sequence, err, kept.Sequence)
	}
	if err := s.Recount(t.Context()); err != nil {
		t.Error(err)
	}
}
