package custody

import (
	"errors"
	"fmt"

	"hailong/survey"
)

// Succession is what the first record of a chain says when an earlier journal of the
// same kiosk was damaged: which chain it follows, how far that one is still there, and
// how much of it may be lost. A number of the old chain is never used again.
type Succession struct {
	Predecessor survey.Chain `cbor:"1,keyasint"`
	Last        uint64       `cbor:"2,keyasint"` // the last record of its unbroken run that is still there, 0 = none
	LastSum     survey.Hash  `cbor:"3,keyasint"`
	Reserved    uint64       `cbor:"4,keyasint"` // no number above this was ever given out, unless Unbounded
	Salvaged    uint64       `cbor:"5,keyasint"` // records after Last that were found; they follow in this chain
	Reason      string       `cbor:"6,keyasint"` // what was found wrong, for people
	From        int64        `cbor:"7,keyasint"` // when Last was made, ms since 1970; 0 = not known
	To          int64        `cbor:"8,keyasint"` // when this chain began
	// Unbounded says that nothing was left that tells how many numbers were given out: more
	// than Lost may be lost.
	Unbounded bool `cbor:"9,keyasint,omitempty"`
}

// Lost is how many answers may be lost, at most, unless it is Unbounded.
func (s *Succession) Lost() uint64 {
	if s.Reserved < s.Last+s.Salvaged {
		return 0
	}
	return s.Reserved - s.Last - s.Salvaged
}

// Encode is the payload of a [SuccessionRecord].
func (s *Succession) Encode() []byte { return encode(s) }

// Succession reads the payload of a [SuccessionRecord].
func (r *Record) Succession() (Succession, error) {
	var s Succession
	if r.Fault != nil || r.Kind != SuccessionRecord {
		return s, errors.New("it is not the beginning of a following chain")
	}
	if err := open.Unmarshal(r.Payload, &s); err != nil {
		return s, fmt.Errorf("the beginning of a following chain cannot be read: %w", err)
	}
	if s.Predecessor.IsZero() || s.Predecessor == r.Chain {
		return s, errors.New("the beginning of a following chain names no other chain")
	}
	return s, nil
}

// Salvaged is the record of an earlier chain that a [SalvagedRecord] holds, byte for
// byte: its payload.
func (r *Record) Salvaged() (Record, error) {
	if r.Fault != nil || r.Kind != SalvagedRecord {
		return Record{}, errors.New("it holds no salvaged record")
	}
	inner := DecodeRecord(r.Payload)
	switch {
	case inner.Fault != nil:
		return Record{}, fmt.Errorf("a salvaged record: %w", inner.Fault)
	case inner.Chain == r.Chain:
		return Record{}, errors.New("a salvaged record is of the very chain that it stands in")
	case inner.Kind == SalvagedRecord:
		return inner.Salvaged() // the chain before that was damaged, too
	}
	return inner, nil
}

// Issued is the record of a citizen's answer that r stands for: itself, or what it
// salvaged. It is false for the journal's own records, and for bytes that cannot be read.
func (r *Record) Issued() (Record, bool) {
	if r.Fault == nil && r.Kind == SalvagedRecord {
		if inner, err := r.Salvaged(); err == nil {
			return inner, inner.Kind == ResponseRecord
		}
		return Record{}, false
	}
	return *r, r.Fault == nil && r.Kind == ResponseRecord
}
