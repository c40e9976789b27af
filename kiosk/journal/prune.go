package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/disk"
)

// defaultSegment is how long a log grows before its segment is sealed.
const defaultSegment = 32 << 20

// maxSegmentAge is how long a segment is written at most, so that a quiet kiosk's records
// can be let go, too.
const maxSegmentAge = 31 * 24 * time.Hour

// spendable is for how long a ticket that was spent may still be shown: 72 h until it
// expires, and 72 h for a form that was opened with it. Until then a disk that is half full
// is no reason to forget that it was; one on which there is hardly any room left is.
const spendable = 6 * 24 * time.Hour

// pruneEvery is the time between two looks at what can go.
const pruneEvery = time.Minute

// rotate seals the active segment when it is full, and begins the next.
func (j *Journal) rotate() error {
	s := j.active()
	head := j.Head()
	old := head.Sequence >= s.first && j.clock.sureOf(j.start, j.opts.Now()) && j.opts.Now().Sub(s.began) > maxSegmentAge
	if j.log.size < j.opts.Segment && !old || head.Sequence < s.first {
		return nil
	}
	if err := j.log.trim(); err != nil {
		return err
	}
	s.last, s.size, s.at = head, j.log.size, time.UnixMilli(j.wall)
	if err := s.seal(); err != nil {
		return err
	}
	if err := j.prepareGone(); err != nil {
		return err
	}
	next, f, err := j.beginSegment(s.number+1, origin{j.chain, head.Sequence + 1, head.Hash})
	if err != nil {
		return err
	}
	full := j.log
	j.log = startLog(f, int64(logHeader))
	if err := errors.Join(full.close(), s.follow()); err != nil {
		return errors.Join(fmt.Errorf("leave a full segment: %w", err), next.db.Close())
	}
	list := append(slices.Clone(j.segments()), next)
	j.list.Store(&list)
	return nil
}

// beginSegment makes the two files of a new segment: the log first, because bbolt can be
// made from it.
func (j *Journal) beginSegment(number int, o origin) (*segment, *os.File, error) {
	f, err := createLog(filepath.Join(j.dir, logName(number)), o)
	if err != nil {
		return nil, nil, err
	}
	s, err := j.makeDB(number, o, j.days.Load(), false)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return s, f, nil
}

// makeDB makes a segment's bbolt file, with the running totals and the centre's words
// taken over. It is made and synced whole here, before any press, because its first
// moments are its weakest.
func (j *Journal) makeDB(number int, o origin, days *custody.Ledger, rebuild bool) (*segment, error) {
	db, err := openDB(filepath.Join(j.dir, dbName(number)), false)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := makeSegment(tx, j.opts.Kiosk, o); err != nil {
			return err
		}
		meta := tx.Bucket(bucketMeta)
		if rebuild {
			if err := meta.Put(keyRebuild, []byte{1}); err != nil {
				return err
			}
		}
		for chain, signed := range j.marks.all() {
			if err := meta.Put(append(slices.Clone(keyReceipt), chain[:]...), signed); err != nil {
				return err
			}
		}
		if last := j.clock.kept(); last != (contact{}) {
			if err := meta.Put(keyContact, last.encode()); err != nil {
				return err
			}
		}
		if days == nil {
			return nil
		}
		return carryDays(tx, days.Changed(0))
	})
	if err == nil {
		err = disk.SyncFolder(j.dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin segment %d: %w", number, err), db.Close())
	}
	s := &segment{number: number, chain: o.chain, first: o.first, previous: o.previous, db: db, began: j.opts.Now()}
	s.nonces.recent = map[survey.Nonce]uint64{}
	s.nonces.sealed = o.first - 1
	return s, nil
}

// Backed tells the journal how far the centre's last verified backup goes. Only what it
// covers may be let go, and only if its hash is the journal's own. A centre that was
// restored from an older backup says less than before, and less holds from then on.
func (j *Journal) Backed(chain survey.Chain, head custody.Head) error {
	have, err := j.hashOf(chain, head.Sequence)
	switch {
	case err != nil:
		return err
	case have.IsZero(): // let go before, or never there
		head = custody.Head{}
	case have != head.Hash:
		j.marks.setBacked(chain, custody.Head{})
		return fmt.Errorf("the centre's backup holds another record %d of chain %s: nothing is let go", head.Sequence, chain)
	}
	j.marks.setBacked(chain, head)
	return nil
}

// tend is what the writer does while nobody waits.
func (j *Journal) tend() error {
	if err := j.reserveAhead(); err != nil {
		return err
	}
	// The receipt that lets records go must be on disk before they are gone: in a dispute the
	// kiosk sends again from the mark that it kept.
	if now := j.opts.Now(); now.Sub(j.pruned) >= pruneEvery && !j.marks.waiting() {
		j.pruned = now
		return j.prune()
	}
	return nil
}

// prune lets segments go. A full disk is where that is needed most, and no reason to end the
// journal: the ballast gives the room that a note takes, or it is tried again later.
func (j *Journal) prune() error {
	err := j.letGo()
	if noRoom(err) {
		_ = os.Remove(filepath.Join(j.dir, ballastFile))
		err = j.letGo()
	}
	if noRoom(err) {
		return nil
	}
	if err == nil {
		j.holdBallast()
	}
	return err
}

// letGo lets the oldest segments of each chain go, as long as a verified backup holds all
// of each, and they are old enough or the disk needs the room.
func (j *Journal) letGo() error {
	for {
		i := j.oldest()
		if i < 0 {
			return nil
		}
		list := j.segments()
		s := list[i]
		if err := j.noteGone(s); err != nil {
			return err
		}
		rest := slices.Delete(slices.Clone(list), i, i+1)
		j.list.Store(&rest)
		if err := j.remove(s); err != nil {
			return fmt.Errorf("let segment %d go: %w", s.number, err)
		}
	}
}

// oldest is the place of a segment that may go; -1 if there is none. A chain that no backup
// ever holds does not keep those after it.
func (j *Journal) oldest() int {
	space := j.opts.Space(j.dir)
	half, scarce := space.Total > 0 && space.halfFull(), space.Total > 0 && space.Free < j.opts.Spare
	sure, now := j.clock.sureOf(j.start, j.opts.Now()), j.opts.Now()
	stays := map[survey.Chain]bool{}
	list := j.segments()
	for i, s := range list[:len(list)-1] {
		age := time.Duration(0)
		if sure {
			age = now.Sub(s.at)
		}
		old := sure && age >= j.opts.Keep || half && age >= spendable
		if !stays[s.chain] && (old || scarce) && j.isBacked(s) {
			return i
		}
		stays[s.chain] = true
	}
	return -1
}

// isBacked reports whether a verified backup holds all of a segment. What was salvaged
// from behind a gap of an earlier chain is in the chain that follows, at its beginning.
func (j *Journal) isBacked(s *segment) bool {
	if j.marks.backedUp(s.chain).Sequence >= s.last.Sequence {
		return true
	}
	return s.chain != j.chain && s.first > j.pastHead(s.chain).Sequence && j.declarationBacked()
}

// declarationBacked reports whether a verified backup holds the beginning of the chain that
// is written, which tells of earlier ones.
func (j *Journal) declarationBacked() bool {
	backed := j.marks.backedUp(j.chain).Sequence
	if backed == 0 || backed == j.Head().Sequence {
		return backed > 0
	}
	s := j.holder(j.chain, backed+1)
	if s == nil {
		return false
	}
	r, err := s.record(backed + 1)
	return err == nil && r.Kind != custody.SuccessionRecord && r.Kind != custody.SalvagedRecord
}

// noteGone notes up to where a chain's records were let go: otherwise they would count as
// lost.
func (j *Journal) noteGone(s *segment) error {
	c, err := j.openGone(s.chain)
	if err != nil {
		return err
	}
	if err := errors.Join(c.set(s.last.Sequence), c.f.Close()); err != nil {
		return fmt.Errorf("note that segment %d is let go: %w", s.number, err)
	}
	return nil
}

// prepareGone makes the file for that, so that on a full disk it is there: it is written in
// place.
func (j *Journal) prepareGone() error {
	c, err := j.openGone(j.chain)
	if err != nil {
		return err
	}
	return c.f.Close()
}

func (j *Journal) gonePath(chain survey.Chain) string {
	return filepath.Join(j.dir, goneFile+"-"+chain.String()[:8])
}

func (j *Journal) openGone(chain survey.Chain) (*counter, error) {
	return openCounter(j.gonePath(chain))
}

// wasLetGo reports whether all records of a chain before a sequence were let go.
func (j *Journal) wasLetGo(chain survey.Chain, first uint64) (bool, error) {
	c, err := j.openGone(chain)
	if err != nil {
		return false, err
	}
	return c.value >= first-1, c.f.Close()
}

// remove deletes a segment's files. The log goes last: while it is there, bbolt can be
// made again.
func (j *Journal) remove(s *segment) error {
	if err := s.db.Close(); err != nil {
		return err
	}
	for _, name := range []string{dbName(s.number), logName(s.number)} {
		if err := os.Remove(filepath.Join(j.dir, name)); err != nil {
			return err
		}
	}
	return disk.SyncFolder(j.dir)
}
