// Package identity keeps who a kiosk is: its Ed25519 key, made on the box and never
// exported, what its enrolment said, and that it once had a journal. It lies outside
// the journal, in two copies, so that a journal that is lost is noticed.
//
// Each copy is written whole: to a file of its own beside it, synced, renamed over the
// old one, and the folder synced. Each carries a checksum, because a key with a changed
// bit is a key too. A copy that cannot be read is made anew from the other.
package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/disk"
)

// The two copies inside the kiosk's data folder.
const (
	FirstCopy  = "identity.json"
	SecondCopy = "identity.copy.json"
)

// ErrDamaged says that neither copy can be read.
var ErrDamaged = errors.New("the kiosk's identity is damaged in both copies")

// Counter is a counter that the kiosk serves, with the words its screen shows.
type Counter struct {
	Code     survey.CounterCode `json:"code"`
	Name     survey.Words       `json:"name"`
	Unit     survey.UnitCode    `json:"unit"`
	UnitName survey.Words       `json:"unit_name"`
}

// Enrolment is what the centre said when it took the kiosk in.
type Enrolment struct {
	Name      string           `json:"name"`
	Role      survey.KioskRole `json:"role"`
	Counters  []Counter        `json:"counters"`
	CentreKey []byte           `json:"centre_key"` // Ed25519; receipts are signed with it
	NATS      string           `json:"nats"`       // where to connect
	// Code is a hash of the one-time code that the kiosk was taken in with, of none if it
	// was taken in without; nil = not known: an earlier version took it in.
	Code []byte `json:"code,omitempty"`
}

// Identity is who the kiosk is.
type Identity struct {
	Seed      []byte       `json:"seed"`      // Ed25519 private seed, 32 bytes
	Enrolment *Enrolment   `json:"enrolment"` // nil before the centre took it in
	Chain     survey.Chain `json:"-"`         // its journal's chain; zero before there was one
}

// stored is the file's form.
type stored struct {
	Sum      string          `json:"sum"` // see checksum
	Identity json.RawMessage `json:"identity"`
}

// storedIdentity is an Identity's form in the file.
type storedIdentity struct {
	Identity
	Chain string `json:"chain"` // "" for none
}

// checksum is SHA-256, in hexadecimal, over JSON without the blanks between its parts.
func checksum(identity json.RawMessage) (string, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, identity); err != nil {
		return "", err
	}
	sum := sha256.Sum256(compact.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// Kiosk is the kiosk's name, which its key gives it.
func (id *Identity) Kiosk() survey.KioskID {
	return custody.KioskName(id.Key().Public().(ed25519.PublicKey))
}

// Key is the kiosk's private key.
func (id *Identity) Key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(id.Seed) }

// Public is the kiosk's public key.
func (id *Identity) Public() ed25519.PublicKey { return id.Key().Public().(ed25519.PublicKey) }

// JournalFolder is the name, inside the kiosk's data folder, of its journal's folder.
const JournalFolder = "journal"

// reservation is how the names of the files beside it begin in which the journal reserves
// numbers.
const reservation = "issued-"

// ErrLost says that the identity is gone although the kiosk has a journal: it had one.
var ErrLost = errors.New("both copies of the kiosk's identity are gone, but its journal is there, or numbers that it reserved: bring identity.json back, or move the whole data folder away to enrol the box as a new kiosk")

// Load reads the identity in folder dir, or makes a new one, with a new key, where
// there is none at all and no journal either.
func Load(dir string) (*Identity, error) {
	first, err1 := read(filepath.Join(dir, FirstCopy))
	second, err2 := read(filepath.Join(dir, SecondCopy))
	switch {
	case errors.Is(err1, os.ErrNotExist) && errors.Is(err2, os.ErrNotExist):
		// A folder that cannot be looked at may hold one: a new key is drawn for none only.
		switch _, err := os.Stat(filepath.Join(dir, JournalFolder)); {
		case err == nil:
			return nil, ErrLost
		case !errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("look for the kiosk's journal: %w", err)
		}
		switch there, err := reserved(dir); {
		case err != nil:
			return nil, fmt.Errorf("look for numbers that the kiosk's journal reserved: %w", err)
		case there:
			return nil, ErrLost
		}
		return create(dir)
	case err1 == nil && err2 == nil && reflect.DeepEqual(first, second):
		return first, nil
	case err1 == nil: // of two that differ it is the newer one: it is written first
		return first, first.Save(dir)
	case err2 == nil:
		return second, second.Save(dir)
	}
	return nil, fmt.Errorf("%w: %w", ErrDamaged, errors.Join(err1, err2))
}

// reserved reports whether a journal has reserved numbers in folder dir. The names are
// compared one by one: the folder's own name may look like a pattern.
func reserved(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), reservation) }), err
}

func create(dir string) (*Identity, error) {
	if err := disk.MakeFolder(dir); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	id := &Identity{Seed: make([]byte, ed25519.SeedSize)}
	if _, err := rand.Read(id.Seed); err != nil {
		return nil, fmt.Errorf("make the kiosk's key: %w", err)
	}
	return id, id.Save(dir)
}

func read(path string) (*Identity, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	id, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return id, nil
}

func decode(b []byte) (*Identity, error) {
	var file stored
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, err
	}
	if sum, err := checksum(file.Identity); err != nil || sum != file.Sum {
		return nil, errors.Join(errors.New("the checksum does not fit"), err)
	}
	var s storedIdentity
	if err := json.Unmarshal(file.Identity, &s); err != nil {
		return nil, err
	}
	if len(s.Seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the key has %d bytes, not %d", len(s.Seed), ed25519.SeedSize)
	}
	if s.Chain != "" {
		var err error
		if s.Identity.Chain, err = survey.ParseChain(s.Chain); err != nil {
			return nil, err
		}
	}
	return &s.Identity, nil
}

func (id *Identity) encode() ([]byte, error) {
	s := storedIdentity{Identity: *id}
	if !id.Chain.IsZero() {
		s.Chain = id.Chain.String()
	}
	identity, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	sum, err := checksum(identity)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(stored{Sum: sum, Identity: identity}, "", "  ")
}

// Save writes both copies. When it returns without an error they are on stable
// storage.
func (id *Identity) Save(dir string) error {
	b, err := id.encode()
	if err != nil {
		return fmt.Errorf("write the kiosk's identity: %w", err)
	}
	for _, name := range []string{FirstCopy, SecondCopy} {
		if err := disk.Write(filepath.Join(dir, name), b); err != nil {
			return fmt.Errorf("write the kiosk's identity: %w", err)
		}
	}
	return nil
}
