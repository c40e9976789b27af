package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// enrol gives a kiosk a place by a one-time code.
func (s *story) enrol(k *kiosk, role survey.KioskRole, counters ...survey.CounterCode) survey.Kiosk {
	s.Helper()
	s.codes++
	code := survey.Hash{s.codes}
	s.ok(s.store.PutInvitation(s.ctx, survey.Invitation{CodeHash: code, Role: role, Counters: counters, Expires: noon}))
	got, err := s.store.Redeem(s.ctx, code, survey.Kiosk{ID: k.id, Key: k.public()}, noon.Add(-time.Minute))
	s.ok(err)
	return got
}

// heldFor checks the reasons of all that is held, in the order of chain and sequence.
func (s *story) heldFor(want ...string) {
	s.Helper()
	list, _, err := s.store.Held(s.ctx, 99)
	s.ok(err)
	if !slices.EqualFunc(list, want, func(w custody.Waiting, reason string) bool { return w.Reason == reason }) {
		s.Errorf("held are %+v, want %q", list, want)
	}
}

// kiosksPressForTheirCounters has a kiosk name a counter that it does not serve. That waits
// until the kiosk gets a place there; and what it recorded at its old place counts still.
func kiosksPressForTheirCounters(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	k.silent = false
	s.enrol(k, survey.CounterKiosk, "Q1", "Q2")
	first := k.record(press("Q1", 5))
	k.record(press("Q3", 1))
	change := byTicket(press("Q3", 2), 1) // a ticket is for gateways
	change.Replaces = first
	k.record(change)
	k.record(press("Q2", 4))
	k.record(press("Q9", 4)) // a counter that nobody knows
	s.keep(k.all())
	elsewhere := "kiosk " + string(k.id) + " does not serve counter Q3"
	s.heldFor(elsewhere, elsewhere, "counter Q9 is not known on 2026-04-15")
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 5, counted 2, held 3"})
	s.recounted()
	if got := s.enrol(k, survey.CounterKiosk, "Q3"); !slices.Equal(got.Former, []survey.CounterCode{"Q1", "Q2"}) {
		t.Errorf("moved, it is %+v", got)
	}
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 5, counted 3, replaced 1, held 1"})
	k.record(press("Q1", 3)) // late, from its old place
	s.keep(k.all())
	s.reopen()
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 6, counted 4, replaced 1, held 1"})
	if got := s.enrol(k, survey.CounterKiosk, "Q1"); !slices.Equal(got.Former, []survey.CounterCode{"Q2", "Q3"}) {
		t.Errorf("moved back, it is %+v", got)
	}
	s.recounted()
}

// gatewaysNeedATicket has a gateway name counters that it does not serve: with a ticket of
// any class it may.
func gatewaysNeedATicket(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	k.silent = false
	s.enrol(k, survey.OnlineGateway, "Q1")
	poster := press("Q2", 4)
	poster.Channel, poster.Ticket = survey.Web, &survey.UsedTicket{Class: survey.PosterTicket}
	for _, r := range []survey.Response{press("Q1", 1), press("Q3", 2), byTicket(press("Q3", 2), 1), poster, press("Q2", 4)} {
		k.record(r)
	}
	s.keep(k.all())
	of := "kiosk " + string(k.id) + " does not serve counter "
	s.heldFor(of+"Q3", of+"Q2")
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 5, counted 3, held 2"})
	s.recounted()
	s.enrol(k, survey.CounterKiosk, "Q2") // no gateway any more: what was counted stays, what comes is held
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 5, counted 4, held 1"})
	k.record(byTicket(press("Q3", 3), 2))
	s.keep(k.all())
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 6, counted 4, held 2"})
	s.recounted()
	s.enrol(k, survey.OnlineGateway, "Q2")
	s.heldFor(of + "Q3")
	s.recounted()
}

// strangersCountWhereTheyAre has records of a kiosk that the store does not know, as of carried
// files. Once it is known, they stay counted, and it is asked of those that come later.
func strangersCountWhereTheyAre(t *testing.T, open opener) {
	s := counting(t, open)
	k := presses("a", 3)
	k.silent = false
	k.record(form("Q1", map[survey.QuestionCode]survey.Level{"A1": 9})) // does not fit
	s.keep(k.all())
	k.record(press("Q1", 2))
	before := s.rollups()
	s.enrol(k, survey.CounterKiosk, "Q2")
	s.sameRollups(before)
	s.recounted()
	s.keep(k.all())
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 5, counted 3, held 1, quarantined 1"})
	s.reopen()
	s.recounted()
}

// placesAreOfTheKiosk has a kiosk's next journal, with what it salvaged of the one before: the
// place is the kiosk's, whatever chain a record stands in. What another kiosk says that
// it salvaged there is of that one's place.
func placesAreOfTheKiosk(t *testing.T, open opener) {
	s := counting(t, open)
	old := presses("a", 2)
	old.record(press("Q3", 1))
	next, stranger := old.successor("a, second life"), newKiosk("b")
	for i := range old.records {
		next.salvage(old.records[i])
	}
	next.record(press("Q1", 5))
	next.record(press("Q3", 5))
	stranger.salvage(old.records[1])
	s.enrol(old, survey.CounterKiosk, "Q1")
	s.enrol(stranger, survey.CounterKiosk, "Q2")
	s.keep(stranger.all())
	s.keep(next.all())
	s.closings(custody.ClosingQuery{}, closing{old, today, "received 5, counted 3, held 2"}, closing{stranger, today, "received 1, held 1"})
	s.keep(old.all())
	s.closings(custody.ClosingQuery{}, closing{old, today, "received 8, counted 3, duplicate 3, held 2"}, closing{stranger, today, "received 1, held 1"})
	s.recounted()
	s.enrol(old, survey.CounterKiosk, "Q3")
	s.closings(custody.ClosingQuery{}, closing{old, today, "received 8, counted 5, duplicate 3"}, closing{stranger, today, "received 1, held 1"})
	s.recounted()
}

// formerCountersStay has kiosks changed by hand: what they served stays with them, and a
// kiosk that is shut out has its place still.
func formerCountersStay(t *testing.T, open opener) {
	s := counting(t, open)
	k := presses("a", 3)
	kept := survey.Kiosk{ID: k.id, Key: k.public(), Role: survey.CounterKiosk, Counters: []survey.CounterCode{"Q2", "Q1"}}
	s.ok(s.store.PutKiosk(s.ctx, kept))
	kept.Counters, kept.Revoked = []survey.CounterCode{"Q3"}, &noon
	for range 2 {
		s.ok(s.store.PutKiosk(s.ctx, kept))
	}
	got, _, err := s.store.Kiosk(s.ctx, k.id)
	s.ok(err)
	if !slices.Equal(got.Former, []survey.CounterCode{"Q1", "Q2"}) || !slices.Equal(got.Counters, kept.Counters) {
		t.Errorf("it is kept as %+v", got)
	}
	k.record(press("Q3", 3))
	s.keep(k.all())
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 4, 4, 0)
	other := presses("b", 1)
	s.ok(s.store.PutKiosk(s.ctx, survey.Kiosk{ID: other.id, Key: other.public()})) // serves nothing
	s.keep(other.all())
	list, all, err := s.store.Held(s.ctx, 9)
	s.ok(err)
	if all != 1 || !strings.Contains(list[0].Reason, "does not serve") {
		t.Errorf("held are %+v", list)
	}
	s.ok(s.store.PutKiosk(s.ctx, survey.Kiosk{ID: other.id, Key: other.public(), Counters: []survey.CounterCode{"Q1"}}))
	s.heldFor()
	s.recounted()
}
