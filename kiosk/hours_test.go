package kiosk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/survey"
)

func day(t *testing.T, text string) survey.Date {
	t.Helper()
	d, err := survey.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", text, survey.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// office is a one-stop centre: half a day on Saturday, a holiday on a Monday, a holiday on
// which it opens all the same, a Sunday on which it makes up for one, and a night shift.
func office(t *testing.T) *kiosk.Hours {
	t.Helper()
	weekday := []string{"13:30-17:00", "07:30-11:30"}
	h, err := kiosk.NewHours("hours", kiosk.Timetable{
		Week:     [7][]string{time.Monday: weekday, time.Tuesday: weekday, time.Wednesday: weekday, time.Thursday: {"07:30-11:30", "11:30-17:00"}, time.Friday: {"22:00-24:00"}, time.Saturday: {"00:00-02:00", "08:00-11:00"}},
		Holidays: []survey.Date{day(t, "2026-04-27"), day(t, "2026-04-28")},
		Special:  map[survey.Date][]string{day(t, "2026-04-28"): {"09:00-10:00"}, day(t, "2026-05-03"): {"08:00-11:00"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOpeningHours(t *testing.T) {
	h := office(t)
	for _, c := range []struct {
		at   string
		open bool
		next string // when it is closed
	}{
		{"2026-04-20 07:29:59", false, "2026-04-20 07:30:00"}, // a Monday
		{"2026-04-20 07:30:00", true, ""},
		{"2026-04-20 11:29:59", true, ""},
		{"2026-04-20 11:30:00", false, "2026-04-20 13:30:00"}, // lunch
		{"2026-04-20 13:30:00", true, ""},
		{"2026-04-20 17:00:00", false, "2026-04-21 07:30:00"},
		{"2026-04-23 11:29:59", true, ""},
		{"2026-04-23 11:30:00", true, ""},                     // two stretches that touch are one
		{"2026-04-24 21:59:59", false, "2026-04-24 22:00:00"}, // Friday night …
		{"2026-04-24 23:59:59", true, ""},
		{"2026-04-25 00:00:00", true, ""}, // … goes on over midnight
		{"2026-04-25 01:59:59", true, ""},
		{"2026-04-25 02:00:00", false, "2026-04-25 08:00:00"},
		{"2026-04-25 11:00:00", false, "2026-04-28 09:00:00"}, // over a Sunday and a holiday
		{"2026-04-27 08:00:00", false, "2026-04-28 09:00:00"}, // the holiday
		{"2026-04-28 08:00:00", false, "2026-04-28 09:00:00"}, // a holiday that is a special day, too
		{"2026-04-28 09:30:00", true, ""},
		{"2026-04-28 14:00:00", false, "2026-04-29 07:30:00"},
		{"2026-05-03 08:00:00", true, ""}, // a Sunday that is a working day
		{"2026-05-10 08:00:00", false, "2026-05-11 07:30:00"},
	} {
		at := moment(t, c.at).UTC() // whatever the zone of the clock
		if got := h.Open(at); got != c.open {
			t.Errorf("%s: open %v, want %v", c.at, got, c.open)
		}
		if c.next == "" {
			continue
		}
		if next, ok := h.Next(at); !ok || !next.Equal(moment(t, c.next)) {
			t.Errorf("%s: it opens at %v (%v), want %s", c.at, next.In(survey.Zone), ok, c.next)
		}
	}
}

func TestWithoutHoursItIsAlwaysOpen(t *testing.T) {
	var h *kiosk.Hours
	if !h.Open(moment(t, "2026-01-01 03:00:00")) {
		t.Error("it is closed")
	}
	if _, ok := h.Next(moment(t, "2026-01-01 03:00:00")); ok {
		t.Error("what is always open opens")
	}
}

func TestACounterThatNeverOpensSaysNoMoment(t *testing.T) {
	h, err := kiosk.NewHours("hours", kiosk.Timetable{})
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := h.Next(moment(t, "2026-01-01 03:00:00")); ok || h.Open(moment(t, "2026-01-01 12:00:00")) {
		t.Errorf("it opens at %v", at)
	}
}

func TestHoursThatCannotBeMeantAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"7:30-11:30": "07:30-11:30", "07:30": "07:30-11:30", "07:30-24:01": "07:30-11:30", "07:60-08:00": "07:30-11:30", "": "07:30-11:30", "07.30-11.30": "07:30-11:30",
		"11:30-07:30": "close after it opens", "08:00-08:00": "close after it opens", "22:00-02:00": "close after it opens", "24:00-24:00": "close after it opens",
	} {
		_, err := kiosk.NewHours("hours", kiosk.Timetable{Week: [7][]string{time.Tuesday: {"05:00-06:00", text}}})
		wrong(t, err, "hours.tue[1]", text, want)
	}
	_, err := kiosk.NewHours("hours", kiosk.Timetable{Week: [7][]string{time.Tuesday: {"05:00-06:00", "05:59-07:00"}}})
	wrong(t, err, "hours.tue[1]", "05:59-07:00", "overlaps")
	_, err = kiosk.NewHours("hours", kiosk.Timetable{Special: map[survey.Date][]string{day(t, "2026-05-09"): {"8-11"}}})
	wrong(t, err, "hours.open.2026-05-09[0]", "8-11", "07:30-11:30")
	_, err = kiosk.NewHours("hours", kiosk.Timetable{Holidays: []survey.Date{day(t, "2026-01-01"), day(t, "2026-01-01")}})
	wrong(t, err, "hours.holidays[1]", "2026-01-01", "already")
}

// wrong checks that an error is one problem at that place.
func wrong(t *testing.T, err error, path, value, said string) {
	t.Helper()
	var ps survey.Problems
	if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Path != path || ps[0].Value != value {
		t.Errorf("%q: %#v", value, err)
		return
	}
	for _, lang := range []survey.Lang{survey.English, survey.Vietnamese} {
		if ps[0].Text(lang) == "" {
			t.Errorf("%q: nothing in %s", value, lang)
		}
	}
	if !strings.Contains(ps[0].Text(survey.English), said) {
		t.Errorf("%q: it says %q, want %q", value, ps[0].Text(survey.English), said)
	}
}

// Only what is pressed at the counter itself is outside its hours: a phone has none. The
// mark changes no score.
func TestAPressOutsideHoursIsKeptAndMarked(t *testing.T) {
	office := office(t)
	h := open(t, func(s *kiosk.Settings) { s.Open, s.Repeat = office.Open, 0 })
	h.now = moment(t, "2026-04-20 16:59:59")
	for i, c := range []struct {
		after   time.Duration
		channel survey.Channel
		marked  bool
	}{
		{0, survey.Touch, false}, {time.Second, survey.Touch, true}, {0, survey.Button, true},
		{0, survey.QR, false}, {0, survey.Web, false}, {0, survey.App, false},
	} {
		p := press(string(rune('a'+i)), 5)
		p.Channel = c.channel
		e := h.after(c.after, p)
		if e.Response.Has(survey.OutOfHours) != c.marked || e.Response.Excluded() != "" {
			t.Errorf("%s at %v: flags %v, excluded %q", c.channel, h.now, e.Response.Flags, e.Response.Excluded())
		}
	}
}

func TestTestModeThatIsSwitched(t *testing.T) {
	testing := false
	h := open(t, func(s *kiosk.Settings) { s.Testing, s.Repeat = func() bool { return testing }, 0 })
	before := h.after(0, press("a", 5))
	testing = true
	during := h.after(0, press("b", 5))
	testing = false
	after := h.after(0, press("c", 5))
	if before.Response.Has(survey.Test) || !during.Response.Has(survey.Test) || after.Response.Has(survey.Test) {
		t.Errorf("flags %v, %v, %v", before.Response.Flags, during.Response.Flags, after.Response.Flags)
	}
}
