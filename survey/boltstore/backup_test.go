package boltstore_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
)

// TestBackupAndRestore is the life of a backup: copied while others write, verified on a
// copy, marked, and put in the place of a store that has gone on meanwhile.
func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	s := defined(t, filepath.Join(dir, "centre.db"))
	k := newJournal("a", counterCode(0))
	key := k.key.Public().(ed25519.PublicKey)
	if err := s.PutKiosk(t.Context(), survey.Kiosk{ID: custody.KioskName(key), Key: key}); err != nil {
		t.Fatal(err)
	}
	keep := func(s *boltstore.Store, a custody.Arrival) {
		t.Helper()
		if kept, err := s.Keep(t.Context(), []custody.Arrival{a}); err != nil || kept[0].Case != custody.New {
			t.Fatalf("%+v, %v", kept, err)
		}
	}
	keep(s, k.batch(20))
	backed := k.head

	copied := filepath.Join(dir, "copy.db")
	heads := snapshot(t, s, copied, func() { keep(s, k.batch(5)) })
	if heads[k.chain] != backed {
		t.Errorf("the copy ends at %d, want %d", heads[k.chain].Sequence, backed.Sequence)
	}
	if err := s.SetBackup(t.Context(), s.Epoch(), heads); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(dir, "second.db")
	snapshot(t, s, second, func() {})

	old := s.Epoch()
	if err := boltstore.Restore(second); err != nil {
		t.Fatal(err)
	}
	r := reopenedAt(t, second)
	if r.Epoch() == old || r.Epoch() == (custody.Epoch{}) {
		t.Errorf("restored as %x after %x", r.Epoch(), old)
	}
	if durable, backup, err := r.Marks(t.Context(), k.chain); err != nil || durable != k.head || backup != backed {
		t.Errorf("the restored marks are %d and %d, %v", durable.Sequence, backup.Sequence, err)
	}
	if err := r.SetBackup(t.Context(), old, heads); err == nil {
		t.Error("a backup of the life before moves marks of this one")
	}
	keep(r, k.batch(5))
	if err := errors.Join(r.Verify(t.Context(), nil), r.Close()); err != nil {
		t.Error(err)
	}
	if err := boltstore.Restore(filepath.Join(dir, "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("restoring nothing gives %v", err)
	}
}

// snapshot copies a store, with something happening meanwhile, verifies the copy and
// returns its heads.
func snapshot(t *testing.T, s *boltstore.Store, path string, meanwhile func()) map[survey.Chain]custody.Head {
	t.Helper()
	var file bytes.Buffer
	once := meanwhile
	if err := s.Snapshot(t.Context(), writerFunc(func(b []byte) (int, error) {
		once()
		once = func() {}
		return file.Write(b)
	})); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c := reopenedAt(t, path)
	heads, err := c.Heads(t.Context())
	if err := errors.Join(err, c.Verify(t.Context(), nil), c.Close(), boltstore.Check(path)); err != nil {
		t.Fatal(err)
	}
	return heads
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// defined is a new store with its definitions.
func defined(t *testing.T, path string) *boltstore.Store {
	t.Helper()
	s := reopenedAt(t, path)
	if err := errors.Join(s.PutStructure(t.Context(), centre(2), 1), s.AddQuestionnaires(t.Context(), faces)); err != nil {
		t.Fatal(err)
	}
	return s
}

func reopenedAt(t *testing.T, path string) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// No two backups get the same number, whatever is told of those before: not after a new
// opening, and not in a copy that is restored.
func TestBackupNumbers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "centre.db")
	s := defined(t, path)
	for _, c := range []struct{ above, want uint64 }{{0, 1}, {1, 2}, {0, 3}, {9, 10}, {2, 11}} {
		if got, err := s.NumberBackup(t.Context(), c.above); got != c.want || err != nil {
			t.Errorf("above %d the number is %d, %v; want %d", c.above, got, err, c.want)
		}
	}
	if err := errors.Join(s.Close(), boltstore.Check(path), boltstore.Restore(path)); err != nil {
		t.Fatal(err)
	}
	if got, err := reopenedAt(t, path).NumberBackup(t.Context(), 0); got != 12 || err != nil {
		t.Errorf("after a restore the number is %d, %v", got, err)
	}
}

// A copy that takes long ends when nobody wants it any more.
func TestSnapshotEndsWithItsContext(t *testing.T) {
	s := defined(t, filepath.Join(t.TempDir(), "centre.db"))
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Snapshot(ctx, writerFunc(func(b []byte) (int, error) {
		cancel()
		return len(b), nil
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if err := s.Verify(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("verifying ended with %v", err)
	}
}

// TestVerifyReadsEveryByte changes one byte of one batch on the disk.
func TestVerifyReadsEveryByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "centre.db")
	s := defined(t, path)
	k := newJournal("a", counterCode(0))
	key := k.key.Public().(ed25519.PublicKey)
	_, err := s.Keep(t.Context(), []custody.Arrival{k.batch(3), k.batch(3)})
	if err = errors.Join(err, s.PutKiosk(t.Context(), survey.Kiosk{ID: custody.KioskName(key), Key: key}), s.Verify(t.Context(), nil), s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"signature", "record"} {
		edit(t, path, "batches", func(b *bbolt.Bucket) error {
			k, v := b.Cursor().Last()
			v = bytes.Clone(v)
			if at == "signature" {
				i := bytes.Index(v, []byte{0x58, 0x40}) // a byte string of 64 bytes
				v[i+9] ^= 1
			} else {
				v[len(v)-9] ^= 1
			}
			return b.Put(k, v)
		})
		s := reopenedAt(t, path)
		if err := s.Verify(t.Context(), nil); err == nil || errors.Is(err, boltstore.ErrDiffers) {
			t.Errorf("a changed byte of a %s gives %v", at, err)
		}
		s.Close()
	}
}

// TestCheck looks at files as an unclean stop may leave them. What bbolt cannot bear
// without a panic in a goroutine of its own belongs into a child process, as the
// aggregator does it.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	s := defined(t, good)
	k := newJournal("a", counterCode(0))
	if _, err := s.Keep(t.Context(), []custody.Arrival{k.batch(200)}); err != nil {
		t.Fatal(err)
	}
	if err := boltstore.Check(good); !errors.Is(err, boltstore.ErrLocked) {
		t.Errorf("a file in use: %v", err)
	}
	if err := errors.Join(s.Close(), boltstore.Check(good)); err != nil {
		t.Fatalf("a good file: %v", err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"empty":                 func([]byte) []byte { return nil },
		"without its beginning": func(b []byte) []byte { clear(b[:2*os.Getpagesize()]); return b },
		"of something else":     func([]byte) []byte { return bytes.Repeat([]byte("không phải"), 4096) },
		"without a bucket":      func(b []byte) []byte { return b },
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".db")
		if err := os.WriteFile(path, change(slices.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "without a bucket" {
			dropBucket(t, path)
		}
		if err := boltstore.Check(path); err == nil {
			t.Errorf("a file %s passes", name)
		}
	}
	if err := boltstore.Check(filepath.Join(dir, "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func dropBucket(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("closings")) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A file of another layout is refused, in words that say what to do.
func TestOtherLayoutsAreRefused(t *testing.T) {
	for version, want := range map[byte]string{1: "new file", 99: "newer program"} {
		path := filepath.Join(t.TempDir(), "centre.db")
		if err := defined(t, path).Close(); err != nil {
			t.Fatal(err)
		}
		edit(t, path, "meta", func(b *bbolt.Bucket) error { return b.Put([]byte("format"), []byte{version}) })
		_, err := boltstore.Open(path, boltstore.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(boltstore.Check(path).Error(), want) {
			t.Errorf("layout %d: %v", version, err)
		}
	}
}

// A centre is restored from a backup made before the first use of a ticket came, and gets
// everything again: the same counts as before.
func TestTicketsAfterARestore(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "centre.db"), filepath.Join(dir, "copy.db")
	s := defined(t, path)
	low, high := newJournal("d", counterCode(0)), newJournal("e", counterCode(1))
	if bytes.Compare(low.chain[:], high.chain[:]) > 0 {
		low, high = high, low
	}
	first := low.arrival(survey.Hash{}, []custody.Record{withTicket(low, 1), withTicket(low, 2)}, nil)
	second := high.arrival(survey.Hash{}, []custody.Record{withTicket(high, 2), withTicket(high, 3)}, nil)
	keep := func(s *boltstore.Store, list ...custody.Arrival) {
		t.Helper()
		if _, err := s.Keep(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	closings := func(s *boltstore.Store) []custody.Closing {
		t.Helper()
		list, _, err := s.Closings(t.Context(), custody.ClosingQuery{})
		if err := errors.Join(err, s.Recount(t.Context())); err != nil {
			t.Fatal(err)
		}
		return list
	}
	keep(s, second)
	for name, j := range map[string]*journal{"d": low, "e": high} {
		key := j.key.Public().(ed25519.PublicKey)
		if err := s.PutKiosk(t.Context(), survey.Kiosk{ID: custody.KioskName(key), Name: name, Key: key, Counters: []survey.CounterCode{j.counter}}); err != nil {
			t.Fatal(err)
		}
	}
	before := closings(s)
	snapshot(t, s, copied, func() {})
	keep(s, first)
	want := closings(s)
	if reflect.DeepEqual(before, want) || s.Close() != nil {
		t.Fatal("the first use changed nothing: the test shows nothing")
	}
	if err := boltstore.Restore(copied); err != nil {
		t.Fatal(err)
	}
	r := reopenedAt(t, copied)
	if got := closings(r); !reflect.DeepEqual(got, before) {
		t.Errorf("restored, the closings are %+v, want %+v", got, before)
	}
	keep(r, second, first)
	keep(r, first, second)
	if got := closings(r); !reflect.DeepEqual(got, want) {
		t.Errorf("after all came again the closings are %+v, want %+v", got, want)
	}
}
