package journal

import (
	"crypto/rand"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"hailong/kiosk"
	"hailong/survey"
	"hailong/survey/custody"
)

// maxGroup is the most drafts that share one commit.
const maxGroup = 256

// receiptDelay is how long a new receipt may wait for a press to share its commit
// with. Losing one costs nothing: after a restart the kiosk asks for its mark.
const receiptDelay = 2 * time.Second

// write is the writer: the one goroutine that adds records. It takes what is queued,
// commits it at once, and takes what was queued meanwhile.
func (j *Journal) write() {
	defer close(j.done)
	flush := time.NewTicker(j.opts.idle)
	defer flush.Stop()
	for {
		var group []*request
		select {
		case r := <-j.queue:
			group = j.drain(r)
		case <-flush.C:
			if err := j.tend(); err != nil {
				j.fail(nil, err)
				return
			}
			if group = j.clockDue(); len(group) == 0 && !j.marks.waiting() && !j.clock.waiting() {
				continue
			}
		case <-j.failed: // by a reader that met damage
			return
		case <-j.stop:
			if group = j.drain(nil); len(group) == 0 && !j.marks.waiting() {
				return
			}
		}
		err := guarded(func() error { return j.commit(group) })
		if err == nil {
			err = j.rotate()
		}
		if err != nil {
			j.fail(group, err)
			return
		}
	}
}

// clockDue is a request for a record about the clock, if one may give records their day:
// those that were made in the moment of the contact itself, for example.
func (j *Journal) clockDue() []*request {
	if _, known := j.Skew(); !known || len(j.days.Load().Unsure()) == 0 {
		return nil
	}
	return []*request{{answer: make(chan answer, 1)}}
}

// drain collects the drafts that are waiting behind first.
func (j *Journal) drain(first *request) []*request {
	var group []*request
	if first != nil {
		group = append(group, first)
	}
	for len(group) < maxGroup {
		select {
		case r := <-j.queue:
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

// fail ends the journal's life: nobody knows what the failed write left behind, so
// nothing more is written on these descriptors.
func (j *Journal) fail(group []*request, err error) {
	j.failing.Do(func() {
		j.broken = fmt.Errorf("the journal: %w", err)
		// If this cannot be written either, the next start finds the journal not closed.
		_ = writeState(j.dir, failed, true)
		close(j.failed)
	})
	for _, r := range group {
		select {
		case r.answer <- answer{err: fmt.Errorf("%w: %w", kiosk.ErrUnknown, j.broken)}:
		default: // it was answered before
		}
	}
}

// commit makes records of a group, syncs them to the log and to bbolt in parallel, and
// answers the group once both are done.
func (j *Journal) commit(group []*request) error {
	began := time.Now()
	if err := j.reserve(j.Head().Sequence + uint64(len(group))); err != nil {
		return err
	}
	s := j.active()
	tx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	// After a commit it does nothing. After a panic over a damaged page it lets go of the
	// file, which could not be closed otherwise.
	defer func() { _ = guarded(tx.Rollback) }()
	b := newGroup(j, tx)
	sealed, err := b.fill(group)
	if err != nil {
		return err
	}
	if b.wrote {
		if err := j.sync(tx, b); err != nil {
			return err
		}
		s.nonces.committed(b.nonces, sealed)
	}
	if b.added > 0 {
		j.days.Store(b.days)
		j.wall = b.wall
		j.head.Store(&b.head)
		select {
		case j.changed <- struct{}{}:
		default:
		}
		if j.opts.OnCommit != nil {
			j.opts.OnCommit(b.added, time.Since(began))
		}
	}
	for i, r := range group {
		r.answer <- b.answers[i]
	}
	j.countRefused(b.refused)
	return nil
}

// countRefused counts presses that found no room.
func (j *Journal) countRefused(n uint64) {
	if n == 0 {
		return
	}
	j.refused.Add(n)
	if err := j.refusal.set(j.refused.Load()); err != nil {
		j.opts.OnEvent(survey.Words{
			survey.Vietnamese: "không ghi được số lượt bị từ chối: " + err.Error(), survey.English: "the number of refused presses could not be written: " + err.Error(),
		})
	}
}

// Refused is how many presses were refused, ever, because the disk was full.
func (j *Journal) Refused() uint64 { return j.refused.Load() }

// sync writes a group to the log and to bbolt and syncs both: in parallel, but where
// comments go with it, to bbolt first. The log does not hold them, and a record that
// only the log has would stand there as if its comment had been erased.
func (j *Journal) sync(tx *bbolt.Tx, b *group) error {
	if b.commented {
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("bbolt: %w", err)
		}
		if err := <-j.log.append(b.frames); err != nil {
			return fmt.Errorf("log: %w", err)
		}
		return nil
	}
	logged := j.log.append(b.frames)
	errDB := tx.Commit()
	if errLog := <-logged; errLog != nil {
		return fmt.Errorf("log: %w", errLog)
	}
	if errDB != nil {
		return fmt.Errorf("bbolt: %w", errDB)
	}
	return nil
}

// group is one commit in the making.
type group struct {
	rows
	j       *Journal
	s       *segment
	tx      *bbolt.Tx
	nonces  map[survey.Nonce]uint64 // of the records made here
	days    *custody.Ledger
	now     time.Time
	wall    int64
	head    custody.Head
	frames  []byte
	added   int
	refused uint64
	full    bool
	wrote   bool
	answers []answer

	commented bool // a comment goes with one of its records
}

func newGroup(j *Journal, tx *bbolt.Tx) *group {
	return &group{
		rows: rowsOf(tx), j: j, s: j.active(), tx: tx, nonces: map[survey.Nonce]uint64{}, now: j.opts.Now(), wall: j.wall,
		head: j.Head(), days: j.days.Load().Clone(), full: j.full(),
	}
}

// fill makes the records of all requests and writes what else is waiting. It returns the
// generation of nonces that was sealed, if one was.
func (g *group) fill(requests []*request) (*filtered, error) {
	sealed, err := g.s.nonces.seal(g.tx, g.head.Sequence)
	if err != nil {
		return nil, fmt.Errorf("seal a generation of nonces: %w", err)
	}
	before := g.head.Sequence
	for _, r := range requests {
		if r.draft == nil {
			err = g.addClock()
		} else {
			err = g.add(*r.draft, r.payload)
		}
		if err != nil {
			return nil, fmt.Errorf("add a record: %w", err)
		}
	}
	if err := putDays(g.tx, g.days.Changed(before)); err != nil {
		return nil, fmt.Errorf("count the day: %w", err)
	}
	noted, err := g.putNotes()
	g.wrote = g.added > 0 || sealed != nil || noted
	return sealed, err
}

// putNotes writes receipts and the last contact, where they are new.
func (g *group) putNotes() (noted bool, err error) {
	meta := g.tx.Bucket(bucketMeta)
	for chain, signed := range g.j.marks.take() {
		noted = true
		if err := meta.Put(append(keyReceipt[:len(keyReceipt):len(keyReceipt)], chain[:]...), signed); err != nil {
			return noted, fmt.Errorf("store the receipt: %w", err)
		}
	}
	if k := g.j.clock.take(); k != nil {
		noted = true
		if err := meta.Put(keyContact, k); err != nil {
			return noted, fmt.Errorf("store the contact: %w", err)
		}
	}
	return noted, nil
}

// add makes the next record of a draft, unless the journal, or this very group, holds
// its nonce already.
func (g *group) add(d survey.Draft, payload []byte) error {
	if seq := g.nonces[d.Nonce]; seq != 0 {
		return g.again(seq)
	}
	if found, err := g.addAgain(d.Nonce); found || err != nil {
		return err
	}
	if g.full {
		g.refused++
		g.answers = append(g.answers, answer{err: kiosk.ErrFull})
		return nil
	}
	comment, commitment, err := newComment(d.Comment, g.head.Sequence+1)
	if err != nil {
		return err
	}
	r, err := g.put(custody.Record{
		Nonce: d.Nonce, Kind: custody.ResponseRecord, Counter: string(d.Response.Counter), Questionnaire: d.Response.Questionnaire,
		PayloadVersion: custody.PayloadVersionOf(&d.Response), Payload: payload, Comment: commitment,
	}, comment)
	if err != nil {
		return err
	}
	g.nonces[r.Nonce] = r.Sequence
	g.answers = append(g.answers, answer{appended: true, entry: survey.Entry{
		ID: r.ID(), Nonce: d.Nonce, At: r.At(), Response: d.Response, Comment: d.Comment, HadComment: commitment != nil,
	}})
	return nil
}

// addAgain answers with the record of a nonce that one of the segments holds.
func (g *group) addAgain(nonce survey.Nonce) (found bool, err error) {
	seq, err := g.s.nonces.find(g.tx, nonce)
	if err != nil {
		return false, err
	}
	if seq != 0 {
		return true, g.again(seq)
	}
	e, found, err := g.j.findSealed(nonce)
	if found {
		g.answers = append(g.answers, answer{entry: e})
	}
	return found, err
}

func (g *group) again(seq uint64) error {
	e, err := entryAt(g.tx, seq)
	g.answers = append(g.answers, answer{entry: e})
	return err
}

// addClock makes a record about the clock, if it gives any record its day.
func (g *group) addClock() error {
	g.answers = append(g.answers, answer{})
	mono := g.now.Sub(g.j.start).Milliseconds()
	clocks := g.j.clock.statement(g.j.boot, mono, g.days.Unsure())
	if clocks == nil || g.full {
		return nil
	}
	trial := g.days.Clone()
	payload := custody.EncodeClocks(clocks)
	trial.Add(&custody.Record{Kind: custody.ClockRecord, Payload: payload})
	if trial.Issued(custody.UnknownDay) == g.days.Issued(custody.UnknownDay) {
		return nil
	}
	_, err := g.put(custody.Record{Kind: custody.ClockRecord, PayloadVersion: 1, Payload: payload}, nil)
	return err
}

// put gives a record its place in the chain and writes it to bbolt and into the frames
// for the log.
func (g *group) put(r custody.Record, comment []byte) (custody.Record, error) {
	mono := g.now.Sub(g.j.start).Milliseconds()
	r.Version, r.Chain, r.Sequence, r.Previous = custody.RecordVersion, g.j.chain, g.head.Sequence+1, g.head.Hash
	r.Mono, r.Boot = mono, g.j.boot
	r.Wall, r.Clock = g.j.clock.now(g.now.UnixMilli(), mono, g.wall, !g.j.opts.NoHardwareClock)
	r = custody.Seal(r)
	if err := g.rows.put(&r, comment); err != nil {
		return r, err
	}
	g.frames = appendFrame(g.frames, r.Bytes)
	g.head = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
	g.days.Add(&r)
	g.wall = r.Wall
	g.commented = g.commented || comment != nil
	g.added++
	return r, nil
}

// newComment salts a text: the row to store and the commitment for the record.
func newComment(text string, seq uint64) ([]byte, *survey.Hash, error) {
	if text == "" {
		return nil, nil, nil
	}
	c := custody.Comment{Sequence: seq, Text: text}
	if _, err := rand.Read(c.Salt[:]); err != nil {
		return nil, nil, fmt.Errorf("draw a salt: %w", err)
	}
	h := c.Commit()
	return append(c.Salt[:], text...), &h, nil
}
