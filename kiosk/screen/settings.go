package screen

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"hailong/kiosk"
	"hailong/survey"
)

// Settings are what a screen shows and for whom. They may be replaced at any time by
// another [Screen.Show].
type Settings struct {
	Role          survey.KioskRole  // empty = a counter's kiosk
	Counters      []Counter         // those served, at most [MaxCounters]; the first is meant where a request names none
	Hours         *kiosk.Hours      // outside these the first screen says that the counter is closed; nil = always open
	Catalogue     *survey.Catalogue // where the questionnaire is found; not needed online
	Questionnaire string            // code or code@hash; not needed online
	Languages     []survey.Lang     // the first is the one to begin with; empty = Vietnamese, English
	Thanks        time.Duration     // how long the thank-you stays; 0 = 3 s
	Test          bool              // the banner of test mode
}

// defaultThanks is how long the thank-you stays where nothing else is said.
const defaultThanks = 3 * time.Second

// shown is one Show: settings worked out, and the recorder that goes with them. It does
// not change once made.
type shown struct {
	settings Settings
	recorder Recorder
	version  string // the questionnaire as code@hash: a press means the version that was shown
	question survey.Question
	faces    []face
	places   []place
	place    *place // the one that is asked for; see at
	revision string // of the place's first screen
}

// face is one button of the question.
type face struct {
	Level survey.Level
	Words survey.Words
	Look  int // which of the five faces is drawn, 1 worst to 5 best
	Digit int // the key that presses it
}

// looks says which faces are drawn for a scale with so many levels that are not
// satisfied and so many that are: a level that counts as satisfied never gets a face
// that does not smile, whatever its place.
var looks = map[[2]int][]int{
	{1, 1}: {2, 4},
	{1, 2}: {2, 4, 5}, {2, 1}: {2, 3, 4},
	{2, 2}: {1, 2, 4, 5}, {3, 1}: {1, 2, 3, 4},
	{3, 2}: {1, 2, 3, 4, 5},
}

var errNoRecorder = errors.New("a screen in service needs a recorder")

func (s *Screen) prepare(set Settings, r Recorder) (*shown, error) {
	if r == nil {
		return nil, errNoRecorder
	}
	set.Role = cmp.Or(set.Role, survey.CounterKiosk)
	set.Thanks = cmp.Or(set.Thanks, defaultThanks)
	set.Languages = slices.Clone(set.Languages)
	if len(set.Languages) == 0 {
		set.Languages = defaultLanguages
	}
	if len(set.Counters) > MaxCounters {
		return nil, fmt.Errorf("show %d counters: a box serves at most %d", len(set.Counters), MaxCounters)
	}
	next := &shown{settings: set, recorder: r, places: places(set.Counters)}
	next.place = &next.places[0]
	if set.Role == survey.OnlineGateway {
		return next, nil
	}
	if err := next.choose(); err != nil {
		return nil, err
	}
	for i := range next.places {
		p := &next.places[i]
		revision, err := s.revisionOf(next.at(p).ask(s.words, set.Languages[0]))
		if err != nil {
			return nil, err
		}
		p.revision = revision
	}
	next.revision = next.place.revision
	return next, nil
}

// choose finds the question to ask, the overall one, and draws a face for each level.
func (n *shown) choose() error {
	id := n.settings.Questionnaire
	if n.settings.Catalogue == nil {
		return fmt.Errorf("show questionnaire %q: no catalogue is given", id)
	}
	v, ok := n.settings.Catalogue.Find(id)
	if !ok {
		return fmt.Errorf("show questionnaire %q: the catalogue has only %s", id, n.settings.Catalogue.Codes())
	}
	i := slices.IndexFunc(v.Questions, func(q survey.Question) bool { return q.Kind == survey.Overall })
	if i < 0 {
		return fmt.Errorf("show questionnaire %q: it has no overall question (kind %q), the one that a screen asks", id, survey.Overall)
	}
	n.version, n.question = v.ID(), v.Questions[i]
	scale := v.Scale(n.question.Scale)
	if scale == nil {
		return fmt.Errorf("show questionnaire %q: its scale %q is not declared", id, n.question.Scale)
	}
	var marks [2]int
	for _, l := range scale.Levels {
		if l.Satisfied {
			marks[1]++
		} else {
			marks[0]++
		}
	}
	drawn := looks[marks]
	if drawn == nil {
		return fmt.Errorf("show questionnaire %q: scale %s has %d levels that are not satisfied and %d that are; a screen has faces for 2 to 5 levels: 1–3 not satisfied, 1–2 satisfied", id, scale.Code, marks[0], marks[1])
	}
	for i, l := range scale.Levels {
		n.faces = append(n.faces, face{Level: l.Value, Words: l.Words, Look: drawn[i], Digit: i + 1})
	}
	return nil
}
