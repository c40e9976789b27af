//go:build linux

package fault

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A sync of the reserved numbers fails, or the program is killed in it. The next life reads
// them from the system's memory, and must not give a number that the disk does not have: where
// the power is then cut and the journal's folder is gone, all that was thanked for in both
// lives lies inside of what is declared.
func TestReservedNumbersThatWereNotSyncedAreWrittenAnew(t *testing.T) {
	needRoot(t, "/dev/fuse")
	failing := func(m *mounted, _ *journalRun) *Point { return m.disk.FailAt(OpSync, "data/issued-*", 1, syscall.EIO) }
	killing := func(m *mounted, child *journalRun) *Point {
		return m.disk.At(OpSync, "data/issued-*", 1, func() syscall.Errno { child.process.KillNow(); return syscall.EINTR })
	}
	for how, c := range map[string]struct {
		set    func(*mounted, *journalRun) *Point
		making bool // at the first sync of all
	}{
		"the sync failed":                {failing, false},
		"killed in it":                   {killing, false},
		"the sync failed as it was made": {failing, true},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			m, dir := onDisk(t, DiskOptions{})
			var point *Point
			if c.making {
				point = c.set(m, nil)
			}
			child := startJournal(t, journalMany, dir)
			if child.ready() == c.making {
				t.Fatalf("the child begins %v: %s", !c.making, child.process.Said())
			}
			if !c.making {
				point = c.set(m, child)
			}
			_, _ = child.word.Write([]byte("go\n")) // what it says shows whether it could
			child.end(t)
			if !point.Hit() {
				t.Fatalf("the point was not met: %s", child.process.Said())
			}
			m.disk.ClearPoints()
			next := startJournal(t, journalMany, dir)
			if !next.ready() {
				t.Fatalf("the next child does not begin: %s", next.process.Said())
			}
			_, _ = next.word.Write([]byte("go\n"))
			next.end(t)
			thanked := lines(child.process.Said()+next.process.Said(), "thanked")
			m.cutUnder(next.process)
			if err := os.RemoveAll(filepath.Join(dir, "journal")); err != nil {
				t.Fatal(err)
			}
			if len(thanked) < manyPresses {
				t.Fatalf("%d thanked for", len(thanked))
			}
			if outside, declared := outsideOfDeclared(t, dir, thanked); len(outside) > 0 {
				t.Errorf("thanked for and outside of %s: %q", declared, outside)
			}
		})
	}
}
