//go:build !windows

package centreapp

import (
	"fmt"
	"os"
	"syscall"
)

// ownedLike gives files the owner and the group of a folder, where their owner is another.
func ownedLike(folder string, paths ...string) error {
	want, err := ownerOf(folder)
	if err != nil {
		return fmt.Errorf("look whose the data folder is: %w", err)
	}
	for _, path := range paths {
		have, err := ownerOf(path)
		if err == nil && have.Uid != want.Uid {
			err = os.Lchown(path, int(want.Uid), int(want.Gid))
		}
		if err != nil {
			return fmt.Errorf("give %s to the data folder's owner (user %d, group %d), which mostly takes root: %w", path, want.Uid, want.Gid, err)
		}
	}
	return nil
}

func ownerOf(path string) (*syscall.Stat_t, error) {
	var st syscall.Stat_t
	return &st, syscall.Stat(path, &st)
}
