package storetest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/score"
)

// sameClosings expects two stores to account for the same records alike.
func sameClosings(rt *rapid.T, t *testing.T, a, b Store) {
	rt.Helper()
	want, _, err := a.Closings(t.Context(), custody.ClosingQuery{})
	must(rt, err)
	got, _, err := b.Closings(t.Context(), custody.ClosingQuery{})
	must(rt, err)
	if !reflect.DeepEqual(got, want) {
		rt.Fatalf("closings are %+v, not %+v", got, want)
	}
}

// closingsBalance draws kiosks of presses that change their minds, use tickets again, lose
// their clocks and their journals. Whatever pieces come in whatever order, each record is in one place,
// on the day that its kiosk's own ledger says, and the closings agree with the roll-ups.
func closingsBalance(t *testing.T, open opener) {
	root, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		must(rt, os.MkdirAll(dir, 0o700))
		s := open(t, dir)
		defer s.Close()
		a, b := drawPresses(rt, "a"), drawPresses(rt, "b")
		kiosks := []*kiosk{a, b, drawSuccessor(rt, a)}
		sendInPieces(rt, t, s, kiosks)
		list, _, err := s.Closings(t.Context(), custody.ClosingQuery{})
		must(rt, err)
		checkIssued(rt, list, kiosks)
		checkCounted(rt, t, s, list)
		must(rt, s.Recount(t.Context()))
	})
}

// drawPresses is a kiosk with presses of one question, some of which replace others.
func drawPresses(t *rapid.T, name string) *kiosk {
	k := newKiosk(name)
	k.silent = false
	for range rapid.IntRange(1, 12).Draw(t, name+" presses") {
		k.drawTime(t)
		k.record(k.drawPress(t))
	}
	return k
}

func (k *kiosk) drawPress(t *rapid.T) survey.Response {
	counter := rapid.SampledFrom([]survey.CounterCode{"Q1", "Q1", "Q3", "Q9"}).Draw(t, "counter")
	r := press(counter, survey.Level(rapid.SampledFrom([]int{1, 2, 3, 4, 5, 6}).Draw(t, "level"))) // 6 does not fit
	if len(k.records) > 0 && rapid.Bool().Draw(t, "linked") {
		to := survey.RecordID{Chain: k.chain, Sequence: uint64(rapid.IntRange(1, len(k.records)).Draw(t, "to"))}
		if rapid.Bool().Draw(t, "replaces") {
			r.Replaces = to
		} else {
			r.Continues = to
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "soon") == 0 {
		r.WithFlag(survey.TooSoon)
	}
	return drawTicket(t, r)
}

// drawSuccessor is the next life of a kiosk, which salvaged some records of the last
// one, some of them twice.
func drawSuccessor(t *rapid.T, old *kiosk) *kiosk {
	next := old.successor("a, second life")
	after := custody.Succession{Predecessor: old.chain, Reserved: 99}
	next.seal(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: after.Encode()})
	for range rapid.IntRange(0, 4).Draw(t, "salvaged") {
		next.salvage(old.records[rapid.IntRange(0, len(old.records)-1).Draw(t, "which")])
	}
	next.record(next.drawPress(t))
	return next
}

// checkIssued compares closings with the kiosks' own ledgers, and with what they salvaged:
// all has come.
func checkIssued(t *rapid.T, list []custody.Closing, kiosks []*kiosk) {
	type day struct {
		kiosk survey.KioskID
		survey.Date
	}
	want, got := map[day]uint64{}, map[day]uint64{}
	for _, k := range kiosks {
		for _, d := range k.totals().Days {
			want[day{k.id, d.Day}] += d.Issued
		}
		for i := range k.records {
			in, ok := k.records[i].Issued()
			if !ok || k.records[i].Kind != custody.SalvagedRecord {
				continue
			}
			at := custody.UnknownDay
			if in.Clock == custody.ClockSure {
				at = survey.DateOf(in.At())
			}
			want[day{k.id, at}]++
		}
	}
	maps.DeleteFunc(want, func(_ day, n uint64) bool { return n == 0 })
	for _, c := range list {
		if !c.Balanced() || c.Issued != c.Received {
			t.Fatalf("the closing %+v is not balanced or not complete", c)
		}
		got[day{c.Kiosk, c.Date}] = c.Received
	}
	if !maps.Equal(got, want) {
		t.Fatalf("by the closings came %v, by the ledgers %v", got, want)
	}
}

// checkCounted compares closings with the time roll-up: a press is one answer.
func checkCounted(rt *rapid.T, t *testing.T, s Store, list []custody.Closing) {
	type place struct {
		day    survey.Date
		reason survey.Flag
	}
	want, got := map[place]int64{}, map[place]int64{}
	all, err := countsOf(t.Context(), s)
	must(rt, err)
	for k, n := range all.time {
		if k.Item.Kind == score.QuestionItem {
			want[place{k.Hour.Date(), k.Excluded}] += n.Answers
		}
	}
	for _, c := range list {
		got[place{c.Date, ""}] += int64(c.Counted)
		for reason, n := range c.Excluded {
			if reason != custody.DuplicateRecord {
				got[place{c.Date, reason}] += int64(n)
			}
		}
	}
	maps.DeleteFunc(got, func(_ place, n int64) bool { return n == 0 })
	if !maps.Equal(got, want) {
		rt.Fatalf("the closings say %v, the roll-ups %v", got, want)
	}
}
