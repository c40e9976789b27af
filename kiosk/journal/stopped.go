package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hailong/survey/custody"
	"hailong/survey/disk"
)

// rescueFile is there from before the first file is moved aside until the new chain has said
// what it follows. What the folder holds meanwhile looks like a journal that could go on.
const rescueFile = "rescue"

// stoppedRescue says that a rescue was begun and not ended.
type stoppedRescue struct {
	parting custody.Succession // what it knew of the chain before it changed anything
	known   bool               // the note of that is whole
}

// Error implements error.
func (*stoppedRescue) Error() string { return "its rescue was stopped" }

// Unwrap makes it a kind of damage: the rescue is done again.
func (*stoppedRescue) Unwrap() error { return ErrDamaged }

// beginRescue notes, durably, that a rescue is under way.
func (j *Journal) beginRescue(parting *custody.Succession) error {
	b, err := note(parting)
	if err != nil {
		return fmt.Errorf("note that a rescue begins: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(j.dir, rescueFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.Write(b)
		err = errors.Join(err, f.Sync(), f.Close(), disk.SyncFolder(j.dir))
	}
	if err != nil {
		return fmt.Errorf("note that a rescue begins: %w", err)
	}
	return nil
}

// endRescue takes that note away.
func (j *Journal) endRescue() error {
	if err := errors.Join(os.Remove(filepath.Join(j.dir, rescueFile)), disk.SyncFolder(j.dir)); err != nil {
		return fmt.Errorf("note that the rescue has ended: %w", err)
	}
	return nil
}

// rescueEnded is a [stoppedRescue] where one was stopped.
func (j *Journal) rescueEnded() error {
	f, err := os.Open(filepath.Join(j.dir, rescueFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	stopped := &stoppedRescue{}
	if err == nil {
		var b []byte
		b, err = io.ReadAll(source{f})
		err = errors.Join(err, f.Close())
		stopped.known = readNote(b, &stopped.parting)
	}
	if hindered(err) {
		return fmt.Errorf("read the note of a rescue: %w", err)
	}
	return stopped
}
