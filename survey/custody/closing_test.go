package custody_test

import (
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// What the kiosk declares lost and when that was true are signed like the counts, and a
// closing closes only where nothing stands against it.
func TestADeclaredLossIsSigned(t *testing.T) {
	day, _ := survey.ParseDate("2026-03-31")
	whole := custody.Closing{Kiosk: kiosk, Date: day, Issued: 9, Received: 9, Counted: 9, AsOf: day.Start()}
	signature := whole.Sign(centreKey)
	for name, c := range map[string]struct {
		change         func(k *custody.Closing)
		signed, closes bool
	}{
		"as it was":       {func(*custody.Closing) {}, true, true},
		"a loss":          {func(k *custody.Closing) { k.DeclaredLost = 1 }, false, false},
		"an unknown loss": {func(k *custody.Closing) { k.LostUnknown = true }, false, false},
		"another moment":  {func(k *custody.Closing) { k.AsOf = k.AsOf.Add(time.Second) }, false, true},
		"no moment":       {func(k *custody.Closing) { k.AsOf = time.Time{} }, false, true},
		"a dispute":       {func(k *custody.Closing) { k.Counted, k.Disputed = 8, 1 }, false, false},
		"one is missing":  {func(k *custody.Closing) { k.Issued = 10 }, false, false},
		"its sum is off":  {func(k *custody.Closing) { k.Counted = 8 }, false, false},
		"its account is":  {func(k *custody.Closing) { k.Unaccounted = 2 }, false, false},
	} {
		k := whole
		c.change(&k)
		if got := k.Signed(signature, public(centreKey)); got != c.signed || k.Closes() != c.closes {
			t.Errorf("%s: signed %v, closes %v\n%s", name, got, k.Closes(), k.Text())
		}
	}
}

// A loss stands against every day on which what is lost may have been recorded, and against
// no other.
func TestALossTouchesItsDays(t *testing.T) {
	day, _ := survey.ParseDate("2026-03-31")
	at := func(d survey.Date) int64 { return d.Start().Add(20 * time.Hour).UnixMilli() }
	between := func(from, heard int64) custody.Loss { // its own clock had stopped in 1970
		return custody.Loss{Kiosk: kiosk, AtMost: 3, Heard: time.UnixMilli(heard), From: from, Succession: custody.Succession{To: 5000}}
	}
	days := func(from, to survey.Date) custody.ClosingQuery { return custody.ClosingQuery{From: from, To: to} }
	loss := between(at(day-2), at(day))
	for name, c := range map[string]struct {
		loss custody.Loss
		q    custody.ClosingQuery
		want bool
	}{
		"the first day":              {loss, days(day-2, day-2), true},
		"a day between":              {loss, days(day-1, day-1), true},
		"the last day":               {loss, days(day, day), true},
		"the day before":             {loss, days(day-3, day-3), false},
		"the day after":              {loss, days(day+1, day+1), false},
		"all days":                   {loss, custody.ClosingQuery{}, true},
		"from then on":               {loss, days(day+1, 0), false},
		"up to then":                 {loss, days(0, day-2), true},
		"up to before":               {loss, days(0, day-3), false},
		"the unknown day":            {loss, custody.ClosingQuery{Unknown: true}, true},
		"its kiosk":                  {loss, custody.ClosingQuery{Kiosk: kiosk, From: day, To: day}, true},
		"another kiosk":              {loss, custody.ClosingQuery{Kiosk: "k-b"}, false},
		"a beginning nobody knows":   {between(0, at(day)), days(day-9, day-9), true},
		"after such a one":           {between(0, at(day)), days(day+1, day+1), false},
		"times that cannot be":       {between(at(day), at(day-400)), days(day, day), true},
		"nothing is lost":            {custody.Loss{Kiosk: kiosk, Heard: loss.Heard, From: loss.From, Succession: loss.Succession}, custody.ClosingQuery{}, false},
		"nothing, and times unknown": {custody.Loss{Kiosk: kiosk}, custody.ClosingQuery{Unknown: true}, false},
	} {
		if got := c.loss.Touches(c.q); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
