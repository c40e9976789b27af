package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"hailong/kiosk"
	"hailong/survey"
)

// smallVolume is a volume of 2 MiB in memory. Only root may make one.
func smallVolume(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size=2m,mode=0700"); err != nil {
		if os.Getenv("HAILONG_REQUIRE") != "" {
			t.Fatalf("no small volume can be mounted: %v", err)
		}
		t.Skipf("SKIPPED: no small volume can be mounted here (root is needed): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// tight are the options of a journal that may use all of its volume.
func tight(o *Options) { o.Full, o.Spare, o.Ballast = 1, 1, -1 }

// ruined is a journal on a small volume that fills more than half of it, with bbolt gone and
// the log damaged at its beginning and in its middle.
func ruined(t *testing.T) (dir string, chain survey.Chain, presses int) {
	t.Helper()
	dir = filepath.Join(smallVolume(t), "journal")
	j := openTest(t, dir, tight)
	for s := SpaceOf(dir); s.Free > s.Total*2/5; s = SpaceOf(dir) {
		press(t, j, strconv.Itoa(presses))
		presses++
	}
	chain = j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(dir, segmentDB), 0, make([]byte, size(t, filepath.Join(dir, segmentDB))))
	overwrite(t, filepath.Join(dir, segmentLog), 0, []byte("hỏng"))
	overwrite(t, filepath.Join(dir, segmentLog), size(t, filepath.Join(dir, segmentLog))/2, []byte("hỏng"))
	return dir, chain, presses
}

// A damaged journal on a disk that is too full to write it anew: the kiosk serves again all
// the same, says that all of the old chain may be lost, and its files wait untouched.
func TestARescueWithoutRoom(t *testing.T) {
	dir, chain, presses := ruined(t)
	var said []survey.Words
	next := func(o *Options) {
		o.Chain, o.OnEvent = chain, func(w survey.Words) { said = append(said, w) }
	}
	roomy := copyFolder(t, dir)
	was, err := os.ReadFile(filepath.Join(dir, segmentLog))
	if err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, ballastFile)
	if err := os.WriteFile(ballast, make([]byte, SpaceOf(dir).Free*3/4), 0o600); err != nil {
		t.Fatal(err)
	}
	j := openTest(t, dir, tight, next)
	s := declared(t, j, chain)
	if s.Last != 0 || s.Salvaged != 0 || s.Lost() < uint64(presses) {
		t.Fatalf("declared %+v of %d presses", s, presses)
	}
	if last := said[len(said)-1].In(survey.English); !strings.Contains(last, "no room") || !strings.Contains(last, "hailong salvage") {
		t.Errorf("it says %s", last)
	}
	if _, err := os.Stat(ballast); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the ballast is still there: %v", err)
	}
	if err := j.rescueEnded(); err != nil {
		t.Error(err)
	}
	for i := range 20 {
		press(t, j, fmt.Sprint("after ", i))
	}
	aside, err := filepath.Glob(filepath.Join(dir, "damaged-*", segmentLog+"*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("set aside: %v %v", aside, err)
	}
	if is, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(is, was) {
		t.Errorf("the damaged log was changed, %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := Inspect(dir, Options{Chain: chain})
	if err != nil || len(h.Chains) != 2 || h.Chains[0].Chain != chain || h.Chains[0].Answers != presses-1 {
		t.Fatalf("to be salvaged by hand: %+v, %v", h, err)
	}
	// The control: with room all of it is written anew.
	other := openTest(t, roomy, tight, next)
	if s := declared(t, other, chain); s.Last+s.Salvaged != uint64(presses-1) {
		t.Fatalf("with room it declares %+v of %d presses", s, presses)
	}
}

// Where there is no room even for a new chain, the journal says that the disk is full. It
// leaves nothing behind for that, however often it is tried, and begins when there is room.
func TestARescueWithoutAnyRoom(t *testing.T) {
	dir, chain, presses := ruined(t)
	next := func(o *Options) { o.Chain = chain }
	filler := filepath.Join(filepath.Dir(dir), "filler")
	if err := os.WriteFile(filler, make([]byte, SpaceOf(dir).Free-8<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if j, err := openWith(dir, tight, next); !errors.Is(err, kiosk.ErrFull) {
			t.Fatalf("it opened %v, with %v", j, err)
		}
	}
	aside, err := filepath.Glob(filepath.Join(dir, "damaged-*"))
	numbers, err2 := numbersIn(dir)
	if err := errors.Join(err, err2); err != nil || len(aside) != 1 || len(numbers) != 0 {
		t.Fatalf("set aside: %v; left: %v; %v", aside, numbers, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	j := openTest(t, dir, tight, next)
	if s := declared(t, j, chain); s.Last != 0 || s.Lost() < uint64(presses) {
		t.Fatalf("declared %+v", s)
	}
	press(t, j, "after")
}

// fill takes a volume's room to the last byte, and gives it back.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "somebody else's")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if err := f.Close(); err != nil || SpaceOf(dir).Free != 0 {
		t.Fatalf("%d bytes are free, %v", SpaceOf(dir).Free, err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// A disk that is full to the last byte is where records must be let go, and where that may
// not end the journal: the note of it finds room, in its file or in place of the ballast.
func TestRecordsAreLetGoOnAFullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		noNote, ballast bool
		freed           bool
	}{
		"the note's file is there":                {freed: true},
		"it is not, but the ballast is":           {noNote: true, ballast: true, freed: true},
		"control: neither, and it is tried later": {noNote: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(smallVolume(t), "journal")
			j := segmented(t, dir, 60, tight, func(o *Options) { o.Spare = 1 << 50 })
			all := len(j.segments())
			if c.noNote {
				remove(t, dir, goneFile+"-"+j.Chain().String()[:8])
			}
			if c.ballast {
				if err := os.WriteFile(filepath.Join(dir, ballastFile), make([]byte, 64<<10), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			empty := fill(t, filepath.Dir(dir))
			if err := errors.Join(j.Backed(j.Chain(), j.segments()[all-2].last), j.prune()); err != nil {
				t.Fatal(err)
			}
			if freed := len(j.segments()) == 1; freed != c.freed || j.Err() != nil && !errors.Is(j.Err(), kiosk.ErrFull) {
				t.Fatalf("%d segments of %d are left, %v", len(j.segments()), all, j.Err())
			}
			empty()
			if err := j.prune(); err != nil || len(j.segments()) != 1 {
				t.Fatalf("with room %d segments of %d are left, %v", len(j.segments()), all, err)
			}
		})
	}
}

// After a failed write the files are copied first; where the disk has no room for that, the
// screen says that it is full, and not that the journal is broken.
func TestACopyAfterAFailedWriteFindsNoRoom(t *testing.T) {
	dir := filepath.Join(smallVolume(t), "journal")
	j := openTest(t, dir, tight)
	press(t, j, "one")
	chain := j.Chain()
	if err := errors.Join(j.Close(), writeState(dir, failed, false)); err != nil {
		t.Fatal(err)
	}
	empty := fill(t, filepath.Dir(dir))
	next := func(o *Options) { o.Chain = chain }
	if _, err := openWith(dir, tight, next); !errors.Is(err, kiosk.ErrFull) {
		t.Fatalf("it ended with %v", err)
	}
	empty()
	if again := openTest(t, dir, tight, next); again.Chain() != chain || again.Head().Sequence != 1 {
		t.Fatalf("with room: %d records of %s", again.Head().Sequence, again.Chain())
	}
}

// What the system keeps back for itself is not used: half full is what df calls so.
func TestHalfFullIsWhatDfSays(t *testing.T) {
	for _, c := range []struct {
		free, available uint64 // of 100 blocks
		half            bool
	}{{60, 60, false}, {50, 50, false}, {49, 49, true}, {60, 48, false}, {48, 40, true}} {
		s := spaceIn(&unix.Statfs_t{Bsize: 4096, Blocks: 100, Bfree: c.free, Bavail: c.available})
		if s.Free != int64(c.available)*4096 || s.halfFull() != c.half {
			t.Errorf("%d of 100 blocks free, %d of them for everybody: %+v, half full %v", c.free, c.available, s, s.halfFull())
		}
	}
}
