package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

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
	if err == nil {
		if _, err = readLogHeader(source{f}); err == nil {
			return f, nil
		}
		err = errors.Join(err, f.Close())
	}
	if err = unread(path, err); !errors.Is(err, ErrDamaged) {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	if info, bad := os.Stat(path); bad != nil || info.Size() > int64(logHeader) { // more than a stop while it was made leaves
		j.lose(n)
	}
	return nil, j.putAside(path, err)
}

// loseIfWritten does it where a bbolt file is larger than a new one: what a stop while it
// was made leaves is smaller.
func (j *Journal) loseIfWritten(n int, path string) {
	if info, err := os.Stat(path); err != nil || info.Size() > newDB {
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
		s.mending.anew, s.mending.from = dbName(n), logName(n)
	case *f == nil && s.rebuild:
		return nil, errors.Join(fmt.Errorf("%w: the log is not there, and bbolt was not yet whole again", ErrDamaged), s.db.Close())
	case *f == nil:
		if err := j.makeLog(s, logPath, f); err != nil {
			return nil, errors.Join(err, s.db.Close())
		}
	}
	s.followed = !last
	err = j.bringTogether(s, *f, mark)
	if errors.Is(err, errUnreadLog) {
		err = j.replaceLog(s, logPath, f, err)
	}
	if err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// makeLog makes the log of a segment that has none, with nothing in it yet.
func (j *Journal) makeLog(s *segment, path string, f **os.File) (err error) {
	*f, err = createLog(path, s.origin())
	s.mending.anew, s.mending.from = logName(s.number), dbName(s.number)
	return err
}

// replaceLog puts a log aside that cannot be read to its end, and makes it anew from
// bbolt, which has all that could be read of it.
func (j *Journal) replaceLog(s *segment, path string, f **os.File, why error) error {
	err := (*f).Close()
	*f = nil
	if err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	if err := j.putAside(path, why); err != nil {
		return err
	}
	if err := j.makeLog(s, path, f); err != nil {
		return err
	}
	return j.bringTogether(s, *f, cleanMark{})
}

// openRecords opens a segment's bbolt file to be written; nil where there is none, or one
// that was never finished.
func (j *Journal) openRecords(n int, path string) (s *segment, mark cleanMark, err error) {
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, mark, nil
	} else if err == nil && info.Size() == 0 { // bbolt would take it for a new one
		return nil, mark, j.putAside(path, errors.New(faultEmpty))
	}
	db, err := openDB(path, false)
	if errors.Is(err, ErrLocked) {
		return nil, mark, err
	}
	if hindered(err) {
		return nil, mark, unread(path, err)
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
		if s.last, err = lastIn(tx, o.before()); err != nil {
			return err
		}
		return j.readMeta(tx, &mark, s)
	})
	if err == nil && (mark == (cleanMark{}) || mark.head != s.last) {
		s.behind, err = fellBack(path, db.Info().PageSize)
	}
	if hindered(err) {
		return nil, mark, errors.Join(err, db.Close())
	}
	if err == nil && o.first > 0 && kiosk != j.opts.Kiosk {
		err = fmt.Errorf("%w: it was written by %s, this kiosk is %s", ErrDamaged, kiosk, j.opts.Kiosk)
	}
	if err != nil || o.first == 0 {
		if err == nil {
			err = errors.New(faultUnfinished)
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
	o, err := readLogHeader(io.NewSectionReader(source{f}, 0, 1<<20))
	if err != nil {
		return nil, err
	}
	var days *custody.Ledger
	if list := j.segments(); len(list) > 0 && list[len(list)-1].chain == o.chain {
		days, _, err = daysOf(list)
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
