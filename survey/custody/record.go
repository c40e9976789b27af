package custody

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"time"

	"hailong/survey"
)

// RecordVersion is the version of the envelope that this program writes.
const RecordVersion = 1

// Kind says what a record is about.
type Kind uint8

// The kinds of records. All but the first are the journal's own.
const (
	ResponseRecord   Kind = 1
	ClockRecord      Kind = 2 // when boots of the kiosk began, learnt from the centre: see [BootClock]
	SuccessionRecord Kind = 3 // the first record of a chain that follows a damaged one: see [Succession]
	SalvagedRecord   Kind = 4 // a record of an earlier chain, found behind a gap that nothing fills: see [Record.Salvaged]
)

// Record is the envelope of one journal record. Only a Record made by [Seal] or read
// by [DecodeRecord] has its Bytes and Hash.
type Record struct {
	Version        uint         `cbor:"1,keyasint"`
	Chain          survey.Chain `cbor:"2,keyasint"`
	Sequence       uint64       `cbor:"3,keyasint"`
	Previous       survey.Hash  `cbor:"4,keyasint"` // zero for sequence 1
	Nonce          survey.Nonce `cbor:"5,keyasint"`
	Kind           Kind         `cbor:"6,keyasint"`
	Counter        string       `cbor:"7,keyasint"`
	Wall           int64        `cbor:"8,keyasint"`  // the kiosk's clock, ms since 1970
	Mono           int64        `cbor:"9,keyasint"`  // ms since Boot began; never goes back within it
	Boot           [16]byte     `cbor:"10,keyasint"` // drawn when the kiosk program starts
	Questionnaire  survey.Hash  `cbor:"11,keyasint"` // the version as it was shown
	PayloadVersion uint         `cbor:"12,keyasint"`
	Payload        []byte       `cbor:"13,keyasint"`
	Comment        *survey.Hash `cbor:"14,keyasint,omitempty"` // salted commitment to a comment kept beside the chain
	Clock          ClockState   `cbor:"15,keyasint,omitempty"` // whether Wall tells the day

	Bytes []byte      `cbor:"-"` // the record as written or received
	Hash  survey.Hash `cbor:"-"` // over Bytes
	Fault error       `cbor:"-"` // why Bytes could not be read; then only Bytes and Hash hold
}

// ID is the record's identity.
func (r *Record) ID() survey.RecordID { return survey.RecordID{Chain: r.Chain, Sequence: r.Sequence} }

// At is the kiosk's wall clock when the record was made.
func (r *Record) At() time.Time { return time.UnixMilli(r.Wall).In(survey.Zone) }

// Seal gives a record its bytes and hash. The record must not change afterwards.
func Seal(r Record) Record {
	r.Bytes = encode(r)
	r.Hash = HashRecord(r.Bytes)
	return r
}

const recordDomain = "hailong/record/v1"

// HashRecord is the hash of a record's bytes: SHA-256 over "hailong/record/v1" and them.
func HashRecord(b []byte) survey.Hash {
	buf := make([]byte, 0, 512)
	return sha256.Sum256(append(append(buf, recordDomain...), b...))
}

// errRecord is the start of every fault of a record.
var errRecord = errors.New("record cannot be read")

// ErrRecordVersion marks a record whose envelope is of a version that this program does
// not know. It is kept and counted as held until a program that knows it reads it again.
var ErrRecordVersion = errors.New("a program of another version wrote it")

// DecodeRecord reads a record. The bytes are kept, not copied; Payload is a part of
// them. Bytes that cannot be read give a Record with Bytes, Hash and Fault, because a
// chain keeps them too.
func DecodeRecord(b []byte) Record {
	var r Record
	err := r.read(&reader{b: b})
	if err == nil && (r.Sequence == 0 || r.Chain.IsZero()) {
		err = errors.New("it has no identity")
	}
	if err != nil {
		r = Record{Fault: fmt.Errorf("%w: %w", errRecord, err)}
	}
	r.Bytes = b
	r.Hash = HashRecord(b)
	return r
}

// read reads the fields in the order of their numbers, the only one allowed.
func (r *Record) read(in *reader) error {
	fields := in.pairs()
	in.key(1)
	if r.Version = uint(in.uint()); in.err == nil && r.Version != RecordVersion {
		return fmt.Errorf("version %d is not known: %w", r.Version, ErrRecordVersion)
	}
	if in.err == nil && (fields < 13 || fields > 15) {
		return fmt.Errorf("it has %d fields", fields)
	}
	in.key(2)
	in.fill(r.Chain[:])
	in.key(3)
	r.Sequence = in.uint()
	in.key(4)
	in.fill(r.Previous[:])
	in.key(5)
	in.fill(r.Nonce[:])
	in.key(6)
	kind := in.uint()
	r.Kind = Kind(kind)
	in.key(7)
	r.Counter = in.text()
	in.key(8)
	r.Wall = in.int()
	in.key(9)
	r.Mono = in.int()
	in.key(10)
	in.fill(r.Boot[:])
	in.key(11)
	in.fill(r.Questionnaire[:])
	in.key(12)
	r.PayloadVersion = uint(in.uint())
	in.key(13)
	r.Payload = in.bytes()
	if err := r.readOptional(in, fields-13); err != nil {
		return err
	}
	if kind > math.MaxUint8 {
		return fmt.Errorf("kind %d is not known", kind)
	}
	return in.end()
}

// readOptional reads those of the last two fields that are there.
func (r *Record) readOptional(in *reader, left int) error {
	for last := uint64(13); left > 0; left-- {
		switch key := in.uint(); {
		case in.err != nil:
		case key == 14 && last == 13:
			r.Comment = new(survey.Hash)
			in.fill(r.Comment[:])
			last = key
		case key == 15 && last < 15:
			if state := in.uint(); in.err == nil && state != uint64(ClockUnsure) {
				return fmt.Errorf("clock state %d is not known", state)
			}
			r.Clock = ClockUnsure
			last = key
		default:
			return fmt.Errorf("field %d is not known", key)
		}
	}
	return nil
}

// Entry is the response that a record holds, without its comment.
func (r *Record) Entry() (survey.Entry, error) {
	if r.Fault != nil {
		return survey.Entry{}, r.Fault
	}
	resp, err := r.Response()
	if err != nil {
		return survey.Entry{}, err
	}
	return survey.Entry{ID: r.ID(), Nonce: r.Nonce, At: r.At(), Response: resp, HadComment: r.Comment != nil}, nil
}

// CutRecord finds the record with which b begins, whatever follows it; nil if b does not
// begin with one. It is for bytes salvaged from a file whose structure is lost.
func CutRecord(b []byte) []byte {
	var r Record
	in := reader{b: b, tail: true}
	if err := r.read(&in); err != nil || r.Sequence == 0 || r.Chain.IsZero() {
		return nil
	}
	return b[:len(b)-len(in.b)]
}
