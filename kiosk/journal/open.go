package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// openSegments opens what the folder holds. How the last life ended says how closely it
// is looked at first.
func (j *Journal) openSegments() error {
	foreign, err := j.sendAway()
	if err != nil {
		return err
	}
	numbers, err := numbersIn(j.dir)
	if err != nil {
		return err
	}
	if err = j.openAll(numbers); err == nil {
		j.tellMended()
	}
	if foreign != nil && errors.Is(err, ErrDamaged) {
		return fmt.Errorf("%w; %w", foreign, err)
	}
	return err
}

// openAll opens the segments with these numbers, and makes the last one ready.
func (j *Journal) openAll(numbers []int) error {
	if err := j.rescueEnded(); err != nil {
		return err
	}
	if len(numbers) == 0 && len(j.lost) > 0 {
		return fmt.Errorf("%w: both of its files are put aside", ErrDamaged)
	}
	if len(numbers) == 0 {
		return j.first()
	}
	end, err := j.lastBegun(numbers)
	if err != nil {
		return err
	}
	for i, n := range numbers {
		last := i >= end
		s, err := j.openSegment(n, last, j.was == trying || j.was == failed || last && j.was == opening)
		if err != nil {
			return fmt.Errorf("segment %d: %w", n, err)
		}
		if s == nil {
			j.tellEmpty(n)
			continue // a stop while it was made: the one before goes on
		}
		j.adopt(s)
		if i > end {
			return fmt.Errorf("segment %d: what could not be read a moment ago can be read now; start again", n)
		}
	}
	if err := j.followAll(); err != nil {
		return err
	}
	return j.settle()
}

// lastBegun is the place of the last segment that says where it begins. One that does not
// vouches for nothing: neither for the end of the one before, nor that there is one.
func (j *Journal) lastBegun(numbers []int) (int, error) {
	for i, n := range slices.Backward(numbers) {
		path := filepath.Join(j.dir, logName(n))
		_, err := logOrigin(path)
		if hindered(err) {
			return 0, fmt.Errorf("segment %d: %w", n, unread(path, err))
		}
		if err == nil || !j.whose(filepath.Join(j.dir, dbName(n))).chain.IsZero() {
			return i, nil
		}
	}
	return 0, nil
}

// followAll notes it in each segment that another one follows where it is not noted: the
// power went before it was, or bbolt was made anew from the log. On a full disk it waits for
// the next start.
func (j *Journal) followAll() error {
	list := j.segments()
	for _, s := range list[:max(0, len(list)-1)] {
		if s.ready {
			continue
		}
		if err := s.follow(); err != nil && !noRoom(err) {
			return err
		}
	}
	return nil
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

// unbroken checks that the segments of the chain that is written follow each other, that the
// centre can go on with them, and that what was said of earlier chains is still so. One of
// those may have gaps.
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
	if err := j.pastThere(); err != nil {
		return err
	}
	return j.left()
}

// settle makes the last segment the one that is written, or the one after it if it is sealed.
func (j *Journal) settle() error {
	if len(j.segments()) == 0 {
		return j.first()
	}
	s := j.active()
	if j.log == nil && s.ready {
		return fmt.Errorf("%w: the segment after %d is not there", ErrDamaged, s.number)
	}
	j.chain = s.chain
	head := s.last
	j.head.Store(&head)
	if err := j.notOlder(); err != nil {
		return err
	}
	if err := j.unbroken(); err != nil {
		return err
	}
	if want := j.opts.Chain; !want.IsZero() && want != j.chain && !j.descends(want) {
		return fmt.Errorf("%w: it is chain %s, this kiosk's is %s", ErrDamaged, j.chain, want)
	}
	if err := j.loadDays(); err != nil {
		return err
	}
	if holder := j.holder(j.chain, head.Sequence); holder != nil {
		r, err := holder.record(head.Sequence)
		if err != nil {
			return err
		}
		j.wall = r.Wall
	}
	if j.log == nil { // a stop before the next one was made
		return j.goOn(s)
	}
	return nil
}

// descends reports whether the chain that is written follows another one, by what the chains
// that are here and the lineage say: the identity may not have been told yet, or be an older
// copy.
func (j *Journal) descends(from survey.Chain) bool {
	h, _ := j.memory() // a lineage that cannot be read says nothing
	return slices.Contains(h.before(j.chain), from)
}

// goOn begins the segment after a sealed one.
func (j *Journal) goOn(before *segment) error {
	head := j.Head()
	s, f, err := j.beginSegment(before.number+1, origin{j.chain, head.Sequence + 1, head.Hash})
	if err != nil {
		return err
	}
	if err := before.follow(); err != nil {
		return errors.Join(err, s.db.Close(), f.Close())
	}
	j.log = startLog(f, int64(logHeader))
	j.adopt(s)
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
	// A card may go bad while the box is off, too, so a child looks at each file after a clean
	// stop as well (0.2 s for a full one). To write one bbolt reads all its inner pages, in a
	// goroutine of its own, and what it meets there ends the program; and one bit there can
	// send whoever reads it around for ever.
	if suspect || j.opts.Child != nil {
		if err := j.lookAt(n, dbPath); err != nil {
			return nil, err
		}
	}
	if !last && !suspect {
		s, err := j.openSealed(n)
		if err == nil && s.ready {
			return s, nil
		}
		if err == nil { // to be opened for the note of followAll
			if err := s.db.Close(); err != nil {
				return nil, err
			}
		}
		if j.opts.Child == nil { // before it is opened to be written
			if err := j.lookAt(n, dbPath); err != nil {
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

// lookAt has a child look at a segment's bbolt file, and puts one aside that is damaged.
func (j *Journal) lookAt(n int, path string) error {
	err := j.check(path)
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	j.loseIfWritten(n, path)
	return j.putAside(path, err)
}

// logOrigin is where a log says that it begins.
func logOrigin(path string) (origin, error) {
	f, err := os.Open(path)
	if err != nil {
		return origin{}, err
	}
	o, err := readLogHeader(source{f})
	return o, errors.Join(err, f.Close())
}

// openSealed opens a segment that is full, for reading only.
func (j *Journal) openSealed(n int) (*segment, error) {
	o, err := logOrigin(filepath.Join(j.dir, logName(n)))
	if err != nil {
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
		if s.last, err = lastIn(tx, o.before()); err != nil {
			return err
		}
		if mark == (cleanMark{}) || s.last != mark.head {
			return fmt.Errorf("%w: it is not sealed", ErrDamaged)
		}
		s.ready = tx.Bucket(bucketMeta).Get(keyFollowed) != nil
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
