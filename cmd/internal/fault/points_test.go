//go:build linux

package fault

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// disturbance is what happens to a program at one of its disk calls.
type disturbance struct {
	name string
	set  func(d *Disk, pattern string, n int, b *Box) *Point
	cut  bool // whether the disk has lost its power
}

func (d disturbance) String() string { return d.name }

var disturbances = []disturbance{
	{"killed after", func(d *Disk, pattern string, n int, b *Box) *Point {
		p := b.Process
		return d.After("", pattern, n, func() syscall.Errno { p.KillNow(); return 0 })
	}, false},
	{"power cut before, reordered", cutsAt(Reorder), true},
	{"power cut before, torn", cutsAt(Torn), true},
	{"power cut before, lost", cutsAt(Lose), true},
}

func cutsAt(mode Mode) func(*Disk, string, int, *Box) *Point {
	return func(d *Disk, pattern string, n int, _ *Box) *Point { return d.CutAt("", pattern, n, uint64(n), mode) }
}

// work is something a program does whose disk calls are to be enumerated.
type work struct {
	box      *Box
	disk     *mounted
	pattern  string      // of the files whose calls count
	prepare  func(n int) // undisturbed; nil = nothing
	act      func(n int) // returns when the work is done or was disturbed
	repaired func()      // after the program was started again
}

// enumerate disturbs a program at the 1st, 2nd, 3rd … of its disk calls, until its work
// runs through undisturbed, and says how many calls there were.
func (s *stage) enumerate(d disturbance, w work) int {
	s.t.Helper()
	b, m := w.box, w.disk
	for n := 1; ; n++ {
		if w.prepare != nil {
			w.prepare(n)
		}
		point := d.set(m.disk, w.pattern, n, b)
		w.act(n)
		m.disk.ClearPoints()
		if !point.Hit() {
			return n - 1
		}
		b.Process.Kill()
		if d.cut {
			m.restore()
		}
		s.again(b)
		w.repaired()
	}
}

// quiet is a site with one kiosk and nobody pressing.
func quiet(t *testing.T, o SiteOptions) *stage {
	t.Helper()
	s := newStage(t, 1, o)
	s.crowd.Stop()
	if err := s.ledger.Resolve(recoverWithin); err != nil {
		t.Fatal(err)
	}
	s.settled()
	return s
}

func (s *stage) settled() {
	s.t.Helper()
	if err := s.Settle(recoverWithin); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) press(key string) Outcome {
	return Hand(s.ledger, s.Kiosks[0].URL, Press{Questionnaire: "quick", Answers: map[string]int{"Z0": 4}, Channel: "web", Key: key})
}

func (s *stage) resolve() {
	s.t.Helper()
	if err := s.ledger.Resolve(recoverWithin); err != nil {
		s.t.Fatal(err)
	}
}

// balances judges a site on which nobody presses any more.
func (s *stage) balances() {
	s.t.Helper()
	v, err := s.Judge(context.Background(), s.ledger, recoverWithin)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, w := range v.Violations {
		s.t.Error(w)
	}
	s.t.Logf("thanked %d, counted %d", v.Thanked, v.Counted)
}

// some are all disturbances in the long selection, and one otherwise.
func some(t *testing.T, one int) []disturbance {
	t.Helper()
	needRoot(t, "/dev/fuse")
	realPrograms(t)
	if long() {
		return disturbances
	}
	return disturbances[one : one+1]
}

// The kiosk is killed, or its power cut, at every disk call of one press.
func TestEveryDiskCallOfAPress(t *testing.T) {
	for _, d := range some(t, 1) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			m, data := onDisk(t, DiskOptions{})
			s := quiet(t, SiteOptions{KioskData: []string{data}})
			points := s.enumerate(d, work{
				box: s.Kiosks[0], disk: m, pattern: "data/journal/*",
				act: func(n int) { s.press(fmt.Sprint("press-", n)) }, repaired: s.resolve,
			})
			t.Logf("%d points", points)
			if points < 4 {
				t.Errorf("only %d points: a press writes and syncs two files", points)
			}
			s.balances()
		})
	}
}

// The aggregator is killed, or its power cut, at every disk call of taking in a batch.
func TestEveryDiskCallOfAnIntakeCommit(t *testing.T) {
	for _, d := range some(t, 0) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			m, data := onDisk(t, DiskOptions{})
			s := quiet(t, SiteOptions{CentreData: data})
			points := s.enumerate(d, work{
				box: s.Centre, disk: m, pattern: "data/store.db",
				act: func(n int) {
					s.thanked(fmt.Sprint("press-", n))
					s.sentOrDisturbed(m)
				},
				repaired: s.settled,
			})
			t.Logf("%d points", points)
			if points < 4 {
				t.Errorf("only %d points: a commit writes and syncs data and a meta page", points)
			}
			s.balances()
		})
	}
}

// thanked presses at a kiosk that must thank.
func (s *stage) thanked(key string) {
	s.t.Helper()
	if s.press(key) != Thanked {
		s.t.Fatalf("the kiosk is whole and does not thank for %s", key)
	}
}

// sentOrDisturbed waits until everything is sent or the aggregator is gone.
func (s *stage) sentOrDisturbed(m *mounted) {
	_ = poll(5*time.Second, func() error { // whichever it was, is asked afterwards
		if !s.Centre.Process.Running() || m.disk.isDown() {
			return nil
		}
		return s.Settle(0)
	})
}

// The kiosk is killed, or its power cut, at every disk call of keeping a receipt, which
// it does within a few seconds when nobody presses.
func TestEveryDiskCallOfAReceipt(t *testing.T) {
	if !long() {
		t.Skip("part of the long selection: HAILONG_FAULTS=long")
	}
	for _, d := range some(t, 0) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			m, data := onDisk(t, DiskOptions{})
			s := quiet(t, SiteOptions{KioskData: []string{data}})
			k := s.Kiosks[0]
			points := s.enumerate(d, work{
				box: k, disk: m, pattern: "data/journal/*",
				prepare: func(n int) { s.thanked(fmt.Sprint("press-", n)) },
				act: func(int) {
					select {
					case <-k.Process.Done():
					case <-time.After(receiptWithin):
					}
				},
				repaired: s.settled,
			})
			t.Logf("%d points", points)
			if points < 4 {
				t.Errorf("only %d points: a receipt is written and synced", points)
			}
			s.balances()
		})
	}
}

// receiptWithin is how long a kiosk may take to write a receipt down.
const receiptWithin = 4 * time.Second

// isDown reports whether the power is cut.
func (d *Disk) isDown() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.down
}

// The kiosk is killed by strace at the n-th sync of any of its threads, for every n that
// a start and three presses reach, on an ordinary disk.
func TestStraceKillsAKioskAtItsSyncs(t *testing.T) {
	need(t, "strace")
	realPrograms(t)
	s := quiet(t, SiteOptions{})
	k := s.Kiosks[0]
	if err := k.Process.Stop(stopWithin); err != nil {
		t.Fatal(err)
	}
	plain := k.Command
	for n := 1; ; n++ {
		trace := NewTrace(t.TempDir(), Injection{Calls: "fdatasync,fsync", Do: "signal=SIGKILL", Nth: n})
		k.Command.Through = trace.Through()
		if err := k.Launch(); err != nil {
			t.Fatal(err)
		}
		if k.Ready(startWithin) == nil {
			for i := range 3 {
				s.press(fmt.Sprintf("strace-%d-%d", n, i))
			}
		}
		r, err := trace.Report()
		if err != nil {
			t.Fatal(err)
		}
		k.Process.Kill()
		k.Command = plain
		s.again(k)
		s.resolve()
		if !r.Hit {
			t.Logf("killed at %d numbers; the last run had %d syncs", n-1, r.Points)
			break
		}
		if err := k.Process.Stop(stopWithin); err != nil {
			t.Fatal(err)
		}
	}
	s.balances()
}

// The controls: on a disk that says it has synced and has not, the ledger must see what
// is lost. Otherwise the cuts above would prove nothing.
func TestControlKioskOnALyingDiskLosesThanks(t *testing.T) {
	realPrograms(t)
	m, data := onDisk(t, DiskOptions{})
	s := quiet(t, SiteOptions{KioskData: []string{data}})
	s.Centre.Process.Kill() // so that only the kiosk has what follows
	m.disk.Lie()
	for n := range 5 {
		s.thanked(fmt.Sprint("lied-", n))
	}
	s.again(s.Centre)
	m.disk.Cut(1, Lose)
	s.Kiosks[0].Process.Kill()
	m.restore()
	s.again(s.Kiosks[0])
	s.mustSee("I1")
}

func TestControlStoreOnALyingDiskLosesCounts(t *testing.T) {
	realPrograms(t)
	m, data := onDisk(t, DiskOptions{})
	s := quiet(t, SiteOptions{CentreData: data})
	m.disk.Lie()
	for n := range 5 {
		s.thanked(fmt.Sprint("lied-", n))
	}
	s.settled()
	s.Kiosks[0].Process.Kill()
	m.disk.Cut(1, Lose)
	s.Centre.Process.Kill()
	m.restore()
	s.again(s.Centre)
	if err := s.Centre.Process.Stop(stopWithin); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(s.folder, "lied.db")
	if err := copyFile(filepath.Join(data, "store.db"), copied); err != nil {
		t.Fatal(err)
	}
	stored, err := ReadStore(context.Background(), copied)
	if err != nil {
		t.Fatal(err)
	}
	if v := s.ledger.Check(stored); len(v.Violations) == 0 {
		t.Fatalf("a store that was never synced lost nothing: %+v", v)
	}
}

// mustSee fails the test unless the ledger sees a violation.
func (s *stage) mustSee(invariant string) {
	s.t.Helper()
	v, err := s.Judge(context.Background(), s.ledger, recoverWithin)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, w := range v.Violations {
		if w[:len(invariant)] == invariant {
			s.t.Log("as it should, the ledger says: ", w)
			return
		}
	}
	s.t.Fatalf("the ledger does not see it: %+v", v)
}
