package boltstore

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// keepFork keeps a batch that contradicts its chain as evidence, if it has a record
// that neither the chain nor earlier evidence has. Only those count, so a branch that
// is sent again, cut otherwise or with other totals, costs nothing.
func (w *writing) keepFork(b *custody.Batch, st *chainState) (custody.Kept, error) {
	kept := custody.Kept{Case: custody.Fork, Head: st.Head}
	fresh, err := w.unheardOf(b, st)
	if err != nil || len(fresh) == 0 {
		return kept, err
	}
	st.changed = true
	covered, room, err := w.coveredBy(b)
	if err != nil {
		return kept, err
	}
	bytesThen := st.evidenceBytes + uint64(len(b.Bytes)) - room
	if st.evidence+uint64(len(fresh)) > w.limits.evidence || bytesThen > w.limits.evidenceBytes {
		st.Unkept++
		return kept, nil
	}
	for _, key := range covered {
		if err := w.delete(forkBucket, key); err != nil {
			return kept, err
		}
	}
	st.Forks += 1 - uint64(len(covered))
	st.evidence, st.evidenceBytes = st.evidence+uint64(len(fresh)), bytesThen
	for i := range fresh {
		if err := w.dispute(&fresh[i], b.Header.Kiosk, st); err != nil {
			return kept, err
		}
	}
	if err := w.unsay(b.Header.Kiosk, st, fresh); err != nil {
		return kept, err
	}
	return kept, w.put(forkBucket, evidenceKey(&b.Header), b.Bytes)
}

// disputes reports whether a batch goes on where evidence ends: a branch may be longer
// than the one that counts.
func (w *writing) disputes(h *custody.Header) bool {
	return w.get(forkRecordBucket, evidenceRecordKey(h.Chain, h.Previous)) != nil
}

// evidenceKey begins as the keys of all batches do that begin at the same sequence.
func evidenceKey(h *custody.Header) []byte {
	return append(idKey(survey.RecordID{Chain: h.Chain, Sequence: h.First}), h.Digest[:]...)
}

func evidenceRecordKey(c survey.Chain, hash survey.Hash) []byte {
	return append(bytes.Clone(c[:]), hash[:]...)
}

// unheardOf are the records of a batch that neither the chain nor evidence has.
func (w *writing) unheardOf(b *custody.Batch, st *chainState) (fresh []custody.Record, err error) {
	seen := map[survey.Hash]bool{}
	for i := range b.Records {
		hash := b.Records[i].Hash
		if seen[hash] || w.get(forkRecordBucket, evidenceRecordKey(st.Chain, hash)) != nil {
			continue
		}
		seen[hash] = true
		if seq := b.Header.First + uint64(i); seq <= st.Head.Sequence {
			ours, err := w.hashAt(survey.RecordID{Chain: st.Chain, Sequence: seq})
			if err != nil {
				return nil, err
			}
			if ours == hash {
				continue
			}
		}
		fresh = append(fresh, b.Records[i])
	}
	return fresh, nil
}

// coveredBy are the batches of the same kiosk that begin where b does and go less far,
// with the same records, and their size: a branch that grows is sent from where the
// centre stands, again and again.
func (w *writing) coveredBy(b *custody.Batch) (keys [][]byte, size uint64, err error) {
	prefix := idKey(survey.RecordID{Chain: b.Header.Chain, Sequence: b.Header.First})
	c := w.bucket(forkBucket).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		old, err := custody.ParseBatch(v)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: evidence: %w", errDamaged, err)
		}
		if old.Header.Kiosk == b.Header.Kiosk && begins(b.Records, old.Records) {
			keys, size = append(keys, bytes.Clone(k)), size+uint64(len(v))
		}
	}
	return keys, size, nil
}

func begins(all, part []custody.Record) bool {
	if len(part) > len(all) {
		return false
	}
	for i := range part {
		if part[i].Hash != all[i].Hash {
			return false
		}
	}
	return true
}

// dispute accounts for a record of a branch that does not count. One that cannot be
// read has no known day: what came before it depends on how the branch was cut.
func (w *writing) dispute(rec *custody.Record, kiosk survey.KioskID, st *chainState) error {
	x, isAct := actOf(survey.RecordID{Chain: st.Chain, Sequence: rec.Sequence}, rec, custody.UnknownDay, neverPlaced)
	kind := ownRecord
	if isAct {
		if kind = readAct; rec.Fault != nil {
			kind = unreadAct
		}
		st.Disputed++
		t, err := w.tally(tallyKey{kiosk, st.Chain, x.day})
		if err != nil {
			return err
		}
		t.received++
		t.disputed++
		t.changed = true
	}
	return w.put(forkRecordBucket, evidenceRecordKey(st.Chain, rec.Hash), append(append(appendDay(nil, x.day), byte(kind)), kiosk...))
}

// disputeKind is what a record in dispute was when it came.
type disputeKind byte

const (
	ownRecord disputeKind = 0 // the journal's own
	readAct   disputeKind = 1
	unreadAct disputeKind = 2 // it could not be read by the program of that day
)

// disputed is a row of the records in dispute.
type disputed struct {
	hash  survey.Hash
	day   survey.Date
	kind  disputeKind
	kiosk survey.KioskID
}

// eachDisputed walks the records in dispute of a chain.
func eachDisputed(tx *bbolt.Tx, chain survey.Chain, visit func(disputed) error) error {
	c := tx.Bucket(forkRecordBucket).Cursor()
	for k, v := c.Seek(chain[:]); bytes.HasPrefix(k, chain[:]); k, v = c.Next() {
		if len(k) != chainLen+hashLen || len(v) <= dayLen {
			return fmt.Errorf("%w: a record in dispute cannot be read", errDamaged)
		}
		d := disputed{survey.Hash(k[chainLen:]), parseDay(v), disputeKind(v[dayLen]), survey.KioskID(v[dayLen+1:])}
		if err := visit(d); err != nil {
			return err
		}
	}
	return nil
}

// eachFork walks the evidence against a chain. The bytes are the transaction's.
func eachFork(tx *bbolt.Tx, chain survey.Chain, visit func(batch []byte) error) error {
	c := tx.Bucket(forkBucket).Cursor()
	for k, v := c.Seek(chain[:]); bytes.HasPrefix(k, chain[:]); k, v = c.Next() {
		if err := visit(v); err != nil {
			return err
		}
	}
	return nil
}

// Forks are the batches kept as evidence against a chain, in no promised order.
func (s *Store) Forks(ctx context.Context, chain survey.Chain) (list [][]byte, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return eachFork(tx, chain, func(batch []byte) error {
			list = append(list, bytes.Clone(batch))
			return nil
		})
	})
	return list, err
}
