package sim

import (
	"bytes"
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
)

// file is one of a journal's two files: what programs see, and how much of it a power
// cut leaves.
type file struct {
	frames []frame
	synced int  // so many frames survive
	gone   bool // it is missing, empty, or not a file of its kind any more
}

// frame is one record in a file. A bad one fails its checksum.
type frame struct {
	bytes []byte
	bad   bool
}

func (f *file) write(records []custody.Record) {
	for i := range records {
		f.frames = append(f.frames, frame{bytes: records[i].Bytes})
	}
}

func (f *file) sync() { f.synced = len(f.frames) }

func (f *file) clone() file {
	return file{frames: slices.Clone(f.frames), synced: f.synced, gone: f.gone}
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
	}
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
	// What stands outside the journal, in two copies, synced before it is relied on:
	chain    survey.Chain         // the journal's
	reserved uint64               // no number of it above this was given out
	losses   []custody.Succession // what was declared when journals were damaged
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

// reconcile brings the two files together by the journal's rule: the one that validly
// extends the other completes it. It is false where nothing whole can be had.
func (fs *files) reconcile(w *world) (run []custody.Record, whole bool) {
	log, behind := fs.scan(&fs.log)
	db, _ := fs.scan(&fs.db)
	switch {
	case fs.log.gone && fs.db.gone:
		return nil, false
	case fs.db.gone:
		if behind {
			// The log is the only witness. What is bad at its end may be a torn write, or a
			// record that was thanked for.
			return nil, false
		}
		run = log
		w.count(rebuiltDatabase)
		fs.receipt = kept{}
	case fs.log.gone:
		run = db
		w.count(rebuiltLog)
	default:
		longer, shorter := log, db
		if len(db) > len(log) {
			longer, shorter = db, log
		}
		if n := len(shorter); n > 0 && shorter[n-1].Hash != longer[n-1].Hash {
			return nil, false
		}
		if len(longer) > len(shorter) || behind {
			w.count(completedFile)
		}
		run = longer
	}
	fs.restore(w, run)
	return run, true
}

// restore writes both files anew, or what is missing in them, and syncs them.
func (fs *files) restore(w *world, run []custody.Record) {
	log, db := fs.log.synced, fs.db.synced
	fs.log, fs.db = file{}, file{}
	fs.log.write(run)
	fs.db.write(run)
	fs.log.sync()
	fs.db.sync()
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
