package journal

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey/custody"
	"hailong/survey/disk"
)

// BenchmarkAppend measures one press against what it is made of, interleaved in one
// run: a journal append (log and bbolt synced in parallel), a lone bbolt.Update of the
// same record, and a bare append with fdatasync. What counts are the ratios:
//
//	go test ./kiosk/journal -run '^$' -bench Append -benchtime 600x -count 5
func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	j := openTest(b, filepath.Join(dir, "journal"))
	db, err := openDB(filepath.Join(dir, "lone.db"), false)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucketRecords); return err }); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "bare.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	press(b, j, "first")
	record := custody.Record{}
	if batch, err := j.Batch(1, 0, 1, 1<<16, testKiosk, make([]byte, 64)); err != nil {
		b.Fatal(err)
	} else {
		record = batch.Records[0]
	}
	var took [3][]time.Duration
	ways := []func(i int) error{
		func(i int) error {
			_, _, err := j.Append(context.Background(), draft(strconv.Itoa(i)))
			return err
		},
		func(i int) error {
			return db.Update(func(tx *bbolt.Tx) error {
				return tx.Bucket(bucketRecords).Put(sequenceKey(uint64(i)+1), record.Bytes)
			})
		},
		func(int) error {
			if _, err := f.Write(appendFrame(nil, record.Bytes)); err != nil {
				return err
			}
			return disk.SyncData(f)
		},
	}
	for i := 0; b.Loop(); i++ {
		for k := range ways {
			way := (k + i) % len(ways) // none always follows the same one
			began := time.Now()
			if err := ways[way](i); err != nil {
				b.Fatal(err)
			}
			took[way] = append(took[way], time.Since(began))
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Nanoseconds()) / 1000
	}
	append50, update50, bare50 := median(took[0]), median(took[1]), median(took[2])
	b.ReportMetric(append50, "append-p50-µs")
	b.ReportMetric(update50, "update-p50-µs")
	b.ReportMetric(bare50, "bare-p50-µs")
	b.ReportMetric(append50/update50, "append/update")
	b.ReportMetric(append50/bare50, "append/bare")
}
