package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"hailong/survey"
)

// Comments stand in bbolt alone. Where no process can be started to look at it, it is read
// in this one; where that process may not look, nothing is salvaged until it may.
func TestASalvageWithoutAChildKeepsTheComments(t *testing.T) {
	src := t.TempDir()
	j := openTest(t, src, small)
	for i := range 60 {
		d := draft(strconv.Itoa(i))
		d.Comment = fmt.Sprint("góp ý ", i)
		if _, _, err := j.Append(context.Background(), d); err != nil {
			t.Fatal(err)
		}
	}
	chain := j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, src, dbName(2))
	remove(t, src, logName(2))
	next := func(o *Options) { o.Chain = chain }
	check := func(j *Journal) {
		t.Helper()
		for _, i := range []int{0, 59} { // before the gap and behind it
			if e, ok, err := j.Find(survey.KeyNonce(strconv.Itoa(i))); err != nil || !ok || e.Comment != fmt.Sprint("góp ý ", i) {
				t.Errorf("press %d: %v, comment %q, %v", i, ok, e.Comment, err)
			}
		}
	}
	instead := func(program ...string) func(*Options) {
		return func(o *Options) {
			o.Child = func(ctx context.Context, args ...string) *exec.Cmd {
				if args[0] != childDump {
					return exec.CommandContext(ctx, "/not/there")
				}
				return exec.CommandContext(ctx, program[0], program[1:]...)
			}
		}
	}
	t.Run("there is none", func(t *testing.T) {
		check(openTest(t, copyFolder(t, src), small, next, instead("/not/there")))
	})
	t.Run("it may not look", func(t *testing.T) {
		dir := copyFolder(t, src)
		if _, err := openWith(dir, small, next, instead("/bin/sh", "-c", fmt.Sprint("exit ", childHindered))); err == nil || errors.Is(err, ErrDamaged) {
			t.Fatalf("it ended with %v", err)
		}
		if moved, err := filepath.Glob(filepath.Join(dir, "damaged-*")); err != nil || len(moved) > 0 {
			t.Fatalf("set aside: %v %v", moved, err)
		}
		check(openTest(t, dir, small, next))
	})
	t.Run("control: it finds nothing", func(t *testing.T) {
		j := openTest(t, copyFolder(t, src), small, next, instead("/bin/sh", "-c", "exit 1"))
		if e, ok, err := j.Find(survey.KeyNonce("0")); err != nil || !ok || e.Comment != "" {
			t.Fatalf("the control sees no loss: %v, comment %q, %v", ok, e.Comment, err)
		}
	})
}

// A process that cannot be started says nothing about whose a journal is: it is looked at in
// this one, and another kiosk's is not mended.
func TestWhoseAJournalIsWithoutAChild(t *testing.T) {
	theirs, _ := journalIn(t, "k-theirs", 60, trying)
	dir := filepath.Join(theirs, "journal")
	none := func(o *Options) {
		o.Child = func(ctx context.Context, args ...string) *exec.Cmd {
			return exec.CommandContext(ctx, "/not/there", args...)
		}
	}
	before := segmentFiles(t, dir)
	j := openTest(t, dir, small, none, as("k-new", t.TempDir()))
	aside, err := filepath.Glob(dir + ".foreign-*")
	if err != nil || len(aside) != 1 || j.Head().Sequence != 0 {
		t.Fatalf("set aside: %v %v", aside, err)
	}
	if after := segmentFiles(t, aside[0]); !maps.Equal(before, after) {
		t.Errorf("it was changed")
	}
}
