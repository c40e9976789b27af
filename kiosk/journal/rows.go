package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// A row of the records bucket is a record's CRC-32C (4 bytes, big-endian) and its bytes, as
// in the log's frames. bbolt's pages have no checksum, and a record that was altered would
// otherwise be signed and counted: nothing proves the last one wrong. Rows are written and
// read here alone.

const sumSize = 4

// appendSummed adds a record's CRC-32C and its bytes to b.
func appendSummed(b, record []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, crc32.Checksum(record, castagnoli)), record...)
}

// summed are the bytes behind a CRC-32C; nil if they are not those of which it was made.
func summed(b []byte) []byte {
	if len(b) <= sumSize || crc32.Checksum(b[sumSize:], castagnoli) != binary.BigEndian.Uint32(b) {
		return nil
	}
	return b[sumSize:]
}

// rows are the buckets that one transaction writes records into.
type rows struct{ records, texts *bbolt.Bucket }

func rowsOf(tx *bbolt.Tx) rows {
	r := rows{tx.Bucket(bucketRecords), tx.Bucket(bucketComments)}
	r.records.FillPercent = 1 // sequences only ever grow
	return r
}

// put stores a record's row and its comment's.
func (g rows) put(r *custody.Record, comment []byte) error {
	key := sequenceKey(r.Sequence)
	if err := g.records.Put(key, appendSummed(make([]byte, 0, sumSize+len(r.Bytes)), r.Bytes)); err != nil {
		return err
	}
	if comment == nil {
		return nil
	}
	return g.texts.Put(key, comment)
}

// readRow reads a record's row. ErrDamaged: it is not what was written. The record has its
// own copy of the bytes: bbolt's last as long as the transaction.
func readRow(key, row []byte) (custody.Record, error) {
	r := custody.DecodeRecord(bytes.Clone(summed(row)))
	if len(key) != 8 {
		return r, fmt.Errorf("%w: a row has no number", ErrDamaged)
	}
	if seq := sequenceOf(key); r.Fault != nil || r.Sequence != seq {
		return r, fmt.Errorf("%w: %s %d", ErrDamaged, faultRow, seq)
	}
	return r, nil
}

// recordAt reads the record with a sequence; nil if there is none.
func recordAt(tx *bbolt.Tx, seq uint64) (*custody.Record, error) {
	key := sequenceKey(seq)
	row := tx.Bucket(bucketRecords).Get(key)
	if row == nil {
		return nil, nil
	}
	r, err := readRow(key, row)
	return &r, err
}

// visitRecords visits the records in order, from a sequence on.
func visitRecords(tx *bbolt.Tx, from uint64, visit func(*custody.Record) error) error {
	c := tx.Bucket(bucketRecords).Cursor()
	for k, v := c.Seek(sequenceKey(from)); k != nil; k, v = c.Next() {
		r, err := readRow(k, v)
		if err == nil {
			err = visit(&r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lastIn is the last record in a bbolt file; before is what comes before its first one.
func lastIn(tx *bbolt.Tx, before custody.Head) (custody.Head, error) {
	k, v := tx.Bucket(bucketRecords).Cursor().Last()
	if k == nil {
		return before, nil
	}
	r, err := readRow(k, v)
	return custody.Head{Sequence: r.Sequence, Hash: r.Hash}, err
}

// entryAt reads a record that must be there with its comment's row. Of a salvaged record it
// is the entry of the record inside, under that one's identity.
func entryAt(tx *bbolt.Tx, seq uint64) (survey.Entry, error) {
	r, err := recordAt(tx, seq)
	if err != nil {
		return survey.Entry{}, err
	}
	if r == nil {
		return survey.Entry{}, fmt.Errorf("%w: record %d is not there", ErrDamaged, seq)
	}
	if inner, ok := r.Issued(); ok {
		r = &inner
	}
	e, err := r.Entry()
	if err != nil {
		return survey.Entry{}, fmt.Errorf("%w: record %d: %w", ErrDamaged, seq, err)
	}
	if comment := tx.Bucket(bucketComments).Get(sequenceKey(seq)); len(comment) > 16 {
		e.Comment = string(comment[16:])
	}
	return e, nil
}

// each visits the segment's records in order, from a sequence on.
func (s *segment) each(from uint64, visit func(*custody.Record) error) error {
	return s.view(func(tx *bbolt.Tx) error { return visitRecords(tx, from, visit) })
}

// record reads one record; that it is not there is damage.
func (s *segment) record(seq uint64) (r custody.Record, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		found, err := recordAt(tx, seq)
		if err == nil && found == nil {
			err = fmt.Errorf("%w: record %d is not there", ErrDamaged, seq)
		}
		if err == nil {
			r = *found
		}
		return err
	})
	return r, err
}

// hashAt is the hash of the record that bbolt has at seq; zero if it has none.
func (s *segment) hashAt(seq uint64) (h survey.Hash, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		r, err := recordAt(tx, seq)
		if err == nil && r != nil {
			h = r.Hash
		}
		return err
	})
	return h, err
}

// readTimes reads when the segment's first and last records were made.
func (s *segment) readTimes() error {
	return s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		k, v := c.First()
		if k == nil {
			return nil
		}
		first, err := readRow(k, v)
		if err != nil {
			return err
		}
		last, err := readRow(c.Last())
		s.began, s.at = first.At(), last.At()
		return err
	})
}
