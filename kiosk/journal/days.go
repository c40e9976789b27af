package journal

import (
	"encoding/binary"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// The days' rows are the running totals of the chain. Only those are written that a
// commit changes, in a bucket so small that it costs no page of its own. A segment
// begins with a copy of the last days of the one before.

// carried is how many days a new segment takes over.
const carried = 3

func putDays(tx *bbolt.Tx, rows []custody.LedgerRow) error {
	days := tx.Bucket(bucketDays)
	for _, r := range rows {
		b := binary.AppendUvarint(binary.AppendUvarint(nil, r.Issued), r.Changed)
		if err := days.Put(binary.BigEndian.AppendUint32(nil, uint32(r.Day)), b); err != nil {
			return err
		}
	}
	return nil
}

// readDays restores the ledger of a segment up to sequence last.
func readDays(tx *bbolt.Tx, last uint64) *custody.Ledger {
	l := &custody.Ledger{}
	_ = tx.Bucket(bucketDays).ForEach(func(k, v []byte) error { // the visit never fails
		issued, n := binary.Uvarint(v)
		if n > 0 && len(k) == 4 {
			changed, _ := binary.Uvarint(v[n:])
			l.Restore(last, custody.LedgerRow{Day: survey.Date(binary.BigEndian.Uint32(k)), Issued: issued, Changed: changed})
		}
		return nil
	})
	return l
}

// carry are the rows with which the segment after begins.
func carry(l *custody.Ledger) []custody.LedgerRow {
	rows := l.Changed(0)
	keep := rows[max(0, len(rows)-carried):]
	if len(rows) > len(keep) && rows[0].Day == custody.UnknownDay {
		keep = append([]custody.LedgerRow{rows[0]}, keep...)
	}
	return keep
}

// loadDays reads the running totals of the chain. Records without a known day are
// looked up one by one: only their number is kept.
func (j *Journal) loadDays() error {
	head := j.Head()
	var l *custody.Ledger
	err := j.active().view(func(tx *bbolt.Tx) error {
		l = readDays(tx, head.Sequence)
		return nil
	})
	if err != nil {
		return err
	}
	if l.Issued(custody.UnknownDay) > 0 {
		var all custody.Ledger
		for _, s := range j.segments() {
			if s.chain != j.chain {
				continue
			}
			if err := s.each(s.first, func(r *custody.Record) error { all.Add(r); return nil }); err != nil {
				return err
			}
		}
		l.Adopt(&all)
	}
	j.days.Store(l)
	return nil
}

// Totals is what the journal has issued, day by day: see [custody.Ledger.Since].
func (j *Journal) Totals(durable uint64) *custody.Totals { return j.days.Load().Since(durable) }

// pastDays is what an earlier chain issued up to the end of its unbroken row, day by day.
// Where its beginning was let go, the first day that is here may have more, and so may those
// before it and the unknown one: of these nothing is said. It is nil where nothing is known.
func (j *Journal) pastDays(chain survey.Chain, head custody.Head) (known *custody.Ledger) {
	for _, s := range j.segments() {
		if s.chain != chain || s.last != head {
			continue
		}
		var rows []custody.LedgerRow
		if err := s.view(func(tx *bbolt.Tx) error { rows = readDays(tx, head.Sequence).Changed(0); return nil }); err != nil {
			return nil
		}
		for _, r := range rows {
			if s.first > 1 && r.Day <= survey.DateOf(s.began) {
				continue
			}
			if known == nil {
				known = &custody.Ledger{}
			}
			known.Restore(head.Sequence, r)
		}
	}
	return known
}
