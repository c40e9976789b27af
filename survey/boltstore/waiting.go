package boltstore

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// Held are up to limit records that wait to be counted, ordered by id, and how many
// there are of all.
func (s *Store) Held(ctx context.Context, limit int) (list []custody.Waiting, all uint64, err error) {
	return s.waiting(ctx, heldBucket, limit, func(st *chainState) uint64 { return st.Held })
}

// Quarantined are up to limit records that cannot be counted, ordered by id, and how
// many there are of all.
func (s *Store) Quarantined(ctx context.Context, limit int) (list []custody.Waiting, all uint64, err error) {
	return s.waiting(ctx, quarantineBucket, limit, func(st *chainState) uint64 { return st.Quarantined })
}

func (s *Store) waiting(ctx context.Context, bucket []byte, limit int, of func(*chainState) uint64) (list []custody.Waiting, all uint64, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		kiosks := map[survey.Chain]survey.KioskID{}
		if err := eachChain(tx, func(st *chainState) error {
			kiosks[st.Chain] = st.Kiosk
			all += of(st)
			return nil
		}); err != nil {
			return err
		}
		c := tx.Bucket(bucket).Cursor()
		for k, v := c.First(); k != nil && len(list) < limit; k, v = c.Next() {
			if len(k) != idLen || len(v) < dayLen {
				return fmt.Errorf("%w: a row of %s cannot be read", errDamaged, bucket)
			}
			id := parseID(k)
			list = append(list, custody.Waiting{ID: id, Kiosk: kiosks[id.Chain], Day: parseDay(v), Reason: string(v[dayLen:])})
		}
		return nil
	})
	return list, all, err
}

// Rejudge judges every held and quarantined record again and says how many became
// something else.
func (s *Store) Rejudge(ctx context.Context) (changed int, err error) {
	err = s.update(ctx, func(w *writing) error {
		changed, err = w.release(ctx, heldBucket, quarantineBucket)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("judge again: %w", err)
	}
	return changed, nil
}

// rejudgeAnew does so when a program that judges otherwise than the one before opens
// the file.
func (s *Store) rejudgeAnew() error {
	ctx := context.Background() // a part of opening: nobody can want it to end halfway
	return s.update(ctx, func(w *writing) error {
		if v := w.get(metaBucket, judgingKey); len(v) == 1 && v[0] >= judging {
			return nil
		}
		if _, err := w.release(ctx, heldBucket, quarantineBucket); err != nil {
			return fmt.Errorf("judge again what an older program could not: %w", err)
		}
		return w.put(metaBucket, judgingKey, []byte{judging})
	})
}

// release judges every record of some buckets again, in the order of chain and
// sequence, and says how many became something else.
func (w *writing) release(ctx context.Context, from ...[]byte) (changed int, err error) {
	var waiting []survey.RecordID // collected first: a bucket must not change under its cursor
	for _, bucket := range from {
		if err := w.bucket(bucket).ForEach(func(k, _ []byte) error {
			waiting = append(waiting, parseID(k))
			return nil
		}); err != nil {
			return 0, fmt.Errorf("find what waits: %w", err)
		}
	}
	for _, id := range waiting {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		st, err := w.chain(id.Chain)
		if err != nil {
			return 0, err
		}
		other, err := w.rejudge(id, st, touched{})
		if err != nil {
			return 0, fmt.Errorf("judge record %s again: %w", id, err)
		}
		if other {
			changed++
		}
	}
	return changed, nil
}

// rejudge judges a record that is held, quarantined or a duplicate again, and says
// whether it became something else. Where it was is forgotten first.
func (w *writing) rejudge(id survey.RecordID, st *chainState, reached touched) (changed bool, err error) {
	rec, err := w.record(id)
	if err != nil {
		return false, err
	}
	was, day, reason := w.waitingAs(idKey(id))
	if was == 0 {
		return false, nil // counted already
	}
	if _, placed := w.placedAt(id); canBePlaced(rec) && !placed && w.get(unsureBucket, bootRow(id, rec.Boot)) == nil {
		if err := w.doubt(id, rec, false); err != nil {
			return false, err
		}
	}
	x, ok := actOf(id, rec, day, w.placedAt)
	if ok {
		if v := w.judge(&x, st.Kiosk); was == v.state && day == x.day && reason == v.reason {
			return false, nil
		}
	}
	if err := w.forget(id, rec.Kind == custody.SalvagedRecord, was, day, st); err != nil {
		return false, err
	}
	if !ok { // an older program did not see what it is
		return true, w.takeOwn(id, rec, st, reached)
	}
	// What it is counted at is remembered: the structure may still change for days that
	// were to come when it was released.
	always := func(*act) bool { return true }
	is, err := w.take(&x, st, false, always, reached)
	return is != was, err
}

type waitingBucket struct {
	bucket []byte
	state  state
}

// of is the state of a record with this value there.
func (b *waitingBucket) of(v []byte) state {
	if b.state == duplicate && len(v) > dayLen {
		return contested
	}
	return b.state
}

// waitingBuckets are where the records stand that are not counted.
var waitingBuckets = [...]waitingBucket{{heldBucket, held}, {quarantineBucket, quarantined}, {duplicateBucket, duplicate}}

// waitingAs is what a record that is not counted is stored as, 0 for any other.
func (w *writing) waitingAs(key []byte) (as state, day survey.Date, reason string) {
	for _, at := range waitingBuckets {
		if v := w.get(at.bucket, key); len(v) >= dayLen {
			return at.of(v), parseDay(v), string(v[dayLen:])
		}
	}
	return 0, 0, ""
}

// forget takes a record that is not counted out of the account.
func (w *writing) forget(id survey.RecordID, salvaged bool, was state, day survey.Date, st *chainState) error {
	t, err := w.tallyOf(st, day)
	if err != nil {
		return err
	}
	t.receive(-1, salvaged)
	st.changed = true
	switch was {
	case held:
		st.Held--
		t.held--
		return w.delete(heldBucket, idKey(id))
	case quarantined:
		st.Quarantined--
		t.quarantined--
		return w.delete(quarantineBucket, idKey(id))
	case contested:
		st.Forks--
		st.Disputed--
		t.leave(contradicting, -1)
		return w.delete(duplicateBucket, idKey(id))
	default:
		t.leave(custody.DuplicateRecord, -1)
		return w.delete(duplicateBucket, idKey(id))
	}
}
