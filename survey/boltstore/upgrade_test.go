package boltstore_test

import (
	"context"
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
		for _, name := range []string{"posters"} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{4})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A file of layout 4 is good as it stands, and the first opening brings it up to this layout;
// what it holds stays.
func TestAnOlderLayoutIsBroughtUp(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "centre.db")
	s := defined(t, path)
	k := newJournal("a", counterCode(0))
	if _, err := s.Keep(ctx, []custody.Arrival{k.batch(200)}); err != nil {
		t.Fatal(err)
	}
	epoch := s.Epoch()
	if err := s.Close(); err != nil {
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
}
