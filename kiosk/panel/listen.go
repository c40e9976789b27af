package panel

import (
	"maps"
	"slices"
	"time"
)

// listen is what becomes of a device's bytes.
func (p *Panel) listen(port *Port) func(chunk) {
	if p.device.Kind == Serial {
		d := &frames{single: p.device.Frame == Byte}
		return func(c chunk) {
			words, overlong := d.feed(c.b)
			for _, w := range words {
				p.word(c, w)
			}
			if overlong > 0 {
				p.overlong(overlong)
			}
		}
	}
	layout := port.Layout
	if layout == 0 {
		layout = OwnLayout
	}
	d := &events{layout: layout}
	return func(c chunk) {
		for _, e := range d.feed(c.b) {
			p.event(port, c, e)
		}
	}
}

// word is one that a button box sent.
func (p *Panel) word(c chunk, w string) {
	key, mapped := p.words[w]
	if !mapped {
		p.unknownWord(w)
		return
	}
	p.step(c.at, taps, key)
}

// event is one of a keypad.
func (p *Panel) event(port *Port, c chunk, e event) {
	at := e.at
	if at < 0 || at > c.at {
		if at < 0 {
			p.malformed()
		}
		at = c.at
	}
	switch {
	case e.kind == evSyn && e.code == synDropped:
		p.dropping = true
	case p.dropping && e.kind == evSyn && e.code == synReport:
		p.dropping = false
		p.settle(port, at)
	case p.dropping:
	case e.kind == evKey:
		p.keyEvent(at, e)
	default:
		p.step(at, passes, 0)
	}
}

func (p *Panel) keyEvent(at time.Duration, e event) {
	_, mapped := p.keys[int(e.code)]
	switch {
	case e.value < keyUp || e.value > keyRepeat:
		p.malformed()
	case !mapped && e.value == keyDown:
		p.unknownKey(e.code)
	case !mapped:
	case e.value == keyDown:
		p.step(at, closes, int(e.code))
	case e.value == keyUp:
		p.step(at, opens, int(e.code))
	default:
		p.step(at, passes, 0)
	}
}

// foundDown notes which keys are down when the device is opened: they are no presses, but
// may be stuck.
func (p *Panel) foundDown(port *Port) {
	for _, code := range p.held(port) {
		p.step(p.clock.Now(), found, int(code))
	}
}

// settle finds out what the keys are after the kernel dropped events: one that is down now
// was pressed meanwhile.
func (p *Panel) settle(port *Port, at time.Duration) {
	p.dropped()
	held := p.held(port)
	for _, key := range slices.Sorted(maps.Keys(p.keys)) {
		down := slices.Contains(held, uint16(key))
		switch {
		case down && !p.machine.down(key):
			p.step(at, closes, key)
		case !down && p.machine.down(key):
			p.step(at, opens, key)
		}
	}
}

// held are the panel's keys that are down. Where that cannot be asked, none is.
func (p *Panel) held(port *Port) (codes []uint16) {
	if port.Held == nil {
		return nil
	}
	all, err := port.Held()
	if err != nil {
		p.tell(troubled, "không hỏi được phím nào đang bị nhấn: "+err.Error(), "cannot ask which keys are down: "+err.Error())
		return nil
	}
	for _, code := range all {
		if _, mapped := p.keys[int(code)]; mapped {
			codes = append(codes, code)
		}
	}
	return codes
}
