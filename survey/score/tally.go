package score

import "hailong/survey"

// tally adds up answers of one scale. Meeting a second scale it keeps counting, but
// gives neither levels nor anything computed from them.
type tally struct {
	scale       *survey.Scale
	key         string
	mixed       bool
	choices     bool // of reasons, which have no order of merit
	n           int64
	respondents int64
	excluded    int64
	levels      map[survey.Level]int64
}

func newTally() *tally { return &tally{levels: map[survey.Level]int64{}} }

// add puts one roll-up row in. Blank and not-applicable answers are no answers.
func (t *tally) add(v *version, item Item, as role, out Outcome, excluded survey.Flag, n Count) {
	if as == 0 || item.Kind == QuestionItem && out.Kind != survey.AtLevel {
		return
	}
	if excluded != "" {
		if as&answersRole != 0 {
			t.excluded += n.Answers
		}
		return
	}
	if as&peopleRole != 0 {
		t.respondents += n.Respondents
	}
	if as&answersRole == 0 {
		return
	}
	t.n += n.Answers
	t.levels[out.Level] += n.Answers
	if x, ok := v.q.Question(survey.QuestionCode(item.Code)); ok {
		t.choices = t.choices || x.Kind == survey.Reason
		t.meet(v.q.Scale(x.Scale))
	}
}

// empty reports whether nothing was counted, nor left out.
func (t *tally) empty() bool { return t.n == 0 && t.respondents == 0 && t.excluded == 0 }

func (t *tally) meet(s *survey.Scale) {
	if t.scale == s {
		return
	}
	key := s.Key()
	if t.scale == nil {
		t.scale, t.key = s, key
	}
	t.mixed = t.mixed || t.key != key
}

// row is the finished line; figures of fewer than minimum respondents are withheld.
// The rate is one division of whole numbers, so 29 of 100 is 29 and not a hair less.
func (t *tally) row(minimum int64) Row {
	r := Row{N: t.n, Respondents: t.respondents, Excluded: t.excluded, MixedScales: t.mixed}
	if t.n == 0 || t.mixed {
		return r
	}
	if t.respondents < minimum {
		r.Suppressed = true
		return r
	}
	var satisfied, sum int64
	r.Levels = make(map[survey.Level]int64, len(t.scale.Levels))
	for _, l := range t.scale.Levels {
		n := t.levels[l.Value]
		r.Levels[l.Value] = n
		sum += n * int64(l.Value)
		if l.Satisfied {
			satisfied += n
		}
	}
	if t.choices {
		return r
	}
	rate, mean := float64(100*satisfied)/float64(t.n), float64(sum)/float64(t.n)
	r.Satisfied, r.Rate, r.Mean = &satisfied, &rate, &mean
	if t.respondents > 0 { // a row may hold only later answers of people counted in another row
		low, high := Wilson(float64(satisfied)/float64(t.n), t.respondents)
		r.Interval = &Interval{Low: 100 * low, High: 100 * high, Level: 0.95, Method: "wilson"}
	}
	return r
}
