package survey

import "time"

// KioskRole says what a kiosk serves.
type KioskRole string

// The roles.
const (
	CounterKiosk  KioskRole = "counter" // the box on a counter, with a screen
	OnlineGateway KioskRole = "online"  // no screen; serves the web form to phones
)

// Kiosk is an enrolled kiosk as the centre knows it: one key, for ever.
type Kiosk struct {
	ID       KioskID       `json:"id"`
	Name     string        `json:"name"` // for people; free to change
	Role     KioskRole     `json:"role"`
	Counters []CounterCode `json:"counters"`
	Former   []CounterCode `json:"former,omitempty"` // counters that it served before these, sorted: what it recorded there may come late
	Key      []byte        `json:"key"`              // Ed25519 public key, 32 bytes
	Enrolled time.Time     `json:"enrolled"`
	Revoked  *time.Time    `json:"revoked"` // when it was shut out; nil = in service
}

// Invitation is a place prepared for a kiosk: whoever shows its one-time code before
// it expires becomes the kiosk of these counters. Only the code's hash is kept.
type Invitation struct {
	CodeHash Hash          `json:"code_hash"`
	Name     string        `json:"name"`
	Role     KioskRole     `json:"role"`
	Counters []CounterCode `json:"counters"`
	Expires  time.Time     `json:"expires"`
}

// Token is the right to use the centre's API. Only its hash is kept.
type Token struct {
	Hash    Hash      `json:"hash"`
	Name    string    `json:"name"`
	Unit    UnitCode  `json:"unit"` // the subtree it may see; empty = all
	Created time.Time `json:"created"`
}
