package survey

import (
	"fmt"
	"time"
)

// Zone is Asia/Ho_Chi_Minh, in which days are cut: UTC+7 without summer time since
// 1975, written out so that no time-zone file is needed on a kiosk.
var Zone = time.FixedZone("Asia/Ho_Chi_Minh", 7*60*60)

// Date is a civil day in [Zone], counted in days from 1970-01-01. The zero Date
// stands for "no date" (an open end); real days before 1970 are not needed.
type Date int32

// DateOf is the day of t in [Zone].
func DateOf(t time.Time) Date { return HourOf(t).Date() }

// NewDate is the day with that year, month and day of month.
func NewDate(year int, month time.Month, day int) Date {
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// ParseDate reads "2006-01-02". Any real day after 1970-01-01 is valid, future days too.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Unix() <= 0 {
		return 0, fmt.Errorf("%q is not a day: YYYY-MM-DD is needed, for example 2026-03-31", clip(s))
	}
	return Date(t.Unix() / 86400), nil
}

// String is the day as "2006-01-02", or "" for no date.
func (d Date) String() string {
	if d == 0 {
		return ""
	}
	return d.utc().Format(time.DateOnly)
}

// MarshalText writes the day as [Date.String] does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a day as [ParseDate] does; the empty text is no date.
func (d *Date) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*d = 0
		return nil
	}
	*d, err = ParseDate(string(b))
	return err
}

// Start is the first moment of the day, in [Zone].
func (d Date) Start() time.Time { return d.FirstHour().Time() }

// FirstHour is the hour from 00:00 to 01:00 of the day.
func (d Date) FirstHour() Hour { return Hour(d) * 24 }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// Month is the month that the day lies in.
func (d Date) Month() Month {
	t := d.utc()
	return Month(t.Year()*12 + int(t.Month()) - 1)
}

// ISOWeek is the week that the day lies in, as "2026-W07" (ISO 8601: from Monday).
func (d Date) ISOWeek() string {
	y, w := d.utc().ISOWeek()
	return fmt.Sprintf("%04d-W%02d", y, w)
}

func (d Date) utc() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Hour is one clock hour in [Zone], counted from 1970-01-01 00:00 there. Zero stands
// for "hour not known".
type Hour int32

// lastHour is 23:00 of the last day that can be written, 9999-12-31.
const lastHour = 70389527

// HourOf is the hour of t in [Zone]. A clock before 1970 or after 9999 tells no hour.
func HourOf(t time.Time) Hour {
	h := (t.Unix() + 7*3600) / 3600
	if h < 0 || h > lastHour {
		return 0
	}
	return Hour(h)
}

// Date is the day that the hour lies in.
func (h Hour) Date() Date { return Date(h / 24) }

// OfDay is the hour of the day, 0 to 23.
func (h Hour) OfDay() int { return int(h % 24) }

// Time is the first moment of the hour, in [Zone].
func (h Hour) Time() time.Time { return time.Unix(int64(h)*3600-7*3600, 0).In(Zone) }

// Month is a calendar month, counted as year × 12 + month − 1.
type Month int32

// String is the month as "2006-01".
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m/12, m%12+1) }

// First is the month's first day.
func (m Month) First() Date { return NewDate(int(m/12), time.Month(m%12+1), 1) }

// Last is the month's last day.
func (m Month) Last() Date { return (m + 1).First() - 1 }
