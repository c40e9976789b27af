//go:build !linux

package doctor

import (
	"io/fs"

	"hailong/kiosk/journal"
)

func spaceOf(folder string) space {
	s := journal.SpaceOf(folder)
	return space{free: uint64(max(s.Free, 0)), total: uint64(max(s.Total, 0))}
}

// The standard library alone does not say these here.
func synchronised() answer               { return unknown }
func sameDisk(string, string) answer     { return unknown }
func ownerOf(fs.FileInfo) (uint32, bool) { return 0, false }
