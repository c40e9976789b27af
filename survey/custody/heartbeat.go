package custody

import (
	"errors"
	"fmt"
	"time"

	"hailong/survey"
)

// Heartbeat is how a kiosk says that it lives and how much it has not sent yet. It is
// not signed and nothing is decided by it: the bus lets only the kiosk itself say it.
type Heartbeat struct {
	Version uint         `cbor:"1,keyasint"`
	Chain   survey.Chain `cbor:"2,keyasint"`
	Last    uint64       `cbor:"3,keyasint"` // the journal's last sequence
	Unsent  uint64       `cbor:"4,keyasint"` // records after the durable mark
	At      int64        `cbor:"5,keyasint"` // the kiosk's clock, ms since 1970
}

const heartbeatVersion = 1

// Time is the kiosk's wall clock when it said so.
func (h Heartbeat) Time() time.Time { return time.UnixMilli(h.At).In(survey.Zone) }

// Encode is the heartbeat as it travels, in the version that this program writes.
func (h Heartbeat) Encode() []byte {
	h.Version = heartbeatVersion
	return encode(h)
}

// ParseHeartbeat reads a heartbeat. Fields that a later program adds are left out.
func ParseHeartbeat(b []byte) (Heartbeat, error) {
	var h Heartbeat
	if err := open.Unmarshal(b, &h); err != nil {
		return Heartbeat{}, fmt.Errorf("heartbeat cannot be read: %w", err)
	}
	switch {
	case h.Version != heartbeatVersion:
		return Heartbeat{}, fmt.Errorf("heartbeat version %d is not known", h.Version)
	case h.Chain.IsZero():
		return Heartbeat{}, errors.New("heartbeat names no chain")
	}
	return h, nil
}
