package boltstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// Reject keeps something that was not admitted, once however often it comes, within
// the limits of its kiosk.
func (s *Store) Reject(ctx context.Context, r custody.Rejected) error {
	return s.update(ctx, func(w *writing) error {
		known := rejectedSum(&r)
		if w.get(rejectedBucket, known) != nil {
			return nil
		}
		if err := w.makeRoom(r.Kiosk, uint64(len(r.Bytes))); err != nil {
			return fmt.Errorf("make room for what is rejected: %w", err)
		}
		n, err := w.bucket(rejectBucket).NextSequence()
		if err != nil {
			return err
		}
		r.Number = n
		if err := w.put(rejectedBucket, known, numberKey(n)); err != nil {
			return err
		}
		return w.putRejected(&r)
	})
}

// rejectedSum tells things rejected apart: by kiosk and bytes.
func rejectedSum(r *custody.Rejected) []byte {
	sum := sha256.Sum256(append([]byte(r.Kiosk+"\x00"), r.Bytes...))
	return sum[:]
}

// rejectedByKey sorts a kiosk's things in the order in which they make room.
func rejectedByKey(r *custody.Rejected) []byte {
	unresolved := byte(1)
	if r.Resolved {
		unresolved = 0
	}
	return binary.BigEndian.AppendUint64(append(kioskKey(r.Kiosk), unresolved), r.Number)
}

func (w *writing) putRejected(r *custody.Rejected) error {
	if err := w.putJSON(rejectBucket, numberKey(r.Number), r); err != nil {
		return err
	}
	return w.put(rejectedByBucket, rejectedByKey(r), numberKey(uint64(len(r.Bytes))))
}

// makeRoom lets the oldest things of a kiosk go until one more of a size is within the
// limits: first what somebody has resolved.
func (w *writing) makeRoom(kiosk survey.KioskID, size uint64) error {
	var order [][]byte // of the numbers
	var sizes []uint64
	all := size
	prefix := kioskKey(kiosk)
	c := w.bucket(rejectedByBucket).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		order = append(order, bytes.Clone(k[len(k)-8:]))
		sizes = append(sizes, binary.BigEndian.Uint64(v))
		all += sizes[len(sizes)-1]
	}
	for i := 0; i < len(order) && (len(order)-i >= w.limits.rejected || all > w.limits.rejectedBytes); i++ {
		if err := w.dropRejected(order[i]); err != nil {
			return err
		}
		all -= sizes[i]
	}
	return nil
}

func (w *writing) dropRejected(number []byte) error {
	r, found, err := getJSON[custody.Rejected](w.bucket(rejectBucket), number)
	if err != nil || !found {
		return err
	}
	if err := w.delete(rejectedBucket, rejectedSum(&r)); err != nil {
		return err
	}
	if err := w.delete(rejectedByBucket, rejectedByKey(&r)); err != nil {
		return err
	}
	return w.delete(rejectBucket, number)
}

// Rejected are the first limit things rejected that nobody has resolved and whose number
// is greater than after, the oldest first.
func (s *Store) Rejected(ctx context.Context, after uint64, limit int) (list []custody.Rejected, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		c := tx.Bucket(rejectBucket).Cursor()
		for k, v := c.Seek(numberKey(after + 1)); k != nil && len(list) < limit; k, v = c.Next() {
			var r custody.Rejected
			if err := json.Unmarshal(v, &r); err != nil {
				return fmt.Errorf("%w: a rejected batch cannot be read: %w", errDamaged, err)
			}
			if !r.Resolved {
				list = append(list, r)
			}
		}
		return nil
	})
	return list, err
}

// Resolved marks one thing rejected as dealt with. It stays until there is no room.
func (s *Store) Resolved(ctx context.Context, number uint64) error {
	return s.update(ctx, func(w *writing) error {
		r, found, err := getJSON[custody.Rejected](w.bucket(rejectBucket), numberKey(number))
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("nothing rejected has the number %d", number)
		case r.Resolved:
			return nil
		}
		if err := w.delete(rejectedByBucket, rejectedByKey(&r)); err != nil {
			return err
		}
		r.Resolved = true
		return w.putRejected(&r)
	})
}
