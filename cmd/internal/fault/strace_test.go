//go:build linux

package fault

import (
	"fmt"
	"testing"
	"time"
)

// holdSync is how long a sync is held up, so that the program can be killed at it.
const holdSync = 20 * time.Millisecond

// The kiosk is killed by way of strace at the n-th of its syncs, whichever thread makes it,
// for every n that a start and three presses reach, on an ordinary disk. Each start is one
// after the kill before it.
func TestStraceKillsAKioskAtItsSyncs(t *testing.T) {
	need(t, "strace")
	realPrograms(t)
	t.Parallel()
	s := quiet(t, SiteOptions{})
	k := s.Kiosks[0]
	if err := k.Process.Stop(stopWithin); err != nil {
		t.Fatal(err)
	}
	plain, kills := k.Command, 0
	for s.killedAtSync(k, kills+1) {
		kills++
	}
	if kills < 10 {
		t.Errorf("a start and three presses have %d syncs", kills)
	}
	t.Logf("killed at %d syncs", kills)
	k.Command = plain
	s.again(k)
	s.resolve()
	for _, w := range s.judged(0).Violations {
		t.Error(w)
	}
}

// killedAtSync starts a kiosk under strace and presses, until the n-th sync. It reports
// whether there was one. The kiosk is gone then in any case.
func (s *stage) killedAtSync(k *Box, n int) (hit bool) {
	s.t.Helper()
	trace := NewTrace(s.t.TempDir(), "fdatasync,fsync", holdSync)
	k.Command.Through = trace.Through()
	if err := k.Launch(); err != nil {
		s.t.Fatal(err)
	}
	p := k.Process
	pressed := make(chan struct{})
	go func() {
		defer close(pressed)
		if k.Ready(startWithin) == nil {
			for i := range 3 {
				s.press(fmt.Sprintf("strace-%d-%d", n, i))
			}
		}
		p.KillNow() // the three presses are done: there is no n-th sync
	}()
	hit, err := trace.KillAt(n, p, startWithin)
	<-pressed
	<-p.Done()
	if err != nil {
		s.t.Fatal(err)
	}
	return hit
}
