package fault

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"hailong/survey"
)

// The verifier is written from the description of the format, not with the package that
// the programs use to make and check batches: what both did wrong in the same way would
// never be seen.
//
//   - A batch is a list: header, signature, records; each but the last a byte string,
//     the last a list of byte strings. The signature is Ed25519 over "hailong/batch/v1"
//     and the header's bytes.
//   - A header is a map: 3 chain, 4 sequence of the first record, 5 number of records,
//     6 hash of the record before, 7 hash of the last, 8 SHA-256 over
//     "hailong/batch-records/v1" and the records' hashes.
//   - A record's hash is SHA-256 over "hailong/record/v1" and its bytes, which are a map:
//     2 chain, 3 sequence, 4 hash of the record before, 5 nonce, 6 kind, 13 payload.
//     14 vouches for a comment, whose text stands beside the chain and never in it.
//   - Kind 1 is a response. Its payload is a map: 1 a list of pairs of question and
//     level, 2 channel.
//   - Kind 3 begins a chain after a damaged one: 1 that chain, 2 the last record of it
//     that is there, 4 the last number that may have been given out; 9 says that nobody
//     knows how many more.
//   - Kind 4 holds the bytes of a record of an earlier chain as its payload.
const (
	responseKind   = 1
	successionKind = 3
	salvagedKind   = 4
)

type batchForm struct {
	_         struct{} `cbor:",toarray"`
	Header    []byte
	Signature []byte
	Records   []cbor.RawMessage
}

type headerForm struct {
	Chain    []byte `cbor:"3,keyasint"`
	First    uint64 `cbor:"4,keyasint"`
	Count    uint64 `cbor:"5,keyasint"`
	Previous []byte `cbor:"6,keyasint"`
	LastHash []byte `cbor:"7,keyasint"`
	Digest   []byte `cbor:"8,keyasint"`
}

type recordForm struct {
	Chain    []byte `cbor:"2,keyasint"`
	Sequence uint64 `cbor:"3,keyasint"`
	Previous []byte `cbor:"4,keyasint"`
	Nonce    []byte `cbor:"5,keyasint"`
	Kind     uint64 `cbor:"6,keyasint"`
	Payload  []byte `cbor:"13,keyasint"`
	Words    []byte `cbor:"14,keyasint,omitempty"`
}

type answerForm struct {
	_        struct{} `cbor:",toarray"`
	Question string
	Level    int
}

type responseForm struct {
	Answers []answerForm `cbor:"1,keyasint"`
	Channel string       `cbor:"2,keyasint"`
}

type successionForm struct {
	Predecessor []byte `cbor:"1,keyasint"`
	Last        uint64 `cbor:"2,keyasint"`
	Reserved    uint64 `cbor:"4,keyasint"`
	Unbounded   bool   `cbor:"9,keyasint,omitempty"`
}

// verifier follows one chain through its batches.
type verifier struct {
	stored *Stored
	chain  survey.Chain
	key    ed25519.PublicKey
	seen   map[survey.RecordID]survey.Hash // of all chains
	last   uint64
	hash   survey.Hash // of the record last
}

func (v *verifier) wrong(format string, args ...any) {
	v.stored.wrong("chain %s after %d: %s", v.chain, v.last, fmt.Sprintf(format, args...))
}

// batch reads one batch. The first one that reaches a record holds it.
func (v *verifier) batch(data []byte) {
	if bytes.Contains(data, []byte(commentMark)) {
		v.wrong("I10: the text of a comment stands in the chain")
	}
	var b batchForm
	var h headerForm
	if err := cbor.Unmarshal(data, &b); err != nil {
		v.wrong("I4: a batch cannot be read: %v", err)
		return
	}
	if err := cbor.Unmarshal(b.Header, &h); err != nil {
		v.wrong("I4: a header cannot be read: %v", err)
		return
	}
	if len(v.key) != ed25519.PublicKeySize || !ed25519.Verify(v.key, append([]byte("hailong/batch/v1"), b.Header...), b.Signature) {
		v.wrong("I4: a signature does not fit the kiosk's key")
	}
	if string(h.Chain) != string(v.chain[:]) || h.Count != uint64(len(b.Records)) || h.Count == 0 {
		v.wrong("I4: a header does not fit its batch")
		return
	}
	if h.First > v.last+1 {
		v.wrong("I3: the next batch begins with %d", h.First)
	}
	sum := sha256.New()
	sum.Write([]byte("hailong/batch-records/v1"))
	previous := survey.Hash{}
	copy(previous[:], h.Previous)
	for i, raw := range b.Records {
		var record []byte
		if err := cbor.Unmarshal(raw, &record); err != nil {
			v.wrong("I4: a record is no byte string: %v", err)
			return
		}
		hash := recordHash(record)
		sum.Write(hash[:])
		v.record(h.First+uint64(i), record, hash, previous)
		previous = hash
	}
	if string(sum.Sum(nil)) != string(h.Digest) || string(previous[:]) != string(h.LastHash) {
		v.wrong("I4: other records are signed than those in the batch")
	}
}

// fork reads a batch that contradicts the chain. Its records that the chain has not are
// disputed.
func (v *verifier) fork(data []byte) {
	side := Stored{}
	f := verifier{stored: &side, chain: v.chain, key: v.key, seen: map[survey.RecordID]survey.Hash{}}
	var b batchForm
	var h headerForm
	if cbor.Unmarshal(data, &b) == nil && cbor.Unmarshal(b.Header, &h) == nil && h.First > 0 && len(h.Previous) == len(f.hash) {
		f.last, f.hash = h.First-1, survey.Hash(h.Previous)
	}
	f.batch(data)
	v.stored.Violations = append(v.stored.Violations, side.Violations...)
	for _, r := range side.Records {
		if v.seen[r.ID] != r.Hash {
			v.stored.Disputed = append(v.stored.Disputed, r)
		}
	}
}

func recordHash(b []byte) survey.Hash {
	return sha256.Sum256(append([]byte("hailong/record/v1"), b...))
}

// record reads one record in its place; one read before is passed over.
func (v *verifier) record(sequence uint64, data []byte, hash, previous survey.Hash) {
	if sequence <= v.last {
		return
	}
	if previous != v.hash {
		v.wrong("I4: the hash of the record before does not fit that record")
	}
	var r recordForm
	if err := cbor.Unmarshal(data, &r); err != nil {
		v.wrong("I4: record %d cannot be read: %v", sequence, err)
	} else {
		if r.Sequence != sequence || string(r.Chain) != string(v.chain[:]) {
			v.wrong("I3: in the place of %d stands %x/%d", sequence, r.Chain, r.Sequence)
		}
		if string(r.Previous) != string(v.hash[:]) {
			v.wrong("I4: record %d names another record before it", sequence)
		}
		v.take(r, hash, survey.RecordID{Chain: v.chain, Sequence: sequence})
	}
	v.last, v.hash = sequence, hash
}

// take keeps what a record says that stands, itself or salvaged, at some place.
func (v *verifier) take(r recordForm, hash survey.Hash, at survey.RecordID) {
	switch r.Kind {
	case responseKind:
		v.response(r, hash, at)
	case successionKind:
		var s successionForm
		if err := cbor.Unmarshal(r.Payload, &s); err != nil || len(s.Predecessor) != len(survey.Chain{}) {
			v.wrong("I4: the beginning of the chain cannot be read: %v", err)
			return
		}
		v.stored.Losses = append(v.stored.Losses, DeclaredLoss{survey.Chain(s.Predecessor), s.Last, s.Reserved, s.Unbounded})
	case salvagedKind:
		var inner recordForm
		if err := cbor.Unmarshal(r.Payload, &inner); err != nil {
			v.wrong("I4: a salvaged record cannot be read: %v", err)
			return
		}
		v.take(inner, recordHash(r.Payload), at)
	}
}

func (v *verifier) response(r recordForm, hash survey.Hash, at survey.RecordID) {
	var p responseForm
	if err := cbor.Unmarshal(r.Payload, &p); err != nil || len(r.Chain) != len(survey.Chain{}) || len(r.Nonce) != len(survey.Nonce{}) {
		v.wrong("I4: the response of %x/%d cannot be read: %v", r.Chain, r.Sequence, err)
		return
	}
	id := survey.RecordID{Chain: survey.Chain(r.Chain), Sequence: r.Sequence}
	if before, ok := v.seen[id]; ok {
		if before != hash {
			v.wrong("I1: two records are called %s", id)
		}
		if at == id { // salvaged, and received in its own chain too: there stands its comment
			for i := range v.stored.Records {
				if own := &v.stored.Records[i]; own.ID == id {
					own.at, own.words = at, len(r.Words) > 0
				}
			}
		}
		return
	}
	v.seen[id] = hash
	record := StoredRecord{ID: id, Nonce: survey.Nonce(r.Nonce), Hash: hash, Answers: map[string]int{}, Channel: survey.Channel(p.Channel), at: at, words: len(r.Words) > 0}
	for _, a := range p.Answers {
		record.Answers[a.Question] = a.Level
	}
	v.stored.Records = append(v.stored.Records, record)
}
