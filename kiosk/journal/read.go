package journal

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// Find implements [kiosk.Journal]. A record whose log is still being synced is not
// found yet: asking Append waits for it.
func (j *Journal) Find(n survey.Nonce) (e survey.Entry, ok bool, err error) {
	if err := j.open(); err != nil {
		return survey.Entry{}, false, err
	}
	if seq, generations := j.nonces.candidates(n); seq == 0 && generations == nil {
		return survey.Entry{}, false, nil
	}
	head := j.Head().Sequence
	err = j.view(func(tx *bbolt.Tx) error {
		seq := j.nonces.find(tx, n)
		if seq == 0 || seq > head {
			return nil
		}
		ok = true
		key := sequenceKey(seq)
		e, err = entryOf(tx.Bucket(bucketRecords).Get(key), tx.Bucket(bucketComments).Get(key))
		return err
	})
	return e, ok, err
}

// Get implements [kiosk.Journal].
func (j *Journal) Get(id survey.RecordID) (e survey.Entry, ok bool, err error) {
	if id.Chain != j.chain {
		return survey.Entry{}, false, nil
	}
	key := sequenceKey(id.Sequence)
	err = j.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketRecords).Get(key)
		if b == nil {
			return nil
		}
		ok = true
		e, err = entryOf(b, tx.Bucket(bucketComments).Get(key))
		return err
	})
	return e, ok, err
}

// Batch signs the durable records from sequence first on as one batch: as many as come
// to at most maxBytes with their comments, at least one, at most maxRecords. It is nil
// when first lies after the head.
func (j *Journal) Batch(first, durable uint64, maxRecords, maxBytes int, kiosk survey.KioskID, key ed25519.PrivateKey) (*custody.Batch, error) {
	var previous survey.Hash
	var records []custody.Record
	var comments []custody.Comment
	head := j.Head().Sequence
	err := j.view(func(tx *bbolt.Tx) (err error) {
		if previous, err = hashBefore(tx, first); err != nil {
			return err
		}
		texts := tx.Bucket(bucketComments)
		size := 0
		c := tx.Bucket(bucketRecords).Cursor()
		for k, v := c.Seek(sequenceKey(first)); k != nil && len(records) < maxRecords; k, v = c.Next() {
			seq := sequenceOf(k)
			if want := first + uint64(len(records)); seq > head {
				break // its log is not synced yet
			} else if seq != want {
				return fmt.Errorf("%w: sequence %d is not there", ErrDamaged, want)
			}
			text := texts.Get(k)
			if size += len(v) + len(text) + 16; size > maxBytes && len(records) > 0 {
				break
			}
			b := append([]byte(nil), v...)
			records = append(records, custody.Record{Chain: j.chain, Sequence: seq, Bytes: b, Hash: custody.HashRecord(b)})
			if len(text) > 16 {
				comments = append(comments, custody.Comment{Sequence: seq, Salt: [16]byte(text), Text: string(text[16:])})
			}
		}
		return nil
	})
	if err != nil || len(records) == 0 {
		return nil, err
	}
	return custody.NewBatch(kiosk, key, previous, records, comments, nil), nil
}

// hashBefore is the hash of the record before sequence first; zero for the first one.
func hashBefore(tx *bbolt.Tx, first uint64) (survey.Hash, error) {
	if first <= 1 {
		return survey.Hash{}, nil
	}
	before := tx.Bucket(bucketRecords).Get(sequenceKey(first - 1))
	if before == nil {
		return survey.Hash{}, fmt.Errorf("%w: sequence %d is not there", ErrDamaged, first-1)
	}
	return custody.HashRecord(before), nil
}

// HashAt is the hash of the record with that sequence; zero if the journal has none.
func (j *Journal) HashAt(seq uint64) (survey.Hash, error) {
	if err := j.open(); err != nil {
		return survey.Hash{}, err
	}
	return j.hashAt(seq)
}

// TimeAt is the wall time of the record with that sequence; zero if there is none.
func (j *Journal) TimeAt(seq uint64) (time.Time, error) {
	e, ok, err := j.Get(survey.RecordID{Chain: j.chain, Sequence: seq})
	if err != nil || !ok {
		return time.Time{}, err
	}
	return e.At, nil
}

// SetReceipt keeps the centre's word, with its bytes as signed. It reaches the disk
// with the next press, or within seconds; a lost one is asked for again.
func (j *Journal) SetReceipt(signed []byte) { j.receipt.Store(&keptReceipt{bytes: signed}) }

// Receipt is the centre's last word as it was signed; nil if there is none yet.
func (j *Journal) Receipt() []byte {
	if r := j.receipt.Load(); r != nil {
		return r.bytes
	}
	return nil
}

// view reads, as long as the journal is open.
func (j *Journal) view(read func(*bbolt.Tx) error) error {
	if err := j.open(); err != nil {
		return err
	}
	if err := j.db.View(read); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	return nil
}

// open reports ErrClosed after Close. A journal that failed to write still reads.
func (j *Journal) open() error {
	select {
	case <-j.stop:
		return ErrClosed
	default:
		return nil
	}
}
