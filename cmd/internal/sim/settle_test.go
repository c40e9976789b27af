package sim

import (
	"slices"

	"hailong/sync/uplink"
)

// The bounds of the second phase. When the lines come up or the centre starts,
// everything comes over at once; otherwise the machines' waits go by first, of which asking whether all is well is
// the longest.
const (
	boundFresh  = 20 * second
	boundSilent = 12 * minute
	boundCopies = 20 * minute // the refusals of one box hold up the other
)

// settle ends the faults, and waits until everything has come over.
func (w *world) settle() {
	w.faulty = false
	w.tell("the faults end")
	fresh := w.chance(60)
	w.mend()
	if w.centre.byHand {
		w.checkReceded()
	}
	bound := boundSilent
	if fresh {
		w.refresh()
		bound = boundFresh
	}
	if len(w.cloned) > 0 {
		bound = boundCopies
	}
	w.arrives(bound)
	w.until(w.now+20*minute, nil) // those who heard nothing try again
	for _, b := range w.running() {
		w.touch(b)
	}
	if len(w.cloned) == 0 {
		bound = boundFresh // all was well when they pressed
	}
	w.arrives(bound)
	if len(w.cloned) > 0 {
		// A box in dispute sends its branch once more with each answered question, and asks
		// ever more rarely.
		w.until(w.now+180*minute, nil)
	}
}

// refresh is what makes kiosks ask at once: the lines come up anew, or the centre starts
// and greets them.
func (w *world) refresh() {
	if w.chance(50) {
		w.reconnect()
		w.until(w.now+3*second, nil)
		return
	}
	w.until(w.now+3*second, nil)
	w.centre.stop()
	w.centre.start()
}

// reconnect takes every line down, and up again within seconds.
func (w *world) reconnect() {
	for _, b := range w.running() {
		b.disconnect()
		b.connect(w.below(3 * second))
	}
}

// mend makes everything work again.
func (w *world) mend() {
	w.bus.full = false
	w.bus.start()
	w.centre.start()
	for _, b := range w.boxes {
		b.full, b.dark = false, false
		b.start()
		b.connect(w.below(3 * second))
	}
}

// running are the boxes whose program runs: in the second phase all but the destroyed.
func (w *world) running() []*box {
	return slices.DeleteFunc(slices.Clone(w.boxes), func(b *box) bool { return b.prog == nil })
}

// arrives waits until all is in the centre and the kiosks know it.
func (w *world) arrives(bound int64) {
	if w.wrong != nil {
		return
	}
	from := w.now
	done := func() bool { return w.behind() == nil }
	if !done() {
		w.until(w.now+bound, done)
	}
	if w.wrong != nil {
		return
	}
	if l := w.behind(); l != nil {
		w.fail("I8", "%d s after the faults ended, of chain %x %s has %d, the centre %d, and the mark is %d",
			(w.now-from)/second, l.j.files.chain[:3], l.p.box.name, l.j.head().Sequence, w.centre.store.head(l.j.files.chain).Sequence, l.kept.Durable)
		return
	}
	w.tally.slowest = max(w.tally.slowest, w.now-from)
	w.tell("everything is there after %d ms", w.now-from)
}

// behind is a link with something that has not come over, or that its kiosk does not
// know to have. A copy of a kiosk is done when it says that something is wrong.
func (w *world) behind() *link {
	for _, b := range w.running() {
		for _, l := range b.prog.links {
			head, has := l.j.head(), w.centre.store.head(l.j.files.chain)
			mark := l.kept.Durable == head.Sequence && (l.kept.Epoch == w.centre.store.epoch || head.Sequence == 0)
			if (has.Sequence < head.Sequence || !mark) && (!w.cloned[l.j.files.chain] || !b.alarmed()) {
				return l
			}
		}
	}
	return nil
}

// alarmed reports whether the box has said that a copy of it may be at work.
func (b *box) alarmed() bool {
	return b.alarms[uplink.Forked]+b.alarms[uplink.Ahead]+b.alarms[uplink.Refused] > 0
}

// checkReceded: somebody put the centre's files back by hand. Every kiosk that was told
// more in this life says so, none loses anything, and once the centre has a new epoch
// everything comes over.
func (w *world) checkReceded() {
	var told []*link
	for _, b := range w.running() {
		for _, l := range b.prog.links {
			if l.kept.Epoch == w.centre.store.epoch && l.kept.Durable > w.centre.store.head(l.j.files.chain).Sequence {
				told = append(told, l)
			}
		}
	}
	w.until(w.now+boundSilent, nil)
	for _, l := range told {
		has := w.centre.store.head(l.j.files.chain).Sequence
		if l.kept.Durable > has && l.alarms[uplink.Receded]+l.alarms[uplink.Forked] == 0 {
			w.fail("alarm", "%s was told %d of chain %x, the centre has %d, and it says nothing", l.p.box.name, l.kept.Durable, l.j.files.chain[:3], has)
		}
	}
	w.checkThanked("files were put back by hand")
	w.centre.stop()
	if w.opts.broken != restoreKeepsEpoch {
		w.centre.newLife()
	}
	w.centre.start()
	w.until(w.now+3*second, nil)
}
