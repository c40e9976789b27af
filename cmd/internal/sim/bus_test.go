package sim

import (
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
)

// bus is the message server: a stream of batches, and words that are not kept. It is
// never trusted.
type bus struct {
	w      *world
	up     bool
	full   bool // the stream takes no more
	stream []*message
	gone   []*message // acknowledged by the intake, the latest
	synced int64      // when the stream was last synced
}

// message is one batch in the stream.
type message struct {
	kiosk survey.KioskID
	data  []byte
	at    int64 // when the stream took it
	due   int64 // not delivered before; an unacknowledged one comes again
}

// redeliver is how long the bus waits for an acknowledgement, busSync how often it
// syncs by default.
const (
	redeliver = 5 * second
	busSync   = 2 * minute
)

// travel is how long a word is under way.
func (w *world) travel() int64 {
	if w.hits(slowLine, 5) {
		return w.below(12 * second)
	}
	return 1 + w.below(60)
}

// way is one direction of a connection: what leaves first arrives first.
type way struct {
	line int
	last int64
}

// after is when something that leaves now arrives.
func (d *way) after(w *world, line int) int64 {
	if d.line != line {
		*d = way{line: line}
	}
	d.last = max(d.last, w.now+w.travel())
	return d.last - w.now
}

// hears reports whether words reach the box.
func (b *box) hears() bool { return b.prog != nil && b.up && !b.dark }

// toCentre brings a question to the centre, if anything gets through.
func (b *box) toCentre(do func()) {
	w := b.w
	w.after(b.out.after(w, b.line), func() {
		if b.hears() && w.bus.up && w.centre.running && !w.hits(wordLost, 5) {
			do()
		}
	})
}

// publish brings a batch to the stream. told hears, once, whether the stream has it.
func (s *bus) publish(b *box, data []byte, told func(taken bool)) {
	w, settled, line := s.w, false, b.line
	answer := func(taken bool) {
		if !settled {
			settled = true
			told(taken)
		}
	}
	w.after(busWait, func() { answer(false) })
	if !b.up {
		w.after(0, func() { answer(false) })
		return
	}
	w.after(b.out.after(w, line), func() {
		if b.dark || !s.up {
			return
		}
		taken := !s.full
		if taken {
			s.take(&message{kiosk: b.id, data: data})
		} else {
			w.count(streamFull)
		}
		w.after(b.in.after(w, line), func() {
			if b.line == line && b.hears() && !w.hits(ackLost, 8) {
				answer(taken)
			}
		})
	})
}

// take adds a message to the stream, perhaps not as it came.
func (s *bus) take(m *message) {
	w := s.w
	m.at, m.due = w.now, w.now
	if w.now-s.synced > busSync {
		s.synced = w.now - w.now%busSync
	}
	switch {
	case w.hits(messageLost, 6):
		return
	case w.hits(messageFlipped, 4):
		m.data = slices.Clone(m.data)
		m.data[w.rnd.IntN(len(m.data))] ^= 1 << w.rnd.IntN(8)
	}
	s.stream = append(s.stream, m)
	w.centre.poke(0)
	if w.hits(messageLate, 5) {
		m.due += w.below(5 * minute)
		w.centre.poke(m.due - w.now)
	}
	if w.hits(messageTwice, 5) {
		s.stream = append(s.stream, &message{kiosk: m.kiosk, data: m.data, at: w.now, due: w.now + w.below(hour)})
		w.centre.poke(hour)
	}
}

// forge puts a batch into the stream that the kiosk never signed: it follows on what the
// centre has, but the key is another.
func (s *bus) forge(b *box) {
	head := s.w.centre.store.head(b.card.chain)
	r := custody.Seal(custody.Record{
		Version: custody.RecordVersion, Chain: b.card.chain, Sequence: head.Sequence + 1, Previous: head.Hash,
		Kind: custody.ResponseRecord, Counter: b.name, Wall: s.w.now, Questionnaire: known,
	})
	batch := custody.NewBatch(b.id, s.w.centre.key, head.Hash, []custody.Record{r}, nil, nil)
	s.take(&message{kiosk: b.id, data: batch.Message()})
}

// deliver gives out what is due, mostly in the stream's order.
func (s *bus) deliver(most int) []*message {
	var list []*message
	for _, m := range s.stream {
		if m.due <= s.w.now && len(list) < most {
			m.due = s.w.now + redeliver
			list = append(list, m)
		}
	}
	if len(list) > 1 && s.w.hits(reordered, 40) {
		s.w.rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return list
}

// acknowledge takes messages out of the stream.
func (s *bus) acknowledge(list []*message) {
	for _, m := range list {
		if !s.up || s.w.hits(deliveryAgain, 8) {
			continue
		}
		if i := slices.Index(s.stream, m); i >= 0 {
			s.stream = slices.Delete(s.stream, i, i+1)
			s.gone = append(s.gone, m)
			s.gone = s.gone[max(0, len(s.gone)-8):]
		}
	}
}

// crash ends the bus, with its host's power or without, and starts it again. By default
// the stream is not synced before it is acknowledged.
func (s *bus) crash(power bool) {
	w := s.w
	s.up = false
	if power && !w.opts.busSyncs {
		w.count(busPowerCut)
		if w.chance(30) {
			s.stream = nil // the stream itself was not there any more
		}
		s.stream = slices.DeleteFunc(s.stream, func(m *message) bool { return m.at >= s.synced })
		s.stream = append(s.stream, s.gone...) // nor that they were done with
		s.gone = nil
	}
	w.tell("the bus stops, power cut: %v", power)
	for _, b := range w.boxes {
		b.disconnect()
	}
	w.after(w.below(20*second), func() { s.start() })
}

// start brings the bus up, and the boxes back.
func (s *bus) start() {
	if s.up {
		return
	}
	s.up = true
	for _, m := range s.stream {
		m.due = s.w.now + s.w.below(redeliver)
	}
	s.w.centre.poke(0)
	s.w.centre.poke(redeliver)
	for _, b := range s.w.boxes {
		b.connect(s.w.below(3 * second))
	}
}

// toKiosk brings the centre's word to all that listen under the kiosk's name, once,
// twice, late or not at all.
func (w *world) toKiosk(id survey.KioskID, signed []byte) {
	for _, b := range w.boxes {
		if b.id != id || w.hits(wordLost, 10) {
			continue
		}
		w.toBox(b, signed, b.in.after(w, b.line))
		if w.hits(wordTwice, 8) {
			w.toBox(b, signed, w.below(hour))
		}
	}
}

func (w *world) toBox(b *box, signed []byte, after int64) {
	if w.hits(wordLate, 5) {
		after += w.below(10 * minute)
	}
	w.after(after, func() {
		if !b.hears() || !w.bus.up {
			return
		}
		b.prog.hear(signed)
	})
}
