//go:build linux

package fault

import (
	"strings"
	"testing"
)

// Each kind of wrong in the closings is shown once, beside what is right.
func TestWhatTheClosingsAccountFor(t *testing.T) {
	right := Closing{Kiosk: "k", Date: "2026-03-31", Issued: 1, Received: 1, Counted: 1}
	for name, c := range map[string]struct {
		change func(*Told)
		want   string // "" = nothing is wrong
	}{
		"as it should be": {func(*Told) {}, ""},
		"one more sent twice, by a damaged journal": {func(o *Told) {
			o.Closings = append(o.Closings, Closing{Kiosk: "k", Date: "2026-04-01", Issued: 1, Received: 1, Excluded: map[string]uint64{duplicate: 1}})
		}, ""},
		"a day that does not balance": {func(o *Told) { o.Closings[0].Held = 1 }, "does not balance"},
		"a day left out":              {func(o *Told) { o.Closings = nil }, "0 were received, 1 were pressed"},
		"a day too many":              {func(o *Told) { o.Closings = append(o.Closings, right) }, "2 were received, 1 were pressed"},
		"received and never issued":   {func(o *Told) { o.Closings[0].Issued = 0 }, "more was received than issued"},
		"missing and not declared":    {func(o *Told) { o.Closings[0].Issued = 3 }, "2 records of kiosk k are missing"},
		"counted otherwise": {func(o *Told) {
			o.Closings[0].Counted, o.Closings[0].Held = 0, 1
		}, "0 are counted and 1 held, the score counts 1"},
		"a loss that nobody declared": {func(o *Told) { o.Losses = []KnownLoss{{"k", 0, 5}} }, "declared losses of 0 chains, the aggregator tells of 1"},
		"more told lost than is":      {func(o *Told) { o.Losses = []KnownLoss{{"k", 1, 5}} }, "0 presses are lost, the aggregator tells of 1 to 5"},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			l.Send("kiosk", testPress)
			l.Thank("key", idOf(1))
			told := &Told{Closings: []Closing{right}}
			c.change(told)
			v := l.Check(&Stored{Records: []StoredRecord{recordOf("key", 1)}, Counted: 1, Told: told})
			if all := strings.Join(v.Violations, "\n"); !strings.Contains(all, c.want) || (c.want == "") != (all == "") {
				t.Errorf("it says %q, and should say %q", all, c.want)
			}
		})
	}
}

// The check of a journal, shown what it must see: I1, I2, I3 and I5.
func TestWhatAJournalsCheckSees(t *testing.T) {
	const said = "thanked a c/1\nthanked b c/2\nbacked 28\n"
	for name, c := range map[string]struct{ said, after, want string }{
		"all there":            {said, "found a c/1\nfound b c/2\nthanked after c/3\nkept c 1 3 0\n", ""},
		"let go, backed":       {said, "found b c/2\nthanked after c/3\nkept c 2 3 0\n", ""},
		"let go, not backed":   {"thanked a c/1\nthanked b c/2\n", "found b c/2\nthanked after c/3\nkept c 2 3 0\n", "I5:"},
		"lost":                 {said, "found a c/1\nthanked after c/2\nkept c 1 2 0\n", "b was thanked for as c/2 and is not there"},
		"a hole":               {said, "found a c/1\nthanked after c/3\nkept c 1 3 1\n", "I3:"},
		"under another id":     {said, "found a c/2\nfound b c/1\nthanked after c/3\nkept c 1 3 0\n", "a was thanked for as c/1 and is c/2"},
		"two under one id":     {said, "found a c/1\nfound b c/1\nthanked after c/2\nkept c 1 2 0\n", "are both c/1"},
		"nobody pressed it":    {said, "found a c/1\nfound b c/2\nthanked after c/4\nkept c 1 4 0\n", "I2:"},
		"begun anew, silently": {said, "thanked after d/1\nkept d 1 1 0\n", "a was thanked for as c/1 and is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			all := strings.Join(judgeJournal(c.said, c.after).Violations, "\n")
			if !strings.Contains(all, c.want) || (c.want == "") != (all == "") {
				t.Errorf("it says %q, and should say %q", all, c.want)
			}
		})
	}
}
