package centreapp_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hailong/cmd/internal/centreapp"
	"hailong/survey/custody"
)

// backupChild is the environment variable that makes the test binary make a backup and
// end itself at a step: see backup_test.go.
const backupChild = "HAILONG_TEST_BACKUP"

// The test binary is its own child: it looks at stores, and dies while it makes backups.
func TestMain(m *testing.M) {
	dieAsChild()
	if code, is := centreapp.Child(os.Args[1:], os.Stdout); is {
		os.Exit(code)
	}
	if step := os.Getenv(backupChild); step != "" {
		os.Exit(dieAt(centreapp.BackupStep(step), os.Args[len(os.Args)-1]))
	}
	os.Exit(m.Run())
}

// withChild lets the aggregator look at its store in a process of its own.
func withChild(o *centreapp.Options) { o.Program = os.Args[0] }

func remove(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A store that was there and is gone, or empty, is never begun anew.
func TestAStoreIsNeverBegunAnew(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"the store is gone":                  func(t *testing.T, dir string) { remove(t, dir, "store.db") },
		"store and key are gone":             func(t *testing.T, dir string) { remove(t, dir, "store.db", "centre.key") },
		"store and state are gone":           func(t *testing.T, dir string) { remove(t, dir, "store.db", "store.state") },
		"the store is empty":                 func(t *testing.T, dir string) { put(t, dir, "store.db", "") },
		"the store is another kind of file":  func(t *testing.T, dir string) { put(t, dir, "store.db", strings.Repeat("xin chào ", 4000)) },
		"its first pages are overwritten":    func(t *testing.T, dir string) { overwriteStore(t, dir) },
		"the store is cut short":             func(t *testing.T, dir string) { cut(t, dir, 3*4096) },
		"the store is cut in its first page": func(t *testing.T, dir string) { cut(t, dir, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, open(t, settings(dir)))
			damage(t, dir)
			for range 2 { // the second time, too
				app, err := centreapp.New(t.Context(), settings(dir), centreapp.Options{Program: os.Args[0]})
				if err == nil {
					t.Fatal("it started", app.Close())
				}
				cure := "hailong restore --from BACKUP --data " + dir
				said(t, err, filepath.Join(dir, "store.db"), "", cure, cure)
			}
		})
	}
}

// overwriteStore damages a store that was closed cleanly, and leaves its size.
func overwriteStore(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "store.db"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(make([]byte, 2*4096), 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, dir string, size int64) {
	t.Helper()
	if err := os.Truncate(filepath.Join(dir, "store.db"), size); err != nil {
		t.Fatal(err)
	}
}

// A first start that was cut off took nothing in, so the next one begins again, however
// far it had come.
func TestAFirstStartThatWasCutOffIsDoneAgain(t *testing.T) {
	for name, left := range map[string]func(t *testing.T, dir string){
		"nothing else":      func(t *testing.T, dir string) { remove(t, dir, "store.db", "centre.key") },
		"a store, no key":   func(t *testing.T, dir string) { remove(t, dir, "centre.key") },
		"an unusable store": func(t *testing.T, dir string) { put(t, dir, "store.db", "half"); remove(t, dir, "centre.key") },
		"store and key":     func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, open(t, settings(dir)))
			left(t, dir)
			put(t, dir, "store.state", "making\n")
			closed(t, open(t, settings(dir), withChild))
		})
	}
}

// After an unclean stop the whole store is looked at, in a child that may panic. The
// control opens the same damaged file after a clean stop, when nobody looks: it starts, so
// it is the look that sees the damage.
func TestADamagedStoreIsSeenAfterAnUncleanStop(t *testing.T) {
	dir := t.TempDir()
	app := open(t, settings(dir))
	const marker = "where the damage will be"
	for n := range 40 { // enough for a page of their own
		err := app.Store().Reject(t.Context(), custody.Rejected{Kiosk: "k-a", Reason: marker, Bytes: bytes.Repeat([]byte{byte(n)}, 300)})
		if err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "store.state")); err != nil || string(b) != "in use\n" {
		t.Fatalf("while it works the state is %q, %v", b, err)
	}
	crashed := t.TempDir()
	for _, name := range []string{"store.db", "store.state", "centre.key"} {
		copyFile(t, filepath.Join(dir, name), filepath.Join(crashed, name))
	}
	closed(t, open(t, settings(crashed), withChild)) // unclean, but sound

	path := filepath.Join(crashed, "store.db")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := len(sound)/4096 - 1; page > 3; page-- {
		if !bytes.Contains(sound[page*4096:(page+1)*4096], []byte(marker)) {
			continue
		}
		damaged := bytes.Clone(sound)
		for i := range 16 {
			damaged[page*4096+i] ^= 0xff // its header
		}
		put(t, crashed, "store.db", string(damaged))
		if exec.Command(os.Args[0], "store-child", path).Run() == nil {
			continue // an old copy of the page that is used
		}
		put(t, crashed, "store.state", "in use\n")
		_, err := centreapp.New(t.Context(), settings(crashed), centreapp.Options{Program: os.Args[0]})
		if err == nil {
			t.Fatalf("with page %d damaged it started", page)
		}
		said(t, err, path, "", "--replace", "--replace")

		put(t, crashed, "store.state", fmt.Sprintf("at rest %d\n", len(damaged)))
		unseen, err := centreapp.New(t.Context(), settings(crashed), centreapp.Options{})
		if err != nil {
			t.Fatalf("the control does not start either: %v", err)
		}
		closed(t, unseen)
		return
	}
	t.Fatal("no page of the store was damaged")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err = errors.Join(err, os.WriteFile(to, b, 0o600)); err != nil {
		t.Fatal(err)
	}
}
