package custody

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"hailong/survey"
)

// Heartbeat is how a kiosk says that it lives, how much it has not sent yet, and how
// many responses it has issued. It is signed: where a kiosk never comes back, its last
// heartbeat is what is known of the records that it took with it.
type Heartbeat struct {
	Version  uint           `cbor:"1,keyasint"`
	Chain    survey.Chain   `cbor:"2,keyasint"`
	Last     uint64         `cbor:"3,keyasint"` // the journal's last sequence
	Unsent   uint64         `cbor:"4,keyasint"` // records after the durable mark
	At       int64          `cbor:"5,keyasint"` // the kiosk's clock, ms since 1970
	Kiosk    survey.KioskID `cbor:"6,keyasint"`
	LastSum  survey.Hash    `cbor:"7,keyasint"`  // hash of the record Last
	Totals   *Totals        `cbor:"8,keyasint"`  // responses issued, by day
	Free     int64          `cbor:"9,keyasint"`  // bytes free on the journal's disk; -1 = not known
	Refused  uint64         `cbor:"10,keyasint"` // presses refused because the disk was full, ever
	Trouble  string         `cbor:"11,keyasint"` // why it cannot record, or what a person should look at; "" = nothing
	Skew     int64          `cbor:"12,keyasint"` // the box's clock less the centre's, ms, at the last contact
	Software string         `cbor:"13,keyasint"` // the program's version
	Boot     BootID         `cbor:"14,keyasint"`
}

type signedHeartbeat struct {
	_         struct{} `cbor:",toarray"`
	Heartbeat []byte
	Signature []byte
}

const (
	heartbeatVersion = 1
	heartbeatDomain  = "hailong/heartbeat/v1"
)

// ErrHeartbeat marks a heartbeat that its kiosk did not sign.
var ErrHeartbeat = errors.New("the heartbeat's signature does not fit the kiosk's key")

// Time is the kiosk's wall clock when it said so.
func (h Heartbeat) Time() time.Time { return milli(h.At) }

// Sign is the heartbeat as it travels, signed with the kiosk's key, in the version that
// this program writes.
func (h Heartbeat) Sign(key ed25519.PrivateKey) []byte {
	h.Version = heartbeatVersion
	if h.Totals == nil {
		h.Totals = &Totals{Days: []DayTotal{}}
	}
	b := encode(h)
	return encode(signedHeartbeat{Heartbeat: b, Signature: ed25519.Sign(key, append([]byte(heartbeatDomain), b...))})
}

// OpenHeartbeat reads a heartbeat after checking the kiosk's signature. Fields that a
// later program adds are left out.
func OpenHeartbeat(data []byte, key ed25519.PublicKey) (Heartbeat, error) {
	var s signedHeartbeat
	if err := strict.Unmarshal(data, &s); err != nil {
		return Heartbeat{}, fmt.Errorf("heartbeat cannot be read: %w", err)
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(heartbeatDomain), s.Heartbeat...), s.Signature) {
		return Heartbeat{}, ErrHeartbeat
	}
	var h Heartbeat
	if err := open.Unmarshal(s.Heartbeat, &h); err != nil {
		return Heartbeat{}, fmt.Errorf("heartbeat cannot be read: %w", err)
	}
	switch {
	case h.Version != heartbeatVersion:
		return Heartbeat{}, fmt.Errorf("heartbeat version %d is not known", h.Version)
	case h.Chain.IsZero():
		return Heartbeat{}, errors.New("heartbeat names no chain")
	case h.Totals == nil:
		h.Totals = &Totals{}
	}
	return h, nil
}
