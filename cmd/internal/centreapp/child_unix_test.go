//go:build !windows

package centreapp_test

import (
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"hailong/cmd/internal/centreapp"
)

// childDies is the environment variable that makes the process that verifies a copy die:
// as a damaged page does it, in a goroutine that nobody recovers; as a page does that the
// disk cannot read; or as the system, or Go itself, does it where memory runs out.
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
	case "meets an unreadable page":
		f, err := os.CreateTemp("", "page")
		if err != nil {
			panic(err)
		}
		_ = os.Remove(f.Name())
		page, err := syscall.Mmap(int(f.Fd()), 0, os.Getpagesize(), syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			panic(err)
		}
		os.Exit(int(page[0])) // the file has no such page
	case "has no memory":
		if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 1, Max: 1}); err != nil {
			panic(err)
		}
		for taken := [][]byte{}; len(taken) < 1<<10; { // no page of it is ever touched
			taken = append(taken, make([]byte, 1<<20))
		}
	case "is killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// A backup whose judge was ended from outside, or ran out of memory, was not judged: restore
// does not call it unusable. The controls are judges whom the copy takes down, and one that
// lives.
func TestARestoreThatCouldNotJudge(t *testing.T) {
	const notJudged, damaged = "was not judged", "cannot be used"
	_, backup := backed(t)
	for how, want := range map[string]string{"is killed": notJudged, "has no memory": notJudged, "panics": damaged, "meets an unreadable page": damaged, "lives": ""} {
		if how == "has no memory" && runtime.GOOS != "linux" {
			continue // others do not hold a process to that limit
		}
		t.Setenv(childDies, how)
		data := t.TempDir()
		_, err := centreapp.Restore(t.Context(), centreapp.RestoreOptions{From: backup, Data: data, Program: os.Args[0]})
		if want == "" {
			if err != nil {
				t.Errorf("the control: %v", err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || (want == notJudged) == strings.Contains(err.Error(), "use another one") || names(t, data) != "" {
			t.Errorf("%s: %v; left are %s", how, err, names(t, data))
		}
	}
}

// A copy that takes down whoever verifies it takes down no service: the backup fails, in
// words, and no mark moves; only where the copy itself took it down is the store called
// damaged. The control is the same backup with a child that lives.
func TestVerifyingTakesNoServiceDown(t *testing.T) {
	for _, c := range []struct {
		how, why string
		damaged  bool
	}{
		{"panics", "panic: page 7 cannot be", true},
		{"is killed", "signal: killed", false},
		{"meets an unreadable page", "unexpected fault address", false}, // of the copy
		{"lives", "", false},
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
			if code, why := readiness(t, app); (code != http.StatusOK) != c.damaged || strings.Contains(why, "is damaged") != c.damaged {
				t.Errorf("a monitor hears %d %s", code, why)
			}
			t.Setenv(childDies, "lives")
			if code, body := ask(t, app, dir, "POST", "/api/v1/backups"); code != http.StatusCreated {
				t.Errorf("the next backup: %d %s", code, body)
			}
			if code, why := readiness(t, app); code != http.StatusOK || state(t, dir) != "in use" {
				t.Errorf("a verified backup does not end it: %d %s, %s", code, why, state(t, dir))
			}
		})
	}
}
