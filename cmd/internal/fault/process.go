//go:build linux

package fault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Command is a program to start.
type Command struct {
	Path    string
	Args    []string
	Env     []string // beside the environment of the tests
	Through []string // a program that starts it, with its arguments: strace, ip netns exec
	In      *os.File // its standard input; nil = none
}

// Process is a running program, with whatever it was started through.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex // protects out
	out  bytes.Buffer
}

// Start starts a program. It and what it was started through are one process group, so
// that a signal reaches both.
func Start(c Command) (*Process, error) {
	line := append(append([]string{}, c.Through...), c.Path)
	line = append(line, c.Args...)
	p := &Process{name: filepath.Base(c.Path), cmd: exec.Command(line[0], line[1:]...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if c.In != nil {
		p.cmd.Stdin = c.In
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is for others to ask
		close(p.done)
	}()
	return p, nil
}

// Write takes what the program says.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Said is all that the program said so far.
func (p *Process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Done is closed once the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the program has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *Process) signal(s syscall.Signal) error { return syscall.Kill(-p.cmd.Process.Pid, s) }

// Kill ends the program as a power cut would end it: without a word. It returns when
// the program is gone.
func (p *Process) Kill() {
	_ = p.signal(syscall.SIGKILL) // it may have ended by itself
	<-p.done
}

// KillNow is Kill without waiting, for use where the program waits for the caller.
func (p *Process) KillNow() { _ = p.signal(syscall.SIGKILL) }

// Pause stops the program in the middle of whatever it does, until [Process.Continue].
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Continue lets a paused program go on.
func (p *Process) Continue() error { return p.signal(syscall.SIGCONT) }

// Stop asks the program to end, and is nil once it ended well.
func (p *Process) Stop(within time.Duration) error {
	if err := p.signal(syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(within):
		return fmt.Errorf("stop %s: it runs on after %s", p.name, within)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("stop %s: it ended with %d: %s", p.name, code, p.Said())
	}
	return nil
}

// CopyFolder copies a folder of plain files, as cloning a card would. to must not be
// there yet.
func CopyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.Mkdir(filepath.Join(to, rel), 0o700)
		}
		return copyFile(path, filepath.Join(to, rel))
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
