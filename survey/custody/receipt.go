package custody

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"hailong/survey"
)

// Epoch is one life of the central store, drawn when it is made or restored. Within
// one epoch a receipt never goes down.
type Epoch [16]byte

// Receipt is the centre's signed word about one chain: everything up to Durable is
// committed in its store, everything up to Backup is in a verified backup. The kiosk
// keeps it; Durable moves its sender, only Backup lets it forget.
type Receipt struct {
	Version    uint           `cbor:"1,keyasint"`
	Epoch      Epoch          `cbor:"2,keyasint"`
	Kiosk      survey.KioskID `cbor:"3,keyasint"`
	Chain      survey.Chain   `cbor:"4,keyasint"`
	Durable    uint64         `cbor:"5,keyasint"`
	DurableSum survey.Hash    `cbor:"6,keyasint"` // hash of the record Durable
	Backup     uint64         `cbor:"7,keyasint"`
	BackupSum  survey.Hash    `cbor:"8,keyasint"`
	ServerTime int64          `cbor:"9,keyasint"`            // the centre's clock, ms since 1970
	Refused    string         `cbor:"10,keyasint,omitempty"` // why the last batch was refused, if it was
	Started    bool           `cbor:"11,keyasint,omitempty"` // a greeting: the centre has just started, ask for your mark; nothing else holds
	Gap        bool           `cbor:"12,keyasint,omitempty"` // the last batch began too late: go on from Durable
}

// Head is the durable mark.
func (r *Receipt) Head() Head { return Head{r.Durable, r.DurableSum} }

// At is the centre's clock when it signed.
func (r *Receipt) At() time.Time { return time.UnixMilli(r.ServerTime).In(survey.Zone) }

// MarkRequest asks the centre for its present receipt of a chain.
type MarkRequest struct {
	Chain survey.Chain `cbor:"1,keyasint"`
}

// Encode is the request as it travels.
func (m MarkRequest) Encode() []byte { return encode(m) }

// ParseMarkRequest reads a request.
func ParseMarkRequest(b []byte) (MarkRequest, error) {
	var m MarkRequest
	if err := open.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("mark request cannot be read: %w", err)
	}
	if m.Chain.IsZero() {
		return m, errors.New("mark request names no chain")
	}
	return m, nil
}

type signedReceipt struct {
	_         struct{} `cbor:",toarray"`
	Receipt   []byte
	Signature []byte
}

const (
	receiptVersion = 1
	receiptDomain  = "hailong/receipt/v1"
)

// ErrReceipt marks a receipt that is not the centre's word.
var ErrReceipt = errors.New("the receipt is not signed by the centre this kiosk is enrolled with")

// SignReceipt is the receipt as it travels, signed with the centre's key.
func SignReceipt(r Receipt, key ed25519.PrivateKey) []byte {
	r.Version = receiptVersion
	b := encode(r)
	return encode(signedReceipt{Receipt: b, Signature: ed25519.Sign(key, append([]byte(receiptDomain), b...))})
}

// OpenReceipt reads a receipt after checking the centre's signature.
func OpenReceipt(data []byte, key ed25519.PublicKey) (Receipt, error) {
	var s signedReceipt
	if err := strict.Unmarshal(data, &s); err != nil {
		return Receipt{}, fmt.Errorf("receipt cannot be read: %w", err)
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(receiptDomain), s.Receipt...), s.Signature) {
		return Receipt{}, ErrReceipt
	}
	var r Receipt
	if err := open.Unmarshal(s.Receipt, &r); err != nil {
		return Receipt{}, fmt.Errorf("receipt cannot be read: %w", err)
	}
	if r.Version != receiptVersion {
		return Receipt{}, fmt.Errorf("receipt version %d is not known", r.Version)
	}
	return r, nil
}
