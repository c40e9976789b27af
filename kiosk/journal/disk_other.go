//go:build !linux

package journal

import (
	"errors"
	"os"
	"syscall"
)

// allocate gives a file room on the disk.
func allocate(f *os.File, size int64) error {
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// SpaceOf is not known on this system: the limits do not hold, a full disk shows as a
// failed write.
func SpaceOf(string) Space { return Space{} }

// noRoom reports whether a write failed because the disk is full.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) }
