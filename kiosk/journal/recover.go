package journal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// openSegments opens what the folder holds. How the last life ended says how closely it
// is looked at first.
func (j *Journal) openSegments() error {
	numbers, err := numbersIn(j.dir)
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		return j.first()
	}
	for i, n := range numbers {
		last := i == len(numbers)-1
		// A card may go bad while the box is off, too: where it costs no more than a moment,
		// the file in use is looked at in any case.
		suspect := j.was == trying || j.was == failed || last && (j.was == opening || j.opts.Child != nil)
		s, err := j.openSegment(n, last, suspect)
		if err != nil {
			return fmt.Errorf("segment %d: %w", n, err)
		}
		if s == nil {
			continue // a stop while it was made: the one before goes on
		}
		j.adopt(s)
	}
	return j.settle()
}

// first makes the files of a kiosk that never had a journal.
func (j *Journal) first() error {
	if !j.opts.Chain.IsZero() {
		return fmt.Errorf("%w: chain %s is not there", ErrDamaged, j.opts.Chain)
	}
	var chain survey.Chain
	if _, err := rand.Read(chain[:]); err != nil {
		return fmt.Errorf("draw a chain: %w", err)
	}
	return j.begin(1, chain)
}

// begin makes the first segment of a chain, and is ready to write it.
func (j *Journal) begin(number int, chain survey.Chain) error {
	s, f, err := j.beginSegment(number, origin{chain: chain, first: 1})
	if err != nil {
		return err
	}
	list := append(j.segments(), s)
	j.list.Store(&list)
	j.chain, j.log = chain, startLog(f, int64(logHeader))
	j.head.Store(&custody.Head{})
	j.days.Store(&custody.Ledger{})
	return nil
}

// adopt adds a segment behind those opened before.
func (j *Journal) adopt(s *segment) {
	list := append(j.segments(), s)
	j.list.Store(&list)
}

// unbroken checks that the segments of the chain that is written follow each other. One
// that was salvaged may have gaps.
func (j *Journal) unbroken() error {
	var before *segment
	for _, s := range j.segments() {
		if s.chain != j.chain {
			continue
		}
		if before != nil && s.before() != before.last {
			return fmt.Errorf("%w: segment %d does not follow segment %d", ErrDamaged, s.number, before.number)
		}
		before = s
	}
	return nil
}

// settle makes the last segment the one that is written.
func (j *Journal) settle() error {
	if len(j.segments()) == 0 {
		return j.first()
	}
	s := j.active()
	if j.log == nil { // the last one is sealed: a stop before the next was made
		return j.goOn(s)
	}
	j.chain = s.chain
	head := s.last
	j.head.Store(&head)
	if err := j.unbroken(); err != nil {
		return err
	}
	if want := j.opts.Chain; !want.IsZero() && want != j.chain {
		return fmt.Errorf("%w: it is chain %s, this kiosk's is %s", ErrDamaged, j.chain, want)
	}
	if err := j.loadDays(); err != nil {
		return err
	}
	return s.view(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(bucketRecords).Get(sequenceKey(head.Sequence)); b != nil {
			r := custody.DecodeRecord(b)
			j.wall = r.Wall
		}
		return nil
	})
}

// goOn begins the segment after a sealed one.
func (j *Journal) goOn(before *segment) error {
	j.chain = before.chain
	head := before.last
	j.head.Store(&head)
	if err := j.unbroken(); err != nil {
		return err
	}
	if err := j.loadDays(); err != nil {
		return err
	}
	s, f, err := j.beginSegment(before.number+1, origin{j.chain, head.Sequence + 1, head.Hash})
	if err != nil {
		return err
	}
	j.wall = before.at.UnixMilli()
	j.log = startLog(f, int64(logHeader))
	list := append(j.segments(), s)
	j.list.Store(&list)
	return nil
}

// openSegment opens one segment and brings its two files together. It gives nil for one
// that was never finished and of which the one before tells all.
func (j *Journal) openSegment(n int, last, suspect bool) (*segment, error) {
	dbPath, logPath := filepath.Join(j.dir, dbName(n)), filepath.Join(j.dir, logName(n))
	if !last && !suspect {
		if s, err := j.openSealed(n); err == nil {
			return s, nil
		}
		suspect = true // before it is opened to be mended, a child looks at it
	}
	if suspect {
		if err := j.check(dbPath); err != nil {
			if err := j.putAside(dbPath, err); err != nil {
				return nil, err
			}
		}
	}
	s, err := j.pair(n, last, dbPath, logPath)
	if s == nil || err != nil {
		return nil, err
	}
	if !last && s.last.Sequence < s.first {
		return nil, errors.Join(fmt.Errorf("%w: it is empty, and others follow it", ErrDamaged), s.db.Close())
	}
	return s, nil
}

// openSealed opens a segment that is full, for reading only.
func (j *Journal) openSealed(n int) (*segment, error) {
	f, err := os.Open(filepath.Join(j.dir, logName(n)))
	if err != nil {
		return nil, err
	}
	o, err := readLogHeader(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	db, err := openDB(filepath.Join(j.dir, dbName(n)), true)
	if err != nil {
		return nil, err
	}
	s := &segment{number: n, chain: o.chain, first: o.first, previous: o.previous, db: db}
	err = s.view(func(tx *bbolt.Tx) error {
		kiosk, in, err := readOrigin(tx)
		if err != nil || kiosk != j.opts.Kiosk || in != o {
			return errors.Join(ErrDamaged, err)
		}
		mark := decodeClean(tx.Bucket(bucketMeta).Get(keySealed))
		if mark == (cleanMark{}) || lastIn(tx, o.before()) != mark.head {
			return fmt.Errorf("%w: it is not sealed", ErrDamaged)
		}
		s.last = mark.head
		return s.nonces.load(tx)
	})
	if err == nil {
		err = s.readTimes()
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// readTimes reads when the segment's first and last records were made.
func (s *segment) readTimes() error {
	return s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		if k, v := c.First(); k != nil {
			r := custody.DecodeRecord(v)
			s.began = r.At()
		}
		if k, v := c.Last(); k != nil {
			r := custody.DecodeRecord(v)
			s.at = r.At()
		}
		return nil
	})
}

// pair opens both files of a segment, mends one from the other, and leaves the segment
// ready: to be written if it is not sealed.
func (j *Journal) pair(n int, last bool, dbPath, logPath string) (*segment, error) {
	f, err := j.openLog(logPath)
	if err != nil {
		return nil, err
	}
	s, err := j.openPair(n, last, dbPath, logPath, &f)
	if s == nil || err != nil {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		return nil, err
	}
	if s.sealed {
		return s, f.Close()
	}
	j.log = startLog(f, s.size)
	return s, nil
}

// openLog opens a log for mending; nil where there is none, or none that says where it
// begins. One with another beginning is put aside.
func (j *Journal) openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	if _, err := readLogHeader(io.NewSectionReader(f, 0, 1<<20)); err != nil {
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("close the log: %w", err)
		}
		return nil, j.putAside(path, err)
	}
	return f, nil
}

// openPair brings a segment's bbolt file and its log together. It makes the log, in *f,
// or bbolt, where one of them is missing.
func (j *Journal) openPair(n int, last bool, dbPath, logPath string, f **os.File) (*segment, error) {
	s, mark, err := j.openRecords(n, dbPath)
	if err != nil {
		return nil, err
	}
	switch {
	case s == nil && *f == nil:
		return nil, nil
	case s == nil:
		if s, err = j.rebuildDB(n, *f); err != nil {
			return nil, err
		}
	case *f == nil:
		if *f, err = createLog(logPath, s.origin()); err != nil {
			return nil, errors.Join(err, s.db.Close())
		}
	}
	s.followed = !last
	if err := j.bringTogether(s, *f, mark); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// openRecords opens a segment's bbolt file to be written; nil where there is none, or one
// that was never finished.
func (j *Journal) openRecords(n int, path string) (s *segment, mark cleanMark, err error) {
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, mark, nil
	} else if err == nil && info.Size() == 0 { // bbolt would take it for a new one
		return nil, mark, j.putAside(path, errors.New("it is empty"))
	}
	db, err := openDB(path, false)
	if errors.Is(err, ErrLocked) {
		return nil, mark, err
	}
	if err != nil {
		return nil, mark, j.putAside(path, err)
	}
	s = &segment{number: n, db: db}
	var kiosk survey.KioskID
	var o origin
	err = s.view(func(tx *bbolt.Tx) (err error) {
		if kiosk, o, err = readOrigin(tx); err != nil || o.first == 0 {
			return err
		}
		s.last = lastIn(tx, o.before())
		return j.readMeta(tx, &mark, s)
	})
	if err == nil && o.first > 0 && kiosk != j.opts.Kiosk {
		err = fmt.Errorf("%w: it was written by %s, this kiosk is %s", ErrDamaged, kiosk, j.opts.Kiosk)
	}
	if err != nil || o.first == 0 {
		if err == nil {
			err = errors.New("it was never finished")
		}
		return nil, mark, errors.Join(db.Close(), j.putAside(path, err))
	}
	s.chain, s.first, s.previous = o.chain, o.first, o.previous
	return s, mark, nil
}

// readMeta reads what else a bbolt file says.
func (j *Journal) readMeta(tx *bbolt.Tx, mark *cleanMark, s *segment) error {
	meta := tx.Bucket(bucketMeta)
	*mark = decodeClean(meta.Get(keyClean))
	s.rebuild = meta.Get(keyRebuild) != nil
	s.sealed = meta.Get(keySealed) != nil
	j.clock.last = decodeContact(meta.Get(keyContact))
	return meta.ForEach(func(k, v []byte) error {
		if chain, ok := bytes.CutPrefix(k, keyReceipt); ok && len(chain) == 16 {
			j.marks.set(survey.Chain(chain), bytes.Clone(v), false)
		}
		return nil
	})
}

// rebuildDB begins a bbolt file for a log that has none.
func (j *Journal) rebuildDB(n int, f *os.File) (*segment, error) {
	o, err := readLogHeader(io.NewSectionReader(f, 0, 1<<20))
	if err != nil {
		return nil, err
	}
	var days *custody.Ledger
	if list := j.segments(); len(list) > 0 && list[len(list)-1].chain == o.chain {
		before := list[len(list)-1]
		err = before.view(func(tx *bbolt.Tx) error {
			days = readDays(tx, before.last.Sequence)
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	s, err := j.makeDB(n, o, days, true)
	if err != nil {
		return nil, err
	}
	s.last, s.rebuild = o.before(), true
	return s, nil
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
