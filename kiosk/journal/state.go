package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// state is what the state file says about the life before: how much must be looked at
// before the files are trusted.
type state string

const (
	closed  state = "closed" // a clean stop: the clean mark in bbolt tells the rest
	opening state = "opened" // opened and never closed: killed, or out of power
	trying  state = "trying" // died while it was being opened: something in it is deadly
	failed  state = "failed" // a write failed: what the system still shows may not be on the disk
)

// readState reads how the last life ended. No file is a folder of which nothing is known.
func readState(dir string) state {
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	switch s := state(b); {
	case err != nil:
		return opening
	case s == closed || s == trying || s == failed:
		return s
	}
	return opening
}

// writeState notes a state. All of them are of one length, so that a full disk does not
// keep it from being written. durable says that it must survive a power cut.
func writeState(dir string, s state, durable bool) error {
	path := filepath.Join(dir, stateFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note the journal's state: %w", err)
	}
	_, err = f.WriteAt([]byte(s), 0)
	if err == nil && durable {
		err = errors.Join(f.Sync(), syncDir(dir))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("note the journal's state: %w", err)
	}
	return nil
}
