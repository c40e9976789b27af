package sim

import (
	"bytes"
	"hailong/survey/custody"
	"hailong/sync/uplink"
)

// block is how many numbers are reserved at a time, group the most presses at once.
const (
	block = 16
	group = 4
)

// next seals the record that follows the journal and those written with it.
func (p *program) next(with []custody.Record, i int, r custody.Record) custody.Record {
	head := p.journal.head()
	if i > 0 {
		head = custody.Head{Sequence: with[i-1].Sequence, Hash: with[i-1].Hash}
	}
	c := &p.box.clock
	r.Version, r.Chain, r.Sequence, r.Previous = custody.RecordVersion, p.journal.files.chain, head.Sequence+1, head.Hash
	r.Counter, r.Boot, r.Mono = p.box.name, c.id, c.mono(p.box.w.now)
	r.Wall, r.Clock = c.wall(p.box.w.now)
	return custody.Seal(r)
}

// write keeps records: in both files, both synced; only then thanks are said. It may
// end with the program, and then nobody knows.
func (p *program) write(records []custody.Record, thanks func()) (done bool) {
	w, fs := p.box.w, p.journal.files
	last := records[len(records)-1].Sequence
	if last > p.box.card.reserved.last {
		if w.opts.broken != reservesNothing {
			p.box.card.reserved.reserve(last + block)
		}
		if p.crashes(crashReserving, 15) {
			return false
		}
	}
	if w.opts.broken == thanksBeforeSync {
		thanks()
	}
	first, second := &fs.log, &fs.db
	if w.chance(50) {
		first, second = second, first
	}
	for _, step := range []func(){
		func() { first.write(records) }, func() { second.write(records) }, first.sync, second.sync,
	} {
		step()
		if p.crashes(crashWriting, 4) || p.syncFails() {
			return false
		}
	}
	for _, r := range records {
		p.journal.add(w, r)
	}
	p.learn(records)
	if w.opts.broken != thanksBeforeSync {
		thanks()
	}
	l := p.links[len(p.links)-1]
	w.after(0, func() { l.step(uplink.Event{Kind: uplink.Appended, Head: p.journal.head().Sequence}) })
	return !p.crashes(crashThanked, 4)
}

// crashes ends the program here, perhaps.
func (p *program) crashes(where fault, percent int) bool {
	w := p.box.w
	if !w.hits(where, percent) {
		return false
	}
	p.box.down(w.chance(50))
	return true
}

// syncFails is an error of the disk: it is not known what was written, the kernel may
// have dropped it, and the program ends to look at what is there.
func (p *program) syncFails() bool {
	w := p.box.w
	if !w.hits(syncError, 1) {
		return false
	}
	fs := p.journal.files
	if w.chance(50) {
		fs.log.cut(w)
	} else {
		fs.db.cutWhole(w)
	}
	p.box.down(false)
	return true
}

// down stops the box and has it started again. What it finds then may be damaged.
func (b *box) down(power bool) {
	b.stop(power)
	if fs := b.card.journals[len(b.card.journals)-1]; !b.w.cloned[fs.chain] {
		b.damage(fs)
	}
	after := b.w.below(second)
	switch b.w.rnd.IntN(5) {
	case 0, 1:
		after = b.w.below(20 * second)
	case 2:
		after = b.w.below(30 * minute)
	}
	b.again(after)
}

// damage is what a bad card does to a journal while nobody looks.
func (b *box) damage(fs *files) {
	w := b.w
	if w.hits(damagedDatabase, 15) {
		fs.db.gone = true
	}
	if w.hits(wornDatabase, 15) {
		fs.db.wear()
	}
	if w.hits(damagedReservation, 15) {
		b.card.reserved.damage(w)
	}
	if w.hits(damagedLog, 20) {
		fs.log.flip(w)
	}
	if w.hits(lostLog, 15) {
		fs.log = file{gone: true}
	}
	if w.hits(damagedBoth, 12) {
		fs.db.gone = true
		for range 1 + w.rnd.IntN(3) {
			fs.log.flip(w)
		}
		for i := range fs.db.frames { // some leaves of the database can still be read
			fs.db.frames[i].bad = w.chance(70)
		}
	}
	if w.hits(lostBoth, 8) {
		fs.log, fs.db, fs.receipt = file{gone: true}, file{gone: true}, kept{}
	}
}

// segment is how many records are forgotten at a time, and young those that are kept
// in any case (90 days in service).
const (
	segment = 6
	young   = 20 * minute
)

// prune forgets what a verified backup holds, by whole segments; nothing while
// somebody should look at this kiosk.
func (p *program) prune() {
	w, b := p.box.w, p.box
	l := p.links[len(p.links)-1]
	mark := custody.Head{Sequence: l.kept.Backup, Hash: l.kept.BackupSum}
	if w.opts.broken == prunesDurable {
		mark = l.kept.Head()
	}
	if b.alarms[uplink.Forked]+b.alarms[uplink.Ahead]+b.alarms[uplink.Receded] > 0 {
		return
	}
	if mark.Sequence > p.journal.head().Sequence || p.journal.hashAt(mark.Sequence) != mark.Hash {
		return
	}
	fs := p.journal.files
	if !bytes.Equal(fs.receipt.seen, fs.receipt.synced) {
		return // the receipt goes to disk first
	}
	for len(p.journal.records) >= segment && p.journal.records[segment-1].Sequence <= mark.Sequence {
		sealed := p.journal.records[:segment]
		if last := &sealed[segment-1]; last.Clock != custody.ClockSure || w.now-last.Wall < young {
			return
		}
		for i := range sealed {
			fs.before.Add(&sealed[i])
		}
		fs.pruned = custody.Head{Sequence: sealed[segment-1].Sequence, Hash: sealed[segment-1].Hash}
		p.journal.records = p.journal.records[segment:]
		fs.restore(w, p.journal.records)
		w.tally.pruned += segment
		w.tell("%s forgets up to %d", b.name, fs.pruned.Sequence)
	}
}
