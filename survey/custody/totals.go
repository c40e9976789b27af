package custody

import (
	"cmp"
	"maps"
	"slices"

	"hailong/survey"
)

// Totals is how many responses a chain has issued, day by day, up to sequence Last: the
// kiosk signs them into every batch and heartbeat. The centre compares them with what
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
	days   map[survey.Date]dayCount
	unsure map[BootID][]unsure
}

// dayCount is a day's total and the sequence of the record that changed it last.
type dayCount struct{ issued, changed uint64 }

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
	issued, ok := r.Issued()
	if !ok {
		return
	}
	if issued.Clock == ClockSure {
		l.move(survey.DateOf(issued.At()), 1)
		return
	}
	if r.Kind == ResponseRecord { // a salvaged one's boot is of another life
		if l.unsure == nil {
			l.unsure = map[BootID][]unsure{}
		}
		l.unsure[r.Boot] = append(l.unsure[r.Boot], unsure{r.Sequence, r.Wall, r.Mono})
	}
	l.move(UnknownDay, 1)
}

// place gives unsure records of the boots their days.
func (l *Ledger) place(clocks []BootClock) {
	for _, c := range clocks {
		left := slices.DeleteFunc(l.unsure[c.Boot], func(u unsure) bool {
			at, sure := c.Place(&Record{Wall: u.wall, Mono: u.mono})
			if sure {
				l.move(UnknownDay, -1)
				l.move(survey.DateOf(at), 1)
			}
			return sure
		})
		if len(left) == 0 {
			delete(l.unsure, c.Boot)
		} else {
			l.unsure[c.Boot] = left
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

// Unsure reports, for each boot with records that have no day yet, the least and the
// greatest Mono among them.
func (l *Ledger) Unsure() map[BootID][2]int64 {
	spans := map[BootID][2]int64{}
	for boot, list := range l.unsure {
		least := slices.MinFunc(list, func(a, b unsure) int { return cmp.Compare(a.mono, b.mono) })
		most := slices.MaxFunc(list, func(a, b unsure) int { return cmp.Compare(a.mono, b.mono) })
		spans[boot] = [2]int64{least.mono, most.mono}
	}
	return spans
}

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

// Clone is a copy that changes apart from l.
func (l *Ledger) Clone() *Ledger {
	c := &Ledger{last: l.last, days: maps.Clone(l.days)}
	if len(l.unsure) > 0 {
		c.unsure = map[BootID][]unsure{}
		for boot, list := range l.unsure {
			c.unsure[boot] = slices.Clone(list)
		}
	}
	return c
}
