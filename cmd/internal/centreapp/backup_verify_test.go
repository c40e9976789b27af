package centreapp_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/cmd/internal/centreapp"
)

// A backup that does not hold what it should moves no mark, however it went wrong, and a
// person sees it.
func TestABackupThatDoesNotVerifyCountsForNothing(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, folder string)
		why    string
	}{
		"a flipped bit": {func(t *testing.T, folder string) {
			path := filepath.Join(folder, "store.db")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			put(t, folder, "store.db", string(b))
		}, "is damaged"},
		"a store of another centre": {func(t *testing.T, folder string) {
			other := t.TempDir()
			closed(t, open(t, settings(other)))
			copyFile(t, filepath.Join(other, "store.db"), filepath.Join(folder, "store.db"))
		}, "is damaged"},
		"another key":              {func(t *testing.T, folder string) { put(t, folder, "centre.key", strings.Repeat("ab", 32)+"\n") }, "is another one"},
		"no store":                 {func(t *testing.T, folder string) { remove(t, folder, "store.db") }, "no such file"},
		"a head that it lacks":     {changed(`"sequence": 1`, `"sequence": 2`), "the copy lacks what the manifest says"},
		"another record at a head": {changed(`"hash": "`, `"hash": "0`), "the copy lacks what the manifest says"},
		"another epoch":            {changed(`"epoch": "`, `"epoch": "0`), "is of epoch"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			app := withOneBatch(t, settings(dir), withChild, func(o *centreapp.Options) {
				o.OnBackup = func(s centreapp.BackupStep) {
					if s == centreapp.BackupNamed {
						folders, _ := filepath.Glob(filepath.Join(dir, "backups", "2*"))
						c.damage(t, folders[0])
					}
				}
			})
			if code, body := ask(t, app, dir, "POST", "/api/v1/backups"); code != http.StatusServiceUnavailable || !strings.Contains(body, c.why) {
				t.Fatalf("%d %s", code, body)
			}
			if marked(t, app) {
				t.Fatal("the mark moved")
			}
			if list := listed(t, app, dir); len(list) != 1 || list[0].State != "failed" || list[0].Error == "" {
				t.Errorf("listed are %+v", list)
			}
			if code, why := readiness(t, app); code != 200 {
				t.Errorf("it takes nothing in any more: %d %s", code, why)
			}
			req := httptest.NewRequest("GET", "/", nil)
			req.Header.Set("Authorization", "Bearer "+token(t, dir))
			resp, err := app.Console().App().Test(req, -1)
			if err != nil {
				t.Fatal(err)
			}
			if page := readAll(t, resp); !strings.Contains(page, "Không tạo được bản sao lưu") {
				t.Error("the first page says nothing of it")
			}
		})
	}
}

// changed is a change of a backup's manifest. The first digit of a hash or an epoch moves
// one place on, and the last is cut off.
func changed(from, to string) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		before, after, found := strings.Cut(string(b), from)
		if !found {
			t.Fatalf("the manifest has no %s: %s", from, b)
		}
		if value, rest, quoted := strings.Cut(after, `"`); quoted && strings.HasSuffix(to, "0") {
			after = value[:len(value)-1] + `"` + rest
		}
		put(t, folder, "manifest.json", before+to+after)
	}
}
