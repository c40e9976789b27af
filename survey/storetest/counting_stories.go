package storetest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/score"
)

func unreadableTakesItsPlace(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	k.record(press("Q1", 5))
	bad := k.noise("không phải CBOR")
	k.record(press("Q1", 1))
	garbled := k.seal(custody.Record{
		Kind: custody.ResponseRecord, Counter: "Q1", Questionnaire: faces.Hash(), PayloadVersion: custody.PayloadVersion, Payload: []byte{0xff},
	})
	// The record after noise carries the hash of its very bytes; Verify would refuse
	// the batch otherwise.
	s.expect(k.batch(1, 2), custody.New, custody.Head{Sequence: 2, Hash: custody.HashRecord([]byte("không phải CBOR"))})
	s.expect(k.batch(2, 4), custody.New, k.head())
	s.expect(k.batch(1, 2), custody.Duplicate, k.head())
	s.waiting(k.chain, 0, 2)
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 2, 2, 0)
	for _, id := range []survey.RecordID{bad, garbled} {
		if _, found, err := s.store.Entry(s.ctx, id); !found || err == nil {
			t.Errorf("Entry of the unreadable %s: %v, %v; want found, with an error", id, found, err)
		}
	}
	s.reopen()
	s.waiting(k.chain, 0, 2)
	s.recounted()
}

func misfitIsQuarantined(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	k.record(press("Q1", 9)) // faces have five levels
	k.record(press("Q1", 4))
	both := press("Q1", 4)
	both.Replaces, both.Continues = survey.RecordID{Chain: k.chain, Sequence: 2}, survey.RecordID{Chain: k.chain, Sequence: 2}
	k.record(both)
	s.expect(k.all(), custody.New, k.head())
	s.waiting(k.chain, 0, 2)
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 1, 1, 0)
	s.recounted()
}

func replacedIsExcluded(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	first := k.record(press("Q1", 1))
	change := press("Q1", 5)
	change.Replaces = first
	second := k.record(change)
	s.keep(k.batch(1, 1))
	s.figures("before", s.score(survey.ScoreQuery{}).Total, 1, 1, 0)
	if got := s.keep(k.batch(2, 2))[0].Counters; len(got) != 1 || got[0] != "Q1" {
		t.Errorf("the change of mind reached counters %v", got)
	}
	row := s.score(survey.ScoreQuery{}).Total
	s.figures("after", row, 1, 1, 1)
	if row.Levels[5] != 1 || row.Levels[1] != 0 {
		t.Errorf("levels %v, want the later answer", row.Levels)
	}
	// Two more replace the first and the second: the citizen's last word holds.
	for i, to := range []survey.RecordID{first, second} {
		again := press("Q1", survey.Level(2+i))
		again.Replaces = to
		k.record(again)
	}
	s.reopen() // the session is read back from its batches
	s.keep(k.batch(3, 4))
	s.figures("at last", s.score(survey.ScoreQuery{}).Total, 1, 1, 3)
	s.recounted()
}

func continuedIsOnePerson(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	first := k.record(press("Q1", 2))
	more := form("Q1", map[survey.QuestionCode]survey.Level{"A1": 5, "A2": 0})
	more.Continues = first
	k.record(more)
	rest := form("Q1", map[survey.QuestionCode]survey.Level{"A2": 3, "B1": 4})
	rest.Continues = k.last()
	k.record(rest)
	k.record(form("Q1", map[survey.QuestionCode]survey.Level{"A1": 1})) // somebody else
	for i := range k.records {
		s.keep(k.batch(i+1, i+1))
	}
	s.figures("overall", s.score(survey.ScoreQuery{}).Total, 1, 1, 0)
	res := s.score(survey.ScoreQuery{Questionnaire: "service", By: survey.ByFactor})
	s.figures("service", res.Total, 4, 2, 0)
	if len(res.Rows) != 2 || res.Rows[0].Key != "A" || res.Rows[1].Key != "B" {
		t.Fatalf("factors: %+v", res.Rows)
	}
	s.figures("factor A", res.Rows[0], 3, 2, 0)
	s.figures("factor B", res.Rows[1], 1, 1, 0)
	s.recounted()
}

// strayLinksAreNone has links to another chain, to a later record and to itself. Each
// record counts by itself.
func strayLinksAreNone(t *testing.T, open opener) {
	s := counting(t, open)
	other := presses("b", 1)
	k := newKiosk("a")
	for _, to := range []survey.RecordID{{Chain: other.chain, Sequence: 1}, {Chain: k.chain, Sequence: 9}, {Chain: k.chain, Sequence: 3}} {
		r := press("Q1", 4)
		r.Replaces = to
		k.record(r)
	}
	bad := k.noise("hỏng")
	for range 2 { // both replace what cannot be read, so both are the same citizen's
		r := press("Q1", 3)
		r.Replaces = bad
		k.record(r)
	}
	s.keep(other.all(), k.all())
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 5, 5, 1)
	s.recounted()
}

// sessionHasAnEnd links 103 records: the first hundred are one session, of which the
// last word counts; the other three count by themselves.
func sessionHasAnEnd(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	first := k.record(press("Q1", 1))
	for range 102 {
		r := press("Q1", 2)
		r.Replaces = first
		k.record(r)
	}
	s.keep(k.batch(1, 60), k.batch(50, 103))
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 4, 4, 99)
	s.recounted()
}

func tooSoonIsExcluded(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	k.record(press("Q1", 5))
	for _, flag := range []survey.Flag{survey.TooSoon, survey.Test, "out_of_hours"} {
		r := press("Q1", 1)
		r.WithFlag(flag)
		k.record(r)
	}
	s.keep(k.all())
	s.figures("all", s.score(survey.ScoreQuery{}).Total, 2, 2, 2) // other flags only mark
	s.recounted()
}

// danangFigures are real: 7,725 ratings of service in the first half of 2014, 98.23 %
// satisfied, 1.51 % acceptable, 0.26 % not satisfied.
func danangFigures(t *testing.T, open opener) {
	s := counting(t, open)
	counter := []survey.CounterCode{"Q1", "Q2", "Q3"}
	k := newKiosk("a")
	for level, n := range map[survey.Level]int{3: 7588, 2: 117, 1: 20} {
		for i := range n {
			r := press(counter[i%3], level)
			r.Questionnaire = danang.Hash()
			k.record(r)
		}
	}
	var batches []*custody.Batch
	for first := 1; first <= len(k.records); first += 250 {
		batches = append(batches, k.batch(first, min(first+249, len(k.records))))
	}
	s.keep(batches...)
	row := s.score(survey.ScoreQuery{}).Total
	s.figures("half-year", row, 7725, 7725, 0)
	for level, want := range map[survey.Level]string{3: "98.23", 2: "1.51", 1: "0.26"} {
		if got := fmt.Sprintf("%.2f", 100*float64(row.Levels[level])/float64(row.N)); got != want {
			t.Errorf("level %d is %s %%, want %s %%", level, got, want)
		}
	}
	if math.Abs(*row.Rate-98.2265) > 0.0001 {
		t.Errorf("rate %v", *row.Rate)
	}
	s.recounted()
}

func serviceGroups(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	for i := range 12 {
		r := press([]survey.CounterCode{"Q1", "Q2", "Q3"}[i%3], survey.Level(i%5+1))
		r.Field = []survey.FieldCode{"dat-dai", ""}[i%2]
		r.Respondent = []survey.RespondentKind{survey.Citizen, survey.Organisation, ""}[i%3]
		r.ResolvingUnit = []survey.UnitCode{"48.TC", "48.XD", "48"}[i/4]
		if i == 11 {
			r.WithFlag(survey.TooSoon)
		}
		k.record(r)
	}
	s.keep(k.all())
	for by, want := range map[survey.Grouping]map[string]int64{
		survey.ByField:         {"dat-dai": 6, "": 5},
		survey.ByRespondent:    {"citizen": 4, "organisation": 4, "": 3},
		survey.ByResolvingUnit: {"48.TC": 4, "48.XD": 4, "48": 3},
		survey.ByUnit:          {"48.XD": 8, "48.TC": 3},
	} {
		res := s.score(survey.ScoreQuery{By: by})
		s.figures("all by "+string(by), res.Total, 11, 11, 1)
		for _, row := range res.Rows {
			if row.N != want[row.Key] {
				t.Errorf("by %s, %q: n %d, want %d", by, row.Key, row.N, want[row.Key])
			}
		}
		if len(res.Rows) != len(want) {
			t.Errorf("by %s: %d rows, want %d", by, len(res.Rows), len(want))
		}
	}
	below := s.score(survey.ScoreQuery{Unit: "48.TC", By: survey.ByField})
	s.figures("48.TC alone", below.Total, 3, 3, 1)
	s.recounted()
}

// monthsEqualDays asks for spans with and without telling days apart: what is summed
// by month must be the same answers.
func monthsEqualDays(t *testing.T, open opener) {
	s := counting(t, open)
	k := newKiosk("a")
	start := survey.NewDate(2025, time.December, 30)
	for i := range 130 { // a press a day, over five months and their ends
		k.now = (start + survey.Date(i)).Start().Add(time.Duration(i%24) * time.Hour)
		k.record(press([]survey.CounterCode{"Q1", "Q3"}[i%2], survey.Level(i%5+1)))
	}
	s.keep(k.all())
	day := survey.NewDate
	for _, span := range []score.Span{
		{From: day(2026, 1, 1), To: day(2026, 3, 31)},  // whole months
		{From: day(2025, 12, 31), To: day(2026, 4, 1)}, // ragged by a day
		{From: day(2026, 1, 2), To: day(2026, 2, 27)},  // no whole month
		{From: day(2026, 1, 1), To: day(2026, 1, 31)},
		{From: day(2026, 2, 1), To: day(2026, 2, 1)},
		{From: day(2026, 1, 15), To: day(2026, 4, 15)},
		{From: day(1970, 1, 2), To: day(9999, 12, 31)},
	} {
		var sums [2]map[string]int64
		for i, whole := range []bool{false, true} {
			span.Whole = whole
			sums[i] = s.sums(span)
		}
		if len(sums[0]) == 0 {
			t.Errorf("nothing counted from %s to %s", span.From, span.To)
		}
		if fmt.Sprint(sums[0]) != fmt.Sprint(sums[1]) {
			t.Errorf("%s to %s: by day %v, by month %v", span.From, span.To, sums[0], sums[1])
		}
	}
	s.figures("two days", s.score(survey.ScoreQuery{From: start, To: start + 1}).Total, 2, 2, 0)
	if rows := s.score(survey.ScoreQuery{From: start, To: start + 129, By: survey.ByMonth}).Rows; len(rows) != 6 || rows[1].N != 31 {
		t.Errorf("by month: %+v", rows)
	}
	s.recounted()
}

// sums adds up a span by counter and level, and by unit and level.
func (s *story) sums(span score.Span) map[string]int64 {
	s.Helper()
	sums := map[string]int64{}
	s.ok(s.store.TimeCounts(s.ctx, span, []survey.CounterCode{"Q1", "Q2", "Q3"}, func(k score.TimeKey, n score.Count) error {
		if day := k.Hour.Date(); day < span.From || day > span.To {
			s.Errorf("a row of %s came for %s to %s", day, span.From, span.To)
		}
		sums[fmt.Sprint("time ", k.Counter, k.Item.Kind, k.Outcome.Level)] += n.Answers
		return nil
	}))
	s.ok(s.store.ServiceCounts(s.ctx, span, []survey.UnitCode{"48.XD", "48.TC"}, func(k score.ServiceKey, n score.Count) error {
		if k.Day < span.From || k.Day > span.To {
			s.Errorf("a row of %s came for %s to %s", k.Day, span.From, span.To)
		}
		sums[fmt.Sprint("service ", k.Receiving, k.Item.Kind, k.Outcome.Level)] += n.Respondents
		return nil
	}))
	return sums
}
