//go:build !windows

package centreapp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
)

// soon does something that must not wait for the folder of the backups.
func soon(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s waits for the folder of the backups", what)
	}
}

// A folder of backups on another machine may hang for hours. The centre starts, serves and
// stops all the same, and only what reads the folder itself waits. Here it hangs because a
// manifest is a pipe into which nobody writes.
func TestAFolderThatHangs(t *testing.T) {
	dir := t.TempDir()
	app := open(t, settings(dir))
	_, body := ask(t, app, dir, "POST", "/api/v1/backups")
	var made backupItem
	if err := json.Unmarshal([]byte(body), &made); err != nil || made.State != "verified" {
		t.Fatalf("%s %v", body, err)
	}
	closed(t, app)
	manifest := filepath.Join(made.Path, "manifest.json")
	whole, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, made.Path, "manifest.json")
	if err := syscall.Mkfifo(manifest, 0o600); err != nil {
		t.Skip(err)
	}
	letGo := func() { // whoever reads gets the manifest
		t.Helper()
		w, err := os.OpenFile(manifest, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if _, err := w.Write(whole); err != nil {
			t.Fatal(err)
		}
	}
	var log strings.Builder
	clock := newClock(time.Now())
	soon(t, "the start", func() {
		app, err = centreapp.New(t.Context(), settings(dir), centreapp.Options{Log: logTo(&log), Now: clock.now, BackupEvery: 5 * time.Millisecond})
	})
	if err != nil {
		t.Fatal(err)
	}
	stop, ended := running(t, app)
	eventually(t, "the folder is asked", func() bool {
		clock.set(clock.now().Add(time.Minute))
		return strings.Contains(fmt.Sprint(listed(t, app, dir)), "does not answer")
	})
	posted := make(chan struct{})
	go func() {
		defer close(posted)
		ask(t, app, dir, "POST", "/api/v1/backups")
	}()
	soon(t, "the service", func() {
		eventually(t, "ready", func() bool { code, _ := readiness(t, app); return code == http.StatusOK })
		sendBatch(t, app)
		for _, path := range []string{"/api/v1/backups", "/", "/closings", "/metrics"} {
			if code, body := ask(t, app, dir, "GET", path); code != http.StatusOK {
				t.Errorf("GET %s: %d %s", path, code, body)
			}
		}
	})
	select { // the control: the folder hangs
	case <-posted:
		t.Error("a backup was made in a folder that hangs")
	case <-time.After(50 * time.Millisecond):
	}
	stop()
	soon(t, "the end of the work", func() {
		if err := wait(t, ended); err != nil {
			t.Error(err)
		}
	})
	soon(t, "the stop", func() { closed(t, app) })
	if !strings.Contains(log.String(), "does not end") {
		t.Errorf("the log does not say what was left: %s", log.String())
	}
	letGo()
	<-posted
}
