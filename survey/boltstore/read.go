package boltstore

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// Chains are the states of all chains, ordered by chain.
func (s *Store) Chains(ctx context.Context) (list []custody.ChainState, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return eachChain(tx, func(st *chainState) error {
			list = append(list, st.ChainState)
			return nil
		})
	})
	return list, err
}

// eachChain walks the states of all chains, ordered by chain.
func eachChain(tx *bbolt.Tx, visit func(*chainState) error) error {
	return tx.Bucket(chainBucket).ForEach(func(k, v []byte) error {
		st, err := decodeChain(survey.Chain(k), v)
		if err != nil {
			return err
		}
		return visit(st)
	})
}

// chainIn is the state of one chain, the zero state for one that is not known.
func chainIn(tx *bbolt.Tx, c survey.Chain) (*chainState, error) {
	v := tx.Bucket(chainBucket).Get(c[:])
	if v == nil {
		return &chainState{}, nil
	}
	return decodeChain(c, v)
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
// came in. A salvaged response has the identity and the time that it had at first.
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
		e, err = entryOf(tx, id, rec)
		return err
	})
	if err != nil {
		return survey.Entry{}, found, fmt.Errorf("read record %s: %w", id, err)
	}
	return e, found, nil
}

func entryOf(tx *bbolt.Tx, id survey.RecordID, rec *custody.Record) (e survey.Entry, err error) {
	places := []survey.RecordID{id} // where its comment may stand
	if rec.Fault == nil && rec.Kind == custody.SalvagedRecord {
		inner, err := rec.Salvaged()
		if err != nil {
			return e, err
		}
		rec, places = &inner, append(places, inner.ID())
	}
	if e, err = rec.Entry(); err != nil {
		return survey.Entry{}, err
	}
	if at, known := parsePlaced(tx.Bucket(placedBucket).Get(idKey(id))); known {
		e.At = at
	}
	for _, place := range places {
		// In its own chain another record may have come under its name.
		if c, ok := commentIn(tx, place); ok && rec.Comment != nil && c.Commit() == *rec.Comment {
			e.Comment = c.Text
			break
		}
	}
	return e, nil
}

// commentIn is the comment that came with a record.
func commentIn(tx *bbolt.Tx, id survey.RecordID) (c custody.Comment, ok bool) {
	v := tx.Bucket(commentBucket).Get(idKey(id))
	if len(v) <= saltLen {
		return c, false
	}
	c.Sequence, c.Text = id.Sequence, string(v[copy(c.Salt[:], v):])
	return c, true
}

const saltLen = len(custody.Comment{}.Salt)
