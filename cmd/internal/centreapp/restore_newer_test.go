package centreapp_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
)

// One who restores an older backup than the newest is told: on the newest one's word
// kiosks may have let records go. It may be of another life of the centre, which began with
// a restore; what was not verified, or is another centre's, is nothing to them.
func TestARestoreOfAnOlderBackupSaysSo(t *testing.T) {
	_, backup := backed(t)
	beside := func(end string, hours time.Duration, change map[string]any) (folder string) {
		t.Helper()
		folder = backup + end
		if err := os.CopyFS(folder, os.DirFS(backup)); err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		b, err := os.ReadFile(filepath.Join(backup, "manifest.json"))
		if err := errors.Join(err, json.Unmarshal(b, &m)); err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339Nano, m["time"].(string))
		if err != nil {
			t.Fatal(err)
		}
		m["time"] = at.Add(hours * time.Hour)
		maps.Copy(m, change)
		if b, err = json.Marshal(m); err != nil {
			t.Fatal(err)
		}
		put(t, folder, "manifest.json", string(b))
		return folder
	}
	newer := beside("-newer", 1, nil)
	beside("-untried", 2, map[string]any{"verified": nil})
	put(t, beside("-elsewhere", 3, nil), "centre.key", strings.Repeat("ab", 32))
	says := func(from, want string) {
		t.Helper()
		done, err := centreapp.Restore(t.Context(), centreapp.RestoreOptions{From: from, Data: t.TempDir()})
		if err != nil || done.Newer != want {
			t.Errorf("%s: newer is %q, want %q; %v", from, done.Newer, want, err)
		}
	}
	says(backup, newer)
	says(newer, "")
	later := beside("-later", 0, map[string]any{"number": 9, "epoch": strings.Repeat("bb", 16)}) // its clock was behind
	says(backup, later)
	says(newer, later)
}
