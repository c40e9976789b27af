package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// The days' rows are the running totals of the chain. Only those are written that a
// commit changes, in a bucket so small that it costs no page of its own. A segment begins
// with a copy of those of the one before: a centre may be restored from any backup, and ask
// what was issued on any day. Those of days long gone, which hardly ever change again, stand
// in a bucket of their own.

// recent is how many days of the segment before are expected to change still.
const recent = 3

func putDays(tx *bbolt.Tx, rows []custody.LedgerRow) error {
	return putRows(tx.Bucket(bucketDays), rows)
}

// carryDays begins a segment with the rows of the one before.
func carryDays(tx *bbolt.Tx, rows []custody.LedgerRow) error {
	old := max(0, len(rows)-recent)
	if old > 0 && rows[0].Day == custody.UnknownDay {
		if err := putDays(tx, rows[:1]); err != nil {
			return err
		}
	}
	return errors.Join(putRows(tx.Bucket(bucketOldDays), rows[:old]), putDays(tx, rows[old:]))
}

func putRows(days *bbolt.Bucket, rows []custody.LedgerRow) error {
	for _, r := range rows {
		key := binary.BigEndian.AppendUint32(nil, uint32(r.Day))
		if err := days.Put(key, keyed(key, binary.AppendUvarint(binary.AppendUvarint(nil, r.Issued), r.Changed))); err != nil {
			return err
		}
	}
	return nil
}

// readDays restores the ledger of a segment up to sequence last. ErrDamaged: a row is not
// what was written.
func readDays(tx *bbolt.Tx, last uint64) (*custody.Ledger, error) {
	l := &custody.Ledger{}
	l.Restore(last) // the journal's own records are of no day
	read := func(k, v []byte) error {
		b := unkeyed(k, v)
		issued, n := binary.Uvarint(b)
		if n <= 0 || len(k) != 4 {
			return fmt.Errorf("%w: the total of a day is not what was written", ErrDamaged)
		}
		changed, _ := binary.Uvarint(b[n:])
		l.Restore(last, custody.LedgerRow{Day: survey.Date(binary.BigEndian.Uint32(k)), Issued: issued, Changed: changed})
		return nil
	}
	for _, name := range [][]byte{bucketOldDays, bucketDays} { // what changed later stands in the second
		if err := tx.Bucket(name).ForEach(read); err != nil {
			return l, err
		}
	}
	return l, nil
}

// loadDays reads the running totals of the chain.
func (j *Journal) loadDays() error {
	l, anew, err := daysOf(j.segments())
	if err != nil {
		return err
	}
	if anew {
		err := j.active().db.Update(func(tx *bbolt.Tx) error {
			for _, name := range [][]byte{bucketOldDays, bucketDays} {
				if err := tx.DeleteBucket(name); err != nil {
					return err
				}
				if _, err := tx.CreateBucket(name); err != nil {
					return err
				}
			}
			return putDays(tx, l.Changed(0))
		})
		if err != nil {
			return fmt.Errorf("write the totals of the days anew: %w", err)
		}
		j.opts.OnEvent(survey.Words{
			survey.Vietnamese: "tổng số theo ngày trong nhật ký bị hỏng, đã đếm lại từ các bản ghi; không mất lượt nào",
			survey.English:    "the journal's totals of the days were damaged and were counted anew from the records; nothing is lost",
		})
	}
	j.days.Store(l)
	return nil
}

// daysOf are the running totals of a chain at the end of the last one of some segments.
// Where a row of theirs is damaged they are counted anew, from those of the segment before
// on: of the first one, from nothing.
func daysOf(list []*segment) (l *custody.Ledger, anew bool, err error) {
	s, before := list[len(list)-1], list[:len(list)-1]
	err = s.view(func(tx *bbolt.Tx) (err error) {
		l, err = readDays(tx, s.last.Sequence)
		return err
	})
	if err == nil {
		return l, false, adoptUnsure(l, list, s.chain)
	}
	switch {
	case !errors.Is(err, ErrDamaged):
	case s.first == 1:
		l, err = &custody.Ledger{}, nil
	case len(before) > 0 && before[len(before)-1].chain == s.chain:
		l, _, err = daysOf(before)
	}
	if err != nil {
		return nil, false, err
	}
	return l, true, s.each(s.first, func(r *custody.Record) error { l.Add(r); return nil })
}

// adoptUnsure looks the records up that have no day yet: a row is only their number.
func adoptUnsure(l *custody.Ledger, list []*segment, chain survey.Chain) error {
	if l.Issued(custody.UnknownDay) == 0 {
		return nil
	}
	var all custody.Ledger
	for _, s := range list {
		if s.chain != chain {
			continue
		}
		if err := s.each(s.first, func(r *custody.Record) error { all.Add(r); return nil }); err != nil {
			return err
		}
	}
	l.Adopt(&all)
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
		var l *custody.Ledger
		if err := s.view(func(tx *bbolt.Tx) (err error) { l, err = readDays(tx, head.Sequence); return err }); err != nil {
			return nil
		}
		for _, r := range l.Changed(0) {
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
