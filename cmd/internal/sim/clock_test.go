package sim

import (
	"slices"

	"hailong/survey/custody"
)

// boxClock is what a kiosk's program knows of the time, from one start to the next.
type boxClock struct {
	id    custody.BootID
	began int64 // in truth
	drift int64 // parts of a million that its counter runs fast
	shift int64 // the box's wall clock less the truth
	// When this boot began, by the centre's clock as it was known at moment at; high 0 =
	// no contact yet.
	low, high, at int64
}

// boot draws what the box's clock says this time.
func (b *box) boot() {
	w := b.w
	b.clock = boxClock{began: w.now, drift: w.below(391) - 195}
	w.fill(b.clock.id[:])
	switch {
	case w.hits(clock1970, 30):
		b.clock.shift = w.below(hour) - w.now
	case w.hits(clockAhead, 10):
		b.clock.shift = 10 * 365 * 24 * hour
	case w.hits(clockBehind, 10):
		b.clock.shift = -24 * hour
	}
}

// mono is the time since the program started, as the box counts it.
func (c *boxClock) mono(now int64) int64 {
	d := now - c.began
	return d + d*c.drift/1_000_000
}

// bounds are when the boot began, as far as it is known at moment mono: a counter errs by
// less than a 5000th.
func (c *boxClock) bounds(mono int64) (low, high int64) {
	slack := (mono-c.at)/5000 + 1
	return c.low - slack, c.high + slack
}

// wall is the kiosk's best knowledge of the time, and whether it tells the day.
func (c *boxClock) wall(now int64) (int64, custody.ClockState) {
	if c.high == 0 {
		return now + c.shift, custody.ClockUnsure
	}
	mono := c.mono(now)
	low, high := c.bounds(mono)
	return min(max(now+c.shift, low+mono), high+mono), custody.ClockSure
}

// contact bounds the clock: the centre's word was signed after the question left and
// before the answer came. Records made before it get their days then.
func (p *program) contact(asked, answered, centre int64) {
	c := &p.box.clock
	low, high := centre-answered, centre-asked
	if c.high > 0 {
		l, h := c.bounds(answered)
		low, high = max(low, l), min(high, h)
	}
	if low > high {
		p.box.w.fail("clock", "%s: two answers of the centre contradict each other by %d ms", p.box.name, low-high)
	}
	c.low, c.high, c.at = low, high, answered
	if p.box.full {
		return // there is no room to say so; the next contact says it
	}
	p.sayClocks()
}

// sayClocks makes a record about the clock, if it gives any record its day.
func (p *program) sayClocks() {
	c, ledger := &p.box.clock, p.journal.ledger
	var list []custody.BootClock
	for _, u := range ledger.Unsure() {
		if u.Boot == c.id {
			list = append(list, custody.BootClock{Boot: u.Boot, Low: c.low, High: c.high})
		} else {
			list = append(list, u.Bounds(c.high))
		}
	}
	if len(list) == 0 {
		return
	}
	r := custody.Record{Kind: custody.ClockRecord, Payload: custody.EncodeClocks(list)}
	trial := ledger.Clone()
	if trial.Add(&r); trial.Issued(custody.UnknownDay) == ledger.Issued(custody.UnknownDay) {
		return
	}
	p.box.w.tally.clocks++
	p.box.w.tally.bridged += len(list)
	if slices.ContainsFunc(list, func(b custody.BootClock) bool { return b.Boot == c.id }) {
		p.box.w.tally.bridged--
	}
	p.write([]custody.Record{p.next(nil, 0, r)}, func() {})
}
