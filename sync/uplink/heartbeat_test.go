package uplink

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"hailong/survey/custody"
)

func TestHeartbeats(t *testing.T) {
	b := newBox(t)
	b.beat = 10 * time.Millisecond
	b.renew()
	b.press(3)
	b.run()
	time.Sleep(5 * b.beat) // the chance to be wrong: nothing may be said before the link is up
	if n := len(b.bus.heartbeats()); n > 0 {
		t.Fatalf("%d heartbeats before the link was up", n)
	}
	b.up()
	b.settled()
	b.press(2)
	b.settled()
	has := func(what string, want custody.Heartbeat) {
		t.Helper()
		b.until(what, func() error {
			all := b.bus.heartbeats()
			if len(all) == 0 {
				return errors.New("none came")
			}
			got := all[len(all)-1]
			if at := got.Time(); time.Since(at).Abs() > time.Minute {
				return fmt.Errorf("said at %s", at)
			}
			if got.Kiosk != b.bus.kiosk || got.Chain != want.Chain || got.Last != want.Last || got.Unsent != want.Unsent {
				return fmt.Errorf("heard %+v, want %+v", got, want)
			}
			return nil
		})
	}
	chain := b.journal.Chain()
	has("all is sent", custody.Heartbeat{Chain: chain, Last: 5})
	b.bus.set(faults{full: true})
	b.press(4)
	has("four are not", custody.Heartbeat{Chain: chain, Last: 9, Unsent: 4})
	if first := b.bus.heartbeats()[0]; first.Last != 3 || first.Unsent != 3 {
		t.Errorf("the first says %+v", first)
	}
	b.uplink.Link(b.ctx, false, errCut)
	b.until("the link is down", func() error {
		if b.uplink.State().Up {
			return errors.New("up")
		}
		return nil
	})
	before := len(b.bus.heartbeats())
	time.Sleep(5 * b.beat)
	if n := len(b.bus.heartbeats()) - before; n > 1 { // one may have been on its way
		t.Fatalf("%d heartbeats while the link is down", n)
	}
}

// However rare heartbeats are, one goes out when the link comes up, each time.
func TestAHeartbeatWhenTheLinkComesUp(t *testing.T) {
	b := newBox(t)
	b.beat = time.Hour
	b.renew()
	b.run()
	for n := 1; n <= 3; n++ {
		b.up()
		b.until("a heartbeat comes", func() error {
			if got := len(b.bus.heartbeats()); got != n {
				return fmt.Errorf("%d came, want %d", got, n)
			}
			return nil
		})
		b.up() // it is up already
		b.uplink.Link(b.ctx, false, errCut)
	}
}
