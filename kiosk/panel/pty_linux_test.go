package panel_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hailong/kiosk/panel"
	"hailong/survey"
)

// terminal is a pseudo-terminal: the box's end, and the path of the kiosk's.
func terminal(t *testing.T) (box *os.File, path string) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	box = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { _ = box.Close() }) // it may be unplugged already
	return box, fmt.Sprintf("/dev/pts/%d", n)
}

// hurried is the system's clock, in a hurry: it wakes early, and who looks again too soon
// waits again.
type hurried struct{ began time.Time }

func (c hurried) Now() time.Duration                   { return time.Since(c.began) }
func (hurried) After(d time.Duration) <-chan time.Time { return time.After(d / 50) }

// A button box on a real serial line: through the library, the terminal's settings and the
// kernel; unplugged in the middle of a word, and plugged in again as another device under
// the same name, as udev does it.
func TestAButtonBoxOnATerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usb-box")
	var mu sync.Mutex
	now := time.Now()
	later := func() time.Time { // each press is a minute after the one before
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Minute)
		return now
	}
	recorder, j := record(t, later)
	kept, told := make(chan survey.CounterCode, 16), make(chan string, 64)
	p := panel.New(panel.Device{
		Path: path, Kind: panel.Serial, Baud: 115200, Keys: map[string]survey.Level{"1": 1, "2": 2, "3": 3, "4": 4, "5": 5},
		Kept: panel.Signal{Send: "OK\r\n"},
	}, panel.Options{
		Record: recorder.Record, Now: later, Thanks: time.Nanosecond, Clock: hurried{time.Now()},
		Ask:    func() (string, survey.QuestionCode) { return "quick", "Z0" },
		OnKept: func(c survey.CounterCode) { kept <- c },
		Tell:   func(w survey.Words) { told <- w.In(survey.English) },
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	hears := func(part string) {
		t.Helper()
		for {
			select {
			case line := <-told:
				if strings.Contains(line, part) {
					return
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%q was not said", part)
			}
		}
	}
	plug := func() *os.File {
		box, end := terminal(t)
		if err := os.Symlink(end, path+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		hears("the device is there, and its buttons are recorded")
		return box
	}
	answers := func(box *os.File, words string) {
		t.Helper()
		if _, err := box.WriteString(words); err != nil {
			t.Fatal(err)
		}
		select {
		case <-kept:
		case <-time.After(10 * time.Second):
			t.Fatalf("%q is not kept", words)
		}
		if line, err := bufio.NewReader(box).ReadString('\n'); err != nil || line != "OK\r\n" {
			t.Errorf("the box was sent %q, %v", line, err)
		}
	}
	hears("the device is not there")
	box := plug()
	answers(box, "5\n")
	answers(box, "\x11\x13\x04\x03hello\r\n4\r\n") // control characters reach us, and mean nothing
	hears(`\x03hello", which is not in keys`)
	if _, err := box.WriteString("3"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), box.Close()); err != nil {
		t.Fatal(err)
	}
	hears("was unplugged")
	box = plug()
	answers(box, "\n2\n")
	answers(box, "1\n")
	stop()
	running.Wait()
	d := &desk{t: t, journal: j}
	if got := strings.Join(d.list(), " "); got != "5 4 2 1" {
		t.Errorf("the journal holds %s", got)
	}
	if st := p.State(); st.Open || st.Kept != 4 || st.Refused != 0 {
		t.Errorf("%+v", st)
	}
}

// A box may be opened by one program only, once, and again after it was closed.
func TestABoxIsClosedByItsReader(t *testing.T) {
	box, path := terminal(t)
	port, err := panel.Open(panel.Device{Path: path, Kind: panel.Serial})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := box.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	if n, err := port.Read(b); n != 1 || b[0] != 'x' || err != nil {
		t.Errorf("read %q, %v", b[:n], err)
	}
	ended := make(chan error)
	go func() { _, err := port.Read(b); ended <- err }()
	if err := port.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("a read that waited ended with %v", err)
	}
	if _, err := port.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a write after the end: %v", err)
	}
}

// A box that takes nothing any more, so that a signal hangs in its line, does not hold who
// reads it.
func TestABoxThatTakesNothing(t *testing.T) {
	device, path := terminal(t)
	port, err := panel.Open(panel.Device{Path: path, Kind: panel.Serial})
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { _, err := port.Write(make([]byte, 1<<20)); written <- err }()
	// The write has begun to fill the line when its first byte is here; it cannot end before
	// all of them are.
	if _, err := device.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := port.Close(); err != nil {
		t.Error(err)
	}
	if _, err := port.Read(make([]byte, 8)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the reader ended with %v", err)
	}
	select {
	case err := <-written:
		t.Errorf("the write ended, with %v: the line was not full", err)
	default:
	}
	if err := device.Close(); err != nil {
		t.Error(err)
	}
	<-written // the line is gone
}

// What is no keypad is not taken for one.
func TestWhatIsNoDevice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		kind panel.Kind
		want error
	}{
		{file, panel.Keys, panel.ErrNotGrabbed},
		{file + ".none", panel.Keys, fs.ErrNotExist},
		{file + ".none", panel.Serial, fs.ErrNotExist},
		{file, panel.Serial, nil},
	} {
		port, err := panel.Open(panel.Device{Path: c.path, Kind: c.kind})
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s as %s: %v, %v, want %v", c.path, c.kind, port, err, c.want)
		}
	}
}
