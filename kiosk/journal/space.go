package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hailong/survey/disk"
)

// Space is how much room a disk has, in bytes: Total is what is used and what is Free. What
// the system keeps back for itself is neither. A Total of 0 means that it is not known.
type Space struct{ Free, Total int64 }

// halfFull reports whether more is used than free.
func (s Space) halfFull() bool { return s.Free < s.Total-s.Free }

// The limits, where the options do not say otherwise.
const (
	defaultFull    = 50 << 20  // less than this free: no press is taken
	defaultSpare   = 200 << 20 // less than this free: what a backup holds may go before its time
	defaultBallast = 16 << 20
	defaultKeep    = 90 * 24 * time.Hour
)

// Files in the journal's folder besides the segments.
const (
	lockFile     = "lock"
	stateFile    = "state"    // how the last life ended: see state.go
	ballastFile  = "ballast"  // room set aside, given up when the disk is full and the journal must be repaired
	refusedFile  = "refused"  // presses refused because the disk was full
	goneFile     = "gone"     // and the chain: records up to which were let go
	strandedFile = "stranded" // and the chain: the record that the centre wants and that was let go: see stranded.go
	issuedFile   = "issued"   // and the chain: numbers that may have been given out: see reserve.go
)

// full reports whether a press would take the room that repair needs.
func (j *Journal) full() bool {
	s := j.opts.Space(j.dir)
	return s.Total > 0 && s.Free < j.opts.Full
}

// holdBallast sets room aside, if there is plenty.
func (j *Journal) holdBallast() {
	path := filepath.Join(j.dir, ballastFile)
	if _, err := os.Stat(path); err == nil || j.opts.Ballast < 0 {
		return
	}
	if s := j.opts.Space(j.dir); s.Free < 4*j.opts.Ballast+j.opts.Full {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return // without it there is a little less to fall back on
	}
	err = allocate(f, j.opts.Ballast)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
}

// counter is a number kept in a file of fixed size, written in place: it needs no room
// on a full disk. Two slots are written in turn, so that a torn write leaves the other; the
// first number goes into both, so that a slot of zeros beside a number is a lost one.
type counter struct {
	f *os.File
	slots
}

// slots are what a counter's file holds.
type slots struct {
	value uint64 // the greater of the numbers that are whole
	slot  int64  // where it stands
	known bool   // there is one
	bad   bool   // beside it, a slot cannot be read: its number may have been greater
}

const counterSlot = 512 // a sector: torn as a whole

func openCounter(path string) (*counter, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	c := &counter{f: f}
	b := make([]byte, 2*counterSlot)
	_, err = f.ReadAt(b, 0)
	c.slots = readSlots(b)
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF): // what it says is not known, and never will be
		if err := errors.Join(unread(path, err), f.Close()); !errors.Is(err, ErrDamaged) {
			return nil, err
		}
		if err := os.Rename(path, path+".damaged"); err != nil {
			return nil, fmt.Errorf("set %s aside: %w", filepath.Base(path), err)
		}
		return openCounter(path)
	default: // new, or cut short: it is made whole, with what is left of it and its folder entry
		if _, err = f.WriteAt(b, 0); err == nil {
			err = errors.Join(f.Sync(), disk.SyncFolder(filepath.Dir(path)))
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make %s: %w", filepath.Base(path), err), f.Close())
	}
	return c, nil
}

func readSlots(b []byte) (s slots) {
	for i := int64(0); len(b) >= counterSlot; i++ {
		v, whole := binary.BigEndian.Uint64(b), crc32.Checksum(b[:8], castagnoli) == binary.BigEndian.Uint32(b[8:])
		if whole && v >= s.value {
			s.value, s.slot, s.known = v, i, true
		}
		s.bad = s.bad || !whole
		b = b[counterSlot:]
	}
	s.bad = s.bad && s.known
	return s
}

// lower writes a number, durably, that may be less than the one before: into both slots,
// because the greater of two holds.
func (c *counter) lower(v uint64) error {
	c.known = false
	return c.set(v)
}

// set writes the number, durably. It is not less than the one before.
func (c *counter) set(v uint64) error {
	b := make([]byte, counterSlot) // all of it: the file's very length may stand in the system's memory only
	binary.BigEndian.PutUint64(b, v)
	binary.BigEndian.PutUint32(b[8:], crc32.Checksum(b[:8], castagnoli))
	slot := 1 - c.slot
	if !c.known || c.bad { // the first number, a lower one, or the other slot alone would be left to grow old
		b, slot = slices.Concat(b, b), 0
	}
	if _, err := c.f.WriteAt(b, slot*counterSlot); err != nil {
		return err
	}
	if err := disk.SyncData(c.f); err != nil {
		return err
	}
	c.slots = slots{value: v, slot: slot, known: true}
	return nil
}
