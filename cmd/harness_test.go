package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hailong/cmd/internal/fault"
	"hailong/survey/score"
)

// childMode is the environment variable that makes the test binary run as a program of
// its own: see control_test.go.
const childMode = "HAILONG_TEST_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		os.Exit(child(mode, os.Args[1:]))
	}
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a temporary folder; nothing depends on it
	}
	os.Exit(code)
}

// built are the programs under test, built once.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// programs is the folder with the programs as a user would build them.
func programs(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "hailong-programs-"); built.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", built.dir, "./kiosk", "./aggregator", "./hailong")
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("build the programs: %v", built.err)
	}
	return built.dir
}

// process is a running program.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex // protects out
	out  bytes.Buffer
}

// launch starts a program; the test ends it if nothing else did.
func launch(t *testing.T, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(path), cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is for the test to ask
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", p.name, p.said())
		}
	})
	return p
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// kill ends the program as a power cut would end it: without a word.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// stop asks the program to end and waits until it has.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stop %s: %v", p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not stop within 30 s", p.name)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("%s ended with %d:\n%s", p.name, code, p.said())
	}
}

// settings writes a copy of a file of configs/ with some values changed. A key is
// written with its section: "centre.code". Each must be in the file.
func settings(t *testing.T, file, folder string, values map[string]string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "configs", file))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	section, left := "", len(values)
	for i, line := range lines {
		key, _, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		full := key
		if indent == "" {
			section = key
		} else {
			full = section + "." + key
		}
		if v, ok := values[full]; ok {
			lines[i] = indent + key + ": " + v
			left--
		}
	}
	if left != 0 {
		t.Fatalf("%s lacks a key of %v", file, values)
	}
	path := filepath.Join(folder, file)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// freeAddr is an address on this machine that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// within polls until ok, or fails the test.
func within(t *testing.T, d time.Duration, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(d)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, d, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// thanked is the answer to a press that was kept.
type thanked struct {
	ID       string `json:"id"`
	Sequence uint64 `json:"sequence"`
}

// send sends a press once. No error means 201: it is kept.
func send(kiosk string, p fault.Press) (thanked, error) {
	var got thanked
	status, err := fault.Call(http.MethodPost, kiosk+"/api/v1/responses", "", p, &got)
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("answered %d, want 201", status)
	}
	return got, err
}

// insist sends a press with the same key until it is thanked for.
func insist(kiosk string, p fault.Press, by time.Time) (thanked, error) {
	for {
		got, err := send(kiosk, p)
		if err == nil || time.Now().After(by) {
			return got, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// kioskStatus is /api/v1/status.
type kioskStatus struct {
	Kiosk     string   `json:"kiosk"`
	Counters  []string `json:"counters"`
	Last      uint64   `json:"last_sequence"`
	Receipted uint64   `json:"receipted_sequence"`
	Unsent    uint64   `json:"unsent"`
	Oldest    float64  `json:"oldest_unsent_seconds"`
	Link      struct {
		Connected bool    `json:"connected"`
		Problem   *string `json:"problem"`
	} `json:"link"`
}

func statusOf(kiosk string) (kioskStatus, error) {
	var st kioskStatus
	_, err := fault.Call(http.MethodGet, kiosk+"/api/v1/status", "", nil, &st)
	return st, err
}

// allSent is nil once a kiosk has records and the centre has signed for all of them.
func allSent(kiosk string) error {
	st, err := statusOf(kiosk)
	if err == nil && (st.Unsent != 0 || st.Last != st.Receipted) {
		err = fmt.Errorf("unsent %d of %d", st.Unsent, st.Last)
	}
	return err
}

// scores asks the centre.
func scores(centre, token, query string) (score.Result, error) {
	var r score.Result
	_, err := fault.Call(http.MethodGet, centre+"/api/v1/scores"+query, token, nil, &r)
	return r, err
}

// ready is nil once a program says that it is ready.
func ready(base string) func() error {
	return func() error {
		_, err := fault.Call(http.MethodGet, base+"/readyz", "", nil, nil)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil
		}
		return err
	}
}
