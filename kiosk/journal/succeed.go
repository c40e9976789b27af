package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// succeed begins a new chain where the old one cannot go on: nobody can say which was
// its last number. All files are moved into a folder of their own; what can be read of
// them is written anew as sealed segments, so that it can still be sent; and the new
// chain's first record says what may be lost. It may be stopped at any moment: the next
// start finds the files, wherever they are, and does it again.
func (j *Journal) succeed(why error) error {
	old := j.opts.Chain
	h, err := j.collect()
	if err != nil {
		return err
	}
	if old.IsZero() {
		old = h.longest()
	}
	if old.IsZero() { // a kiosk that never had a journal, and rubbish in its folder
		if err := j.moveAside(); err != nil {
			return err
		}
		return j.begin(1, newChain())
	}
	s := custody.Succession{Predecessor: old, Reason: why.Error(), To: j.opts.Now().UnixMilli()}
	if err := j.reserved(&s); err != nil {
		return err
	}
	if err := j.moveAside(); err != nil {
		return err
	}
	j.clock.last = h.contact
	for chain, signed := range h.receipts {
		j.marks.set(chain, signed, false)
	}
	earlier := slices.DeleteFunc(h.lineage, func(d descent) bool { return d.Succession.Predecessor == old }) // of a rescue that was stopped
	number, islands, err := j.rescue(h, &s)
	if err != nil {
		return err
	}
	if err := j.begin(number, newChain()); err != nil {
		return err
	}
	if err := j.writeLineage(append(earlier, descent{j.chain, s})); err != nil {
		return err
	}
	if err := j.declare(&s, earlier, islands, h); err != nil {
		return err
	}
	j.opts.OnEvent(survey.Words{
		survey.Vietnamese: fmt.Sprintf("nhật ký %s bị hỏng; đọc lại được đến bản ghi %d và %d bản ghi sau đó; có thể mất nhiều nhất %d; bắt đầu chuỗi mới %s",
			old, s.Last, s.Salvaged, s.Lost(), j.chain),
		survey.English: fmt.Sprintf("journal %s is damaged; it was read up to record %d, and %d records after that; at most %d may be lost; chain %s begins",
			old, s.Last, s.Salvaged, s.Lost(), j.chain),
	})
	return nil
}

func newChain() (chain survey.Chain) {
	_, _ = rand.Read(chain[:]) // never fails: it would end the program
	return chain
}

// longest is the chain of which most was found.
func (h *haul) longest() (chain survey.Chain) {
	most := 0
	for c, records := range h.chains {
		if n := len(records); n > most || n == most && strings.Compare(c.String(), chain.String()) < 0 {
			chain, most = c, n
		}
	}
	return chain
}

// reserved reads up to which number the old chain can have gone.
func (j *Journal) reserved(s *custody.Succession) error {
	c, err := j.openIssued(s.Predecessor)
	if err != nil {
		return err
	}
	s.Reserved = c.value
	return c.f.Close()
}

// moveAside moves every file of the journal into a folder of its own.
func (j *Journal) moveAside() error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return fmt.Errorf("set the damaged journal aside: %w", err)
	}
	to := filepath.Join(j.dir, "damaged-"+j.opts.Now().UTC().Format("20060102T150405.000"))
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("set the damaged journal aside: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() || !strings.Contains(e.Name(), ".db") && !strings.Contains(e.Name(), ".log") {
			continue
		}
		if err := os.Rename(filepath.Join(j.dir, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return fmt.Errorf("set the damaged journal aside: %w", err)
		}
	}
	return errors.Join(syncDir(to), syncDir(j.dir))
}

// rescue writes what was found as sealed segments, one for each unbroken row, and says
// which number comes next. Records of the old chain behind its first gap that the centre
// may not have are returned, too: alone they cannot be sent.
func (j *Journal) rescue(h *haul, s *custody.Succession) (next int, islands []custody.Record, err error) {
	next = 1
	for _, chain := range h.before(s.Predecessor) {
		for _, run := range h.runs(chain) {
			if err := j.writeSealed(next, run, h); err != nil {
				return 0, nil, err
			}
			next++
		}
	}
	at := custody.Head{} // the end of what is there from the chain's kept beginning on
	if o, ok := h.origins[s.Predecessor]; ok {
		if gone, err := j.wasLetGo(s.Predecessor, o.first); err != nil {
			return 0, nil, err
		} else if gone {
			at = o.before()
		}
	}
	for _, run := range h.runs(s.Predecessor) {
		if err := j.writeSealed(next, run, h); err != nil {
			return 0, nil, err
		}
		next++
		s.Reserved = max(s.Reserved, run.last().Sequence)
		if (custody.Head{Sequence: run[0].Sequence - 1, Hash: run[0].Previous}) == at {
			at, s.From = run.last(), run[len(run)-1].Wall
			continue
		}
		islands = append(islands, run...)
	}
	s.Last, s.LastSum = at.Sequence, at.Hash
	s.Salvaged = uint64(len(islands))
	return next, islands, nil
}

// before are the chains that a chain follows, the oldest first: those that it names, or
// the lineage, and those that they name. Whatever else lies in the folder is not this
// kiosk's.
func (h *haul) before(chain survey.Chain) []survey.Chain {
	var list []survey.Chain
	for {
		before := survey.Chain{}
		for _, d := range h.lineage {
			if d.Chain == chain {
				before = d.Succession.Predecessor
			}
		}
		if first, ok := h.chains[chain][1]; ok {
			if s, err := first.Succession(); err == nil {
				before = s.Predecessor
			}
		}
		if before.IsZero() || slices.Contains(list, before) {
			return list
		}
		chain = before
		list = slices.Insert(list, 0, chain)
	}
}

// writeSealed makes a sealed segment of a row of records.
func (j *Journal) writeSealed(number int, run chainRun, h *haul) error {
	o := origin{run[0].Chain, run[0].Sequence, run[0].Previous}
	f, err := createLog(filepath.Join(j.dir, logName(number)), o)
	if err != nil {
		return err
	}
	var frames []byte
	days := &custody.Ledger{}
	for i := range run {
		frames = appendFrame(frames, run[i].Bytes)
		days.Add(&run[i])
	}
	if _, err = f.WriteAt(frames, int64(logHeader)); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write what was salvaged: %w", err)
	}
	s, err := j.makeDB(number, o, nil, false)
	if err != nil {
		return err
	}
	s.last, s.sealed = run.last(), true
	mark := cleanMark{int64(logHeader + len(frames)), s.last}.encode()
	err = s.db.Update(func(tx *bbolt.Tx) error {
		rows := rowsOf(tx)
		for i := range run {
			if err := rows.put(&run[i], h.comment(&run[i])); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		return errors.Join(putDays(tx, days.Changed(0)), meta.Put(keySealed, mark), meta.Put(keyClean, mark))
	})
	if err == nil {
		err = errors.Join(s.view(s.nonces.load), s.readTimes())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write what was salvaged: %w", err), s.db.Close())
	}
	list := append(slices.Clone(j.segments()), s)
	j.list.Store(&list)
	return nil
}

// comment is the comment row that fits a record's commitment; nil if none was found.
func (h *haul) comment(r *custody.Record) []byte {
	if r.Comment == nil {
		return nil
	}
	return h.comments[*r.Comment]
}

// declare writes the first records of a following chain: what it follows, what the
// chains before it followed, and what was found behind gaps.
func (j *Journal) declare(s *custody.Succession, earlier []descent, islands []custody.Record, h *haul) error {
	active := j.active()
	tx, err := active.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin a following chain: %w", err)
	}
	defer func() { _ = guarded(tx.Rollback) }() // after the commit it does nothing
	g := newGroup(j, tx)
	_, err = g.put(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: s.Encode()}, nil)
	for i := 0; err == nil && i < len(earlier); i++ { // the chain that said so first may never have been heard
		_, err = g.put(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: earlier[i].Succession.Encode()}, nil)
	}
	for i := 0; err == nil && i < len(islands); i++ {
		in := &islands[i]
		if in.Kind != custody.ResponseRecord && in.Kind != custody.SalvagedRecord {
			continue
		}
		_, err = g.put(custody.Record{
			Nonce: in.Nonce, Kind: custody.SalvagedRecord, Counter: in.Counter, Questionnaire: in.Questionnaire,
			PayloadVersion: 1, Payload: in.Bytes, Comment: in.Comment,
		}, h.comment(in))
	}
	if err == nil {
		err = putDays(tx, g.days.Changed(0))
	}
	if err != nil {
		return fmt.Errorf("begin a following chain: %w", err)
	}
	g.commented = true // bbolt first: the log must never be the only witness of a half-begun chain
	if err := j.sync(tx, g); err != nil {
		return fmt.Errorf("begin a following chain: %w", err)
	}
	j.head.Store(&g.head)
	j.days.Store(g.days)
	j.wall = g.wall
	return active.view(active.nonces.load)
}
