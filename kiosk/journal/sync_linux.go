package journal

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync makes a file's content durable, and of its metadata only what is needed to
// read it back.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

func syncFolder(d *os.File) error { return d.Sync() }
