package custody

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"hailong/survey"
)

// Totals is how many responses a chain has issued, day by day, up to sequence Last: the
// kiosk signs them into every batch and heartbeat. What the chain salvaged was issued by
// another one, whose totals have it. The centre compares them with what
// it received, so that even a kiosk that is destroyed leaves a known number. Days that
// did not change since the centre's last receipt may be left out.
type Totals struct {
	_    struct{} `cbor:",toarray"`
	Last uint64
	Days []DayTotal // ordered by day
}

// DayTotal is the responses of one day. Day 0 stands for those whose day is not known.
type DayTotal struct {
	_      struct{} `cbor:",toarray"`
	Day    survey.Date
	Issued uint64
}

// UnknownDay is the day of records whose day is not known.
const UnknownDay survey.Date = 0

// Ledger counts a chain's responses by day as they are issued. Kiosk and centre reckon
// days alike: by the record's own time where the kiosk was sure of its clock, by a
// later [ClockRecord] of the same chain where it was not, and otherwise [UnknownDay].
// The zero Ledger is that of an empty chain.
type Ledger struct {
	last   uint64
	sure   int64 // the latest time that is known for certain, ms since 1970
	days   map[survey.Date]dayCount
	unsure map[BootID]*unsureBoot
}

// dayCount is a day's total and the sequence of the record that changed it last.
type dayCount struct{ issued, changed uint64 }

// unsureBoot are the records of one boot that have no day yet.
type unsureBoot struct {
	after   int64 // they were made after this time
	records []unsure
}

// unsure is what is needed of a record to place it later.
type unsure struct {
	sequence   uint64
	wall, mono int64
}

// Add counts the next record of the chain.
func (l *Ledger) Add(r *Record) {
	l.last = r.Sequence
	if r.Fault == nil && r.Kind == ClockRecord {
		if clocks, err := r.Clocks(); err == nil {
			l.place(clocks)
		}
		return
	}
	if r.Fault != nil || r.Kind != ResponseRecord {
		return
	}
	if r.Clock == ClockSure {
		l.sure = max(l.sure, r.Wall)
		l.move(survey.DateOf(r.At()), 1)
		return
	}
	l.doubt(r)
	l.move(UnknownDay, 1)
}

// doubt remembers a record that has no day yet.
func (l *Ledger) doubt(r *Record) {
	if l.unsure == nil {
		l.unsure = map[BootID]*unsureBoot{}
	}
	b := l.unsure[r.Boot]
	if b == nil {
		b = &unsureBoot{after: l.sure}
		l.unsure[r.Boot] = b
	}
	b.records = append(b.records, unsure{r.Sequence, r.Wall, r.Mono})
}

// place gives unsure records of the boots their days.
func (l *Ledger) place(clocks []BootClock) {
	for _, c := range clocks {
		b := l.unsure[c.Boot]
		if b == nil {
			continue
		}
		b.records = slices.DeleteFunc(b.records, func(u unsure) bool {
			at, sure := c.Place(&Record{Wall: u.wall, Mono: u.mono})
			if sure {
				l.move(UnknownDay, -1)
				l.move(survey.DateOf(at), 1)
			}
			return sure
		})
		if len(b.records) == 0 {
			delete(l.unsure, c.Boot)
		}
	}
}

func (l *Ledger) move(day survey.Date, by int64) {
	if l.days == nil {
		l.days = map[survey.Date]dayCount{}
	}
	d := l.days[day]
	l.days[day] = dayCount{uint64(int64(d.issued) + by), l.last}
}

// UnsureBoot says of one boot with records that have no day yet when they can have been
// made: after After (ms since 1970), Mono running from First to Last among them.
type UnsureBoot struct {
	Boot        BootID
	After       int64
	First, Last int64
}

// Bounds are when that boot began at the earliest, and at the latest if another boot
// began no later than next, ms since 1970, by the centre's clock.
func (u UnsureBoot) Bounds(next int64) BootClock {
	return BootClock{Boot: u.Boot, Low: u.After - u.First, High: next - u.Last}
}

// Unsure are the boots with records that have no day yet, ordered by their ids.
func (l *Ledger) Unsure() []UnsureBoot {
	var list []UnsureBoot
	for boot, b := range l.unsure {
		by := func(x, y unsure) int { return cmp.Compare(x.mono, y.mono) }
		list = append(list, UnsureBoot{boot, b.after, slices.MinFunc(b.records, by).mono, slices.MaxFunc(b.records, by).mono})
	}
	slices.SortFunc(list, func(x, y UnsureBoot) int { return bytes.Compare(x.Boot[:], y.Boot[:]) })
	return list
}

// Issued is how many responses stand under a day.
func (l *Ledger) Issued(day survey.Date) uint64 { return l.days[day].issued }

// Since is the totals of the days that changed after sequence durable, and of the
// latest days besides, so that a centre that missed a word is put right by a later one.
func (l *Ledger) Since(durable uint64) *Totals {
	const latest = 3
	days := slices.Sorted(maps.Keys(l.days))
	t := &Totals{Last: l.last, Days: []DayTotal{}}
	for i, day := range days {
		if d := l.days[day]; d.changed > durable || i >= len(days)-latest || day == UnknownDay {
			t.Days = append(t.Days, DayTotal{Day: day, Issued: d.issued})
		}
	}
	return t
}

// Restore sets the last sequence counted, and days' rows as [Ledger.Changed] gave them.
func (l *Ledger) Restore(last uint64, rows ...LedgerRow) {
	if l.days == nil {
		l.days = map[survey.Date]dayCount{}
	}
	l.last = last
	for _, row := range rows {
		l.days[row.Day] = dayCount{row.Issued, row.Changed}
	}
}

// LedgerRow is one day of a [Ledger], to be kept and restored.
type LedgerRow struct {
	Day     survey.Date
	Issued  uint64
	Changed uint64 // the sequence of the record that changed it last
}

// Changed are the rows that changed after a sequence, ordered by day.
func (l *Ledger) Changed(after uint64) []LedgerRow {
	var rows []LedgerRow
	for _, day := range slices.Sorted(maps.Keys(l.days)) {
		if d := l.days[day]; d.changed > after {
			rows = append(rows, LedgerRow{day, d.issued, d.changed})
		}
	}
	return rows
}

// Adopt takes over the records of other that have no day yet: those that a restored
// ledger cannot know, because only their number was kept.
func (l *Ledger) Adopt(other *Ledger) {
	c := other.Clone()
	l.unsure, l.sure = c.unsure, max(l.sure, c.sure)
}

// Clone is a copy that changes apart from l.
func (l *Ledger) Clone() *Ledger {
	c := &Ledger{last: l.last, sure: l.sure, days: maps.Clone(l.days)}
	if len(l.unsure) > 0 {
		c.unsure = map[BootID]*unsureBoot{}
		for boot, b := range l.unsure {
			c.unsure[boot] = &unsureBoot{b.after, slices.Clone(b.records)}
		}
	}
	return c
}
