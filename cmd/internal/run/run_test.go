package run_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hailong/cmd/internal/run"
	"hailong/survey"
)

// service is a program that does nothing until it is told to stop.
type service struct {
	running    chan struct{} // closed when Run began
	errRun     error         // Run ends with it at once
	errClose   error
	closed     int
	configFile string
}

func (s *service) Run(ctx context.Context) error {
	close(s.running)
	if s.errRun != nil {
		return s.errRun
	}
	<-ctx.Done()
	return nil
}

func (s *service) Close() error {
	s.closed++
	return s.errClose
}

// call runs a program's main with a service and gives what it said.
func call(s *service, errStart error, args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	s.running = make(chan struct{})
	code = run.Main("quay", args, &o, &e, func(_ context.Context, file string, _ *slog.Logger) (run.Service, error) {
		s.configFile = file
		if errStart != nil {
			return nil, errStart
		}
		return s, nil
	})
	return code, o.String(), e.String()
}

func TestTheCommandLine(t *testing.T) {
	stopped := errors.New("stopped by itself")
	for _, c := range []struct {
		args        []string
		code        int
		out, errOut string // contained
		started     bool
	}{
		{[]string{"--help"}, run.Done, "--config FILE", "", false},
		{[]string{"-h"}, run.Done, "Cách dùng / Usage: quay", "", false},
		{[]string{"--version"}, run.Done, "quay ", "", false},
		{[]string{"--colour"}, run.Usage, "", "-colour", false},
		{[]string{"--config"}, run.Usage, "", "-config", false},
		{[]string{"--version=maybe"}, run.Usage, "", "maybe", false},
		{[]string{"kiosk.yaml"}, run.Usage, "", `unexpected argument "kiosk.yaml"`, false},
		{[]string{"--config", "kiosk.yaml", "more"}, run.Usage, "", `"more"`, false},
		{[]string{"--config", "kiosk.yaml"}, run.Failed, "", "stopped by itself", true},
		{nil, run.Failed, "", "stopped by itself", true},
	} {
		t.Run(fmt.Sprint(c.args), func(t *testing.T) {
			s := &service{errRun: stopped}
			code, out, errOut := call(s, nil, c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.errOut) {
				t.Fatalf("exit code %d, want %d; out %q; err %q", code, c.code, out, errOut)
			}
			if c.code == run.Usage && (!strings.Contains(errOut, "Usage: quay") || out != "") {
				t.Fatalf("wrong usage is answered by out %q, err %q", out, errOut)
			}
			if (s.closed == 1) != c.started {
				t.Fatalf("the service was closed %d times", s.closed)
			}
			if c.started && len(c.args) > 1 && s.configFile != c.args[1] {
				t.Fatalf("started with the file %q", s.configFile)
			}
		})
	}
}

func TestAStartThatFailsIsSaidInBothLanguages(t *testing.T) {
	var ps survey.Problems
	ps.Add("listen", "x", "cần địa chỉ dạng máy:cổng", "an address host:port is needed")
	code, out, errOut := call(&service{}, fmt.Errorf("the settings: %w", ps))
	if code != run.Failed || out != "" {
		t.Fatalf("exit code %d, out %q", code, out)
	}
	vi, en := strings.Index(errOut, "cần địa chỉ dạng máy:cổng"), strings.Index(errOut, "an address host:port is needed")
	if vi < 0 || en < vi {
		t.Fatalf("it said %q, want Vietnamese, then English", errOut)
	}
	_, _, errOut = call(&service{}, errors.New("một câu / one sentence"))
	if errOut != "quay: một câu / one sentence\n" {
		t.Fatalf("it said %q", errOut)
	}
}

func TestASignalStopsInOrder(t *testing.T) {
	for _, c := range []struct {
		signal   syscall.Signal
		errClose error
		code     int
	}{
		{syscall.SIGTERM, nil, run.Done},
		{syscall.SIGINT, nil, run.Done},
		{syscall.SIGTERM, errors.New("the disk is gone"), run.Failed},
	} {
		s := &service{errClose: c.errClose, running: make(chan struct{})}
		done := make(chan int, 1)
		var said bytes.Buffer
		go func() {
			done <- run.Main("quay", nil, &said, &said, func(context.Context, string, *slog.Logger) (run.Service, error) { return s, nil })
		}()
		<-s.running
		interrupt(t, c.signal)
		select {
		case code := <-done:
			if code != c.code || s.closed != 1 {
				t.Errorf("after %s: exit code %d, want %d; closed %d times; it said %q", c.signal, code, c.code, s.closed, said.String())
			}
			if c.errClose != nil && !strings.Contains(said.String(), c.errClose.Error()) {
				t.Errorf("the error of stopping was not said: %q", said.String())
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s did not stop it within 5 s", c.signal)
		}
	}
}

// A start that takes minutes ends soon after it is told to stop, whether it listens, has just
// become ready, or cannot be interrupted; a start that fails by itself is a failure.
func TestASignalDuringAStart(t *testing.T) {
	never := make(chan struct{})
	for name, c := range map[string]struct {
		start  func(ctx context.Context, s *service) (run.Service, error)
		closed int
		says   string
	}{
		"it listens": {func(ctx context.Context, _ *service) (run.Service, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("look at the store: %w", ctx.Err())
		}, 0, "look at the store"},
		"it has just become ready": {func(ctx context.Context, s *service) (run.Service, error) {
			<-ctx.Done()
			return s, nil
		}, 1, "stopped"},
		"it does not listen": {func(context.Context, *service) (run.Service, error) {
			<-never
			return nil, nil
		}, 0, "abandoned"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{running: make(chan struct{})}
			starting, done := make(chan struct{}), make(chan int, 1)
			var said bytes.Buffer
			go func() {
				done <- run.Main("quay", nil, &said, &said, func(ctx context.Context, _ string, _ *slog.Logger) (run.Service, error) {
					close(starting)
					return c.start(ctx, s)
				})
			}()
			<-starting
			interrupt(t, syscall.SIGTERM)
			select {
			case code := <-done:
				if code != run.Done || s.closed != c.closed || !strings.Contains(said.String(), c.says) {
					t.Errorf("exit code %d; closed %d times, want %d; it said %q, want %q", code, s.closed, c.closed, said.String(), c.says)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("SIGTERM did not stop it within 5 s")
			}
		})
	}
}

// interrupt sends this very program a signal.
func interrupt(t *testing.T, s syscall.Signal) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(s)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAStackClosesTheLastFirst(t *testing.T) {
	var order []string
	var s run.Stack
	for _, name := range []string{"store", "broker", "console"} {
		s.Push("the "+name, func() error {
			order = append(order, name)
			if name == "broker" {
				return errors.New("it hangs")
			}
			return nil
		})
	}
	err := s.Close()
	if !slices.Equal(order, []string{"console", "broker", "store"}) {
		t.Fatalf("closed %v: one that fails must not keep the others open", order)
	}
	if err == nil || err.Error() != "stop the broker: it hangs" {
		t.Fatalf("error %v", err)
	}
	if err := s.Close(); err != nil || len(order) != 3 {
		t.Fatalf("the second time: %v, closed %v", err, order)
	}
}

func TestAnAddressThatCannotBeOpenedIsNamed(t *testing.T) {
	l, err := run.Listen("listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, addr := range []string{l.Addr().String(), "127.0.0.1:99999", "không đâu"} {
		_, err := run.Listen("nats.listen", addr)
		var op *net.OpError
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("nats.listen = %q", addr)) || !errors.As(err, &op) {
			t.Errorf("%s: %v, want the setting, the address and the cause", addr, err)
		}
	}
}
