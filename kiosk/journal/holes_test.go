package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/kiosk"
)

// in changes one bbolt file of a folder.
func in(t *testing.T, path string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := openDB(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// Rows that a sealed segment's bbolt file has no more are brought back from the log when the
// journal is opened, with a child or without: no key is forgotten.
func TestRowsThatASealedSegmentLacks(t *testing.T) {
	src := t.TempDir()
	j := segmented(t, src, 60)
	chain, last := j.Chain(), j.segments()[0].last.Sequence
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for name, rows := range map[string][]uint64{"the first": {1, 2}, "in the middle": {5}, "the one before the last": {last - 1}} {
		for _, child := range []func(*Options){withChild, func(*Options) {}} {
			dir := copyFolder(t, src)
			in(t, filepath.Join(dir, dbName(1)), func(tx *bbolt.Tx) (err error) {
				for _, seq := range rows {
					err = errors.Join(err, tx.Bucket(bucketRecords).Delete(sequenceKey(seq)))
				}
				return err
			})
			again := openTest(t, dir, small, child, func(o *Options) { o.Chain = chain })
			if again.Chain() != chain {
				t.Fatalf("%s: the chain does not go on", name)
			}
			found(t, again, 0, 60)
			for _, seq := range rows {
				e, appended, err := again.Append(context.Background(), draft(strconv.Itoa(int(seq)-1)))
				if err != nil || appended || e.ID.Sequence != seq {
					t.Errorf("%s: press %d is kept as %s, again %v: %v", name, seq, e.ID, appended, err)
				}
			}
		}
	}
}

// A generation names a record that is not there: that is damage, and not a new key. Once it
// is mended, the press is found.
func TestAGenerationNamesARecordThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	records := bigLog(t, dir, 2<<20)
	reserved(t, dir, bigChain, records)
	j := openTest(t, dir)
	press(t, j, "seals a generation")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	inDB(t, dir, func(tx *bbolt.Tx) error { return tx.Bucket(bucketRecords).Delete(sequenceKey(5)) })
	j, err := openWith(dir)
	if err != nil {
		t.Fatal(err)
	}
	if e, appended, err := j.Append(context.Background(), draft("5")); !errors.Is(err, kiosk.ErrUnknown) {
		t.Fatalf("kept as %s, appended %v: %v", e.ID, appended, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir, withChild)
	if e, appended, err := again.Append(context.Background(), draft("5")); err != nil || appended || e.ID.Sequence != 5 {
		t.Fatalf("kept as %s, appended %v: %v", e.ID, appended, err)
	}
}

// One generation of several is not there: the records that it covered are read instead.
func TestAGenerationIsNotThere(t *testing.T) {
	dir := t.TempDir()
	records := bigLog(t, dir, 2<<20)
	reserved(t, dir, bigChain, records)
	j := openTest(t, dir)
	for n := 0; len(j.active().nonces.old) < 2; n++ {
		pressMany(t, j, fmt.Sprint(n, " "), maxGroup)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	inDB(t, dir, func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(bucketNonces).Cursor().First()
		return tx.Bucket(bucketNonces).Delete(k)
	})
	again := openTest(t, dir)
	for _, key := range []string{"5", "0 7"} {
		if e, appended, err := again.Append(context.Background(), draft(key)); err != nil || appended {
			t.Errorf("the key %q, used before: kept as %s, appended %v: %v", key, e.ID, appended, err)
		}
	}
}

// One bit of a sealed segment's inner page sends whoever reads it around for ever. A child
// meets it, at every start, and the file is made anew.
func TestOneBitOfAnInnerPage(t *testing.T) {
	src := t.TempDir()
	j := segmented(t, src, 60)
	chain := j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	was, err := os.ReadFile(filepath.Join(src, dbName(1)))
	if err != nil {
		t.Fatal(err)
	}
	size := os.Getpagesize()
	flipped := 0
	for page := 2; page < len(was)/size; page++ {
		const flags, count, branch = 8, 10, 1 // of a page's header
		if was[page*size+flags] != branch || was[page*size] != byte(page) {
			continue
		}
		for bit := range 6 {
			flipped++
			is := bytes.Clone(was)
			is[page*size+count] ^= 1 << bit
			dir := copyFolder(t, src)
			if err := os.WriteFile(filepath.Join(dir, dbName(1)), is, 0o600); err != nil {
				t.Fatal(err)
			}
			done := make(chan *Journal, 1)
			go func() {
				j, _ := openWith(dir, small, withChild, func(o *Options) { o.Chain = chain })
				done <- j
			}()
			select {
			case again := <-done:
				if again == nil || again.Chain() != chain {
					t.Fatalf("page %d, bit %d: it is not mended", page, bit)
				}
				found(t, again, 0, 60)
				if err := again.Close(); err != nil {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("page %d, bit %d: the start does not end", page, bit)
			}
		}
	}
	if flipped == 0 {
		t.Fatal("no inner page was found")
	}
}
