//go:build linux

package fault

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// need skips a test that lacks a program.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("HAILONG_REQUIRE") != "" {
		t.Fatalf("this test needs %s", program)
	}
	t.Skipf("this test needs %s", program)
}

// started starts a program for the length of the test.
func started(t *testing.T, c Command) *Process {
	t.Helper()
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 5 s: ", what)
		}
	}
}

func TestAProcessIsPausedContinuedStoppedAndKilled(t *testing.T) {
	count := Command{Path: "/bin/sh", Args: []string{"-c", `trap "exit 0" TERM; while :; do echo $N; sleep 0.01; done`}, Env: []string{"N=tick"}}
	p := started(t, count)
	until(t, "it ticks", func() bool { return strings.Contains(p.Said(), "tick") })
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(30 * time.Millisecond) // a tick may be on its way
	before := len(p.Said())
	time.Sleep(60 * time.Millisecond)
	if len(p.Said()) != before {
		t.Fatal("a paused process goes on")
	}
	if err := p.Continue(); err != nil {
		t.Fatal(err)
	}
	until(t, "it ticks again", func() bool { return len(p.Said()) > before })
	if err := p.Stop(5 * time.Second); err != nil || p.Running() {
		t.Fatal(err)
	}
	p = started(t, count)
	p.Kill()
	if err := p.Stop(time.Second); err == nil {
		t.Fatal("a killed process is said to have stopped well")
	}
}

func TestAFolderIsCopiedWhole(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "clone")
	if err := os.MkdirAll(filepath.Join(from, "journal"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "journal", "x"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CopyFolder(from, to); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(to, "journal", "x")); err != nil || string(b) != "content" {
		t.Fatalf("%q %v", b, err)
	}
	if err := CopyFolder(from, to); err == nil {
		t.Fatal("a clone was written over another")
	}
}

// traced runs the bbolt writer under strace, and kills it at the n-th sync; 0 = never.
func traced(t *testing.T, n int) (trace *Trace, hit bool, said string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	trace = NewTrace(dir, "fdatasync,fsync", holdSync)
	p := started(t, Command{Path: self, Args: []string{filepath.Join(dir, "x.db")}, Env: []string{childMode + "=" + boltWrites}, Through: trace.Through()})
	if n > 0 {
		if hit, err = trace.KillAt(n, p, startWithin); err != nil {
			t.Fatal(err)
		}
	}
	<-p.Done()
	return trace, hit, p.Said()
}

func TestStraceCountsAndKills(t *testing.T) {
	need(t, "strace")
	trace, _, said := traced(t, 0)
	total, err := trace.Calls()
	if err != nil || total < 2*boltCommits || !strings.Contains(said, fmt.Sprint(boltCommits-1)) {
		t.Fatalf("%d commits: %d syncs, %v\n%s", boltCommits, total, err, said)
	}
	if _, hit, said := traced(t, 9); !hit || !strings.Contains(said, "0\n") || strings.Contains(said, fmt.Sprint(boltCommits/2)) {
		t.Fatalf("killed at the 9th sync, %t:\n%s", hit, said)
	}
	if trace, hit, _ := traced(t, total+1); hit {
		n, err := trace.Calls()
		t.Fatalf("killed after the end: %d, %v", n, err)
	}
}

// namespace is a network namespace for the length of the test.
func namespace(t *testing.T) *Namespace {
	t.Helper()
	ns, err := NewNamespace()
	if errors.Is(err, ErrNotPermitted) {
		t.Skip(err) // a right that no package brings
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Close(); err != nil {
			t.Error(err)
		}
	})
	return ns
}

// listenInside opens a listener that belongs to the namespace, though this process does
// not run in it.
func listenInside(t *testing.T, ns *Namespace) (l net.Listener) {
	t.Helper()
	err := errors.New("the thread ended")
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var f *os.File
		if f, err = os.Open("/run/netns/" + ns.name); err != nil {
			return
		}
		defer f.Close()
		if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
			l, err = net.Listen("tcp", ns.Inside+":0")
		}
	}()
	<-done
	if err != nil {
		t.Fatalf("listen in a network namespace: %v", err)
	}
	return l
}

func TestTheCableOfANamespace(t *testing.T) {
	need(t, "ip")
	ns := namespace(t)
	addr := echo(t, ns.Host+":0")
	_, port, _ := net.SplitHostPort(addr)
	script := fmt.Sprintf(`exec 3<>/dev/tcp/%s/%s; while read line; do echo "$line" >&3; read -t 1 back <&3 && echo "heard $back" || echo nothing; done`, ns.Host, port)
	c := exec.Command(ns.Through()[0], append(ns.Through()[1:], "bash", "-c", script)...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = c.Wait() })
	answers := bufio.NewScanner(out)
	ask := func(word string) string {
		fmt.Fprintln(in, word)
		answers.Scan()
		return answers.Text()
	}
	if got := ask("one"); got != "heard one" {
		t.Fatalf("with the cable in: %q", got)
	}
	if err := ns.Down(); err != nil {
		t.Fatal(err)
	}
	if got := ask("two"); got != "nothing" {
		t.Fatalf("with the cable out: %q", got)
	}
	if err := ns.Up(); err != nil {
		t.Fatal(err)
	}
	until(t, "TCP sends again what was on its way", func() bool { return ask("three") == "heard two" })
}
