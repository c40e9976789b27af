//go:build linux

package fault

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"
)

// childMode is the environment variable that makes the test binary a program that
// writes a bbolt file or a journal, or a kiosk with a clock of its own.
const childMode = "HAILONG_FAULT_CHILD"

func TestMain(m *testing.M) {
	switch mode := os.Getenv(childMode); mode {
	case "":
		// Most of a fault is waiting: more runs than processors go on at a time, unless the
		// command line, which is read after this, says otherwise.
		if err := flag.Set("test.parallel", fmt.Sprint(2*runtime.NumCPU())); err != nil {
			panic(err)
		}
		code := m.Run()
		if built.dir != "" {
			_ = os.RemoveAll(built.dir) // a temporary folder; nothing depends on it
		}
		os.Exit(code)
	case clockedKiosk:
		os.Exit(clockChild())
	default:
		if journalWorks[mode] != nil {
			os.Exit(journalChild(mode, os.Args[1]))
		}
		os.Exit(boltChild(mode, os.Args[1]))
	}
}

// The children: they say each number that was committed.
const (
	boltWrites  = "writes"
	boltNoSync  = "writes without sync" // the control
	boltReads   = "reads"
	boltCommits = 30
)

func boltChild(mode, path string) int {
	err := func() error {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: mode == boltNoSync, NoGrowSync: mode == boltNoSync})
		if err != nil {
			return err
		}
		if mode == boltReads {
			return boltRead(db)
		}
		for n := uint64(0); n < boltCommits; n++ {
			if err := db.Update(func(tx *bbolt.Tx) error { return boltPut(tx, n) }); err != nil {
				return err
			}
			fmt.Println(n)
		}
		return nil // without closing: the power is cut under an open file
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func boltPut(tx *bbolt.Tx, n uint64) error {
	b, err := tx.CreateBucketIfNotExists([]byte("numbers"))
	if err != nil {
		return err
	}
	return b.Put(binary.BigEndian.AppendUint64(nil, n), make([]byte, 500))
}

func boltRead(db *bbolt.DB) error {
	return db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		b := tx.Bucket([]byte("numbers"))
		if b == nil {
			return errors.New("the bucket is gone")
		}
		return b.ForEach(func(k, _ []byte) error {
			fmt.Println(binary.BigEndian.Uint64(k))
			return nil
		})
	})
}

// boltRun runs a child and returns the numbers it said.
func boltRun(t *testing.T, mode, path string) (said []string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, path)
	c.Env = append(os.Environ(), childMode+"="+mode, "GORACE=atexit_sleep_ms=0") // a child with the race detector ends at once
	var problem strings.Builder
	c.Stderr = &problem
	out, err := c.Output()
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		said = append(said, lines.Text())
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, problem.String())
	}
	return said, err
}

// boltFolder is a power-cut disk with a folder to work in, which is stable.
func boltFolder(t *testing.T, o DiskOptions) (*mounted, string) {
	t.Helper()
	m := mount(t, NewDisk(o))
	dir := filepath.Join(m.path, "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	keepFolder(t, m.path)
	return m, filepath.Join(dir, "x.db")
}

// keepFolder syncs a folder.
func keepFolder(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatalf("sync %s: %v", path, err)
	}
}

func TestBoltCommitsSurviveACut(t *testing.T) {
	for _, mode := range Modes {
		t.Run(string(mode), func(t *testing.T) {
			m, file := boltFolder(t, DiskOptions{EntryWithFile: true})
			if said, err := boltRun(t, boltWrites, file); err != nil || len(said) != boltCommits {
				t.Fatalf("%d commits, %v", len(said), err)
			}
			m.disk.Cut(7, mode)
			if _, err := os.ReadFile(file); !errors.Is(err, syscall.EIO) {
				t.Fatalf("after the cut a read says %v", err)
			}
			m.restore()
			if said, err := boltRun(t, boltReads, file); err != nil || len(said) != boltCommits {
				t.Fatalf("%d of %d commits are there after the cut, %v", len(said), boltCommits, err)
			}
		})
	}
}

func TestControlBoltWithoutSyncLosesEverything(t *testing.T) {
	m, file := boltFolder(t, DiskOptions{EntryWithFile: true})
	if said, err := boltRun(t, boltNoSync, file); err != nil || len(said) != boltCommits {
		t.Fatalf("%d commits, %v", len(said), err)
	}
	m.disk.Cut(7, Lose)
	m.restore()
	if said, err := boltRun(t, boltReads, file); err == nil && len(said) == boltCommits {
		t.Fatal("a writer that never syncs lost nothing: this disk loses nothing at all")
	}
}

func TestOnAStrictDiskANewNameNeedsItsFoldersSync(t *testing.T) {
	m, file := boltFolder(t, DiskOptions{})
	if _, err := boltRun(t, boltWrites, file); err != nil {
		t.Fatal(err)
	}
	m.disk.Cut(7, Lose)
	m.restore()
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the file's name was never synced, and it is there: %v", err)
	}
}

// The power is cut just before the n-th sync, for every n: whatever was committed
// before is there.
func TestBoltCutAtEverySync(t *testing.T) {
	step := 7
	if testing.Short() {
		step = 23
	}
	points := 0
	for n := 1; ; n += step {
		m, file := boltFolder(t, DiskOptions{EntryWithFile: true})
		point := m.disk.CutAt(OpSync, "x.db", n, uint64(n), Reorder)
		said, err := boltRun(t, boltWrites, file)
		if (err == nil) == point.Hit() {
			t.Fatalf("cut at sync %d: hit %t, the writer says %v", n, point.Hit(), err)
		}
		if !point.Hit() {
			break
		}
		points++
		m.restore()
		if len(said) == 0 {
			continue // the file itself may not have been made yet
		}
		read, err := boltRun(t, boltReads, file)
		if err != nil || len(read) < len(said) || len(read) > len(said)+1 {
			t.Fatalf("cut at sync %d: committed %d, found %d, %v", n, len(said), len(read), err)
		}
	}
	t.Logf("cut at %d points", points)
}

func TestAFullAndAFailingDisk(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*Disk)
		want syscall.Errno
	}{
		"no room":      {func(d *Disk) { d.SetLimit(64 << 10) }, syscall.ENOSPC},
		"a bad sync":   {func(d *Disk) { d.FailAt(OpSync, "*.db", 20, syscall.EIO) }, syscall.EIO},
		"a full write": {func(d *Disk) { d.FailAt(OpWrite, "data/x.db", 20, syscall.ENOSPC) }, syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			m, file := boltFolder(t, DiskOptions{EntryWithFile: true})
			c.set(m.disk)
			said, err := boltRun(t, boltWrites, file)
			if err == nil || !strings.Contains(err.Error(), c.want.Error()) || len(said) == 0 || len(said) == boltCommits {
				t.Fatalf("%d commits, then %v; want %v", len(said), err, c.want)
			}
		})
	}
}

// What a program does with files arrives on the disk: sync on write, rename, folders.
func TestTheMountedDiskKeepsWhatProgramsSync(t *testing.T) {
	m := mount(t, NewDisk(DiskOptions{}))
	dir := filepath.Join(m.path, "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "a.tmp"), os.O_CREATE|os.O_WRONLY|os.O_SYNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("synced by the write"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "a.tmp"), filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	keepFolder(t, dir)
	keepFolder(t, m.path)
	if err := os.Remove(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	m.disk.Cut(1, Lose)
	m.restore()
	got, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil || string(got) != "synced by the write" {
		t.Fatalf("%q, %v", got, err)
	}
}
