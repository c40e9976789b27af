package console

import (
	"math"
	"strings"

	"hailong/survey"
	"hailong/survey/score"
)

// Charts are drawn 200 units wide; the style sheet gives them their real size.
const chartWidth = 200.0

// dotChart is an interval with its rate on a line from 0 to 100 %.
type dotChart struct {
	X, Width float64 // the interval
	Dot      float64 // the rate
	Text     string  // the same in words
}

func newDotChart(lang survey.Lang, r score.Row) dotChart {
	at := func(v float64) float64 { return math.Round(v*chartWidth) / 100 }
	return dotChart{
		X: at(r.Interval.Low), Width: max(at(r.Interval.High-r.Interval.Low), 1), Dot: at(*r.Rate),
		Text: say(lang, "rate") + " " + percent(lang, *r.Rate) + ", " + say(lang, "interval") + " " + interval(lang, r.Interval),
	}
}

// slice is one level's part of a distribution.
type slice struct {
	Words    string
	Tone     string  // its class in the style sheet
	X, Width float64 // its part of the bar
	Count    string
	Share    string
}

// slices cuts a bar by levels, from the worst to the best.
func slicesOf(lang survey.Lang, s *survey.Scale, r score.Row) []slice {
	tones := tonesOf(s)
	out := make([]slice, len(s.Levels))
	var before int64
	for i, l := range s.Levels {
		n := r.Levels[l.Value]
		out[i] = slice{Words: l.Words.In(lang), Tone: tones[i], Count: count(lang, n)}
		if r.N > 0 {
			out[i].X = math.Round(float64(before)/float64(r.N)*chartWidth*100) / 100
			out[i].Width = math.Round(float64(n)/float64(r.N)*chartWidth*100) / 100
			out[i].Share = percent(lang, 100*float64(n)/float64(r.N))
		}
		before += n
	}
	return out
}

// barText is a distribution in words, for those who do not see the bar.
func barText(list []slice) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = s.Words + ": " + s.Count + " (" + s.Share + ")"
	}
	return strings.Join(parts, "; ")
}

// tonesOf gives each level of a scale one of five tones, which run from brown over
// grey to teal and can be told apart by people who do not see red or green. Levels
// that count as satisfied are teal, the others are not.
func tonesOf(s *survey.Scale) []string {
	var bad int
	for _, l := range s.Levels {
		if !l.Satisfied {
			bad++
		}
	}
	good := len(s.Levels) - bad
	tones := make([]string, len(s.Levels))
	for i := range s.Levels {
		switch {
		case i >= bad && i == len(s.Levels)-1, i >= bad && good > 2 && i > bad:
			tones[i] = "t5"
		case i >= bad:
			tones[i] = "t4"
		case bad >= 3 && i == bad-1:
			tones[i] = "t3"
		case i == 0:
			tones[i] = "t1"
		default:
			tones[i] = "t2"
		}
	}
	return tones
}
