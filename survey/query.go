package survey

import (
	"slices"
)

// Grouping says by what the rows of a score are told apart.
type Grouping string

// The groupings.
const (
	ByNone          Grouping = "none"
	ByQuestion      Grouping = "question"
	ByFactor        Grouping = "factor"
	ByUnit          Grouping = "unit"
	ByCounter       Grouping = "counter"
	ByChannel       Grouping = "channel"
	ByStage         Grouping = "stage"
	ByField         Grouping = "field"
	ByProcedure     Grouping = "procedure"
	ByResolvingUnit Grouping = "resolving_unit"
	ByRespondent    Grouping = "respondent"
	ByDay           Grouping = "day"
	ByWeek          Grouping = "week"
	ByMonth         Grouping = "month"
	ByHour          Grouping = "hour"
	ByWeekday       Grouping = "weekday"
)

// Groupings are all groupings, in the order in which they are documented.
var Groupings = []Grouping{
	ByNone, ByQuestion, ByFactor, ByUnit, ByCounter, ByChannel, ByStage, ByField, ByProcedure,
	ByResolvingUnit, ByRespondent, ByDay, ByWeek, ByMonth, ByHour, ByWeekday,
}

// NeedsService reports whether only the service roll-up can tell the groups apart.
func (g Grouping) NeedsService() bool {
	return slices.Contains([]Grouping{ByField, ByProcedure, ByResolvingUnit, ByRespondent}, g)
}

// ScoreQuery is what an analyst asks: the answers given at counters of a unit's
// subtree, from the first day to the last (both included), grouped.
type ScoreQuery struct {
	Unit          UnitCode // receiving unit; its subtree is meant. Empty = every unit
	From, To      Date
	Questionnaire string   // code (all its versions) or code@hash; empty = the overall question of all
	By            Grouping // ByNone = the total alone
}

// Validate checks the query against the units there are. The error, if any, is
// [Problems] with paths as in the HTTP interface.
func (q ScoreQuery) Validate(s *Structure) error {
	var ps Problems
	if q.Unit != "" && !s.HasUnit(q.Unit) {
		ps.Add("unit", string(q.Unit), "không có đơn vị nào mang mã này; xem /api/v1/units", "there is no unit with this code; see /api/v1/units")
	}
	if q.To == 0 {
		ps.Add("to", "", "thiếu ngày cuối (YYYY-MM-DD)", "the last day is missing (YYYY-MM-DD)")
	} else if q.From > q.To {
		ps.Add("from", q.From.String(), "ngày đầu không được sau ngày cuối ("+q.To.String()+")", "the first day must not be after the last ("+q.To.String()+")")
	}
	oneOf("by", q.By, Groupings, false, &ps)
	return ps.Err()
}
