package journal

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

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
// The reserved numbers show what it lacks; one that lacks little is believed.
func TestAShortLogIsSeenByTheReservedNumbers(t *testing.T) {
	for _, c := range []struct {
		left  int // records of 3 blocks
		short bool
	}{{10, true}, {2*block + block/2, false}} {
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
		if s := declared(t, again, chain); s.Last != uint64(c.left) || s.Reserved < 3*block {
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
