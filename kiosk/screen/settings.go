package screen

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
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
	FollowUp      string            // code or code@hash of what is asked after every first answer; empty = nothing
	Idle          time.Duration     // until a visit that was left is over, its countdown included; 0 = 40 s
	Test          bool              // the banner of test mode
	// Audio holds what a visitor may have read out; nil = nothing. LANG/question.mp3 is the
	// overall question and the names of its faces, LANG/CODE.mp3 the follow-up question of
	// that code and the names of its answers, LANG/thanks.mp3 the thank-you, which is the
	// same for every answer. Each may be missing; no other file is read.
	Audio fs.FS
}

// What holds where nothing else is said.
const (
	defaultThanks = 3 * time.Second
	defaultIdle   = 40 * time.Second
)

// countdown is for how long somebody who left, or thinks, sees that the visit is about
// to end: 20 s, in which a person can ask for more time, or half of a shorter Idle.
const countdown = 20 * time.Second

// shown is one Show: settings worked out, and the recorder that goes with them. It does
// not change once made.
type shown struct {
	settings Settings
	recorder Recorder
	first    step            // the overall question
	steps    []step          // those that follow every first answer
	sounds   map[string]file // by "LANG/NAME.mp3"
	places   []place
	place    *place // the one that is asked for; see at
	revision string // of the place's first screen
}

var errNoRecorder = errors.New("a screen in service needs a recorder")

func (s *Screen) prepare(set Settings, r Recorder) (*shown, error) {
	if r == nil {
		return nil, errNoRecorder
	}
	set.Role = cmp.Or(set.Role, survey.CounterKiosk)
	set.Thanks = cmp.Or(set.Thanks, defaultThanks)
	set.Idle = cmp.Or(set.Idle, defaultIdle)
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
	if err := next.loadSounds(); err != nil {
		return nil, err
	}
	for i := range next.places {
		p := &next.places[i]
		revision, err := s.revisionOf(next.at(p).ask(s.words, manner{Lang: set.Languages[0]}))
		if err != nil {
			return nil, err
		}
		p.revision = revision
	}
	next.revision = next.place.revision
	return next, nil
}
