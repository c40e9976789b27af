package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"hailong/survey/disk"
)

// state is what the state file says about the life before: how much must be looked at
// before the files are trusted.
type state string

const (
	closed  state = "closed" // a clean stop: the clean mark in bbolt tells the rest
	opening state = "opened" // opened and never closed: killed, or out of power
	trying  state = "trying" // died while it was being opened: something in it is deadly
	failed  state = "failed" // a write failed: what the system still shows may not be on the disk
	again   state = "reopen" // trying, after a clean stop: no number was reserved since
)

// readState reads how the last life ended. No file is a folder of which nothing is known.
func readState(dir string) state {
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	switch s := state(b); {
	case err != nil:
		return opening
	case s == again:
		return trying
	case s == closed || s == trying || s == failed:
		return s
	}
	return opening
}

// endedWell reports whether the last life that could take a press ended with a clean stop,
// however many starts died or were refused since.
func endedWell(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	return err == nil && (state(b) == closed || state(b) == again)
}

// writeState notes a state. All of them are of one length, so that a full disk does not
// keep it from being written. durable says that it must survive a power cut. A file that the
// disk cannot read or write any more is set aside: a journal is not lost with a few bytes.
func writeState(dir string, s state, durable bool) error {
	path := filepath.Join(dir, stateFile)
	err := noteState(path, s, durable)
	if errors.Is(err, ErrDamaged) {
		if err = os.Rename(path, path+".damaged"); err == nil {
			err = noteState(path, s, durable)
		}
	}
	if err != nil {
		return fmt.Errorf("note the journal's state: %w", err)
	}
	return nil
}

// noteState writes a state. ErrDamaged: the disk cannot keep it there.
func noteState(path string, s state, durable bool) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.ReadAt(make([]byte, len(s)), 0); err == nil || ends(err) {
		_, err = f.WriteAt([]byte(s), 0)
	}
	if err == nil && durable {
		err = errors.Join(f.Sync(), disk.SyncFolder(filepath.Dir(path)))
	}
	if errors.Is(err, syscall.EIO) {
		err = unread(path, err)
	}
	return errors.Join(err, f.Close())
}
