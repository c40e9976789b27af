package panel

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.bug.st/serial"
)

// boxLook is how often a box's reader looks whether it should end.
const boxLook = 100 * time.Millisecond

// openBox opens a button box.
func openBox(d Device) (_ *Port, err error) {
	defer guard(&err)
	port, err := serial.Open(d.Path, &serial.Mode{BaudRate: cmp.Or(d.Baud, defaultBaud), DataBits: 8})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", d.Path, boxError(err))
	}
	if err := port.SetReadTimeout(boxLook); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", d.Path, err), port.Close())
	}
	return &Port{ReadWriteCloser: &box{port: port}}, nil
}

// boxError gives an error of the library the name that the system's own have.
func boxError(err error) error {
	var p *serial.PortError
	if !errors.As(err, &p) {
		return err
	}
	switch p.Code() {
	case serial.PermissionDenied:
		return fs.ErrPermission
	case serial.PortNotFound:
		return fs.ErrNotExist
	default:
		return err
	}
}

// guard makes an error of a panic: the library reads by select(2), which knows no
// descriptors above 1,023.
func guard(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("the serial line cannot be used: %v", cause)
	}
}

// box is a serial line. It is closed by the goroutine that reads it, and never while it is
// written: a closed descriptor may be another file's a moment later.
type box struct {
	port    serial.Port
	closing atomic.Bool
	once    sync.Once
	writing sync.Mutex // held while writing and closing
}

// Read implements [io.Reader]. It ends within a tenth of a second of Close.
func (b *box) Read(p []byte) (int, error) {
	for {
		n, err := 0, error(os.ErrClosed)
		if !b.closing.Load() {
			n, err = b.read(p)
		}
		if err != nil {
			b.closing.Store(true)
			b.once.Do(b.shut)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (b *box) read(p []byte) (_ int, err error) {
	defer guard(&err)
	return b.port.Read(p)
}

// shut closes the line, at once or when the write that hangs in it ends.
func (b *box) shut() {
	if b.writing.TryLock() {
		defer b.writing.Unlock()
		_ = b.port.Close() // what could be lost by it was read and written
		return
	}
	go func() {
		b.writing.Lock()
		defer b.writing.Unlock()
		_ = b.port.Close()
	}()
}

// Write implements [io.Writer].
func (b *box) Write(p []byte) (int, error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	if b.closing.Load() {
		return 0, os.ErrClosed
	}
	return b.port.Write(p)
}

// Close implements [io.Closer]: the reader closes the line.
func (b *box) Close() error {
	b.closing.Store(true)
	return nil
}
