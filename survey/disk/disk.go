// Package disk makes files and folders that a power cut leaves as they were promised: a
// file's content is safe once the file is synced, its name once the folder is. Errors are
// the system's own and name the path.
package disk

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Write replaces a small file whole, readable by its owner only: the old content or the new
// is there, never a part, and the new one survives a power cut once this returns. A stop on
// the way leaves at most one file beside it, of the same name with .new, which the next
// write replaces.
func Write[content string | []byte](path string, c content) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(c))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

// MakeFolder makes a folder for its owner only, and those above it that are missing, so
// that a power cut leaves it there. One that is there may have been made a moment before
// such a cut.
func MakeFolder(path string) error {
	above := filepath.Dir(path)
	if _, err := os.Stat(above); errors.Is(err, os.ErrNotExist) {
		if err := MakeFolder(above); err != nil {
			return err
		}
	}
	made := os.Mkdir(path, 0o700)
	if made != nil && !errors.Is(made, os.ErrExist) {
		return made
	}
	if there, err := os.Stat(path); err != nil || !there.IsDir() {
		return cmp.Or[error](err, &os.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR})
	}
	err := SyncFolder(above)
	if made != nil && errors.Is(err, os.ErrPermission) {
		return nil // whoever made it there, it was not this program
	}
	return err
}

// SyncFolder makes durable what was made, renamed or removed in a folder. Windows has no
// such call, and writes a folder's entries through.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
