//go:build !windows

package centreapp_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"hailong/cmd/internal/centreapp"
)

// A restore is root's work, and the aggregator runs as another user, who owns the data
// folder: what is restored must be that user's.
func TestWhatIsRestoredIsTheFolderOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("HAILONG_REQUIRE") != "" {
			t.Fatal("only root can give files to others")
		}
		t.Skip("only root can give files to others")
	}
	const user, group = 61234, 61235 // nobody's: as systemd gives them to its services
	_, backup := backed(t)
	for name, there := range map[string]bool{"an empty folder": false, "over a store": true} {
		dir := t.TempDir()
		if err := os.Chown(dir, user, group); err != nil {
			t.Fatal(err)
		}
		if there {
			copyFile(t, filepath.Join(backup, "store.db"), filepath.Join(dir, "store.db"))
		}
		done, err := centreapp.Restore(t.Context(), centreapp.RestoreOptions{From: backup, Data: dir, Replace: there})
		if err != nil || done.New || len(done.Moved) == 1 != there {
			t.Fatalf("%s: %+v %v", name, done, err)
		}
		for _, file := range []string{"store.db", "store.state", "centre.key"} {
			var st syscall.Stat_t
			if err := syscall.Stat(filepath.Join(dir, file), &st); err != nil || st.Uid != user || st.Gid != group || st.Mode&0o777 != 0o600 {
				t.Errorf("%s: %s is of user %d, group %d, mode %o; %v", name, file, st.Uid, st.Gid, st.Mode, err)
			}
		}
	}
}
