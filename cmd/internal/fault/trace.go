//go:build linux

package fault

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Injection says what strace does to a program, and when.
type Injection struct {
	// Calls are names of system calls, separated by commas: fdatasync, fsync, pwrite64,
	// write, ftruncate, renameat, unlinkat.
	Calls string
	// Paths restricts it to calls on these files and folders; empty = all.
	Paths []string
	// Do is what happens at the n-th call: "signal=SIGKILL", "error=EIO", "error=ENOSPC".
	// "" only counts.
	Do string
	// Nth is counted by strace for each thread and each kind of call by itself, from 1.
	// So one run may be hit more than once, and an enumeration up to a run without a hit
	// has tried every place at least once per number and not once per call. For an exact
	// one use [Disk.At].
	Nth int
}

// Trace is one program's run under strace.
type Trace struct {
	injection Injection
	file      string
}

// NewTrace prepares a run; strace's own log is written into folder.
func NewTrace(folder string, i Injection) *Trace {
	return &Trace{i, filepath.Join(folder, "strace.log")}
}

// Through is what the program is to be started through: see [Command].
func (t *Trace) Through() []string {
	line := []string{"strace", "-f", "-qq", "-y", "-o", t.file, "-e", "signal=none", "-e", "trace=" + t.injection.Calls}
	for _, p := range t.injection.Paths {
		line = append(line, "-P", p)
	}
	if t.injection.Do != "" {
		line = append(line, "-e", fmt.Sprintf("inject=%s:%s:when=%d", t.injection.Calls, t.injection.Do, t.injection.Nth))
	}
	return append(line, "--")
}

// Traced is what a traced run showed.
type Traced struct {
	Points int            // calls that were seen
	ByCall map[string]int // the same by name
	Hit    bool           // whether the injection was reached: if not, an enumeration is complete
}

// Report reads what the run showed so far.
func (t *Trace) Report() (Traced, error) {
	r := Traced{ByCall: map[string]int{}}
	f, err := os.Open(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil // strace itself was ended before it wrote anything
	} else if err != nil {
		return r, fmt.Errorf("read what strace saw: %w", err)
	}
	defer f.Close()
	perThread := map[string]int{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		thread, rest, _ := strings.Cut(lines.Text(), " ")
		call, _, isCall := strings.Cut(strings.TrimSpace(rest), "(")
		if !isCall || strings.ContainsAny(call, " <+") {
			continue
		}
		r.Points++
		r.ByCall[call]++
		perThread[thread+call]++
		if t.injection.Do != "" && perThread[thread+call] == t.injection.Nth {
			r.Hit = true
		}
	}
	if err := lines.Err(); err != nil {
		return r, fmt.Errorf("read what strace saw: %w", err)
	}
	return r, nil
}
