package screen

import (
	"fmt"
	"slices"
	"strconv"

	"hailong/survey"
)

// step is one question on a screen of its own: number 0 is the overall one, those after
// it follow every first answer, whatever it was.
type step struct {
	Number, Of    int    // Of is how many questions follow the first answer
	Questionnaire string // as code@hash: an answer means the version that was shown
	Code          survey.QuestionCode
	Words         survey.Words
	Faces         bool // faces; otherwise a list of big buttons with words
	Choices       []choice
	NotApplicable bool // "not applicable" is offered
}

// choice is one button of a question.
type choice struct {
	Level survey.Level
	Words survey.Words
	Look  int // which of the five faces is drawn, 1 worst to 5 best; 0 = words alone
	Digit int // the key that presses it; 0 = none
}

// looks says which faces are drawn for a scale with so many levels that are not
// satisfied and so many that are: a level that counts as satisfied never gets a face
// that does not smile, whatever its place. Four faces are for use inside an office alone:
// no official method of measuring has them.
var looks = map[[2]int][]int{
	{1, 1}: {2, 4},
	{1, 2}: {2, 4, 5}, {2, 1}: {2, 3, 4},
	{2, 2}: {1, 2, 4, 5}, {3, 1}: {1, 2, 3, 4},
	{3, 2}: {1, 2, 3, 4, 5},
}

// drawn are the faces for a scale; nil = there are none for it.
func drawn(s *survey.Scale) []int {
	var marks [2]int
	for _, l := range s.Levels {
		if l.Satisfied {
			marks[1]++
		} else {
			marks[0]++
		}
	}
	return looks[marks]
}

// stepOf is a question as it is shown. Faces are for satisfaction alone: elsewhere a
// smile would say which answer is welcome.
func stepOf(v survey.Version, q *survey.Question) (step, error) {
	st := step{Questionnaire: v.ID(), Code: q.Code, Words: q.Words, NotApplicable: q.NotApplicable}
	scale := v.Scale(q.Scale)
	if scale == nil {
		return st, fmt.Errorf("show questionnaire %q: its scale %q is not declared", v.Code, q.Scale)
	}
	looks := drawn(scale)
	st.Faces = looks != nil && (q.Kind == survey.Overall || q.Kind == survey.Satisfaction)
	for i, l := range scale.Levels {
		c := choice{Level: l.Value, Words: l.Words}
		if st.Faces {
			c.Look = looks[i]
		}
		if i < 9 {
			c.Digit = i + 1
		}
		st.Choices = append(st.Choices, c)
	}
	return st, nil
}

// choose finds the question to ask, the overall one, and those that follow it: the rest
// of its questionnaire, then those of the one that the settings name.
func (n *shown) choose() error {
	id := n.settings.Questionnaire
	v, err := n.named(id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(v.Questions, func(q survey.Question) bool { return q.Kind == survey.Overall })
	if i < 0 {
		return fmt.Errorf("show questionnaire %q: it has no overall question (kind %q), the one that a screen asks", id, survey.Overall)
	}
	if n.first, err = stepOf(v, &v.Questions[i]); err != nil {
		return err
	}
	if !n.first.Faces {
		scale := v.Scale(v.Questions[i].Scale)
		satisfied := 0
		for _, l := range scale.Levels {
			if l.Satisfied {
				satisfied++
			}
		}
		return fmt.Errorf("show questionnaire %q: scale %s has %d levels that are not satisfied and %d that are; a screen has faces for 2 to 5 levels: 1–3 not satisfied, 1–2 satisfied", id, scale.Code, len(scale.Levels)-satisfied, satisfied)
	}
	if err := n.follow(v); err != nil {
		return err
	}
	if id := n.settings.FollowUp; id != "" {
		v, err := n.named(id)
		if err != nil {
			return err
		}
		if err := n.follow(v); err != nil {
			return err
		}
	}
	for i := range n.steps {
		n.steps[i].Number, n.steps[i].Of = i+1, len(n.steps)
	}
	return nil
}

// follow adds the questions of a questionnaire, but for its overall one, to those that
// follow the first answer.
func (n *shown) follow(v survey.Version) error {
	for i := range v.Questions {
		if v.Questions[i].Kind == survey.Overall {
			continue
		}
		st, err := stepOf(v, &v.Questions[i])
		if err != nil {
			return err
		}
		n.steps = append(n.steps, st)
	}
	return nil
}

func (n *shown) named(id string) (survey.Version, error) {
	if n.settings.Catalogue == nil {
		return survey.Version{}, fmt.Errorf("show questionnaire %q: no catalogue is given", id)
	}
	v, ok := n.settings.Catalogue.Find(id)
	if !ok {
		return v, fmt.Errorf("show questionnaire %q: the catalogue has only %s", id, n.settings.Catalogue.Codes())
	}
	return v, nil
}

// keyOf is the idempotency key of a step's answer in a visit: each record has its own.
func keyOf(visit string, number int) string {
	if number == 0 {
		return visit
	}
	return visit + "." + strconv.Itoa(number)
}
