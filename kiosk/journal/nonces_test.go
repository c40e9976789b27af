package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"hailong/survey"
)

// A generation of nonces that was altered is not believed: the records tell which keys were
// used. The control is one whose checksum was made to fit, and a press is counted twice.
func TestAnAlteredGenerationHidesNoKey(t *testing.T) {
	src := t.TempDir()
	records := bigLog(t, src, 2<<20)
	reserved(t, src, bigChain, records)
	j := openTest(t, src)
	press(t, j, "seals a generation")
	if len(j.active().nonces.old) != 1 {
		t.Fatalf("%d generations of %d records", len(j.active().nonces.old), records)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	hide := func(entries []byte) []byte { // of the press with the key "5"
		nonce := survey.KeyNonce("5")
		at := bytes.Index(entries, nonce[:entryPrefix])
		entries[at] ^= 1
		return entries
	}
	for name, c := range map[string]struct {
		change func(key, row []byte) ([]byte, []byte)
		twice  bool
	}{
		"an entry":               {change: func(k, v []byte) ([]byte, []byte) { return k, hide(v) }},
		"where it ends":          {change: func(k, v []byte) ([]byte, []byte) { return sequenceKey(binary.BigEndian.Uint64(k) ^ 1), v }},
		"without a checksum":     {change: func(k, v []byte) ([]byte, []byte) { return k, v[sumSize+len(k):] }},
		"control: it fits again": {change: func(k, v []byte) ([]byte, []byte) { return k, keyed(k, hide(v[sumSize+len(k):])) }, twice: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyFolder(t, src)
			inDB(t, dir, func(tx *bbolt.Tx) error {
				nonces := tx.Bucket(bucketNonces)
				k, v := nonces.Cursor().First()
				k, v = bytes.Clone(k), bytes.Clone(v)
				otherKey, otherRow := c.change(bytes.Clone(k), v)
				return errors.Join(nonces.Delete(k), nonces.Put(otherKey, otherRow))
			})
			for life := range 2 {
				again := openTest(t, dir)
				e, appended, err := again.Append(context.Background(), draft("5"))
				if err != nil || appended != c.twice || !appended && e.ID.Sequence != 5 {
					t.Fatalf("a key that was used: record %d, appended %v, %v", e.ID.Sequence, appended, err)
				}
				if c.twice {
					return
				}
				press(t, again, fmt.Sprint("writes the generation anew ", life))
				if err := again.Close(); err != nil {
					t.Fatal(err)
				}
			}
			db, err := openDB(filepath.Join(dir, segmentDB), true)
			if err != nil {
				t.Fatal(err)
			}
			rows := 0
			err = db.View(func(tx *bbolt.Tx) error {
				return tx.Bucket(bucketNonces).ForEach(func(k, v []byte) error {
					if rows++; unkeyed(k, v) == nil {
						t.Error("an altered generation is still there")
					}
					return nil
				})
			})
			if err := errors.Join(err, db.Close()); err != nil || rows != 1 {
				t.Fatalf("%d generations, %v", rows, err)
			}
		})
	}
}
