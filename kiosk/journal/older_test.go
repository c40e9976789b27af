package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"hailong/survey"
)

// olderKiosk is a kiosk of which some files are put back from an older copy, and the presses
// that were thanked for, by chain.
type olderKiosk struct {
	t         *testing.T
	data, dir string
	keys      map[survey.Chain][]string
	n         int
}

func newOlderKiosk(t *testing.T) *olderKiosk {
	data := t.TempDir()
	return &olderKiosk{t: t, data: data, dir: filepath.Join(data, "journal"), keys: map[survey.Chain][]string{}}
}

func (k *olderKiosk) ok(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// open opens the journal for an identity that remembers that chain.
func (k *olderKiosk) open(remembered survey.Chain) *Journal {
	k.t.Helper()
	return openTest(k.t, k.dir, withChild, func(o *Options) { o.Chain, o.Reserve = remembered, k.data })
}

// live presses in a life that ends cleanly.
func (k *olderKiosk) live(j *Journal, presses int) survey.Chain {
	k.t.Helper()
	for range presses {
		key := strconv.Itoa(k.n)
		press(k.t, j, key)
		k.keys[j.Chain()] = append(k.keys[j.Chain()], key)
		k.n++
	}
	k.ok(j.Close())
	return j.Chain()
}

// ruin takes the last segment's bbolt file away and spoils one record of its log.
func (k *olderKiosk) ruin() {
	k.t.Helper()
	numbers, err := numbersIn(k.dir)
	k.ok(err)
	ruinLog(k.t, k.dir, numbers[len(numbers)-1], -300)
}

// stopRescue opens the journal and stops its rescue where the new chain would be noted.
func (k *olderKiosk) stopRescue(remembered survey.Chain) {
	k.t.Helper()
	inTheWay := filepath.Join(k.data, lineageFile+".new")
	k.ok(os.Mkdir(inTheWay, 0o700))
	if _, err := openWith(k.dir, func(o *Options) { o.Chain, o.Reserve = remembered, k.data }); err == nil {
		k.t.Fatal("the rescue was not stopped")
	}
	k.ok(os.Remove(inTheWay))
}

// mentioned expects of each chain of which presses are gone that the journal says so, and of
// all of them that it says enough: a press that was salvaged is a number of the later chain.
func (k *olderKiosk) mentioned(j *Journal) {
	k.t.Helper()
	h, err := j.memory()
	k.ok(err)
	said, most := map[survey.Chain]bool{}, uint64(0)
	for _, s := range h.told(j.Chain()) {
		said[s.Predecessor] = true
		most += s.Lost()
	}
	all := uint64(0)
	for chain, keys := range k.keys {
		gone := uint64(0)
		for _, key := range keys {
			if _, ok, err := j.Find(survey.KeyNonce(key)); err != nil {
				k.t.Fatal(err)
			} else if !ok {
				gone++
			}
		}
		if gone > 0 && !said[chain] {
			k.t.Errorf("of %d presses of chain %s %d are gone, and it does not say so", len(keys), chain, gone)
		}
		all += gone
	}
	if all > most {
		k.t.Errorf("%d presses are gone; it says that at most %d are", all, most)
	}
}

// The identity is put back from an older copy: it remembers a chain that others followed. A
// journal that is whole goes on; of one that is damaged nothing is dropped in silence, even
// where nothing of its last chain is left but how many numbers were reserved.
func TestAnIdentityFromAnOlderCopy(t *testing.T) {
	for _, c := range []struct {
		name    string
		rescues int
		lineage bool // is there
		harm    func(k *olderKiosk)
		goesOn  bool
	}{
		{"whole", 1, true, nil, true},
		{"whole, without the lineage", 2, false, nil, true},
		{"ruined", 1, true, (*olderKiosk).ruin, false},
		{"ruined, without the lineage", 2, false, (*olderKiosk).ruin, false},
		{"gone", 1, true, func(k *olderKiosk) { k.ok(os.RemoveAll(k.dir)) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newOlderKiosk(t)
			first := k.live(k.open(survey.Chain{}), 20)
			last := first
			for range c.rescues {
				k.ruin()
				last = k.live(k.open(last), 20)
			}
			if !c.lineage {
				k.ok(os.Remove(filepath.Join(k.data, lineageFile)))
			}
			if c.harm != nil {
				c.harm(k)
			}
			j := k.open(first)
			if goesOn := j.Chain() == last; goesOn != c.goesOn {
				t.Errorf("the chain goes on: %v", goesOn)
			}
			k.mentioned(j)
			if !c.goesOn {
				declared(t, j, last)
			}
		})
	}
}

// The chain of a rescue that was stopped, and whose note is spoilt, was never in use: what it
// followed is left once more, not that chain.
func TestTheChainOfAStoppedRescueIsNotFollowed(t *testing.T) {
	k := newOlderKiosk(t)
	first := k.live(k.open(survey.Chain{}), 20)
	k.ruin()
	j := k.open(first) // as far as it comes before it takes the note away
	k.ok(errors.Join(j.Close(), os.Remove(j.issuedPath(j.Chain())), os.WriteFile(filepath.Join(k.dir, rescueFile), []byte("rác"), 0o600)))
	j = k.open(first)
	declared(t, j, first)
	k.mentioned(j)
	lineage, err := j.readLineage()
	k.ok(err)
	if len(lineage) != 1 || lineage[0].Chain != j.Chain() {
		t.Errorf("the lineage is %+v", lineage)
	}
}

// A copy of the folder that was taken while a rescue was stopped is put back when the kiosk
// has long gone on in another chain: that one is what is left now.
func TestACopyOfAStoppedRescueIsPutBack(t *testing.T) {
	for _, older := range []bool{false, true} {
		t.Run(fmt.Sprint("and so is the identity: ", older), func(t *testing.T) {
			k := newOlderKiosk(t)
			first := k.live(k.open(survey.Chain{}), 20)
			k.ruin()
			k.stopRescue(first)
			copied := copyFolder(t, k.dir)
			second := k.live(k.open(first), 30)
			k.ok(errors.Join(os.RemoveAll(k.dir), os.Rename(copied, k.dir)))
			remembered := second
			if older {
				remembered = first
			}
			j := k.open(remembered)
			if s := declared(t, j, second); s.Lost() < 30 {
				t.Errorf("of the second chain it declares %+v", s)
			}
			k.mentioned(j)
		})
	}
}

// The same with a copy that was taken when the kiosk was to leave its chain: it has left it
// long since, and another one is left now.
func TestACopyOfAStrandedKioskIsPutBack(t *testing.T) {
	k := strand(t)
	k.meets()
	k.ok(k.journal.Close())
	copied := copyFolder(t, k.dir)
	j := k.again()
	second := j.Chain()
	vote(t, j, "in the second chain")
	k.ok(j.Close())
	for _, name := range []string{lineageFile, filepath.Base(j.issuedPath(second))} { // they lie beside the journal's folder
		b, err := os.ReadFile(filepath.Join(k.dir, name))
		k.ok(errors.Join(err, os.WriteFile(filepath.Join(copied, name), b, 0o600)))
	}
	k.ok(errors.Join(os.RemoveAll(k.dir), os.Rename(copied, k.dir)))
	j = openTest(t, k.dir, append(k.options, func(o *Options) { o.Chain = second })...)
	if s := declared(t, j, second); s.Lost() < 1 {
		t.Errorf("of the second chain it declares %+v", s)
	}
}
