package custody

import (
	"errors"
	"fmt"
	"time"

	"hailong/survey"
)

// ClockState says whether a record's wall time tells its day.
type ClockState uint8

// The states. A kiosk is sure of its clock after a contact with the centre in the same
// boot, or where a hardware clock agreed with the centre's at the last contact.
const (
	ClockSure   ClockState = 0 // Wall is the kiosk's best knowledge, within an hour or within the day
	ClockUnsure ClockState = 1 // Wall is what the box said; the day is not known unless a [ClockRecord] tells it later
)

// BootID names one start of the kiosk program; a record's Mono counts from it.
type BootID = [16]byte

// BootClock says when a boot began, by the centre's clock. A kiosk learns it by asking
// for its mark: the centre signed its answer after the question left and before it came
// back. Of boots without a contact it knows what lies between: they began after the
// last moment known before, and what was pressed in them was pressed before the next
// moment known.
type BootClock struct {
	_    struct{} `cbor:",toarray"`
	Boot BootID
	Low  int64 // not before this, ms since 1970
	High int64 // not after this
}

// NarrowClock is how exact a time must be to be taken where it may lie on either side
// of midnight.
const NarrowClock = time.Hour

// Place is when a record of the boot was made: its wall time, moved as little as the
// bounds demand. sure says that its day is known by that: both ends lie on one day, or
// within [NarrowClock] of each other.
func (c BootClock) Place(r *Record) (at time.Time, sure bool) {
	low, high := c.Low+r.Mono, c.High+r.Mono
	at = milli(min(max(r.Wall, low), high))
	sure = high >= low && (high-low <= NarrowClock.Milliseconds() || survey.DateOf(milli(low)) == survey.DateOf(milli(high)))
	return at, sure
}

func milli(ms int64) time.Time { return time.UnixMilli(ms).In(survey.Zone) }

// EncodeClocks is the payload of a [ClockRecord].
func EncodeClocks(list []BootClock) []byte { return encode(list) }

// Clocks reads the payload of a [ClockRecord]. One that names a boot twice is no such record:
// to hold each word against all records of the boot would take whoever reads it too long.
func (r *Record) Clocks() ([]BootClock, error) {
	if r.Fault != nil || r.Kind != ClockRecord {
		return nil, errors.New("it is not a record about the clock")
	}
	var list []BootClock
	if err := strict.Unmarshal(r.Payload, &list); err != nil {
		return nil, fmt.Errorf("a record about the clock cannot be read: %w", err)
	}
	named := map[BootID]bool{}
	for _, c := range list {
		if named[c.Boot] {
			return nil, fmt.Errorf("a record about the clock names boot %x twice", c.Boot)
		}
		named[c.Boot] = true
	}
	return list, nil
}
