package panel

import (
	"maps"
	"slices"
	"time"
)

// edge is what happens to a contact.
type edge uint8

// The edges.
const (
	passes edge = iota // nothing: only time goes on
	closes             // a key goes down
	opens              // a key comes up
	taps               // a key that tells only that it was pressed: down, and up at once
	found              // a key that was down already when the device was opened: no press
	leaves             // the whole device is gone
)

// deed is what the machine wants done.
type deed struct {
	kind   deedKind
	key    int           // whose; for tooMany the second
	down   time.Duration // of a press: when the key went down
	random string        // of a press: its idempotency key
}

// deedKind is a kind of deed.
type deedKind uint8

// The kinds of deeds.
const (
	pressed deedKind = iota // one key was pressed, once
	tooMany                 // two keys went down together: none is meant
	stuck                   // a key has been down for too long
	freed                   // a key that was stuck is up again
)

// contacts make presses out of the edges of a panel's keys. Time is the machine's own: it
// has no clock, and goes on only by step. The same steps always give the same deeds.
//
// A key that goes down is a press once its window has passed, whatever its contact did in
// the window; a second key going down in the window makes both none. After each release
// there is such a window, too: a contact that is closed when that ends is pressed again,
// one that bounced and stayed open is not.
type contacts struct {
	window time.Duration // for bounces, and for two keys at once; 0 = every edge down is a press
	stuck  time.Duration // a key down for longer raises the alarm
	random func() string // draws the key of a press when its contact closes
	keys   map[int]*contact
	// barred: two keys went down together. Nothing counts until all are up.
	barred bool
}

// phase is what a contact is waiting for.
type phase uint8

// The phases. A contact at rest is not in the map.
const (
	settling phase = iota // went down; a press at the end of its window
	held                  // down
	leaving               // came up; at rest at the end of its window
)

type contact struct {
	phase  phase
	closed bool
	down   time.Duration // when it was closed last
	last   time.Duration // its last edge
	until  time.Duration // the end of the window; while held, when it counts as stuck
	void   bool          // it is no press
	stuck  bool
	random string
}

// step lets time go on to now, and then does e to a key. What fell due in between comes
// first, in the order of time.
func (m *contacts) step(now time.Duration, e edge, key int) []deed {
	var out []deed
	for {
		k, c := m.due(now)
		if c == nil {
			break
		}
		out = append(out, m.expire(k, c)...)
	}
	m.unbar()
	switch e {
	case closes:
		out = append(out, m.close(now, key)...)
	case opens:
		out = append(out, m.open(now, key)...)
	case taps:
		out = append(out, m.close(now, key)...)
		out = append(out, m.open(now, key)...)
	case found:
		if m.keys[key] == nil {
			m.put(key, &contact{phase: held, closed: true, down: now, last: now, until: now + m.stuck, void: true})
		}
	case leaves:
		out = append(out, m.leave()...)
	}
	m.unbar()
	return out
}

// next is when something falls due by itself; false = nothing will.
func (m *contacts) next() (time.Duration, bool) {
	first, any := time.Duration(0), false
	for _, c := range m.keys {
		if at, waits := c.due(); waits && (!any || at < first) {
			first, any = at, true
		}
	}
	return first, any
}

// down reports whether the machine believes a key to be down.
func (m *contacts) down(key int) bool {
	c := m.keys[key]
	return c != nil && c.closed
}

func (m *contacts) put(key int, c *contact) {
	if m.keys == nil {
		m.keys = map[int]*contact{}
	}
	m.keys[key] = c
}

// due is when the contact's phase ends; false = not by time.
func (c *contact) due() (time.Duration, bool) { return c.until, !(c.phase == held && c.stuck) }

// due is the contact whose phase ended first, not later than now.
func (m *contacts) due(now time.Duration) (key int, first *contact) {
	for _, k := range slices.Sorted(maps.Keys(m.keys)) {
		c := m.keys[k]
		if at, waits := c.due(); waits && at <= now && (first == nil || at < first.until) {
			key, first = k, c
		}
	}
	return key, first
}

func (m *contacts) expire(key int, c *contact) (out []deed) {
	switch c.phase {
	case settling:
		if !c.void {
			out = []deed{{kind: pressed, key: key, down: c.down, random: c.random}}
		}
		if c.closed {
			c.phase, c.until = held, c.down+m.stuck
		} else {
			c.phase, c.until = leaving, c.last+m.window
		}
	case held:
		c.stuck = true
		out = []deed{{kind: stuck, key: key}}
	case leaving:
		delete(m.keys, key)
		if c.closed {
			out = m.begin(c.down, key)
			m.keys[key].last = c.last
		}
	}
	m.unbar()
	return out
}

func (m *contacts) close(now time.Duration, key int) []deed {
	c := m.keys[key]
	if c == nil {
		return m.begin(now, key)
	}
	if c.phase == leaving {
		c.down = now
	}
	c.closed, c.last = true, now
	return nil
}

// begin is a key going down from rest.
func (m *contacts) begin(down time.Duration, key int) (out []deed) {
	c := &contact{closed: true, down: down, last: down, until: down + m.window, void: m.barred, random: m.random()}
	if m.window > 0 && !m.barred {
		for _, other := range m.keys {
			if other.phase == settling {
				other.void, c.void, m.barred = true, true, true
			}
		}
		if m.barred {
			out = []deed{{kind: tooMany, key: key}}
		}
	}
	m.put(key, c)
	if m.window == 0 {
		out = append(out, m.expire(key, c)...)
	}
	return out
}

func (m *contacts) open(now time.Duration, key int) (out []deed) {
	c := m.keys[key]
	if c == nil || !c.closed {
		return nil
	}
	c.closed, c.last = false, now
	if c.phase != held {
		return nil
	}
	if c.stuck {
		out = []deed{{kind: freed, key: key}}
	}
	c.phase, c.until, c.stuck = leaving, now+m.window, false
	if m.window == 0 {
		delete(m.keys, key)
	}
	return out
}

// leave decides what was open when the device went: a key that went down was pressed.
func (m *contacts) leave() (out []deed) {
	for _, k := range slices.Sorted(maps.Keys(m.keys)) {
		c := m.keys[k]
		if c.phase == settling && !c.void {
			out = append(out, deed{kind: pressed, key: k, down: c.down, random: c.random})
		}
	}
	clear(m.keys)
	return out
}

// unbar takes the bar away when all keys are up. One that is stuck does not count: it
// would silence the others for ever.
func (m *contacts) unbar() {
	for _, c := range m.keys {
		if !c.stuck {
			return
		}
	}
	m.barred = false
}
