//go:build amd64 || arm64 || arm || 386 || riscv64

package panel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of evdev; see linux/input.h. Their numbers are these on all machines named
// above.
const (
	eviocGrab    = 0x40044590 // this program alone gets the events
	eviocClock   = 0x400445a0 // which clock stamps them
	eviocHeld    = 0x80004518 // which keys are down, as bits; the length is or-ed in
	eviocName    = 0x80004506 // what the device calls itself; the length is or-ed in
	lengthShift  = 16
	heldBytes    = (maxKey + 1) / 8
	longestNames = 128
)

// openKeypad opens an evdev device for this program alone.
func openKeypad(path string) (_ *Port, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := control(f, func(fd int) error { return unix.IoctlSetInt(fd, eviocGrab, 1) }); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotGrabbed, err)
	}
	if err := control(f, func(fd int) error { return unix.IoctlSetPointerInt(fd, eviocClock, unix.CLOCK_MONOTONIC) }); err != nil {
		return nil, fmt.Errorf("set the clock of %s: %w", path, err)
	}
	name := make([]byte, longestNames)
	if err := ask(f, eviocName, name); err != nil {
		name = nil // only for people
	}
	name, _, _ = bytes.Cut(name, []byte{0})
	return &Port{ReadWriteCloser: f, Name: string(name), Layout: OwnLayout, Held: func() ([]uint16, error) { return heldKeys(f) }}, nil
}

func heldKeys(f *os.File) (codes []uint16, err error) {
	bits := make([]byte, heldBytes)
	if err := ask(f, eviocHeld, bits); err != nil {
		return nil, fmt.Errorf("ask which keys are down: %w", err)
	}
	for code := range uint16(maxKey + 1) {
		if bits[code/8]&(1<<(code%8)) != 0 {
			codes = append(codes, code)
		}
	}
	return codes, nil
}

// ask makes a request that fills b.
func ask(f *os.File, request uintptr, b []byte) error {
	return control(f, func(fd int) error {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request|uintptr(len(b))<<lengthShift, uintptr(unsafe.Pointer(&b[0])))
		if errno != 0 {
			return errno
		}
		return nil
	})
}

// control does something with the file's descriptor, and leaves it as it is.
func control(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := c.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// monotonic is the kernel's clock that stamps events.
func monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return time.Since(began) // never so: every kernel has this clock
	}
	return time.Duration(t.Nano())
}

var began = time.Now()
