package sim

import (
	"bytes"
	"slices"

	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// file is one of a journal's two files: what programs see, and how much of it a power
// cut leaves.
type file struct {
	frames []frame
	synced int  // so many frames survive
	gone   bool // it is missing, empty, or not a file of its kind any more
	// Of a database: how many frames stood before its last transaction, and whether one of
	// the two pages that begin it cannot be read. It may then be one transaction back.
	before int
	worn   bool
}

// frame is one record in a file. A bad one fails its checksum.
type frame struct {
	bytes []byte
	bad   bool
}

func (f *file) write(records []custody.Record) {
	f.before = len(f.frames)
	for i := range records {
		f.frames = append(f.frames, frame{bytes: records[i].Bytes})
	}
}

func (f *file) sync() { f.synced = len(f.frames) }

func (f *file) clone() file {
	c := *f
	c.frames = slices.Clone(f.frames)
	return c
}

// cut is a power cut to the log: what was not synced is there, or lost, or torn, or
// there behind a hole.
func (f *file) cut(w *world) {
	unsynced := f.frames[f.synced:]
	f.frames = slices.Clone(f.frames[:f.synced])
	switch keep := w.rnd.IntN(len(unsynced) + 1); w.rnd.IntN(3) {
	case 0: // a piece from the front
		f.frames = append(f.frames, unsynced[:keep]...)
	case 1: // and a torn one behind it
		f.frames = append(f.frames, unsynced[:keep]...)
		if keep < len(unsynced) {
			f.frames = append(f.frames, frame{bad: true})
		}
	case 2: // blocks reached the disk in any order
		for _, u := range unsynced {
			if w.chance(50) {
				u = frame{bad: true}
			}
			f.frames = append(f.frames, u)
		}
	}
	f.sync()
}

// cutWhole is a power cut to the database: a transaction is there or not.
func (f *file) cutWhole(w *world) {
	if w.chance(50) {
		f.frames = slices.Clone(f.frames[:f.synced])
		f.before = min(f.before, f.synced)
	}
	f.sync()
}

// wear damages the page that began the database last: what it reads now is as it was
// before its last transaction, and looks whole.
func (f *file) wear() {
	f.frames = slices.Clone(f.frames[:f.before])
	f.worn = true
	f.sync()
}

// flip damages a frame that was good.
func (f *file) flip(w *world) {
	if len(f.frames) > 0 {
		f.frames[w.rnd.IntN(len(f.frames))] = frame{bad: true}
	}
}

// files are a journal on its disk.
type files struct {
	chain   survey.Chain
	log, db file
	retired bool         // an earlier chain's unbroken run: sent, never written to
	pruned  custody.Head // up to here the records were forgotten
	before  *custody.Ledger
	receipt kept // stands in the database
}

// kept is the last receipt kept; it need not be durable.
type kept struct{ seen, synced []byte }

func (fs *files) clone() *files {
	c := *fs
	c.log, c.db, c.before = fs.log.clone(), fs.db.clone(), fs.before.Clone()
	return &c
}

// powerCut loses what was not synced, in each file by itself.
func (fs *files) powerCut(w *world) {
	if len(fs.log.frames) != fs.log.synced || len(fs.db.frames) != fs.db.synced {
		w.tell("power cut with %d and %d frames not synced", len(fs.log.frames)-fs.log.synced, len(fs.db.frames)-fs.db.synced)
	}
	fs.log.cut(w)
	fs.db.cutWhole(w)
	if w.chance(50) {
		fs.receipt.seen = fs.receipt.synced
	}
	fs.receipt.synced = fs.receipt.seen
}

// card is what a kiosk has on its disk.
type card struct {
	journals []*files // the last one is written to
	// What stands outside the journal, synced before it is relied on:
	chain    survey.Chain         // the journal's, in two copies
	reserved reservation          // one file
	losses   []custody.Succession // what was declared when journals were damaged: one file, and never lost here
}

// reservation is the file that says up to where numbers may have been given out: two
// slots, written in turn.
type reservation struct {
	last  uint64 // no number above this was given out
	older uint64 // what the other slot says; 0 = it was never written
	torn  bool   // the newest slot cannot be read any more, and last is the older one
	lost  bool   // all of it: nothing says what was given out
}

// reserve writes the slot that is not the newest.
func (r *reservation) reserve(last uint64) { *r = reservation{last: last, older: r.last} }

// damage loses the newest slot, or the whole file.
func (r *reservation) damage(w *world) {
	if r.older == 0 || w.chance(50) {
		*r = reservation{lost: true}
	} else {
		*r = reservation{last: r.older, torn: true}
	}
}

// most is the greatest number that may have been given out. The slot that is torn was
// written when a group went past the other.
func (r *reservation) most() uint64 {
	if r.torn {
		return r.last + block + group
	}
	return r.last
}

func (c *card) clone() *card {
	n := &card{chain: c.chain, reserved: c.reserved, losses: slices.Clone(c.losses)}
	for _, fs := range c.journals {
		n.journals = append(n.journals, fs.clone())
	}
	return n
}

// scan reads a file's unbroken run of the chain. behind says that the file goes on
// behind it, with something that cannot be read or does not fit.
func (fs *files) scan(f *file) (run []custody.Record, behind bool) {
	if f.gone {
		return nil, false
	}
	at := fs.pruned
	for _, fr := range f.frames {
		if fr.bad {
			return run, true
		}
		r := custody.DecodeRecord(fr.bytes)
		if r.Fault != nil || r.Chain != fs.chain || r.Sequence != at.Sequence+1 || r.Previous != at.Hash {
			return run, true
		}
		run = append(run, r)
		at = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
	}
	return run, false
}

// reconcile brings the two files together as the journal does, by its own rule of which
// completes which. It is false where nothing whole can be had.
func (fs *files) reconcile(w *world) (run []custody.Record, whole bool) {
	log, past := fs.scan(&fs.log)
	db, _ := fs.scan(&fs.db)
	switch {
	case fs.log.gone && fs.db.gone:
		return nil, false
	case fs.db.gone && past:
		// The log is the only witness. What is bad at its end may be a torn write, or a
		// record that was thanked for.
		return nil, false
	case fs.db.worn && (fs.log.gone || past || len(log) < len(db)) && w.opts.broken != trustsWorn:
		return nil, false // nobody can say whether a transaction is missing
	}
	repair := fs.decide(w, db, log, past)
	switch repair {
	case journal.Refuse:
		return nil, false
	case journal.CompleteDB:
		run = log
	default:
		run = db
	}
	switch {
	case fs.db.gone:
		w.count(rebuiltDatabase)
		fs.receipt = kept{}
	case fs.log.gone:
		w.count(rebuiltLog)
	case repair != journal.Agree:
		w.count(completedFile)
	}
	if repair != journal.Agree || fs.log.gone || fs.db.gone {
		fs.restore(w, run)
	} else if w.opts.broken != opensUnsynced {
		fs.sync()
	}
	return run, true
}

// sync makes durable what was found, and notes in the database that it is open.
func (fs *files) sync() {
	fs.log.sync()
	fs.db.sync()
	fs.db.before, fs.db.worn = len(fs.db.frames), false
}

// decide asks the journal's rule.
func (fs *files) decide(w *world, db, log []custody.Record, past bool) journal.Repair {
	dbEnd, logEnd := headOf(db, fs.pruned), headOf(log, fs.pruned)
	logAt, dbAt := fs.hashIn(log, dbEnd.Sequence), fs.hashIn(db, logEnd.Sequence)
	if w.opts.broken == believesTheLog {
		return journal.CompleteDB
	}
	return journal.Reconcile(fs.pruned, dbEnd, logEnd, past, logAt, dbAt)
}

// headOf is where a run ends that begins behind before.
func headOf(run []custody.Record, before custody.Head) custody.Head {
	if n := len(run); n > 0 {
		return custody.Head{Sequence: run[n-1].Sequence, Hash: run[n-1].Hash}
	}
	return before
}

// hashIn is the hash that a run has at a sequence, zero if it does not go so far.
func (fs *files) hashIn(run []custody.Record, sequence uint64) survey.Hash {
	switch i := sequence - fs.pruned.Sequence; {
	case i == 0:
		return fs.pruned.Hash
	case i <= uint64(len(run)):
		return run[i-1].Hash
	default:
		return survey.Hash{}
	}
}

// restore writes both files anew, or what is missing in them, and syncs them.
func (fs *files) restore(w *world, run []custody.Record) {
	log, db := fs.log.synced, fs.db.synced
	fs.log, fs.db = file{}, file{}
	fs.log.write(run)
	fs.db.write(run)
	fs.sync()
	if w.opts.broken == opensUnsynced {
		fs.log.synced, fs.db.synced = min(log, len(run)), min(db, len(run))
	}
}

// found are all good records of the chain in what is left of both files, by sequence.
func (fs *files) found() map[uint64]custody.Record {
	all := map[uint64]custody.Record{}
	for _, fr := range slices.Concat(fs.log.frames, fs.db.frames) {
		if fr.bad {
			continue
		}
		if r := custody.DecodeRecord(bytes.Clone(fr.bytes)); r.Fault == nil && r.Chain == fs.chain {
			all[r.Sequence] = r
		}
	}
	return all
}
