package ticket

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hailong/survey"
)

// Directory (danh bạ) is what the centre tells the kiosks so that they can make and
// verify tickets without it: whose keys may sign for which counters, what the counters
// are called, and which printed codes are in use. A counter's kiosk gets the part that
// concerns its own counters; a gateway gets all. Nothing in it is secret.
type Directory struct {
	Made     time.Time     `json:"made"`             // the centre's clock; a newer one replaces an older one
	Online   string        `json:"online,omitempty"` // where phones reach the gateway: http(s)://host[:port], without a path; "" = not set up
	Kiosks   []KioskKey    `json:"kiosks,omitempty"` // in service; ordered by ID
	Counters []Counter     `json:"counters"`         // ordered by code
	Posters  []PosterPlace `json:"posters,omitempty"`
}

// KioskKey is a kiosk in service, with the counters whose screen codes it may sign.
type KioskKey struct {
	ID       survey.KioskID       `json:"id"`
	Key      []byte               `json:"key"` // Ed25519 public key
	Counters []survey.CounterCode `json:"counters"`
}

// Counter is how a counter is called, and the unit that it belongs to today.
type Counter struct {
	Code     survey.CounterCode `json:"code"`
	Name     survey.Words       `json:"name"`
	Unit     survey.UnitCode    `json:"unit"`
	UnitName survey.Words       `json:"unit_name"`
}

// PosterPlace is a printed code in use: the short address to type, and the ticket that
// it stands for.
type PosterPlace struct {
	Short  string `json:"short"` // see [NewShort]
	Ticket string `json:"ticket"`
}

// ErrDirectory marks a directory that is not the centre's word.
var ErrDirectory = errors.New("the directory is not signed by the centre this kiosk is enrolled with")

const directoryDomain = "hailong/directory/v1"

// Sign is the directory as it travels: its JSON behind the centre's signature over it.
func (d Directory) Sign(key ed25519.PrivateKey) ([]byte, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write the directory: %w", err)
	}
	return append(ed25519.Sign(key, append([]byte(directoryDomain), b...)), b...), nil
}

// OpenDirectory reads a directory after checking the centre's signature.
func OpenDirectory(data []byte, centre ed25519.PublicKey) (Directory, error) {
	var d Directory
	if len(data) < ed25519.SignatureSize || len(centre) != ed25519.PublicKeySize {
		return d, ErrDirectory
	}
	body := data[ed25519.SignatureSize:]
	if !ed25519.Verify(centre, append([]byte(directoryDomain), body...), data[:ed25519.SignatureSize]) {
		return d, ErrDirectory
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return d, fmt.Errorf("read the directory: %w", err)
	}
	return d, nil
}

// Ring is a directory as it is asked: by signer, by counter, by short address. It does
// not change once made, so it may be shared.
type Ring struct {
	bySigner map[Signer][]signingKey
	centre   map[Signer][]signingKey
	counters map[survey.CounterCode]Counter
	shorts   map[string]string
	posters  map[string]bool // tickets of the posters in use
}

// signingKey is a key and the counters that it may sign for; nil = all.
type signingKey struct {
	key      ed25519.PublicKey
	counters []survey.CounterCode
}

func (k signingKey) serves(c survey.CounterCode) bool {
	return k.counters == nil || slices.Contains(k.counters, c)
}

// NewRing makes a ring of a directory and the centre's own key, which signs transactions'
// and posters' tickets.
func NewRing(d Directory, centre ed25519.PublicKey) *Ring {
	r := &Ring{bySigner: map[Signer][]signingKey{}, centre: map[Signer][]signingKey{}, counters: map[survey.CounterCode]Counter{}, shorts: map[string]string{}, posters: map[string]bool{}}
	for _, k := range d.Kiosks {
		if len(k.Key) == ed25519.PublicKeySize {
			s := SignerOf(k.Key)
			r.bySigner[s] = append(r.bySigner[s], signingKey{k.Key, append([]survey.CounterCode{}, k.Counters...)})
		}
	}
	if len(centre) == ed25519.PublicKeySize {
		r.centre[SignerOf(centre)] = []signingKey{{key: centre}}
	}
	for _, c := range d.Counters {
		r.counters[c.Code] = c
	}
	for _, p := range d.Posters {
		r.shorts[p.Short], r.posters[p.Ticket] = p.Ticket, true
	}
	return r
}

// keys are those that may have signed a ticket of a class: a screen's is signed by its
// kiosk, any other by the centre.
func (r *Ring) keys(class survey.TicketClass, s Signer) []signingKey {
	if class == survey.ScreenTicket {
		return r.bySigner[s]
	}
	return r.centre[s]
}

// Counter is how a counter is called; false for one that the directory does not have.
func (r *Ring) Counter(code survey.CounterCode) (Counter, bool) {
	c, ok := r.counters[code]
	return c, ok
}

// Hangs reports whether the text of a poster's ticket is that of a poster in use. One that
// was withdrawn verifies until it expires: whoever opens a form with it asks this, too.
func (r *Ring) Hangs(text string) bool { return r.posters[text] }

// Poster is the ticket that a short address stands for. Case and hyphens do not matter,
// and letters that look like digits are taken for them.
func (r *Ring) Poster(typed string) (ticket string, ok bool) {
	short, ok := ParseShort(typed)
	if !ok {
		return "", false
	}
	ticket, ok = r.shorts[short]
	return ticket, ok
}
