// Package ticket makes and reads tickets (vé): the signed tokens inside QR codes and
// links that open the web form. It is pure; whoever has a [Ring] verifies a ticket
// without asking anybody.
//
// A ticket's text is what stands behind /Q/ in an address: base32 in capital letters
// without padding, so that a QR code needs its small alphanumeric mode. The bytes below
// it, version 1:
//
//	1     version and class: 0x11 screen, 0x12 transaction, 0x13 poster
//	6     signer: the beginning of the SHA-256 of "hailong/signer/v1" and the public key
//	12    nonce, drawn at random
//	4     expires: seconds since 1970, big-endian
//	1+n   counter; every text stands behind its length
//	      a poster's goes on with: the questionnaire's code (1+n)
//	      a transaction's with: the questionnaire's code (1+n), stage (1), channel (1) and
//	      respondent (1), each its place in the list of [survey], counted from 1, 0 = none;
//	      resolving unit, field, procedure (1+n each)
//	64    Ed25519 over "hailong/ticket/v1" and all before
//
// There is one text for one ticket: another length, letter, case or order is refused.
// A ticket never holds a case code, and nothing of a citizen.
package ticket

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"hailong/survey"
)

// The domains of what is signed and hashed.
const (
	ticketDomain = "hailong/ticket/v1"
	signerDomain = "hailong/signer/v1"
	spentDomain  = "hailong/spent/v1"
)

// MaxText is the longest text of a ticket, in bytes.
const MaxText = 800

// The faults of a ticket. What a citizen is told must not tell the first four apart.
var (
	ErrMalformed = errors.New("it is not a ticket")
	ErrForeign   = errors.New("nobody known here signed the ticket")
	ErrForged    = errors.New("the ticket's signature does not fit")
	ErrCounter   = errors.New("the ticket's signer does not serve its counter")
	ErrExpired   = errors.New("the ticket has expired")
)

// Signer is the short name of a public key inside a ticket.
type Signer [6]byte

// SignerOf names a public key.
func SignerOf(key ed25519.PublicKey) Signer {
	sum := sha256.Sum256(append([]byte(signerDomain), key...))
	return Signer(sum[:6])
}

// Ticket is what a ticket says. Which fields a class has is said above; those that it
// does not have are empty.
type Ticket struct {
	Class   survey.TicketClass
	Signer  Signer // set by [Ticket.Sign]
	Nonce   [12]byte
	Expires time.Time // to the second
	Counter survey.CounterCode

	Questionnaire survey.QuestionnaireCode // which form opens; "" = the gateway's own choice
	Stage         survey.Stage
	Channel       survey.Channel // how the link is handed over
	Respondent    survey.RespondentKind
	ResolvingUnit survey.UnitCode
	Field         survey.FieldCode
	Procedure     survey.ProcedureCode
}

// NewNonce draws a ticket's nonce.
func NewNonce() (n [12]byte) {
	rand.Read(n[:]) // never fails: see crypto/rand
	return n
}

// ID names the ticket in the records made with it; zero for a poster's, which may be
// used again.
func (t *Ticket) ID() survey.TicketID {
	if !t.Class.Single() {
		return survey.TicketID{}
	}
	b := append([]byte(spentDomain), t.Signer[:]...)
	sum := sha256.Sum256(append(b, t.Nonce[:]...))
	return survey.TicketID(sum[:16])
}

// classes are the first bytes of tickets.
var classes = map[survey.TicketClass]byte{survey.ScreenTicket: 0x11, survey.TransactionTicket: 0x12, survey.PosterTicket: 0x13}

// body is the ticket without its signature.
func (t *Ticket) body() ([]byte, error) {
	var ps survey.Problems
	first, known := classes[t.Class]
	if !known {
		ps.Add("class", string(t.Class), "không có loại vé này", "there is no such class of tickets")
	}
	b := append([]byte{first}, t.Signer[:]...)
	b = append(b, t.Nonce[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(t.Expires.Unix()))
	text := func(path, s string, needed bool) {
		if s != "" || needed {
			ps.Check(survey.CodeProblem(path, s))
		}
		b = append(append(b, byte(len(s))), s...)
	}
	text("counter", string(t.Counter), true)
	if t.Class != survey.ScreenTicket {
		text("questionnaire", string(t.Questionnaire), false)
	}
	if t.Class == survey.TransactionTicket {
		b = append(b, place("stage", t.Stage, survey.Stages, &ps), place("channel", t.Channel, survey.Channels, &ps), place("respondent", t.Respondent, survey.RespondentKinds, &ps))
		text("resolving_unit", string(t.ResolvingUnit), false)
		text("field", string(t.Field), false)
		text("procedure", string(t.Procedure), false)
	}
	return b, ps.Err()
}

// place is where v stands in a list, counted from 1; 0 for none.
func place[T ~string](path string, v T, list []T, ps *survey.Problems) byte {
	i := slices.Index(list, v)
	if i < 0 && v != "" {
		ps.Add(path, string(v), "không có giá trị này", "there is no such value")
	}
	return byte(i + 1)
}

// Sign is the ticket's text, signed with key; its Signer is set. Fields that its class
// does not have are left out. The error is [survey.Problems].
func (t *Ticket) Sign(key ed25519.PrivateKey) (string, error) {
	t.Signer = SignerOf(key.Public().(ed25519.PublicKey))
	b, err := t.body()
	if err != nil {
		return "", err
	}
	return letters.EncodeToString(append(b, ed25519.Sign(key, append([]byte(ticketDomain), b...))...)), nil
}

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

// Verify reads a ticket's text and checks that somebody in the ring signed it who may,
// and that it has not expired. The error is one of those above.
func Verify(text string, ring *Ring, now time.Time) (Ticket, error) {
	t, signed, err := parse(text)
	if err != nil {
		return Ticket{}, err
	}
	keys := ring.keys(t.Class, t.Signer)
	if len(keys) == 0 {
		return Ticket{}, ErrForeign
	}
	body := append([]byte(ticketDomain), signed[:len(signed)-ed25519.SignatureSize]...)
	fits := func(k signingKey) bool {
		return ed25519.Verify(k.key, body, signed[len(signed)-ed25519.SignatureSize:])
	}
	i := slices.IndexFunc(keys, fits)
	switch {
	case i < 0:
		return Ticket{}, ErrForged
	case !keys[i].serves(t.Counter):
		return Ticket{}, ErrCounter
	case !now.Before(t.Expires):
		return t, ErrExpired
	}
	return t, nil
}

// parse reads a ticket's text, whoever signed it, and returns its bytes, too.
func parse(text string) (Ticket, []byte, error) {
	if len(text) > MaxText {
		return Ticket{}, nil, fmt.Errorf("%w: it is too long", ErrMalformed)
	}
	b, err := letters.DecodeString(text)
	// The decoder overlooks line breaks and what stands in the last letter's spare bits.
	if err != nil || letters.EncodeToString(b) != text {
		return Ticket{}, nil, fmt.Errorf("%w: it is not in base32", ErrMalformed)
	}
	in := reader{b: b}
	var t Ticket
	first := in.take(1)
	for class, begins := range classes {
		if len(first) == 1 && first[0] == begins {
			t.Class = class
		}
	}
	copy(t.Signer[:], in.take(len(t.Signer)))
	copy(t.Nonce[:], in.take(len(t.Nonce)))
	if sec := in.take(4); sec != nil {
		t.Expires = time.Unix(int64(binary.BigEndian.Uint32(sec)), 0)
	}
	t.Counter = survey.CounterCode(in.text())
	if t.Class != survey.ScreenTicket {
		t.Questionnaire = survey.QuestionnaireCode(in.text())
	}
	if t.Class == survey.TransactionTicket {
		t.Stage = at(&in, survey.Stages)
		t.Channel = at(&in, survey.Channels)
		t.Respondent = at(&in, survey.RespondentKinds)
		t.ResolvingUnit, t.Field, t.Procedure = survey.UnitCode(in.text()), survey.FieldCode(in.text()), survey.ProcedureCode(in.text())
	}
	if in.bad || t.Class == "" || len(in.b) != ed25519.SignatureSize {
		return Ticket{}, nil, fmt.Errorf("%w: its fields do not fit", ErrMalformed)
	}
	if _, err := t.body(); err != nil {
		return Ticket{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return t, b, nil
}

// at is the value whose place in a list the next byte tells.
func at[T ~string](in *reader, list []T) (v T) {
	b := in.take(1)
	switch {
	case len(b) == 0 || b[0] == 0:
	case int(b[0]) > len(list):
		in.bad = true
	default:
		v = list[b[0]-1]
	}
	return v
}

// reader takes bytes off the front. After a fault it gives none.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) text() string {
	n := r.take(1)
	if r.bad {
		return ""
	}
	return string(r.take(int(n[0])))
}
