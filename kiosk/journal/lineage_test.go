package journal

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hailong/survey"
)

// A lineage that a byte spoils, or that is gone or older, is made anew at the next start, the
// oldest chain first: the beginning of a chain may be what goes bad next.
func TestALineageThatIsLostIsWrittenAnew(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(t *testing.T, path string, older []byte)
	}{
		{"spoilt", func(t *testing.T, path string, _ []byte) { overwrite(t, path, 0, []byte("x")) }},
		{"gone", func(t *testing.T, path string, _ []byte) { remove(t, filepath.Dir(path), lineageFile) }},
		{"older", func(t *testing.T, path string, older []byte) {
			if err := os.WriteFile(path, older, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"without the oldest", func(t *testing.T, path string, _ []byte) {
			j := &Journal{opts: Options{Reserve: filepath.Dir(path)}}
			list, err := j.readLineage()
			if err == nil {
				err = j.writeLineage(list[1:])
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newOlderKiosk(t)
			first := k.live(k.open(survey.Chain{}), 20)
			path := filepath.Join(k.data, lineageFile)
			k.ruin()
			second := k.live(k.open(first), 20)
			older, err := os.ReadFile(path)
			k.ok(err)
			k.ruin()
			third := k.live(k.open(second), 20)
			whole, err := os.ReadFile(path)
			k.ok(err)

			c.harm(t, path, older)
			k.live(k.open(third), 5)
			now, err := os.ReadFile(path)
			if err != nil || !slices.Equal(now, whole) {
				t.Fatalf("the lineage was\n%s\nand is now\n%s, %v", whole, now, err)
			}

			numbers, err := numbersIn(k.dir)
			k.ok(err)
			ruinLog(t, k.dir, numbers[len(numbers)-1], int64(logHeader)+100) // where it says what it follows
			j := k.open(third)
			declared(t, j, third)
			k.mentioned(j)
		})
	}
}

// Each chain names all that it follows, so a link is known where neither the lineage nor the
// chain of which it speaks is there.
func TestALaterChainSaysWhatAnEarlierOneFollowed(t *testing.T) {
	k := newOlderKiosk(t)
	chains := []survey.Chain{k.live(k.open(survey.Chain{}), 5)}
	for i := range 3 {
		k.ruin()
		chains = append(chains, k.live(k.open(chains[i]), 5))
	}
	h, err := k.open(chains[3]).memory()
	k.ok(err)
	h.lineage = nil
	delete(h.chains, chains[1])
	if before := h.before(chains[3]); !slices.Equal(before, chains[:3]) {
		t.Errorf("before the last chain %s stand %v, want %v", chains[3], before, chains[:3])
	}
}

// A kiosk's lineage takes nothing in from a journal that is not its own.
func TestTheLineageIsOfThisKioskAlone(t *testing.T) {
	k := newOlderKiosk(t)
	first := k.live(k.open(survey.Chain{}), 5)
	k.ruin()
	k.live(k.open(first), 5)
	k.ok(os.Remove(filepath.Join(k.data, lineageFile)))
	mine := survey.Chain{9}
	j := k.open(mine)
	declared(t, j, mine)
	lineage, err := j.readLineage()
	k.ok(err)
	if len(lineage) != 1 || lineage[0].Succession.Predecessor != mine {
		t.Errorf("the lineage is %+v", lineage)
	}
}

// One digit of the note of a rescue that was stopped changes: a chain that never was is not
// followed, and no number that was reserved is forgotten.
func TestAnAlteredNoteOfARescue(t *testing.T) {
	for _, part := range []string{`"Predecessor": "`, `"Reserved": `} {
		t.Run(part, func(t *testing.T) {
			k := newOlderKiosk(t)
			first := k.live(k.open(survey.Chain{}), 20)
			k.ruin()
			k.stopRescue(first)
			path := filepath.Join(k.dir, rescueFile)
			b, err := os.ReadFile(path)
			k.ok(err)
			at := indexBehind(t, b, part)
			b[at] ^= 1
			k.ok(os.WriteFile(path, b, 0o600))
			j := k.open(first)
			if s := declared(t, j, first); s.Reserved != 20 {
				t.Errorf("declared %+v", s)
			}
			k.mentioned(j)
		})
	}
}
