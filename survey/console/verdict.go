package console

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"hailong/survey"
	"hailong/survey/custody"
)

// verdict is whether closings close to the last press, and what stands against it: each
// closing for itself, so that no kiosk and no day makes up for another.
type verdict struct {
	issued, received, waiting      uint64 // waiting: held or quarantined
	missing, disputed, unaccounted byKiosk
	lost                           []custody.Loss // that may be of these closings
}

// byKiosk are numbers of the kiosks where there is something to be counted.
type byKiosk map[survey.KioskID]uint64

func (b byKiosk) add(k survey.KioskID, n uint64) {
	if n > 0 {
		b[k] = plus(b[k], n)
	}
}

func (b byKiosk) sum() (n uint64) {
	for each := range maps.Values(b) {
		n = plus(n, each)
	}
	return n
}

// plus is a sum that ends at the greatest number and does not begin anew behind it: kiosks
// may say any number.
func plus(a, b uint64) uint64 { return a + min(b, math.MaxUint64-a) }

func newVerdict(list []custody.Closing, lost []custody.Loss) *verdict {
	v := &verdict{missing: byKiosk{}, disputed: byKiosk{}, unaccounted: byKiosk{}, lost: lost}
	for i := range list {
		k := &list[i]
		v.issued, v.received, v.waiting = plus(v.issued, k.Issued), plus(v.received, k.Received), v.waiting+k.Held+k.Quarantined
		v.missing.add(k.Kiosk, k.Missing())
		v.disputed.add(k.Kiosk, k.Disputed)
		if !k.Balanced() {
			v.unaccounted.add(k.Kiosk, max(1, k.Unaccounted))
		}
	}
	return v
}

// closes reports whether all that was issued has arrived and is accounted for, nothing of
// it is in dispute, and nobody declares a loss.
func (v *verdict) closes() bool {
	return len(v.missing)+len(v.disputed)+len(v.unaccounted)+len(v.lost) == 0
}

// against are the losses that stand against closings asked for. Of those without a known
// day only the ones that are there can lack something.
func against(losses []custody.Loss, list []custody.Closing, queries ...custody.ClosingQuery) (found []custody.Loss) {
	for _, l := range losses {
		undated := slices.ContainsFunc(list, func(k custody.Closing) bool { return k.Kiosk == l.Kiosk && k.Date == custody.UnknownDay })
		if slices.ContainsFunc(queries, func(q custody.ClosingQuery) bool { return (undated || !q.Unknown) && l.Touches(q) }) {
			found = append(found, l)
		}
	}
	return found
}

// ofDay asks for the closings of a day, of one kiosk or all.
func ofDay(k survey.KioskID, d survey.Date) custody.ClosingQuery {
	return custody.ClosingQuery{Kiosk: k, From: d, To: d, Unknown: d == custody.UnknownDay}
}

// allLost are several losses as one.
func allLost(losses []custody.Loss) lossJSON {
	told := make([]lossJSON, len(losses))
	for i, l := range losses {
		told[i] = newLossJSON(l)
	}
	return asOne(told)
}

// asOne adds up how many several losses are.
func asOne(losses []lossJSON) (all lossJSON) {
	most, unknown := uint64(0), false
	for _, l := range losses {
		all.AtLeast = plus(all.AtLeast, l.AtLeast)
		if unknown = unknown || l.AtMost == nil; !unknown {
			most = plus(most, *l.AtMost)
		}
	}
	if !unknown && most <= maxLoss {
		all.AtMost = &most
	}
	return all
}

// sentence says whether what is shown closes to the last press. silent are the kiosks that
// may have recorded more than they told.
func (v *verdict) sentence(lang survey.Lang, silent []silentJSON) string {
	issued := count(lang, v.issued)
	switch {
	case !v.closes():
		return fmt.Sprintf(say(lang, "closing_open"), strings.Join(v.parts(lang, fmt.Sprintf(say(lang, "part_missing"), "%s", issued)), "; "))
	case v.issued == 0 && v.received == 0 && len(silent) > 0:
		return fmt.Sprintf(say(lang, "closing_nothing_said"), len(silent), sinceWhen(lang, silent))
	case v.issued == 0 && v.received == 0:
		return say(lang, "closing_nothing")
	case len(silent) > 0:
		return fmt.Sprintf(say(lang, "closing_whole_said"), issued, len(silent), sinceWhen(lang, silent))
	}
	return fmt.Sprintf(say(lang, "closing_whole"), issued)
}

// note is sentence for one day among others.
func (v *verdict) note(lang survey.Lang, silent []silentJSON) string {
	switch {
	case v.closes() && len(silent) > 0:
		return fmt.Sprintf(say(lang, "day_whole_said"), len(silent), sinceWhen(lang, silent))
	case v.closes():
		return say(lang, "day_whole")
	}
	return strings.Join(v.parts(lang, say(lang, "day_lacks")), "; ")
}

// parts are what stands against it; missing says how many are missing.
func (v *verdict) parts(lang survey.Lang, missing string) (list []string) {
	for _, part := range []struct {
		n      uint64
		format string
	}{
		{v.missing.sum(), missing}, {v.disputed.sum(), say(lang, "part_disputed")}, {v.unaccounted.sum(), say(lang, "part_unaccounted")},
	} {
		if part.n > 0 {
			list = append(list, fmt.Sprintf(part.format, count(lang, part.n)))
		}
	}
	if len(v.lost) > 0 {
		list = append(list, fmt.Sprintf(say(lang, "part_lost"), lossCount(lang, allLost(v.lost))))
	}
	return list
}

// where says at which kiosks, and what to do there.
func (v *verdict) where(lang survey.Lang, kiosks []kioskJSON, names map[survey.KioskID]string) (lines []string) {
	at := func(key string, b byKiosk) {
		if len(b) > 0 {
			lines = append(lines, fmt.Sprintf(say(lang, key), theKiosks(lang, b, names)))
		}
	}
	at("at_missing", v.missing)
	gone := func(k kioskJSON) bool { return k.Revoked != nil && v.missing[k.ID] > 0 }
	if slices.ContainsFunc(kiosks, gone) {
		lines = append(lines, say(lang, "at_revoked"))
	}
	at("at_disputed", v.disputed)
	at("at_unaccounted", v.unaccounted)
	lost := byKiosk{}
	var unknown []string
	for _, l := range v.lost {
		if most := atMost(l); most != nil {
			lost.add(l.Kiosk, *most)
		} else {
			unknown = append(unknown, kioskName(l.Kiosk, names))
		}
	}
	at("at_lost", lost)
	if len(unknown) > 0 {
		slices.Sort(unknown)
		lines = append(lines, fmt.Sprintf(say(lang, "at_lost_unknown"), strings.Join(slices.Compact(unknown), ", ")))
	}
	if v.waiting > 0 {
		lines = append(lines, fmt.Sprintf(say(lang, "closing_waiting"), count(lang, v.waiting)))
	}
	return lines
}

// kioskName is a kiosk's place, where it has one, and its name.
func kioskName(id survey.KioskID, names map[survey.KioskID]string) string {
	return strings.TrimSpace(names[id] + " " + string(id))
}

// maxNamed is how many kiosks a sentence names.
const maxNamed = 5

// theKiosks names the kiosks with the greatest numbers.
func theKiosks(lang survey.Lang, b byKiosk, names map[survey.KioskID]string) string {
	ids := slices.SortedFunc(maps.Keys(b), func(x, y survey.KioskID) int {
		return cmp.Or(cmp.Compare(b[y], b[x]), cmp.Compare(x, y))
	})
	var list []string
	for _, id := range ids[:min(len(ids), maxNamed)] {
		list = append(list, fmt.Sprintf("%s (%s)", kioskName(id, names), count(lang, b[id])))
	}
	text := strings.Join(list, ", ")
	if more := len(ids) - maxNamed; more > 0 {
		text += fmt.Sprintf(say(lang, "and_more"), more)
	}
	return text
}
