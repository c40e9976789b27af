package journal

import (
	"crypto/ed25519"
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
)

// Lost reports whether nothing can be read of the chain that a kiosk's identity remembers,
// nor of one that follows it. No number above reserved was ever given out in it; 0 = not
// known.
func (h *Holding) Lost(chain survey.Chain) (lost bool, reserved uint64) {
	if chain.IsZero() || slices.ContainsFunc(h.Chains, func(c Held) bool {
		return c.Chain == chain || slices.Contains(h.haul.before(c.Chain), chain)
	}) {
		return false, 0
	}
	j := &Journal{opts: Options{Reserve: h.reserve}}
	reserved, _ = j.reservedOf(chain) // what cannot be read says nothing
	return true, reserved
}

// Unsent is how many records there are of a chain after a sequence, for a centre that has
// the chain up to has: ready is how many of them it takes as they are, and behind how many
// it does not, since what comes before them is missing. Those go up only inside a chain that
// begins when the kiosk's program opens the journal. What such a chain carries is in neither.
func (h *Holding) Unsent(chain survey.Chain, after, has uint64) (ready, behind uint64) {
	rows, rest := h.sendable(chain, has)
	return recordsAfter(rows, after), recordsAfter(rest, after)
}

// recordsAfter is how many records of some rows come after a sequence.
func recordsAfter(rows []chainRun, after uint64) (n uint64) {
	for _, row := range rows {
		n += uint64(len(row.after(after)))
	}
	return n
}

// after is what a row has after a sequence.
func (r chainRun) after(sequence uint64) chainRun {
	return r[min(uint64(len(r)), max(sequence+1, r[0].Sequence)-r[0].Sequence):]
}

// sendable are the rows of a chain that a centre takes as they are which has it up to a
// sequence: those that begin no later than what the centre lacks. has = 0 may mean that
// nobody knows: then what was let go counts as there. rest is what else there is. What a
// later chain carries is in neither.
func (h *Holding) sendable(chain survey.Chain, has uint64) (rows, rest []chainRun) {
	i := slices.IndexFunc(h.Chains, func(c Held) bool { return c.Chain == chain })
	if i < 0 {
		return nil, nil
	}
	var later []survey.Chain
	for _, c := range h.Chains[i+1:] {
		later = append(later, c.Chain)
	}
	carried := h.haul.carried(later)
	for _, run := range h.haul.runs(chain) {
		begins := run[0].Sequence <= has+1 || has == 0 && run[0].Sequence == h.Chains[i].Kept
		n := slices.IndexFunc(run, func(r custody.Record) bool { return carried[innermost(&r)] })
		if n < 0 {
			n = len(run)
		}
		if begins && n > 0 {
			rows, run = append(rows, run[:n]), run[n:]
		}
		run = slices.DeleteFunc(slices.Clone(run), func(r custody.Record) bool { return carried[innermost(&r)] })
		if len(run) > 0 {
			rest = append(rest, run)
		}
	}
	return rows, rest
}

// The size of the batches that [Holding.Batches] makes: those of the uplink.
const (
	batchRecords = 1000
	batchBytes   = 64 << 10
)

// Batches signs what a centre takes as it is that has a chain up to has (see
// [Holding.Unsent]), from after a sequence on, and gives each batch to visit, in order. A
// batch never goes over a gap. Those of the row that the chain begins with carry its totals;
// where its beginning was let go, none of days that may have more. Behind a gap nobody knows
// what was issued, and the batches carry none.
func (h *Holding) Batches(chain survey.Chain, after, has uint64, kiosk survey.KioskID, key ed25519.PrivateKey, visit func(*custody.Batch) error) error {
	rows, _ := h.sendable(chain, has)
	for _, row := range rows {
		var totals *custody.Totals
		if row[0].Sequence == h.haul.runs(chain)[0][0].Sequence {
			totals = row.totals(after)
		}
		rest := row.after(after)
		for len(rest) > 0 {
			g := &gathering{most: batchBytes}
			for n := range rest[:min(len(rest), batchRecords)] {
				if !g.add(&rest[n], h.haul.comment(&rest[n])) {
					break
				}
			}
			if err := visit(custody.NewBatch(kiosk, key, rest[0].Previous, g.records, g.comments, totals)); err != nil {
				return err
			}
			rest = rest[len(g.records):]
		}
	}
	return nil
}

// totals are what a row of records issued, day by day, as far as it tells a day whole (see
// [Journal.pastDays]); nil where it tells none.
func (r chainRun) totals(after uint64) *custody.Totals {
	days := &custody.Ledger{}
	for i := range r {
		days.Add(&r[i])
	}
	totals := days.Since(after)
	if r[0].Sequence > 1 {
		begun := survey.DateOf(r[0].At())
		totals.Days = slices.DeleteFunc(totals.Days, func(d custody.DayTotal) bool { return d.Day <= begun })
	}
	if len(totals.Days) == 0 {
		return nil
	}
	return totals
}
