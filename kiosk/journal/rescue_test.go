package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"hailong/survey"
)

// ruinLog takes a segment's bbolt file away, and spoils its log at a place.
func ruinLog(t *testing.T, dir string, number int, at int64) {
	t.Helper()
	remove(t, dir, dbName(number))
	cutZeros(t, filepath.Join(dir, logName(number)))
	overwrite(t, filepath.Join(dir, logName(number)), at, []byte("hỏng"))
}

// pressedBefore is the folder of a closed journal with a first chain of presses, a centre
// that it sends to, and what opens it.
func pressedBefore(t *testing.T, presses int) (k *centre, dir string, first survey.Chain, open func(survey.Chain) *Journal) {
	t.Helper()
	k, dir = newCentre(t), t.TempDir()
	options := func(o *Options) { o.Kiosk, o.Now = k.kiosk, (&calendar{at: newYear}).now }
	open = func(chain survey.Chain) *Journal {
		t.Helper()
		return openTest(t, dir, withChild, options, func(o *Options) { o.Chain = chain })
	}
	j := open(survey.Chain{})
	for i := range presses {
		vote(t, j, strconv.Itoa(i))
	}
	k.ok(j.Close())
	return k, dir, j.Chain(), open
}

// A rescue that is stopped at any of its steps is done again and says the same: the chain
// that it leaves never goes on. The control, where the note of it is taken away, does go on,
// with numbers that were given before.
func TestARescueThatWasStoppedIsDoneAgain(t *testing.T) {
	const presses = 20
	src, _, chain := pressed(t, presses, false)
	ruinLog(t, src, 1, int64(logHeader)+500) // two rows are left
	want := declared(t, openTest(t, copyFolder(t, src), func(o *Options) { o.Chain = chain }), chain)
	for _, c := range []struct {
		stop   string // the file that cannot be made
		noted  bool
		goesOn bool
	}{
		{logName(2), true, false}, {logName(2), false, true},
		{dbName(2), true, false}, {logName(3), true, false},
		{dbName(3), true, false}, {lineageFile + ".new", true, false},
	} {
		t.Run(fmt.Sprintf("at %s, noted %v", c.stop, c.noted), func(t *testing.T) {
			dir := copyFolder(t, src)
			inTheWay := filepath.Join(dir, c.stop)
			reached := false
			_, err := openWith(dir, func(o *Options) {
				o.Chain = chain
				o.Now = func() time.Time {
					if _, err := os.Stat(filepath.Join(dir, rescueFile)); err == nil && !reached {
						reached = os.Mkdir(inTheWay, 0o700) == nil
					}
					return time.Now()
				}
			})
			if err == nil || !reached {
				t.Fatalf("it was not stopped: %v", err)
			}
			if err := os.Remove(inTheWay); err != nil {
				t.Fatal(err)
			}
			if !c.noted {
				remove(t, dir, rescueFile)
			}
			again := openTest(t, dir, func(o *Options) { o.Chain = chain })
			if goesOn := again.Chain() == chain; goesOn != c.goesOn {
				t.Fatalf("the chain goes on %v, with %s", goesOn, press(t, again, "next").ID)
			}
			if c.goesOn {
				return
			}
			s := declared(t, again, chain)
			if s.To = want.To; s != want {
				t.Errorf("the second time it declares\n%+v, not\n%+v", s, want)
			}
			if _, err := os.Stat(filepath.Join(dir, rescueFile)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the note is still there: %v", err)
			}
		})
	}
}

// A note that the disk spoiled says no less: the rescue is done again.
func TestASpoiledNoteOfARescue(t *testing.T) {
	dir, head, chain := pressed(t, 5, true)
	if err := os.WriteFile(filepath.Join(dir, rescueFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j := openTest(t, dir, func(o *Options) { o.Chain = chain })
	if s := declared(t, j, chain); s.Last != head.Sequence || s.Unbounded {
		t.Fatalf("declared %+v", s)
	}
}

// A kiosk whose first chain was damaged and rescued, and where a part of that is lost again
// before it was sent: what it was rescued from is read once more. Where that is gone, too,
// the chain that follows says how much less can be sent, and it is said once.
func TestAnEarlierChainThatIsDamagedAgain(t *testing.T) {
	const presses = 30
	for _, c := range []struct {
		name      string
		originals bool
		harm      func(t *testing.T, dir string)
		left      uint64 // of the first chain
	}{
		{"a part of it", true, func(t *testing.T, dir string) { ruinLog(t, dir, 1, 2000) }, presses - 1},
		{"all of it", true, func(t *testing.T, dir string) { remove(t, dir, dbName(1)); remove(t, dir, logName(1)) }, presses - 1},
		{"a part, and what it was rescued from", false, func(t *testing.T, dir string) { ruinLog(t, dir, 1, 2000) }, presses - 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, dir, first, open := pressedBefore(t, presses)
			cutShort(t, dir, 1)
			j := open(first)
			second := j.Chain()
			if past := j.Pasts()[0]; past.Head().Sequence != presses-1 {
				t.Fatalf("the first chain ends with %d", past.Head().Sequence)
			}
			vote(t, j, "in the second chain")
			k.ok(j.Close())
			c.harm(t, dir)
			if !c.originals {
				aside, err := filepath.Glob(filepath.Join(dir, "damaged-*"))
				k.ok(errors.Join(err, os.RemoveAll(aside[0])))
			}
			j = open(second)
			third := j.Chain()
			if third == second {
				t.Fatal("the second chain goes on, and says that all of the first one is there")
			}
			declared(t, j, second)
			k.takeAll(j)
			n, _, most := k.counted()
			if n != c.left+1 || most < presses-c.left {
				t.Errorf("counted %d, want %d; at most %d are lost", n, c.left+1, most)
			}
			k.ok(j.Close())
			if j = open(third); j.Chain() != third {
				t.Error("the third chain is left, too")
			}
		})
	}
}

// What was found behind a gap of one chain goes up in the next one. Where that is lost before
// it was sent, it goes up in the one after it, once. Where it is not, it is not taken along.
func TestWhatALostChainCarriedIsCarriedAgain(t *testing.T) {
	const presses = 30
	for _, lost := range []bool{true, false} {
		t.Run(fmt.Sprint("lost ", lost), func(t *testing.T) {
			k, dir, first, open := pressedBefore(t, presses)
			ruinLog(t, dir, 1, 3000)
			j := open(first)
			second, number := j.Chain(), j.active().number
			s := declared(t, j, first)
			if s.Salvaged < 5 || s.Last+s.Salvaged != presses-1 {
				t.Fatalf("declared %+v", s)
			}
			vote(t, j, "in the second chain")
			k.ok(j.Close())
			remove(t, dir, dbName(number))
			if log := filepath.Join(dir, logName(number)); lost {
				truncate(t, log, 0)
			} else {
				overwrite(t, log, -20, []byte("hỏng")) // its last record
			}
			j = open(second)
			if again := declared(t, j, second); lost != (again.Last == 0) || again.Salvaged != 0 {
				t.Fatalf("of the second chain it declares %+v", again)
			}
			carried := uint64(0)
			for seq := uint64(1); seq <= j.Head().Sequence; seq++ {
				r, err := j.active().record(seq)
				k.ok(err)
				if _, ok := r.Issued(); ok {
					carried++
				}
			}
			if lost && carried != s.Salvaged || !lost && carried != 0 {
				t.Errorf("the third chain carries %d records, the second one carried %d", carried, s.Salvaged)
			}
			k.takeAll(j)
			if n, least, _ := k.counted(); n != presses-1 || least > 2 {
				t.Errorf("counted %d of %d that are here; at least %d are lost", n, presses-1, least)
			}
		})
	}
}
