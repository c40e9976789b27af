package custody

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	"hailong/survey"
)

// Header is what a kiosk signs about a batch. Digest vouches for every record of it,
// also for those before one that cannot be read, whose link to them nobody sees.
type Header struct {
	Version  uint           `cbor:"1,keyasint"`
	Kiosk    survey.KioskID `cbor:"2,keyasint"`
	Chain    survey.Chain   `cbor:"3,keyasint"`
	First    uint64         `cbor:"4,keyasint"` // sequence of the first record
	Count    uint64         `cbor:"5,keyasint"`
	Previous survey.Hash    `cbor:"6,keyasint"` // hash of the record before the first; zero if there is none
	LastHash survey.Hash    `cbor:"7,keyasint"`
	Digest   survey.Hash    `cbor:"8,keyasint"` // over the hashes of all its records, in their order
	// Totals is how many responses the kiosk has issued, day by day, when it signed; nil
	// where it does not say.
	Totals *Totals `cbor:"9,keyasint,omitempty"`
}

// Last is the sequence of the last record.
func (h *Header) Last() uint64 { return h.First + h.Count - 1 }

// Batch is a contiguous run of records of one chain, signed by its kiosk.
type Batch struct {
	Header    Header
	Records   []Record
	Comments  []Comment // of these records; not signed: each is vouched for by its commitment
	Bytes     []byte    // header, signature and records as received: what a store keeps
	signed    []byte
	signature []byte
}

// message is what travels: the batch, and beside it the comments.
type message struct {
	_        struct{} `cbor:",toarray"`
	Version  uint
	Batch    []byte
	Comments []Comment
}

type batchBytes struct {
	_         struct{} `cbor:",toarray"`
	Header    []byte
	Signature []byte
	Records   []rawBytes
}

// rawBytes is a byte string; a named type, so that a list of them is one of strings.
type rawBytes []byte

const (
	messageVersion = 1
	headerVersion  = 1
	batchDomain    = "hailong/batch/v1"
	digestDomain   = "hailong/batch-records/v1"
)

// The faults of a whole batch. Such a batch is quarantined and refused: no part of it
// can be trusted.
var (
	ErrUnreadable = errors.New("the batch cannot be read")
	ErrSignature  = errors.New("the batch's signature does not fit the kiosk's key")
	ErrBroken     = errors.New("the batch's records do not form the chain that its header signs")
)

// NewBatch signs records, at least one, contiguous and of one chain, with the kiosk's
// key. previous is the hash of the record before the first. The first record must know
// its Sequence and the last its Chain, also where they cannot be read themselves. totals
// may be nil.
func NewBatch(kiosk survey.KioskID, key ed25519.PrivateKey, previous survey.Hash, records []Record, comments []Comment, totals *Totals) *Batch {
	last := records[len(records)-1]
	h := Header{
		Version: headerVersion, Kiosk: kiosk, Chain: last.Chain, First: records[0].Sequence,
		Count: uint64(len(records)), Previous: previous, LastHash: last.Hash, Digest: digest(records),
		Totals: totals,
	}
	b := &Batch{Header: h, Records: records, Comments: comments, signed: encode(h)}
	b.signature = ed25519.Sign(key, append([]byte(batchDomain), b.signed...))
	raw := make([]rawBytes, len(records))
	for i := range records {
		raw[i] = records[i].Bytes
	}
	b.Bytes = encode(batchBytes{Header: b.signed, Signature: b.signature, Records: raw})
	return b
}

// digest is SHA-256 over "hailong/batch-records/v1" and the records' hashes.
func digest(records []Record) survey.Hash {
	b := make([]byte, 0, len(digestDomain)+len(records)*sha256.Size)
	b = append(b, digestDomain...)
	for i := range records {
		b = append(b, records[i].Hash[:]...)
	}
	return sha256.Sum256(b)
}

// Message is the batch with its comments, as it travels.
func (b *Batch) Message() []byte {
	return encode(message{Version: messageVersion, Batch: b.Bytes, Comments: b.Comments})
}

// ParseMessage reads a batch with its comments, at most [MaxMessage] bytes of them.
// Nothing is verified yet.
func ParseMessage(data []byte) (*Batch, error) {
	if len(data) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes are more than the %d that a message may have", ErrUnreadable, len(data), MaxMessage)
	}
	in := reader{b: data}
	in.tuple(3)
	if version := in.uint(); in.err == nil && version != messageVersion {
		return nil, fmt.Errorf("%w: message version %d is not known", ErrUnreadable, version)
	}
	batch := in.bytes()
	comments := make([]Comment, min(in.array(), MaxBatchRecords))
	for i := range comments {
		in.tuple(3)
		comments[i].Sequence = in.uint()
		in.fill(comments[i].Salt[:])
		comments[i].Text = in.text()
	}
	if err := in.end(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	b, err := ParseBatch(batch)
	if err != nil {
		return nil, err
	}
	b.Comments = comments
	return b, nil
}

// ParseBatch reads a batch as a store keeps it, without comments. Records that cannot
// be read are there with their Fault. Nothing is verified yet. The batch and its
// records are parts of data, not copies.
func ParseBatch(data []byte) (*Batch, error) {
	in := reader{b: data}
	in.tuple(3)
	b := &Batch{Bytes: data, signed: in.bytes(), signature: in.bytes()}
	raw := make([][]byte, min(in.array(), MaxBatchRecords))
	for i := range raw {
		raw[i] = in.bytes()
	}
	if err := in.end(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if err := open.Unmarshal(b.signed, &b.Header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrUnreadable, err)
	}
	switch h := &b.Header; {
	case h.Version != headerVersion:
		return nil, fmt.Errorf("%w: header version %d is not known", ErrUnreadable, h.Version)
	case h.Count != uint64(len(raw)), h.Count == 0, h.First == 0, h.First+h.Count < h.First:
		return nil, fmt.Errorf("%w: the header's numbers do not fit its %d records", ErrUnreadable, len(raw))
	}
	b.Records = make([]Record, len(raw))
	for i := range raw {
		b.Records[i] = DecodeRecord(raw[i])
	}
	return b, nil
}

// Verify checks the signature, that the records are those it vouches for, and that
// they form a chain: contiguous sequences, each carrying the hash of the one before.
// A record that cannot be read stands in its place by its hash alone.
func (b *Batch) Verify(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(batchDomain), b.signed...), b.signature) {
		return ErrSignature
	}
	previous := b.Header.Previous
	for i := range b.Records {
		r := &b.Records[i]
		seq := b.Header.First + uint64(i)
		switch {
		case r.Fault != nil:
		case r.Chain != b.Header.Chain, r.Sequence != seq, r.Previous != previous:
			return fmt.Errorf("%w: at sequence %d", ErrBroken, seq)
		}
		previous = r.Hash
	}
	if previous != b.Header.LastHash || digest(b.Records) != b.Header.Digest {
		return fmt.Errorf("%w: other records are signed", ErrBroken)
	}
	return nil
}

// Comment is the text that goes with a record, if the batch carries one that fits the
// record's commitment.
func (b *Batch) Comment(r *Record) (Comment, bool) {
	if r.Comment == nil {
		return Comment{}, false
	}
	for _, c := range b.Comments {
		if c.Sequence == r.Sequence && c.Commit() == *r.Comment {
			return c, true
		}
	}
	return Comment{}, false
}
