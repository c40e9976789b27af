package custody_test

import (
	"strings"
	"testing"

	"hailong/survey/custody"
)

// A record of the clock names each boot once. One that names a boot twice tells nothing:
// kiosk and centre pass over it alike.
func TestARecordOfTheClockNamesABootOnce(t *testing.T) {
	one := custody.BootClock{Boot: custody.BootID{1}, Low: at(2, 8, 0), High: at(2, 8, 1)}
	two := custody.BootClock{Boot: custody.BootID{2}, Low: at(3, 8, 0), High: at(3, 8, 1)}
	for _, c := range []struct {
		told []custody.BootClock
		want uint64 // presses of the first boot that have their day then
	}{
		{[]custody.BootClock{one, two}, 1},
		{[]custody.BootClock{one, two, one}, 0},
	} {
		r := clockRecord(2, c.told...)
		if _, err := r.Clocks(); (err == nil) != (c.want == 1) || err != nil && !strings.Contains(err.Error(), "twice") {
			t.Errorf("%d words: %v", len(c.told), err)
		}
		var l custody.Ledger
		p := pressAt(1, 1, 5, 0, custody.ClockUnsure)
		l.Add(&p)
		l.Add(&r)
		if n := l.Issued(monday); n != c.want {
			t.Errorf("%d words: %d presses on monday, want %d", len(c.told), n, c.want)
		}
	}
}
