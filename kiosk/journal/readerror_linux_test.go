package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// noDisk puts a file in the place of another that opens and whose first byte cannot be
// read: this process's memory, of which nothing lies at 0.
func noDisk(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(path), os.Symlink("/proc/self/mem", path)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(path); !errors.Is(err, syscall.EIO) {
		t.Fatalf("it reads as %v", err)
	}
}

// A log that the disk cannot read goes aside, however the last life ended, and is made
// anew; the people hear what was done and that nothing is lost.
func TestALogThatCannotBeRead(t *testing.T) {
	for _, was := range []state{closed, opening, trying, failed} {
		t.Run(string(was), func(t *testing.T) {
			dir, head, chain := pressed(t, 20, was == closed)
			noDisk(t, filepath.Join(dir, segmentLog))
			if err := writeState(dir, was, false); err != nil {
				t.Fatal(err)
			}
			var said sayings
			again := openTest(t, dir, withChild, said.hear, func(o *Options) { o.Chain = chain })
			if again.Head() != head || again.Chain() != chain {
				t.Fatalf("head %d of %s, want %d of %s", again.Head().Sequence, again.Chain(), head.Sequence, chain)
			}
			said.want(t, "đĩa không đọc được; đã để riêng thành", "được lập lại từ 000001.db; đủ từ bản ghi 1 đến 20, không mất lượt nào")
			press(t, again, "next")
			checkTwins(t, dir, again)
		})
	}
}

// With the lineage unreadable a rescue still goes on: what it said stands in the chains.
func TestALineageThatCannotBeRead(t *testing.T) {
	dir, _, chain := pressed(t, 5, true)
	remove(t, dir, segmentDB)
	remove(t, dir, segmentLog)
	noDisk(t, filepath.Join(dir, lineageFile))
	again := openTest(t, dir, func(o *Options) { o.Chain = chain })
	declared(t, again, chain)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	inspect(t, dir)
}

// What a bad block leaves of a file is salvaged: zeros stand for the rest.
func TestAFileIsReadPastItsBadBlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "whole")
	whole := bytes.Repeat([]byte("nguyên vẹn "), 5000)
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := readPast(path); err != nil || !bytes.Equal(b, whole) {
		t.Fatalf("%d of %d bytes, %v", len(b), len(whole), err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	noDisk(t, bad)
	if b, err := readPast(bad); err != nil || len(b) > 0 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
}

// However few files the program may open, nothing is taken for damage: each start ends
// with an error and leaves every file where it was, until one has enough. After an unclean
// stop more is read of each file.
func TestTooManyOpenFilesAreNoDamage(t *testing.T) {
	for i := range 4 {
		child, clean := i%2 == 1, i/2 == 1
		dir := t.TempDir()
		j := segmented(t, dir, 60)
		chain, head := j.Chain(), j.Head()
		if !clean {
			dir = copyFolder(t, dir) // as it lies there while it is open
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if err := writeState(dir, trying, false); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for room := 1; ; room++ {
			again, err := withFiles(t, room, func() (*Journal, error) {
				return openWith(dir, small, func(o *Options) {
					if o.Chain = chain; child {
						withChild(o)
					}
				})
			})
			if err == nil {
				if again.Head() != head || again.Chain() != chain {
					t.Errorf("head %d of %s", again.Head().Sequence, again.Chain())
				}
				if err := again.Close(); err != nil {
					t.Error(err)
				}
				break
			}
			if refused++; errors.Is(err, ErrDamaged) || refused > 100 {
				t.Fatalf("with %d files more: %v", room, err)
			}
		}
		if aside, err := aside(dir); err != nil || len(aside) > 0 || refused < 5 {
			t.Errorf("child %v, clean %v: after %d refusals there is %v, %v", child, clean, refused, aside, err)
		}
	}
}

// withFiles does something while the process may open only so many files more.
func withFiles(t *testing.T, more int, do func() (*Journal, error)) (*Journal, error) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	few := was
	few.Cur = 200
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	var fill []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		fill = append(fill, f)
	}
	for _, f := range fill[:more] {
		_ = f.Close()
	}
	j, err := do()
	for _, f := range fill[more:] {
		_ = f.Close()
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	return j, err
}

// A child that cannot be started, or may not read the file, says nothing about it.
func TestAChildThatCannotLook(t *testing.T) {
	dir, head, chain := pressed(t, 20, false)
	none := func(o *Options) {
		o.Chain, o.Child = chain, func(ctx context.Context, args ...string) *exec.Cmd {
			return exec.CommandContext(ctx, "/not/there", args...)
		}
	}
	again := openTest(t, dir, none)
	if again.Head() != head {
		t.Fatalf("head %d, want %d", again.Head().Sequence, head.Sequence)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	kept := func(o *Options) {
		o.Chain, o.Child = chain, func(ctx context.Context, _ ...string) *exec.Cmd {
			return exec.CommandContext(ctx, "/bin/sh", "-c", fmt.Sprintf("echo permission denied; exit %d", childHindered))
		}
	}
	if _, err := openWith(dir, kept); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "permission denied") {
		t.Fatalf("a child that may not read: %v", err)
	}
	if aside, err := aside(dir); err != nil || len(aside) > 0 {
		t.Fatalf("put aside: %v %v", aside, err)
	}
}

// Reserved numbers that the disk cannot read any more are set aside: the journal goes on,
// and one that is lost with them says that nobody knows how much.
func TestReservedNumbersThatCannotBeRead(t *testing.T) {
	for _, lost := range []bool{false, true} {
		data := t.TempDir()
		dir, reserve := filepath.Join(data, "journal"), func(o *Options) { o.Reserve = data }
		j := openTest(t, dir, reserve)
		press(t, j, "one")
		chain := j.Chain()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		numbers := filepath.Join(data, issuedFile+"-"+chain.String()[:8])
		noDisk(t, numbers)
		if lost {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		again := openTest(t, dir, reserve, func(o *Options) { o.Chain = chain })
		if _, err := os.Lstat(numbers + ".damaged"); err != nil {
			t.Error(err)
		}
		switch {
		case !lost && (again.Chain() != chain || again.issued.value <= again.Head().Sequence):
			t.Errorf("chain %s, %d reserved", again.Chain(), again.issued.value)
		case lost && !declared(t, again, chain).Unbounded:
			t.Errorf("declared %+v", declared(t, again, chain))
		}
	}
}

// A bad block under the few bytes that tell how the last life ended keeps no journal shut:
// that end counts as an unclean one.
func TestAStateThatCannotBeRead(t *testing.T) {
	dir, head, chain := pressed(t, 20, true)
	path := filepath.Join(dir, stateFile)
	noDisk(t, path)
	if was := readState(dir); was != opening {
		t.Errorf("the end counts as %s", was)
	}
	j := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
	if j.Head() != head || j.Chain() != chain {
		t.Fatalf("%d records of %s", j.Head().Sequence, j.Chain())
	}
	if _, err := os.Lstat(path + ".damaged"); err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil || readState(dir) != closed {
		t.Fatalf("after a clean stop: %s, %v", readState(dir), err)
	}
}

// A damaged folder entry may tell any size. Nothing is read of what no journal writes: the
// log goes aside as it is and is made anew, and the program has memory for it.
func TestALogOfAWrongSize(t *testing.T) {
	for _, clean := range []bool{true, false} {
		dir, head, chain := pressed(t, 20, clean)
		if err := os.Truncate(filepath.Join(dir, segmentLog), 1<<42); err != nil {
			t.Skipf("SKIPPED: no file here can be as large: %v", err)
		}
		var said sayings
		j := openTest(t, dir, said.hear, func(o *Options) { o.Chain = chain })
		if j.Head() != head || j.Chain() != chain {
			t.Fatalf("clean %v: %d records of %s", clean, j.Head().Sequence, j.Chain())
		}
		said.want(t, "000001.log bị hỏng", "được lập lại từ 000001.db; đủ từ bản ghi 1 đến 20, không mất lượt nào")
		checkTwins(t, dir, j)
	}
}
