package storetest

import (
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// whatMayBeLost narrows what a successor says by what came of the chain before.
func whatMayBeLost(t *testing.T, open opener) {
	s := counting(t, open)
	old := presses("a", 6)
	next := old.successor("a, second life")
	after := custody.Succession{Predecessor: old.chain, Last: 2, Reserved: 9, Salvaged: 1, Reason: "thử", From: 1, To: 2}
	next.seal(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: after.Encode()})
	next.salvage(old.records[5])
	lost := func(what string, least, most uint64) {
		t.Helper()
		got, err := s.store.Losses(s.ctx)
		s.ok(err)
		if len(got) != 1 || !got[0].Heard.Equal(noon) || got[0].Kiosk != old.id || got[0].Chain != next.chain || got[0].Succession != after || got[0].AtLeast != least || got[0].AtMost != most {
			t.Errorf("%s: %+v, want %d to %d", what, got, least, most)
		}
	}
	s.keep(next.batch(1, 1))
	lost("nothing came of it", 0, 9) // not what it says it has still: that may be lost on its way
	s.ok(s.store.PutTotals(s.ctx, []custody.Said{{Kiosk: old.id, Chain: old.chain, Totals: custody.Totals{Last: 7}}}))
	lost("it had said 7", 4, 9)
	s.keep(old.batch(1, 4))
	lost("up to 4 had come, what was salvaged has not", 2, 5)
	s.keep(next.batch(2, 2))
	lost("and the sixth", 2, 4)
	s.ok(s.store.PutTotals(s.ctx, []custody.Said{{Kiosk: old.id, Chain: old.chain, Totals: custody.Totals{Last: 12}}}))
	lost("it had said 12 after all", 7, 7)
	s.keep(old.batch(5, 6))
	lost("up to 6", 6, 6)
	s.reopen()
	s.recounted()
}

// whatIsOnItsWayMayBeLost has a kiosk whose journal was damaged after the centre last heard
// of it. What its successor says is still there may be lost until it is here.
func whatIsOnItsWayMayBeLost(t *testing.T, open opener) {
	s := counting(t, open)
	old := presses("a", 8)
	s.keep(old.batch(1, 3))
	next := old.successor("a, second life")
	after := custody.Succession{Predecessor: old.chain, Last: 6, LastSum: old.records[5].Hash, Reserved: 8, Salvaged: 2, To: noon.UnixMilli()}
	next.seal(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: after.Encode()})
	next.salvage(old.records[6])
	next.salvage(old.records[7])
	lost := func(what string, most uint64) {
		t.Helper()
		got, err := s.store.Losses(s.ctx)
		s.ok(err)
		if len(got) != 1 || got[0].AtLeast != 0 || got[0].AtMost != most || got[0].Touches(custody.ClosingQuery{From: today, To: today}) != (most > 0) {
			t.Errorf("%s: %+v, want at most %d", what, got, most)
		}
	}
	s.keep(next.batch(1, 2))
	lost("three in its own chain and one of two salvaged are not here", 4)
	s.keep(next.batch(3, 3))
	lost("three in its own chain are not here", 3)
	s.keep(old.batch(4, 6))
	lost("all are here", 0)
	s.recounted()
}

// whatIsNotHereIsOfAllItsDays has a centre that was restored from an older backup than what
// the kiosk let go: of the old chain it lacks records of two days, and the successor can say
// only when the last of them was made.
func whatIsNotHereIsOfAllItsDays(t *testing.T, open opener) {
	s := counting(t, open)
	old := presses("a", 3)
	old.reboot()
	old.record(press("Q1", 3))
	old.clock(noon, noon)
	for _, day := range []time.Duration{1, 2, 2} {
		old.now, old.unsure = noon.Add(day*24*time.Hour), false
		old.record(press("Q1", 3))
	}
	next := old.successor("a, second life")
	after := custody.Succession{Predecessor: old.chain, Last: 8, LastSum: old.records[7].Hash, Reserved: 8, From: old.now.UnixMilli(), To: old.now.UnixMilli()}
	next.seal(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: after.Encode()})
	var none survey.Date
	_, err := s.store.Keep(s.ctx, []custody.Arrival{{Batch: next.all(), Received: noon.Add(3 * 24 * time.Hour)}})
	s.ok(err)
	for _, c := range []struct {
		up    int // to this record the centre has the old chain
		most  uint64
		since survey.Date
	}{{0, 8, none}, {3, 5, today}, {4, 4, none}, {5, 3, today}, {6, 2, today + 1}, {7, 1, today + 2}, {8, 0, none}} {
		if c.up > 0 {
			s.keep(old.batch(1, c.up))
		}
		got, err := s.store.Losses(s.ctx)
		s.ok(err)
		if len(got) != 1 || got[0].AtMost != c.most {
			t.Fatalf("up to %d: %+v", c.up, got)
		}
		for d := today - 1; d <= today+4; d++ {
			if touches := got[0].Touches(custody.ClosingQuery{From: d, To: d}); touches != (c.most > 0 && d >= c.since && d <= today+3) {
				t.Errorf("up to %d: day %s is touched: %v", c.up, d, touches)
			}
		}
	}
	s.recounted()
}

// aChainSpeaksOfOthersAtItsBeginning: what it says later of earlier ones says nothing, so
// that no kiosk makes everybody's closings slow.
func aChainSpeaksOfOthersAtItsBeginning(t *testing.T, open opener) {
	s := counting(t, open)
	k := presses("a", 1)
	for i := range 70 {
		said := custody.Succession{Predecessor: survey.Chain{1, byte(i)}, Reserved: 5, To: noon.UnixMilli()}
		k.seal(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: said.Encode()})
	}
	s.keep(k.all())
	got, err := s.store.Losses(s.ctx)
	s.ok(err)
	if len(got) != 63 { // behind the press
		t.Errorf("%d losses", len(got))
	}
	s.recounted()
}

// aLossIsSaidAgain has a journal that was damaged twice: the chain that follows says the
// earlier loss again, because the chain between may never have been heard.
func aLossIsSaidAgain(t *testing.T, open opener) {
	s := counting(t, open)
	first := presses("a", 6)
	second, third := first.successor("a, second life"), first.successor("a, third life")
	say := func(k *kiosk, s custody.Succession) {
		k.seal(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: s.Encode()})
	}
	early := custody.Succession{Predecessor: first.chain, Last: 6, LastSum: first.head().Hash, Reserved: 8, Reason: "lần một", To: 2}
	late := custody.Succession{Predecessor: second.chain, Last: 0, Reserved: 5, Reason: "lần hai", To: 3}
	say(second, early)
	say(third, late)
	say(third, early)
	s.keep(third.all())
	s.keep(first.all())
	lost := func(what string, chains ...survey.Chain) {
		t.Helper()
		got, err := s.store.Losses(s.ctx)
		s.ok(err)
		if len(got) != 2 || got[0].Succession != early || got[0].AtMost != 2 || got[1].Succession != late || got[0].Chain != chains[0] || got[1].Chain != chains[1] {
			t.Errorf("%s: %+v", what, got)
		}
	}
	lost("by the last one alone", third.chain, third.chain)
	s.keep(second.all())
	got, err := s.store.Losses(s.ctx)
	s.ok(err)
	if len(got) != 2 {
		t.Errorf("a loss that was said twice is %d losses", len(got))
	}
	s.recounted()
}
