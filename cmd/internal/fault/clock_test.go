//go:build linux

package fault

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"hailong/cmd/internal/kioskapp"
	"hailong/cmd/internal/run"
	"hailong/survey"
)

// clockedKiosk is the mode of a child that is the kiosk program with a clock that the
// test sets: by the file that clockFile names, which holds by how much it is wrong.
const (
	clockedKiosk = "kiosk with a clock of its own"
	clockFile    = "HAILONG_FAULT_CLOCK"
	day          = 24 * time.Hour
)

func clockChild() int {
	var wrong atomic.Int64
	read := func() {
		if b, err := os.ReadFile(os.Getenv(clockFile)); err == nil {
			if d, err := time.ParseDuration(strings.TrimSpace(string(b))); err == nil {
				wrong.Store(int64(d))
			}
		}
	}
	read()
	go func() {
		for range time.Tick(clockRead) {
			read()
		}
	}()
	return run.Main("kiosk", os.Args[1:], os.Stdout, os.Stderr, func(_ context.Context, file string, log *slog.Logger) (run.Service, error) {
		c, err := kioskapp.Load(file)
		if err != nil {
			return nil, err
		}
		return kioskapp.New(c, kioskapp.Options{Log: log, Now: func() time.Time { return mistaken(time.Duration(wrong.Load())) }})
	})
}

// clockRead is how soon a child notices that its clock was set.
const clockRead = 10 * time.Millisecond

// mistaken is now with a wall time that is wrong and a monotonic time that is not, as on a
// box whose clock was set. Nothing but the system makes such a time, so its wall seconds,
// which stand above 30 bits of nanoseconds, are changed in place.
func mistaken(by time.Duration) time.Time {
	now := time.Now()
	*(*uint64)(unsafe.Pointer(&now)) += uint64(int64(by/time.Second)) << 30
	return now
}

func TestAMistakenTimeIsWrongByTheWallAlone(t *testing.T) {
	for _, by := range []time.Duration{0, -day, 10 * 365 * day, toward1970()} {
		a := time.Now()
		b := mistaken(by)
		if d := b.Sub(a); d < 0 || d > time.Minute {
			t.Errorf("%s: by the monotonic clock %s passed", by, d)
		}
		if d := b.Round(0).Sub(a.Round(0)) - by; d < -time.Second || d > time.Minute {
			t.Errorf("%s: the wall is wrong by %s more", by, d)
		}
	}
}

// toward1970 is how wrong a clock is that began on the first day of 1970.
func toward1970() time.Duration {
	return time.Until(time.Unix(int64(day/time.Second), 0)).Truncate(time.Second)
}

// clocked is a stage whose kiosk has a clock that set sets; nobody presses.
func clocked(t *testing.T, seed uint64, o SiteOptions) (s *stage, set func(time.Duration)) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "clock")
	set = func(d time.Duration) {
		if err := os.WriteFile(file+".new", []byte(d.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * clockRead)
	}
	set(0)
	o.KioskSettings = "clock: {hardware: \"no\"}\n"
	o.Kiosk = func(c Command) Command {
		c.Path, c.Env = self, []string{childMode + "=" + clockedKiosk, clockFile + "=" + file}
		return c
	}
	return bareStage(t, seed, o), set
}

// timed is a clocked stage whose kiosk has once asked the centre for the time.
func timed(t *testing.T, seed uint64) (s *stage, set func(time.Duration)) {
	t.Helper()
	s, set = clocked(t, seed, SiteOptions{})
	if err := poll(recoverWithin, s.acquainted); err != nil {
		t.Fatal(err)
	}
	s.thanked("first")
	s.settled()
	return s, set
}

// acquainted is nil once the kiosk has had time to ask the centre for the time. A press
// before that has no day until it asks again.
func (s *stage) acquainted() error {
	st, err := s.Kiosks[0].status()
	if err == nil && (!st.Link.Connected || time.Since(st.Link.Since) < 300*time.Millisecond) {
		err = fmt.Errorf("the link to the centre is not up for long: %+v", st.Link)
	}
	return err
}

// wrongClock starts a kiosk without a clock of its own, and without the centre. Its
// presses get their day when it reaches the centre.
func wrongClock(by func() time.Duration) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		began := time.Now()
		s, set := timed(t, seed)
		k := s.Kiosks[0]
		if s.rnd.IntN(2) == 0 {
			k.Process.Kill()
		} else if err := k.Process.Stop(stopWithin); err != nil {
			t.Fatal(err)
		}
		s.stopCentre()
		set(by())
		s.again(k)
		for n := range 2 + s.rnd.IntN(10) {
			s.thanked(fmt.Sprint("without the day-", n))
		}
		s.again(s.Centre)
		s.thanked("with the day")
		return s.placed(began)
	}
}

// jumpingClock sets the clock while the kiosk works.
func jumpingClock(t *testing.T, seed uint64) Result {
	began := time.Now()
	s, set := timed(t, seed)
	for i, by := range []time.Duration{-day, 10 * 365 * day, toward1970(), time.Duration(s.rnd.Int64N(int64(2000 * day)))} {
		set(by)
		for n := range 1 + s.rnd.IntN(5) {
			s.thanked(fmt.Sprintf("jump %d-%d", i, n))
		}
	}
	s.repair = time.Now()
	return s.placed(began)
}

// neverKnown has a kiosk press, be killed, and press again after years, before it reaches
// the centre's clock for the first time. Of the first presses nobody can know the day: the
// closings say so, and count them as held.
func neverKnown(t *testing.T, seed uint64) Result {
	var p *Proxy
	s, set := clocked(t, seed, SiteOptions{BusAt: func(bus string) (addr string, err error) {
		if p, err = NewProxy(bus); err == nil {
			p.Set(Weather{Refuse: true})
			addr = p.Addr()
		}
		return addr, err
	}})
	defer p.Close()
	set(toward1970())
	n := 1 + s.rnd.IntN(5)
	for i := range n {
		s.thanked(fmt.Sprint("before any contact-", i))
	}
	s.Kiosks[0].Process.Kill()
	s.again(s.Kiosks[0])
	p.Set(Weather{})
	if err := poll(recoverWithin, s.acquainted); err != nil {
		t.Fatal(err)
	}
	s.thanked("after it")
	s.settled()
	told, err := s.Told()
	if err != nil {
		t.Fatal(err)
	}
	r := s.calm()
	for _, c := range told.Closings {
		if c.Date == "unknown" && c.Issued == uint64(n) && c.Held == uint64(n) {
			return r
		}
	}
	r.Violations = append(r.Violations, fmt.Sprintf("closings: %d presses are of an unknown day: %+v", n, told.Closings))
	return r
}

// placed judges, and checks that every press has its true day.
func (s *stage) placed(began time.Time) Result {
	s.t.Helper()
	s.resolve()
	s.settled()
	recovered := time.Since(s.repair)
	var wrong []string
	err := poll(recoverWithin, func() error { // the day comes with a record that follows
		told, err := s.Told()
		if err != nil {
			return err
		}
		wrong = nil
		for _, c := range told.Closings {
			if c.Received > 0 && c.Date != survey.DateOf(began).String() && c.Date != survey.DateOf(time.Now()).String() {
				wrong = append(wrong, fmt.Sprintf("closings: presses of today stand under another day: %+v", c))
			}
		}
		if len(wrong) > 0 {
			return fmt.Errorf("%s", wrong)
		}
		return nil
	})
	if err != nil && len(wrong) == 0 {
		s.t.Fatal(err)
	}
	s.settled()
	r := s.judged(0)
	r.Recovered = recovered
	r.Violations = append(r.Violations, wrong...)
	return r
}
