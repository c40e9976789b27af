package storetest

import (
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// moreCameThanWasSaid has a kiosk say how many it issued, lose its journal, and send more
// of the old chain afterwards, without a word about numbers.
func moreCameThanWasSaid(t *testing.T, open opener) {
	s := counting(t, open)
	old := presses("a", 5)
	say := func(last, issued uint64) {
		t.Helper()
		s.ok(s.store.PutTotals(s.ctx, []custody.Said{{Kiosk: old.id, Chain: old.chain, Totals: custody.Totals{
			Last: last, Days: []custody.DayTotal{{Day: today, Issued: issued}},
		}}}))
	}
	say(2, 1)
	s.keep(old.batch(1, 2))
	s.closings(custody.ClosingQuery{}, closing{old, today, "received 2, counted 2"})
	next := old.successor("a, second life")
	next.silent = false
	next.salvage(old.records[3])
	say(4, 1)
	s.keep(next.all())
	s.closings(custody.ClosingQuery{}, closing{old, today, "received 3, counted 3"})
	s.keep(old.all())
	s.closings(custody.ClosingQuery{}, closing{old, today, "received 6, counted 5, duplicate 1"})
	say(5, 9)
	s.closings(custody.ClosingQuery{}, closing{old, today, "issued 10, received 6, counted 5, duplicate 1"})
	s.recounted()
}

// chainsDoNotMakeUp has three lives of one kiosk. The first learned the day of its press
// before it was damaged, the second salvaged the press without its day, and of the third
// one press never came. What was issued twice is of the first, and of another day: it is
// nothing that the third one lacks.
func chainsDoNotMakeUp(t *testing.T, open opener) {
	s := counting(t, open)
	first := newKiosk("a")
	second, third := first.successor("a, second life"), first.successor("a, third life")
	first.silent, second.silent, third.silent = false, false, false
	first.reboot()
	first.record(press("Q1", 5))
	second.salvage(first.records[0])
	first.clock(noon, noon)
	third.reboot()
	third.record(press("Q1", 4))
	third.record(press("Q1", 3))
	s.ok(s.store.PutTotals(s.ctx, []custody.Said{{Kiosk: first.id, Chain: first.chain, Totals: *first.totals(), Received: noon}}))
	s.keep(second.all(), third.batch(1, 1))
	s.closings(custody.ClosingQuery{}, closing{first, today, ""}, closing{first, custody.UnknownDay, "issued 3, received 2, held 2"})
	s.recounted()
	s.keep(first.all(), third.all())
	s.closings(custody.ClosingQuery{}, closing{first, today, "received 1, duplicate 1"}, closing{first, custody.UnknownDay, "received 3, held 3"})
}

// salvagedSaysOtherwise has a journal salvaged with other bytes under a number than the
// old chain brings. That is no repeat: it is in dispute, and an alarm.
func salvagedSaysOtherwise(t *testing.T, open opener) {
	for name, order := range map[string]func(s *story, old, next *kiosk) (against survey.Chain){
		"old first": func(s *story, old, next *kiosk) survey.Chain {
			s.keep(old.all())
			s.keep(next.all())
			return next.chain
		},
		"together":       func(s *story, old, next *kiosk) survey.Chain { s.keep(old.all(), next.all()); return next.chain },
		"salvaged first": func(s *story, old, next *kiosk) survey.Chain { s.keep(next.all()); s.keep(old.all()); return old.chain },
	} {
		t.Run(name, func(t *testing.T) {
			s := counting(t, open)
			old, edited := presses("a", 2), presses("a", 2)
			next := old.successor("a, second life")
			old.silent, next.silent = false, false
			old.record(press("Q3", 5))
			edited.record(press("Q3", 1))
			next.salvage(edited.records[2])
			next.salvage(old.records[1]) // this one is a repeat
			against := order(s, old, next)
			want := closing{old, today, "received 5, counted 3, duplicate 1, disputed 1"}
			s.closings(custody.ClosingQuery{}, want)
			if st := s.chainState(against); st.Forks != 1 || st.Disputed != 1 {
				t.Errorf("the state of the chain that contradicts is %+v", st)
			}
			s.figures("all", s.score(survey.ScoreQuery{}).Total, 3, 3, 0)
			s.reopen()
			s.closings(custody.ClosingQuery{}, want)
			s.recounted()
		})
	}
}

// salvagedTwiceOtherwise has two later lives of one kiosk salvage other bytes under one
// number, of a chain of which nothing came.
func salvagedTwiceOtherwise(t *testing.T, open opener) {
	s := counting(t, open)
	old, edited := presses("a", 1), newKiosk("a")
	edited.record(press("Q3", 1))
	second, third := old.successor("a, second life"), old.successor("a, third life")
	second.salvage(old.records[0])
	third.salvage(edited.records[0])
	third.salvage(old.records[0])
	s.keep(second.all(), third.all())
	s.closings(custody.ClosingQuery{}, closing{old, today, "received 3, counted 1, duplicate 1, disputed 1"})
	s.recounted()
}

// ownRecordsAreNoLoss has a kiosk whose centre was restored from a backup older than what
// the kiosk had let go. Among what it kept is a record of the journal's own, which is no
// loss, whichever backup is brought back and wherever that one ends.
func ownRecordsAreNoLoss(t *testing.T, open opener) {
	old := presses("a", 6)
	old.clock(noon, noon)
	old.record(press("Q1", 3))
	next := old.successor("a, second life")
	after := custody.Succession{Predecessor: old.chain, Reserved: 8, Salvaged: 4, To: 2}
	next.seal(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: after.Encode()})
	for _, r := range old.records[4:] { // the first four were let go
		next.salvage(r)
	}
	next.record(press("Q1", 5))
	for _, c := range []struct {
		backup string
		has    int
		lost   uint64
	}{{"none", 0, 4}, {"the older", 2, 2}, {"the newer", 5, 0}, {"one that has the own record", 7, 0}} {
		t.Run(c.backup, func(t *testing.T) {
			s := counting(t, open)
			if c.has > 0 {
				s.keep(old.batch(1, c.has))
			}
			s.keep(next.batch(1, 3))
			s.keep(next.batch(2, 5), next.all()) // the same records again, cut otherwise
			got, err := s.store.Losses(s.ctx)
			s.ok(err)
			if len(got) != 1 || got[0].AtLeast != 0 || got[0].AtMost != c.lost {
				t.Errorf("%+v, want at most %d", got, c.lost)
			}
			s.waiting(next.chain, 0, 0)
			s.recounted()
		})
	}
}

// aSalvagedCommentComesLater has a record that was salvaged without its comment, which comes
// with the record's own chain. What another record of that name said is not its comment.
func aSalvagedCommentComesLater(t *testing.T, open opener) {
	const text = "Chờ lâu nhưng cán bộ tận tình"
	for name, same := range map[string]bool{"the same": true, "another record of its name": false} {
		t.Run(name, func(t *testing.T) {
			s := counting(t, open)
			old, want := newKiosk("a"), text
			in := old.comment(press("Q1", 4), text)
			next := old.successor("a, second life")
			carrier := next.salvage(old.records[0])
			s.keep(next.all())
			if !same {
				old, want = newKiosk("a"), ""
				old.comment(press("Q1", 1), "lời của người khác")
			}
			s.keep(old.all())
			s.reopen()
			if e, found, err := s.store.Entry(s.ctx, carrier); err != nil || !found || e.ID != in || e.Comment != want {
				t.Errorf("%+v, %v, %v; want comment %q", e, found, err, want)
			}
			s.recounted()
		})
	}
}

// eachIsIssuedOnce has a kiosk whose journal was damaged twice: what was found of the first
// chain behind a gap went into the second, and from there into the third. On its way and when
// it has come, each press is issued once, by the chain that gave it its first number.
func eachIsIssuedOnce(t *testing.T, open opener) {
	s := counting(t, open)
	first := presses("a", 4)
	second := first.successor("a, second life")
	third := first.successor("a, third life")
	first.silent, second.silent, third.silent = false, false, false
	follow := func(next *kiosk, after custody.Succession) {
		after.To = noon.UnixMilli()
		next.seal(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: after.Encode()})
	}
	follow(second, custody.Succession{Predecessor: first.chain, Last: 2, LastSum: first.records[1].Hash, Reserved: 4, Salvaged: 2})
	second.salvage(first.records[2])
	second.salvage(first.records[3])
	second.record(press("Q1", 5))
	follow(third, custody.Succession{Predecessor: second.chain, Reserved: 4, Salvaged: 4})
	for _, r := range second.records {
		third.salvage(r)
	}
	third.record(press("Q1", 1))
	for _, k := range []*kiosk{first, second} {
		s.ok(s.store.PutTotals(s.ctx, []custody.Said{{Kiosk: k.id, Chain: k.chain, Totals: *k.totals(), LastSum: k.head().Hash, Received: noon}}))
	}
	s.keep(first.batch(1, 2), third.batch(1, 1))
	s.closings(custody.ClosingQuery{}, closing{first, today, "issued 6, received 2, counted 2"})
	s.keep(third.batch(2, 4))
	s.closings(custody.ClosingQuery{}, closing{first, today, "issued 6, received 4, counted 4"})
	s.keep(third.batch(5, 6))
	s.closings(custody.ClosingQuery{}, closing{first, today, "received 6, counted 6"})
	losses, err := s.store.Losses(s.ctx)
	s.ok(err)
	for _, l := range losses {
		if l.AtLeast != 0 || l.AtMost != 0 {
			t.Errorf("all has come, and lost are %+v", l)
		}
	}
	s.recounted()
}
