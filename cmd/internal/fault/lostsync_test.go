//go:build linux

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// twin is one of the two files of a journal's segment.
type twin struct {
	name   string
	file   string // its pattern
	copies string // and that of the copy by which it is made anew
	other  string // the pattern of the other one
	meta   int    // the sync of a commit behind which the record is there
}

var twins = []twin{
	{"log", "*.log", "*.log.fresh", "*.db", 1},
	{"bbolt", "*.db", "*.db.fresh", "*.log", 2},
}

// What happens to a journal at its work before the power is cut. lie makes the syncs that
// matter a lie, for the control.
var beforeCut = map[string]func(t *testing.T, m *mounted, dir string, w twin, lie bool) (said string, child *journalRun){
	"pressed": func(t *testing.T, m *mounted, dir string, w twin, lie bool) (string, *journalRun) {
		if lie {
			m.disk.Lie(w.file)
		}
		return "", startJournal(t, journalSeal, dir)
	},
	"killed at a sync, started again, pressed again": func(t *testing.T, m *mounted, dir string, w twin, lie bool) (string, *journalRun) {
		said := disturbed(t, m, dir, func(child *journalRun) *Point {
			return m.disk.At(OpSync, w.file, 1, func() syscall.Errno { child.process.KillNow(); return syscall.EINTR })
		})
		if lie {
			m.disk.Lie(w.file)
		}
		return said, startJournal(t, journalAgain, dir)
	},
	"a sync failed, started again, pressed again": func(t *testing.T, m *mounted, dir string, w twin, lie bool) (string, *journalRun) {
		said := disturbed(t, m, dir, func(*journalRun) *Point { return m.disk.FailAt(OpSync, w.file, w.meta, syscall.EIO) })
		if lie {
			m.disk.Lie(w.file + "|" + w.copies)
		}
		return said, startJournal(t, journalAgain, dir)
	},
}

// disturbed has a child seal a segment that meets a point on its way, and ends of it.
func disturbed(t *testing.T, m *mounted, dir string, set func(*journalRun) *Point) (said string) {
	t.Helper()
	child := startJournal(t, journalSeal, dir)
	if !child.ready() {
		t.Fatalf("the child does not begin: %s", child.process.Said())
	}
	point := set(child)
	_, _ = child.word.Write([]byte("go\n")) // it may be dead already
	child.end(t)
	if !point.Hit() {
		t.Fatalf("the point was not met: %s", child.process.Said())
	}
	m.disk.ClearPoints()
	return child.process.Said()
}

// Each of the two files alone holds all that was thanked for, also after a power cut: one
// hides what the other did not keep as long as both are there, so the other is removed.
// On a disk that lies about the syncs of the one, the check sees the loss.
func TestEachFileAloneHoldsWhatWasThanked(t *testing.T) {
	needRoot(t, "/dev/fuse")
	for name, before := range beforeCut {
		for _, w := range twins {
			for _, lie := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/lying %t", name, w.name, lie), func(t *testing.T) {
					t.Parallel()
					m, dir := onDisk(t, DiskOptions{})
					said, child := before(t, m, dir, w, lie)
					if !child.ready() {
						t.Fatalf("the child does not begin: %s", child.process.Said())
					}
					said += child.process.Said()
					m.cutUnder(child.process)
					removeFiles(t, filepath.Join(dir, "journal", w.other))
					after := finished(t, journalCheck, dir)
					if lost := notKept(said, after); lie != (len(lost) > 0) || !strings.Contains(said, "thanked") {
						t.Errorf("lost: %q\n%s\n%s", lost, said, lines(after, "kept"))
					}
				})
			}
		}
	}
}

// notKept is what was thanked for and is in no chain that is kept without a gap, or whose
// number stands for another press. There may be two chains: a log that alone is left and
// looks as if it had lost something begins a new one.
func notKept(said, after string) (lost []string) {
	names := map[string]string{}
	for _, line := range append(lines(after, "found"), lines(after, "thanked")...) {
		key, id, _ := strings.Cut(line, " ")
		names[id] = key
	}
	for _, thanked := range lines(said, "thanked") {
		key, id, _ := strings.Cut(thanked, " ")
		other, named := names[id]
		if named && other != key || !slices.ContainsFunc(lines(after, "kept"), func(kept string) bool {
			var chain string
			var first, last, missing uint64
			_, err := fmt.Sscan(kept, &chain, &first, &last, &missing)
			n := sequenceIn(id)
			return err == nil && strings.HasPrefix(id, chain) && first <= n && n <= last && missing == 0
		}) {
			lost = append(lost, key)
		}
	}
	return lost
}

// cutUnder cuts the power of a program's disk, all that is not synced is lost, and puts it
// on again without the program.
func (m *mounted) cutUnder(p *Process) {
	m.t.Helper()
	m.disk.Cut(1, Lose)
	p.Kill()
	m.restore()
}

func removeFiles(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file %s: %v", pattern, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// The reserved numbers alone bound the loss where the power is cut and the journal's folder
// is gone. On a disk that lies about their syncs they do not.
func TestTheReservedNumbersBoundALoss(t *testing.T) {
	needRoot(t, "/dev/fuse")
	for _, lies := range []string{"", "issued-*"} {
		t.Run("lies: "+lies, func(t *testing.T) {
			t.Parallel()
			m, dir := onDisk(t, DiskOptions{Lies: lies})
			child := startJournal(t, journalMany, dir)
			if !child.ready() {
				t.Fatalf("the child does not begin: %s", child.process.Said())
			}
			_, _ = child.word.Write([]byte("go\n")) // what it says shows whether it could
			child.end(t)
			said := child.process.Said()
			m.cutUnder(child.process)
			if err := os.RemoveAll(filepath.Join(dir, "journal")); err != nil {
				t.Fatal(err)
			}
			thanked := lines(said, "thanked")
			if len(thanked) != manyPresses {
				t.Fatalf("%d thanked for", len(thanked))
			}
			outside, declared := outsideOfDeclared(t, dir, thanked)
			if (lies != "") != (len(outside) > 0) {
				t.Errorf("%d of %d presses lie outside of %s", len(outside), len(thanked), declared)
			}
		})
	}
}

// outsideOfDeclared are the presses thanked for that lie outside of the one loss that the
// journal declares when it is opened.
func outsideOfDeclared(t *testing.T, dir string, thanked []string) (outside []string, declared string) {
	t.Helper()
	said := lines(finished(t, journalSays, dir), "declared")
	var chain string
	var last, reserved uint64
	if len(said) != 1 {
		t.Fatalf("declared: %q", said)
	}
	if _, err := fmt.Sscan(said[0], &chain, &last, &reserved); err != nil {
		t.Fatal(err)
	}
	for _, line := range thanked {
		_, id, _ := strings.Cut(line, " ")
		if n := sequenceIn(id); !strings.HasPrefix(id, chain) || n <= last || n > reserved {
			outside = append(outside, line)
		}
	}
	return outside, said[0]
}
