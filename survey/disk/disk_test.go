package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"hailong/survey/disk"
)

// only expects a folder to hold one file of that content, for its owner alone.
func only(t *testing.T, dir, name, content string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Fatalf("the folder holds %v, %v", entries, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || string(b) != content {
		t.Errorf("%s holds %q, %v", name, b, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%s is for others, too: %v, %v", name, info, err)
	}
}

func TestWriteReplacesTheWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	for _, content := range []string{"a long first content", "short"} {
		if err := disk.Write(path, content); err != nil {
			t.Fatal(err)
		}
		only(t, dir, "key", content)
	}
	// Half a file of a write that was cut off is in nobody's way.
	if err := os.WriteFile(path+".new", []byte("half of a content that is longer than the next"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := disk.Write(path, []byte("next")); err != nil {
		t.Fatal(err)
	}
	only(t, dir, "key", "next")
}

// TestWriteThatFailsLeavesTheOld: what cannot be put in its place is not left beside it.
func TestWriteThatFailsLeavesTheOld(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := disk.Write(path, "a file where a folder is"); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || !entries[0].IsDir() {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if err := disk.Write(filepath.Join(dir, "none", "key"), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in a folder that is not there: %v", err)
	}
}

func TestMakeFolder(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c")
	for range 2 { // the second time it is there
		if err := disk.MakeFolder(deep); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(deep); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
			t.Errorf("made %v, %v", info, err)
		}
	}
	t.Chdir(dir)
	if err := disk.MakeFolder("relative"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"file", filepath.Join("file", "below")} {
		if err := disk.MakeFolder(path); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("a folder in the place of a file, at %s: %v", path, err)
		}
	}
}

func TestSync(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.SyncData(f); err != nil {
		t.Error(err)
	}
	if err := errors.Join(f.Close(), disk.SyncFolder(filepath.Dir(f.Name()))); err != nil {
		t.Error(err)
	}
	if err := disk.SyncData(f); err == nil {
		t.Error("a closed file was synced")
	}
	if err := disk.SyncFolder(filepath.Join(filepath.Dir(f.Name()), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there was synced: %v", err)
	}
}
