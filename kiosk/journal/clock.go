package journal

import (
	"encoding/binary"
	"sync"
	"time"

	"hailong/survey/custody"
)

// clock is what the journal knows of the time. Its own source is the box's wall clock,
// which may be wrong; each contact with the centre bounds when this boot began.
type clock struct {
	mu        sync.Mutex // protects what follows
	known     bool
	low, high int64   // this boot's beginning by the centre's clock, ms since 1970, at moment at
	at        int64   // mono, ms
	skew      int64   // the box's clock less the centre's at the last contact, ms
	last      contact // as kept for the next boot
	changed   bool    // last is newer than what is on disk
}

// contact is a moment at which the centre's clock was known.
type contact struct{ box, centre int64 } // ms since 1970

// What is believed of clocks.
const (
	drift     = 5000                 // a quartz gains or loses less than 1 ms in so many ms
	agreement = 5 * time.Minute      // a hardware clock so close to the centre's is right
	unchecked = 400 * 24 * time.Hour // for so long it is believed after it was last compared
	rekept    = time.Hour            // between two contacts that are kept
)

// sensible is the earliest time that a clock can tell: before it none of this existed.
var sensible = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// Contact tells the journal that the centre answered: when it was asked and when the
// answer came, by the options' clock, and what the centre's clock said in between.
// Records whose day was not known get it, if this tells it.
func (j *Journal) Contact(asked, answered, centre time.Time) {
	if j.clock.contact(j.start, asked, answered, centre) && len(j.days.Load().Unsure()) > 0 {
		select {
		case j.queue <- &request{answer: make(chan answer, 1)}:
		default: // the next contact asks again
		}
	}
}

// contact narrows the bounds; true unless the answer makes no sense.
func (c *clock) contact(start, asked, answered, centre time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, to := asked.Sub(start).Milliseconds(), answered.Sub(start).Milliseconds()
	if to < from {
		return false
	}
	said := centre.UnixMilli()
	low, high := said-to-1, said-from+1
	if c.known {
		if l, h := c.bounds(to); max(low, l) <= min(high, h) {
			low, high = max(low, l), min(high, h)
		}
	}
	c.known, c.low, c.high, c.at = true, low, high, to
	c.skew = answered.UnixMilli() - said
	if c.last.centre == 0 || said-c.last.centre >= rekept.Milliseconds() || said < c.last.centre {
		c.last, c.changed = contact{answered.UnixMilli(), said}, true
	}
	return true
}

// bounds are those of the boot's beginning as they are at moment mono: the older the
// contact, the wider.
func (c *clock) bounds(mono int64) (low, high int64) {
	slack := (mono-c.at)/drift + 1
	return c.low - slack, c.high + slack
}

// now is the best knowledge of the time: the wall time to record, and whether it tells
// the day. after is the last record's wall time.
func (c *clock) now(wall, mono, after int64, hardware bool) (int64, custody.ClockState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		low, high := c.bounds(mono)
		return min(max(wall, low+mono), high+mono), custody.ClockSure
	}
	if hardware && wall >= sensible && wall >= after-agreement.Milliseconds() && c.last.vouches(wall) {
		return wall, custody.ClockSure
	}
	return wall, custody.ClockUnsure
}

// vouches reports whether a hardware clock that was compared then can be believed now.
// One that was never compared is believed.
func (k contact) vouches(wall int64) bool {
	if k.centre == 0 {
		return true
	}
	near := agreement.Milliseconds()
	return max(k.box-k.centre, k.centre-k.box) <= near && wall >= k.centre-near && wall <= k.centre+unchecked.Milliseconds()
}

// statement is what a [custody.ClockRecord] can say now about boots with records that
// have no day: nil while there was no contact in this boot.
func (c *clock) statement(boot custody.BootID, mono int64, unsure []custody.UnsureBoot) []custody.BootClock {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		return nil
	}
	low, high := c.bounds(mono)
	var list []custody.BootClock
	for _, u := range unsure {
		if u.Boot == boot {
			list = append(list, custody.BootClock{Boot: boot, Low: low, High: high})
		} else {
			list = append(list, u.Bounds(high))
		}
	}
	return list
}

// Skew is how far the box's clock was ahead of the centre's at the last contact of this
// boot; false before the first.
func (j *Journal) Skew() (time.Duration, bool) {
	j.clock.mu.Lock()
	defer j.clock.mu.Unlock()
	return time.Duration(j.clock.skew) * time.Millisecond, j.clock.known
}

// take gives the contact to be kept, once.
func (c *clock) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed {
		return nil
	}
	c.changed = false
	return c.last.encode()
}

// sureOf reports whether now can be believed.
func (c *clock) sureOf(start, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		return false
	}
	low, high := c.bounds(now.Sub(start).Milliseconds())
	wall := now.UnixMilli() - now.Sub(start).Milliseconds()
	return wall >= low-agreement.Milliseconds() && wall <= high+agreement.Milliseconds()
}

// kept is the last contact that is kept for the next boot.
func (c *clock) kept() contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

func (c *clock) waiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (k contact) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(k.box)), uint64(k.centre))
}

func decodeContact(b []byte) (k contact) {
	if len(b) == 16 {
		k = contact{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}
	}
	return k
}
