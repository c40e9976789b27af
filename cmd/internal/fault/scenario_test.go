//go:build linux

package fault

import (
	"context"
	"errors"
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

// cut cuts the power of a program and its disk while something of some files is being
// written, and puts it on again.
func (s *stage) cut(b *Box, m *mounted, files string, mode Mode) (missed bool) {
	s.t.Helper()
	s.while(300 * time.Millisecond)
	missed = s.met(m.disk.CutDuring(files, 1+s.rnd.IntN(40), s.seed, mode).Hit)
	m.disk.Cut(s.seed, mode) // where it missed
	b.Process.Kill()
	m.restore()
	s.again(b)
	return missed
}

// slowly makes a disk on which there is time between a write and its sync.
var slowly = DiskOptions{SyncTakes: 5 * time.Millisecond}

// journalFiles are those that a kiosk must not lose anything of.
const journalFiles = "data/journal/*.db|data/journal/*.log|data/issued-*"

func kioskCut(mode Mode) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		m, data := onDisk(t, slowly)
		s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
		missed := s.cut(s.Kiosks[0], m, journalFiles, mode)
		return s.end().but(missed)
	}
}

func centreCut(mode Mode) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		m, data := onDisk(t, slowly)
		s := newStage(t, seed, SiteOptions{CentreData: data})
		missed := s.cut(s.Centre, m, "data/store.db", mode)
		return s.end().but(missed)
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
	return busCutOn(t, seed, Lose, DiskOptions{Lies: "*"})
}

func busCutOn(t *testing.T, seed uint64, mode Mode, o DiskOptions) Result {
	data := t.TempDir()
	m := mountAt(t, NewDisk(o), filepath.Join(data, "nats"))
	s := newStage(t, seed, SiteOptions{CentreData: data})
	missed := s.cut(s.Centre, m, "*", mode)
	return s.end().but(missed)
}

// kioskFails fails one of the kiosk's disk calls; the kiosk may end, and is started
// again if it does.
func kioskFails(t *testing.T, seed uint64) Result {
	m, data := onDisk(t, DiskOptions{})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	op := []Op{OpWrite, OpSync}[s.rnd.IntN(2)]
	point := m.disk.FailAt(op, "data/journal/*", 1+s.rnd.IntN(40), []syscall.Errno{syscall.EIO, syscall.ENOSPC}[s.rnd.IntN(2)])
	missed := s.met(point.Hit)
	s.restartIfEnded(s.Kiosks[0])
	return s.end().but(missed)
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
	m, data := onDisk(t, DiskOptions{SyncTakes: 40 * time.Millisecond})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	s.while(500 * time.Millisecond)
	missed := s.met(func() bool { return m.disk.Unsynced(journalFiles) })
	s.Kiosks[0].Process.Kill()
	s.again(s.Kiosks[0])
	return s.end().but(missed)
}

// kioskFull fills a kiosk's disk, which the kiosk can only learn from a write that fails.
// It gives up the room that it has set aside, goes on, and gets room again later.
func kioskFull(t *testing.T, seed uint64) Result {
	m, data := onDisk(t, DiskOptions{Thin: true})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	s.while(100 * time.Millisecond)
	m.disk.SetLimit(m.disk.Used() + s.rnd.Int64N(4)*blockSize)
	missed := s.met(func() bool { return m.disk.Full() > 0 })
	goesOn := poll(recoverWithin, func() error {
		if s.press("with the room set aside") != Thanked {
			return errors.New("with a full disk the kiosk thanks for nothing more, in spite of the room that it has set aside")
		}
		return nil
	})
	m.disk.SetLimit(0)
	s.restartIfEnded(s.Kiosks[0])
	return s.end().but(missed, goesOn)
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
	n := p.Counts()
	return s.end().but(n.Refused+n.HalfOpened+n.Cut+n.Swallowed == 0)
}

func unplugged(t *testing.T, seed uint64) Result {
	ns := namespace(t)
	s := newStage(t, seed, SiteOptions{Kiosks: 2, BusAt: func(bus string) (string, error) {
		p := NewProxyOn(listenInside(t, ns), bus)
		t.Cleanup(func() { _ = p.Close() }) // it may be closed already
		return p.Addr(), nil
	}})
	missed := true
	for range 1 + s.rnd.IntN(3) {
		s.while(300 * time.Millisecond)
		if err := ns.Down(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // what is on its way arrives
		before, err := s.Kiosks[0].status()
		s.while(700 * time.Millisecond)
		after, err2 := s.Kiosks[0].status()
		if err := errors.Join(err, err2, ns.Up()); err != nil {
			t.Fatal(err)
		}
		if after.Last > before.Last && after.Receipted == before.Receipted {
			missed = false // people pressed, and nothing came through
		}
	}
	s.repair = time.Now()
	return s.end().but(missed)
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
	r := resultOf(v)
	r.Recovered = recovered
	return r
}

func paused(who func(*stage) *Box) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		s := newStage(t, seed, SiteOptions{})
		s.while(200 * time.Millisecond)
		if err := who(s).Process.Pause(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
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
