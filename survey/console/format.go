package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"hailong/survey"
	"hailong/survey/score"
)

// percent is a rate for people: two digits, in Vietnamese with a decimal comma and a
// space before the sign that does not break.
func percent(lang survey.Lang, v float64) string {
	if lang == survey.English {
		return strconv.FormatFloat(v, 'f', 2, 64) + "%"
	}
	return decimal(lang, v) + "\u00a0%"
}

// roughPercent is a rate for people without decimals.
func roughPercent(lang survey.Lang, v float64) string {
	if lang == survey.English {
		return strconv.FormatFloat(v, 'f', 0, 64) + "%"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + "\u00a0%"
}

func decimal(lang survey.Lang, v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	if lang == survey.English {
		return s
	}
	return strings.Replace(s, ".", ",", 1)
}

// interval is an interval for people, as in "75,65 – 88,94 %".
func interval(lang survey.Lang, i *score.Interval) string {
	return decimal(lang, i.Low) + "\u00a0–\u00a0" + percent(lang, i.High)
}

// count is a whole number for people, in groups of three.
func count[N int | int64 | uint64](lang survey.Lang, n N) string {
	s := fmt.Sprint(n)
	group := "."
	if lang == survey.English {
		group = ","
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + group + s[i:]
	}
	return s
}

// day is a date for people.
func day(lang survey.Lang, d survey.Date) string {
	if lang == survey.English {
		return d.Start().Format("2 January 2006")
	}
	return d.Start().Format("02/01/2006")
}

// clock is a moment for people: the time alone on the same day, otherwise with the date.
func clock(lang survey.Lang, t time.Time, today survey.Date) string {
	t = t.In(survey.Zone)
	if survey.DateOf(t) == today {
		return t.Format("15:04")
	}
	return t.Format("15:04") + " " + day(lang, survey.DateOf(t))
}
