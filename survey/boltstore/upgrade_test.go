package boltstore_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
)

// makeOlder takes out of a file what layout 4 did not have.
func makeOlder(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{"posters", "tickets", "anywhere"} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte("meta"))
		return errors.Join(meta.Put([]byte("format"), []byte{4}), meta.Put([]byte("judging"), []byte{1}))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A file of layout 4 is good as it stands, and the first opening brings it up to this layout.
// What it holds stays, also what a kiosk recorded at a counter that it does not serve; only
// what comes now is asked about that.
func TestAnOlderLayoutIsBroughtUp(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "centre.db")
	s := defined(t, path)
	k := newJournal("a", counterCode(0))
	if _, err := s.Keep(ctx, []custody.Arrival{k.batch(200)}); err != nil {
		t.Fatal(err)
	}
	epoch := s.Epoch()
	kiosk := survey.Kiosk{ID: custody.KioskName(k.key.Public().(ed25519.PublicKey)), Counters: []survey.CounterCode{counterCode(1)}}
	if err := errors.Join(s.PutKiosk(ctx, kiosk), s.Close()); err != nil {
		t.Fatal(err)
	}
	makeOlder(t, path)
	if err := boltstore.Check(path); err != nil {
		t.Errorf("an older file is not good: %v", err)
	}
	for range 2 {
		s, err := boltstore.Open(path, boltstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		heads, err := s.Heads(ctx)
		if err := errors.Join(err, s.Recount(ctx), s.PutPoster(ctx, survey.Poster{Short: "7K2M9QD"}), s.Close(), boltstore.Check(path)); err != nil {
			t.Fatal(err)
		}
		if len(heads) != 1 || s.Epoch() != epoch {
			t.Errorf("%d chains, epoch %x; it was %x", len(heads), s.Epoch(), epoch)
		}
	}
	s = reopenedAt(t, path)
	_, err := s.Keep(ctx, []custody.Arrival{k.batch(3)})
	list, _, closingErr := s.Closings(ctx, custody.ClosingQuery{})
	if err := errors.Join(err, closingErr, s.Recount(ctx)); err != nil {
		t.Fatal(err)
	}
	sum := custody.Closing{}
	for _, c := range list {
		sum.Counted, sum.Held = sum.Counted+c.Counted, sum.Held+c.Held
	}
	if sum.Counted != 200 || sum.Held != 3 {
		t.Errorf("%d are counted, %d are held; want 200 and 3", sum.Counted, sum.Held)
	}
}
