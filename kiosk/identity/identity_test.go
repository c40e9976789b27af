package identity_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hailong/kiosk/identity"
	"hailong/survey"
)

func load(t *testing.T, dir string) *identity.Identity {
	t.Helper()
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func save(t *testing.T, id *identity.Identity, dir string) {
	t.Helper()
	if err := id.Save(dir); err != nil {
		t.Fatal(err)
	}
}

// inService is an identity with everything in it, saved in dir.
func inService(t *testing.T, dir string) *identity.Identity {
	t.Helper()
	id := load(t, dir)
	id.Chain = survey.Chain{1, 2, 3}
	id.Enrolment = &identity.Enrolment{
		Name: "Quầy 1", Role: survey.CounterKiosk, CentreKey: bytes.Repeat([]byte{7}, 32), NATS: "nats://127.0.0.1:4222", Code: []byte{9},
		Counters: []identity.Counter{{
			Code: "Q1", Name: survey.Words{survey.Vietnamese: "Quầy 1"}, Unit: "mau", UnitName: survey.Words{survey.Vietnamese: "Tỉnh mẫu"},
		}},
	}
	save(t, id, dir)
	return id
}

func content(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// twins checks that both copies are there, equal, and for their owner only.
func twins(t *testing.T, dir string) {
	t.Helper()
	if !bytes.Equal(content(t, dir, identity.FirstCopy), content(t, dir, identity.SecondCopy)) {
		t.Error("the two copies differ")
	}
	for _, name := range []string{identity.FirstCopy, identity.SecondCopy} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600: it holds the key", name, info.Mode())
		}
	}
}

func TestTheFirstStartMakesAKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	id := load(t, dir)
	twins(t, dir)
	if !strings.HasPrefix(string(id.Kiosk()), "k-") || id.Enrolment != nil || !id.Chain.IsZero() {
		t.Fatalf("a new identity is %+v", id)
	}
	if again := load(t, dir); !again.Key().Equal(id.Key()) {
		t.Fatal("the second start made another key")
	}
	if other := load(t, t.TempDir()); other.Key().Equal(id.Key()) {
		t.Fatal("two boxes made the same key")
	}
}

func TestEverythingIsRemembered(t *testing.T) {
	dir := t.TempDir()
	id := inService(t, dir)
	twins(t, dir)
	if again := load(t, dir); !reflect.DeepEqual(again, id) {
		t.Fatalf("saved %+v, loaded %+v", id, again)
	}
}

// damages are ways in which a stop, a bad disk or a hand leaves a file.
var damages = []struct {
	name   string
	damage func(whole []byte) []byte // nil = no file
}{
	{"lost", func([]byte) []byte { return nil }},
	{"empty", func([]byte) []byte { return []byte{} }},
	{"truncated", func(b []byte) []byte { return b[:len(b)/2] }},
	{"truncated by one byte", func(b []byte) []byte { return b[:len(b)-1] }},
	{"all zero", func(b []byte) []byte { return make([]byte, len(b)) }},
	{"garbage", func([]byte) []byte { return []byte("xin chào\n") }},
	{"another document", func([]byte) []byte { return []byte(`{"items":[]}`) }},
	{"null", func([]byte) []byte { return []byte("null") }},
	{"one letter of the key changed", changeKey},
}

// changeKey changes the key into another that is just as good a key.
func changeKey(b []byte) []byte {
	i := bytes.Index(b, []byte(`"seed": "`)) + len(`"seed": "`) + 5
	changed := bytes.Clone(b)
	if changed[i]++; changed[i] > 'z' || changed[i] == ':' || changed[i] == '[' {
		changed[i] = 'B'
	}
	return changed
}

func apply(t *testing.T, dir, name string, damage func([]byte) []byte) {
	t.Helper()
	b := damage(content(t, dir, name))
	if b == nil {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		return
	}
	put(t, dir, name, b)
}

func TestEitherCopyRestoresTheOther(t *testing.T) {
	for _, name := range []string{identity.FirstCopy, identity.SecondCopy} {
		for _, d := range damages {
			t.Run(name+" "+d.name, func(t *testing.T) {
				dir := t.TempDir()
				id := inService(t, dir)
				apply(t, dir, name, d.damage)
				if again := load(t, dir); !reflect.DeepEqual(again, id) {
					t.Fatalf("loaded %+v, want %+v", again, id)
				}
				twins(t, dir)
			})
		}
	}
}

func TestTwoDamagedCopiesAreSaidAndLeftAlone(t *testing.T) {
	for _, first := range damages {
		for _, second := range damages {
			if first.name == "lost" && second.name == "lost" {
				continue // nothing at all: a first start
			}
			dir := t.TempDir()
			inService(t, dir)
			apply(t, dir, identity.FirstCopy, first.damage)
			apply(t, dir, identity.SecondCopy, second.damage)
			before := files(t, dir)
			if id, err := identity.Load(dir); !errors.Is(err, identity.ErrDamaged) || id != nil {
				t.Fatalf("first copy %s, second %s: %v, want ErrDamaged", first.name, second.name, err)
			}
			if after := files(t, dir); !reflect.DeepEqual(after, before) {
				t.Fatalf("first copy %s, second %s: the files were touched", first.name, second.name)
			}
		}
	}
}

// files are the names and contents of a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[d.Name()] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A stop between the two writes leaves a new first copy and an old second one. The next
// start makes them equal, so that losing the first later does not bring the old back.
func TestAStopBetweenTheTwoCopies(t *testing.T) {
	dir := t.TempDir()
	id := load(t, dir)
	old := content(t, dir, identity.SecondCopy)
	id.Chain = survey.Chain{4}
	save(t, id, dir)
	put(t, dir, identity.SecondCopy, old)
	if got := load(t, dir); got.Chain != id.Chain {
		t.Fatalf("chain %s, want %s", got.Chain, id.Chain)
	}
	twins(t, dir)
}

// What an interrupted write left beside the copies is neither read nor piled up.
func TestALeftoverFileDoesNotMatter(t *testing.T) {
	dir := t.TempDir()
	id := inService(t, dir)
	put(t, dir, identity.FirstCopy+".new", []byte(`{"sum":`))
	if got := load(t, dir); !reflect.DeepEqual(got, id) {
		t.Fatalf("loaded %+v", got)
	}
	save(t, id, dir)
	if list := files(t, dir); len(list) != 2 {
		t.Fatalf("%d files after a write, want the two copies", len(list))
	}
}

// A journal that cannot be looked at may be one: no new kiosk is made beside it.
func TestAJournalThatCannotBeLookedAtIsNoFirstStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(identity.JournalFolder, filepath.Join(dir, identity.JournalFolder)); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if id, err := identity.Load(dir); err == nil {
		t.Fatalf("a new kiosk %s beside a journal that could not be looked at", id.Kiosk())
	}
}

// Numbers that were reserved say that there was a kiosk, even with its journal gone, too.
// The folder's own name may look like a pattern, or like a broken one; the control is the
// same folder without those numbers.
func TestReservedNumbersAreNoFirstStart(t *testing.T) {
	for _, name := range []string{"kiosk", "kiosk [1]", "kiosk*", "kiosk [", "kiosk?", `kiosk\`} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			if os.PathSeparator == '/' {
				t.Error(err)
			}
			continue // a name that Windows does not take
		}
		put(t, dir, "issued-0a1b2c3d", nil)
		if id, err := identity.Load(dir); !errors.Is(err, identity.ErrLost) {
			t.Errorf("%s: a new kiosk %v beside reserved numbers: %v", name, id, err)
		}
		if err := os.Remove(filepath.Join(dir, "issued-0a1b2c3d")); err != nil {
			t.Fatal(err)
		}
		load(t, dir)
	}
}

func TestAFolderThatCannotBeWrittenIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, filepath.Dir(file), "file", nil)
	if _, err := identity.Load(file); err == nil {
		t.Fatal("an identity in a file instead of a folder")
	}
	id := load(t, t.TempDir())
	if err := id.Save(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Fatal("saved in a folder that is not there")
	}
}
