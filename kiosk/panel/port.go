package panel

import (
	"errors"
	"io"
	"time"
)

// Port is an open device.
type Port struct {
	// Close ends a Read that waits in another goroutine.
	io.ReadWriteCloser
	Name   string                   // as the device calls itself; "" = not known
	Layout Layout                   // of a keypad's events; 0 = OwnLayout
	Held   func() ([]uint16, error) // the codes of a keypad's keys that are down now; nil = not known
}

// ErrNotGrabbed says that a keypad is not this program's alone. Its keys would reach the
// browser, too, and a press would count twice.
var ErrNotGrabbed = errors.New("the keypad cannot be had alone (EVIOCGRAB)")

// ErrNotHere says that this system has no evdev.
var ErrNotHere = errors.New("keypads and GPIO keys are read on Linux only")

// Open opens a panel's device as the system has it.
func Open(d Device) (*Port, error) {
	if d.Kind == Serial {
		return openBox(d)
	}
	return openKeypad(d.Path)
}

// Clock is the time that panels go by. It never goes back, and has no date.
type Clock interface {
	// Now is the clock by which the kernel stamps a keypad's events.
	Now() time.Duration
	// After sends once d has passed.
	After(d time.Duration) <-chan time.Time
}

// clock is the system's.
type clock struct{}

// Now implements [Clock].
func (clock) Now() time.Duration { return monotonic() }

// After implements [Clock].
func (clock) After(d time.Duration) <-chan time.Time { return time.After(d) }
