//go:build linux

package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Trace is one program's run under strace, which holds the program at each of certain
// system calls for a moment before the call takes effect.
type Trace struct {
	calls, file string
	hold        time.Duration
}

// NewTrace prepares a run. calls are names of system calls, separated by commas; hold is
// how long each of them is held up. strace's own log is written into folder.
func NewTrace(folder, calls string, hold time.Duration) *Trace {
	return &Trace{calls, filepath.Join(folder, "strace.log"), hold}
}

// Through is what the program is to be started through: see [Command].
func (t *Trace) Through() []string {
	return []string{
		"strace", "-f", "--seccomp-bpf", "-qq", "-o", t.file, "-e", "signal=none", "-e", "trace=" + t.calls,
		"-e", fmt.Sprintf("inject=%s:delay_enter=%d", t.calls, t.hold.Microseconds()), "--",
	}
}

// Calls is how many of the calls were begun so far, by all threads together.
func (t *Trace) Calls() (n int, err error) {
	b, err := os.ReadFile(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // strace has not begun
	} else if err != nil {
		return 0, fmt.Errorf("read what strace saw: %w", err)
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		_, rest, _ := strings.Cut(line, " ") // behind the thread's number
		if call, _, is := strings.Cut(strings.TrimSpace(rest), "("); is && !strings.ContainsAny(call, " <+") {
			n++
		}
	}
	return n, nil
}

// KillAt kills a program at the n-th of the calls, counted over all its threads from 1,
// while that call is held up; at most so long after now. It reports whether the call came.
func (t *Trace) KillAt(n int, p *Process, within time.Duration) (bool, error) {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(t.hold / 20) {
		seen, err := t.Calls()
		switch {
		case err != nil:
			return false, err
		case seen >= n:
			p.KillNow()
			return true, nil
		case !p.Running():
			return false, nil
		}
	}
	return false, nil
}
