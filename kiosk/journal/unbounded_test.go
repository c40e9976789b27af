package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/survey"
)

// Where the reservation is lost with the journal, nobody can say how much is lost: the
// succession says that, and not 0.
func TestNobodyKnowsHowMuchIsLost(t *testing.T) {
	harms := map[string]struct {
		harm      func(path string) error
		unbounded bool
		least     uint64
	}{
		"whole":             {func(string) error { return nil }, false, 3},
		"gone":              {os.Remove, true, 0},
		"empty":             {func(path string) error { return os.Truncate(path, 0) }, true, 0},
		"zeroed":            {func(path string) error { return os.WriteFile(path, make([]byte, 2*counterSlot), 0o600) }, true, 0},
		"its newest number": {spoilNewest, false, 3},
		"that one, zeroed":  {zeroNewest, false, 3},
	}
	for name, c := range harms {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			reserve := func(o *Options) { o.Reserve = data }
			j := openTest(t, filepath.Join(data, "journal"), reserve)
			for _, key := range []string{"one", "two", "three"} {
				press(t, j, key)
			}
			if err := j.issued.set(j.issued.value + 1); err != nil { // both slots are in use
				t.Fatal(err)
			}
			chain, most := j.Chain(), j.issued.value
			issued := filepath.Join(data, issuedFile+"-"+chain.String()[:8])
			killed, err := os.ReadFile(issued) // a clean stop gives numbers back
			if err := errors.Join(err, j.Close(), os.WriteFile(issued, killed, 0o600), os.RemoveAll(filepath.Join(data, "journal"))); err != nil {
				t.Fatal(err)
			}
			if err := c.harm(issued); err != nil {
				t.Fatal(err)
			}
			told := ""
			again := openTest(t, filepath.Join(data, "journal"), reserve, func(o *Options) {
				o.Chain, o.OnEvent = chain, func(w survey.Words) { told += w[survey.Vietnamese] + "\n" }
			})
			s := declared(t, again, chain)
			if s.Unbounded != c.unbounded || s.Lost() < c.least || !c.unbounded && s.Reserved < most {
				t.Fatalf("declared %+v, at most %d were reserved", s, most)
			}
			if strings.Contains(told, "không còn gì cho biết đã mất bao nhiêu") != c.unbounded {
				t.Fatalf("told: %q", told)
			}
		})
	}
}

// spoilNewest damages the slot with the greater number.
func spoilNewest(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[readSlots(b).slot*counterSlot+7] ^= 1
	return os.WriteFile(path, b, 0o600)
}

// zeroNewest loses the slot with the greater number, as a sector that was let go reads.
func zeroNewest(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	clear(b[readSlots(b).slot*counterSlot:][:counterSlot])
	return os.WriteFile(path, b, 0o600)
}

// The first number stands in both slots: from then on a slot of zeros is one that was lost.
func TestALostSlotIsSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "number")
	c, err := openCounter(path)
	if err != nil {
		t.Fatal(err)
	}
	look := func(want uint64, known, bad bool) {
		t.Helper()
		b, err := os.ReadFile(path)
		if s := readSlots(b); err != nil || s.value != want || s.known != known || s.bad != bad {
			t.Fatalf("%+v, %v; want %d, known %v, bad %v", s, err, want, known, bad)
		}
	}
	look(0, false, false)
	for _, v := range []uint64{7, 9, 12} {
		if err := c.set(v); err != nil {
			t.Fatal(err)
		}
		look(v, true, false)
	}
	if err := errors.Join(c.f.Close(), zeroNewest(path)); err != nil {
		t.Fatal(err)
	}
	look(9, true, true)
	if c, err = openCounter(path); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.set(13), c.f.Close()); err != nil {
		t.Fatal(err)
	}
	look(13, true, false)
}
