package storetest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// byTicket is a response made with the ticket for one answer that has this number.
func byTicket(r survey.Response, number byte) survey.Response {
	r.Channel, r.Ticket = survey.QR, &survey.UsedTicket{Class: survey.ScreenTicket, ID: survey.TicketID{number}, Visit: survey.Visit{number}}
	return r
}

// inOrder are kiosks of these names, ordered by their chains: by whose use of a ticket comes
// first.
func inOrder(names ...string) []*kiosk {
	var list []*kiosk
	for _, name := range names {
		k := newKiosk(name)
		k.silent = false
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b *kiosk) int { return bytes.Compare(a.chain[:], b.chain[:]) })
	return list
}

// everyOrder tells a story of two kiosks, of which low has the lower chain, once for each
// order in which their batches can come. want are the closings in the end.
func everyOrder(t *testing.T, open opener, low, high *kiosk, want ...closing) {
	t.Helper()
	var first counts
	for name, send := range map[string]func(s *story){
		"low first":       func(s *story) { s.keep(low.all()); s.keep(high.all()) },
		"high first":      func(s *story) { s.keep(high.all()); s.keep(low.all()) },
		"together":        func(s *story) { s.keep(low.all(), high.all()) },
		"together, again": func(s *story) { s.keep(high.all(), low.all()); s.keep(low.all(), high.all()) },
		"one by one": func(s *story) {
			for _, k := range []*kiosk{high, low} {
				for i := range k.records {
					s.keep(k.batch(i+1, i+1))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := counting(t, open)
			send(s)
			if s.reopen(); first.time == nil {
				first = s.rollups()
			}
			s.sameRollups(first)
			s.closings(custody.ClosingQuery{}, slices.Clone(want)...)
			s.recounted()
		})
	}
}

// ticketCountsOnce has one ticket used on two gateways that did not know of each other.
func ticketCountsOnce(t *testing.T, open opener) {
	k := inOrder("a", "b")
	low, high := k[0], k[1]
	high.record(press("Q3", 2))
	high.record(byTicket(press("Q1", 5), 1))
	low.record(byTicket(press("Q2", 1), 1))
	low.record(byTicket(press("Q2", 4), 2)) // another ticket
	everyOrder(t, open, low, high, closing{low, today, "received 2, counted 2"}, closing{high, today, "received 2, counted 1, spent_ticket 1"})

	s := counting(t, open)
	s.keep(high.all())
	s.figures("before the lower chain came", s.score(survey.ScoreQuery{}).Total, 2, 2, 0)
	kept := s.keep(low.all())[0]
	if !slices.Equal(kept.Counters, []survey.CounterCode{"Q1", "Q2"}) {
		t.Errorf("the counts of %v changed, want those of both counters", kept.Counters)
	}
	s.figures("after it", s.score(survey.ScoreQuery{}).Total, 3, 3, 1)
	before := s.rollups()
	s.keep(high.all(), low.all(), low.batch(1, 1)) // sent again
	s.sameRollups(before)
}

// ticketTakesItsSession has sessions that use one ticket: with all that continues and
// replaces them, whether it names the ticket itself or not, the one counts and the other not.
func ticketTakesItsSession(t *testing.T, open opener) {
	k := inOrder("a", "b")
	low, high := k[0], k[1]
	for _, k := range k {
		first := k.record(byTicket(press("Q1", 5), 1))
		more := form("Q1", map[survey.QuestionCode]survey.Level{"A1": 4, "B1": 0})
		more.Continues = first
		k.record(more) // without the ticket
		change := byTicket(press("Q1", 2), 1)
		change.Replaces = first
		k.record(change)
		k.record(press("Q1", 3)) // somebody else
	}
	everyOrder(t, open, low, high,
		closing{low, today, "received 4, counted 3, replaced 1"},
		closing{high, today, "received 4, counted 1, replaced 1, spent_ticket 2"})
}

// ticketOnceInAChain has a kiosk that did not refuse what it should have.
func ticketOnceInAChain(t *testing.T, open opener) {
	k := newKiosk("a")
	k.silent = false
	k.record(byTicket(press("Q1", 5), 1))
	k.record(byTicket(press("Q2", 1), 1))
	more := form("Q2", map[survey.QuestionCode]survey.Level{"A1": 1})
	more.Continues = k.last()
	k.record(more)
	k.record(byTicket(press("Q3", 3), 2))
	other := newKiosk("b") // of a session that uses two tickets, one was used before
	first := other.record(byTicket(press("Q1", 4), 3))
	both := byTicket(form("Q1", map[survey.QuestionCode]survey.Level{"A1": 4}), 4)
	both.Continues = first
	other.record(byTicket(press("Q3", 2), 4))
	other.record(both)
	for _, cuts := range [][]int{{4}, {1, 4}, {2, 4}, {3, 4}, {1, 2, 3, 4}} {
		s := counting(t, open)
		sent := 0
		for _, to := range cuts {
			s.keep(k.batch(sent+1, to))
			sent = to
		}
		s.keep(other.all())
		s.closings(custody.ClosingQuery{}, closing{k, today, "received 4, counted 2, spent_ticket 2"},
			closing{other, today, "received 3, counted 1, spent_ticket 2"})
		s.recounted()
	}
}

// whatCountsSpends has the first use of a ticket wait: for its questionnaire, for its day. Until it
// counts it spends nothing. What is quarantined, or only a branch's, never does.
func whatCountsSpends(t *testing.T, open opener) {
	k := inOrder("a", "b")
	low, high := k[0], k[1]
	s := newStory(t, open)
	s.ok(s.store.PutStructure(s.ctx, structure(), today))
	s.ok(s.store.AddQuestionnaires(s.ctx, faces))
	low.record(byTicket(press("Q1", 9), 1)) // faces have five levels
	low.record(byTicket(form("Q1", map[survey.QuestionCode]survey.Level{"Z0": 5}), 2))
	low.reboot()
	low.record(byTicket(press("Q1", 4), 3))
	high.record(byTicket(press("Q3", 1), 1))
	high.record(byTicket(press("Q3", 2), 2))
	high.record(byTicket(press("Q3", 3), 3))
	s.keep(high.all())
	s.keep(low.all())
	counted := closing{high, today, "received 3, counted 3"}
	s.closings(custody.ClosingQuery{}, counted, closing{low, today, "received 2, held 1, quarantined 1"}, closing{low, custody.UnknownDay, "received 1, held 1"})
	s.recounted()
	s.ok(s.store.AddQuestionnaires(s.ctx, service))
	counted.want = "received 3, counted 2, spent_ticket 1"
	s.closings(custody.ClosingQuery{}, counted, closing{low, today, "received 2, counted 1, quarantined 1"}, closing{low, custody.UnknownDay, "received 1, held 1"})
	s.recounted()
	low.clock(noon, noon)
	s.keep(low.all())
	counted.want = "received 3, counted 1, spent_ticket 2"
	s.closings(custody.ClosingQuery{}, counted, closing{low, today, "received 3, counted 2, quarantined 1"})
	s.recounted()

	branch := *low // a copy of the kiosk, from before its first record
	branch.records, branch.unsure = nil, false
	branch.record(byTicket(press("Q2", 5), 1))
	s.keep(branch.all())
	s.closings(custody.ClosingQuery{}, counted, closing{low, today, "received 4, counted 2, quarantined 1, disputed 1"})
	s.recounted()
}

// salvagedUsesSpendOnce has a kiosk lose its journal after a ticket was used. The copy of the
// use is no second one; and it is the first use where the chain that gave it its name is the
// lowest, whatever chain it stands in.
func salvagedUsesSpendOnce(t *testing.T, open opener) {
	k := inOrder("a", "b", "c")
	old, other := k[0], k[1]
	old.record(byTicket(press("Q1", 5), 1))
	more := form("Q1", map[survey.QuestionCode]survey.Level{"A1": 4})
	more.Continues = old.last()
	old.record(more)
	other.record(byTicket(press("Q3", 2), 1))
	next := k[2]
	next.id, next.key = old.id, old.key
	next.salvage(old.records[0])
	next.salvage(old.records[1])
	others := closing{other, today, "received 1, spent_ticket 1"}
	var first counts
	for name, c := range map[string]struct {
		send [][]*kiosk
		want string
	}{
		"only the copy":        {[][]*kiosk{{next}, {other}}, "received 2, counted 2"},
		"the copy last":        {[][]*kiosk{{other}, {next}}, "received 2, counted 2"},
		"the copy first":       {[][]*kiosk{{next}, {other}, {old}}, "received 4, counted 2, duplicate 2"},
		"the copy second":      {[][]*kiosk{{old}, {next}, {other}}, "received 4, counted 2, duplicate 2"},
		"the copy in between":  {[][]*kiosk{{other}, {next}, {old}}, "received 4, counted 2, duplicate 2"},
		"all of them together": {[][]*kiosk{{other, next, old}}, "received 4, counted 2, duplicate 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := counting(t, open)
			for _, list := range c.send {
				var batches []*custody.Batch
				for _, k := range list {
					batches = append(batches, k.all())
				}
				s.keep(batches...)
			}
			if first.time == nil {
				first = s.rollups()
			}
			s.sameRollups(first)
			s.closings(custody.ClosingQuery{}, closing{old, today, c.want}, others)
			s.recounted()
		})
	}
}

// flaggedUsesSpend has a ticket used in test mode first, and one too soon: a use is a use. What
// is left out for two reasons is left out for the first of survey.Exclusions.
func flaggedUsesSpend(t *testing.T, open opener) {
	k := inOrder("a", "b")
	low, high := k[0], k[1]
	test := byTicket(press("Q1", 5), 1)
	test.WithFlag(survey.Test)
	low.record(test)
	low.record(byTicket(press("Q1", 4), 2))
	high.record(byTicket(press("Q3", 1), 1))
	soon := byTicket(press("Q3", 2), 2)
	soon.WithFlag(survey.TooSoon)
	high.record(soon)
	test = byTicket(press("Q3", 3), 2)
	test.WithFlag(survey.Test)
	high.record(test)
	everyOrder(t, open, low, high, closing{low, today, "received 2, counted 1, test 1"}, closing{high, today, "received 3, spent_ticket 2, test 1"})
}

// postersAreNeverSpent has many answer by one printed code, whose visits differ.
func postersAreNeverSpent(t *testing.T, open opener) {
	s := counting(t, open)
	for i, k := range inOrder("a", "b") {
		for n := range 3 {
			r := press("Q1", 4)
			r.Channel, r.Ticket = survey.Web, &survey.UsedTicket{Class: survey.PosterTicket, Visit: survey.Visit{byte(i), byte(n)}}
			k.record(r)
		}
		s.keep(k.all())
	}
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 6, 6, 0)
	s.recounted()
}

// ticketsOverDays has the two uses of a ticket on two days, each of which closes by itself.
func ticketsOverDays(t *testing.T, open opener) {
	k := inOrder("a", "b")
	low, high := k[0], k[1]
	high.record(byTicket(press("Q1", 5), 1))
	low.now = noon.Add(30 * time.Hour)
	low.record(byTicket(press("Q2", 1), 1))
	everyOrder(t, open, low, high, closing{low, today + 1, "received 1, counted 1"}, closing{high, today, "received 1, spent_ticket 1"})
}
