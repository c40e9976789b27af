package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// Repair says how the two files of a segment are brought together.
type Repair uint8

// What [Reconcile] can decide.
const (
	Agree      Repair = iota + 1 // they hold the same
	CompleteDB                   // the log goes further, and validly extends bbolt
	MendLog                      // bbolt goes further, or the log holds bytes past its run
	Refuse                       // they contradict each other
)

// Reconcile decides between what the log holds and what bbolt holds. before is where the
// segment begins; a file that holds nothing ends there. past says that the log holds bytes
// past its run. logAt is the hash that the log has at bbolt's last sequence, dbAt the one
// that bbolt has at the log's; only the one inside the other file is looked at.
func Reconcile(before, db, log custody.Head, past bool, logAt, dbAt survey.Hash) Repair {
	switch {
	case log.Sequence > db.Sequence && logAt == db.Hash:
		return CompleteDB
	case log.Sequence > db.Sequence:
		return Refuse
	case log != before && dbAt != log.Hash:
		return Refuse
	case log.Sequence < db.Sequence || past:
		return MendLog
	default:
		return Agree
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
	o, err := readLogHeader(io.NewSectionReader(source{f}, 0, 1<<20))
	if err != nil {
		return err
	}
	if o != s.origin() {
		return fmt.Errorf("%w: the log begins at %d of chain %s, bbolt at %d of %s", ErrDamaged, o.first, o.chain, s.first, s.chain)
	}
	s.size = size
	// A card may go bad while the box is off: the log in use is read in any case, so that it
	// is mended while bbolt still has what it lacks.
	if !s.sealed || mark != (cleanMark{size, s.last}) {
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

// errUnreadLog says that the log cannot be read to its end. bbolt has all that could be.
var errUnreadLog = errors.New("the log must be made anew from bbolt")

// recover compares the two files, and mends one from the other.
func (j *Journal) recover(s *segment, f *os.File, size int64) error {
	db := s.last
	var logAt survey.Hash
	log, unread := scanLog(source{f}, func(r *custody.Record) error {
		if r.Sequence == db.Sequence {
			logAt = r.Hash
		}
		return nil
	})
	if unread != nil && (!errors.Is(unread, ErrDamaged) || log.first == 0) {
		return unread
	}
	if db == s.before() {
		logAt = db.Hash // bbolt holds nothing: any run from the segment's beginning extends it
	}
	dbAt, err := s.hashAt(log.head.Sequence)
	if err != nil {
		return err
	}
	if err := j.onlyWitness(s, f, log, size, unread); err != nil {
		return err
	}
	what := Reconcile(s.before(), db, log.head, log.size != size, logAt, dbAt)
	if what == Refuse {
		return fmt.Errorf("%w: the log (to %d) and bbolt (to %d) %s", ErrDamaged, log.head.Sequence, db.Sequence, faultOther)
	}
	if what == CompleteDB {
		// With the records of all segments that have no day yet: a record of the clock that
		// only the log has may give them theirs.
		days, anew, err := daysOf(append(slices.Clone(j.segments()), s))
		if anew || errors.Is(err, ErrDamaged) {
			days, err = nil, nil // it is met again, and seen to, when the journal is open: see loadDays
		}
		if err != nil {
			return err
		}
		s.last = log.head
		if err := s.complete(f, log.head, db.Sequence, days); err != nil {
			return err
		}
	}
	if unread == nil && what != Agree && (!s.rebuild || s.followed) { // see runOn
		unread = s.cutLog(f, log.size, size)
	}
	if errors.Is(unread, ErrDamaged) {
		return fmt.Errorf("%w: %w", errUnreadLog, unread)
	}
	if unread != nil {
		return unread
	}
	return s.finishLog(f, what, log)
}

// finishLog adds to the log, which ends with its run, what only bbolt has, and makes it
// durable.
func (s *segment) finishLog(f *os.File, what Repair, log scanned) error {
	s.size = log.size
	if what == MendLog {
		if err := s.mend(f, log); err != nil {
			return err
		}
	}
	// What the killed program wrote may stand in the system's memory only.
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	return nil
}

// onlyWitness refuses a file that must tell what its twin does not, and may have lost its
// own end. For bbolt that is so where it may have gone back by a transaction and the log
// does not show all that it once held. A power cut alone never leaves the two like that: of
// what came before the commit that it met both hold everything, and bbolt's newest page of
// the two that name its transactions lies in one sector, there or not.
func (j *Journal) onlyWitness(s *segment, f *os.File, log scanned, size int64, unread error) error {
	switch shorter := s.mending.anew == logName(s.number) || log.head.Sequence < s.last.Sequence; {
	case s.followed: // where the next segment begins tells whether this one is whole
		return nil
	case s.rebuild && unread != nil:
		return unread
	case s.rebuild:
		return j.onlyLog(f, log, size)
	case !s.behind:
		return nil
	case !shorter && unread == nil:
		if clean, err := onlyZeros(source{f}, log.size, size); clean || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: %s after record %d, and the log is not there to tell", ErrDamaged, faultBehind, s.last.Sequence)
}

// onlyLog refuses a log that must tell everything and may have lost something: where
// anything but zeros follows its run, or it ends where a log in use never does, without
// zeros, or where nothing tells how many numbers were reserved (see notOlder for those that
// end far below them). A frame that was being written when the power went looks no different
// from one that was thanked for and is damaged.
func (j *Journal) onlyLog(f *os.File, log scanned, size int64) error {
	clean, err := onlyZeros(source{f}, log.size, size)
	if err != nil {
		return err
	}
	if !clean || !j.well && log.size == size && size > int64(logHeader) {
		return fmt.Errorf("%w: the log breaks off after record %d, and bbolt is not there to mend it", ErrDamaged, log.head.Sequence)
	}
	c, err := j.openIssued(log.chain)
	if err != nil {
		return err
	}
	if err := c.f.Close(); err != nil {
		return err
	}
	if (c.bad || !c.known) && (log.head.Sequence > 0 || !j.opts.Chain.IsZero()) { // a journal that was never in use has none
		return fmt.Errorf("%w: the log ends with record %d, which numbers were reserved is not known, and bbolt is not there", ErrDamaged, log.head.Sequence)
	}
	return runOn(f, log.size, size)
}

// runOn sees to it that zeros follow a log's run: until bbolt is whole again they tell every
// later start that the log's end is there, also after a clean stop, of which that start
// knows no more.
func runOn(f *os.File, run, size int64) error {
	if run < size {
		return nil
	}
	if err := f.Truncate(run + 1); err != nil {
		return fmt.Errorf("lengthen the log: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	return nil
}

// completeChunk is how many records are added to bbolt in one transaction.
const completeChunk = 1000

// complete adds the records after seq and up to head, which only the log has, to bbolt, and
// to the totals of the days, if these are not nil. Comments, which the log never holds, are
// not among them: a group with comments is logged only after bbolt has it, so they are
// missing only where bbolt was lost.
func (s *segment) complete(f *os.File, head custody.Head, seq uint64, days *custody.Ledger) error {
	var chunk []*custody.Record
	flush := func() error {
		err := s.db.Update(func(tx *bbolt.Tx) error {
			rows := rowsOf(tx)
			for _, r := range chunk {
				if err := rows.put(r, nil); err != nil {
					return err
				}
				if days != nil {
					days.Add(r)
				}
			}
			if days == nil {
				return nil
			}
			return putDays(tx, days.Changed(0))
		})
		chunk = chunk[:0]
		return err
	}
	log, err := scanLog(source{f}, func(r *custody.Record) error {
		if r.Sequence > seq {
			chunk = append(chunk, r)
		}
		if len(chunk) == completeChunk {
			return flush()
		}
		return nil
	})
	if err == nil || log.head == head { // behind it the log may be unreadable
		err = flush()
	}
	if err != nil {
		return fmt.Errorf("complete bbolt from the log: %w", err)
	}
	return nil
}

// mend adds the records that only bbolt has to the log, which ends with its run.
func (s *segment) mend(f *os.File, log scanned) error {
	size := log.size
	err := s.view(func(tx *bbolt.Tx) error {
		var frames []byte
		flush := func() error {
			_, err := f.WriteAt(frames, size)
			size += int64(len(frames))
			frames = frames[:0]
			return err
		}
		err := visitRecords(tx, log.head.Sequence+1, func(r *custody.Record) error {
			if frames = appendFrame(frames, r.Bytes); len(frames) >= 1<<20 {
				return flush()
			}
			return nil
		})
		if err != nil {
			return err
		}
		return flush()
	})
	if err != nil {
		return fmt.Errorf("complete the log from bbolt: %w", err)
	}
	s.size = size
	return nil
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
