//go:build linux

package fault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func killed(who func(*stage) []*Box) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		s := newStage(t, seed, SiteOptions{Kiosks: 2})
		s.while(300 * time.Millisecond)
		for _, b := range who(s) {
			b.Process.Kill()
		}
		s.while(100 * time.Millisecond)
		for _, b := range who(s) {
			s.again(b)
		}
		return s.end()
	}
}

// onDisk is a site's folder on a disk that can lose power.
func onDisk(t *testing.T, o DiskOptions) (*mounted, string) {
	t.Helper()
	m := mount(t, NewDisk(o))
	data := filepath.Join(m.path, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	keepFolder(t, m.path)
	return m, data
}

// cut cuts the power of a program and its disk, and puts it on again.
func (s *stage) cut(b *Box, m *mounted, mode Mode) {
	s.t.Helper()
	m.disk.Cut(s.seed, mode)
	b.Process.Kill()
	m.restore()
	s.again(b)
}

func kioskCut(mode Mode) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		m, data := onDisk(t, DiskOptions{})
		s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
		s.while(300 * time.Millisecond)
		s.cut(s.Kiosks[0], m, mode)
		return s.end()
	}
}

func centreCut(mode Mode) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		m, data := onDisk(t, DiskOptions{})
		s := newStage(t, seed, SiteOptions{CentreData: data})
		s.while(300 * time.Millisecond)
		s.cut(s.Centre, m, mode)
		return s.end()
	}
}

// busCut cuts the power of the message server's folder alone; the store beside it
// stays whole.
func busCut(mode Mode) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		return busCutOn(t, seed, mode, DiskOptions{EntryWithFile: true})
	}
}

// busCutUnsynced shows what the message server is trusted with: it loses everything it
// ever acknowledged, its stream included, and nothing is lost.
func busCutUnsynced(t *testing.T, seed uint64) Result {
	return busCutOn(t, seed, Lose, DiskOptions{Lies: true})
}

func busCutOn(t *testing.T, seed uint64, mode Mode, o DiskOptions) Result {
	data := t.TempDir()
	m := mountAt(t, NewDisk(o), filepath.Join(data, "nats"))
	s := newStage(t, seed, SiteOptions{CentreData: data})
	s.while(300 * time.Millisecond)
	before := len(m.disk.Files())
	s.cut(s.Centre, m, mode)
	if o.Lies && before == 0 {
		t.Fatal("the message server keeps no files, so this loses nothing")
	}
	return s.end()
}

// kioskFails fails one of the kiosk's disk calls; the kiosk may end, and is started
// again if it does.
func kioskFails(t *testing.T, seed uint64) Result {
	m, data := onDisk(t, DiskOptions{})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	op := []Op{OpWrite, OpSync}[s.rnd.IntN(2)]
	point := m.disk.FailAt(op, "data/journal/*", 1+s.rnd.IntN(40), []syscall.Errno{syscall.EIO, syscall.ENOSPC}[s.rnd.IntN(2)])
	for end := time.Now().Add(3 * time.Second); !point.Hit() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	s.restartIfEnded(s.Kiosks[0])
	return s.end()
}

// restartIfEnded does what a supervisor does for a program that has ended by itself.
func (s *stage) restartIfEnded(b *Box) {
	s.t.Helper()
	s.repair = time.Now()
	select {
	case <-b.Process.Done():
		s.again(b)
	case <-time.After(500 * time.Millisecond):
	}
}

func slowKilled(t *testing.T, seed uint64) Result {
	_, data := onDisk(t, DiskOptions{SyncTakes: 40 * time.Millisecond})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	s.while(500 * time.Millisecond)
	s.Kiosks[0].Process.Kill()
	s.again(s.Kiosks[0])
	return s.end()
}

func kioskFull(t *testing.T, seed uint64) Result {
	m, data := onDisk(t, DiskOptions{})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	s.while(100 * time.Millisecond)
	m.disk.SetLimit(m.disk.Used() + s.rnd.Int64N(16)*blockSize)
	time.Sleep(500 * time.Millisecond)
	m.disk.SetLimit(0)
	s.restartIfEnded(s.Kiosks[0])
	return s.end()
}

func storm(t *testing.T, seed uint64) Result {
	var p *Proxy
	s := newStage(t, seed, SiteOptions{Kiosks: 2, BusAt: func(bus string) (string, error) {
		var err error
		if p, err = NewProxy(bus); err != nil {
			return "", err
		}
		return p.Addr(), nil
	}})
	defer p.Close()
	calm := p.Storm(seed)
	time.Sleep(1500 * time.Millisecond)
	calm()
	s.repair = time.Now()
	return s.end()
}

func unplugged(t *testing.T, seed uint64) Result {
	ns := namespace(t)
	s := newStage(t, seed, SiteOptions{Kiosks: 2, BusAt: func(bus string) (string, error) {
		p := NewProxyOn(listenInside(t, ns), bus)
		t.Cleanup(func() { _ = p.Close() }) // it may be closed already
		return p.Addr(), nil
	}})
	for range 1 + s.rnd.IntN(3) {
		s.while(300 * time.Millisecond)
		if err := ns.Down(); err != nil {
			t.Fatal(err)
		}
		s.while(700 * time.Millisecond)
		if err := ns.Up(); err != nil {
			t.Fatal(err)
		}
	}
	s.repair = time.Now()
	return s.end()
}

// cloned copies a kiosk's card, lets the kiosk go on, and puts the copy into service in
// its place. The first branch counts; the other is kept.
func cloned(t *testing.T, seed uint64) Result {
	s := newStage(t, seed, SiteOptions{})
	k := s.Kiosks[0]
	s.while(300 * time.Millisecond)
	s.crowd.Stop()
	s.resolve()
	s.settled()
	k.Process.Kill()
	card := k.Data + ".clone"
	if err := CopyFolder(k.Data, card); err != nil {
		t.Fatal(err)
	}
	s.again(k)
	for n := range 1 + s.rnd.IntN(5) {
		s.press(fmt.Sprint("first-", n))
	}
	s.settled()
	k.Process.Kill()
	if err := os.Rename(k.Data, k.Data+".first"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(card, k.Data); err != nil {
		t.Fatal(err)
	}
	s.again(k)
	s.press("second")
	if err := poll(recoverWithin, func() error {
		if n, err := s.Forks(); err != nil || n == 0 {
			return fmt.Errorf("no fork is seen: %v", err)
		}
		return nil
	}); err != nil {
		return Result{Violations: []string{err.Error()}}
	}
	if err := s.seen(func(k kioskSeen) bool { return slices.Contains(k.Problems, "forked") }); err != nil {
		return Result{Violations: []string{"I9: " + err.Error()}}
	}
	recovered := time.Since(s.repair)
	stored, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	v := s.ledger.Check(stored)
	if v.Disputed != 1 {
		v.Violations = append(v.Violations, fmt.Sprintf("the clone's one press should be disputed, %d are", v.Disputed))
	}
	return Result{0, v.Thanked, v.Counted, v.Disputed, recovered, v.Violations}
}

func paused(who func(*stage) *Box) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		s := newStage(t, seed, SiteOptions{})
		s.while(200 * time.Millisecond)
		if err := who(s).Process.Pause(); err != nil {
			t.Fatal(err)
		}
		s.while(600 * time.Millisecond)
		s.repair = time.Now()
		if err := who(s).Process.Continue(); err != nil {
			t.Fatal(err)
		}
		return s.end()
	}
}

// realPrograms skips a test that starts real programs where only short ones are wanted.
func realPrograms(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real programs many times")
	}
}

func TestACalmSiteBalances(t *testing.T) {
	realPrograms(t)
	s := newStage(t, 1, SiteOptions{Kiosks: 2})
	s.while(500 * time.Millisecond)
	s.repair = time.Now()
	if r := s.end(); len(r.Violations) > 0 || r.Thanked != r.Counted || r.Thanked == 0 {
		t.Fatalf("%+v", r)
	}
}
