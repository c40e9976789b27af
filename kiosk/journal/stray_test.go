package journal

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hailong/survey"
)

// A power cut leaves the end of a group that nobody was thanked for: its first frame torn,
// the next one whole. Its numbers are given again. When the journal is damaged later, what
// was thanked for under them is found, and the rest of that group is not counted.
func TestNumbersThatWereGivenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j := openTest(t, dir)
	chain := j.Chain()
	for _, key := range []string{"1", "2", "3", "4", "5"} {
		press(t, j, key)
	}
	size := j.log.size
	cut := copyFolder(t, dir)
	press(t, j, "6, not thanked for")
	press(t, j, "7, not thanked for")
	tail := readLog(t, dir)[size:j.log.size]
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	tail[20] ^= 0xff
	overwrite(t, filepath.Join(cut, segmentLog), size, tail)

	again := openTest(t, cut, func(o *Options) { o.Chain = chain })
	if e := press(t, again, "6"); e.ID != (survey.RecordID{Chain: chain, Sequence: 6}) {
		t.Fatalf("the next press is %s", e.ID)
	}
	end := again.log.size
	last := copyFolder(t, cut)
	if cuts, err := filepath.Glob(filepath.Join(last, segmentLog+".cut-*")); err != nil || len(cuts) != 1 {
		t.Fatalf("what was cut off: %v, %v", cuts, err)
	}
	overwrite(t, filepath.Join(last, segmentDB), 0, make([]byte, 100_000))
	overwrite(t, filepath.Join(last, segmentLog), end, []byte{0, 0, 1, 0, 1, 2, 3, 4, 5})

	rescued := openTest(t, last, func(o *Options) { o.Chain = chain })
	if rescued.Chain() == chain {
		t.Fatal("the damage was not seen")
	}
	for key, want := range map[string]bool{"5": true, "6": true, "6, not thanked for": false, "7, not thanked for": false} {
		if _, ok, err := rescued.Find(survey.KeyNonce(key)); err != nil || ok != want {
			t.Errorf("press %s is found: %v, want %v; %v", key, ok, want, err)
		}
	}
	if s := declared(t, rescued, chain); s.Last != 6 || s.Salvaged != 0 {
		t.Errorf("declared %+v", s)
	}
}

func readLog(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, segmentLog))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A card may go bad while the box is off: the log is read after a clean stop as well, and
// mended from bbolt while that still has everything.
func TestALogThatGoesBadAfterACleanStop(t *testing.T) {
	dir, head, chain := pressed(t, 40, true)
	log := readLog(t, dir)
	overwrite(t, filepath.Join(dir, segmentLog), int64(len(log)/2), []byte{log[len(log)/2] ^ 1})
	told := ""
	j := openTest(t, dir, func(o *Options) {
		o.Chain, o.OnEvent = chain, func(w survey.Words) { told += w[survey.English] + "\n" }
	})
	if j.Chain() != chain || j.Head() != head {
		t.Fatalf("chain %s, head %d", j.Chain(), j.Head().Sequence)
	}
	checkTwins(t, dir, j)
	if !strings.Contains(told, segmentLog) {
		t.Errorf("nobody was told: %q", told)
	}
}

// A process that looks at a file and is ended from outside, because the program is told to
// stop or memory ran out, has said nothing about the file: nothing is put aside.
func TestAChildThatIsEndedSaysNothing(t *testing.T) {
	dir, head, chain := pressed(t, 5, false)
	names := func() (list []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	before := names()
	o := Options{Kiosk: testKiosk, Chain: chain, Child: func(ctx context.Context, _ ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", "kill -TERM $$")
	}}
	if j, err := Open(dir, o); err == nil || errors.Is(err, ErrDamaged) {
		t.Fatalf("%v, %v", j, err)
	}
	if now := names(); !slices.Equal(now, before) {
		t.Fatalf("the folder holds %q, before %q", now, before)
	}
	if j := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain }); j.Chain() != chain || j.Head() != head {
		t.Fatalf("chain %s, head %d", j.Chain(), j.Head().Sequence)
	}
}
