package journal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

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
		if before == nil && s.first > 1 {
			if gone, err := j.wasLetGo(s.chain, s.first); err != nil {
				return err
			} else if !gone {
				return fmt.Errorf("%w: what was before segment %d is not there, and was not let go", ErrDamaged, s.number)
			}
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
		if s.ready {
			return fmt.Errorf("%w: the segment after %d is not there", ErrDamaged, s.number)
		}
		return j.goOn(s)
	}
	j.chain = s.chain
	head := s.last
	j.head.Store(&head)
	if err := j.unbroken(); err != nil {
		return err
	}
	if want := j.opts.Chain; !want.IsZero() && want != j.chain && !j.descends(want) {
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

// descends reports whether the chain that is written says that it follows another one,
// which the identity may not have been told yet.
func (j *Journal) descends(from survey.Chain) bool {
	holder := j.holder(j.chain, 1)
	if holder == nil {
		return false
	}
	r, err := holder.record(1)
	if err != nil {
		return false
	}
	s, err := r.Succession()
	if err != nil {
		return false
	}
	lineage, _ := j.readLineage() // what cannot be read says nothing
	for chain, left := s.Predecessor, len(lineage)+1; left > 0; left-- {
		if chain == from {
			return true
		}
		for _, d := range lineage {
			if d.Chain == chain {
				chain = d.Succession.Predecessor
				break
			}
		}
	}
	return false
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
	if err := before.follow(); err != nil {
		return errors.Join(err, s.db.Close(), f.Close())
	}
	j.wall = before.at.UnixMilli()
	j.log = startLog(f, int64(logHeader))
	list := append(j.segments(), s)
	j.list.Store(&list)
	return nil
}

// follow notes in a sealed segment that the next one is ready: from here on a next one
// that is not there was lost.
func (s *segment) follow() error {
	if err := s.writable(); err != nil {
		return err
	}
	err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFollowed, []byte{1}) })
	if err != nil {
		return fmt.Errorf("note what follows segment %d: %w", s.number, err)
	}
	s.ready = true
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
			j.loseIfWritten(n, dbPath)
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
		s.last, s.ready = mark.head, tx.Bucket(bucketMeta).Get(keyFollowed) != nil
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
	f, err := j.openLog(n, logPath)
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
func (j *Journal) openLog(n int, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	_, headless := readLogHeader(io.NewSectionReader(f, 0, 1<<20))
	if headless == nil {
		return f, nil
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("close the log: %w", err)
	}
	if info.Size() > int64(logHeader) { // more than a stop while it was made leaves
		j.lose(n)
	}
	return nil, j.putAside(path, headless)
}

// loseIfWritten does it where a bbolt file is larger than a new one: what a stop while it
// was made leaves is smaller.
func (j *Journal) loseIfWritten(n int, path string) {
	if info, err := os.Stat(path); err == nil && info.Size() > newDB {
		j.lose(n)
	}
}

// newDB is the size of a bbolt file with nothing in it: four pages.
const newDB = 4 * 4096

// lose remembers that a file of a segment held something and cannot be used.
func (j *Journal) lose(n int) {
	if j.lost == nil {
		j.lost = map[int]bool{}
	}
	j.lost[n] = true
}

// openPair brings a segment's bbolt file and its log together. It makes the log, in *f,
// or bbolt, where one of them is missing.
func (j *Journal) openPair(n int, last bool, dbPath, logPath string, f **os.File) (*segment, error) {
	s, mark, err := j.openRecords(n, dbPath)
	if err != nil {
		return nil, err
	}
	switch {
	case s == nil && *f == nil && j.lost[n]:
		return nil, fmt.Errorf("%w: both of its files are put aside", ErrDamaged)
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
		j.loseIfWritten(n, path)
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
		} else {
			j.lose(n)
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
	s.ready = meta.Get(keyFollowed) != nil
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
