package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// repair says how the two files are brought together.
type repair uint8

const (
	keep       repair = iota + 1 // they agree
	completeDB                   // the log goes further, and validly extends bbolt
	mendLog                      // bbolt goes further, or the log holds bytes past its run
	refuse                       // they contradict each other
)

// reconcile decides between what the log holds and what bbolt holds. before is where the
// segment begins; a file that holds nothing ends there. logAt is the hash that the log
// has at bbolt's last sequence, dbAt the one that bbolt has at the log's; only the one
// inside the other file is looked at. logSize is the log's whole size.
func reconcile(before, db custody.Head, log scanned, logSize int64, logAt, dbAt survey.Hash) repair {
	switch {
	case log.head.Sequence > db.Sequence && logAt == db.Hash:
		return completeDB
	case log.head.Sequence > db.Sequence:
		return refuse
	case log.head != before && dbAt != log.head.Hash:
		return refuse
	case log.head.Sequence < db.Sequence || log.size != logSize:
		return mendLog
	default:
		return keep
	}
}

// cleanMark is the state noted at a clean stop: the log's size and the last record. Zero
// means that there was none: the log has a header at least.
type cleanMark struct {
	size int64
	head custody.Head
}

func (m cleanMark) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(m.size))
	b = binary.BigEndian.AppendUint64(b, m.head.Sequence)
	return append(b, m.head.Hash[:]...)
}

func decodeClean(b []byte) (m cleanMark) {
	if len(b) == 48 {
		m.size = int64(binary.BigEndian.Uint64(b))
		m.head = custody.Head{Sequence: binary.BigEndian.Uint64(b[8:]), Hash: survey.Hash(b[16:])}
	}
	return m
}

// bringTogether makes log and bbolt of a segment hold the same.
func (j *Journal) bringTogether(s *segment, f *os.File, mark cleanMark) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("size of the log: %w", err)
	}
	o, err := readLogHeader(io.NewSectionReader(f, 0, 1<<20))
	if err != nil {
		return err
	}
	if o != s.origin() {
		return fmt.Errorf("%w: the log begins at %d of chain %s, bbolt at %d of %s", ErrDamaged, o.first, o.chain, s.first, s.chain)
	}
	s.size = size
	if mark == (cleanMark{}) || mark != (cleanMark{size, s.last}) {
		if err := j.recover(s, f, size); err != nil {
			return err
		}
	}
	if err := s.view(s.nonces.load); err != nil {
		return fmt.Errorf("read the latest records: %w", err)
	}
	if s.followed && !s.sealed { // bbolt was made anew
		if err := s.seal(); err != nil {
			return err
		}
	}
	if s.sealed {
		return s.readTimes()
	}
	return s.readBegin(j.opts.Now())
}

// seal notes in bbolt that nothing is added to the segment any more.
func (s *segment) seal() error {
	mark := cleanMark{s.size, s.last}.encode()
	err := s.db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		return errors.Join(meta.Put(keySealed, mark), meta.Put(keyClean, mark), meta.Delete(keyRebuild))
	})
	if err != nil {
		return fmt.Errorf("seal segment %d: %w", s.number, err)
	}
	s.sealed = true
	return nil
}

// readBegin reads when the first record of a segment was made that is still written.
func (s *segment) readBegin(now time.Time) error {
	err := s.readTimes()
	s.at = time.Time{}
	if s.began.IsZero() {
		s.began = now
	}
	return err
}

// recover runs after an unclean stop.
func (j *Journal) recover(s *segment, f *os.File, size int64) error {
	db := s.last
	var logAt survey.Hash
	log, err := scanLog(f, func(r *custody.Record) error {
		if r.Sequence == db.Sequence {
			logAt = r.Hash
		}
		return nil
	})
	if err != nil {
		return err
	}
	if db == s.before() {
		logAt = db.Hash // bbolt holds nothing: any run from the segment's beginning extends it
	}
	dbAt, err := s.hashAt(log.head.Sequence)
	if err != nil {
		return err
	}
	if s.rebuild && !s.followed { // where the next segment begins tells whether this one is whole
		if err := j.onlyWitness(f, log, size); err != nil {
			return err
		}
	}
	s.size = log.size
	switch reconcile(s.before(), db, log, size, logAt, dbAt) {
	case completeDB:
		if err := cutLog(f, log.size, size); err != nil {
			return err
		}
		s.last = log.head
		err = s.complete(f, db.Sequence)
	case mendLog:
		err = s.mend(f, log, size)
	case refuse:
		return fmt.Errorf("%w: the log (to %d) and bbolt (to %d) contradict each other", ErrDamaged, log.head.Sequence, db.Sequence)
	}
	if err != nil {
		return err
	}
	// What the killed program wrote may stand in the system's memory only.
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	return nil
}

// onlyWitness refuses a log that must tell everything and may have lost something: where
// anything but zeros follows its run, or it ends where a log in use never does, without
// zeros, or far below the numbers that were reserved. A frame that was being written when
// the power went looks no different from one that was thanked for and is damaged.
func (j *Journal) onlyWitness(f *os.File, log scanned, size int64) error {
	clean, err := onlyZeros(f, log.size, size)
	if err != nil {
		return err
	}
	if !clean || j.was != closed && log.size == size && size > int64(logHeader) {
		return fmt.Errorf("%w: the log breaks off after record %d, and bbolt is not there to mend it", ErrDamaged, log.head.Sequence)
	}
	c, err := j.openIssued(log.chain)
	if err != nil {
		return err
	}
	defer func() { _ = c.f.Close() }() // it was only read
	if c.value > log.head.Sequence+2*block {
		return fmt.Errorf("%w: the log ends with record %d, numbers up to %d were reserved, and bbolt is not there", ErrDamaged, log.head.Sequence, c.value)
	}
	return nil
}

// completeChunk is how many records are added to bbolt in one transaction.
const completeChunk = 1000

// complete adds the records after seq, which only the log has, to bbolt. Comments,
// which the log never holds, are not among them: a group with comments is logged only
// after bbolt has it, so they are missing only where bbolt was lost.
func (s *segment) complete(f *os.File, seq uint64) error {
	var chunk []*custody.Record
	flush := func() error {
		err := s.db.Update(func(tx *bbolt.Tx) error {
			rows := rowsOf(tx)
			days := readDays(tx, seq)
			for _, r := range chunk {
				if err := rows.put(r, nil); err != nil {
					return err
				}
				days.Add(r)
			}
			return putDays(tx, days.Changed(0))
		})
		chunk = chunk[:0]
		return err
	}
	_, err := scanLog(f, func(r *custody.Record) error {
		if r.Sequence > seq {
			chunk = append(chunk, r)
		}
		if len(chunk) == completeChunk {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return fmt.Errorf("complete bbolt from the log: %w", err)
	}
	return nil
}

// mend cuts the log after its run and adds the records that only bbolt has.
func (s *segment) mend(f *os.File, log scanned, logSize int64) error {
	if err := cutLog(f, log.size, logSize); err != nil {
		return err
	}
	size := log.size
	err := s.view(func(tx *bbolt.Tx) error {
		var frames []byte
		flush := func() error {
			_, err := f.WriteAt(frames, size)
			size += int64(len(frames))
			frames = frames[:0]
			return err
		}
		c := tx.Bucket(bucketRecords).Cursor()
		for k, v := c.Seek(sequenceKey(log.head.Sequence + 1)); k != nil; k, v = c.Next() {
			if frames = appendFrame(frames, v); len(frames) >= 1<<20 {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return flush()
	})
	if err != nil {
		return fmt.Errorf("complete the log from bbolt: %w", err)
	}
	s.size = size
	return nil
}

// hashAt is the hash of the record that bbolt has at seq; zero if it has none.
func (s *segment) hashAt(seq uint64) (h survey.Hash, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(bucketRecords).Get(sequenceKey(seq)); b != nil {
			h = custody.HashRecord(b)
		}
		return nil
	})
	return h, err
}

func (j *Journal) markClean() error {
	return j.active().db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keyClean, cleanMark{j.log.size, j.Head()}.encode())
	})
}

// unmark takes the marks of the last stop away: from here on both files are whole, and
// the next stop is unclean until it is said to be clean.
func (j *Journal) unmark() error {
	return j.active().db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		return errors.Join(meta.Delete(keyClean), meta.Delete(keyRebuild))
	})
}
