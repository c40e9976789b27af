package journal

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// allocate gives a file room on the disk without writing it.
func allocate(f *os.File, size int64) error { return unix.Fallocate(int(f.Fd()), 0, 0, size) }

// SpaceOf is the room on the disk that holds a folder.
func SpaceOf(dir string) Space {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Space{}
	}
	return spaceIn(&s)
}

// spaceIn reckons as df does: what is kept back for the system's own use counts neither as
// used nor as free.
func spaceIn(s *unix.Statfs_t) Space {
	used := s.Blocks - s.Bfree
	return Space{Free: int64(s.Bavail) * int64(s.Bsize), Total: int64(used+s.Bavail) * int64(s.Bsize)}
}

// noRoom reports whether a write failed because the disk is full.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
