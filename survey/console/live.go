package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"hailong/survey"
	"hailong/survey/score"
)

// place is where a live figure stands: one counter, on one scale.
type place struct {
	counter survey.CounterCode
	scale   string // survey.Scale.Key
}

// live holds, for each counter and scale, today's figure as last published. It is what
// keeps the page from telling what the person at the counter just pressed:
//
//   - A figure is published only when at least step answers have come into it since the
//     one before. Answers that are left out of the score do not count towards the step:
//     otherwise one press and four hasty repeats of it would make up a step, and the
//     figure would tell that one press.
//   - A new day begins with nothing published; a restart begins with what was published
//     before it, which is why the store keeps that.
//   - Everything larger (units, the total) is added up from published figures. Were it
//     fresher, the difference between a unit and its counters would tell.
//
// With a step of 1, which is for demonstrations and tests, every change is published.
//
// A live has no lock of its own: [Console.work] protects it.
type live struct {
	step      int64
	day       survey.Date
	published map[place]score.Row
}

func newLive(step int64) *live {
	return &live{step: step, published: map[place]score.Row{}}
}

// turn makes day the day of the figures; another day than before begins empty.
func (l *live) turn(day survey.Date) {
	if day != l.day {
		l.day = day
		clear(l.published)
	}
}

// offer hands in a fresh figure of a day and reports whether it was published.
func (l *live) offer(day survey.Date, at place, fresh score.Row) bool {
	if day != l.day {
		return false
	}
	was := l.published[at]
	if fresh.N-was.N < l.step && (l.step > 1 || sameCounts(was, fresh)) {
		return false
	}
	l.published[at] = fresh
	return true
}

func sameCounts(a, b score.Row) bool {
	return a.N == b.N && a.Respondents == b.Respondents && a.Excluded == b.Excluded && maps.Equal(a.Levels, b.Levels)
}

// shownJSON is what is published, as the store keeps it over a restart.
type shownJSON struct {
	Day  survey.Date   `json:"day"`
	Rows []shownFigure `json:"rows"`
}

type shownFigure struct {
	Counter     survey.CounterCode     `json:"counter"`
	Scale       string                 `json:"scale"`
	N           int64                  `json:"n"`
	Respondents int64                  `json:"respondents"`
	Excluded    int64                  `json:"excluded"`
	Levels      map[survey.Level]int64 `json:"levels"`
}

// remember writes down what is published.
func (l *live) remember() ([]byte, error) {
	out := shownJSON{Day: l.day}
	for at, r := range l.published {
		out.Rows = append(out.Rows, shownFigure{at.counter, at.scale, r.N, r.Respondents, r.Excluded, r.Levels})
	}
	return json.Marshal(out)
}

// recall takes up what remember wrote, if it is of the same day. No text is nothing.
func (l *live) recall(text []byte) error {
	if text == nil {
		return nil
	}
	var in shownJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("what was shown before cannot be read: %w", err)
	}
	if in.Day != l.day {
		return nil
	}
	for _, r := range in.Rows {
		l.published[place{r.Counter, r.Scale}] = score.Row{N: r.N, Respondents: r.Respondents, Excluded: r.Excluded, Levels: r.Levels}
	}
	return nil
}

// measure is a scale on which overall questions are asked.
type measure struct {
	scale *survey.Scale
	key   string
	codes []survey.QuestionnaireCode // of the questionnaires that ask on it
}

// measures are the scales of the overall questions of a catalogue, the one with the
// most levels first, so that the five faces lead; and, for each overall question, the
// key of its scale. Answers of different scales are never added up.
func measures(c *survey.Catalogue) (list []measure, scaleOf map[score.Item]string) {
	scaleOf = map[score.Item]string{}
	for _, v := range c.All() {
		for _, x := range v.Questions {
			if x.Kind != survey.Overall {
				continue
			}
			s := v.Scale(x.Scale)
			key := s.Key()
			scaleOf[score.Item{Questionnaire: v.Hash, Kind: score.QuestionItem, Code: string(x.Code)}] = key
			i := slices.IndexFunc(list, func(m measure) bool { return m.key == key })
			if i < 0 {
				i, list = len(list), append(list, measure{key: key})
			}
			list[i].scale = s // the latest words
			if !slices.Contains(list[i].codes, v.Code) {
				list[i].codes = append(list[i].codes, v.Code)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b measure) int { return len(b.scale.Levels) - len(a.scale.Levels) })
	return list, scaleOf
}

// tallies are the figures of some counters as they are counted up.
type tallies struct {
	scaleOf map[score.Item]string
	rows    map[place]score.Row
	people  map[survey.CounterCode]int64 // who answered any overall question there
	scales  map[survey.CounterCode]int   // on how many scales
}

func newTallies(scaleOf map[score.Item]string) *tallies {
	return &tallies{scaleOf: scaleOf, rows: map[place]score.Row{}, people: map[survey.CounterCode]int64{}, scales: map[survey.CounterCode]int{}}
}

// add puts one row of the roll-up in.
func (t *tallies) add(k score.TimeKey, n score.Count) {
	if k.Item.Kind == score.OverallItem && k.Excluded == "" {
		t.people[k.Counter] += n.Respondents
	}
	key, overall := t.scaleOf[k.Item]
	if !overall || k.Outcome.Kind != survey.AtLevel {
		return
	}
	at := place{k.Counter, key}
	row := t.rows[at]
	if k.Excluded != "" {
		row.Excluded += n.Answers
	} else {
		if row.N == 0 {
			row.Levels = map[survey.Level]int64{}
			t.scales[k.Counter]++
		}
		row.N += n.Answers
		row.Respondents += n.Respondents
		row.Levels[k.Outcome.Level] += n.Answers
	}
	t.rows[at] = row
}

// finished are the figures. Somebody who answered two questionnaires on one scale is
// one respondent; only where a counter uses several scales the sums cannot tell.
func (t *tallies) finished() map[place]score.Row {
	for at, row := range t.rows {
		if t.scales[at.counter] == 1 && row.N > 0 {
			row.Respondents = t.people[at.counter]
			t.rows[at] = row
		}
	}
	return t.rows
}

// pool adds up rows of one scale and works out what follows from the sums, by the
// method and with the minimum of [score.Compute].
func pool(scale *survey.Scale, minimum int64, rows ...score.Row) score.Row {
	var sum score.Row
	levels := map[survey.Level]int64{}
	for _, r := range rows {
		sum.N += r.N
		sum.Respondents += r.Respondents
		sum.Excluded += r.Excluded
		for l, n := range r.Levels {
			levels[l] += n
		}
	}
	if sum.N == 0 {
		return sum
	}
	if sum.Respondents < minimum {
		sum.Suppressed = true
		return sum
	}
	var satisfied, points int64
	sum.Levels = map[survey.Level]int64{}
	for _, l := range scale.Levels {
		sum.Levels[l.Value] = levels[l.Value]
		points += levels[l.Value] * int64(l.Value)
		if l.Satisfied {
			satisfied += levels[l.Value]
		}
	}
	p := float64(satisfied) / float64(sum.N)
	rate, mean := 100*p, float64(points)/float64(sum.N)
	low, high := score.Wilson(p, sum.Respondents)
	sum.Satisfied, sum.Rate, sum.Mean = &satisfied, &rate, &mean
	sum.Interval = &score.Interval{Low: 100 * low, High: 100 * high, Level: 0.95, Method: "wilson"}
	return sum
}
