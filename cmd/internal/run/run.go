// Package run is what the programs share around their work: the log, the signals, the
// exit code, and stopping in order.
package run

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"hailong/survey"
)

// The exit codes of every program.
const (
	Done   = 0
	Failed = 1
	Usage  = 2
)

// StopWithin is how long a program may take to stop by itself.
const StopWithin = 20 * time.Second

// abandonAfter is how long a start may go on once the program is asked to stop.
const abandonAfter = 2 * time.Second

// Service is a program as a value: made ready by its constructor, it works in Run until
// ctx ends, and Close releases what it holds. Close may be called without Run.
type Service interface {
	Run(ctx context.Context) error
	Close() error
}

// Main is the whole of a daemon's main: it reads --config and --version, makes the
// service, runs it until it is told to stop, and returns the exit code. A start that is
// told to stop by its context and does not end is abandoned: what it has under way is then
// left as a power cut would leave it, because the program ends.
func Main(name string, args []string, out, errOut io.Writer, start func(ctx context.Context, configFile string, log *slog.Logger) (Service, error)) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	config := flags.String("config", "", "")
	version := flags.Bool("version", false, "")
	usage := fmt.Sprintf(`Cách dùng / Usage: %s [--config FILE] [--version]

  --config FILE   tệp cấu hình YAML; không có = mặc định an toàn trên máy này
                  YAML settings; none = safe defaults on this machine (see configs/)
  --version       in phiên bản / print the version
`, name)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return Done
	case err != nil || flags.NArg() > 0:
		if err == nil {
			err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
		}
		fmt.Fprintf(errOut, "%s: %v\n\n%s", name, err, usage)
		return Usage
	case *version:
		fmt.Fprintln(out, name, Version())
		return Done
	}
	log := slog.New(slog.NewTextHandler(errOut, nil))
	ctx, stop := Signals(context.Background())
	defer stop()
	s, err := begin(ctx, func() (Service, error) { return start(ctx, *config, log) })
	switch {
	case err != nil && errors.Is(err, ctx.Err()):
		log.Info("stopped before it was ready", "cause", err)
		return Done
	case err != nil:
		tell(errOut, name, err)
		return Failed
	}
	err = s.Run(ctx)
	if err := errors.Join(err, s.Close()); err != nil {
		log.Error("stopped", "error", err)
		return Failed
	}
	log.Info("stopped")
	return Done
}

// begin starts a service, and does not wait long for it after ctx has ended.
func begin(ctx context.Context, start func() (Service, error)) (Service, error) {
	type begun struct {
		Service
		error
	}
	done := make(chan begun, 1)
	go func() {
		s, err := start()
		done <- begun{s, err}
	}()
	select {
	case b := <-done:
		return b.Service, b.error
	case <-ctx.Done():
	}
	select {
	case b := <-done:
		return b.Service, b.error
	case <-time.After(abandonAfter):
		return nil, fmt.Errorf("the start was abandoned: %w", ctx.Err())
	}
}

// tell says why a program did not start: in Vietnamese first where the error has words
// in both languages.
func tell(w io.Writer, name string, err error) {
	if both := (interface{ Text(survey.Lang) string })(nil); errors.As(err, &both) {
		fmt.Fprintf(w, "%s: %s\n", name, both.Text(survey.Vietnamese))
	}
	fmt.Fprintf(w, "%s: %v\n", name, err)
}

// Signals ends the context when the program is asked to stop.
func Signals(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// Version is the program's version as it was built.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && !strings.Contains(v, s.Value[:12]) {
			v += " " + s.Value[:12]
		}
	}
	return v + " " + info.GoVersion
}

// Listen opens an address, and says so plainly when it cannot.
func Listen(setting, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s = %q: không mở được địa chỉ này, có thể chương trình khác đang dùng / the address cannot be opened; another program may be using it: %w", setting, addr, err)
	}
	return l, nil
}

// Stack closes what was opened, the last first. The zero Stack is empty.
type Stack struct {
	mu    sync.Mutex // protects parts
	parts []part
}

type part struct {
	name  string
	close func() error
}

// Push adds something to close; name says what it is.
func (s *Stack) Push(name string, close func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, part{name, close})
}

// Close closes everything, once; calling it again does nothing.
func (s *Stack) Close() error {
	s.mu.Lock()
	parts := s.parts
	s.parts = nil
	s.mu.Unlock()
	var all error
	for i := len(parts) - 1; i >= 0; i-- {
		if err := parts[i].close(); err != nil {
			all = errors.Join(all, fmt.Errorf("stop %s: %w", parts[i].name, err))
		}
	}
	return all
}

// Self is this program's own file, to be started again: on Linux by a name that goes on
// meaning the running program after an upgrade has replaced its file. "" where it cannot
// be told.
func Self() string {
	const running = "/proc/self/exe"
	if _, err := os.Stat(running); err == nil && runtime.GOOS == "linux" {
		return running
	}
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}
