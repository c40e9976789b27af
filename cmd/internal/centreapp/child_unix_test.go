//go:build !windows

package centreapp_test

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"hailong/cmd/internal/centreapp"
)

// childDies is the environment variable that makes the process that verifies a copy die:
// as a damaged page does it, in a goroutine that nobody recovers, or as the system does it
// where memory runs out.
const childDies = "HAILONG_TEST_CHILD"

// dieAsChild does so if this is such a process.
func dieAsChild() {
	if len(os.Args) != 4 || os.Args[1] != "store-child" {
		return
	}
	switch os.Getenv(childDies) {
	case "panics":
		go func() { panic("page 7 cannot be") }()
		select {}
	case "is killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// A backup whose judge was ended from outside was not judged: restore does not call it
// unusable. The controls are a judge whom the copy takes down, and one that lives.
func TestARestoreThatCouldNotJudge(t *testing.T) {
	_, backup := backed(t)
	for how, want := range map[string]string{"is killed": "was not judged", "panics": "cannot be used", "lives": ""} {
		t.Setenv(childDies, how)
		data := t.TempDir()
		_, err := centreapp.Restore(t.Context(), centreapp.RestoreOptions{From: backup, Data: data, Program: os.Args[0]})
		if want == "" {
			if err != nil {
				t.Errorf("the control: %v", err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || (how == "is killed") == strings.Contains(err.Error(), "use another one") || names(t, data) != "" {
			t.Errorf("%s: %v; left are %s", how, err, names(t, data))
		}
	}
}

// A copy that takes down whoever verifies it takes down no service: the backup fails, in
// words, and no mark moves. The control is the same backup with a child that lives.
func TestVerifyingTakesNoServiceDown(t *testing.T) {
	for _, c := range []struct{ how, why string }{
		{"panics", "panic: page 7 cannot be"},
		{"is killed", "signal: killed"},
		{"lives", ""},
	} {
		t.Run(c.how, func(t *testing.T) {
			dir := t.TempDir()
			app := withOneBatch(t, settings(dir), withChild)
			t.Setenv(childDies, c.how)
			code, body := ask(t, app, dir, "POST", "/api/v1/backups")
			if c.why == "" {
				if code != http.StatusCreated || !marked(t, app) {
					t.Errorf("the control: %d %s, marked %v", code, body, marked(t, app))
				}
				return
			}
			if code != http.StatusServiceUnavailable || !strings.Contains(body, c.why) {
				t.Errorf("%d %s", code, body)
			}
			if marked(t, app) {
				t.Error("the mark moved")
			}
			if list := listed(t, app, dir); len(list) != 1 || list[0].State != "failed" || !strings.Contains(list[0].Error, c.why) {
				t.Errorf("listed are %+v", list)
			}
			if code, why := readiness(t, app); code != http.StatusOK {
				t.Errorf("it does not serve any more: %d %s", code, why)
			}
		})
	}
}
