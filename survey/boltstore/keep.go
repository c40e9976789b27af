package boltstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// Keep takes in batches that the caller has verified, all in one transaction that is
// synced when it returns. The answers come in the order of the arrivals.
func (s *Store) Keep(ctx context.Context, arrivals []custody.Arrival) ([]custody.Kept, error) {
	kept := make([]custody.Kept, len(arrivals))
	err := s.update(ctx, func(w *writing) error {
		for i, a := range arrivals {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			if kept[i], err = w.keep(a); err != nil {
				h := &a.Batch.Header
				return fmt.Errorf("keep %d to %d of chain %s: %w", h.First, h.Last(), h.Chain, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

func (w *writing) keep(a custody.Arrival) (custody.Kept, error) {
	h := &a.Batch.Header
	st, err := w.chain(h.Chain)
	if err != nil {
		return custody.Kept{}, err
	}
	if st.Kiosk != "" && st.Kiosk != h.Kiosk {
		return w.keepFork(a.Batch, st)
	}
	// The writer's turn is the compare-and-swap: nobody moves the head meanwhile.
	c, fresh, err := custody.Admit(st.Head, a.Batch, func(sequence uint64) (survey.Hash, error) {
		return w.hashAt(survey.RecordID{Chain: h.Chain, Sequence: sequence})
	})
	switch {
	case err != nil:
		return custody.Kept{}, err
	case c == custody.Fork:
		return w.keepFork(a.Batch, st)
	case c != custody.New:
		return custody.Kept{Case: c, Head: st.Head}, nil
	}
	if err := w.putBatch(a); err != nil {
		return custody.Kept{}, err
	}
	st.changed = true
	st.Kiosk, st.Received = h.Kiosk, a.Received
	st.Head = custody.Head{Sequence: h.Last(), Hash: fresh[len(fresh)-1].Hash}
	counters, err := w.countFresh(a, fresh, st)
	return custody.Kept{Case: c, Head: st.Head, Counters: counters}, err
}

// keepFork keeps a batch that contradicts its chain as evidence, once.
func (w *writing) keepFork(b *custody.Batch, st *chainState) (custody.Kept, error) {
	kept := custody.Kept{Case: custody.Fork, Head: st.Head}
	sum := sha256.Sum256(b.Bytes)
	key := append(bytes.Clone(b.Header.Chain[:]), sum[:]...)
	if w.get(forkBucket, key) != nil {
		return kept, nil
	}
	st.Forks++
	st.changed = true
	return kept, w.put(forkBucket, key, b.Bytes)
}

// batchHead is how many bytes stand before the batch's own in a value.
const batchHead = 8 + hashLen

func (w *writing) putBatch(a custody.Arrival) error {
	h := &a.Batch.Header
	v := make([]byte, 0, batchHead+len(a.Batch.Bytes))
	v = binary.BigEndian.AppendUint64(v, uint64(a.Received.UnixMilli()))
	v = append(append(v, h.LastHash[:]...), a.Batch.Bytes...)
	key := idKey(survey.RecordID{Chain: h.Chain, Sequence: h.Last()})
	w.batches.put(key, a.Batch)
	// Chains only grow at their ends, so pages need little room in the middle: a third
	// less file where batches are small.
	w.bucket(batchBucket).FillPercent = 0.9
	return w.put(batchBucket, key, v)
}

// countFresh judges the new records of a batch, whose bytes are in the file already.
func (w *writing) countFresh(a custody.Arrival, fresh []custody.Record, st *chainState) ([]survey.CounterCode, error) {
	h := &a.Batch.Header
	received := survey.DateOf(a.Received)
	reached := touched{}
	for i := range fresh {
		rec := &fresh[i]
		// The place in the batch names a record: one that cannot be read has no other.
		id := survey.RecordID{Chain: h.Chain, Sequence: h.Last() - uint64(len(fresh)-1-i)}
		if c, ok := a.Batch.Comment(rec); ok {
			if err := w.put(commentBucket, idKey(id), append(c.Salt[:], c.Text...)); err != nil {
				return nil, err
			}
		}
		v := w.judge(rec)
		if v.state == counted && v.hour.Date() > received {
			// The structure may still change for days to come.
			if err := w.put(pinBucket, idKey(id), []byte(v.unit)); err != nil {
				return nil, err
			}
		}
		if err := w.settle(id, v, st, true, reached); err != nil {
			return nil, err
		}
	}
	return reached.list(), nil
}

// chainState is a chain's row while a transaction works on it.
type chainState struct {
	custody.ChainState
	changed bool
}

// chain is the state of a chain, the zero state for one that is not known.
func (w *writing) chain(c survey.Chain) (*chainState, error) {
	if st := w.chains[c]; st != nil {
		return st, nil
	}
	st := &chainState{}
	st.Chain = c
	if v := w.get(chainBucket, c[:]); v != nil {
		var err error
		if st.ChainState, err = decodeChain(c, v); err != nil {
			return nil, err
		}
	}
	w.chains[c] = st
	return st, nil
}

// A chain's row is these numbers of 8 bytes, the head's hash and the kiosk's name:
// sequence, held, quarantined, forks, received (ms).
const chainNumbers = 5

func (st *chainState) encode() []byte {
	var b []byte
	for _, n := range [chainNumbers]uint64{
		st.Head.Sequence, st.Held, st.Quarantined, st.Forks, uint64(st.Received.UnixMilli()),
	} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return append(append(b, st.Head.Hash[:]...), st.Kiosk...)
}

func decodeChain(c survey.Chain, v []byte) (custody.ChainState, error) {
	if len(v) < 8*chainNumbers+hashLen {
		return custody.ChainState{}, fmt.Errorf("%w: the state of chain %s cannot be read", errDamaged, c)
	}
	var n [chainNumbers]uint64
	for i := range n {
		n[i] = binary.BigEndian.Uint64(v[8*i:])
	}
	v = v[8*chainNumbers:]
	return custody.ChainState{
		Chain: c, Kiosk: survey.KioskID(v[hashLen:]), Head: custody.Head{Sequence: n[0], Hash: survey.Hash(v[:hashLen])},
		Held: n[1], Quarantined: n[2], Forks: n[3], Received: time.UnixMilli(int64(n[4])).In(survey.Zone),
	}, nil
}
