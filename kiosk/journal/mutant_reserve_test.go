package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// pressMany presses n times, many at once.
func pressMany(t *testing.T, j *Journal, name string, n int) {
	t.Helper()
	var hands sync.WaitGroup
	for i := range n {
		hands.Go(func() {
			if _, _, err := j.Append(context.Background(), draft(fmt.Sprint(name, i))); err != nil {
				t.Error(err)
			}
		})
	}
	hands.Wait()
}

// issuedIn is the number up to which a journal's file of reserved numbers goes.
func issuedIn(t *testing.T, dir string) uint64 {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, issuedFile+"-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files of reserved numbers: %v, %v", files, err)
	}
	value, err := readCounter(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// reserved writes the file of a chain's reserved numbers.
func reserved(t testing.TB, dir string, chain survey.Chain, value uint64) {
	t.Helper()
	c, err := (&Journal{opts: Options{Reserve: dir}}).openIssued(chain)
	if err == nil {
		err = errors.Join(c.set(value), c.f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The next block of numbers is reserved while half of the last one is left, by the writer
// when nobody waits: no press waits for that sync.
func TestNumbersAreReservedBeforeAPressNeedsThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := openTest(t, dir)
	press(t, j, "first")
	first := issuedIn(t, dir)
	pressMany(t, j, "more ", block/2+2)
	if head := j.Head().Sequence; head >= first {
		t.Fatalf("record %d needs another block by itself", head)
	}
	for end := time.Now().Add(5 * receiptDelay); issuedIn(t, dir) == first; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("at record %d numbers up to %d are reserved", j.Head().Sequence, first)
		}
	}
}

// A log that must tell everything, cut between two frames after a clean stop, looks whole.
// The reserved numbers, given back up to the last that was used, show that one is missing.
func TestAShortLogIsSeenByTheReservedNumbers(t *testing.T) {
	for _, c := range []struct {
		left  int // records of 3 blocks
		short bool
	}{{10, true}, {3*block - 1, true}, {3 * block, false}} {
		dir := t.TempDir()
		j := openTest(t, dir)
		for n := range 3 {
			pressMany(t, j, fmt.Sprint(n, " "), block)
		}
		chain := j.Chain()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		dropFrames(t, dir, 3*block-c.left)
		remove(t, dir, segmentDB)
		again := openTest(t, dir, func(o *Options) { o.Chain = chain })
		if !c.short {
			if again.Chain() != chain || again.Head().Sequence != uint64(c.left) {
				t.Errorf("%d left: it goes on as %s/%d", c.left, again.Chain(), again.Head().Sequence)
			}
			continue
		}
		if again.Chain() == chain {
			t.Fatalf("%d left: the chain goes on with %d, whose number was given before", c.left, again.Head().Sequence+1)
		}
		if s := declared(t, again, chain); s.Last != uint64(c.left) || s.Reserved != 3*block {
			t.Errorf("%d left: it declares %+v", c.left, s)
		}
	}
}

// A start that dies on a file leaves word of it, so that the next one looks at every file in
// a child before it opens any.
func TestAStartThatDiesSaysSo(t *testing.T) {
	dir, head, _ := pressed(t, 5, false)
	var seen []state
	note := func(o *Options) {
		withChild(o)
		child := o.Child
		o.Child = func(ctx context.Context, args ...string) *exec.Cmd {
			seen = append(seen, readState(dir))
			return child(ctx, args...)
		}
	}
	j := openTest(t, dir, note)
	if j.Head() != (custody.Head{Sequence: head.Sequence, Hash: head.Hash}) {
		t.Fatalf("it holds %d records", j.Head().Sequence)
	}
	if !slices.Contains(seen, trying) {
		t.Errorf("while it was being opened the state was %q", seen)
	}
	if now := readState(dir); now != opening {
		t.Errorf("open, its state is %q", now)
	}
}

// An older copy of the journal's folder is whole, and its numbers were given out since: the
// reserved numbers show it.
func TestAnOlderCopyOfTheFolderIsSeenByTheReservedNumbers(t *testing.T) {
	data := t.TempDir()
	dir, reserve := filepath.Join(data, "journal"), func(o *Options) { o.Reserve = data }
	j := openTest(t, dir, reserve)
	pressMany(t, j, "before ", 10)
	chain := j.Chain()
	older := copyFolder(t, dir)
	pressMany(t, j, "after ", mostAhead+10)
	head := j.Head().Sequence
	if err := errors.Join(j.Close(), os.RemoveAll(dir), os.Rename(older, dir)); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir, reserve, func(o *Options) { o.Chain = chain })
	if again.Chain() == chain {
		t.Fatalf("the chain goes on with %s, which was given before", press(t, again, "next").ID)
	}
	if s := declared(t, again, chain); s.Last != 10 || s.Lost() < head-10 {
		t.Fatalf("declared %+v, %d are lost", s, head-10)
	}
}

// No more numbers are reserved ahead than a group and a block. What a stop leaves honestly is
// no damage, and one number more is.
func TestHowFarTheReservedNumbersMayLieAhead(t *testing.T) {
	for _, c := range []struct {
		ahead  uint64
		goesOn bool
	}{{0, true}, {mostAhead, true}, {mostAhead + 1, false}} {
		dir, head, chain := pressed(t, 5, false)
		reserved(t, dir, chain, head.Sequence+c.ahead)
		again := openTest(t, dir, func(o *Options) { o.Chain = chain })
		if goesOn := again.Chain() == chain; goesOn != c.goesOn {
			t.Errorf("%d reserved ahead: the chain goes on %v", c.ahead, goesOn)
		}
	}
	j := openTest(t, t.TempDir())
	for range 3 { // a full group of which nothing is kept
		if err := j.reserve(j.Head().Sequence + maxGroup); err != nil {
			t.Fatal(err)
		}
	}
	if j.issued.value > j.Head().Sequence+mostAhead {
		t.Errorf("at record %d numbers up to %d are reserved", j.Head().Sequence, j.issued.value)
	}
}

// A log that must tell everything, cut between two frames, is believed only where the
// reserved numbers can be read: otherwise nothing tells what it lacks.
func TestALogAloneNeedsItsReservedNumbers(t *testing.T) {
	for _, c := range []struct {
		name   string
		harm   func(t *testing.T, path string)
		cut    int
		goesOn bool
	}{
		{"whole", func(*testing.T, string) {}, 0, true},
		{"gone", func(t *testing.T, path string) { truncate(t, path, 0) }, 600, false},
		{"all bad", func(t *testing.T, path string) {
			overwrite(t, path, 3, []byte("hỏng"))
			overwrite(t, path, counterSlot+3, []byte("hỏng"))
		}, 600, false},
		{"one bad", func(t *testing.T, path string) {
			overwrite(t, path, 3, []byte("hỏng"))
		}, 10, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			j := openTest(t, dir)
			pressMany(t, j, "x", 700)
			chain, head := j.Chain(), j.Head().Sequence
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			remove(t, dir, segmentDB)
			dropFrames(t, dir, c.cut)
			c.harm(t, filepath.Join(dir, issuedFile+"-"+chain.String()[:8]))
			again := openTest(t, dir, func(o *Options) { o.Chain = chain })
			if goesOn := again.Chain() == chain; goesOn != c.goesOn {
				t.Fatalf("of %d records, with %d, the chain goes on %v", head, again.Head().Sequence, goesOn)
			}
			if s := declaredIf(t, again, chain); !c.goesOn && (s.Last != head-uint64(c.cut) || !s.Unbounded && s.Lost() < uint64(c.cut)) {
				t.Errorf("declared %+v, %d are lost", s, c.cut)
			}
		})
	}
}

// declaredIf is what a journal declares if it is not the old chain itself.
func declaredIf(t *testing.T, j *Journal, old survey.Chain) (s custody.Succession) {
	t.Helper()
	if j.Chain() != old {
		s = declared(t, j, old)
	}
	return s
}

// The power goes while bbolt is made anew from a whole log, once the log was read: the next
// start does it again, and nothing is taken for damage. A log whose end is not there is.
func TestARebuildThatWasStoppedIsDoneAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		clean  bool // the stop before
		whole  bool // the log
		goesOn bool
	}{
		{"after a clean stop", true, true, true},
		{"after a cut", false, true, true},
		{"after a cut, and the log lost its end", false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, head, chain := pressed(t, 20, c.clean)
			remove(t, dir, segmentDB)
			if !c.whole {
				cutZeros(t, filepath.Join(dir, segmentLog))
			}
			known := func(o *Options) { o.Chain = chain }
			inTheWay := filepath.Join(dir, refusedFile) // it is opened when bbolt is made, and before that is noted
			if err := errors.Join(os.Remove(inTheWay), os.Mkdir(inTheWay, 0o700)); err != nil {
				t.Fatal(err)
			}
			if _, err := openWith(dir, known); err == nil {
				t.Fatal("it was not stopped")
			}
			if err := os.Remove(inTheWay); err != nil {
				t.Fatal(err)
			}
			again := openTest(t, dir, known)
			if goesOn := again.Chain() == chain; goesOn != c.goesOn || goesOn && again.Head() != head {
				t.Fatalf("the chain goes on %v, with %d records of %d", goesOn, again.Head().Sequence, head.Sequence)
			}
			if c.goesOn {
				press(t, again, "next")
				checkTwins(t, dir, again)
			}
		})
	}
}
