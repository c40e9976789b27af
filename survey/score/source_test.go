package score_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hailong/survey"
	"hailong/survey/score"
)

// rollups is a store's two roll-ups and nothing else, filled through Facts as a store
// fills them. Asked for whole spans it answers from month sums where a whole month
// lies in the span, as a store does.
type rollups struct {
	time    map[score.TimeKey]score.Count
	service map[score.ServiceKey]score.Count
	asked   []score.Span
	fail    error
}

var _ score.Source = (*rollups)(nil)

func newRollups() *rollups {
	return &rollups{time: map[score.TimeKey]score.Count{}, service: map[score.ServiceKey]score.Count{}}
}

func (r *rollups) add(facts map[score.Fact]score.Count) {
	for f, n := range facts {
		r.time[f.Time] = r.time[f.Time].Add(n)
		r.service[f.Service()] = r.service[f.Service()].Add(n)
	}
}

func (r *rollups) take(facts map[score.Fact]score.Count) {
	for f, n := range facts {
		minus := score.Count{Answers: -n.Answers, Respondents: -n.Respondents}
		r.add(map[score.Fact]score.Count{f: minus})
	}
}

// coarse is the first day of the month that day lies in, if the whole month is asked for.
func coarse(span score.Span, day survey.Date) survey.Date {
	m := day.Month()
	if span.Whole && m.First() >= span.From && m.Last() <= span.To {
		return m.First()
	}
	return day
}

func (r *rollups) TimeCounts(_ context.Context, span score.Span, counters []survey.CounterCode, visit func(score.TimeKey, score.Count) error) error {
	r.asked = append(r.asked, span)
	sums := map[score.TimeKey]score.Count{}
	for k, n := range r.time {
		if d := k.Hour.Date(); d >= span.From && d <= span.To && slices.Contains(counters, k.Counter) {
			if first := coarse(span, d); first != d || span.Whole && d == d.Month().First() {
				k.Hour = first.FirstHour()
			}
			sums[k] = sums[k].Add(n)
		}
	}
	return walk(sums, visit, r.fail)
}

func (r *rollups) ServiceCounts(_ context.Context, span score.Span, units []survey.UnitCode, visit func(score.ServiceKey, score.Count) error) error {
	r.asked = append(r.asked, span)
	sums := map[score.ServiceKey]score.Count{}
	for k, n := range r.service {
		if k.Day >= span.From && k.Day <= span.To && slices.Contains(units, k.Receiving) {
			k.Day = coarse(span, k.Day)
			sums[k] = sums[k].Add(n)
		}
	}
	return walk(sums, visit, r.fail)
}

func walk[K comparable](sums map[K]score.Count, visit func(K, score.Count) error, fail error) error {
	for k, n := range sums {
		if err := visit(k, n); err != nil {
			return err
		}
	}
	return fail
}

func words(vi string) survey.Words { return survey.Words{"vi": vi} }

func scale(code survey.ScaleCode, satisfiedFrom, best survey.Level) survey.Scale {
	s := survey.Scale{Code: code}
	for v := survey.Level(1); v <= best; v++ {
		s.Levels = append(s.Levels, survey.ScaleLevel{Value: v, Words: words(fmt.Sprint("mức ", v)), Satisfied: v >= satisfiedFrom})
	}
	return s
}

// The questionnaires of the tests: one question of five levels, one of Đà Nẵng's three
// levels of 2014, the five factors with one question each and a second one on access, and
// a follow-up with three choices.
var (
	quick = &survey.Questionnaire{
		Code: "quick", Title: words("Đánh giá nhanh"), Scales: []survey.Scale{scale("five", 4, 5)},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "five", Words: words("Nhìn chung?")}},
	}
	quick3 = &survey.Questionnaire{
		Code: "quick3", Title: words("Ba mức"), Scales: []survey.Scale{scale("danang-2014", 3, 3)},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "danang-2014", Words: words("Chất lượng phục vụ?")}},
	}
	service = &survey.Questionnaire{
		Code: "service", Title: words("Phiếu hỏi dịch vụ"), Scales: []survey.Scale{scale("five", 4, 5)},
		Factors: []survey.Factor{
			{Code: "A", Name: words("Tiếp cận dịch vụ")}, {Code: "B", Name: words("Thủ tục hành chính")}, {Code: "C", Name: words("Công chức")},
			{Code: "D", Name: words("Kết quả dịch vụ")}, {Code: "E", Name: words("Phản ánh, kiến nghị")},
		},
		Questions: []survey.Question{
			{Code: "A1", Factor: "A", Kind: survey.Satisfaction, Scale: "five", Words: words("Biển chỉ dẫn?")},
			{Code: "A2", Factor: "A", Kind: survey.Satisfaction, Scale: "five", Words: words("Chỗ ngồi?")},
			{Code: "B1", Factor: "B", Kind: survey.Satisfaction, Scale: "five", Words: words("Niêm yết?")},
			{Code: "C1", Factor: "C", Kind: survey.Satisfaction, Scale: "five", Words: words("Thái độ?")},
			{Code: "D1", Factor: "D", Kind: survey.Satisfaction, Scale: "five", Words: words("Kết quả?")},
			{Code: "E1", Factor: "E", Kind: survey.Satisfaction, Scale: "five", Words: words("Trả lời phản ánh?"), NotApplicable: true},
			{Code: "P1", Factor: "B", Kind: survey.Perception, Scale: "five", Words: words("Biết thủ tục trước?")},
			{Code: "Z0", Kind: survey.Overall, Scale: "five", Words: words("Nhìn chung?")},
		},
	}
	reason = &survey.Questionnaire{
		Code: "reason", Title: words("Điều ảnh hưởng nhất"), Scales: []survey.Scale{scale("reasons", 9, 3)},
		Questions: []survey.Question{{Code: "R1", Kind: survey.Reason, Scale: "reasons", Words: words("Điều gì ảnh hưởng nhất?")}},
	}
	catalogue = survey.NewCatalogue(quick, quick3, service, reason)
)

func day(s string) survey.Date {
	d, err := survey.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func hour(date string, h int) survey.Hour { return day(date).FirstHour() + survey.Hour(h) }

// province has two communes and a department; counter A-1 moves from the one commune
// to the other on 16 March, and the district over the first ended on 30 June 2025.
func province() *survey.Structure {
	return &survey.Structure{
		Units: []survey.Unit{
			{Code: "P", Name: words("Tỉnh Quảng An"), Kind: survey.Province},
			{Code: "H", Name: words("Huyện Bình Minh"), Kind: survey.District, Parent: "P", ValidTo: day("2025-06-30")},
			{Code: "X1", Name: words("Xã Đông"), Kind: survey.Commune, Parent: "H", ValidTo: day("2025-06-30")},
			{Code: "X1", Name: words("Xã Đông"), Kind: survey.Commune, Parent: "P", ValidFrom: day("2025-07-01")},
			{Code: "X2", Name: words("Xã Tây"), Kind: survey.Commune, Parent: "P"},
			{Code: "S", Name: words("Sở Nội vụ"), Kind: survey.Department, Parent: "P"},
		},
		Counters: []survey.Counter{
			{Code: "A-1", Unit: "X1", Name: words("Quầy A1"), ValidTo: day("2026-03-15")},
			{Code: "A-1", Unit: "X2", Name: words("Quầy A1"), ValidFrom: day("2026-03-16")},
			{Code: "B-1", Unit: "X2", Name: words("Quầy B1")},
			{Code: "S-1", Unit: "S", Name: words("Quầy Nội vụ")},
		},
		Fields:     []survey.Field{{Code: "land", Name: words("Đất đai")}},
		Procedures: []survey.Procedure{{Code: "1.001", Name: words("Cấp sổ"), Field: "land"}},
	}
}

// desk makes the records of one kiosk, as its journal would.
type desk struct {
	world *survey.Structure
	next  uint64
}

var chain = survey.Chain{7}

// give is one record; answers are "A1=4", "E1=na" or "A2=blank".
func (d *desk) give(q *survey.Questionnaire, counter survey.CounterCode, at survey.Hour, answers ...string) score.Placed {
	d.next++
	r := &survey.Response{Questionnaire: q.Hash(), Channel: survey.Touch, Stage: survey.Result, Counter: counter}
	for _, a := range answers {
		r.Answers = append(r.Answers, parseAnswer(a))
	}
	row, _ := d.world.Counter(counter, at.Date())
	return score.Placed{ID: survey.RecordID{Chain: chain, Sequence: d.next}, Hour: at, Receiving: row.Unit, Response: r}
}

func parseAnswer(s string) survey.Answer {
	code, value, _ := strings.Cut(s, "=")
	switch value {
	case "blank":
		return survey.Answer{Question: survey.QuestionCode(code), Kind: survey.Blank}
	case "na":
		return survey.Answer{Question: survey.QuestionCode(code), Kind: survey.NotApplicable}
	}
	return survey.Answer{Question: survey.QuestionCode(code), Kind: survey.AtLevel, Level: survey.Level(value[0] - '0')}
}

func flagged(p score.Placed, flags ...survey.Flag) score.Placed {
	for _, f := range flags {
		p.Response.WithFlag(f)
	}
	return p
}

func replacing(p score.Placed, of score.Placed) score.Placed {
	p.Response.Replaces = of.ID
	return p
}

func continuing(p score.Placed, of score.Placed) score.Placed {
	p.Response.Continues = of.ID
	return p
}

// world is what queries of the tests are computed against.
func world() score.World {
	return score.World{Structure: province(), Catalogue: catalogue, Minimum: 1}
}

// compute asks the roll-ups of some sessions.
func compute(t *testing.T, q survey.ScoreQuery, sessions ...[]score.Placed) score.Result {
	t.Helper()
	src := newRollups()
	for _, s := range sessions {
		src.add(score.Facts(s, catalogue))
	}
	return ask(t, src, world(), q)
}

func ask(t *testing.T, src score.Source, w score.World, q survey.ScoreQuery) score.Result {
	t.Helper()
	if q.By == "" {
		q.By = survey.ByNone
	}
	if q.From == 0 {
		q.From, q.To = day("2026-01-01"), day("2026-12-31")
	}
	res, err := score.Compute(t.Context(), src, w, q)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

var errSource = errors.New("the disk is gone")
