package centreapp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"

	"hailong/survey"
)

// Only a copy that was looked at to the end, and is not what a store must be, says that the
// store is damaged. The control is such a copy; then other failures leave it so, and one
// that verifies ends it.
func TestWhatAFailedBackupSaysOfTheStore(t *testing.T) {
	dir := t.TempDir()
	b := &backups{data: dir, folder: filepath.Join(dir, "backups"), log: slog.New(slog.DiscardHandler)}
	others := []error{
		&fs.PathError{Op: "write", Path: "store.db", Err: syscall.ENOSPC},
		judged(fmt.Errorf("verify: %w", syscall.ENOMEM)),
		judged(fmt.Errorf("%w: the copy is of epoch 1, and the manifest says 2", errUnlike)),
		fmt.Errorf("%w: killed", ErrNotLooked),
		errors.New("/srv/store.db is damaged: it has 3 bytes"), // on the disk of the backups
		errors.New("the process that looked at it said nothing for 2m0s"),
		context.Canceled,
	}
	check := func(when string, ill bool, left storeState) {
		t.Helper()
		if got, err := readState(dir); (b.Damage() != nil) != ill || got != left || err != nil {
			t.Errorf("%s: damaged %v, and written down %q %v", when, b.Damage(), got, err)
		}
	}
	for _, why := range others {
		if err := b.judge(why); !errors.Is(err, why) {
			t.Errorf("%v became %v", why, err)
		}
		check(why.Error(), false, unborn)
	}
	var words survey.Problem
	if err := b.judge(fmt.Errorf("the backup: %w", judged(errors.New("page 7")))); !errors.As(err, &words) {
		t.Errorf("a damaged store is told as %v", err)
	}
	check("a damaged copy", true, broken)
	for _, why := range others {
		_ = b.judge(why)
		check("afterwards "+why.Error(), true, broken)
	}
	_ = b.judge(nil)
	check("one that verifies", false, inUse)
}
