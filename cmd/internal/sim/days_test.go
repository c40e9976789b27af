package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// dayOf is one kiosk's day.
type dayOf struct {
	kiosk survey.KioskID
	date  survey.Date
}

// checkDays closes every kiosk's days from the records alone, and compares with what the
// kiosk signed and with what its ledger and the centre's say.
func (w *world) checkDays() {
	closings := map[dayOf]*custody.Closing{}
	of := func(kiosk survey.KioskID, date survey.Date) *custody.Closing {
		key := dayOf{kiosk, date}
		if closings[key] == nil {
			closings[key] = &custody.Closing{Kiosk: kiosk, Date: date, Excluded: map[survey.Flag]uint64{}}
		}
		return closings[key]
	}
	s, came, lossy := w.centre.store, map[survey.RecordID]bool{}, map[survey.KioskID]bool{}
	lost := w.losses()
	for _, name := range s.order {
		c := s.chains[name]
		days := w.daysOf(c.records)
		w.checkLedgers(name, c, days)
		_, damaged := lost[name]
		lossy[c.kiosk] = lossy[c.kiosk] || damaged || w.cloned[name] || w.isGone(c.kiosk)
		for date, n := range c.issued.days {
			of(c.kiosk, date).Issued += n
		}
		for date, n := range daysOf(c.ledger) {
			of(c.kiosk, date).Received += n
		}
		for i := range c.records {
			inner, ok := c.records[i].Issued()
			if !ok {
				continue
			}
			k := of(c.kiosk, days[i])
			if c.records[i].Kind == custody.SalvagedRecord { // another chain issued it
				k.Issued, k.Received = k.Issued+1, k.Received+1
			}
			judge(k, &inner, came)
		}
	}
	for key, c := range closings {
		switch {
		case !c.Balanced():
			w.fail("closing", "%s %s does not balance: %+v", key.kiosk, c.Day(), *c)
		case !lossy[key.kiosk] && c.Received != c.Issued:
			w.fail("closing", "%s %s: issued %d, received %d", key.kiosk, c.Day(), c.Issued, c.Received)
		}
	}
}

// judge counts a record in its closing.
func judge(c *custody.Closing, inner *custody.Record, came map[survey.RecordID]bool) {
	resp, err := inner.Response()
	switch {
	case came[inner.ID()]:
		c.Excluded[custody.DuplicateRecord]++
	case err != nil:
		c.Quarantined++
	case resp.Questionnaire != known || inner.Clock != custody.ClockSure && c.Date == custody.UnknownDay:
		c.Held++
	case resp.Excluded() != "":
		c.Excluded[resp.Excluded()]++
	default:
		c.Counted++
	}
	came[inner.ID()] = true
}

// daysOf is a ledger's days.
func daysOf(l *custody.Ledger) map[survey.Date]uint64 {
	days := map[survey.Date]uint64{}
	for _, d := range l.Since(0).Days {
		if d.Issued > 0 {
			days[d.Day] = d.Issued
		}
	}
	return days
}

// checkLedgers compares what the records say with the centre's ledger, with what the
// kiosk signed, and with the kiosk's own ledger where it still has the same records.
func (w *world) checkLedgers(name survey.Chain, c *chain, days []survey.Date) {
	counted, total := map[survey.Date]uint64{}, uint64(0)
	for i := range c.records {
		if c.records[i].Fault == nil && c.records[i].Kind == custody.ResponseRecord {
			counted[days[i]]++
			total++
		}
	}
	if got := daysOf(c.ledger); !maps.Equal(got, counted) {
		w.fail("closing", "chain %x: the centre's ledger has %v, its records %v", name[:3], got, counted)
	}
	if w.cloned[name] {
		return // two boxes speak of it
	}
	word, issued := maps.Clone(c.issued.days), sum(c.issued.days)
	maps.DeleteFunc(word, func(_ survey.Date, n uint64) bool { return n == 0 })
	s, damaged := w.losses()[name]
	switch {
	case issued < total:
		w.fail("closing", "chain %x: the kiosk signed for %d, the centre has %d", name[:3], issued, total)
	case w.isGone(c.kiosk):
	case !damaged && !maps.Equal(word, counted):
		w.fail("closing", "chain %x: the kiosk signed %v, the centre has %v", name[:3], word, counted)
	case damaged && s.Unbounded:
	case damaged && issued > total+s.Salvaged+s.Lost():
		w.fail("closing", "chain %x: the kiosk signed for %d, the centre has %d, %d came in another chain and %d were declared", name[:3], issued, total, s.Salvaged, s.Lost())
	}
	for _, b := range w.running() {
		for _, l := range b.prog.links {
			if l.j.files.chain == name && l.j.head() == w.centre.store.head(name) && !maps.Equal(daysOf(l.j.ledger), counted) {
				w.fail("closing", "chain %x: the kiosk's ledger has %v, the centre's %v", name[:3], daysOf(l.j.ledger), counted)
			}
		}
	}
}

// isGone reports whether the kiosk was destroyed.
func (w *world) isGone(kiosk survey.KioskID) bool {
	return slices.ContainsFunc(w.boxes, func(b *box) bool { return b.gone && b.id == kiosk })
}

// daysOf says the day of each record of a chain, and looks whether it is true.
func (w *world) daysOf(records []custody.Record) []survey.Date {
	days := make([]survey.Date, len(records))
	waiting := map[custody.BootID][]int{}
	for i := range records {
		r := &records[i]
		if clocks, err := r.Clocks(); err == nil {
			for _, c := range clocks {
				waiting[c.Boot] = slices.DeleteFunc(waiting[c.Boot], func(at int) bool {
					return w.placed(c, &records[at], &days[at])
				})
			}
			continue
		}
		inner, ok := r.Issued()
		switch {
		case !ok:
		case inner.Clock == custody.ClockSure:
			days[i] = survey.DateOf(inner.At())
			w.checkTime(&inner, inner.Wall, inner.Wall)
		case r.Kind == custody.ResponseRecord:
			waiting[r.Boot] = append(waiting[r.Boot], i)
		}
	}
	for _, list := range waiting {
		w.tally.unplaced += len(list)
	}
	return days
}

// placed gives an unsure record its day if the bounds of its boot allow it.
func (w *world) placed(c custody.BootClock, r *custody.Record, day *survey.Date) bool {
	low, high := c.Low+r.Mono, c.High+r.Mono
	w.checkTime(r, low, high)
	first, last := survey.DateOf(time.UnixMilli(low)), survey.DateOf(time.UnixMilli(high))
	if high < low || first != last && high-low > hour {
		return false
	}
	at := min(max(r.Wall, low), high)
	*day = survey.DateOf(time.UnixMilli(at))
	w.tally.placed++
	return true
}

// checkTime: the record was made between these moments, but for what a box's counter
// errs in a day or two.
func (w *world) checkTime(r *custody.Record, low, high int64) {
	const errs = minute
	for _, at := range w.byNonce[r.Nonce].at {
		if at >= low-errs && at <= high+errs {
			return
		}
	}
	w.fail("clock", "press %d was made at %s, its record says %s to %s", w.byNonce[r.Nonce].number,
		fmt.Sprint(w.byNonce[r.Nonce].at), fmt.Sprint(low), fmt.Sprint(high))
}
