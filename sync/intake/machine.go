// Package intake takes what the bus delivers into the central store and sends receipts
// back. What to do with deliveries is decided by [Admit] and [Settle], pure steps;
// [Intake] is the thin runner around them.
//
// A delivery is acknowledged to the bus only after the store has committed it, or
// committed why it is not admitted; or when the store could not keep it by itself for a
// long time, because its kiosk sends it again. Repeats, gaps and forks are the store's to tell;
// whatever the case, the sender hears the present mark, so it always knows where to go
// on.
package intake

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// Delivery is one message from the bus.
type Delivery struct {
	Subject string
	Data    []byte
}

// Keys says which key a kiosk signs with; enrolled is false when it is not enrolled. An
// error says that it was shut out, if it is a [ShutOut], or else that this could not be
// found out now.
type Keys func(survey.KioskID) (key ed25519.PublicKey, enrolled bool, err error)

// ShutOut says that a kiosk was enrolled and is revoked. What its key signed is not taken
// any more, whatever day the records name: who holds the key can name any. A person who
// knows better can allow the kiosk again.
type ShutOut struct {
	Kiosk survey.KioskID
	Since time.Time
}

// Error says since when, and what to do.
func (s *ShutOut) Error() string {
	at := s.Since.In(survey.Zone)
	return fmt.Sprintf("%v any more: it was revoked at %s on %s. If its key was not given away: allow it again (hailong kiosks allow %s), import the file anew or try again what was rejected, then revoke it",
		errUnknownKiosk, at.Format("15:04"), survey.DateOf(at), s.Kiosk)
}

// Judged is a delivery after its bytes were looked at: an arrival for the store, or
// the reason why it is not one.
type Judged struct {
	Kiosk    survey.KioskID
	Chain    survey.Chain     // of the batch, where its header could be read
	Arrival  *custody.Arrival // nil when rejected
	Rejected *custody.Rejected
}

var (
	errUnknownKiosk = errors.New("no kiosk of that name is enrolled")
	errOtherKiosk   = errors.New("the batch names another kiosk than the subject it came on")
)

// Admit checks one delivery by itself: it can be read, comes from an enrolled kiosk,
// is signed by it, and its records form the chain that the signature vouches for. An
// error says that nothing can be said of it yet, because no key could be looked up.
func Admit(d Delivery, keys Keys, now time.Time) (Judged, error) {
	j := Judged{Kiosk: wire.Kiosk(d.Subject)}
	b, err := custody.ParseMessage(d.Data)
	if err == nil {
		j.Chain = b.Header.Chain
		key, enrolled, unknown := keys(j.Kiosk)
		out := (*ShutOut)(nil)
		switch {
		case errors.As(unknown, &out):
			err = out
		case unknown != nil:
			return Judged{}, fmt.Errorf("look up the key of kiosk %s: %w", j.Kiosk, unknown)
		case !enrolled:
			err = errUnknownKiosk
		case b.Header.Kiosk != j.Kiosk:
			err = errOtherKiosk
		default:
			err = b.Verify(key)
		}
	}
	if err != nil {
		j.Rejected = &custody.Rejected{Kiosk: j.Kiosk, Reason: err.Error(), Bytes: d.Data, Received: now}
		return j, nil
	}
	j.Arrival = &custody.Arrival{Batch: b, Received: now}
	return j, nil
}

// Reply is a receipt to send.
type Reply struct {
	Kiosk   survey.KioskID
	Chain   survey.Chain
	Head    custody.Head // how far the chain has come in the store
	Backup  custody.Head // and in a verified backup
	Refused string
	Gap     bool // a batch that began too late is still missing: go on from Head
}

// Settle says which receipts follow from a commit: one per kiosk and chain, with its
// head after the last of its batches, and one for each rejected delivery, with the
// reason. A kiosk that sends under another's chain does not get the other's receipt, nor
// the other its refusal. kept belongs to the arrivals among judged, in their order.
func Settle(judged []Judged, kept []custody.Kept) []Reply {
	var replies []Reply
	at := map[sender]int{}
	missing := map[sender]uint64{} // the last sequence of all that came too early
	for _, j := range judged {
		if j.Rejected != nil {
			if j.Kiosk != "" && !j.Chain.IsZero() {
				replies = append(replies, Reply{Kiosk: j.Kiosk, Chain: j.Chain, Refused: j.Rejected.Reason})
			}
			continue
		}
		k := kept[0]
		kept = kept[1:]
		from := sender{j.Kiosk, j.Chain}
		if k.Case == custody.Gap {
			missing[from] = max(missing[from], j.Arrival.Batch.Header.Last())
		}
		r := Reply{Kiosk: j.Kiosk, Chain: j.Chain, Head: k.Head, Gap: missing[from] > k.Head.Sequence}
		if k.Case == custody.Fork {
			r.Refused = "fork: the store holds other records under these numbers"
		}
		if i, ok := at[from]; ok {
			r.Refused = max(r.Refused, replies[i].Refused)
			replies[i] = r
			continue
		}
		at[from] = len(replies)
		replies = append(replies, r)
	}
	return replies
}
