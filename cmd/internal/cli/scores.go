package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"hailong/survey"
	"hailong/survey/score"
)

// groupings are the values of --by.
func groupings() string {
	list := make([]string, len(survey.Groupings))
	for i, g := range survey.Groupings {
		list[i] = string(g)
	}
	return strings.Join(list, ",")
}

// ScoresCmd asks for satisfaction scores. Days left out are the centre's today.
type ScoresCmd struct {
	Unit          survey.UnitCode `placeholder:"CODE" help:"Đơn vị tiếp nhận, gồm cả cấp dưới; không nêu = tất cả / receiving unit with all below it; left out = all"`
	From          survey.Date     `placeholder:"YYYY-MM-DD" help:"Ngày đầu; không nêu = hôm nay / first day; left out = today"`
	To            survey.Date     `placeholder:"YYYY-MM-DD" help:"Ngày cuối; không nêu = hôm nay / last day; left out = today"`
	Questionnaire string          `placeholder:"ID" help:"Mã phiếu hỏi, hoặc mã@băm cho một phiên bản; không nêu = câu hỏi chung của mọi phiếu / questionnaire code, or code@hash for one version; left out = the overall question of all"`
	By            survey.Grouping `enum:"${groupings}" default:"none" help:"Chia theo: ${enum} / group by"`
}

// Run prints the scores.
func (cmd *ScoresCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	if err := inOrder(cmd.From, cmd.To); err != nil {
		return err
	}
	res, raw, err := ask[score.Result](ctx, g, t, http.MethodGet, "/api/v1/scores", cmd.query(), nil)
	if err != nil {
		return err
	}
	switch g.Output {
	case AsJSON:
		return t.json(raw)
	case AsCSV:
		return scoresCSV(t, res)
	default:
		return scoresTable(t, cmd.period(t), res)
	}
}

// inOrder refuses days that are the wrong way round.
func inOrder(from, to survey.Date) error {
	if from != 0 && to != 0 && from > to {
		return &Error{
			Vi:   fmt.Sprintf("--from = %s phải không sau --to = %s", day(from), day(to)),
			En:   fmt.Sprintf("--from = %s must not be after --to = %s", day(from), day(to)),
			Code: usage,
		}
	}
	return nil
}

// period is the days asked for, for people. A day left out is the centre's today.
func (cmd *ScoresCmd) period(t *Terminal) string {
	name := func(d survey.Date) string {
		if d == 0 {
			return t.say("hôm nay", "today")
		}
		return day(d)
	}
	if cmd.From == cmd.To {
		return name(cmd.From)
	}
	return name(cmd.From) + " – " + name(cmd.To)
}

// query holds what was given; the rest is left to the centre.
func (cmd *ScoresCmd) query() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"unit": string(cmd.Unit), "from": cmd.From.String(), "to": cmd.To.String(),
		"questionnaire": cmd.Questionnaire, "by": string(cmd.By),
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

var scoreColumns = []column{
	{vi: "Mã", en: "Code"},
	{vi: "Tên", en: "Name"},
	{vi: "Số câu trả lời", en: "n", number: true},
	{vi: "Số người", en: "Respondents", number: true},
	{vi: "Tỷ lệ (%)", en: "Rate (%)", number: true},
	{vi: "Khoảng tin cậy 95 %", en: "95 % interval", number: true},
	{vi: "Điểm TB", en: "Mean", number: true},
	{vi: "Loại trừ", en: "Excluded", number: true},
}

func scoresTable(t *Terminal, period string, res score.Result) error {
	if err := t.write(fmt.Sprintf("%s\n%s (%s, %s)\n\n", period, oneLine(res.Method.Label), oneLine(res.Method.ID), oneLine(res.Method.Standing))); err != nil {
		return err
	}
	total := res.Total
	total.Key, total.Label = "", t.say("Tổng", "Total")
	var rows [][]string
	suppressed, mixed := false, false
	for _, r := range append(slices.Clone(res.Rows), total) {
		rows = append(rows, []string{r.Key, r.Label, whole(r.N), whole(r.Respondents), decimal(r.Rate, 2), interval(r.Interval), decimal(r.Mean, 2), whole(r.Excluded)})
		suppressed, mixed = suppressed || r.Suppressed, mixed || r.MixedScales
	}
	if err := t.table(scoreColumns, rows); err != nil {
		return err
	}
	notes := ""
	if suppressed {
		notes += t.say("\nDòng không có tỷ lệ dù có câu trả lời: quá ít người nên được giấu.\n", "\nA line with answers but no rate has too few respondents to be shown.\n")
	}
	if mixed {
		notes += t.say("\nCác câu trả lời dùng nhiều thang đo khác nhau nên không gộp được; hãy chọn --questionnaire.\n", "\nAnswers on different scales are not pooled; choose one with --questionnaire.\n")
	}
	return t.write(notes)
}

func interval(i *score.Interval) string {
	if i == nil {
		return nothing
	}
	return decimal(&i.Low, 2) + "–" + decimal(&i.High, 2)
}

// scoresCSV prints one line for each row and one for the total, told apart by the first
// column. The levels that occur anywhere have a column each.
func scoresCSV(t *Terminal, res score.Result) error {
	all := append(slices.Clone(res.Rows), res.Total)
	var levels []survey.Level
	for _, r := range all {
		for l := range r.Levels {
			if !slices.Contains(levels, l) {
				levels = append(levels, l)
			}
		}
	}
	slices.Sort(levels)
	columns := []string{"row", "key", "label", "n", "respondents", "satisfied", "rate", "low", "high", "interval_level", "interval_method", "mean", "excluded", "suppressed", "mixed_scales"}
	for _, l := range levels {
		columns = append(columns, fmt.Sprintf("level_%d", l))
	}
	var lines [][]string
	for i, r := range all {
		which := "group"
		if i == len(all)-1 {
			which = "total"
		}
		lines = append(lines, append([]string{which}, scoreCells(r, levels)...))
	}
	return t.csv(columns, lines)
}

func scoreCells(r score.Row, levels []survey.Level) []string {
	satisfied, low, high, level, method := "", "", "", "", ""
	if r.Satisfied != nil {
		satisfied = whole(*r.Satisfied)
	}
	if i := r.Interval; i != nil {
		low, high, level, method = exact(&i.Low), exact(&i.High), exact(&i.Level), i.Method
	}
	cells := []string{r.Key, r.Label, whole(r.N), whole(r.Respondents), satisfied, exact(r.Rate), low, high, level, method, exact(r.Mean), whole(r.Excluded), fmt.Sprint(r.Suppressed), fmt.Sprint(r.MixedScales)}
	for _, l := range levels {
		if r.Levels == nil {
			cells = append(cells, "")
			continue
		}
		cells = append(cells, whole(r.Levels[l]))
	}
	return cells
}
