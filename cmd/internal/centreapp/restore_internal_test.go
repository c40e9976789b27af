package centreapp

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// Only what is wrong with the backup itself makes it unusable; where this machine lacks
// memory or room, nothing is known of it.
func TestWhatMakesABackupUnusable(t *testing.T) {
	write := func(errno syscall.Errno) error {
		return fmt.Errorf("write the copy: %w", &fs.PathError{Op: "write", Path: "/data/restore.partial/store.db", Err: errno})
	}
	for why, judged := range map[error]bool{
		errors.New("store.db is damaged"):                     true,
		write(syscall.EIO):                                    true,
		write(syscall.ENOSPC):                                 false,
		write(syscall.EDQUOT):                                 false,
		fmt.Errorf("%w: it was ended (killed)", ErrNotLooked): false,
	} {
		said := (&RestoreOptions{From: "/backup", Data: "/data"}).unusable(t.Context(), why).Error()
		if strings.Contains(said, "cannot be used") != judged || strings.Contains(said, "restore this very backup again") == judged {
			t.Errorf("%v: %s", why, said)
		}
	}
}
