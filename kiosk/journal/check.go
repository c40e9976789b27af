package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey/custody"
	"hailong/survey/disk"
)

// A damaged bbolt file can make the library panic in a goroutine of its own, fault, or
// never end. So a file that may be damaged is looked at in a child process first.

// What a child does; its second argument is the file.
const (
	childCheck = "check" // says nothing, or what is wrong
	childDump  = "dump"  // writes what it can read: see dump
	childWhose = "whose" // says which kiosk wrote it, and of which chain: see whose
)

// childHindered is the exit code of a child that was kept from reading the file.
const childHindered = 3

// childWait is how long a child may take: a segment is read in a second.
const childWait = 2 * time.Minute

// RunChild does a child's work and returns its exit code. The program that the options'
// Child starts calls it with the arguments given there.
func RunChild(args []string, out io.Writer) int {
	if len(args) != 2 {
		fmt.Fprintln(out, "two arguments are needed")
		return 2
	}
	var err error
	switch args[0] {
	case childCheck:
		err = checkDB(args[1])
	case childDump:
		err = dumpDB(args[1], out)
	case childWhose:
		var o owner
		if o, err = whose(args[1]); err == nil {
			fmt.Fprintln(out, o.kiosk, o.chain)
		}
	default:
		err = fmt.Errorf("%q is no work for a child", args[0])
	}
	if err == nil {
		return 0
	}
	if args[0] != childDump {
		fmt.Fprintln(out, err)
	}
	if hindered(err) {
		return childHindered
	}
	return 1
}

// check looks at a bbolt file, in a child process if there can be one. nil: it is sound,
// or not there. ErrDamaged: it is not. Any other error says nothing about the file.
func (j *Journal) check(path string) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if j.opts.Child == nil {
		return j.checkHere(path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), childWait)
	defer cancel()
	out, err := j.opts.Child(ctx, childCheck, path).CombinedOutput()
	said, _, _ := cutLine(out)
	var ended *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &ended) && ctx.Err() == nil: // there is no child: too many processes, or the program is gone
		return j.checkHere(path)
	case ended != nil && ended.ExitCode() == childHindered:
		return hindrance(path, said)
	case endedFromOutside(ctx, ended):
		return notLooked(path, err)
	}
	if said = strings.TrimPrefix(said, ErrDamaged.Error()+": "); said == "" {
		said = err.Error()
	}
	return fmt.Errorf("%w: %s", ErrDamaged, said)
}

// endedFromOutside reports whether a child was ended by a signal that was not ours: the
// program is told to stop, or memory ran out. A file's damage ends it with a code of its own.
func endedFromOutside(ctx context.Context, ended *exec.ExitError) bool {
	return ended != nil && ended.ExitCode() < 0 && ctx.Err() == nil
}

// notLooked says that a file could not be looked at, and nothing about the file.
func notLooked(path string, why error) error {
	return fmt.Errorf("look at %s: the process that does it was ended: %w", filepath.Base(path), why)
}

// checkHere is check in this process.
func (j *Journal) checkHere(path string) error {
	err := guarded(func() error { return checkDB(path) })
	switch {
	case err == nil || errors.Is(err, ErrDamaged):
		return err
	case hindered(err):
		return unread(path, err)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// cutLine is the first line of what a child said: a panic goes on for pages.
func cutLine(b []byte) (line string, rest []byte, more bool) {
	const most = 200
	for i, c := range b {
		if c == '\n' {
			return string(b[:min(i, most)]), b[i+1:], true
		}
	}
	return string(b[:min(len(b), most)]), nil, false
}

// checkDB reads a whole bbolt file: its pages, and that its records form a run.
func checkDB(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return errors.New(faultEmpty)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second, PreLoadFreelist: false})
	if err != nil {
		return err
	}
	s := &segment{db: db}
	err = s.view(func(tx *bbolt.Tx) error {
		if tx.Size() > info.Size() { // what is mapped beyond its end would be met only when it is written
			return fmt.Errorf("%w: %s", ErrDamaged, faultShort)
		}
		var first error
		for err := range tx.Check() {
			first = errors.Join(first, err)
		}
		if first != nil {
			return first
		}
		_, o, err := readOrigin(tx)
		if err != nil || o.first == 0 {
			return err
		}
		return errors.Join(checkRun(tx, o), readThrough(tx))
	})
	return errors.Join(err, db.Close())
}

// readThrough reads each row. bbolt's own check reads none: one whose length was altered
// reaches past the file's end, and whoever reads it there faults, in each life anew.
func readThrough(tx *bbolt.Tx) error {
	return tx.ForEach(func(_ []byte, rows *bbolt.Bucket) error {
		return rows.ForEach(func(_, row []byte) error {
			_ = crc32.Checksum(row, castagnoli) // a fault comes back as damage: see guarded
			return nil
		})
	})
}

// checkRun checks that the records follow each other from the segment's beginning on.
func checkRun(tx *bbolt.Tx, o origin) error {
	at := o.before()
	return visitRecords(tx, 0, func(r *custody.Record) error {
		if r.Sequence != at.Sequence+1 || r.Previous != at.Hash || r.Chain != o.chain {
			return fmt.Errorf("%w: %s %d", ErrDamaged, faultRun, at.Sequence)
		}
		at = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
		return nil
	})
}

// putAside moves a file that cannot be used out of the way, beside where it was. Nothing
// that was ever written is thrown away.
func (j *Journal) putAside(path string, why error) error {
	to := j.asideOf(path + ".damaged-")
	if err := os.Rename(path, to); err != nil {
		return fmt.Errorf("put a damaged file aside: %w", err)
	}
	j.tellAside(path, to, why)
	return disk.SyncFolder(j.dir)
}

// asideOf is a name, which begins like this and ends with the time, for what is put aside.
// Nothing is there under it yet: a box without a clock may show one time twice.
func (j *Journal) asideOf(begin string) string {
	name := begin + j.opts.Now().UTC().Format("20060102T150405.000")
	path := name
	for n := 2; ; n++ {
		if _, err := os.Lstat(path); err != nil {
			return path
		}
		path = fmt.Sprintf("%s-%d", name, n)
	}
}

// refresh copies each file of the journal and puts the copy in its place. After a failed
// sync the system may go on showing what never reached the disk, and call it clean; what
// is written anew and synced is there. A file that cannot be read whole is put aside:
// its twin is there.
func (j *Journal) refresh() error {
	numbers, err := numbersIn(j.dir)
	if err != nil || len(numbers) == 0 {
		return err
	}
	n := numbers[len(numbers)-1] // the others were sealed long before
	if o := j.whose(filepath.Join(j.dir, dbName(n))); j.isForeign(o) {
		return nil // it is not ours to write: see sendAway
	}
	for _, name := range []string{logName(n), dbName(n)} {
		path := filepath.Join(j.dir, name)
		err := rewrite(path)
		if noRoom(err) {
			_ = os.Remove(filepath.Join(j.dir, ballastFile)) // this is what it was for
			err = rewrite(path)
		}
		if errors.Is(err, ErrDamaged) {
			j.lose(n)
			err = j.putAside(path, err)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("write %s anew after a failed write: %w", name, err)
		}
	}
	return nil
}

// rewrite puts a copy of a file in its place. ErrDamaged: the file could not be read.
func rewrite(path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return unread(path, err)
	}
	defer func() { _ = in.Close() }() // it was only read
	fresh := path + ".fresh"
	out, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, bufio.NewReaderSize(source{in}, 1<<20))
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		_ = os.Remove(fresh) // it may not be there
		return err
	}
	return disk.SyncFolder(filepath.Dir(path))
}
