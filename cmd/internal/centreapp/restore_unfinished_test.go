package centreapp_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/cmd/internal/centreapp"
)

// Where a restore into a new folder was not finished, no new centre begins: kiosks would
// believe none of its receipts, and its key would stand in the way when it is done again.
func TestARestoreThatWasNotFinished(t *testing.T) {
	made, backup := backed(t)
	restore := func(ctx context.Context, from, dir string) error {
		_, err := centreapp.Restore(ctx, centreapp.RestoreOptions{From: from, Data: dir})
		return err
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, begin := range map[string]func(dir string) error{
		"told to stop while it copied": func(dir string) error { return restore(stopped, backup, dir) },
		"the backup was damaged":       func(dir string) error { return restore(t.Context(), damagedCopy(t, backup), dir) },
		"cut off while it verified": func(dir string) error {
			copyFile(t, filepath.Join(backup, "store.db"), filepath.Join(dir, "restore.partial", "store.db"))
			return errors.New("cut off")
		},
		"cut off after a first start that was, too": func(dir string) error {
			put(t, dir, "store.state", "making\n")
			return errors.New("cut off")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if strings.HasPrefix(name, "cut off") {
				if err := os.Mkdir(filepath.Join(dir, "restore.partial"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if begin(dir) == nil {
				t.Fatal("it was finished")
			}
			for range 2 { // the second time, too
				app, err := centreapp.New(t.Context(), settings(dir), centreapp.Options{Program: os.Args[0]})
				if err == nil {
					t.Fatal("it started", app.Close())
				}
				cure := "hailong restore --from BACKUP --data " + dir + " ;"
				said(t, err, filepath.Join(dir, "restore.partial"), "", cure, cure)
			}
			if err := restore(t.Context(), backup, dir); err != nil {
				t.Fatal(err)
			}
			closed(t, open(t, settings(dir), withChild))
			if !bytes.Equal(publicKey(t, dir), publicKey(t, made)) {
				t.Error("the centre has another key")
			}
			if _, err := os.Stat(filepath.Join(dir, "restore.partial")); !os.IsNotExist(err) {
				t.Errorf("left over: %v", err)
			}
		})
	}
}
