package kiosk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hailong/survey"
)

// Timetable is a counter's opening hours as people write them. Each list holds stretches
// of one day, "07:30-11:30": open from the first minute on, and no more from the second;
// 24:00 is the end of the day.
type Timetable struct {
	Week     [7][]string              // by [time.Weekday]; a day without a stretch is closed
	Holidays []survey.Date            // closed, whatever the weekday
	Special  map[survey.Date][]string // open then and only then, whatever the weekday or holiday
}

// Hours are a counter's opening hours (giờ làm việc), in [survey.Zone]. The nil Hours are
// always open. They do not change once made.
type Hours struct {
	week [7][]stretch
	days map[survey.Date][]stretch // holidays and special days
}

// stretch is a part of a day, in minutes after midnight; to does not belong to it.
type stretch struct{ from, to int }

// wholeDay is the length of a day in minutes.
const wholeDay = 24 * 60

// weekdays are the names of days in settings, by [time.Weekday].
var weekdays = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// NewHours reads a timetable. The error is [survey.Problems], with paths that begin with
// path: hours.mon[0], hours.open.2026-05-09[1].
func NewHours(path string, t Timetable) (*Hours, error) {
	var ps survey.Problems
	h := &Hours{days: map[survey.Date][]stretch{}}
	for i := range 7 {
		day := (i + 1) % 7 // from Monday on, as people read it
		h.week[day] = stretches(path+"."+weekdays[day], t.Week[day], &ps)
	}
	for i, d := range t.Holidays {
		if slices.Contains(t.Holidays[:i], d) {
			ps.Add(fmt.Sprintf("%s.holidays[%d]", path, i), d.String(), "ngày này đã có trong danh sách", "this day is in the list already")
		}
		h.days[d] = nil
	}
	dates := make([]survey.Date, 0, len(t.Special))
	for d := range t.Special {
		dates = append(dates, d)
	}
	slices.Sort(dates)
	for _, d := range dates {
		h.days[d] = stretches(path+".open."+d.String(), t.Special[d], &ps)
	}
	return h, ps.Err()
}

// stretches reads one day's, in order; those that touch become one.
func stretches(path string, texts []string, ps *survey.Problems) []stretch {
	var list []stretch
	for i, text := range texts {
		at := fmt.Sprintf("%s[%d]", path, i)
		s, ok := parseStretch(text)
		switch {
		case !ok:
			ps.Add(at, text, "cần dạng 07:30-11:30, từ 00:00 đến 24:00", "it is written like 07:30-11:30, from 00:00 to 24:00")
		case s.from >= s.to:
			ps.Add(at, text, "giờ đóng phải sau giờ mở; nếu qua nửa đêm thì ghi đến 24:00, phần còn lại ghi ở ngày sau từ 00:00",
				"it must close after it opens; past midnight, write it up to 24:00 and the rest on the next day from 00:00")
		case slices.ContainsFunc(list, func(o stretch) bool { return s.from < o.to && o.from < s.to }):
			ps.Add(at, text, "chồng lên một khoảng khác của ngày này", "it overlaps another one of this day")
		default:
			place, _ := slices.BinarySearchFunc(list, s, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
			list = slices.Insert(list, place, s)
		}
	}
	var joined []stretch
	for _, s := range list {
		if n := len(joined); n > 0 && joined[n-1].to == s.from {
			joined[n-1].to = s.to
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

func parseStretch(text string) (stretch, bool) {
	from, to, found := strings.Cut(text, "-")
	a, fine := parseClock(strings.TrimSpace(from))
	b, good := parseClock(strings.TrimSpace(to))
	return stretch{a, b}, found && fine && good
}

// parseClock reads "07:30" as minutes after midnight; "24:00" is the end of the day.
func parseClock(text string) (int, bool) {
	if text == "24:00" {
		return wholeDay, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil && len(text) == len("15:04")
}

// on are the stretches of one day.
func (h *Hours) on(d survey.Date) []stretch {
	if special, is := h.days[d]; is {
		return special
	}
	return h.week[d.Weekday()]
}

// Open reports whether the counter is open at t.
func (h *Hours) Open(t time.Time) bool {
	if h == nil {
		return true
	}
	at := t.In(survey.Zone)
	minute := at.Hour()*60 + at.Minute()
	return slices.ContainsFunc(h.on(survey.DateOf(t)), func(s stretch) bool { return s.from <= minute && minute < s.to })
}

// lookAhead is for how many days [Hours.Next] looks.
const lookAhead = 366

// Next is when the counter opens after t, at which it is closed; ok is false where it does
// not within a year.
func (h *Hours) Next(t time.Time) (next time.Time, ok bool) {
	if h == nil {
		return time.Time{}, false
	}
	today := survey.DateOf(t)
	for d := today; d <= today+lookAhead; d++ {
		for _, s := range h.on(d) {
			if at := d.Start().Add(time.Duration(s.from) * time.Minute); at.After(t) {
				return at, true
			}
		}
	}
	return time.Time{}, false
}
