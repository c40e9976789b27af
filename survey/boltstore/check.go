package boltstore

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"hailong/survey"
	"hailong/survey/custody"
)

// Check looks whether the file at path can be opened: that it is a central store of a
// known layout, that every row of it can be reached in its order, and that every page is
// used just once. It changes nothing. A damaged file can take the whole process down, because
// bbolt panics also in goroutines of its own: call it in a process made for that.
func Check(path string) error {
	if err := check(path); err != nil {
		return fmt.Errorf("check the central store %s: %w", path, err)
	}
	return nil
}

func check(path string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errDamaged, p)
		}
	}()
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%w: it is empty", errDamaged)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return ErrLocked
	case err != nil:
		return err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > info.Size() { // what is mapped beyond its end would be met only when it is written
			return fmt.Errorf("%w: it was cut short", errDamaged)
		}
		return checkPages(tx)
	})
	return errors.Join(err, db.Close())
}

func checkPages(tx *bbolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return fmt.Errorf("%w: it has no bucket %s", errDamaged, metaBucket)
	}
	layout, err := layoutOf(meta)
	if err != nil {
		return err
	}
	for _, name := range buckets {
		if tx.Bucket(name) == nil && !missing(name, layout) {
			return fmt.Errorf("%w: it has no bucket %s", errDamaged, name)
		}
	}
	var first error
	for err := range tx.Check() { // visits every page; to the end, because the channel must be drained
		if first == nil {
			first = fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	return first
}

// Verify checks all that a backup must be true to: [Store.Recount], and the signature
// of every batch, evidence too, with the key that the same file has for its kiosk.
// progress, if not nil, hears from one goroutine at a time how much of all is done.
func (s *Store) Verify(ctx context.Context, progress func(done, total int64)) error {
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		v := &verifying{tx: tx, progress: progress, keys: map[survey.KioskID]ed25519.PublicKey{}}
		for _, bucket := range [][]byte{batchBucket, forkBucket} {
			v.total += 2 * int64(tx.Bucket(bucket).Stats().KeyN) // for their signatures, and to count
		}
		if err := v.signatures(ctx); err != nil {
			return err
		}
		return s.recount(ctx, tx, v.step)
	})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return nil
}

// verifying is one verification under way.
type verifying struct {
	tx          *bbolt.Tx
	keys        map[survey.KioskID]ed25519.PublicKey
	mu          sync.Mutex
	done, total int64
	progress    func(done, total int64)
}

func (v *verifying) step() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done++
	if v.progress != nil {
		v.progress(v.done, v.total)
	}
}

// signatures checks all batches on all processors. The transaction is read by one
// goroutine; the others work on copies.
func (v *verifying) signatures(ctx context.Context) error {
	kiosks := v.tx.Bucket(kioskBucket)
	if err := kiosks.ForEach(func(k, _ []byte) error {
		kiosk, _, err := getJSON[survey.Kiosk](kiosks, k)
		v.keys[kiosk.ID] = kiosk.Key
		return err
	}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan []byte)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for data := range batches {
				if err := v.signature(data); err != nil {
					cancel(err)
				}
				v.step()
			}
		})
	}
	err := v.each(ctx, batches)
	close(batches)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// each sends every batch, without what stands before it in a value.
func (v *verifying) each(ctx context.Context, to chan<- []byte) error {
	for bucket, skip := range map[*bbolt.Bucket]int{v.tx.Bucket(batchBucket): batchHead, v.tx.Bucket(forkBucket): 0} {
		if err := bucket.ForEach(func(_, value []byte) error {
			if len(value) < skip {
				return fmt.Errorf("%w: a batch cannot be read", errDamaged)
			}
			select {
			case to <- bytes.Clone(value[skip:]):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifying) signature(data []byte) error {
	b, err := custody.ParseBatch(data)
	if err != nil {
		return err
	}
	h := &b.Header
	if err := b.Verify(v.keys[h.Kiosk]); err != nil {
		return fmt.Errorf("batch %d to %d of chain %s, kiosk %s: %w", h.First, h.Last(), h.Chain, h.Kiosk, err)
	}
	return nil
}
