package centreapp_test

import (
	"path/filepath"
	"testing"
)

// What a stop left of a small file that was being written is gone after the next write of
// it, so that secrets do not pile up beside their files.
func TestAWriteThatWasCutOff(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "centre.key.new", "0123")
	put(t, dir, "store.state.new", "at re")
	app := open(t, settings(dir))
	if code, body := ask(t, app, dir, "GET", "/api/v1/backups"); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	closed(t, app)
	for _, name := range []string{"centre.key.*", "store.state.*", "admin.token.*"} {
		if left, err := filepath.Glob(filepath.Join(dir, name)); err != nil || len(left) > 0 {
			t.Errorf("left: %v %v", left, err)
		}
	}
}
