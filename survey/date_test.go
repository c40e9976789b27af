package survey_test

import (
	"encoding/json"
	"testing"
	"time"

	"hailong/survey"
)

func at(t *testing.T, rfc3339 string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, rfc3339)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func TestDaysAreCutInVietnam(t *testing.T) {
	for _, c := range []struct {
		moment, day string
		hour        int
		week, month string
		weekday     time.Weekday
	}{
		{"2026-03-31T23:59:59+07:00", "2026-03-31", 23, "2026-W14", "2026-03", time.Tuesday},
		{"2026-04-01T00:00:00+07:00", "2026-04-01", 0, "2026-W14", "2026-04", time.Wednesday},
		{"2026-03-31T16:59:59Z", "2026-03-31", 23, "2026-W14", "2026-03", time.Tuesday},
		{"2026-03-31T17:00:00Z", "2026-04-01", 0, "2026-W14", "2026-04", time.Wednesday},
		{"2026-12-31T23:30:00+07:00", "2026-12-31", 23, "2026-W53", "2026-12", time.Thursday},
		{"2026-12-31T17:30:00Z", "2027-01-01", 0, "2026-W53", "2027-01", time.Friday},
		{"2027-01-04T08:00:00+07:00", "2027-01-04", 8, "2027-W01", "2027-01", time.Monday},
		{"2024-12-30T08:00:00+07:00", "2024-12-30", 8, "2025-W01", "2024-12", time.Monday},
		{"2024-02-29T12:00:00+07:00", "2024-02-29", 12, "2024-W09", "2024-02", time.Thursday},
		{"2025-07-01T00:00:00+07:00", "2025-07-01", 0, "2025-W27", "2025-07", time.Tuesday},
	} {
		t.Run(c.moment, func(t *testing.T) {
			hour := survey.HourOf(at(t, c.moment))
			day := hour.Date()
			if day.String() != c.day || hour.OfDay() != c.hour || survey.DateOf(at(t, c.moment)) != day {
				t.Errorf("lies in %s hour %d, want %s hour %d", day, hour.OfDay(), c.day, c.hour)
			}
			if day.ISOWeek() != c.week || day.Month().String() != c.month || day.Weekday() != c.weekday {
				t.Errorf("week %s month %s %s, want %s %s %s", day.ISOWeek(), day.Month(), day.Weekday(), c.week, c.month, c.weekday)
			}
			if start := day.Start(); survey.DateOf(start) != day || survey.DateOf(start.Add(-time.Nanosecond)) != day-1 {
				t.Errorf("%s does not begin at %s", day, start)
			}
			if day.FirstHour().OfDay() != 0 || !hour.Time().Equal(at(t, c.moment).Truncate(time.Hour)) {
				t.Errorf("hour %d begins at %s", hour, hour.Time())
			}
		})
	}
}

func TestMonthsHaveTheirOwnLastDay(t *testing.T) {
	for month, want := range map[string][2]string{
		"2024-02-10": {"2024-02-01", "2024-02-29"},
		"2025-02-10": {"2025-02-01", "2025-02-28"},
		"2026-12-31": {"2026-12-01", "2026-12-31"},
		"2026-01-01": {"2026-01-01", "2026-01-31"},
	} {
		m := day(month).Month()
		if m.First() != day(want[0]) || m.Last() != day(want[1]) {
			t.Errorf("the month of %s runs from %s to %s, want %v", month, m.First(), m.Last(), want)
		}
	}
}

func TestAClockThatTellsNothingGivesNoHour(t *testing.T) {
	for _, c := range []time.Time{
		time.Unix(0, 0).Add(-8 * time.Hour), time.UnixMilli(-1 << 62), time.UnixMilli(1 << 62),
		time.Date(10000, 1, 1, 0, 0, 0, 0, survey.Zone),
	} {
		if h := survey.HourOf(c); h != 0 {
			t.Errorf("HourOf(%d) = %d, want 0: not known", c.Unix(), h)
		}
	}
	last := time.Date(9999, 12, 31, 23, 59, 0, 0, survey.Zone)
	if got := survey.DateOf(last).String(); got != "9999-12-31" {
		t.Errorf("the last day that can be written is %q", got)
	}
}

func TestParseDate(t *testing.T) {
	for _, good := range []string{"1970-01-02", "2000-02-29", "2025-07-01", "2099-12-31"} {
		d, err := survey.ParseDate(good)
		if err != nil || d.String() != good {
			t.Errorf("ParseDate(%q) = %q, %v", good, d, err)
		}
		if again := survey.NewDate(d.Start().Date()); again != d {
			t.Errorf("NewDate gives %s for %s", again, d)
		}
	}
	for _, bad := range []string{"", "2025-02-29", "31/03/2026", "2026-3-1", "1970-01-01", "1969-12-31", "2026-03-31T00:00:00Z", "hôm nay"} {
		if d, err := survey.ParseDate(bad); err == nil {
			t.Errorf("ParseDate(%q) = %s, want a refusal", bad, d)
		}
	}
	_, err := survey.ParseDate("31/03/2026")
	if want := `"31/03/2026" is not a day: YYYY-MM-DD is needed, for example 2026-03-31`; err == nil || err.Error() != want {
		t.Errorf("the refusal reads %q, want %q", err, want)
	}
}

func TestDatesTravelAsText(t *testing.T) {
	type row struct{ From, To survey.Date }
	b, err := json.Marshal(row{From: day("2025-07-01")})
	if err != nil || string(b) != `{"From":"2025-07-01","To":""}` {
		t.Fatalf("wrote %s, %v", b, err)
	}
	var back row
	if err := json.Unmarshal(b, &back); err != nil || back.From != day("2025-07-01") || back.To != 0 {
		t.Errorf("read back %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"From":"1/7/2025"}`), &back); err == nil {
		t.Error("a day in another form was taken")
	}
}
