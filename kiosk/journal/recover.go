package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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

// reconcile decides between what the log holds and what bbolt holds. logAt is the hash
// that the log has at bbolt's last sequence, dbAt the one that bbolt has at the log's;
// only the one inside the other file is looked at. logSize is the log's whole size.
func reconcile(db custody.Head, log scanned, logSize int64, logAt, dbAt survey.Hash) repair {
	switch {
	case log.head.Sequence > db.Sequence && (db.Sequence == 0 || logAt == db.Hash):
		return completeDB
	case log.head.Sequence > db.Sequence:
		return refuse
	case log.head.Sequence > 0 && dbAt != log.head.Hash:
		return refuse
	case log.head.Sequence < db.Sequence || log.size != logSize:
		return mendLog
	default:
		return keep
	}
}

// load reads both files, brings them together, and leaves the journal ready to write.
func (j *Journal) load(dir string) error {
	path := filepath.Join(dir, segmentLog)
	if err := j.prepare(path); err != nil {
		return err
	}
	head, clean, err := j.readMeta()
	if err != nil {
		return err
	}
	f, err := j.openLog(path)
	if err != nil {
		return err
	}
	size, err := f.Seek(0, 2)
	if err != nil {
		return errors.Join(fmt.Errorf("size of the log: %w", err), f.Close())
	}
	if clean == (cleanMark{}) || clean != (cleanMark{size, head}) {
		if size, head, err = j.recover(f, size, head); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	j.head.Store(&head)
	j.log = startLog(f, size)
	if err := j.db.View(j.nonces.load); err != nil {
		return fmt.Errorf("read the latest records: %w", err)
	}
	return j.unmark()
}

// prepare makes the buckets of a new journal. The bbolt file is made and synced whole
// here, before any press, because its first moments are its weakest.
func (j *Journal) prepare(logPath string) error {
	return j.db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketMeta) != nil {
			return nil
		}
		chain, fromLog, err := j.newChain(logPath)
		if err != nil {
			return err
		}
		for _, name := range [][]byte{bucketMeta, bucketRecords, bucketNonces, bucketComments} {
			if _, err := tx.CreateBucket(name); err != nil {
				return fmt.Errorf("make bucket %s: %w", name, err)
			}
		}
		meta := tx.Bucket(bucketMeta)
		err = errors.Join(meta.Put(keyKiosk, []byte(j.opts.Kiosk)), meta.Put(keyChain, chain[:]))
		if fromLog {
			err = errors.Join(err, meta.Put(keyRebuild, []byte{1}))
		}
		return err
	})
}

// newChain is the chain of a bbolt file that has none yet: the log's, if there is a
// log to rebuild it from, otherwise a new one. Where the identity remembers a chain and
// neither file knows it, nothing is begun.
func (j *Journal) newChain(logPath string) (chain survey.Chain, fromLog bool, err error) {
	f, err := os.Open(logPath)
	switch {
	case err == nil:
		s, serr := scanLog(f, func(*custody.Record) error { return nil })
		return s.chain, true, errors.Join(serr, f.Close())
	case !errors.Is(err, os.ErrNotExist):
		return chain, false, fmt.Errorf("open the log: %w", err)
	case !j.opts.Chain.IsZero():
		return chain, false, fmt.Errorf("%w: chain %s is in neither of its files", ErrMissing, j.opts.Chain)
	}
	_, err = rand.Read(chain[:])
	return chain, false, err
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

// readMeta checks whose journal this is and reads bbolt's last record.
func (j *Journal) readMeta() (head custody.Head, clean cleanMark, err error) {
	err = j.db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if owner := survey.KioskID(meta.Get(keyKiosk)); owner != j.opts.Kiosk {
			return fmt.Errorf("%w: it was written by %s, this kiosk is %s", ErrForeign, owner, j.opts.Kiosk)
		}
		copy(j.chain[:], meta.Get(keyChain))
		if want := j.opts.Chain; !want.IsZero() && want != j.chain {
			return fmt.Errorf("%w: it is chain %s, this kiosk's is %s", ErrForeign, j.chain, want)
		}
		if k, v := tx.Bucket(bucketRecords).Cursor().Last(); k != nil {
			head = custody.Head{Sequence: sequenceOf(k), Hash: custody.HashRecord(v)}
		}
		clean = decodeClean(meta.Get(keyClean))
		j.rebuild = meta.Get(keyRebuild) != nil
		if b := meta.Get(keyReceipt); b != nil {
			j.receipt.Store(&keptReceipt{bytes: append([]byte(nil), b...)})
		}
		return nil
	})
	return head, clean, err
}

// openLog opens the log, making it where it is missing: bbolt rebuilds it then.
func (j *Journal) openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return createLog(path, j.chain)
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return f, nil
}

// recover runs after an unclean stop. It returns the log's size and the last record.
func (j *Journal) recover(f *os.File, size int64, head custody.Head) (int64, custody.Head, error) {
	if size < int64(logHeader) { // a stop while it was made, or it was emptied: bbolt rebuilds it
		if err := writeLogHeader(f, j.chain); err != nil {
			return 0, head, err
		}
		size = int64(logHeader)
	}
	var logAt survey.Hash
	log, err := scanLog(f, func(r *custody.Record) error {
		if r.Sequence == head.Sequence {
			logAt = r.Hash
		}
		return nil
	})
	if err != nil {
		return 0, head, err
	}
	if log.chain != j.chain {
		return 0, head, fmt.Errorf("%w: the log is of chain %s, bbolt of %s", ErrDamaged, log.chain, j.chain)
	}
	dbAt, err := j.hashAt(log.head.Sequence)
	if err != nil {
		return 0, head, err
	}
	if j.rebuild {
		// The log is the only witness, so what lies behind its run may have been thanked
		// for. Only an end that holds no further record is a torn write.
		if at := laterFrame(f, log.size, size); at > 0 {
			return 0, head, fmt.Errorf("%w: the log breaks off at byte %d, after record %d, and goes on at byte %d, and bbolt is not there to mend it; leave both files as they are and have them looked at",
				ErrDamaged, log.size, log.head.Sequence, at)
		}
	}
	switch reconcile(head, log, size, logAt, dbAt) {
	case completeDB:
		if err := cutLog(f, log.size, size); err != nil {
			return 0, head, err
		}
		return log.size, log.head, j.complete(f, head.Sequence)
	case mendLog:
		size, err := j.mend(f, log, size)
		return size, head, err
	case refuse:
		return 0, head, fmt.Errorf("%w: the log (to %d) and bbolt (to %d) contradict each other", ErrDamaged, log.head.Sequence, head.Sequence)
	}
	return size, head, nil
}

// completeChunk is how many records are added to bbolt in one transaction.
const completeChunk = 1000

// complete adds the records after seq, which only the log has, to bbolt. Comments,
// which the log never holds, are not among them: a group with comments is logged only
// after bbolt has it, so they are missing only where bbolt was lost.
func (j *Journal) complete(f *os.File, seq uint64) error {
	var chunk []*custody.Record
	flush := func() error {
		err := j.db.Update(func(tx *bbolt.Tx) error {
			rows := rowsOf(tx)
			for _, r := range chunk {
				if err := rows.put(r, nil); err != nil {
					return err
				}
			}
			return nil
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
func (j *Journal) mend(f *os.File, log scanned, logSize int64) (int64, error) {
	if err := cutLog(f, log.size, logSize); err != nil {
		return 0, err
	}
	size := log.size
	err := j.db.View(func(tx *bbolt.Tx) error {
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
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return 0, fmt.Errorf("complete the log from bbolt: %w", err)
	}
	return size, nil
}

// hashAt is the hash of the record that bbolt has at seq; zero if it has none.
func (j *Journal) hashAt(seq uint64) (h survey.Hash, err error) {
	err = j.db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(bucketRecords).Get(sequenceKey(seq)); b != nil {
			h = custody.HashRecord(b)
		}
		return nil
	})
	return h, err
}

func (j *Journal) markClean() error {
	return j.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keyClean, cleanMark{j.log.size, j.Head()}.encode())
	})
}

// unmark takes the marks of the last stop away: from here on both files are whole, and
// the next stop is unclean until it is said to be clean.
func (j *Journal) unmark() error {
	return j.db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		return errors.Join(meta.Delete(keyClean), meta.Delete(keyRebuild))
	})
}
