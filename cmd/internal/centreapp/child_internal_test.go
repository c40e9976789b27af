package centreapp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"hailong/survey/boltstore"
)

// What the operating system refuses is no word about a store's file, however it comes: of a
// file, or by itself, as from a sync without room or a mapping without memory.
func TestWhatAChildSaysOfAnError(t *testing.T) {
	for err, want := range map[error]int{
		nil: 0,
		fmt.Errorf("check: %w", boltstore.ErrLocked):                                        childLocked,
		errors.New("page 7 is used twice"):                                                  childDamaged,
		&fs.PathError{Op: "write", Path: "store.db", Err: syscall.ENOSPC}:                   childBlind,
		fmt.Errorf("mark the backup: %w", syscall.ENOSPC):                                   childBlind,
		fmt.Errorf("verify: %w", errors.Join(syscall.ENOMEM, errors.New("and not closed"))): childBlind,
	} {
		if got := childCode(err); got != want {
			t.Errorf("%v: exit code %d, want %d", err, got, want)
		}
		if blind := errors.Is(judged(err), ErrNotLooked); blind != (want == childBlind) || !errors.Is(judged(err), err) {
			t.Errorf("%v, met in this process, becomes %v", err, judged(err))
		}
	}
}

// Go ends a process with the same code for a damaged file, for want of memory or threads,
// and for faults of its own: only what is surely about the file is blamed on it.
func TestLastWordsThatBlameTheFile(t *testing.T) {
	for said, want := range map[string]bool{
		"panic: page 7 already freed":                                                  true,
		"panic: runtime error: slice bounds out of range [:9] with capacity 4":         true,
		"unexpected fault address 0x7f64b9a01000":                                      true,
		"fatal error: unexpected signal during runtime execution":                      false,
		"SIGSEGV: segmentation violation":                                              false,
		"runtime: goroutine stack exceeds 1000000000-byte limit":                       true,
		"runtime: out of memory: cannot allocate 4194304-byte block (66977792 in use)": false,
		"fatal error: runtime: out of memory":                                          false,
		"fatal error: runtime: cannot allocate memory":                                 false,
		"fatal error: out of memory allocating heap arena metadata":                    false,
		"runtime: failed to create new OS thread (have 5 already; errno=11)":           false,
		"fatal error: all goroutines are asleep - deadlock!":                           false,
		"": false,
	} {
		if blamesFile(said) != want {
			t.Errorf("%q: blamed is %v", said, !want)
		}
	}
}

// What an interrupted backup left is cleared away, and nothing of another centre's, also
// where the folder's name looks like a pattern, or like a broken one.
func TestTidyingInAFolderWithAnyName(t *testing.T) {
	for _, name := range []string{"backups", "backups [1]", "backups [", `b\ackups`} {
		b := &backups{data: t.TempDir(), folder: filepath.Join(t.TempDir(), name), own: "-0a1b2c3d", now: time.Now}
		const own, other = "20260331T020000.000Z-0a1b2c3d.partial", "20260331T020000.000Z-ffffffff.partial"
		for _, left := range []string{own, other} {
			if err := os.MkdirAll(filepath.Join(b.folder, left, "store.db"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.tidy(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		entries, err := os.ReadDir(b.folder)
		if err != nil || !slices.EqualFunc(entries, []string{other}, func(e os.DirEntry, want string) bool { return e.Name() == want }) {
			t.Errorf("%s: left are %v %v", name, entries, err)
		}
	}
}
