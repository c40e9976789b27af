package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The same sector goes bad life after life: the other slot is never left to grow old.
func TestASlotThatGoesBadAgainAndAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "number")
	for v := uint64(100); v < 600; v += 100 {
		c, err := openCounter(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.set(v), c.set(v+10), c.f.Close(), spoilNewest(path)); err != nil {
			t.Fatal(err)
		}
		if c, err = openCounter(path); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.set(v+20), c.f.Close(), spoilNewest(path)); err != nil {
			t.Fatal(err)
		}
		if got, err := readCounter(path); err != nil || got != v+20 {
			t.Fatalf("%d was written last, %d is left: %v", v+20, got, err)
		}
	}
}

// What the life before wrote may stand in the system's memory only: a life begins with
// writing the reserved numbers anew, both slots, before it gives one.
func TestALifeWritesTheReservedNumbersAnew(t *testing.T) {
	dir, head, chain := pressed(t, 5, false)
	reserved(t, dir, chain, head.Sequence+200)
	path := filepath.Join(dir, issuedFile+"-"+chain.String()[:8])
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir, func(o *Options) { o.Chain = chain })
	is, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, after := readSlots(was), readSlots(is)
	if again.Chain() != chain || after.value != before.value || after.bad {
		t.Fatalf("it had %+v, and has %+v", before, after)
	}
	for _, slot := range [][]byte{is[:counterSlot], is[counterSlot:]} {
		if s := readSlots(slot); s.value != before.value {
			t.Errorf("a slot holds %d of %d", s.value, before.value)
		}
	}
}

// A file that was cut short says what it still can, and that it may have said more.
func TestACounterThatWasCutShort(t *testing.T) {
	for cut, want := range map[int64]slots{
		2 * counterSlot: {value: 12, slot: 0, known: true},
		counterSlot + 5: {value: 12, slot: 0, known: true, bad: true},
		5:               {},
	} {
		path := filepath.Join(t.TempDir(), "number")
		c, err := openCounter(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.set(7), c.set(9), c.set(12), c.f.Close(), os.Truncate(path, cut)); err != nil {
			t.Fatal(err)
		}
		if c, err = openCounter(path); err != nil {
			t.Fatal(err)
		}
		if c.slots != want || size(t, path) != 2*counterSlot {
			t.Errorf("cut to %d: %+v in %d bytes", cut, c.slots, size(t, path))
		}
		if err := c.f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
