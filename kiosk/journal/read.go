package journal

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"hailong/survey"
	"hailong/survey/custody"
)

// Find implements [kiosk.Journal]. A record whose log is still being synced is not
// found yet: asking Append waits for it.
func (j *Journal) Find(n survey.Nonce) (e survey.Entry, ok bool, err error) {
	if err := j.open(); err != nil {
		return survey.Entry{}, false, err
	}
	head := j.Head().Sequence
	list := j.segments()
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i]
		e, ok, err = j.findIn(s, n, func(seq uint64) bool { return i < len(list)-1 || seq <= head })
		if ok || err != nil {
			break
		}
	}
	return e, ok, j.met(err)
}

// findSealed looks a nonce up in the segments that are full.
func (j *Journal) findSealed(n survey.Nonce) (e survey.Entry, ok bool, err error) {
	list := j.segments()
	for i := len(list) - 2; i >= 0 && !ok && err == nil; i-- {
		e, ok, err = j.findIn(list[i], n, func(uint64) bool { return true })
	}
	return e, ok, err
}

func (j *Journal) findIn(s *segment, n survey.Nonce, durable func(uint64) bool) (e survey.Entry, ok bool, err error) {
	if seq, generations := s.nonces.candidates(n); seq == 0 && generations == nil {
		return survey.Entry{}, false, nil
	}
	err = s.view(func(tx *bbolt.Tx) (err error) {
		seq, err := s.nonces.find(tx, n)
		if err != nil || seq == 0 || !durable(seq) {
			return err
		}
		ok = true
		e, err = entryAt(tx, seq)
		return err
	})
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) { // it was let go meanwhile
		return survey.Entry{}, false, nil
	}
	return e, ok, err
}

// met is err, after the journal was told if it means damage: it then takes no more
// records, and is mended when it is opened anew.
func (j *Journal) met(err error) error {
	if errors.Is(err, ErrDamaged) {
		j.fail(nil, err)
	}
	return err
}

// holder is the segment that holds a record of a chain; nil if none does.
func (j *Journal) holder(chain survey.Chain, seq uint64) *segment {
	list := j.segments()
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i]
		if s.chain == chain && seq >= s.first && (i == len(list)-1 || seq <= s.last.Sequence) {
			return s
		}
	}
	return nil
}

// Get implements [kiosk.Journal].
func (j *Journal) Get(id survey.RecordID) (e survey.Entry, ok bool, err error) {
	if err := j.open(); err != nil {
		return survey.Entry{}, false, err
	}
	s := j.holder(id.Chain, id.Sequence)
	if s == nil {
		return survey.Entry{}, false, nil
	}
	err = s.view(func(tx *bbolt.Tx) error {
		r, err := recordAt(tx, id.Sequence)
		if err != nil || r == nil {
			return err
		}
		if _, ok = r.Issued(); ok { // and not the journal's own
			e, err = entryAt(tx, id.Sequence)
		}
		return err
	})
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		return survey.Entry{}, false, nil
	}
	return e, ok, j.met(err)
}

// Batch signs the durable records from sequence first on as one batch: as many as come
// to at most maxBytes with their comments, at least one, at most maxRecords, with the
// totals of the days that changed after sequence durable. It is nil when first lies after
// the head. Where the centre, having records up to durable, wants one that was let go, the
// error is [ErrDamaged]: opened anew, the journal leaves the chain.
func (j *Journal) Batch(first, durable uint64, maxRecords, maxBytes int, kiosk survey.KioskID, key ed25519.PrivateKey) (*custody.Batch, error) {
	b, err := j.batch(j.chain, j.Head().Sequence, first, j.Totals(durable), maxRecords, maxBytes, kiosk, key)
	if errors.Is(err, errLetGo) {
		err = j.strand(j.chain, durable)
	}
	return b, err
}

// gathering is a batch in the making.
type gathering struct {
	at       custody.Head // the record before the next one
	records  []custody.Record
	comments []custody.Comment
	size     int
	room     int // records
	most     int // bytes
}

func (j *Journal) batch(chain survey.Chain, head, first uint64, totals *custody.Totals, maxRecords, maxBytes int, kiosk survey.KioskID, key ed25519.PrivateKey) (*custody.Batch, error) {
	if err := j.open(); err != nil {
		return nil, err
	}
	if first == 0 || first > head {
		return nil, nil
	}
	s := j.holder(chain, first)
	if s == nil {
		return nil, fmt.Errorf("record %d of chain %s %w", first, chain, errLetGo)
	}
	previous, err := j.hashBefore(s, first)
	if err != nil {
		return nil, j.met(err)
	}
	g := &gathering{at: custody.Head{Sequence: first - 1, Hash: previous}, room: int(min(uint64(maxRecords), head-first+1)), most: maxBytes}
	if err := s.view(g.gather); err != nil {
		return nil, j.met(fmt.Errorf("read the journal: %w", err))
	}
	if len(g.records) == 0 {
		return nil, j.met(fmt.Errorf("%w: record %d is not there", ErrDamaged, first))
	}
	return custody.NewBatch(kiosk, key, previous, g.records, g.comments, totals), nil
}

// gather copies a segment's records, as long as there is room. A batch ends with its
// segment.
func (g *gathering) gather(tx *bbolt.Tx) error {
	texts := tx.Bucket(bucketComments)
	c := tx.Bucket(bucketRecords).Cursor()
	for k, v := c.Seek(sequenceKey(g.at.Sequence + 1)); k != nil && len(g.records) < g.room; k, v = c.Next() {
		r, err := readRow(k, v)
		if err != nil {
			return err
		}
		if r.Sequence != g.at.Sequence+1 || r.Previous != g.at.Hash {
			return fmt.Errorf("%w: %s %d", ErrDamaged, faultRun, g.at.Sequence)
		}
		if !g.add(&r, texts.Get(k)) {
			break
		}
	}
	return nil
}

// add takes a record and its comment's row in, unless they come to too many bytes. The first
// one always has room.
func (g *gathering) add(r *custody.Record, text []byte) bool {
	g.size += len(r.Bytes) + len(text) + 16
	if g.size > g.most && len(g.records) > 0 {
		return false
	}
	g.records = append(g.records, *r)
	g.at = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
	if len(text) > 16 {
		g.comments = append(g.comments, custody.Comment{Sequence: r.Sequence, Salt: [16]byte(text), Text: string(text[16:])})
	}
	return true
}

// hashBefore is the hash of the record before sequence seq, which segment s holds.
func (j *Journal) hashBefore(s *segment, seq uint64) (survey.Hash, error) {
	if seq == s.first {
		return s.previous, nil
	}
	h, err := s.hashAt(seq - 1)
	if err == nil && h.IsZero() {
		err = fmt.Errorf("%w: record %d is not there", ErrDamaged, seq-1)
	}
	return h, err
}

// HashAt is the hash of the record with that sequence; zero if the journal has none.
func (j *Journal) HashAt(seq uint64) (survey.Hash, error) { return j.hashOf(j.chain, seq) }

func (j *Journal) hashOf(chain survey.Chain, seq uint64) (survey.Hash, error) {
	if err := j.open(); err != nil {
		return survey.Hash{}, err
	}
	if chain == j.chain {
		if head := j.Head(); head.Sequence == seq {
			return head.Hash, nil
		}
	}
	s := j.holder(chain, seq)
	if s == nil {
		return j.hashBefore1st(chain, seq), nil
	}
	h, err := s.hashAt(seq)
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		return survey.Hash{}, nil
	}
	return h, j.met(err)
}

// hashBefore1st is the hash of a record that was let go, where a segment that is here
// begins right after it; zero otherwise.
func (j *Journal) hashBefore1st(chain survey.Chain, seq uint64) survey.Hash {
	for _, s := range j.segments() {
		if s.chain == chain && s.first == seq+1 {
			return s.previous
		}
	}
	return survey.Hash{}
}

// TimeAt is when the record with that sequence was made, by its own clock: of a salvaged
// one, when the answer inside it was. Zero if there is none.
func (j *Journal) TimeAt(seq uint64) (time.Time, error) { return j.timeOf(j.chain, seq) }

func (j *Journal) timeOf(chain survey.Chain, seq uint64) (at time.Time, err error) {
	if err := j.open(); err != nil {
		return time.Time{}, err
	}
	s := j.holder(chain, seq)
	if s == nil {
		return time.Time{}, nil
	}
	err = s.view(func(tx *bbolt.Tx) error {
		r, err := recordAt(tx, seq)
		if err != nil || r == nil {
			return err
		}
		if inner, ok := r.Issued(); ok {
			r = &inner
		}
		at = r.At()
		return nil
	})
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		return time.Time{}, nil
	}
	return at, j.met(err)
}

// SetReceipt keeps the centre's word, with its bytes as signed. It reaches the disk
// with the next press, or within seconds; a lost one is asked for again.
func (j *Journal) SetReceipt(signed []byte) { j.marks.set(j.chain, signed, true) }

// Receipt is the centre's last word as it was signed; nil if there is none yet.
func (j *Journal) Receipt() []byte { return j.marks.get(j.chain) }

// open reports ErrClosed after Close. A journal that failed to write still reads.
func (j *Journal) open() error {
	select {
	case <-j.stop:
		return ErrClosed
	default:
		return nil
	}
}
