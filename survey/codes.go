package survey

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// UnitCode names a unit of the administrative tree (đơn vị). Codes are text: the
// national ones have leading zeros.
type UnitCode string

// CounterCode names a counter (quầy), unique over all units.
type CounterCode string

// FieldCode names a field of procedures (lĩnh vực), for example land or civil status.
type FieldCode string

// ProcedureCode names an administrative procedure (thủ tục hành chính).
type ProcedureCode string

// QuestionnaireCode names a questionnaire over all its versions.
type QuestionnaireCode string

// QuestionCode names a question inside one questionnaire.
type QuestionCode string

// FactorCode names a factor (yếu tố): a group of questions inside one questionnaire.
type FactorCode string

// ScaleCode names a scale (thang đo). Two scales with the same code, values and
// satisfied marks are the same scale, whichever questionnaire carries them.
type ScaleCode string

// KioskID names one kiosk or online gateway. It is derived from the kiosk's public
// key, so a new key is a new kiosk.
type KioskID string

// maxCode is the longest code accepted anywhere, in bytes.
const maxCode = 64

// CodeProblem says what is wrong with a code, or returns nil: a code has 1 to 64
// characters out of A–Z, a–z, 0–9, dot, hyphen and underscore, and begins with a
// letter or digit.
func CodeProblem(path, code string) *Problem {
	ok := len(code) > 0 && len(code) <= maxCode
	for i := 0; ok && i < len(code); i++ {
		c := code[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '-' || c == '_'):
		default:
			ok = false
		}
	}
	if ok {
		return nil
	}
	return &Problem{
		Path: path, Value: clip(code),
		Vi: "mã phải có 1 đến 64 ký tự A–Z, a–z, 0–9, dấu chấm, gạch ngang hoặc gạch dưới, bắt đầu bằng chữ hoặc số",
		En: "a code has 1 to 64 characters of A–Z, a–z, 0–9, dot, hyphen or underscore, beginning with a letter or digit",
	}
}

// Hash is a SHA-256 value. The zero Hash stands for "none".
type Hash [sha256.Size]byte

// String is the hash in lower-case hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes the hash as [Hash.String] does.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads a hash as [ParseHash] does.
func (h *Hash) UnmarshalText(b []byte) (err error) {
	*h, err = ParseHash(string(b))
	return err
}

// IsZero reports whether h is the zero Hash, which names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// ParseHash reads 64 hexadecimal digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("%q is not a hash: 64 hexadecimal digits are needed", clip(s))
	}
	copy(h[:], b)
	return h, nil
}

// Chain names one life of one journal: 16 random bytes drawn when it was made.
type Chain [16]byte

// String is the chain in lower-case hexadecimal.
func (c Chain) String() string { return hex.EncodeToString(c[:]) }

// MarshalText writes the chain as [Chain.String] does.
func (c Chain) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a chain as [ParseChain] does.
func (c *Chain) UnmarshalText(b []byte) (err error) {
	*c, err = ParseChain(string(b))
	return err
}

// IsZero reports whether c is the zero Chain, which no journal has.
func (c Chain) IsZero() bool { return c == Chain{} }

// ParseChain reads 32 hexadecimal digits.
func ParseChain(s string) (Chain, error) {
	var c Chain
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(c) {
		return c, fmt.Errorf("%q is not a chain: 32 hexadecimal digits are needed", clip(s))
	}
	copy(c[:], b)
	return c, nil
}

// RecordID is the identity of a record, for ever: its chain and its sequence there,
// counted from 1 without gaps. Kiosk and counter are attributes, not identity.
type RecordID struct {
	Chain    Chain
	Sequence uint64
}

// String is "chain/sequence", the form used in every interface.
func (id RecordID) String() string {
	return id.Chain.String() + "/" + strconv.FormatUint(id.Sequence, 10)
}

// IsZero reports whether id names nothing.
func (id RecordID) IsZero() bool { return id == RecordID{} }

// ParseRecordID reads "chain/sequence".
func ParseRecordID(s string) (RecordID, error) {
	chain, seq, ok := strings.Cut(s, "/")
	if ok {
		c, err := ParseChain(chain)
		n, nerr := strconv.ParseUint(seq, 10, 64)
		if err == nil && nerr == nil && n > 0 && !c.IsZero() && strconv.FormatUint(n, 10) == seq {
			return RecordID{Chain: c, Sequence: n}, nil
		}
	}
	return RecordID{}, fmt.Errorf(`%q is not a record's id: "chain/sequence" is needed, as an earlier answer gave it`, clip(s))
}

// Nonce marks a record with the request that made it, so that the same request sent
// again finds the record instead of making another.
type Nonce [16]byte

// IsZero reports whether n is the zero Nonce.
func (n Nonce) IsZero() bool { return n == Nonce{} }

// KeyNonce is the nonce of an idempotency key: the first 16 bytes of a SHA-256 over
// it, so the key itself is never stored.
func KeyNonce(key string) Nonce {
	sum := sha256.Sum256([]byte("hailong/nonce/v1\x00" + key))
	return Nonce(sum[:16])
}

// clip shortens a value that somebody sent, for showing it back to them.
func clip(s string) string {
	r := []rune(s)
	if len(r) <= 60 {
		return s
	}
	return string(r[:60]) + "…"
}
