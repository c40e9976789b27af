package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// PutTotals takes what kiosks signed about their chains. Totals that say nothing new
// cost no commit.
func (s *Store) PutTotals(ctx context.Context, list []custody.Said) error {
	return s.update(ctx, func(w *writing) error {
		for _, said := range list {
			if err := w.say(said); err != nil {
				return fmt.Errorf("keep the totals of chain %s: %w", said.Chain, err)
			}
		}
		return nil
	})
}

// saidHead is how many bytes stand before the signed heartbeat in a value.
const saidHead = 8 + hashLen + 8

func saidKey(k survey.KioskID, c survey.Chain) []byte { return append(kioskKey(k), c[:]...) }

// say takes totals, unless later ones are known, or they are those of a branch that does not
// count: of what came of it every record is in dispute, and nothing is missing. Totals of the
// same sequence may name days that were left out before.
func (w *writing) say(said custody.Said) error {
	branch, err := w.ofBranch(said)
	if err != nil || branch {
		return err
	}
	key := saidKey(said.Kiosk, said.Chain)
	old := w.get(saidBucket, key)
	changed := len(old) < saidHead || said.Totals.Last > binary.BigEndian.Uint64(old)
	if !changed && said.Totals.Last < binary.BigEndian.Uint64(old) {
		return nil
	}
	for _, d := range said.Totals.Days {
		if d.Day < 0 || d.Day > lastDay || d.Issued > 1<<40 {
			continue // no kiosk of ours says that
		}
		t, err := w.tally(tallyKey{said.Kiosk, said.Chain, d.Day})
		if err != nil {
			return err
		}
		if t.issued != int64(d.Issued) {
			t.issued = int64(d.Issued)
			t.changed, changed = true, true
		}
	}
	if !changed {
		return nil
	}
	v := append(binary.BigEndian.AppendUint64(nil, said.Totals.Last), said.LastSum[:]...)
	v = binary.BigEndian.AppendUint64(v, uint64(said.Received.UnixMilli()))
	return w.put(saidBucket, key, append(v, said.Signed...))
}

// ofBranch reports whether totals end with a record that contradicts the chain. One that the
// store has not seen is believed to be the chain's own until it comes.
func (w *writing) ofBranch(said custody.Said) (bool, error) {
	if said.LastSum == (survey.Hash{}) {
		return false, nil
	}
	if w.get(forkRecordBucket, evidenceRecordKey(said.Chain, said.LastSum)) != nil {
		return true, nil
	}
	st, err := w.chain(said.Chain)
	if err != nil || said.Totals.Last == 0 || said.Totals.Last > st.Head.Sequence {
		return false, err
	}
	ours, err := w.hashAt(survey.RecordID{Chain: said.Chain, Sequence: said.Totals.Last})
	return ours != said.LastSum, err
}

// unsay takes back what was said of a chain if it ended with one of these records, which have
// turned out to be of a branch. What the chain's last batch says is said again.
func (w *writing) unsay(kiosk survey.KioskID, st *chainState, branch []custody.Record) error {
	key := saidKey(kiosk, st.Chain)
	old := w.get(saidBucket, key)
	if len(old) < saidHead || !slices.ContainsFunc(branch, func(r custody.Record) bool { return bytes.Equal(r.Hash[:], old[8:8+hashLen]) }) {
		return nil
	}
	var days []tallyKey
	if err := eachTally(w.tx, key, func(k tallyKey, t *tally) error { days = append(days, k); return nil }); err != nil {
		return err
	}
	for k := range w.tallies {
		if k.kiosk == kiosk && k.chain == st.Chain {
			days = append(days, k)
		}
	}
	for _, k := range days {
		t, err := w.tally(k)
		if err != nil {
			return err
		}
		t.issued, t.changed = 0, true
	}
	if err := w.delete(saidBucket, key); err != nil || st.Head.Sequence == 0 {
		return err
	}
	k, batch, _ := findBatch(w.bucket(batchBucket), survey.RecordID{Chain: st.Chain, Sequence: st.Head.Sequence})
	b, err := w.batches.parsed(k, batch)
	if err != nil || b.Header.Totals == nil {
		return err
	}
	return w.say(custody.Said{Kiosk: kiosk, Chain: st.Chain, Totals: *b.Header.Totals, Received: st.Received})
}

// Said is the last that a kiosk said of each of its chains, ordered by chain. Days with
// nothing issued are left out.
func (s *Store) Said(ctx context.Context, kiosk survey.KioskID) (list []custody.Said, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		prefix := kioskKey(kiosk)
		c := tx.Bucket(saidBucket).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if len(k) != len(prefix)+chainLen || len(v) < saidHead {
				return fmt.Errorf("%w: what kiosk %s said cannot be read", errDamaged, kiosk)
			}
			said := custody.Said{
				Kiosk: kiosk, Chain: survey.Chain(k[len(prefix):]), Signed: bytes.Clone(v[saidHead:]),
				Totals: custody.Totals{Last: binary.BigEndian.Uint64(v)}, LastSum: survey.Hash(v[8:]),
				Received: time.UnixMilli(int64(binary.BigEndian.Uint64(v[8+hashLen:]))).In(survey.Zone),
			}
			if err := eachTally(tx, k, func(k tallyKey, t *tally) error {
				if t.issued != 0 {
					said.Totals.Days = append(said.Totals.Days, custody.DayTotal{Day: k.day, Issued: uint64(t.issued)})
				}
				return nil
			}); err != nil {
				return err
			}
			list = append(list, said)
		}
		return nil
	})
	return list, err
}

// lastSaid is the last sequence that a kiosk named of a chain, 0 if it said nothing.
func lastSaid(tx *bbolt.Tx, k survey.KioskID, c survey.Chain) (last uint64, said bool) {
	v := tx.Bucket(saidBucket).Get(saidKey(k, c))
	if len(v) < saidHead {
		return 0, false
	}
	return binary.BigEndian.Uint64(v), true
}
