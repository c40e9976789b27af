package centreapp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"hailong/survey/boltstore"
)

// A store that may be damaged can take a whole process down: bbolt panics also in
// goroutines of its own, a page that cannot be read is a signal, and to count the history
// again may need more memory than there is. So it is looked at, and a backup's copy
// verified, in a process made for that.

// childWord is the first argument of such a process. The second is the store; where there
// is a third it is verified, too, and held against the backup that this folder has, unless
// it is "".
const childWord = "store-child"

// A child's exit codes besides 0, sound. Go itself ends one with childDied, whatever for.
const (
	childDamaged = 1
	childDied    = 2
	childLocked  = 3
	childBlind   = 4
	childUnlike  = 5
)

// fromTheFile are how Go's last words begin where what stands in the file, or a page of it
// that cannot be read, took the child down. No exit code of our own can tell that from
// memory that ran out, because nothing of ours runs in either case: a panic in one of
// bbolt's goroutines is caught by nobody, and lack of memory is no panic. It has many words
// (a stack of the system's that cannot grow is even a SIGSEGV), so the few of a file are
// known here, and all else says nothing about it. Who is wrong in that tries once more; who
// is wrong the other way throws a good backup away.
var fromTheFile = []string{"panic: ", unreadablePage, "runtime: goroutine stack exceeds "}

// unreadablePage is about the file's disk, not about what was written there.
const unreadablePage = "unexpected fault address "

// progressLine is what a child says while it verifies.
const progressLine = "verified %d of %d"

// ErrNotLooked says that nothing is known of a store's file: memory ran out, it cannot be
// read, or whatever else the operating system refused.
var ErrNotLooked = errors.New("the store's file cannot be looked at")

// errUnlike says that a copy and the manifest beside it do not fit: which is wrong is not known.
var errUnlike = errors.New("compare the copy with its manifest")

// damaged is an error about what stands in a store's file, of a look that came to its end.
type damaged struct{ error }

// Unwrap gives the error itself.
func (d damaged) Unwrap() error { return d.error }

// Child does the work of a process that was started to look at a store, if this is one:
// the program calls it first, with its arguments.
func Child(args []string, out io.Writer) (code int, is bool) {
	if len(args) < 2 || len(args) > 3 || args[0] != childWord {
		return 0, false
	}
	err := boltstore.Check(args[1])
	if err == nil && len(args) == 3 {
		// Where memory runs out this process goes, and not the one that serves. Only Linux
		// can be told so.
		_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
		said := int64(-1)
		err = verifyCopy(context.Background(), args[1], args[2], func(done, total int64) {
			if now := 1000 * done / total; now != said {
				said = now
				fmt.Fprintf(out, progressLine+"\n", done, total)
			}
		})
	}
	if err != nil {
		fmt.Fprintln(out, err)
	}
	return childCode(err), true
}

// childCode is the exit code that tells of an error. What the operating system refuses, of
// a file or by itself (room for a sync, memory to map it), says nothing about what the
// file holds.
func childCode(err error) int {
	var blind *fs.PathError
	var refused syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.Is(err, boltstore.ErrLocked):
		return childLocked
	case errors.As(err, &blind), errors.As(err, &refused):
		return childBlind
	case errors.Is(err, errUnlike):
		return childUnlike
	}
	return childDamaged
}

// judged is the error of a look that was made in this process.
func judged(err error) error {
	switch childCode(err) {
	case childBlind:
		return fmt.Errorf("%w: %w", ErrNotLooked, err)
	case childDamaged:
		return damaged{err}
	}
	return err
}

// lookAt looks whether a store can be opened. The error is [boltstore.ErrLocked],
// ErrNotLooked, that of a context that ended, or says what is wrong with the file.
func lookAt(ctx context.Context, program, path string) error {
	if program != "" {
		return inChild(ctx, nil, program, path)
	}
	return judged(boltstore.Check(path))
}

// verifyStore verifies a store, and, where backup is not "", that it is a copy of that one's,
// in a process of its own where program names this program's file.
func verifyStore(ctx context.Context, program, path, backup string, progress func(done, total int64)) error {
	if program != "" {
		return inChild(ctx, progress, program, path, backup)
	}
	if err := lookAt(ctx, "", path); err != nil {
		return err
	}
	return judged(verifyCopy(ctx, path, backup, progress))
}

// CheckStore looks at a store that no program has open: whether it can be opened, and, if
// deep, every signature and figure in it; progress, if set, hears how far that has come.
// program is the file of one that calls [Child]; "" = this process looks itself. The error
// is [boltstore.ErrLocked], [ErrNotLooked], that of a context that ended, or says what is
// wrong with the file.
func CheckStore(ctx context.Context, program, path string, deep bool, progress func(done, total int64)) error {
	if deep {
		return verifyStore(ctx, program, path, "", progress)
	}
	return lookAt(ctx, program, path)
}

// verifyCopy opens a sound store and verifies every record of it, and, of a copy, that it
// is what the manifest of the backup in that folder says.
func verifyCopy(ctx context.Context, path, backup string, progress func(done, total int64)) (err error) {
	store, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	// First what the file itself says: a damaged one need not blame the manifest.
	if err := store.Verify(ctx, progress); err != nil || backup == "" {
		return err
	}
	if err := compareCopy(ctx, store, backup); err != nil {
		return fmt.Errorf("%w: %w", errUnlike, err)
	}
	return nil
}

// compareCopy compares a copied store with its backup's manifest.
func compareCopy(ctx context.Context, store *boltstore.Store, backup string) error {
	m, err := readManifest(backup)
	if err != nil {
		return err
	}
	if epoch := epochText(store.Epoch()); epoch != m.Epoch {
		return fmt.Errorf("the copy is of epoch %s, and the manifest says %s", epoch, m.Epoch)
	}
	// A store marks only what it has: so the copy itself says whether it holds the heads.
	if err := store.SetBackup(ctx, store.Epoch(), m.heads()); err != nil {
		return fmt.Errorf("the copy lacks what the manifest says: %w", err)
	}
	return nil
}

// inChild looks at a store in a process of its own: args are the store, and what more the
// process is told.
func inChild(ctx context.Context, progress func(done, total int64), program string, args ...string) error {
	info, err := os.Stat(args[0])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotLooked, err)
	}
	// A hang is damage as well. A slow disk reads 2 MB/s.
	within := 2*time.Minute + time.Duration(info.Size()/2_000_000)*time.Second
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := time.AfterFunc(within, cancel)
	defer silent.Stop()
	out := &childOutput{progress: func(done, total int64) {
		silent.Reset(within)
		if progress != nil {
			progress(done, total)
		}
	}}
	child := exec.CommandContext(limited, program, append([]string{childWord}, args...)...)
	child.Stdout, child.Stderr = out, out
	err = child.Run()
	said := cmp.Or(out.said, string(out.rest))
	code := childBlind // of one that could not be started
	if said == "" && err != nil {
		said = err.Error()
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("the process that looked at it said nothing for %s", within)
	case code < 0: // ended from outside
		return fmt.Errorf("%w: the process that looked at it was ended (%w), maybe because memory ran out", ErrNotLooked, err)
	case code == childLocked:
		return boltstore.ErrLocked
	case code == childUnlike, code == childDied && strings.HasPrefix(said, unreadablePage):
		return errors.New(said)
	case code == childDamaged, code == childDied && blamesFile(said):
		return damaged{errors.New(said)}
	}
	return fmt.Errorf("%w: %s", ErrNotLooked, said)
}

// blamesFile reports whether the last words of a child that died are about the file.
func blamesFile(said string) bool {
	return slices.ContainsFunc(fromTheFile, func(words string) bool { return strings.HasPrefix(said, words) })
}

// childOutput takes in what a child says.
type childOutput struct {
	progress func(done, total int64)
	rest     []byte // of a line that has not ended
	said     string // the first line that is none of progress: a panic goes on for pages
}

// Write implements [io.Writer].
func (o *childOutput) Write(b []byte) (int, error) {
	o.rest = append(o.rest, b...)
	for {
		line, rest, ended := bytes.Cut(o.rest, []byte("\n"))
		if !ended {
			return len(b), nil
		}
		o.rest = rest
		var done, total int64
		if n, _ := fmt.Sscanf(string(line), progressLine, &done, &total); n == 2 {
			o.progress(done, total)
		} else if o.said == "" {
			o.said = strings.TrimSpace(string(line))
		}
	}
}
