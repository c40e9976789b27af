package cli_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/kiosk/identity"
	"hailong/survey"
)

// Where there is no journal both commands say in both languages what they looked for, what
// they found, and what to do; never that the centre has it all. The control is a box with
// its journal.
func TestAJournalThatIsNotThere(t *testing.T) {
	whole, j := box(t, 3, 3)
	shut(t, j)
	box := func(t *testing.T, harm ...string) string {
		dir := filepath.Join(t.TempDir(), "kiosk")
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		for _, pattern := range harm {
			list, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(list) == 0 {
				t.Fatal(pattern, err)
			}
			for _, path := range list {
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		return dir
	}
	for name, c := range map[string]struct {
		dir    func(t *testing.T) string
		vi, en []string // what is found, and what is to be done
	}{
		"it is gone": {func(t *testing.T) string { return box(t, "journal") },
			[]string{"chỉ thấy identity.copy.json, identity.json, issued-", "từng ghi lượt bấm", "đừng xóa gì", "hailong doctor --kiosk"},
			[]string{"found identity.copy.json, identity.json, issued-", "has recorded", "remove nothing", "hailong doctor --kiosk"}},
		"only the identity is left": {func(t *testing.T) string { return box(t, "journal", "issued-*") },
			[]string{"từng ghi lượt bấm"}, []string{"has recorded"}},
		"only the numbers are left": {func(t *testing.T) string { return box(t, "journal", "identity*") },
			[]string{"từng ghi lượt bấm"}, []string{"has recorded"}},
		"its folder was emptied": {func(t *testing.T) string { return box(t, "journal/*") },
			[]string{"journal (không có đoạn nhật ký nào)", "từng ghi lượt bấm"}, []string{"journal (without any segment of a journal)", "has recorded"}},
		"its segments are gone": {func(t *testing.T) string { return box(t, "journal/0*") },
			[]string{"journal (không có đoạn nhật ký nào)", "từng ghi lượt bấm"}, []string{"journal (without any segment of a journal)", "has recorded"}},
		"it is a file": {func(t *testing.T) string {
			dir := box(t, "journal")
			return told(t, dir, os.WriteFile(filepath.Join(dir, "journal"), nil, 0o600))
		}, []string{"journal (không phải thư mục)", "từng ghi lượt bấm"}, []string{"journal (which is no folder)", "has recorded"}},
		"there never was one": {func(t *testing.T) string {
			dir := filepath.Join(t.TempDir(), "kiosk")
			_, err := identity.Load(dir)
			return told(t, dir, err)
		}, []string{"Không có gì cho thấy thiết bị từng ghi ở đây"}, []string{"Nothing tells that the kiosk ever recorded here"}},
		"it was named itself": {func(t *testing.T) string { return filepath.Join(box(t), "journal") },
			[]string{"000001.db", "hãy nêu thư mục chứa nó, "}, []string{"000001.db", "name the one that holds it, "}},
		"it is an aggregator's folder": {func(t *testing.T) string {
			dir := t.TempDir()
			return told(t, dir, os.WriteFile(filepath.Join(dir, "store.db"), nil, 0o600))
		}, []string{"store.db", "của trung tâm"}, []string{"store.db", "an aggregator's"}},
		"an empty folder": {func(t *testing.T) string { return t.TempDir() }, []string{"thư mục này trống", "gắn đĩa"}, []string{"this folder is empty", "mount the disk"}},
		"no folder":       {func(t *testing.T) string { return filepath.Join(t.TempDir(), "x") }, []string{"không có cả thư mục này"}, []string{"not even this folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := c.dir(t)
			file := filepath.Join(t.TempDir(), "file")
			for lang, want := range map[survey.Lang][]string{"vi": append(c.vi, "đã tìm thư mục journal"), "en": append(c.en, "looked for the folder journal")} {
				for _, args := range [][]string{{"salvage", dir}, {"salvage", dir, "--out", file, "-o", "json"}, {"journal", "export", dir, file}} {
					code, out, errs := run(lang, args...)
					if code != 1 || out != "" {
						t.Errorf("%v: exit %d %s", args, code, out)
					}
					for _, words := range want {
						if !strings.Contains(errs, words) {
							t.Errorf("%v lacks %q:\n%s", args, words, errs)
						}
					}
				}
			}
			if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a file was written: %v", err)
			}
		})
	}
	if code, out, errs := run("en", "journal", "export", box(t), filepath.Join(t.TempDir(), "file")); code != 0 || !strings.Contains(out, "the centre holds all of it") {
		t.Errorf("the control: exit %d %s%s", code, out, errs)
	}
}

// told is dir, if it could be made.
func told(t *testing.T, dir string, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Of a journal of which nothing can be read it is not said that the centre has it all.
func TestAJournalOfWhichNothingIsLeft(t *testing.T) {
	dir, j := box(t, 3, 0)
	shut(t, j)
	for _, name := range []string{"000001.db", "000001.log"} {
		if err := os.WriteFile(filepath.Join(dir, "journal", name), []byte("?"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for lang, want := range map[survey.Lang]string{"vi": "không đọc được bản ghi nào", "en": "no record of the journal in"} {
		code, out, errs := run(lang, "journal", "export", dir, filepath.Join(t.TempDir(), "file"))
		if code != 1 || out != "" || !strings.Contains(errs, want) || !strings.Contains(errs, "hailong salvage "+dir) {
			t.Errorf("exit %d %s%s", code, out, errs)
		}
	}
	if code, out, errs := run("en", "salvage", dir); code != 0 || !strings.Contains(out, "Segment 1: ") {
		t.Errorf("exit %d %s%s", code, out, errs)
	}
}
