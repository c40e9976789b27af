package panel

import (
	"encoding/binary"
	"strconv"
	"time"
)

// Layout is how long an event of the kernel is, in bytes. It goes by the word of the
// program that reads, not of the kernel: a 32-bit program on a 64-bit kernel gets short
// ones.
type Layout int

// The layouts of struct input_event: two words of time (seconds, microseconds), then
// type, code (16 bits each) and value (32 bits), in the byte order of all machines that
// the program is made for, the least byte first.
const (
	Layout64 Layout = 24
	Layout32 Layout = 16
	// OwnLayout is that of the running program.
	OwnLayout = Layout(8 + 2*strconv.IntSize/8)
)

// Types and codes of events that matter here; see linux/input-event-codes.h.
const (
	evSyn      = 0x00
	evKey      = 0x01
	evLED      = 0x11
	evSound    = 0x12
	synReport  = 0
	synDropped = 3
	sndTone    = 2
)

// The values of a key's event.
const (
	keyUp     = 0
	keyDown   = 1
	keyRepeat = 2 // the system repeats a key that is held: not a press
)

// event is one of the kernel's, or an untimed one of ours.
type event struct {
	at    time.Duration // by the kernel's monotonic clock; < 0 = it has no sensible time
	kind  uint16
	code  uint16
	value int32
}

// maxSeconds is more than a machine is ever up: later times are no times.
const maxSeconds = 100 * 365 * 24 * 60 * 60

// events takes events out of a stream of bytes that may be cut anywhere.
type events struct {
	layout Layout
	rest   []byte // the beginning of an event
}

// feed takes the next bytes.
func (d *events) feed(b []byte) (out []event) {
	n := int(d.layout)
	d.rest = append(d.rest, b...)
	for len(d.rest) >= n {
		out = append(out, d.layout.decode(d.rest[:n]))
		d.rest = d.rest[n:]
	}
	d.rest = append([]byte(nil), d.rest...)
	return out
}

func (l Layout) decode(b []byte) event {
	var sec, usec uint64
	if l == Layout32 {
		sec, usec = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[4:]))
	} else {
		sec, usec = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	}
	at := time.Duration(-1)
	if sec < maxSeconds && usec < 1_000_000 {
		at = time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond
	}
	b = b[l-8:]
	return event{at: at, kind: binary.LittleEndian.Uint16(b), code: binary.LittleEndian.Uint16(b[2:]), value: int32(binary.LittleEndian.Uint32(b[4:]))}
}

// encode appends the event as the kernel reads it: the time is the kernel's to know.
func (l Layout) encode(b []byte, kind, code uint16, value int32) []byte {
	b = append(b, make([]byte, l-8)...)
	b = binary.LittleEndian.AppendUint16(b, kind)
	b = binary.LittleEndian.AppendUint16(b, code)
	return binary.LittleEndian.AppendUint32(b, uint32(value))
}
