package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// rescue writes what was found as sealed segments, one for each unbroken row, and says
// which number comes next. What of any chain cannot be sent as it was and stands in no later
// one is returned, too: it goes into the chain that follows.
func (j *Journal) rescue(h *haul, s *custody.Succession) (next int, islands []custody.Record, err error) {
	next = 1
	chains := append(h.before(s.Predecessor), s.Predecessor)
	h.remember(chains) // before the disk may be full
	for i, chain := range chains {
		for _, run := range h.runs(chain) {
			if err := j.writeSealed(next, run, h); err != nil {
				return 0, nil, err
			}
			next++
		}
		var said *custody.Succession
		if later := chains[i+1:]; len(later) > 0 {
			said = h.said(chain, later)
		}
		r, err := j.rowOf(h, chain, said)
		if err != nil {
			return 0, nil, err
		}
		if said == nil {
			r.declare(s)
		} else {
			r.restate(said)
		}
		carried := h.carried(chains[i+1:])
		islands = append(islands, slices.DeleteFunc(r.rest, func(in custody.Record) bool { return carried[innermost(&in)] })...)
	}
	return next, islands, nil
}

// row is what can be sent of a chain as it was.
type row struct {
	end  custody.Head
	made int64            // when its last record was, ms since 1970; 0 = not known
	rest []custody.Record // what else was found, behind it
}

// rowOf finds the row of a chain: from its beginning, or from what was let go and the centre
// has, to its first gap, and no further than was said of it before; nil = nothing was.
func (j *Journal) rowOf(h *haul, chain survey.Chain, said *custody.Succession) (r row, err error) {
	if r.end, err = j.endOfGone(h, chain, said); err != nil {
		return r, err
	}
	for _, run := range h.runs(chain) {
		n := 0
		if run.before() == r.end {
			n = len(run)
		}
		if said != nil {
			n = int(min(uint64(n), said.Last-min(said.Last, r.end.Sequence)))
		}
		if n > 0 {
			r.end, r.made = run[:n].last(), 0
			if run[n-1].Clock == custody.ClockSure {
				r.made = run[n-1].Wall
			}
		}
		for i := range run {
			if run[i].Sequence > r.end.Sequence {
				r.rest = append(r.rest, run[i])
			}
		}
	}
	return r, nil
}

// before is the head of the chain before a row's first record.
func (r chainRun) before() custody.Head {
	return custody.Head{Sequence: r[0].Sequence - 1, Hash: r[0].Previous}
}

// endOfGone is up to where a chain was let go and the centre has it: what follows can be
// sent. Where the centre lacks it, that is nothing: how much the centre has is the centre's
// to say, and may change with the next backup that is brought back.
func (j *Journal) endOfGone(h *haul, chain survey.Chain, said *custody.Succession) (custody.Head, error) {
	wanted, err := j.wants(chain)
	if err != nil || wanted > 0 {
		return custody.Head{}, err
	}
	ends := []custody.Head{}
	if said != nil {
		ends = append(ends, custody.Head{Sequence: said.Last, Hash: said.LastSum}) // all of it
	}
	if o, found := h.origins[chain]; found {
		ends = append(ends, o.before())
	}
	for _, end := range ends {
		if gone, err := j.wasLetGo(chain, end.Sequence+1); err != nil || gone {
			return end, err
		}
	}
	return custody.Head{}, nil
}

// declare says it of the chain that is left now.
func (r *row) declare(s *custody.Succession) {
	s.Last, s.LastSum, s.From = r.end.Sequence, r.end.Hash, r.made
	s.Salvaged = uint64(len(r.rest))
	if n := len(r.rest); n > 0 {
		s.Reserved = max(s.Reserved, r.rest[n-1].Sequence)
	}
	s.Reserved = max(s.Reserved, s.Last)
}

// restate changes what was said of an earlier chain where less of it can be sent now.
func (r *row) restate(s *custody.Succession) {
	lost := uint64(0) // to the row
	for i := range r.rest {
		if r.rest[i].Sequence <= s.Last {
			lost++
		}
	}
	s.Salvaged = lost + max(s.Salvaged, uint64(len(r.rest))-lost)
	if r.end.Sequence < s.Last {
		s.Last, s.LastSum, s.From = r.end.Sequence, r.end.Hash, r.made
	}
}

// said is what was said last of an earlier chain, by the lineage or, where that is lost, by
// the chains that followed: the lineage then says it again.
func (h *haul) said(chain survey.Chain, later []survey.Chain) *custody.Succession {
	for i := range h.lineage {
		if s := &h.lineage[i].Succession; s.Predecessor == chain {
			return s
		}
	}
	d := descent{later[0], custody.Succession{Predecessor: chain}}
	for _, follower := range later {
		for _, s := range h.told(follower) {
			if s.Predecessor == chain {
				d.Succession = s
			}
		}
	}
	at := slices.IndexFunc(h.lineage, func(d descent) bool { return slices.Contains(later, d.Succession.Predecessor) })
	if at < 0 {
		at = len(h.lineage)
	}
	h.lineage = slices.Insert(h.lineage, at, d) // the oldest first
	return &h.lineage[at].Succession
}

// remember sees to it that the lineage speaks of each of these chains but the last.
func (h *haul) remember(chains []survey.Chain) {
	for i, chain := range chains[:len(chains)-1] {
		h.said(chain, chains[i+1:])
	}
}

// told is what a chain's beginning says of those before it, the oldest first.
func (h *haul) told(chain survey.Chain) (list []custody.Succession) {
	for seq := uint64(1); ; seq++ {
		r := h.chains[chain][seq]
		s, err := r.Succession()
		if err != nil {
			break
		}
		list = append(list, s)
	}
	if len(list) > 1 {
		list = append(list[1:], list[0]) // its own predecessor stands first
	}
	return list
}

// carried are the records that chains hold as salvaged ones, by their hash.
func (h *haul) carried(chains []survey.Chain) map[survey.Hash]bool {
	list := map[survey.Hash]bool{}
	for _, chain := range chains {
		for _, r := range h.chains[chain] {
			if r.Kind == custody.SalvagedRecord {
				list[innermost(&r)] = true
			}
		}
	}
	return list
}

// innermost is the hash of the record that r stands for: itself, or what it salvaged.
func innermost(r *custody.Record) survey.Hash {
	if inner, err := r.Salvaged(); err == nil {
		return inner.Hash
	}
	return r.Hash
}

// before are the chains that a chain follows, the oldest first: the one that it names, or
// the lineage, or a later chain, and those that this one follows. Whatever else lies in the
// folder is not this kiosk's.
func (h *haul) before(chain survey.Chain) []survey.Chain {
	var list []survey.Chain
	for {
		before := survey.Chain{}
		for later := range h.chains {
			for told := h.told(later); len(told) > 1; told = told[1:] {
				if told[1].Predecessor == chain {
					before = told[0].Predecessor
				}
			}
		}
		for _, d := range h.lineage {
			if d.Chain == chain {
				before = d.Succession.Predecessor
			}
		}
		if told := h.told(chain); len(told) > 0 {
			before = told[len(told)-1].Predecessor
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
