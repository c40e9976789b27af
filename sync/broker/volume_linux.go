package broker

import "syscall"

// volumeSize is how many bytes the volume of a folder has for us, used and free.
func volumeSize(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Blocks-s.Bfree+s.Bavail) * int64(s.Bsize), nil // the type of Bsize differs between processors
}
