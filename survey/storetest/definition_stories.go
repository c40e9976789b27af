package storetest

import (
	"errors"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

func waitsForQuestionnaire(t *testing.T, open opener) {
	s := newStory(t, open)
	s.ok(s.store.PutStructure(s.ctx, structure(), today))
	a, b := presses("a", 3), newKiosk("b")
	b.record(press("Q2", 9)) // does not fit, which only its questionnaire can tell
	b.record(form("Q2", map[survey.QuestionCode]survey.Level{"B1": 5}))
	if got := s.keep(a.all(), b.all()); got[0].Case != custody.New || len(got[0].Counters) != 0 {
		t.Errorf("records that wait: %+v", got)
	}
	s.waiting(a.chain, 3, 0)
	s.waiting(b.chain, 2, 0)
	s.figures("before", s.score(survey.ScoreQuery{}).Total, 0, 0, 0)
	s.recounted()
	s.reopen()
	s.ok(s.store.AddQuestionnaires(s.ctx, faces))
	s.waiting(a.chain, 0, 0)
	s.waiting(b.chain, 1, 1)
	s.figures("after", s.score(survey.ScoreQuery{}).Total, 3, 3, 0)
	s.recounted()
	s.expect(a.all(), custody.Duplicate, a.head())
	s.ok(s.store.AddQuestionnaires(s.ctx, service, faces))
	s.waiting(b.chain, 0, 1)
	s.figures("service", s.score(survey.ScoreQuery{Questionnaire: "service"}).Total, 1, 1, 0)
	s.figures("at last", s.score(survey.ScoreQuery{}).Total, 3, 3, 0)
	s.recounted()
}

func waitsForCounter(t *testing.T, open opener) {
	s := newStory(t, open)
	s.ok(s.store.AddQuestionnaires(s.ctx, faces))
	k := newKiosk("a")
	k.record(press("Q1", 5))
	k.record(press("Q9", 5)) // a counter that is never declared
	k.now = noon.AddDate(0, 0, -3)
	k.record(press("Q1", 4)) // before the counter begins
	s.keep(k.all())
	s.waiting(k.chain, 3, 0)
	from := structure()
	from.Counters[0].ValidFrom = today
	s.ok(s.store.PutStructure(s.ctx, from, today))
	s.waiting(k.chain, 2, 0)
	s.figures("from today", s.score(survey.ScoreQuery{}).Total, 1, 1, 0)
	s.recounted()
	from.Counters[0].ValidFrom = today - 10 // earlier days may be added to what is known
	s.ok(s.store.PutStructure(s.ctx, from, today))
	s.waiting(k.chain, 1, 0)
	s.figures("with the days before", s.score(survey.ScoreQuery{}).Total, 2, 2, 0)
	s.recounted()
}

// sessionWaits has the parts of sessions wait for different definitions. Whatever
// comes first, in the end each session is counted as if all had been there.
func sessionWaits(t *testing.T, open opener) {
	s := newStory(t, open)
	s.ok(s.store.PutStructure(s.ctx, structure(), today))
	k := newKiosk("a")
	first := k.record(press("Q1", 1)) // faces
	change := press("Q1", 2)
	change.Questionnaire, change.Replaces = danang.Hash(), first
	k.record(change) // danang replaces faces
	one := k.record(form("Q1", map[survey.QuestionCode]survey.Level{"A1": 4}))
	more := press("Q1", 3)
	more.Continues = one
	k.record(more) // faces continues service
	two := form("Q1", map[survey.QuestionCode]survey.Level{"A2": 5})
	two.Continues = k.last()
	k.record(two) // and service continues that
	s.keep(k.batch(1, 2), k.batch(3, 5))
	s.ok(s.store.AddQuestionnaires(s.ctx, faces))
	s.waiting(k.chain, 3, 0)
	s.figures("faces alone", s.score(survey.ScoreQuery{}).Total, 2, 2, 0)
	s.recounted()
	s.ok(s.store.AddQuestionnaires(s.ctx, danang))
	s.waiting(k.chain, 2, 0)
	s.figures("its replacement came", s.score(survey.ScoreQuery{Questionnaire: "faces"}).Total, 1, 1, 1)
	s.recounted()
	s.ok(s.store.AddQuestionnaires(s.ctx, service))
	s.waiting(k.chain, 0, 0)
	s.figures("one person's form", s.score(survey.ScoreQuery{Questionnaire: "service"}).Total, 2, 1, 0)
	s.recounted()
}

func laterVersionsAreHeld(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	k.seal(custody.Record{
		Kind: custody.ResponseRecord, Counter: "Q1", Questionnaire: faces.Hash(), PayloadVersion: custody.TicketPayloadVersion + 1, Payload: []byte{1},
	})
	k.seal(custody.Record{Kind: 9, Counter: "Q1"})
	follows := press("Q1", 5)
	follows.Continues = survey.RecordID{Chain: k.chain, Sequence: 1}
	k.record(follows)
	k.noise("\xa1\x01\x02") // a record of version 2
	k.noise("\xa1\x02\x02") // of no version
	s.expect(k.all(), custody.New, k.head())
	s.waiting(k.chain, 3, 1)
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 1, 1, 0)
	s.ok(s.store.AddQuestionnaires(s.ctx, overall("other", scale("three", 3, 3))))
	s.waiting(k.chain, 3, 1)
	s.closings(custody.ClosingQuery{}, closing{k, today, "received 5, counted 1, held 3, quarantined 1"})
	if n, err := s.store.Rejudge(s.ctx); n != 0 || err != nil {
		t.Errorf("the same program judges %d records otherwise, %v", n, err)
	}
	s.recounted()
}

func structureStays(t *testing.T, open opener) {
	s := newStory(t, open)
	empty, err := s.store.Structure(s.ctx)
	s.ok(err)
	if len(empty.Units)+len(empty.Counters) != 0 {
		t.Errorf("a new store has %+v", empty)
	}
	given := structure()
	s.ok(s.store.PutStructure(s.ctx, given, today))
	given.Counters[0].Unit = "48.TC" // the caller's own again; the store's is another
	refused := func(what string, want survey.Structure) {
		t.Helper()
		var ps survey.Problems
		if err := s.store.PutStructure(s.ctx, &want, today); !errors.As(err, &ps) {
			t.Errorf("%s: %v, want problems", what, err)
		}
	}
	refused("a counter moved today", *given)
	gone := structure()
	gone.Counters = gone.Counters[1:]
	refused("a counter gone", *gone)
	wrong := structure()
	wrong.Units[0].Kind = "planet"
	refused("a unit of no kind", *wrong)

	moved := structure()
	moved.Counters[0].ValidTo = today
	moved.Counters = append(moved.Counters, survey.Counter{Code: "Q1", Unit: "48.TC", Name: words("Quầy 1"), ValidFrom: today + 1})
	s.ok(s.store.PutStructure(s.ctx, moved, today))
	s.ok(s.store.PutStructure(s.ctx, moved, today))
	s.reopen()
	got, err := s.store.Structure(s.ctx)
	s.ok(err)
	for day, unit := range map[survey.Date]survey.UnitCode{today: "48.XD", today + 1: "48.TC"} {
		if c, ok := got.Counter("Q1", day); !ok || c.Unit != unit {
			t.Errorf("on %s counter Q1 is at %q, want %q", day, c.Unit, unit)
		}
	}
}

// aheadStaysWhereCounted has a kiosk whose clock is ten days ahead, and an operator who
// ends the counter today. What is counted for those days stays where it was counted,
// whether it was counted when it came or had to wait first.
func aheadStaysWhereCounted(t *testing.T, open opener) {
	s := newStory(t, open)
	s.ok(s.store.PutStructure(s.ctx, structure(), today))
	s.ok(s.store.AddQuestionnaires(s.ctx, faces))
	k := newKiosk("a")
	k.now = noon.AddDate(0, 0, 10)
	first := k.record(press("Q1", 5))
	k.record(form("Q1", map[survey.QuestionCode]survey.Level{"A1": 5}))
	s.keep(k.all())
	s.waiting(k.chain, 1, 0)
	s.ok(s.store.AddQuestionnaires(s.ctx, service))
	s.waiting(k.chain, 0, 0)
	before := s.rollups()
	moved := structure()
	moved.Counters[0].ValidTo = today
	s.ok(s.store.PutStructure(s.ctx, moved, today))
	s.sameRollups(before)
	s.recounted()
	change := press("Q2", 1) // its session is taken away from where it was counted
	change.Replaces = first
	k.record(change)
	s.keep(k.batch(3, 3))
	s.recounted()
}

func lastVersionInForce(t *testing.T, open opener) {
	s := newStory(t, open)
	old, changed := overall("Z", scale("s5", 5, 4)), overall("Z", scale("s3", 3, 3))
	inForce := func(what string, want *survey.Questionnaire) {
		t.Helper()
		c, err := s.store.Catalogue(s.ctx)
		s.ok(err)
		if v, ok := c.InForce("Z"); !ok || v.Hash != want.Hash() {
			t.Errorf("%s: %s is in force", what, v.Hash)
		}
	}
	s.ok(s.store.AddQuestionnaires(s.ctx, old, old))
	inForce("the first", old)
	s.ok(s.store.AddQuestionnaires(s.ctx, faces, changed))
	inForce("the second", changed)
	var ps survey.Problems
	broken := overall("Z", survey.Scale{Code: "empty"})
	if err := s.store.AddQuestionnaires(s.ctx, old, broken); !errors.As(err, &ps) {
		t.Errorf("a questionnaire without levels: %v", err)
	}
	inForce("after a refusal", changed)
	s.ok(s.store.AddQuestionnaires(s.ctx, old))
	inForce("the first again", old)
	s.reopen()
	inForce("after opening again", old)
	c, err := s.store.Catalogue(s.ctx)
	s.ok(err)
	if got, ok := c.Find(changed.ID()); !ok || got.Hash != changed.Hash() || len(c.All()) != 3 {
		t.Errorf("the versions are %d, %v", len(c.All()), ok)
	}
}

func kiosksAreKept(t *testing.T, open opener) {
	s := newStory(t, open)
	revoked := noon.Add(time.Hour)
	a := survey.Kiosk{ID: "k-a", Name: "Quầy một", Role: survey.CounterKiosk, Counters: []survey.CounterCode{"Q1", "Q2"}, Key: []byte{1, 2}, Enrolled: noon}
	b := survey.Kiosk{ID: "k-b", Name: "Cổng", Role: survey.OnlineGateway, Key: []byte{3}, Enrolled: noon}
	for _, k := range []survey.Kiosk{b, a, a} {
		s.ok(s.store.PutKiosk(s.ctx, k))
	}
	a.Name, a.Revoked = "Quầy cũ", &revoked
	s.ok(s.store.PutKiosk(s.ctx, a))
	s.reopen()
	got, err := s.store.Kiosks(s.ctx)
	s.ok(err)
	if len(got) != 2 || got[0].ID != "k-a" || got[1].Role != survey.OnlineGateway || len(got[0].Counters) != 2 {
		t.Errorf("Kiosks gives %+v", got)
	}
	k, found, err := s.store.Kiosk(s.ctx, "k-a")
	if err != nil || !found || k.Name != "Quầy cũ" || k.Revoked == nil || !k.Revoked.Equal(revoked) || !k.Enrolled.Equal(noon) || len(k.Key) != 2 {
		t.Errorf("Kiosk gives %+v, %v, %v", k, found, err)
	}
	for _, id := range []survey.KioskID{"k-c", ""} {
		if _, found, err := s.store.Kiosk(s.ctx, id); found || err != nil {
			t.Errorf("kiosk %q: %v, %v", id, found, err)
		}
	}
}

func invitationOnce(t *testing.T, open opener) {
	s := newStory(t, open)
	code, late, never := survey.Hash{1}, survey.Hash{2}, survey.Hash{3}
	for _, c := range []survey.Hash{code, late} {
		s.ok(s.store.PutInvitation(s.ctx, survey.Invitation{
			CodeHash: c, Name: "Quầy 1", Role: survey.CounterKiosk, Counters: []survey.CounterCode{"Q1"}, Expires: noon,
		}))
	}
	a, b := survey.Kiosk{ID: "k-a", Key: []byte{1}}, survey.Kiosk{ID: "k-b", Key: []byte{2}}
	refused := func(what string, c survey.Hash, k survey.Kiosk, now time.Time) {
		t.Helper()
		if _, err := s.store.Redeem(s.ctx, c, k, now); !errors.Is(err, survey.ErrNoInvitation) {
			t.Errorf("%s: %v", what, err)
		}
	}
	before := noon.Add(-time.Minute)
	refused("a code nobody gave", never, a, before)
	refused("an expired code", late, a, noon)
	got, err := s.store.Redeem(s.ctx, code, a, before)
	s.ok(err)
	if got.ID != "k-a" || got.Name != "Quầy 1" || got.Role != survey.CounterKiosk || len(got.Counters) != 1 || !got.Enrolled.Equal(before) {
		t.Errorf("enrolled as %+v", got)
	}
	s.reopen()
	refused("a used code, another kiosk", code, b, before)
	again, err := s.store.Redeem(s.ctx, code, a, noon.Add(time.Hour)) // its reply was lost
	s.ok(err)
	if again.Name != got.Name || !again.Enrolled.Equal(got.Enrolled) {
		t.Errorf("asking again gives %+v, not %+v", again, got)
	}
	if list, err := s.store.Kiosks(s.ctx); err != nil || len(list) != 1 {
		t.Errorf("kiosks after all: %+v, %v", list, err)
	}
	got.Revoked = &noon
	s.ok(s.store.PutKiosk(s.ctx, got))
	refused("the code that took it in, a revoked kiosk", code, a, before)
	got, err = s.store.Redeem(s.ctx, late, a, before)
	s.ok(err)
	if known, _, err := s.store.Kiosk(s.ctx, a.ID); err != nil || got.Revoked != nil || known.Revoked != nil || !known.Enrolled.Equal(before) {
		t.Errorf("a revoked kiosk with a new code is %+v, kept as %+v, %v", got, known, err)
	}
	refused("a code that took a revoked kiosk in, another kiosk", late, b, before)
}

func tokensAreKept(t *testing.T, open opener) {
	s := newStory(t, open)
	s.ok(s.store.PutToken(s.ctx, survey.Token{Hash: survey.Hash{7}, Name: "phòng kiểm soát", Unit: "48.XD", Created: noon}))
	s.reopen()
	got, found, err := s.store.Token(s.ctx, survey.Hash{7})
	if err != nil || !found || got.Name != "phòng kiểm soát" || got.Unit != "48.XD" || !got.Created.Equal(noon) {
		t.Errorf("Token gives %+v, %v, %v", got, found, err)
	}
	if _, found, err := s.store.Token(s.ctx, survey.Hash{8}); found || err != nil {
		t.Errorf("a token nobody gave: %v, %v", found, err)
	}
}

func postersAreKept(t *testing.T, open opener) {
	s := newStory(t, open)
	until, withdrawn := noon.AddDate(1, 0, 0), noon.Add(time.Hour)
	door := survey.Poster{Short: "7K2M9QD", Counter: "Q1", Questionnaire: "faces", Ticket: "vé của cửa", Name: "Cửa vào", Made: noon, Expires: until}
	desk := survey.Poster{Short: "1A2B3CX", Counter: "Q2", Questionnaire: "faces", Ticket: "vé của bàn", Name: "Bàn viết", Made: noon, Expires: until}
	for _, p := range []survey.Poster{door, desk, door} {
		s.ok(s.store.PutPoster(s.ctx, p))
	}
	door.Name, door.Withdrawn = "Cửa sau", &withdrawn
	s.ok(s.store.PutPoster(s.ctx, door))
	s.reopen()
	got, err := s.store.Posters(s.ctx)
	s.ok(err)
	if len(got) != 2 {
		t.Fatalf("Posters gives %+v", got)
	}
	for i, want := range []survey.Poster{desk, door} {
		p := got[i]
		if p.Short != want.Short || p.Counter != want.Counter || p.Questionnaire != want.Questionnaire || p.Ticket != want.Ticket || p.Name != want.Name ||
			!p.Made.Equal(noon) || !p.Expires.Equal(until) || (p.Withdrawn == nil) != (want.Withdrawn == nil) {
			t.Errorf("poster %d is %+v, want %+v", i, p, want)
		}
	}
	if w := got[1].Withdrawn; w == nil || !w.Equal(withdrawn) {
		t.Errorf("it was withdrawn at %v", w)
	}
}
