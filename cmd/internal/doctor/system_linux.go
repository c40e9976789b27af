package doctor

import (
	"io/fs"
	"syscall"
)

func spaceOf(folder string) space {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return space{}
	}
	size := uint64(s.Bsize)
	return space{free: s.Bavail * size, total: s.Blocks * size, nodes: s.Files, freeNodes: s.Ffree}
}

// What the kernel says of its clock.
const (
	statusUnsynchronised = 0x40
	clockError           = 5
)

// synchronised reports whether the kernel's clock follows others.
func synchronised() answer {
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	switch {
	case err != nil:
		return unknown
	case state == clockError, t.Status&statusUnsynchronised != 0:
		return no
	}
	return yes
}

// sameDisk reports whether two paths lie on one file system.
func sameDisk(a, b string) answer {
	var one, two syscall.Stat_t
	if syscall.Stat(a, &one) != nil || syscall.Stat(b, &two) != nil {
		return unknown
	}
	if one.Dev == two.Dev {
		return yes
	}
	return no
}

// ownerOf is the number of the user to whom a file belongs.
func ownerOf(info fs.FileInfo) (user uint32, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Uid, true
}
