package broker

import "testing"

// Each letter is a canary: w is well, u unwell, f unwell while the volume is full. The
// other row says what is due: . nothing, R a restart, A a restart without the files.
func TestWhenAStuckServerIsStartedAgain(t *testing.T) {
	for _, c := range []struct{ name, canaries, due string }{
		{"all is well", "wwwwwwww", "........"},
		{"single hiccups", "uuwuuwuuw", "........."},
		{"stuck, and helped", "uuuwww", "..R..."},
		{"not helped: without the files, more and more rarely", "uuuuuuuuuuuuuuuuuuuuu", "..R.....A...........A"},
		{"a full volume: no restart helps before there is room", "ffffffu", "......R"},
		{"stuck again soon: the files have done nothing", "uuuwuuuuuu", "..R......R"},
	} {
		v, due := newVigil(), ""
		for _, canary := range c.canaries {
			if canary == 'w' {
				v.well()
				due += "."
				continue
			}
			due += map[remedy]string{bide: ".", again: "R", anew: "A"}[v.unwell(canary == 'u')]
		}
		if due != c.due {
			t.Errorf("%s: due was\n%s\n%s, want\n%s", c.name, c.canaries, due, c.due)
		}
	}
}

// The waits between restarts are bounded both ways: they stop growing, and a long calm
// makes them short again.
func TestPatienceIsBounded(t *testing.T) {
	v := newVigil()
	restarts, last, longest := 0, 0, 0
	for i := range 2000 {
		if v.unwell(true) != bide {
			restarts++
			longest = max(longest, i-last)
			last = i
		}
	}
	if longest != patienceMax || restarts > 2000/patienceMax+6 {
		t.Errorf("%d restarts, at most %d canaries apart", restarts, longest)
	}
	for range calm {
		v.well()
	}
	for range patience - 1 {
		v.unwell(true)
	}
	if v.unwell(true) != again {
		t.Error("after a long calm the first restart does not come at once")
	}
}
