package sim

import (
	"maps"
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
)

// succeed begins a new chain after damage that the two files cannot mend: what is left
// of the old one is set aside, its unbroken run is sent as before, records behind a gap
// go up as salvaged ones, and the first record says what may be lost.
func (p *program) succeed(fs *files) {
	b, w := p.box, p.box.w
	w.count(succession)
	found := fs.found()
	s := custody.Succession{Predecessor: fs.chain, Reserved: b.card.reserved.most(), Reason: "both files are damaged"}
	s.Unbounded = b.card.reserved.lost && w.opts.broken != saysBounded
	run := unbroken(fs, found, &s)
	var islands []custody.Record
	for _, seq := range slices.Sorted(maps.Keys(found)) {
		if seq > s.Last {
			islands = append(islands, found[seq])
		}
		s.Reserved = max(s.Reserved, seq)
	}
	s.Salvaged = uint64(len(islands))
	b.card.losses = append(b.card.losses, s)
	w.tally.declared += int(s.Lost())
	if s.Unbounded {
		w.tally.notKnown++
	}
	w.tally.salvaged += len(islands)
	w.tell("%s begins anew after chain %x: last %d, salvaged %d, reserved %d, unbounded: %v", b.name, fs.chain[:3], s.Last, s.Salvaged, s.Reserved, s.Unbounded)

	b.retire(fs, run)
	next := b.card.begin(w)
	b.card.reserved.reserve(uint64(len(islands)+len(b.card.losses)) + block)
	p.journal = load(w, next, nil)
	// The latest loss first; those before it are said again, because the records that
	// said so may lie in what was lost now.
	for i, s := range slices.Backward(b.card.losses) {
		if i == len(b.card.losses)-1 || w.opts.broken != declaresOnce {
			p.adopt(custody.SuccessionRecord, s.Encode())
		}
	}
	for i := range islands {
		p.adopt(custody.SalvagedRecord, islands[i].Bytes)
	}
	next.restore(w, p.journal.records) // written aside, synced, and put in place by one rename
	next.log.sync()
	next.db.sync()
}

// adopt adds a record of the journal's own to a chain that is being made.
func (p *program) adopt(kind custody.Kind, payload []byte) {
	r := p.next(nil, 0, custody.Record{Kind: kind, Payload: payload})
	p.journal.add(p.box.w, r)
}

// unbroken is the run of the old chain that is still there, from what was pruned on.
func unbroken(fs *files, found map[uint64]custody.Record, s *custody.Succession) (run []custody.Record) {
	at := fs.pruned
	for {
		r, ok := found[at.Sequence+1]
		if !ok || r.Previous != at.Hash {
			break
		}
		run = append(run, r)
		at = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
		s.From = r.Wall
	}
	if len(run) > 0 || !fs.log.gone || !fs.db.gone {
		s.Last, s.LastSum = at.Sequence, at.Hash
	}
	return run
}

// retire puts the old chain's run aside, to be sent and not written to any more.
func (b *box) retire(fs *files, run []custody.Record) {
	if len(run) == 0 {
		b.card.journals = b.card.journals[:len(b.card.journals)-1]
		return
	}
	fs.retired = true
	fs.restore(b.w, run)
	fs.log.sync()
	fs.db.sync()
	if fs.db.gone {
		fs.receipt = kept{}
	}
}

// covers reports whether a succession says that a record of the old chain may be lost.
func covers(s custody.Succession, id survey.RecordID) bool {
	return id.Sequence > s.Last && (id.Sequence <= s.Reserved || s.Unbounded)
}

// declared reports whether a record is inside a loss that the box has declared.
func (w *world) declared(b *box, id survey.RecordID) bool {
	return slices.ContainsFunc(b.card.losses, func(s custody.Succession) bool {
		return s.Predecessor == id.Chain && covers(s, id)
	})
}
