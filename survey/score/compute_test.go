package score_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hailong/survey"
	"hailong/survey/score"
)

func near(got *float64, want float64) bool { return got != nil && math.Abs(*got-want) < 0.005 }

// workedExample is 120 people, five factors with one question each, thirty of whom
// leave the last one blank.
func workedExample(d *desk) [][]score.Placed {
	counts := map[string][5]int{
		"A1": {2, 3, 15, 60, 40}, "B1": {1, 4, 20, 70, 25}, "C1": {0, 2, 10, 58, 50}, "D1": {1, 1, 13, 65, 40}, "E1": {4, 6, 20, 40, 20},
	}
	var sessions [][]score.Placed
	for i := range 120 {
		var answers []string
		for _, code := range []string{"A1", "B1", "C1", "D1", "E1"} {
			answers = append(answers, code+"="+levelOf(counts[code], i))
		}
		sessions = append(sessions, []score.Placed{d.give(service, "S-1", hour("2026-03-02", 8+i%8), answers...)})
	}
	return sessions
}

func levelOf(counts [5]int, person int) string {
	for level, n := range counts {
		if person -= n; person < 0 {
			return fmt.Sprint(level + 1)
		}
	}
	return "blank"
}

// What mattered most has no order of merit: it is counted by choice, and nobody may read
// a rate or a mean out of it, nor does it touch the visit's own score.
func TestReasonsAreCountedAndNotAveraged(t *testing.T) {
	d := &desk{world: province()}
	var sessions [][]score.Placed
	for i := range 4 {
		first := d.give(quick, "S-1", hour("2026-03-02", 9), "Z0=5")
		more := d.give(reason, "S-1", hour("2026-03-02", 9), []string{"R1=1", "R1=3", "R1=3", "R1=blank"}[i])
		more.Response.Continues = first.ID
		sessions = append(sessions, []score.Placed{first, more})
	}
	all := compute(t, survey.ScoreQuery{}, sessions...)
	if all.Total.N != 4 || all.Total.Respondents != 4 || *all.Total.Rate != 100 {
		t.Errorf("the score is %+v", all.Total)
	}
	why := compute(t, survey.ScoreQuery{Questionnaire: "reason", By: survey.ByQuestion}, sessions...)
	if why.Total.N != 0 || why.Total.Rate != nil || len(why.Rows) != 1 {
		t.Fatalf("%+v", why)
	}
	r := why.Rows[0]
	if r.N != 3 || r.Respondents != 3 || r.Levels[1] != 1 || r.Levels[2] != 0 || r.Levels[3] != 2 || r.Rate != nil || r.Mean != nil || r.Satisfied != nil || r.Interval != nil {
		t.Errorf("%+v", r)
	}
}

func TestWorkedExample(t *testing.T) {
	d := &desk{world: province()}
	res := compute(t, survey.ScoreQuery{Questionnaire: "service", By: survey.ByFactor}, workedExample(d)...)
	total := res.Total
	if total.N != 570 || *total.Satisfied != 468 || total.Respondents != 120 {
		t.Errorf("%d answers, %d satisfied, %d people; want 570, 468, 120", total.N, *total.Satisfied, total.Respondents)
	}
	if !near(total.Rate, 82.11) || !near(total.Mean, 4.0719) {
		t.Errorf("rate %v, mean %v", *total.Rate, *total.Mean)
	}
	low, high := score.Wilson(468.0/570, 120)
	if total.Interval.Low != 100*low || total.Interval.High != 100*high || total.Interval.Level != 0.95 || total.Interval.Method != "wilson" {
		t.Errorf("interval %+v, want that of 120 people", *total.Interval)
	}
	want := []struct {
		key, label string
		n, people  int64
		rate, mean float64
	}{
		{"A", "Tiếp cận dịch vụ", 120, 120, 83.33, 4.1083},
		{"B", "Thủ tục hành chính", 120, 120, 79.17, 3.9500},
		{"C", "Công chức", 120, 120, 90.00, 4.3000},
		{"D", "Kết quả dịch vụ", 120, 120, 87.50, 4.1833},
		{"E", "Phản ánh, kiến nghị", 90, 90, 66.67, 3.7333},
	}
	for i, w := range want {
		row := res.Rows[i]
		if row.Key != w.key || row.Label != w.label || row.N != w.n || row.Respondents != w.people || !near(row.Rate, w.rate) || math.Abs(*row.Mean-w.mean) > 0.00005 {
			t.Errorf("row %d is %s %q n %d people %d rate %v mean %v, want %+v", i, row.Key, row.Label, row.N, row.Respondents, *row.Rate, *row.Mean, w)
		}
	}
	if access := res.Rows[0].Interval; math.Abs(access.Low-75.65) > 0.005 || math.Abs(access.High-88.94) > 0.005 {
		t.Errorf("100 of 120: %+v, want 75.65 to 88.94", *access)
	}
	if len(res.Rows) != 5 || res.Method != score.RatePooled {
		t.Errorf("%d rows by %+v", len(res.Rows), res.Method)
	}
}

// Đà Nẵng, first half of 2014, service quality: 7,588 satisfied, 117 acceptable and 20
// not satisfied, on that city's own three levels.
func TestDaNang2014(t *testing.T) {
	d := &desk{world: province()}
	src := newRollups()
	for level, n := range map[string]int64{"3": 7588, "2": 117, "1": 20} {
		for f, one := range score.Facts([]score.Placed{d.give(quick3, "A-1", hour("2026-03-02", 9), "Z0="+level)}, catalogue) {
			many := score.Count{Answers: one.Answers * n, Respondents: one.Respondents * n}
			src.add(map[score.Fact]score.Count{f: many})
		}
	}
	for _, questionnaire := range []string{"", "quick3", quick3.ID()} {
		row := ask(t, src, world(), survey.ScoreQuery{Questionnaire: questionnaire}).Total
		if row.N != 7725 || row.Respondents != 7725 || *row.Satisfied != 7588 || !near(row.Rate, 98.23) {
			t.Errorf("%q: n %d, people %d, rate %v", questionnaire, row.N, row.Respondents, *row.Rate)
		}
		for level, want := range map[survey.Level]float64{3: 98.23, 2: 1.51, 1: 0.26} {
			if share := 100 * float64(row.Levels[level]) / float64(row.N); math.Abs(share-want) > 0.005 {
				t.Errorf("level %d has %.2f %%, published %.2f %%", level, share, want)
			}
		}
	}
}

func TestRatesAreOneDivision(t *testing.T) {
	d := &desk{world: province()}
	var sessions [][]score.Placed
	for i := range 100 {
		answer := "Z0=5"
		if i >= 29 {
			answer = "Z0=1"
		}
		sessions = append(sessions, []score.Placed{d.give(quick, "A-1", hour("2026-03-02", 9), answer)})
	}
	if rate := *compute(t, survey.ScoreQuery{}, sessions...).Total.Rate; rate != 29 {
		t.Errorf("29 of 100 is %v per cent", rate)
	}
}

// TestEveryGrouping reads the rows of the same seven answers in every way.
func TestEveryGrouping(t *testing.T) {
	d := &desk{world: province()}
	press := func(counter survey.CounterCode, at survey.Hour, answer string, change func(*survey.Response)) []score.Placed {
		p := d.give(quick, counter, at, answer)
		if change != nil {
			change(p.Response)
		}
		return []score.Placed{p}
	}
	sessions := [][]score.Placed{
		press("A-1", hour("2026-03-15", 23), "Z0=5", nil), // Sunday; the counter's last hour at X1
		press("A-1", hour("2026-03-16", 0), "Z0=1", nil),  // its first hour at X2
		press("B-1", hour("2026-03-16", 9), "Z0=4", func(r *survey.Response) { r.Channel, r.Stage = survey.QR, survey.Refusal }),
		press("B-1", hour("2026-04-01", 9), "Z0=3", func(r *survey.Response) {
			r.ResolvingUnit, r.Field, r.Procedure, r.Respondent = "S", "land", "1.001", survey.Organisation
		}),
		{flagged(d.give(quick, "S-1", hour("2026-04-01", 9), "Z0=5"), survey.TooSoon)},
		{d.give(service, "S-1", hour("2026-04-02", 10), "A1=5", "A2=1", "P1=2", "Z0=4")},
	}
	rows := map[survey.Grouping]string{
		survey.ByNone:          "",
		survey.ByQuestion:      "quick/Z0 Nhìn chung? 2/4-1, service/Z0 Nhìn chung? 1/1-0",
		survey.ByFactor:        "A Tiếp cận dịch vụ 1/2-0",
		survey.ByUnit:          "S Sở Nội vụ 1/1-1, X1 Xã Đông 1/1-0, X2 Xã Tây 1/3-0",
		survey.ByCounter:       "A-1 Quầy A1 1/2-0, B-1 Quầy B1 1/2-0, S-1 Quầy Nội vụ 1/1-1",
		survey.ByChannel:       "qr Mã QR 1/1-0, touch Màn hình 2/4-1",
		survey.ByStage:         "refusal Từ chối 1/1-0, result Trả kết quả 2/4-1",
		survey.ByField:         " không rõ 3/4-1, land Đất đai 0/1-0",
		survey.ByProcedure:     " không rõ 3/4-1, 1.001 Cấp sổ 0/1-0",
		survey.ByResolvingUnit: " không rõ 3/4-1, S Sở Nội vụ 0/1-0",
		survey.ByRespondent:    " không rõ 3/4-1, organisation Tổ chức 0/1-0",
		survey.ByDay:           "2026-03-15 2026-03-15 1/1-0, 2026-03-16 2026-03-16 1/2-0, 2026-04-01 2026-04-01 0/1-1, 2026-04-02 2026-04-02 1/1-0",
		survey.ByWeek:          "2026-W11 2026-W11 1/1-0, 2026-W12 2026-W12 1/2-0, 2026-W14 2026-W14 1/2-1",
		survey.ByMonth:         "2026-03 2026-03 2/3-0, 2026-04 2026-04 1/2-1",
		survey.ByHour:          "00 00 0/1-0, 09 09 1/2-1, 10 10 1/1-0, 23 23 1/1-0",
		survey.ByWeekday:       "1 Thứ Hai 1/2-0, 3 Thứ Tư 0/1-1, 4 Thứ Năm 1/1-0, 7 Chủ nhật 1/1-0",
	}
	for _, by := range survey.Groupings {
		t.Run(string(by), func(t *testing.T) {
			want, tried := rows[by]
			if !tried {
				t.Fatal("no rows are expected for this grouping")
			}
			res := compute(t, survey.ScoreQuery{By: by}, sessions...)
			var rows []string
			for _, r := range res.Rows {
				rows = append(rows, fmt.Sprintf("%s %s %d/%d-%d", r.Key, r.Label, *r.Satisfied, r.N, r.Excluded))
			}
			if got := strings.Join(rows, ", "); got != want {
				t.Errorf("rows\n%s, want\n%s", got, want)
			}
			if total := res.Total; total.N != 5 || *total.Satisfied != 3 || total.Respondents != 5 || total.Excluded != 1 {
				t.Errorf("total n %d, satisfied %d, people %d, excluded %d", total.N, *total.Satisfied, total.Respondents, total.Excluded)
			}
		})
	}
}

func TestQuestionsOfOneQuestionnaire(t *testing.T) {
	d := &desk{world: province()}
	res := compute(t, survey.ScoreQuery{Questionnaire: "service", By: survey.ByQuestion},
		[]score.Placed{d.give(service, "S-1", hour("2026-04-02", 10), "A1=5", "A2=1", "E1=na", "P1=2", "Z0=4")},
		[]score.Placed{d.give(quick, "S-1", hour("2026-04-02", 10), "Z0=1")})
	var rows []string
	for _, r := range res.Rows {
		rows = append(rows, fmt.Sprintf("%s %d/%d", r.Key, *r.Satisfied, r.N))
	}
	if got := strings.Join(rows, ", "); got != "A1 1/1, A2 0/1, P1 0/1, Z0 1/1" {
		t.Errorf("rows %s", got)
	}
	if res.Total.N != 2 || res.Total.Respondents != 1 {
		t.Errorf("the total pools %d answers of %d people, want the 2 of the factors", res.Total.N, res.Total.Respondents)
	}
}

func TestOnePersonOnTheScreenAndInTheForm(t *testing.T) {
	d := &desk{world: province()}
	first := d.give(quick, "S-1", hour("2026-04-02", 10), "Z0=5")
	session := []score.Placed{first, continuing(d.give(service, "S-1", hour("2026-04-02", 11), "A1=4", "Z0=4"), first)}
	total := compute(t, survey.ScoreQuery{}, session).Total
	if total.N != 2 || total.Respondents != 1 {
		t.Errorf("%d answers of %d people, want 2 of 1", total.N, total.Respondents)
	}
	w := world()
	w.Minimum = 0
	src := newRollups()
	src.add(score.Facts(session, catalogue))
	rows := ask(t, src, w, survey.ScoreQuery{By: survey.ByHour}).Rows
	if len(rows) != 2 || rows[1].N != 1 || rows[1].Respondents != 0 || rows[1].Interval != nil || rows[1].Rate == nil {
		t.Errorf("the hour of the follow-up: %+v", rows)
	}
	if _, err := json.Marshal(rows); err != nil {
		t.Errorf("a row without people cannot be written: %v", err)
	}
}

func TestNothingCountedIsNullNotZero(t *testing.T) {
	d := &desk{world: province()}
	for name, res := range map[string]score.Result{
		"no answers":    compute(t, survey.ScoreQuery{}),
		"future days":   compute(t, survey.ScoreQuery{From: day("2099-01-01"), To: day("2099-12-31")}, []score.Placed{d.give(quick, "S-1", hour("2026-03-02", 9), "Z0=5")}),
		"only a blank":  compute(t, survey.ScoreQuery{By: survey.ByCounter}, []score.Placed{d.give(quick, "S-1", hour("2026-03-02", 9), "Z0=blank")}),
		"unit was gone": compute(t, survey.ScoreQuery{Unit: "H"}, []score.Placed{d.give(quick, "S-1", hour("2026-03-02", 9), "Z0=5")}),
	} {
		b, err := json.Marshal(res)
		want := `{"method":{"id":"rate-pooled-v1","label":"Tỷ lệ hài lòng (gộp các câu trả lời)","standing":"internal"},` +
			`"total":{"key":"","label":"","n":0,"respondents":0,"satisfied":null,"levels":null,"rate":null,"interval":null,"mean":null,"excluded":0,"suppressed":false},"rows":[]}`
		if err != nil || string(b) != want {
			t.Errorf("%s: %s, %v", name, b, err)
		}
	}
}

func TestARowAsItIsRead(t *testing.T) {
	d := &desk{world: province()}
	res := compute(t, survey.ScoreQuery{}, []score.Placed{d.give(quick, "S-1", hour("2026-03-02", 9), "Z0=5")})
	b, err := json.Marshal(res.Total)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"n":1`, `"respondents":1`, `"satisfied":1`, `"levels":{"1":0,"2":0,"3":0,"4":0,"5":1}`, `"rate":100,`, `"high":100,"level":0.95,"method":"wilson"`, `"mean":5`, `"excluded":0`} {
		if !strings.Contains(string(b), part) {
			t.Errorf("%s is not in %s", part, b)
		}
	}
}

func TestScalesAreNeverMixed(t *testing.T) {
	d := &desk{world: province()}
	five := []score.Placed{d.give(quick, "S-1", hour("2026-03-02", 9), "Z0=5")}
	three := []score.Placed{d.give(quick3, "B-1", hour("2026-03-02", 9), "Z0=3")}
	res := compute(t, survey.ScoreQuery{By: survey.ByCounter}, five, three)
	total := res.Total
	if !total.MixedScales || total.Rate != nil || total.Mean != nil || total.Levels != nil || total.Satisfied != nil || total.Interval != nil {
		t.Errorf("two scales give %+v", total)
	}
	if total.N != 2 || total.Respondents != 2 {
		t.Errorf("two scales: n %d, people %d", total.N, total.Respondents)
	}
	for _, row := range res.Rows {
		if row.MixedScales || row.Rate == nil || *row.Rate != 100 {
			t.Errorf("counter %s has one scale and gives %+v", row.Key, row)
		}
	}
	if row := compute(t, survey.ScoreQuery{Questionnaire: "quick"}, five, three).Total; row.MixedScales || row.N != 1 {
		t.Errorf("one questionnaire gives %+v", row)
	}
}

func TestVersionsWithMendedWordsAreOneScale(t *testing.T) {
	mended := *quick
	mended.Title = words("Đánh giá nhanh (sửa)")
	both := survey.NewCatalogue(quick, &mended)
	d := &desk{world: province()}
	src := newRollups()
	src.add(score.Facts([]score.Placed{d.give(quick, "S-1", hour("2026-03-02", 9), "Z0=5")}, both))
	src.add(score.Facts([]score.Placed{d.give(&mended, "S-1", hour("2026-03-02", 9), "Z0=1")}, both))
	w := world()
	w.Catalogue = both
	if row := ask(t, src, w, survey.ScoreQuery{Questionnaire: "quick"}).Total; row.N != 2 || row.MixedScales || *row.Rate != 50 {
		t.Errorf("the code means all versions: %+v", row)
	}
	if row := ask(t, src, w, survey.ScoreQuery{Questionnaire: quick.ID()}).Total; row.N != 1 || *row.Rate != 100 {
		t.Errorf("code@hash means one version: %+v", row)
	}
}

func TestTooFewAreWithheld(t *testing.T) {
	d := &desk{world: province()}
	src := newRollups()
	for i := range 9 {
		counter := survey.CounterCode("S-1")
		if i == 0 {
			counter = "B-1"
		}
		src.add(score.Facts([]score.Placed{d.give(quick, counter, hour("2026-03-02", 9), "Z0=5")}, catalogue))
	}
	src.add(score.Facts([]score.Placed{flagged(d.give(quick, "B-1", hour("2026-03-02", 9), "Z0=1"), survey.TooSoon)}, catalogue))
	w := world()
	w.Minimum = 5
	res := ask(t, src, w, survey.ScoreQuery{By: survey.ByCounter})
	few, enough := res.Rows[0], res.Rows[1]
	if !few.Suppressed || few.Rate != nil || few.Mean != nil || few.Levels != nil || few.Satisfied != nil || few.Interval != nil {
		t.Errorf("one answer is shown: %+v", few)
	}
	if few.N != 1 || few.Respondents != 1 || few.Excluded != 1 {
		t.Errorf("n %d, people %d, excluded %d are given all the same", few.N, few.Respondents, few.Excluded)
	}
	if enough.Suppressed || enough.Rate == nil || res.Total.Suppressed {
		t.Errorf("eight answers are withheld: %+v", enough)
	}
}

func TestTheTreeOfEachDay(t *testing.T) {
	d := &desk{world: province()}
	src := newRollups()
	for _, p := range []score.Placed{
		d.give(quick, "A-1", hour("2025-06-30", 16), "Z0=5"), // X1 below the district
		d.give(quick, "A-1", hour("2025-07-01", 8), "Z0=4"),  // X1 below the province
		d.give(quick, "A-1", hour("2026-03-15", 8), "Z0=3"),  // its last day at X1
		d.give(quick, "A-1", hour("2026-03-16", 8), "Z0=2"),  // at X2
	} {
		src.add(score.Facts([]score.Placed{p}, catalogue))
	}
	whole := survey.ScoreQuery{From: day("2025-01-01"), To: day("2026-12-31")}
	for _, c := range []struct {
		unit survey.UnitCode
		by   survey.Grouping
		want string
	}{
		{"", survey.ByUnit, "4: X1 3, X2 1"},
		{"P", survey.ByUnit, "4: X1 3, X2 1"},
		{"H", survey.ByUnit, "1: X1 1"},
		{"X1", survey.ByCounter, "3: A-1 3"},
		{"X2", survey.ByCounter, "1: A-1 1"},
		{"S", survey.ByCounter, "0:"},
		{"H", survey.ByField, "1:  1"},
		{"X2", survey.ByRespondent, "1:  1"},
	} {
		q := whole
		q.Unit, q.By = c.unit, c.by
		res := ask(t, src, world(), q)
		got := fmt.Sprint(res.Total.N, ":")
		var rows []string
		for _, r := range res.Rows {
			rows = append(rows, fmt.Sprintf(" %s %d", r.Key, r.N))
		}
		if got += strings.Join(rows, ","); got != c.want {
			t.Errorf("unit %q by %s: %q, want %q", c.unit, c.by, got, c.want)
		}
	}
}

// A cut for a unit elsewhere must not keep a source from its coarser sums.
func TestSpansAreCutOnlyWhereTheQueryMeetsAChange(t *testing.T) {
	for _, c := range []struct {
		unit survey.UnitCode
		by   survey.Grouping
		want string
	}{
		{"S", survey.ByNone, "[{2025-01-01 2026-12-31 true}]"},
		{"S", survey.ByDay, "[{2025-01-01 2026-12-31 false}]"},
		{"S", survey.ByField, "[{2025-01-01 2026-12-31 true}]"},
		{"X2", survey.ByNone, "[{2025-01-01 2026-03-15 true} {2026-03-16 2026-12-31 true}]"},
		{"P", survey.ByField, "[{2025-01-01 2025-06-30 true} {2025-07-01 2026-12-31 true}]"},
	} {
		src := newRollups()
		ask(t, src, world(), survey.ScoreQuery{Unit: c.unit, By: c.by, From: day("2025-01-01"), To: day("2026-12-31")})
		if got := fmt.Sprint(src.asked); got != c.want {
			t.Errorf("unit %s by %s asks for %s, want %s", c.unit, c.by, got, c.want)
		}
	}
}

func TestRefusedQueries(t *testing.T) {
	span := survey.ScoreQuery{From: day("2026-01-01"), To: day("2026-12-31"), By: survey.ByNone}
	for name, c := range map[string]struct {
		change func(*survey.ScoreQuery)
		vi, en string
	}{
		"unknown questionnaire": {
			func(q *survey.ScoreQuery) { q.Questionnaire = "quik" },
			`questionnaire = "quik": không có phiếu hỏi này; có: quick, quick3, reason, service`,
			`questionnaire = "quik": there is no such questionnaire; there are: quick, quick3, reason, service`,
		},
		"version of another code": {
			func(q *survey.ScoreQuery) { q.Questionnaire = "service@" + quick.Hash().String()[:10] },
			`questionnaire = "service@` + quick.Hash().String()[:10] + `": không có phiếu hỏi này; có: quick, quick3, reason, service`,
			`questionnaire = "service@` + quick.Hash().String()[:10] + `": there is no such questionnaire; there are: quick, quick3, reason, service`,
		},
		"from after to": {
			func(q *survey.ScoreQuery) { q.From = day("2027-01-01") },
			`from = "2027-01-01": ngày đầu không được sau ngày cuối (2026-12-31)`,
			`from = "2027-01-01": the first day must not be after the last (2026-12-31)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := span
			c.change(&q)
			_, err := score.Compute(t.Context(), newRollups(), world(), q)
			var ps survey.Problems
			if !errors.As(err, &ps) || ps.Text(survey.Vietnamese) != c.vi || ps.Text(survey.English) != c.en {
				t.Errorf("answered with %v", err)
			}
		})
	}
	_, err := score.Compute(t.Context(), &rollups{fail: errSource}, world(), span)
	var ps survey.Problems
	if !errors.Is(err, errSource) || errors.As(err, &ps) || !strings.Contains(err.Error(), "from 2026-01-01 to 2026-03-15") {
		t.Errorf("a broken source gives %v", err)
	}
}

// TestScoreIsThatOfTheRawAnswers counts the raw records in the plainest way and
// compares: whatever the sessions, whatever the grouping.
func TestScoreIsThatOfTheRawAnswers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &desk{world: province()}
		sessions := rapid.SliceOfN(sessionGen(d), 0, 8).Draw(rt, "sessions")
		from := day("2026-02-20") + survey.Date(rapid.IntRange(0, 40).Draw(rt, "from"))
		to := from + survey.Date(rapid.IntRange(0, 40).Draw(rt, "days"))
		id := rapid.SampledFrom([]string{"quick", "quick3", "service"}).Draw(rt, "questionnaire")
		unit := rapid.SampledFrom([]survey.UnitCode{"", "P", "X1", "X2", "S"}).Draw(rt, "unit")
		by := rapid.SampledFrom(survey.Groupings).Draw(rt, "by")
		src := newRollups()
		for _, s := range sessions {
			src.add(score.Facts(s, catalogue))
		}
		res := ask(t, src, world(), survey.ScoreQuery{Unit: unit, From: from, To: to, Questionnaire: id, By: by})
		want := byHand(sessions, unit, from, to, id)
		got := res.Total
		if got.N != want.n || got.Respondents > got.N || got.Excluded != want.excluded {
			rt.Fatalf("n %d of %d people, excluded %d; by hand %+v", got.N, got.Respondents, got.Excluded, want)
		}
		if got.Rate == nil {
			return // nothing counted, or the people of these answers counted in other days
		}
		if *got.Satisfied != want.satisfied || *got.Rate != 100*float64(want.satisfied)/float64(want.n) || *got.Mean != float64(want.sum)/float64(want.n) {
			rt.Fatalf("satisfied %d rate %v mean %v; by hand %+v", *got.Satisfied, *got.Rate, *got.Mean, want)
		}
		var n int64
		for _, row := range append(res.Rows, got) {
			if row.Rate != nil && (*row.Rate < 0 || *row.Rate > 100 || row.Interval != nil && (row.Interval.Low > *row.Rate || row.Interval.High < *row.Rate || row.Interval.Low < 0 || row.Interval.High > 100)) {
				rt.Fatalf("out of range: %+v %+v", row, row.Interval)
			}
			n += row.N
		}
		if by != survey.ByQuestion && by != survey.ByNone && by != survey.ByFactor && n != 2*got.N {
			rt.Fatalf("the rows by %s add up to %d, the total is %d", by, n-got.N, got.N)
		}
	})
}

// plain is the sums of a query made without roll-ups.
type plain struct{ n, satisfied, sum, excluded int64 }

func byHand(sessions [][]score.Placed, unit survey.UnitCode, from, to survey.Date, id string) plain {
	var sums plain
	v, _ := catalogue.Find(id)
	s := province()
	for _, session := range sessions {
		for i, p := range session {
			within := s.Subtree(unit, p.Hour.Date())
			if p.Response.Questionnaire != v.Hash || p.Hour.Date() < from || p.Hour.Date() > to || !within[p.Receiving] {
				continue
			}
			for _, a := range p.Response.Answers {
				if a.Kind != survey.AtLevel || !slices.Contains(v.Headline(), a.Question) {
					continue
				}
				x, _ := v.Question(a.Question)
				level, _ := v.Scale(x.Scale).Level(a.Level)
				if !holds(session, i, a.Question) {
					sums.excluded++
					continue
				}
				sums.n++
				sums.sum += int64(a.Level)
				if level.Satisfied {
					sums.satisfied++
				}
			}
		}
	}
	return sums
}

// holds reports whether the answer of record i is the respondent's last word on it.
func holds(session []score.Placed, i int, question survey.QuestionCode) bool {
	in := func(k int) bool {
		for _, other := range session {
			if other.Response.Replaces == session[k].ID {
				return false
			}
		}
		return session[k].Response.Excluded() == ""
	}
	if !in(i) {
		return false
	}
	for k := i + 1; k < len(session); k++ {
		answers := session[k].Response.Questionnaire == session[i].Response.Questionnaire && slices.ContainsFunc(session[k].Response.Answers, func(a survey.Answer) bool {
			return a.Question == question && a.Kind == survey.AtLevel
		})
		if answers && in(k) {
			return false
		}
	}
	return true
}

// BenchmarkCompute pools the month sums of a year of 1,000 counters, five levels each.
func BenchmarkCompute(b *testing.B) {
	w := score.World{Structure: &survey.Structure{Units: []survey.Unit{{Code: "P", Name: words("Tỉnh"), Kind: survey.Province}}}, Catalogue: catalogue}
	src := &listed{}
	for c := range 1000 {
		code := survey.CounterCode(fmt.Sprintf("C%04d", c))
		w.Structure.Counters = append(w.Structure.Counters, survey.Counter{Code: code, Unit: "P", Name: words("Quầy")})
		for m := day("2026-01-01").Month(); m <= day("2026-12-01").Month(); m++ {
			for level := survey.Level(1); level <= 5; level++ {
				src.keys = append(src.keys, score.TimeKey{
					Hour: m.First().FirstHour(), Counter: code, Channel: survey.Touch, Stage: survey.Result,
					Item: score.Item{Questionnaire: quick.Hash(), Kind: score.QuestionItem, Code: "Z0"}, Outcome: score.Outcome{Kind: survey.AtLevel, Level: level},
				})
			}
		}
	}
	q := survey.ScoreQuery{Unit: "P", From: day("2026-01-01"), To: day("2026-12-31"), By: survey.ByCounter}
	for b.Loop() {
		if res, err := score.Compute(b.Context(), src, w, q); err != nil || len(res.Rows) != 1000 {
			b.Fatal(len(res.Rows), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(src.keys)), "ns/row")
}

// listed is a source that only hands out its rows, to measure what comes after it.
type listed struct {
	rollups
	keys []score.TimeKey
}

func (l *listed) TimeCounts(_ context.Context, _ score.Span, _ []survey.CounterCode, visit func(score.TimeKey, score.Count) error) error {
	for _, k := range l.keys {
		if err := visit(k, score.Count{Answers: 10, Respondents: 10}); err != nil {
			return err
		}
	}
	return nil
}
