package disk

import (
	"os"
	"syscall"
)

// SyncData makes a file's content durable, and of its metadata only what is needed to read
// it back.
func SyncData(f *os.File) error {
	for {
		switch err := syscall.Fdatasync(int(f.Fd())); err {
		case syscall.EINTR:
		case nil:
			return nil
		default:
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
