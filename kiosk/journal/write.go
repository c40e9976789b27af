package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
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
	flush := time.NewTicker(receiptDelay)
	defer flush.Stop()
	stored := j.receipt.Load()
	for {
		var group []*request
		select {
		case r := <-j.queue:
			group = j.drain(r)
		case <-flush.C:
			if j.receipt.Load() == stored {
				continue
			}
		case <-j.stop:
			if group = j.drain(nil); len(group) == 0 {
				return
			}
		}
		receipt := j.receipt.Load()
		changed := receipt
		if receipt == stored {
			changed = nil // a commit writes as few pages as it can
		}
		if err := j.commit(group, changed); err != nil {
			j.fail(group, err)
			return
		}
		stored = receipt
	}
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
	j.broken = fmt.Errorf("write the journal: %w", err)
	close(j.failed)
	for _, r := range group {
		r.answer <- answer{err: fmt.Errorf("%w: %w", kiosk.ErrUnknown, j.broken)}
	}
}

// commit makes records of a group, syncs them to the log and to bbolt in parallel, and
// answers the group once both are done. receipt is nil unless it is new.
func (j *Journal) commit(group []*request, receipt *keptReceipt) error {
	began := time.Now()
	tx, err := j.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	b := newGroup(j, tx)
	sealed, err := j.nonces.seal(tx, j.Head().Sequence)
	if err != nil {
		return fmt.Errorf("seal a generation of nonces: %w", errors.Join(err, tx.Rollback()))
	}
	for _, r := range group {
		if err := b.add(r.draft, r.payload); err != nil {
			return fmt.Errorf("add a record: %w", errors.Join(err, tx.Rollback()))
		}
	}
	if receipt != nil {
		if err := tx.Bucket(bucketMeta).Put(keyReceipt, receipt.bytes); err != nil {
			return fmt.Errorf("store the receipt: %w", errors.Join(err, tx.Rollback()))
		}
	}
	if err := j.sync(tx, b); err != nil {
		return err
	}
	j.nonces.committed(b.nonces, sealed)
	if b.added > 0 {
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
	return nil
}

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
	tx      *bbolt.Tx
	nonces  map[survey.Nonce]uint64 // of the records made here
	now     time.Time
	head    custody.Head
	frames  []byte
	added   int
	answers []answer

	commented bool // a comment goes with one of its records
}

func newGroup(j *Journal, tx *bbolt.Tx) *group {
	return &group{rows: rowsOf(tx), j: j, tx: tx, nonces: map[survey.Nonce]uint64{}, now: j.opts.Now(), head: j.Head()}
}

// add makes the next record of a draft, unless the journal, or this very group, holds
// its nonce already.
func (g *group) add(d survey.Draft, payload []byte) error {
	seq := g.nonces[d.Nonce]
	if seq == 0 {
		seq = g.j.nonces.find(g.tx, d.Nonce)
	}
	if seq != 0 {
		e, err := entryOf(g.records.Get(sequenceKey(seq)), g.texts.Get(sequenceKey(seq)))
		if err != nil {
			return err
		}
		g.answers = append(g.answers, answer{entry: e})
		return nil
	}
	comment, commitment, err := newComment(d.Comment, g.head.Sequence+1)
	if err != nil {
		return err
	}
	r := custody.Seal(custody.Record{
		Version: custody.RecordVersion, Chain: g.j.chain, Sequence: g.head.Sequence + 1, Previous: g.head.Hash,
		Nonce: d.Nonce, Kind: custody.ResponseRecord, Counter: string(d.Response.Counter),
		Wall: g.now.UnixMilli(), Mono: g.now.Sub(g.j.start).Milliseconds(), Boot: g.j.boot,
		Questionnaire: d.Response.Questionnaire, PayloadVersion: custody.PayloadVersion,
		Payload: payload, Comment: commitment,
	})
	if err := g.put(&r, comment); err != nil {
		return err
	}
	g.frames = appendFrame(g.frames, r.Bytes)
	g.head = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
	g.nonces[r.Nonce] = r.Sequence
	g.commented = g.commented || comment != nil
	g.added++
	g.answers = append(g.answers, answer{appended: true, entry: survey.Entry{
		ID: r.ID(), Nonce: d.Nonce, At: r.At(), Response: d.Response, Comment: d.Comment, HadComment: commitment != nil,
	}})
	return nil
}

// rows are the buckets that one transaction writes records into.
type rows struct{ records, texts *bbolt.Bucket }

func rowsOf(tx *bbolt.Tx) rows {
	r := rows{tx.Bucket(bucketRecords), tx.Bucket(bucketComments)}
	r.records.FillPercent = 1 // sequences only ever grow
	return r
}

// put stores a record's row and its comment's.
func (g rows) put(r *custody.Record, comment []byte) error {
	key := sequenceKey(r.Sequence)
	if err := g.records.Put(key, r.Bytes); err != nil {
		return err
	}
	if comment == nil {
		return nil
	}
	return g.texts.Put(key, comment)
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

// entryOf reads a stored record with its comment row. The bytes may be bbolt's own.
func entryOf(record, comment []byte) (survey.Entry, error) {
	r := custody.DecodeRecord(append([]byte(nil), record...))
	e, err := r.Entry()
	if err != nil {
		return survey.Entry{}, fmt.Errorf("record of the journal: %w", err)
	}
	if len(comment) > 16 {
		e.Comment = string(comment[16:])
	}
	return e, nil
}

func sequenceOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) }
