package journal

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hailong/survey"
)

// journalIn makes a kiosk's journal in its own data folder, of some segments, and ends it
// in a way.
func journalIn(t *testing.T, kiosk survey.KioskID, presses int, was state) (data string, chain survey.Chain) {
	t.Helper()
	data = t.TempDir()
	j := segmented(t, filepath.Join(data, "journal"), presses, as(kiosk, data))
	chain = j.Chain()
	if err := errors.Join(j.Close(), writeState(filepath.Join(data, "journal"), was, false)); err != nil {
		t.Fatal(err)
	}
	return data, chain
}

func as(kiosk survey.KioskID, data string) func(*Options) {
	return func(o *Options) { o.Kiosk, o.Reserve = kiosk, data }
}

// segmentFiles are the contents of the files of a journal's segments, and when they were
// last written, by their names.
func segmentFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for path, content := range contents(t, dir) {
		if name := filepath.Base(path); strings.HasSuffix(name, ".db") || strings.HasSuffix(name, ".log") {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = info.ModTime().String() + content
		}
	}
	return all
}

// A folder that holds another box's journal is no reason to touch that journal: it goes
// out as it is, however it was left, and this kiosk's own rules go on: its chain is not
// there, which is damage, and the new chain says how much may be lost.
func TestAnotherKiosksJournalIsSetAsideUnaltered(t *testing.T) {
	for _, was := range []state{closed, opening, trying, failed} {
		t.Run(string(was), func(t *testing.T) {
			theirs, _ := journalIn(t, "k-theirs", 60, was)
			mine, chain := journalIn(t, "k-mine", 60, closed)
			dir := filepath.Join(mine, "journal")
			before := segmentFiles(t, filepath.Join(theirs, "journal"))
			if err := errors.Join(os.RemoveAll(dir), os.Rename(filepath.Join(theirs, "journal"), dir)); err != nil {
				t.Fatal(err)
			}
			var said sayings
			again := openTest(t, dir, small, withChild, as("k-mine", mine), said.hear, func(o *Options) { o.Chain = chain })
			s := declared(t, again, chain)
			if s.Last != 0 || s.Lost() < 60 || !strings.Contains(s.Reason, "k-theirs") || !strings.Contains(s.Reason, "k-mine") {
				t.Errorf("declared %+v", s)
			}
			aside, err := filepath.Glob(dir + ".foreign-*")
			if err != nil || len(aside) != 1 {
				t.Fatalf("set aside: %v %v", aside, err)
			}
			if after := segmentFiles(t, aside[0]); !maps.Equal(before, after) {
				t.Errorf("it was %v, now it is %v", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
			}
			said.want(t, "nhật ký của thiết bị khác: k-theirs, còn thiết bị này là k-mine")
			if reserved, err := filepath.Glob(filepath.Join(mine, issuedFile+"-*")); err != nil || len(reserved) != 2 {
				t.Errorf("numbers are reserved in %v: of the old chain and of the new one only", reserved)
			}
			if n := len(again.Pasts()); n != 0 {
				t.Errorf("%d earlier chains to send", n)
			}
			press(t, again, "next")
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			if list := inspect(t, dir).Aside; !slices.Contains(list, filepath.Join("..", filepath.Base(aside[0]))) {
				t.Errorf("who looks at the journal sees %v", list)
			}
		})
	}
}

// The control: the same folder is its own kiosk's, who opens it and finds all.
func TestTheOwnersJournalStaysWhereItIs(t *testing.T) {
	theirs, chain := journalIn(t, "k-theirs", 60, failed)
	dir := filepath.Join(theirs, "journal")
	var said sayings
	again := openTest(t, dir, small, as("k-theirs", theirs), said.hear, func(o *Options) { o.Chain = chain })
	found(t, again, 0, 60)
	if aside, err := filepath.Glob(dir + ".foreign-*"); err != nil || len(aside) > 0 || len(said.vi) > 0 {
		t.Errorf("%v is set aside, %v, and it is said: %v", aside, err, said.vi)
	}
}

// Without an identity's chain, another box's journal is no predecessor: the kiosk starts
// for the first time.
func TestANewKioskFindsAnothersJournal(t *testing.T) {
	theirs, _ := journalIn(t, "k-theirs", 60, opening)
	dir := filepath.Join(theirs, "journal")
	again := openTest(t, dir, small, as("k-new", t.TempDir()))
	if again.Head().Sequence != 0 || len(again.Pasts()) > 0 {
		t.Errorf("it begins at %d, after %d chains", again.Head().Sequence, len(again.Pasts()))
	}
}

// Another box's files are mixed with this one's: only theirs go, and what was this one's
// is still sent.
func TestAnotherKiosksFilesAmongOwnOnes(t *testing.T) {
	theirs, _ := journalIn(t, "k-theirs", 60, closed)
	mine, chain := journalIn(t, "k-mine", 80, closed)
	dir := filepath.Join(mine, "journal")
	for _, name := range []string{dbName(1), logName(1), dbName(2)} { // of the second, only bbolt: its log is this one's
		if err := os.Rename(filepath.Join(theirs, "journal", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	again := openTest(t, dir, small, as("k-mine", mine), func(o *Options) { o.Chain = chain })
	s := declared(t, again, chain)
	if s.Last != 0 || s.Salvaged == 0 {
		t.Errorf("declared %+v", s)
	}
	aside, err := filepath.Glob(filepath.Join(dir+".foreign-*", "*"))
	if err != nil || len(aside) != 3 {
		t.Errorf("set aside: %v %v", aside, err)
	}
	found(t, again, 80-int(s.Salvaged), 80)
}

// renamed alters one byte of the kiosk's name in a bbolt file.
func renamed(t *testing.T, dir string, n int) {
	t.Helper()
	name := "kiosk" + string(testKiosk)
	replace(t, filepath.Join(dir, dbName(n)), []byte(name), []byte(strings.Replace(name, "test", "tesu", 1)))
}

// A file of this kiosk's own chains that names another kiosk is damaged, and nothing more:
// it is made anew from its log, and no record goes where no rescue looks.
func TestAnAlteredNameIsDamage(t *testing.T) {
	for _, was := range []state{closed, opening, trying, failed} {
		t.Run(string(was), func(t *testing.T) {
			data, chain := journalIn(t, testKiosk, 60, was)
			dir := filepath.Join(data, "journal")
			numbers, err := numbersIn(dir)
			if err != nil {
				t.Fatal(err)
			}
			last := numbers[len(numbers)-1]
			if path := filepath.Join(dir, logName(last)); was != closed {
				truncate(t, path, size(t, path)+100) // zeros, as they follow the frames of a log in use
			}
			renamed(t, dir, 2)
			renamed(t, dir, last)
			again := openTest(t, dir, small, as(testKiosk, data), func(o *Options) {
				if o.Chain = chain; was == trying {
					withChild(o)
				}
			})
			found(t, again, 0, 60)
			if aside, err := filepath.Glob(dir + ".foreign-*"); err != nil || len(aside) > 0 || again.Chain() != chain {
				t.Errorf("chain %s of %s goes on; sent away: %v %v", again.Chain(), chain, aside, err)
			}
		})
	}
}

// The same of an earlier chain, which only the lineage knows.
func TestAnAlteredNameInAnEarlierChain(t *testing.T) {
	data, old := journalIn(t, testKiosk, 60, closed)
	dir := filepath.Join(data, "journal")
	remove(t, dir, dbName(2))
	remove(t, dir, logName(2))
	next := func(chain survey.Chain) *Journal {
		return openTest(t, dir, small, as(testKiosk, data), func(o *Options) { o.Chain = chain })
	}
	j := next(old)
	chain, earlier := j.Chain(), j.Pasts()[0].Head()
	if err := j.Close(); err != nil || chain == old {
		t.Fatal("the old chain goes on", err)
	}
	renamed(t, dir, 1)
	again := next(chain)
	if pasts := again.Pasts(); again.Chain() != chain || len(pasts) != 1 || pasts[0].Chain() != old || pasts[0].Head() != earlier {
		t.Fatalf("chain %s goes on, after %d earlier ones", again.Chain(), len(pasts))
	}
	found(t, again, 0, int(earlier.Sequence))
}

// The control: what the kiosk left that was there before, with its key, is not this one's.
func TestANewKeyInAnOldFolder(t *testing.T) {
	data, chain := journalIn(t, "k-before", 60, closed)
	dir := filepath.Join(data, "journal")
	again := openTest(t, dir, small, as(testKiosk, data))
	aside, err := filepath.Glob(dir + ".foreign-*")
	if again.Chain() == chain || again.Head().Sequence != 0 || err != nil || len(aside) != 1 {
		t.Errorf("chain %s goes on after %d records; sent away: %v %v", again.Chain(), again.Head().Sequence, aside, err)
	}
}

// A box without a clock may find two kiosks' journals at one and the same time: the second is
// not put where the first one lies.
func TestTwoForeignJournalsAtOneTime(t *testing.T) {
	mine := t.TempDir()
	dir := filepath.Join(mine, "journal")
	clock := (&calendar{at: time.UnixMilli(0)}).now
	want := map[string]bool{}
	for _, kiosk := range []survey.KioskID{"k-b", "k-c"} {
		theirs, _ := journalIn(t, kiosk, 60, closed)
		if err := errors.Join(os.RemoveAll(dir), os.Rename(filepath.Join(theirs, "journal"), dir)); err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprint(segmentFiles(t, dir))] = true
		if err := openTest(t, dir, small, withChild, as("k-mine", mine), func(o *Options) { o.Now = clock }).Close(); err != nil {
			t.Fatal(err)
		}
	}
	aside, err := filepath.Glob(dir + ".foreign-*")
	if err != nil || len(aside) != 2 {
		t.Fatalf("set aside: %v %v", aside, err)
	}
	for _, folder := range aside {
		if !want[fmt.Sprint(segmentFiles(t, folder))] {
			t.Errorf("%s holds no kiosk's journal as it was", folder)
		}
	}
}
