package sim

import (
	"crypto/sha256"

	"hailong/survey"
	"hailong/survey/custody"
)

// What must hold:
//
//	I1  each thanked press is in the centre once, or still on its kiosk, or inside a loss
//	    that was declared; one that was not thanked is there at most once
//	I2  nothing is in the centre that was not pressed
//	I3  a chain in the centre is 1, 2, 3 … without holes
//	I4  and each of its records carries the hash of the one before
//	I5  a kiosk never lacks a record that no backup holds
//	I6  a receipt never says more than the store holds
//	I8  when the faults end, everything comes over within a bound
//
// and the days of records are true, closings balance, copies of a kiosk are found out.

// checkSteps looks at what is cheap to see, after each step.
func (w *world) checkSteps() {
	for _, b := range w.running() {
		for _, l := range b.prog.links {
			w.checkReceipt(l)
		}
	}
}

// checkReceipt is I6 from the kiosk's side: what it was told is in the store, as long as
// that lives the same life.
func (w *world) checkReceipt(l *link) {
	r := l.kept
	if r.Epoch != w.centre.store.epoch || w.centre.byHand || r.Durable == 0 || w.opts.broken == trustsTheBus {
		return // its control is to show what comes of it in the end
	}
	at := w.centre.store.at(survey.RecordID{Chain: l.j.files.chain, Sequence: r.Durable})
	if at == nil || at.Hash != r.DurableSum {
		w.fail("I6", "%s holds a receipt up to %d of chain %x, which the store does not have", l.p.box.name, r.Durable, l.j.files.chain[:3])
	}
}

// checkThanked is I1 while the run goes on, for the boxes that are running.
func (w *world) checkThanked(when string) {
	saved := w.centre.store.saved()
	for _, p := range w.presses {
		for _, b := range w.running() {
			for _, id := range p.thanked[b] {
				r := w.centre.store.at(id)
				if (r == nil || r.Nonce != p.nonce) && !b.prog.holds(id) && !saved[id] && !w.declared(b, id) {
					w.fail("I1", "%s: press %d, thanked by %s as %d of chain %x, is nowhere", when, p.number, b.name, id.Sequence, id.Chain[:3])
				}
			}
		}
	}
}

// saved are the records that came as salvaged ones.
func (s *store) saved() map[survey.RecordID]bool {
	all := map[survey.RecordID]bool{}
	for _, name := range s.order {
		for i := range s.chains[name].records {
			if r := &s.chains[name].records[i]; r.Kind == custody.SalvagedRecord {
				if inner, err := r.Salvaged(); err == nil {
					all[inner.ID()] = true
				}
			}
		}
	}
	return all
}

// found is where a press's records are in the centre.
type found struct {
	counts   map[survey.RecordID]survey.Hash // identities, whatever way they came
	disputed map[survey.RecordID]bool
}

// checkEnd looks at everything, once the faults have ended and all has come over.
func (w *world) checkEnd() {
	w.checkChains()
	all := w.findAll()
	declared := w.losses()
	missing := map[survey.KioskID]uint64{}
	for _, p := range w.presses {
		f := all[p.nonce]
		w.checkOnce(p, f)
		for _, b := range w.boxes {
			for _, id := range p.thanked[b] {
				w.checkKept(p, b, id, f, declared, missing)
			}
		}
	}
	for kiosk, n := range missing {
		if most, bounded := w.admitted(kiosk, declared); bounded && n > most {
			w.fail("I1", "%d thanked presses of kiosk %s are lost, and %d are known to be", n, kiosk, most)
		}
	}
	w.checkCopies()
	w.checkDays()
}

// checkOnce is I1's "once": also where the same key came again and again.
func (w *world) checkOnce(p *press, f found) {
	if len(f.counts) > 0 {
		w.tally.counted++
	}
	if len(f.counts) <= 1 {
		return
	}
	whole := 0
	for id := range f.counts {
		if !w.declared(p.box, id) {
			whole++
		}
	}
	if whole > 1 {
		w.fail("I1", "press %d is in the centre under %d numbers", p.number, len(f.counts))
	}
	w.tally.doubled++ // one was taken for lost, and the centre had it
}

func (w *world) checkKept(p *press, b *box, id survey.RecordID, f found, declared map[survey.Chain]custody.Succession, missing map[survey.KioskID]uint64) {
	_, counts := f.counts[id]
	s, ok := declared[id.Chain]
	switch {
	case counts:
	case w.cloned[id.Chain] && f.disputed[id]:
		w.tally.disputed++
	case w.cloned[id.Chain] && b.prog.holds(id) && b.alarmed():
		w.tally.onTheBox++
	case ok && covers(s, id):
		missing[b.id]++
		w.tally.lost++
		if s.Unbounded {
			w.tally.notKnownLost++
		}
	case b.gone && w.centre.store.spokenOf(id):
		missing[b.id]++
		w.tally.destroyed++
	case b.gone:
		w.tally.unheard++
	default:
		w.fail("I1", "press %d, thanked by %s as %d of chain %x, is missing", p.number, b.name, id.Sequence, id.Chain[:3])
	}
}

// admitted is how many records of a kiosk are known to be lost, over all its chains:
// what was salvaged into a chain may be lost again with that. They were declared by a
// successor, or said by a kiosk that never came back to have been issued. It is not
// bounded where a successor says that the number is not known.
func (w *world) admitted(kiosk survey.KioskID, declared map[survey.Chain]custody.Succession) (n uint64, bounded bool) {
	after := map[survey.Chain]bool{}
	bounded = true
	for _, name := range w.centre.store.order {
		c := w.centre.store.chains[name]
		if c.kiosk != kiosk {
			continue
		}
		if _, ok := declared[name]; !ok {
			n += sum(c.issued.days) - min(sum(c.issued.days), sum(daysOf(c.ledger)))
		}
		for i := range c.records {
			if s, err := c.records[i].Succession(); err == nil && !after[s.Predecessor] {
				after[s.Predecessor] = true
				n += s.Lost()
				bounded = bounded && !s.Unbounded
			}
		}
	}
	return n, bounded
}

func sum(days map[survey.Date]uint64) (n uint64) {
	for _, d := range days {
		n += d
	}
	return n
}

// spokenOf reports whether the kiosk's last word that was heard covers this record.
func (s *store) spokenOf(id survey.RecordID) bool {
	c := s.chains[id.Chain]
	return c != nil && id.Sequence <= c.issued.last
}

// findAll finds every press's records in the centre. It is I2 as well: each record there
// is somebody's press, unchanged.
func (w *world) findAll() map[survey.Nonce]found {
	all := map[survey.Nonce]found{}
	note := func(r *custody.Record, disputed bool) {
		inner, ok := r.Issued()
		if !ok {
			return
		}
		p := w.byNonce[inner.Nonce]
		if p == nil || string(p.payload) != string(inner.Payload) || p.form != inner.Questionnaire || p.box.name != inner.Counter {
			w.fail("I2", "record %v was never pressed", inner.ID())
			return
		}
		f := all[inner.Nonce]
		if f.counts == nil {
			f = found{map[survey.RecordID]survey.Hash{}, map[survey.RecordID]bool{}}
			all[inner.Nonce] = f
		}
		if disputed {
			f.disputed[inner.ID()] = true
			return
		}
		if was, twice := f.counts[inner.ID()]; twice {
			w.tally.repeats++
			if was != inner.Hash {
				w.fail("I1", "record %v came with two contents", inner.ID())
			}
		}
		f.counts[inner.ID()] = inner.Hash
	}
	s := w.centre.store
	for _, name := range s.order {
		for i := range s.chains[name].records {
			note(&s.chains[name].records[i], false)
		}
		for _, batch := range s.chains[name].forks {
			for i := range batch {
				main := s.at(batch[i].ID())
				note(&batch[i], main == nil || main.Hash != batch[i].Hash)
			}
		}
	}
	return all
}

// losses are what kiosks declared, as the centre has it.
func (w *world) losses() map[survey.Chain]custody.Succession {
	all := map[survey.Chain]custody.Succession{}
	for _, name := range w.centre.store.order {
		for i := range w.centre.store.chains[name].records {
			if s, err := w.centre.store.chains[name].records[i].Succession(); err == nil {
				all[s.Predecessor] = s
			}
		}
	}
	return all
}

// checkChains is I3 and I4, with a hash of its own.
func (w *world) checkChains() {
	for _, name := range w.centre.store.order {
		previous := survey.Hash{}
		for i, r := range w.centre.store.chains[name].records {
			again := custody.DecodeRecord(r.Bytes)
			if again.Fault != nil || again.Chain != name || again.Sequence != uint64(i+1) {
				w.fail("I3", "chain %x has %v at place %d", name[:3], again.ID(), i+1)
			}
			if again.Previous != previous {
				w.fail("I4", "record %d of chain %x does not follow the one before", i+1, name[:3])
			}
			previous = sha256.Sum256(append([]byte("hailong/record/v1"), r.Bytes...))
		}
	}
}

// checkCopies: where two boxes went on with one chain, the centre has both records of
// the first number on which they differ, and somebody is told. A centre that was set
// back since may have forgotten what it had of one; that box still holds it.
func (w *world) checkCopies() {
	for i, b := range w.boxes {
		for _, c := range w.boxes[i+1:] {
			if b.id != c.id || b.gone || c.gone {
				continue
			}
			one, other := b.prog.journal, c.prog.journal
			at := max(one.files.pruned.Sequence, other.files.pruned.Sequence) + 1
			for one.at(at) != nil && other.at(at) != nil && one.hashAt(at) == other.hashAt(at) {
				at++
			}
			if one.files.chain != other.files.chain || one.at(at) == nil || other.at(at) == nil {
				continue // they do not contradict each other
			}
			id := survey.RecordID{Chain: one.files.chain, Sequence: at}
			if !w.setBack && !w.centre.store.disputes(id) {
				w.fail("fork", "%s and its copy differ at %d, and the centre did not find out", b.name, at)
			}
			if !b.alarmed() && !c.alarmed() {
				w.fail("fork", "%s and its copy differ at %d, and neither says so", b.name, at)
			}
		}
	}
}

// disputes reports whether the store has evidence of another record under this number.
func (s *store) disputes(id survey.RecordID) bool {
	main := s.at(id)
	for _, batch := range s.chains[id.Chain].forks {
		for i := range batch {
			if batch[i].ID() == id && main != nil && main.Hash != batch[i].Hash {
				return true
			}
		}
	}
	return false
}
