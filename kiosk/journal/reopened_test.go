package journal

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A start dies over a journal that was stopped cleanly. The next one still knows of the clean
// stop: an older copy of the folder does not go on. The controls are journals that lack
// nothing, however far the numbers are reserved ahead of them.
func TestACleanStopIsNotForgottenOverAStartThatDies(t *testing.T) {
	for name, c := range map[string]struct {
		older  bool                                        // a copy from before the last presses is put back
		since  func(t *testing.T, data string, j *Journal) // what happened after the clean stop
		goesOn bool
	}{
		"an older copy":         {older: true},
		"control: the last one": {goesOn: true},
		"control: it was killed": {goesOn: true, since: func(t *testing.T, data string, j *Journal) { // numbers reserved, and the mark still there
			reserved(t, data, j.Chain(), j.Head().Sequence+1+block)
			if err := writeState(filepath.Join(data, "journal"), opening, true); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			dir, reserve := filepath.Join(data, "journal"), func(o *Options) { o.Reserve = data }
			j := openTest(t, dir, reserve)
			pressMany(t, j, "before ", 10)
			chain := j.Chain()
			known := func(o *Options) { o.Reserve, o.Chain = data, chain }
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			older := copyFolder(t, dir)
			j = openTest(t, dir, known)
			pressMany(t, j, "after ", 20)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if c.older {
				if err := errors.Join(os.RemoveAll(dir), os.Rename(older, dir)); err != nil {
					t.Fatal(err)
				}
			}
			if c.since != nil {
				c.since(t, data, j)
			}
			for range 2 { // two starts in a row die while a child looks at the file
				data = diesLooking(t, data, known)
			}
			again := openTest(t, filepath.Join(data, "journal"), known)
			if goesOn := again.Chain() == chain; goesOn != c.goesOn {
				t.Fatalf("the chain goes on %v, with %s", goesOn, press(t, again, "next").ID)
			}
		})
	}
}

// diesLooking is how a start leaves the data that dies while a child looks at a file.
func diesLooking(t *testing.T, data string, change func(*Options)) (left string) {
	t.Helper()
	left = t.TempDir()
	copied := false
	j := openTest(t, filepath.Join(data, "journal"), change, withChild, func(o *Options) {
		child := o.Child
		o.Child = func(ctx context.Context, args ...string) *exec.Cmd {
			if !copied {
				copied = true
				if err := os.CopyFS(left, os.DirFS(data)); err != nil {
					t.Error(err)
				}
			}
			return child(ctx, args...)
		}
	})
	if err := j.Close(); err != nil || !copied {
		t.Fatalf("no child looked at it: %v", err)
	}
	return left
}

// Another program has the file open, and the start is refused: that is no more than a start
// that dies.
func TestACleanStopIsNotForgottenOverARefusedStart(t *testing.T) {
	dir, head, chain := pressed(t, 10, true)
	reserved(t, dir, chain, head.Sequence+1) // as where the folder is an older copy
	known := func(o *Options) { o.Chain = chain }
	db, err := openDB(filepath.Join(dir, segmentDB), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openWith(dir, known); !errors.Is(err, ErrLocked) {
		t.Fatalf("it was not refused: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if again := openTest(t, dir, known); again.Chain() == chain {
		t.Fatalf("the chain goes on with %s, which was given before", press(t, again, "next").ID)
	}
}
