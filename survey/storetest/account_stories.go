package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// closing is what a story expects of one closing: its numbers in words, those that are
// not zero. Issued is left out where it is what was received.
type closing struct {
	of   *kiosk
	day  survey.Date
	want string
}

// closings asks for closings and checks them, all of them.
func (s *story) closings(q custody.ClosingQuery, want ...closing) {
	s.Helper()
	got, _, err := s.store.Closings(s.ctx, q)
	s.ok(err)
	slices.SortFunc(want, func(a, b closing) int {
		return strings.Compare(fmt.Sprint(a.of.id, 1e6+int(a.day)), fmt.Sprint(b.of.id, 1e6+int(b.day)))
	})
	if len(got) != len(want) {
		s.Errorf("%d closings, want %d: %+v", len(got), len(want), got)
		return
	}
	for i, c := range got {
		if c.Kiosk != want[i].of.id || c.Date != want[i].day || inWords(&c) != want[i].want || !c.Balanced() {
			s.Errorf("closing %d is of %s on %s: %s; want %s on %q: %s", i, c.Kiosk, c.Day(), inWords(&c), want[i].of.id, want[i].day, want[i].want)
		}
	}
}

func inWords(c *custody.Closing) string {
	var words []string
	if c.Issued != c.Received {
		words = append(words, fmt.Sprint("issued ", c.Issued))
	}
	for _, line := range strings.Split(c.Text(), "\n")[4:] {
		if line != "" && !strings.HasSuffix(line, " 0") {
			words = append(words, strings.TrimPrefix(line, "excluded "))
		}
	}
	return strings.Join(words, ", ")
}

// everyRecordIsAccountedFor follows closings while records come, are replaced and wait.
func everyRecordIsAccountedFor(t *testing.T, open opener) {
	s := newStory(t, open)
	s.ok(s.store.PutStructure(s.ctx, structure(), today))
	s.ok(s.store.AddQuestionnaires(s.ctx, faces))
	a, b := newKiosk("a"), newKiosk("b")
	first := a.record(press("Q1", 1))
	soon := press("Q1", 2)
	soon.WithFlag(survey.TooSoon)
	a.record(soon)
	change := form("Q1", map[survey.QuestionCode]survey.Level{"Z0": 5, "A1": 4})
	change.Replaces = first
	a.record(change)         // of a questionnaire that is not there yet
	a.record(press("Q1", 9)) // faces have five levels
	a.now = noon.AddDate(0, 0, 1)
	a.noise("hỏng") // of the day before: nobody can read another
	a.record(press("Q3", 3))
	b.record(press("Q2", 4))
	s.keep(a.batch(1, 2), b.all())
	s.closings(custody.ClosingQuery{}, closing{a, today, "received 2, counted 1, too_soon 1"}, closing{b, today, "received 1, counted 1"})
	s.keep(a.all())
	waits := closing{a, today, "received 5, counted 1, too_soon 1, held 1, quarantined 2"}
	next := closing{a, today + 1, "received 1, counted 1"}
	s.closings(custody.ClosingQuery{Kiosk: a.id}, waits, next)
	s.recounted()
	s.ok(s.store.AddQuestionnaires(s.ctx, service)) // now the change of mind counts
	came := closing{a, today, "received 5, counted 1, replaced 1, too_soon 1, quarantined 2"}
	s.closings(custody.ClosingQuery{Kiosk: a.id}, came, next)
	s.reopen()
	s.closings(custody.ClosingQuery{Kiosk: a.id, To: today}, came)
	s.closings(custody.ClosingQuery{Kiosk: a.id, From: today + 1}, next)
	s.closings(custody.ClosingQuery{From: today, To: today}, came, closing{b, today, "received 1, counted 1"})
	s.closings(custody.ClosingQuery{Unknown: true})
	s.recounted()
}

// daysAreToldLater has a kiosk that starts without knowing the time and learns it from
// the centre afterwards.
func daysAreToldLater(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	k.silent = false
	k.record(press("Q1", 1))
	k.reboot()
	k.now = k.now.Add(30 * time.Minute)
	early := k.record(press("Q1", 2))
	k.record(press("Q1", 9))
	k.noise("hỏng") // after one whose day is not known
	k.unsure = false
	k.record(press("Q1", 3))
	s.keep(k.all())
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 2, counted 2"},
		closing{k, custody.UnknownDay, "received 3, held 1, quarantined 2"})
	s.closings(custody.ClosingQuery{From: today - 1, To: today + 1}, closing{k, today, "received 2, counted 2"})
	s.closings(custody.ClosingQuery{Unknown: true}, closing{k, custody.UnknownDay, "received 3, held 1, quarantined 2"})
	s.recounted()
	s.reopen()

	wide := noon.AddDate(0, 0, -5)
	k.clock(wide, noon) // anywhere within five days: that tells no day
	k.clock(wide, wide.Add(time.Second))
	k.clock(noon, noon)
	k.reboot()
	k.record(press("Q1", 4))
	got := s.keep(k.batch(6, len(k.records)))
	if counters := got[0].Counters; len(counters) != 1 || counters[0] != "Q1" {
		t.Errorf("the press that has its day now is at %v", counters)
	}
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 2, counted 2"},
		closing{k, today - 5, "received 2, counted 1, quarantined 1"},
		closing{k, custody.UnknownDay, "received 2, held 1, quarantined 1"})
	s.figures("on its day", s.score(survey.ScoreQuery{From: today - 5, To: today - 5}).Total, 1, 1, 0)
	e, found, err := s.store.Entry(s.ctx, early)
	if at := wide.Add(30*time.Minute + time.Second); err != nil || !found || !e.At.Equal(at) {
		t.Errorf("the press was made at %s, want %s (%v, %v)", e.At, at, found, err)
	}
	change := press("Q1", 5)
	change.Replaces = early
	k.unsure = false
	k.record(change)
	s.keep(k.batch(len(k.records), len(k.records)))
	s.closings(custody.ClosingQuery{Kiosk: k.id, From: today - 5, To: today - 5}, closing{k, today - 5, "received 2, replaced 1, quarantined 1"})
	s.recounted()
}

// clockOfNoDay is set before 1970 or after 9999, and the kiosk believes it.
func clockOfNoDay(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	for _, now := range []time.Time{time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC)} {
		k.now = now
		k.record(press("Q1", 3))
	}
	s.keep(k.all())
	s.closings(custody.ClosingQuery{}, closing{k, custody.UnknownDay, "received 2, held 2"})
	s.recounted()
}

// salvagedCountsOnce damages a journal whose end the centre does not have. Whether the
// salvaged record comes first or the old one, one of them counts.
func salvagedCountsOnce(t *testing.T, open opener) {
	for name, order := range map[string]func(s *story, old, next *kiosk){
		"salvaged first": func(s *story, old, next *kiosk) { s.keep(next.all()); s.keep(old.all()) },
		"old first":      func(s *story, old, next *kiosk) { s.keep(old.all()); s.keep(next.all()) },
		"together":       func(s *story, old, next *kiosk) { s.keep(next.batch(1, 3), old.all(), next.batch(4, 5)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := counting(t, open)
			old := presses("a", 2)
			old.silent = false
			next := old.successor("a, second life")
			lost := old.record(press("Q3", 5))
			change := press("Q3", 1)
			change.Replaces = lost
			old.record(change)
			after := custody.Succession{Predecessor: old.chain, Last: 2, Reserved: 9, Salvaged: 2}
			next.seal(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: after.Encode()})
			carried := next.salvage(old.records[2])
			next.salvage(old.records[3])
			next.salvage(old.records[3]) // found twice
			next.record(press("Q1", 3))
			order(s, old, next)
			s.closings(custody.ClosingQuery{}, closing{old, today, "received 8, counted 4, duplicate 3, replaced 1"})
			s.figures("all", s.score(survey.ScoreQuery{}).Total, 4, 4, 1)
			e, found, err := s.store.Entry(s.ctx, carried)
			if err != nil || !found || e.ID != lost || e.Response.Counter != "Q3" {
				t.Errorf("the salvaged record is read as %+v, %v, %v", e, found, err)
			}
			s.reopen()
			s.recounted()
		})
	}
}

// salvagedIsIssuedOnce has a journal of four presses that is damaged when two of them
// had come: one is found again, one is lost.
func salvagedIsIssuedOnce(t *testing.T, open opener) {
	s := counting(t, open)
	old := presses("a", 4)
	old.silent = false
	next := old.successor("a, second life")
	next.salvage(old.records[3])
	s.keep(old.batch(1, 2))
	s.keep(next.all())
	s.closings(custody.ClosingQuery{}, closing{old, today, "issued 4, received 3, counted 3"})
	s.closings(custody.ClosingQuery{Kiosk: old.id, From: today + 1})
	s.keep(old.all()) // it was on its way after all
	s.closings(custody.ClosingQuery{}, closing{old, today, "received 5, counted 4, duplicate 1"})
	s.recounted()
}

// strangersSalvageNothing has another kiosk claim records of a chain that is not its
// own. It changes nothing of that one's.
func strangersSalvageNothing(t *testing.T, open opener) {
	s := counting(t, open)
	k, other := presses("a", 4), newKiosk("b")
	other.salvage(k.records[1])
	other.salvage(k.records[3])
	other.seal(custody.Record{Kind: custody.SalvagedRecord, PayloadVersion: 1, Payload: []byte("hỏng")})
	s.keep(k.batch(1, 2), other.all())
	s.keep(k.batch(3, 4))
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 4, counted 4"},
		closing{other, today, "received 3, counted 1, duplicate 1, quarantined 1"})
	s.recounted()
}

// whatWasIssued compares what kiosks signed with what came.
func whatWasIssued(t *testing.T, open opener) {
	s := counting(t, open)
	k, silent := presses("a", 5), presses("b", 2)
	k.silent = false
	s.keep(k.batch(1, 3), silent.all()) // the header speaks of five
	s.closings(custody.ClosingQuery{}, closing{k, today, "issued 5, received 3, counted 3"}, closing{silent, today, "received 2, counted 2"})
	k.now = noon.AddDate(0, 0, 1)
	k.record(press("Q1", 1))
	beat := custody.Said{Kiosk: k.id, Chain: k.chain, Totals: *k.totals(), Signed: []byte("signed"), Received: noon}
	s.ok(s.store.PutTotals(s.ctx, []custody.Said{beat}))
	stale := beat
	stale.Totals = custody.Totals{Last: 4, Days: []custody.DayTotal{{Day: today, Issued: 4}}}
	again := beat
	again.Received, again.Signed = noon.Add(time.Hour), []byte("signed later")
	foreign := custody.Said{Kiosk: silent.id, Chain: k.chain, Totals: custody.Totals{Last: 99, Days: []custody.DayTotal{{Day: today, Issued: 99}}}}
	s.ok(s.store.PutTotals(s.ctx, []custody.Said{stale, again, foreign}))
	s.reopen()
	s.closings(custody.ClosingQuery{}, closing{k, today, "issued 5, received 3, counted 3"}, closing{k, today + 1, "issued 1"},
		closing{silent, today, "issued 101, received 2, counted 2"})
	got, err := s.store.Said(s.ctx, k.id)
	s.ok(err)
	if len(got) != 1 || got[0].Totals.Last != 6 || len(got[0].Totals.Days) != 2 || string(got[0].Signed) != "signed" || !got[0].Received.Equal(noon) {
		t.Errorf("the kiosk said %+v", got)
	}
	s.keep(k.batch(4, 6))
	s.closings(custody.ClosingQuery{Kiosk: k.id}, closing{k, today, "received 5, counted 5"}, closing{k, today + 1, "received 1, counted 1"})
	s.recounted()
}

// aBranchSpeaksForItself has a cloned journal whose two kiosks tell how many they issued. What
// the branch issued is in dispute as far as it came, and nothing of the chain's own is missing
// for it, in whatever order words and records arrive.
func aBranchSpeaksForItself(t *testing.T, open opener) {
	own, branch := presses("a", 5), presses("a", 5)
	own.silent, branch.silent = false, false
	own.record(press("Q1", 1))
	for range 3 {
		branch.record(press("Q1", 5))
	}
	word := func(k *kiosk) func(*story) {
		return func(s *story) {
			s.ok(s.store.PutTotals(s.ctx, []custody.Said{{Kiosk: k.id, Chain: k.chain, Totals: *k.totals(), LastSum: k.head().Hash, Received: noon}}))
		}
	}
	records := func(s *story) { s.keep(branch.batch(6, 8)) }
	for name, order := range map[string][]func(*story){
		"own word last":     {word(branch), records, word(own)},
		"the branch's last": {word(own), records, word(branch)},
		"records last":      {word(own), word(branch), records},
		"no word of it own": {word(branch), records},
	} {
		t.Run(name, func(t *testing.T) {
			s := counting(t, open)
			s.keep(own.all())
			for _, step := range order {
				step(s)
			}
			s.closings(custody.ClosingQuery{}, closing{own, today, "received 9, counted 6, disputed 3"})
			s.reopen()
			s.recounted()
			own.record(press("Q1", 2)) // what it says after is believed again
			word(own)(s)
			s.closings(custody.ClosingQuery{}, closing{own, today, "issued 10, received 9, counted 6, disputed 3"})
			own.records = own.records[:6]
		})
	}
}

// disputedIsItsOwnNumber has a clone of a kiosk's journal. Its branch is accounted for
// by record, however it is cut and sent again.
func disputedIsItsOwnNumber(t *testing.T, open opener) {
	s := counting(t, open)
	k, clone := presses("a", 5), presses("a", 3)
	k.silent = false
	s.keep(k.all())
	clone.now = noon.AddDate(0, 0, 1)
	for range 4 {
		clone.record(press("Q2", 1))
	}
	clone.noise("hỏng")
	clone.clock(noon, noon)
	for _, b := range []*custody.Batch{clone.batch(4, 4), clone.batch(4, 6), clone.batch(5, 9), clone.batch(1, 9), clone.batch(6, 9), clone.all()} {
		s.expect(b, custody.Fork, k.head())
	}
	clone.silent = false
	s.expect(clone.batch(4, 9), custody.Fork, k.head()) // the same records, other words about them
	day := closing{k, today, "received 5, counted 5"}
	s.closings(custody.ClosingQuery{}, day, closing{k, today + 1, "received 4, disputed 4"}, closing{k, custody.UnknownDay, "received 1, disputed 1"})
	if st := s.chainState(k.chain); st.Disputed != 5 {
		t.Errorf("the chain's state is %+v", st)
	}
	forks, err := s.store.Forks(s.ctx, k.chain)
	s.ok(err)
	found := map[survey.Hash]bool{}
	for _, data := range forks {
		b, err := custody.ParseBatch(data)
		s.ok(err)
		for i := range b.Records {
			found[b.Records[i].Hash] = true
		}
	}
	for seq := 3; seq < 9; seq++ {
		if !found[clone.records[seq].Hash] {
			t.Errorf("record %d of the other branch cannot be read", seq+1)
		}
	}
	s.reopen()
	s.recounted()
}

// aBranchIsLongerThanTheOther goes on where evidence ends, far behind the chain's head.
func aBranchIsLongerThanTheOther(t *testing.T, open opener) {
	s := counting(t, open)
	k, clone := presses("a", 5), presses("a", 3)
	s.keep(k.all())
	clone.now = noon.AddDate(0, 0, 1)
	for range 6 {
		clone.record(press("Q2", 1))
	}
	s.expect(clone.batch(8, 9), custody.Gap, k.head()) // nothing says yet that it is a branch
	s.expect(clone.batch(4, 5), custody.Fork, k.head())
	s.expect(clone.batch(8, 9), custody.Gap, k.head())
	s.expect(clone.batch(6, 7), custody.Fork, k.head())
	s.expect(clone.batch(8, 9), custody.Fork, k.head())
	s.expect(clone.batch(8, 9), custody.Fork, k.head())
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 5, counted 5"}, closing{k, today + 1, "received 6, disputed 6"})
	s.recounted()
}

// whoWaits lists what is held and quarantined.
func whoWaits(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	k.record(press("Q9", 5))
	k.record(press("Q9", 4))
	bad := k.record(press("Q1", 9))
	k.reboot()
	day := k.record(press("Q1", 1))
	s.keep(k.all())
	held, all, err := s.store.Held(s.ctx, 2)
	s.ok(err)
	if all != 3 || len(held) != 2 || held[0].ID.Sequence != 1 || held[0].Day != today || held[0].Kiosk != k.id || !strings.Contains(held[0].Reason, "Q9") {
		t.Errorf("%d are held: %+v", all, held)
	}
	if held, _, err = s.store.Held(s.ctx, 9); err != nil || len(held) != 3 || held[2].ID != day || held[2].Day != custody.UnknownDay || !strings.Contains(held[2].Reason, "day") {
		t.Errorf("held are %+v, %v", held, err)
	}
	quarantined, all, err := s.store.Quarantined(s.ctx, 9)
	if err != nil || all != 1 || len(quarantined) != 1 || quarantined[0].ID != bad || quarantined[0].Reason == "" {
		t.Errorf("%d are quarantined: %+v, %v", all, quarantined, err)
	}
}
