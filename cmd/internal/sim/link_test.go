package sim

import (
	"time"

	"hailong/survey/custody"
	"hailong/sync/uplink"
)

// link carries one chain: the programs' machine, and around it what their runner does,
// without goroutines.
type link struct {
	p       *program
	j       *opened
	machine *uplink.Machine
	kept    custody.Receipt // the latest
	alarms  map[uplink.Alarm]int64
	wake    int // the timer that counts
}

// answerWait and busWait are how long an answer of the centre, and of the bus, may take.
const (
	answerWait = 3 * second
	busWait    = 10 * second
)

func newLink(p *program, j *opened) *link {
	l := &link{p: p, j: j, machine: uplink.NewMachine(p.box.w.opts.tuning, p.box.w.rnd.Uint64()), alarms: map[uplink.Alarm]int64{}}
	if signed := j.files.receipt.seen; signed != nil {
		r, err := custody.OpenReceipt(signed, p.box.w.centre.public)
		if err != nil {
			p.box.w.fail("receipt", "a receipt kept cannot be opened: %v", err)
		}
		l.kept = l.within(r)
	}
	l.machine.Step(time.Time{}, uplink.Event{Kind: uplink.Started, Head: j.head().Sequence, Receipt: l.kept})
	return l
}

// said is an event with the bytes of its receipt.
type said struct {
	uplink.Event
	signed []byte
}

func (l *link) step(e uplink.Event) { l.hear(said{Event: e}) }

// hear feeds an event to the machine, and what follows from it.
func (l *link) hear(s said) {
	w := l.p.box.w
	for todo := []said{s}; len(todo) > 0 && !l.p.dead; todo = todo[1:] {
		var wake time.Time
		for _, a := range l.machine.Step(w.time(), todo[0].Event) {
			switch a.Kind {
			case uplink.Send:
				todo = append(todo, said{Event: l.send(a.From)})
			case uplink.Ask:
				l.ask()
			case uplink.Keep:
				l.keep(todo[0])
			case uplink.Raise:
				l.raise(a.Why)
			case uplink.Wake:
				if wake.IsZero() || a.At.Before(wake) {
					wake = a.At
				}
			}
		}
		l.rest(wake)
	}
}

// rest sets the timer, as the runner does after each event: to an hour where the
// machine wants nothing.
func (l *link) rest(wake time.Time) {
	w := l.p.box.w
	d := hour
	if !wake.IsZero() {
		d = min(d, max(wake.UnixMilli()-w.now, 1))
	}
	l.wake++
	set := l.wake
	w.after(d, func() {
		if set == l.wake && !l.p.dead {
			l.step(uplink.Event{Kind: uplink.Tick})
		}
	})
}

// send builds the next batch and hands it to the bus.
func (l *link) send(first uint64) uplink.Event {
	w, b := l.p.box.w, l.p.box
	failed := uplink.Event{Kind: uplink.Failed, First: first}
	if first <= l.j.files.pruned.Sequence {
		w.fail("I5", "%s is asked for %d of chain %x and has forgotten up to %d", b.name, first, l.j.files.chain[:3], l.j.files.pruned.Sequence)
		return failed
	}
	last := min(first+w.opts.batch-1, l.j.head().Sequence)
	if last < first {
		return failed
	}
	i := first - l.j.files.pruned.Sequence - 1
	records := l.j.records[i : i+last-first+1]
	batch := custody.NewBatch(b.id, b.key, l.j.hashAt(first-1), records, nil, l.j.ledger.Since(l.machine.Durable()))
	w.tally.batches++
	w.bus.publish(b, batch.Message(), func(taken bool) {
		e := uplink.Event{Kind: uplink.Failed, First: first}
		if taken {
			e.Kind = uplink.Acked
		}
		if taken && w.opts.broken == trustsTheBus {
			l.hear(said{Event: uplink.Event{Kind: uplink.Receipted, Receipt: custody.Receipt{
				Epoch: l.kept.Epoch, Durable: last, DurableSum: batch.Header.LastHash, ServerTime: l.kept.ServerTime,
			}}})
		}
		l.step(e)
	})
	return uplink.Event{Kind: uplink.Sent, Last: last}
}

// ask asks the centre for its mark.
func (l *link) ask() {
	w, b := l.p.box.w, l.p.box
	asked, line, answered := b.clock.mono(w.now), b.line, false
	w.tally.asked++
	w.after(answerWait, func() {
		if !answered {
			answered = true
			l.step(uplink.Event{Kind: uplink.Unmarked})
		}
	})
	b.toCentre(func() {
		mark := w.centre.answerMark(b.id, l.j.files.chain)
		w.after(b.in.after(w, line), func() {
			if answered || !b.hears() || b.line != line {
				return
			}
			answered = true
			r, err := custody.OpenReceipt(mark, w.centre.public)
			if err != nil {
				w.fail("receipt", "the centre's answer cannot be opened: %v", err)
			}
			at := b.clock.mono(w.now)
			l.receipt(uplink.Marked, r, mark)
			if l.j == l.p.journal && !l.p.dead {
				l.p.contact(asked, at, r.ServerTime)
			}
		})
	})
}

// receipt makes an event of the centre's word about this journal.
func (l *link) receipt(kind uplink.EventKind, r custody.Receipt, signed []byte) {
	if r.Started {
		l.step(uplink.Event{Kind: uplink.Greeted})
		return
	}
	r = l.within(r)
	have := l.j.hashAt(r.Durable)
	e := uplink.Event{Kind: kind, Receipt: r, Differs: uplink.Differs(r, have)}
	if l.p.box.w.opts.broken == forgetsBoundary {
		e.Differs = have != r.DurableSum // a hash that is not known is taken for another
	}
	l.hear(said{e, signed})
}

// within is the uplink's rule for the centre's word about an earlier chain.
func (l *link) within(r custody.Receipt) custody.Receipt {
	if l.j.files.retired && l.p.box.w.opts.broken != retiredIsCopy {
		r = uplink.Within(r, l.j.head())
	}
	return r
}

// keep keeps a receipt; it need not be durable.
func (l *link) keep(s said) {
	w := l.p.box.w
	switch was, is := w.centre.life(l.kept.Epoch), w.centre.life(s.Receipt.Epoch); {
	case is < was:
		w.fail("I6", "%s goes back from life %d of the centre to %d", l.p.box.name, was, is)
	case is == was && s.Receipt.Durable < l.kept.Durable:
		w.fail("I6", "%s: the mark of chain %x goes from %d down to %d within one life", l.p.box.name, l.j.files.chain[:3], l.kept.Durable, s.Receipt.Durable)
	}
	l.kept = s.Receipt
	if s.signed != nil {
		l.j.files.receipt.seen = s.signed
		if w.chance(30) {
			l.j.files.receipt.synced = s.signed
			l.j.files.db.before = len(l.j.files.db.frames) // a transaction of its own
		}
	}
	w.checkReceipt(l)
}

func (l *link) raise(why uplink.Alarm) {
	w, b := l.p.box.w, l.p.box
	l.alarms[why] = w.now
	b.alarms[why]++
	w.tally.alarms[why]++
	w.tell("%s alarm, chain %x: %s", b.name, l.j.files.chain[:3], why)
	_, cloned := w.cloned[l.j.files.chain]
	switch {
	case (why == uplink.Forked || why == uplink.Ahead) && !cloned && w.opts.broken.honest():
		w.fail("alarm", "%s: %s, and there is no copy of it", b.name, why)
	case why == uplink.Receded && !w.centre.touched && !cloned && w.opts.broken.honest():
		w.fail("alarm", "%s: %s, and nobody touched it", b.name, why)
	}
}
