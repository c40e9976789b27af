package boltstore

import (
	"context"
	"encoding/binary"
	"fmt"

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
	case c == custody.Fork, c == custody.Gap && w.disputes(h):
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
	if err == nil && h.Totals != nil {
		err = w.say(custody.Said{Kiosk: h.Kiosk, Chain: h.Chain, Totals: *h.Totals, Received: a.Received})
	}
	return custody.Kept{Case: c, Head: st.Head, Counters: counters}, err
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

// countFresh takes the new records of a batch, whose bytes are in the file already.
func (w *writing) countFresh(a custody.Arrival, fresh []custody.Record, st *chainState) ([]survey.CounterCode, error) {
	h := &a.Batch.Header
	received := survey.DateOf(a.Received)
	// The structure may still change for days to come.
	ahead := func(x *act) bool { return x.day > received }
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
		if err := w.takeFresh(id, rec, st, ahead, reached); err != nil {
			return nil, err
		}
	}
	return reached.list(), nil
}

// takeFresh takes one new record: a citizen's act, or the journal's own word.
func (w *writing) takeFresh(id survey.RecordID, rec *custody.Record, st *chainState, ahead func(*act) bool, reached touched) error {
	for _, inside := range noAct(rec) {
		if err := w.put(salvagedOwnBucket, salvagedKey(st.Kiosk, inside), nil); err != nil {
			return err
		}
	}
	x, ok := actOf(id, rec, st.before, neverPlaced)
	if !ok {
		return w.takeOwn(id, rec, st, reached)
	}
	if canBePlaced(rec) {
		if err := w.doubt(id, rec, true); err != nil {
			return err
		}
	}
	st.before = x.day
	_, err := w.take(&x, st, true, ahead, reached)
	return err
}
