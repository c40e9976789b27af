package centreapp

import (
	"math"
	"syscall"
)

// sameDevice reports whether two folders lie on the same device. Of a folder that cannot
// be looked at it says yes: nobody should feel safe because of it.
func sameDevice(a, b string) bool {
	var x, y syscall.Stat_t
	if syscall.Stat(a, &x) != nil || syscall.Stat(b, &y) != nil {
		return true
	}
	return x.Dev == y.Dev
}

// freeBytes is how much room a folder's disk has for this user.
func freeBytes(folder string) (free int64, known bool) {
	var fs syscall.Statfs_t
	if syscall.Statfs(folder, &fs) != nil {
		return 0, false
	}
	return int64(min(fs.Bavail*uint64(fs.Bsize), math.MaxInt64)), true
}
