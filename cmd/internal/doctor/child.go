package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"hailong/survey/boltstore"
)

// A damaged store can take down whoever opens it, so it is looked at in a process made
// for that.

// childWord is the first argument of such a process; the second says how closely to
// look, the third names the store.
const (
	childWord = "doctor-child"
	lookPages = "pages"
	lookAll   = "all"
)

// How long the two looks may take.
const (
	pagesWait = 5 * time.Minute
	allWait   = 2 * time.Hour
)

// lockedCode is the child's exit code where another program has the store open.
const lockedCode = 3

// Child does the work of a process that an examination started to look at a store, if
// this is one: a program calls it first, with its arguments.
func Child(args []string, out io.Writer) (code int, is bool) {
	if len(args) != 3 || args[0] != childWord {
		return 0, false
	}
	err := lookAt(context.Background(), args[2], args[1] == lookAll)
	if err == nil {
		return 0, true
	}
	fmt.Fprintln(out, err)
	if errors.Is(err, boltstore.ErrLocked) {
		return lockedCode, true
	}
	return 1, true
}

func lookAt(ctx context.Context, path string, all bool) error {
	if err := boltstore.Check(path); err != nil || !all {
		return err
	}
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		return err
	}
	return errors.Join(s.Verify(ctx, nil), s.Close())
}

// lookAt looks at a store, in a process of its own if there can be one.
func (e *exam) lookAt(ctx context.Context, path string, all bool) error {
	if e.Program == "" {
		return lookAt(ctx, path, all)
	}
	how, wait := lookPages, pagesWait
	if all {
		how, wait = lookAll, allWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	out, err := exec.CommandContext(ctx, e.Program, childWord, how, path).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == lockedCode {
		return boltstore.ErrLocked
	}
	if err != nil {
		said, _, _ := strings.Cut(string(out), "\n")
		return fmt.Errorf("%s (%w)", said, err)
	}
	return nil
}
