package score

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"hailong/survey"
)

// Span is what a Source is asked for: the counts of some days.
type Span struct {
	From, To survey.Date
	// Whole says that the days need not be told apart, so that a source may answer
	// from coarser sums.
	Whole bool
}

// Source hands out the roll-ups' counts. Each visit is called once per row that lies
// in the span, in no promised order, from one goroutine; an error from visit ends the
// walk and comes back. Keys are values, free to keep.
type Source interface {
	// TimeCounts walks the time roll-up of the given counters.
	TimeCounts(ctx context.Context, span Span, counters []survey.CounterCode, visit func(TimeKey, Count) error) error
	// ServiceCounts walks the service roll-up of the given receiving units.
	ServiceCounts(ctx context.Context, span Span, units []survey.UnitCode, visit func(ServiceKey, Count) error) error
}

// Interval is a 95 % interval of a rate, in per cent.
type Interval struct {
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Level  float64 `json:"level"`
	Method string  `json:"method"`
}

// Row is one line of a score. Rate, Low and High are in per cent and not rounded.
// What has no value is nil: nothing counted gives nil, never 0.
type Row struct {
	Key         string                 `json:"key"`
	Label       string                 `json:"label"`
	N           int64                  `json:"n"`           // answers counted
	Respondents int64                  `json:"respondents"` // people who gave them
	Satisfied   *int64                 `json:"satisfied"`   // answers at a satisfied level
	Levels      map[survey.Level]int64 `json:"levels"`      // answers by level; of a question about reasons, all there is
	Rate        *float64               `json:"rate"`        // 100 × satisfied / n
	Interval    *Interval              `json:"interval"`    // Wilson's, at the rate, with the respondents as its n
	Mean        *float64               `json:"mean"`        // mean level
	Excluded    int64                  `json:"excluded"`    // answers left out of all this, by published rules
	Suppressed  bool                   `json:"suppressed"`  // too few to show
	MixedScales bool                   `json:"mixed_scales,omitempty"`
}

// Method names how a score was computed and what standing it has.
type Method struct {
	ID       string `json:"id"`
	Label    string `json:"label"`
	Standing string `json:"standing"`
}

// RatePooled is the default method: the share of satisfied answers among all answers,
// pooled over the questions. An internal figure: it is not SIPAS, which is a sampled
// household survey.
var RatePooled = Method{ID: "rate-pooled-v1", Label: "Tỷ lệ hài lòng (gộp các câu trả lời)", Standing: "internal"}

// Result is the answer to a [survey.ScoreQuery].
type Result struct {
	Method Method `json:"method"`
	Total  Row    `json:"total"`
	Rows   []Row  `json:"rows"`
}

// World is what a score is computed against: who served where, what was asked, and
// the least number of respondents for which figures are shown.
type World struct {
	Structure *survey.Structure
	Catalogue *survey.Catalogue
	Minimum   int64
}

// Compute answers a query. The error is [survey.Problems] when the query itself is at
// fault, and otherwise the source's.
func Compute(ctx context.Context, src Source, w World, q survey.ScoreQuery) (Result, error) {
	if err := q.Validate(w.Structure); err != nil {
		return Result{}, err
	}
	wanted, err := wantedItems(w.Catalogue, q.Questionnaire)
	if err != nil {
		return Result{}, err
	}
	c := &computing{World: w, query: q, wanted: wanted, total: newTally(), rows: map[string]*tally{}}
	for _, s := range c.stretches() {
		if err := c.count(ctx, src, s); err != nil {
			return Result{}, fmt.Errorf("count answers from %s to %s: %w", s.From, s.To, err)
		}
	}
	return c.result(), nil
}

// wanted says what part an item plays in a query.
type wanted struct {
	one      *survey.Questionnaire // set where the query names one
	versions map[survey.Hash]*version
}

// version is what a query needs to know of one questionnaire version.
type version struct {
	q        *survey.Questionnaire
	headline map[string]bool // codes of the questions pooled
}

func wantedItems(c *survey.Catalogue, id string) (*wanted, error) {
	w := &wanted{versions: map[survey.Hash]*version{}}
	var hash survey.Hash
	if id != "" {
		v, ok := c.Find(id)
		if !ok {
			var ps survey.Problems
			ps.Add("questionnaire", id, "không có phiếu hỏi này; có: "+c.Codes(), "there is no such questionnaire; there are: "+c.Codes())
			return nil, ps
		}
		w.one = v.Questionnaire
		if id != string(v.Code) {
			hash = v.Hash
		}
	}
	for _, each := range c.All() {
		if w.one != nil && (each.Code != w.one.Code || !hash.IsZero() && each.Hash != hash) {
			continue
		}
		v := &version{q: each.Questionnaire, headline: map[string]bool{}}
		for _, x := range v.q.Questions {
			if w.one == nil && x.Kind == survey.Overall {
				v.headline[string(x.Code)] = true // the overall question of all, also beside factors
			}
		}
		if w.one != nil {
			for _, code := range v.q.Headline() {
				v.headline[string(code)] = true
			}
		}
		w.versions[each.Hash] = v
	}
	return w, nil
}

// computing is one query under way.
type computing struct {
	World
	query  survey.ScoreQuery
	wanted *wanted
	unitOf map[survey.CounterCode]survey.UnitCode
	total  *tally
	rows   map[string]*tally
}

// stretch is a run of days on which a query meets the same units and counters.
type stretch struct {
	survey.Span
	units  []survey.UnitCode // of the subtree, sorted; for the service roll-up
	unitOf map[survey.CounterCode]survey.UnitCode
}

// stretches cuts the query's days where the subtree or its counters change, and only
// there, so that a source can answer the rest from its coarser sums.
func (c *computing) stretches() []stretch {
	var list []stretch
	for _, span := range c.Structure.Spans(c.query.From, c.query.To) {
		next := stretch{Span: span, unitOf: map[survey.CounterCode]survey.UnitCode{}}
		within := c.Structure.Subtree(c.query.Unit, span.From)
		if c.query.By.NeedsService() {
			next.units = slices.Sorted(maps.Keys(within))
		} else {
			for _, row := range c.Structure.Counters {
				if within[row.Unit] && row.InForce(span.From) {
					next.unitOf[row.Code] = row.Unit
				}
			}
		}
		if n := len(list); n > 0 && slices.Equal(list[n-1].units, next.units) && maps.Equal(list[n-1].unitOf, next.unitOf) {
			list[n-1].To = next.To
			continue
		}
		list = append(list, next)
	}
	return list
}

func (c *computing) count(ctx context.Context, src Source, s stretch) error {
	if c.query.By.NeedsService() {
		return src.ServiceCounts(ctx, Span{s.From, s.To, true}, s.units, func(k ServiceKey, n Count) error {
			c.add(c.serviceGroup(k), k.Item, k.Outcome, k.Excluded, n)
			return nil
		})
	}
	c.unitOf = s.unitOf
	whole := !slices.Contains([]survey.Grouping{survey.ByDay, survey.ByWeek, survey.ByHour, survey.ByWeekday}, c.query.By)
	return src.TimeCounts(ctx, Span{s.From, s.To, whole}, slices.Sorted(maps.Keys(s.unitOf)), func(k TimeKey, n Count) error {
		c.add(c.timeGroup(k), k.Item, k.Outcome, k.Excluded, n)
		return nil
	})
}

// add puts one roll-up row into the total and into its group.
func (c *computing) add(group string, item Item, out Outcome, excluded survey.Flag, n Count) {
	v := c.wanted.versions[item.Questionnaire]
	if v == nil && item.Kind != OverallItem {
		return
	}
	c.total.add(v, item, c.inTotal(v, item), out, excluded, n)
	switch c.query.By {
	case survey.ByNone:
	case survey.ByQuestion:
		if item.Kind == QuestionItem && (c.wanted.one != nil || v.headline[item.Code]) {
			c.row(c.questionKey(v, item)).add(v, item, bothRoles, out, excluded, n)
		}
	case survey.ByFactor:
		c.addFactor(v, item, out, excluded, n)
	default:
		c.row(group).add(v, item, c.inTotal(v, item), out, excluded, n)
	}
}

// addFactor adds a satisfaction question's answers, or a factor's people, to the
// factor's row.
func (c *computing) addFactor(v *version, item Item, out Outcome, excluded survey.Flag, n Count) {
	switch item.Kind {
	case FactorItem:
		c.row(item.Code).add(v, item, peopleRole, out, excluded, n)
	case QuestionItem:
		if x, ok := v.q.Question(survey.QuestionCode(item.Code)); ok && x.Factor != "" && x.Kind == survey.Satisfaction {
			c.row(string(x.Factor)).add(v, item, answersRole, out, excluded, n)
		}
	}
}

// role says what of an item's count goes into a tally.
type role uint8

const (
	answersRole role = 1 << iota
	peopleRole
	bothRoles = answersRole | peopleRole
)

// inTotal is the part an item plays in a pooled figure: headline questions give the
// answers. People come from the item that counts each of them once: the overall item
// where the query spans all questionnaires, else the headline item, or the question
// itself where only one is pooled.
func (c *computing) inTotal(v *version, item Item) role {
	all := c.wanted.one == nil
	switch {
	case item.Kind == OverallItem && all:
		return peopleRole
	case item.Kind == HeadlineItem && !all:
		return peopleRole
	case item.Kind == QuestionItem && v.headline[item.Code] && !all && len(v.headline) == 1:
		return bothRoles
	case item.Kind == QuestionItem && v.headline[item.Code]:
		return answersRole
	}
	return 0
}

func (c *computing) row(key string) *tally {
	t := c.rows[key]
	if t == nil {
		t = newTally()
		c.rows[key] = t
	}
	return t
}

func (c *computing) timeGroup(k TimeKey) string {
	day := k.Hour.Date()
	switch c.query.By {
	case survey.ByUnit:
		return string(c.unitOf[k.Counter])
	case survey.ByCounter:
		return string(k.Counter)
	case survey.ByChannel:
		return string(k.Channel)
	case survey.ByStage:
		return string(k.Stage)
	case survey.ByDay:
		return day.String()
	case survey.ByWeek:
		return day.ISOWeek()
	case survey.ByMonth:
		return day.Month().String()
	case survey.ByHour:
		return fmt.Sprintf("%02d", k.Hour.OfDay())
	case survey.ByWeekday:
		return strconv.Itoa((int(day.Weekday())+6)%7 + 1) // ISO 8601: Monday = 1
	}
	return ""
}

func (c *computing) serviceGroup(k ServiceKey) string {
	switch c.query.By {
	case survey.ByField:
		return string(k.Field)
	case survey.ByProcedure:
		return string(k.Procedure)
	case survey.ByResolvingUnit:
		return string(k.Resolving)
	default:
		return string(k.Respondent)
	}
}

// questionKey is the question's code, with its questionnaire's before it where the
// query spans several questionnaires.
func (c *computing) questionKey(v *version, item Item) string {
	if c.wanted.one != nil {
		return item.Code
	}
	return string(v.q.Code) + "/" + item.Code
}

func (c *computing) result() Result {
	res := Result{Method: RatePooled, Total: c.total.row(c.Minimum), Rows: []Row{}}
	for _, k := range slices.Sorted(maps.Keys(c.rows)) {
		if c.rows[k].empty() {
			continue // only blanks, or questions that this query does not pool
		}
		row := c.rows[k].row(c.Minimum)
		row.Key, row.Label = k, c.label(k)
		res.Rows = append(res.Rows, row)
	}
	return res
}
