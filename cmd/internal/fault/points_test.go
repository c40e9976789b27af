//go:build linux

package fault

import (
	"context"
	"fmt"
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
	marked   func()      // before the program is started again; nil = nothing
	repaired func()      // after that
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
		if w.marked != nil {
			w.marked()
		}
		s.again(b)
		w.repaired()
		s.slowest = max(s.slowest, time.Since(s.repair))
	}
}

// quiet is a site with one kiosk and nobody pressing, after its first press.
func quiet(t *testing.T, o SiteOptions) *stage {
	t.Helper()
	s := bareStage(t, 1, o)
	s.thanked("first")
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

// judged judges a site on which nobody presses any more, after so many faults.
func (s *stage) judged(runs int) Result {
	s.t.Helper()
	v, err := s.Judge(context.Background(), s.ledger, recoverWithin)
	if err != nil {
		s.t.Fatal(err)
	}
	r := resultOf(v)
	r.Runs, r.Recovered = runs, s.slowest
	return r
}

// enumeration is a piece of work each of whose disk calls is disturbed once.
type enumeration struct {
	name  string // Vietnamese / English
	least int    // calls that it makes at least
	short int    // which disturbance is in the short selection; -1 = none
	run   func(t *testing.T, d disturbance) Result
}

var enumerations = []enumeration{
	{"từng lời gọi đĩa vào nhật ký, số dành trước, danh tính khi ghi một lượt bấm / every disk call on journal, reserved numbers, lineage and identity of one press", 4, 1, pressCalls},
	{"từng lời gọi đĩa vào kho khi trung tâm nhận một lô / every disk call on the store of one intake commit", 4, 0, intakeCalls},
	{"từng lời gọi đĩa vào nhật ký, số dành trước, danh tính khi giữ một biên nhận / every disk call on journal, reserved numbers, lineage and identity of one receipt", 4, -1, receiptCalls},
	{"từng lời gọi đĩa của nhật ký khi niêm phong một đoạn / every disk call of the journal for one segment seal", 8, 1, sealing.each},
	{"từng lời gọi đĩa của nhật ký khi xóa các đoạn đã sao lưu / every disk call of the journal for one prune", 4, -1, pruning.each},
	{"từng lời gọi đĩa của nhật ký khi cứu một nhật ký hỏng cả hai tệp / every disk call of the journal for the rescue of one that lost records in both files", 20, -1, rescuing.each},
	{"từng lời gọi đĩa vào số dành trước khi dành số mới / every disk call on the reserved numbers for one reservation", 2, 1, reserving.each},
	{"từng lời gọi đĩa khi thay danh bạ của trung tâm trên thiết bị / every disk call of replacing the centre's directory on the box", 15, 2, replacing.each},
	{"từng lời gọi đĩa vào kho và bản sao lưu khi sao lưu / every disk call on store and backups of one backup", 10, -1, backupCalls},
}

// atLeast runs the enumeration with one disturbance.
func (e enumeration) atLeast(t *testing.T, d disturbance) Result {
	t.Helper()
	r := e.run(t, d)
	if r.Runs < e.least {
		r.Violations = append(r.Violations, fmt.Sprintf("%s: only %d points", e.name, r.Runs))
	}
	return r
}

// kioskFiles are all files of a kiosk that it must be able to trust: its journal, and beside
// it the reserved numbers, the lineage and the identity.
const kioskFiles = "data/journal/*|data/issued-*|data/lineage*|data/identity*"

// The kiosk is killed, or its power cut, at every disk call of one press.
func pressCalls(t *testing.T, d disturbance) Result {
	m, data := onDisk(t, DiskOptions{})
	s := quiet(t, SiteOptions{KioskData: []string{data}})
	return s.judged(s.enumerate(d, work{
		box: s.Kiosks[0], disk: m, pattern: kioskFiles,
		act: func(n int) { s.press(fmt.Sprint("press-", n)) }, repaired: s.resolve,
	}))
}

// The aggregator is killed, or its power cut, at every disk call of taking in a batch.
func intakeCalls(t *testing.T, d disturbance) Result {
	m, data := onDisk(t, DiskOptions{})
	s := quiet(t, SiteOptions{CentreData: data})
	return s.judged(s.enumerate(d, work{
		box: s.Centre, disk: m, pattern: "data/store.db",
		act: func(n int) {
			s.thanked(fmt.Sprint("press-", n))
			s.sentOrDisturbed(m)
		},
		repaired: s.settled,
	}))
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
func receiptCalls(t *testing.T, d disturbance) Result {
	m, data := onDisk(t, DiskOptions{})
	s := quiet(t, SiteOptions{KioskData: []string{data}})
	k := s.Kiosks[0]
	return s.judged(s.enumerate(d, work{
		box: k, disk: m, pattern: kioskFiles,
		prepare: func(n int) { s.thanked(fmt.Sprint("press-", n)) },
		act: func(int) {
			select {
			case <-k.Process.Done():
			case <-time.After(receiptWithin):
			}
		},
		repaired: s.settled,
	}))
}

// receiptWithin is how long a kiosk may take to write a receipt down.
const receiptWithin = 4 * time.Second

// isDown reports whether the power is cut.
func (d *Disk) isDown() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.down
}
