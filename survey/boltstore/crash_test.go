package boltstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hailong/survey/boltstore"
	"hailong/survey/custody"
)

// childPath names the environment variable that makes the test program the child of
// the crash test: it writes to the store named there until it is killed.
const childPath = "BOLTSTORE_CRASH_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, crashChild(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashStep is how many records each of the two kiosks sends in one Keep.
const crashStep = 40

func crashKiosks() [2]*journal {
	kiosks := [2]*journal{newJournal("a", counterCode(0)), newJournal("b", counterCode(1))}
	for _, k := range kiosks {
		k.linked = true
	}
	return kiosks
}

// crashChild keeps a step of both kiosks in each call, from where the store is, and
// says so after each call that came back.
func crashChild(path string) error {
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		return err
	}
	kiosks := crashKiosks()
	head, _, err := s.Marks(context.Background(), kiosks[0].chain)
	if err != nil {
		return err
	}
	for step := uint64(1); ; step++ {
		arrivals := []custody.Arrival{kiosks[0].batch(crashStep), kiosks[1].batch(crashStep)}
		if step*crashStep <= head.Sequence {
			continue
		}
		kept, err := s.Keep(context.Background(), arrivals)
		if err != nil || kept[0].Case != custody.New || kept[1].Case != custody.New {
			return fmt.Errorf("keep step %d: %+v, %w", step, kept, err)
		}
		fmt.Println(step)
	}
}

// TestKilledInTheMiddle kills a writing program at random moments. What it was told is
// kept must be there; of the call under way, all or nothing.
func TestKilledInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "centre.db")
	s := opened(t, dir)
	if err := errors.Join(s.PutStructure(t.Context(), centre(2), 1), s.AddQuestionnaires(t.Context(), faces), s.Close()); err != nil {
		t.Fatal(err)
	}
	var before uint64
	for round := range 10 {
		acknowledged := max(before, runAndKill(t, path))
		s := opened(t, dir)
		heads, err := crashHeads(t.Context(), s)
		if err == nil {
			err = judgeCrash(acknowledged, heads)
		}
		if err = errors.Join(err, s.Recount(t.Context()), s.Close()); err != nil {
			t.Fatalf("round %d, %d steps acknowledged: %v", round, acknowledged, err)
		}
		before = heads[0] / crashStep
	}
	if before == 0 {
		t.Error("no step was kept in all rounds: the test killed too early to show anything")
	}
}

// runAndKill runs the child, kills it a moment after some calls came back, and returns
// the last step it had acknowledged.
func runAndKill(t *testing.T, path string) (acknowledged uint64) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), childPath+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range rand.IntN(8) {
		if !lines.Scan() {
			t.Fatal("the child ended by itself")
		}
		fmt.Sscan(lines.Text(), &acknowledged)
	}
	// The moment is real time on purpose: it has to fall anywhere in a call.
	time.Sleep(rand.N(4 * time.Millisecond))
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it said before it died counts too
		fmt.Sscan(lines.Text(), &acknowledged)
	}
	child.Wait()
	return acknowledged
}

func crashHeads(ctx context.Context, s interface {
	Chains(context.Context) ([]custody.ChainState, error)
}) (heads [2]uint64, err error) {
	chains, err := s.Chains(ctx)
	for _, c := range chains {
		for i, k := range crashKiosks() {
			if k.chain == c.Chain {
				heads[i] = c.Head.Sequence
			}
		}
	}
	return heads, err
}

// judgeCrash says whether the heads found after a kill are possible: both kiosks at
// the same step, and that the last acknowledged or the one under way.
func judgeCrash(acknowledged uint64, heads [2]uint64) error {
	step := heads[0] / crashStep
	switch {
	case heads[0] != heads[1] || heads[0]%crashStep != 0:
		return fmt.Errorf("a call was kept in part: heads %v", heads)
	case step < acknowledged:
		return fmt.Errorf("step %d was acknowledged, the store is at %d", acknowledged, step)
	case step > acknowledged+1:
		return fmt.Errorf("the store is at step %d, only %d was acknowledged", step, acknowledged)
	}
	return nil
}

// TestCrashJudgeSees shows that the crash test would notice.
func TestCrashJudgeSees(t *testing.T) {
	for _, heads := range [][2]uint64{{80, 120}, {80, 80}, {200, 200}, {125, 125}} {
		if judgeCrash(3, heads) == nil {
			t.Errorf("heads %v after 3 steps of %d pass", heads, crashStep)
		}
	}
	for _, heads := range [][2]uint64{{120, 120}, {160, 160}} {
		if err := judgeCrash(3, heads); err != nil {
			t.Error(err)
		}
	}
}
