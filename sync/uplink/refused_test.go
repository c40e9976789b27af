package uplink

import (
	"errors"
	"fmt"
	"testing"
)

// A kiosk that is refused when it asks says so for as long as it is, gives no connection
// up, and goes on by itself when it is allowed again.
func TestAKioskThatIsRefusedSaysSo(t *testing.T) {
	b := newBox(t)
	b.press(5)
	b.bus.set(faults{refused: "no kiosk of that name is enrolled any more"})
	b.run()
	b.up()
	want := string(Refused) + ": no kiosk of that name is enrolled any more"
	asked := func(more int) {
		t.Helper()
		_, before := b.bus.counts()
		b.until("it asks", func() error {
			if _, n := b.bus.counts(); n < before+more {
				return fmt.Errorf("%d times", n-before)
			}
			return nil
		})
	}
	asked(1)
	b.until("the state says it", func() error {
		if s := b.uplink.State(); s.Problem != want {
			return errors.New(s.Problem)
		}
		return nil
	})
	for range deaf + 1 {
		asked(1)
		if s := b.uplink.State(); s.Problem != want || !s.Up {
			t.Fatalf("meanwhile its state is %+v", s)
		}
	}
	b.bus.mu.Lock()
	given, sent := b.bus.again, b.bus.batch
	b.bus.mu.Unlock()
	if r := b.kept(); given != 0 || sent != 0 || r.Refused == "" {
		t.Fatalf("%d connections given up, %d batches sent, it keeps %+v", given, sent, r)
	}
	b.bus.set(faults{})
	b.settled()
	if s := b.uplink.State(); s.Problem != "" {
		t.Fatalf("allowed again it says %q", s.Problem)
	}
}
