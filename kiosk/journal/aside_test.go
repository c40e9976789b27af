package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"hailong/survey"
)

// indexBehind is where, in b, a part ends.
func indexBehind(t *testing.T, b []byte, part string) int {
	t.Helper()
	i := bytes.Index(b, []byte(part))
	if i < 0 {
		t.Fatalf("%q is not in %s", part, b)
	}
	return i + len(part)
}

// A group was in bbolt, and not yet in the log, when the power went, and nobody was thanked;
// then bbolt was put aside as damaged, and its numbers were given again. A later rescue reads
// that file, too: it disproves nothing that was thanked for.
func TestAFileThatWasPutAsideDisprovesNothing(t *testing.T) {
	for _, never := range []int{0, 3} { // presses that nobody was thanked for
		t.Run(strconv.Itoa(never), func(t *testing.T) {
			dir := t.TempDir()
			j := openTest(t, dir)
			for i := range 10 {
				press(t, j, strconv.Itoa(i))
			}
			chain, known := j.Chain(), func(o *Options) { o.Chain = j.Chain() }
			log := readLog(t, dir)
			pressMany(t, j, "never ", never)
			dir = copyFolder(t, dir)
			if err := os.WriteFile(filepath.Join(dir, segmentLog), log, 0o600); err != nil {
				t.Fatal(err)
			}
			alter(t, dir, 5, false)
			j = openTest(t, dir, withChild, known)
			if e := press(t, j, "thanked"); e.ID != (survey.RecordID{Chain: chain, Sequence: 11}) {
				t.Fatalf("the next press is %s", e.ID)
			}
			dir = copyFolder(t, dir)
			remove(t, dir, segmentDB)
			cutZeros(t, filepath.Join(dir, segmentLog)) // its end may be missing
			j = openTest(t, dir, withChild, known)
			if s := declared(t, j, chain); s.Last != 11 {
				t.Errorf("declared %+v", s)
			}
			if _, ok, err := j.Find(survey.KeyNonce("thanked")); err != nil || !ok {
				t.Errorf("a press that was thanked for is found: %v, %v", ok, err)
			}
		})
	}
}

// Of two records with one number the one from the journal's own files is taken, whichever is
// read first.
func TestARecordAtHomeIsTakenBeforeOneThatWasPutAside(t *testing.T) {
	src, _, chain := pressed(t, 1, false)
	read := func(key string) []byte {
		j := openTest(t, copyFolder(t, src), func(o *Options) { o.Chain = chain })
		press(t, j, key)
		r, err := j.active().record(2)
		if err != nil {
			t.Fatal(err)
		}
		return r.Bytes
	}
	thanked, never := read("thanked"), read("never")
	for _, first := range []bool{true, false} {
		h := newHaul()
		if first {
			h.add(thanked, home)
		}
		h.add(never, adrift)
		h.add(never, beside)
		h.add(thanked, home)
		if r := h.chains[chain][2]; !bytes.Equal(r.Bytes, thanked) || h.found[r.Hash] != home {
			t.Errorf("thanked read first %v: it is not the one that is taken", first)
		}
	}
}

// A box without a clock may show one time at two rescues: what was put aside first stays as
// it was.
func TestTwoRescuesAtOneTime(t *testing.T) {
	const presses = 20
	dir, _, chain := pressed(t, presses, false)
	ruinLog(t, dir, 1, int64(logHeader)+500)
	stop, reached := filepath.Join(dir, logName(2)), false
	now := func(o *Options) {
		o.Chain = chain
		o.Now = func() time.Time {
			if _, err := os.Stat(filepath.Join(dir, rescueFile)); err == nil && !reached {
				reached = os.Mkdir(stop, 0o700) == nil
			}
			return newYear
		}
	}
	for range 2 { // both are stopped when one row of two is written
		reached = false
		if _, err := openWith(dir, now); err == nil || !reached {
			t.Fatalf("not stopped: %v", err)
		}
		remove(t, dir, logName(2))
	}
	reached = true
	j := openTest(t, dir, now)
	found := 0
	for i := range presses {
		if _, ok, err := j.Find(survey.KeyNonce(strconv.Itoa(i))); err == nil && ok {
			found++
		}
	}
	if found != presses-1 { // one was spoilt
		t.Errorf("%d of %d presses are found: %+v", found, presses, declared(t, j, chain))
	}
	if folders, err := filepath.Glob(filepath.Join(dir, "damaged-*")); err != nil || len(folders) != 3 {
		t.Errorf("set aside: %v, %v", folders, err)
	}
}

// A file that is put aside at the same time as one before gets a name of its own, too.
func TestWhatIsPutAsideHasItsOwnName(t *testing.T) {
	dir, _, chain := pressed(t, 5, true)
	options := func(o *Options) { o.Chain, o.Now = chain, func() time.Time { return newYear } }
	path := filepath.Join(dir, segmentDB)
	for range 2 {
		truncate(t, path, 0)
		if err := openTest(t, dir, options).Close(); err != nil {
			t.Fatal(err)
		}
	}
	if aside, err := filepath.Glob(path + ".damaged-*"); err != nil || len(aside) != 2 {
		t.Errorf("set aside: %v, %v", aside, err)
	}
	if path := (&Journal{opts: Options{Now: func() time.Time { return newYear }}}).asideOf(path + ".damaged-"); filepath.Ext(path) != ".000-3" {
		t.Errorf("the third one would be %s", path)
	}
}
