package boltstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// Head is how far a chain has come; the zero Head for a chain that is not known.
func (s *Store) Head(ctx context.Context, chain survey.Chain) (head custody.Head, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		v := tx.Bucket(chainBucket).Get(chain[:])
		if v == nil {
			return nil
		}
		st, err := decodeChain(chain, v)
		head = st.Head
		return err
	})
	return head, err
}

// Chains are the states of all chains, ordered by chain.
func (s *Store) Chains(ctx context.Context) (list []custody.ChainState, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return tx.Bucket(chainBucket).ForEach(func(k, v []byte) error {
			st, err := decodeChain(survey.Chain(k), v)
			list = append(list, st)
			return err
		})
	})
	return list, err
}

// Forks are the batches kept as evidence against a chain, in no promised order.
func (s *Store) Forks(ctx context.Context, chain survey.Chain) (list [][]byte, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		c := tx.Bucket(forkBucket).Cursor()
		for k, v := c.Seek(chain[:]); bytes.HasPrefix(k, chain[:]); k, v = c.Next() {
			list = append(list, bytes.Clone(v))
		}
		return nil
	})
	return list, err
}

// Walk hands out a chain's batches as they came, in order; the bytes are the
// visitor's to keep. An error of the visitor ends the walk and comes back.
func (s *Store) Walk(ctx context.Context, chain survey.Chain, visit func(batch []byte) error) error {
	return s.view(ctx, func(tx *bbolt.Tx) error {
		return walkBatches(ctx, tx, chain, func(batch []byte) error { return visit(bytes.Clone(batch)) })
	})
}

// walkBatches hands out bytes that are the transaction's.
func walkBatches(ctx context.Context, tx *bbolt.Tx, chain survey.Chain, visit func(batch []byte) error) error {
	c := tx.Bucket(batchBucket).Cursor()
	for k, v := c.Seek(chain[:]); bytes.HasPrefix(k, chain[:]); k, v = c.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(v) < batchHead {
			return fmt.Errorf("%w: a batch of chain %s cannot be read", errDamaged, chain)
		}
		if err := visit(v[batchHead:]); err != nil {
			return err
		}
	}
	return nil
}

// Entry is the response that a record holds, with its comment, read from the batch it
// came in.
func (s *Store) Entry(ctx context.Context, id survey.RecordID) (e survey.Entry, found bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		key, bytesOf, _ := findBatch(tx.Bucket(batchBucket), id)
		if key == nil {
			return nil
		}
		found = true
		b, err := custody.ParseBatch(bytes.Clone(bytesOf))
		if err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		rec, err := recordIn(b, id.Sequence)
		if err != nil {
			return err
		}
		if e, err = rec.Entry(); err != nil {
			return err
		}
		if v := tx.Bucket(commentBucket).Get(idKey(id)); len(v) > saltLen {
			e.Comment = string(v[saltLen:])
		}
		return nil
	})
	if err != nil {
		return survey.Entry{}, found, fmt.Errorf("read record %s: %w", id, err)
	}
	return e, found, nil
}

const saltLen = len(custody.Comment{}.Salt)

// Reject keeps something that was not admitted, once however often it comes.
func (s *Store) Reject(ctx context.Context, r custody.Rejected) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("keep what was rejected: %w", err)
	}
	sum := sha256.Sum256(append([]byte(r.Kiosk+"\x00"), r.Bytes...))
	return s.update(ctx, func(w *writing) error {
		if w.get(rejectedBucket, sum[:]) != nil {
			return nil
		}
		n, err := w.bucket(rejectBucket).NextSequence()
		if err != nil {
			return err
		}
		if err := w.put(rejectedBucket, sum[:], numberKey(n)); err != nil {
			return err
		}
		return w.put(rejectBucket, numberKey(n), text)
	})
}

// Rejected are the last limit things rejected, the newest first.
func (s *Store) Rejected(ctx context.Context, limit int) (list []custody.Rejected, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		c := tx.Bucket(rejectBucket).Cursor()
		for k, v := c.Last(); k != nil && len(list) < limit; k, v = c.Prev() {
			var r custody.Rejected
			if err := json.Unmarshal(v, &r); err != nil {
				return fmt.Errorf("%w: a rejected batch cannot be read: %w", errDamaged, err)
			}
			list = append(list, r)
		}
		return nil
	})
	return list, err
}
