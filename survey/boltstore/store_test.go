package boltstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/storetest"
)

var _ storetest.Store = (*boltstore.Store)(nil)

// opened opens the store in dir. At the end of the test the file is checked page by
// page.
func opened(t *testing.T, dir string) storetest.Store {
	t.Helper()
	path := filepath.Join(dir, "centre.db")
	_, err := os.Stat(path)
	if first := os.IsNotExist(err); first {
		t.Cleanup(func() { checkFile(t, path) })
	}
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkFile lets bbolt check that every page of the file is used exactly once.
func checkFile(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, ReadOnly: true})
	if err != nil {
		t.Errorf("open %s to check it: %v", path, err)
		return
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		var found error
		for err := range tx.Check() {
			found = errors.Join(found, err)
		}
		return found
	})
	if err != nil {
		t.Errorf("bbolt finds %s damaged: %v", path, err)
	}
}

func TestContract(t *testing.T) { storetest.Run(t, opened) }

func TestSecondOpenerIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "centre.db")
	first, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = boltstore.Open(path, boltstore.Options{LockTimeout: 20 * time.Millisecond})
	if !errors.Is(err, boltstore.ErrLocked) {
		t.Errorf("the second opener got %v", err)
	}
	var p survey.Problem
	if !errors.As(err, &p) || p.Vi == "" || p.En == "" {
		t.Errorf("the error %v has no words for people", err)
	}
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Error(err)
	}
	again, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatalf("after the first let go: %v", err)
	}
	again.Close()
}

func TestForeignFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, make([]byte, 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	db, err := bbolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("journal"))
		return err
	}), db.Close())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, foreign, filepath.Join(dir, "no", "such", "folder.db")} {
		if s, err := boltstore.Open(path, boltstore.Options{}); err == nil {
			s.Close()
			t.Errorf("%s was opened", path)
		}
	}
}
