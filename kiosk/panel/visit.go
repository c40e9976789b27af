package panel

import (
	"time"

	"hailong/survey"
)

// visit tells a change of mind from a repeat, and from the next person's press. The zero
// visit is nobody's.
type visit struct {
	thanks time.Duration // how long the thank-you stays
	answer survey.RecordID
	level  survey.Level
	until  time.Duration // the end of the thank-you
}

// replaces is the record that a press replaces: that of another level, in whose thank-you,
// or before it, the key went down. Zero = none: it is a first press, or the same again.
func (v *visit) replaces(level survey.Level, down time.Duration) survey.RecordID {
	if v.within(down) && level != v.level {
		return v.answer
	}
	return survey.RecordID{}
}

func (v *visit) within(down time.Duration) bool { return !v.answer.IsZero() && down < v.until }

// kept goes on with a press that was kept, and thanked at that time. One that only says
// the same again changes nothing of the answer: it is the first, which counts, that a
// change of mind replaces.
func (v *visit) kept(id survey.RecordID, level survey.Level, down, at time.Duration) {
	if !v.within(down) || level != v.level {
		v.answer, v.level = id, level
	}
	v.until = at + v.thanks
}
