package kioskapp

import (
	"errors"
	"testing"
	"time"
)

// A kiosk that is refused asks ever more rarely, never sooner than the centre wants;
// one that finds nobody asks often, so that it is there when the centre is.
func TestHowLongAKioskWaits(t *testing.T) {
	no, busy, ages := &refusal{}, &refusal{after: time.Minute}, &refusal{after: 48 * time.Hour}
	nobody := errors.New("connection refused")
	for range 20 { // a part of each wait is drawn
		var p patience
		for i, step := range []struct {
			err         error
			least, most time.Duration
		}{
			{nobody, 2 * time.Second, 2 * time.Second},
			{no, 1500 * time.Millisecond, 2 * time.Second},
			{no, 3 * time.Second, 4 * time.Second},
			{busy, time.Minute, 62 * time.Second},
			{no, 12 * time.Second, 16 * time.Second},
			{nobody, 2 * time.Second, 2 * time.Second},
			{no, 1500 * time.Millisecond, 2 * time.Second}, // from the beginning
			{ages, time.Hour, time.Hour + time.Second},
		} {
			if wait := p.next(step.err); wait < step.least || wait > step.most {
				t.Fatalf("step %d: %v, want %v to %v", i, wait, step.least, step.most)
			}
		}
		for range 20 {
			p.next(no)
		}
		if wait := p.next(no); wait < 3*time.Minute || wait > 5*time.Minute {
			t.Fatalf("after many refusals: %v", wait)
		}
	}
}
