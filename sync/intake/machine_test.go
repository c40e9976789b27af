package intake_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/intake"
	"hailong/sync/wire"
)

// box is a kiosk with a journal in memory.
type box struct {
	name    survey.KioskID
	key     ed25519.PrivateKey
	chain   survey.Chain
	records []custody.Record
}

// newBox makes a kiosk with a journal of so many records.
func newBox(seed byte, records int) *box {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	b := &box{name: custody.KioskName(public(key)), key: key, chain: survey.Chain{seed}}
	for range records {
		b.press()
	}
	return b
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// press adds a record.
func (b *box) press() {
	r := survey.Response{
		Questionnaire: survey.Hash{1}, Channel: survey.Touch, Stage: survey.Result, Counter: "Q1",
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 5}},
	}
	seq := uint64(len(b.records) + 1)
	b.records = append(b.records, custody.Seal(custody.Record{
		Version: custody.RecordVersion, Chain: b.chain, Sequence: seq, Previous: b.hashAt(seq - 1),
		Nonce: survey.KeyNonce(fmt.Sprint(b.name, seq)), Kind: custody.ResponseRecord, Counter: string(r.Counter),
		Questionnaire: r.Questionnaire, PayloadVersion: custody.PayloadVersion, Payload: custody.EncodeResponse(&r),
	}))
}

func (b *box) hashAt(seq uint64) survey.Hash {
	if seq == 0 {
		return survey.Hash{}
	}
	return b.records[seq-1].Hash
}

func (b *box) headAt(seq uint64) custody.Head {
	return custody.Head{Sequence: seq, Hash: b.hashAt(seq)}
}

// batch signs the records first..last.
func (b *box) batch(first, last uint64) *custody.Batch {
	return custody.NewBatch(b.name, b.key, b.hashAt(first-1), b.records[first-1:last], nil, nil)
}

func (b *box) message(first, last uint64) []byte { return b.batch(first, last).Message() }

// keysOf enrols kiosks.
func keysOf(boxes ...*box) intake.Keys {
	return func(k survey.KioskID) (ed25519.PublicKey, bool, error) {
		for _, b := range boxes {
			if b.name == k {
				return public(b.key), true, nil
			}
		}
		return nil, false, nil
	}
}

func TestAdmit(t *testing.T) {
	b, other, stranger := newBox(1, 6), newBox(2, 3), newBox(3, 3)
	gap := append(append([]custody.Record(nil), b.records[:2]...), b.records[3:5]...)
	swapped := bytes.Replace(b.message(1, 3), b.records[1].Bytes[len(b.records[1].Bytes)-8:], []byte("tampered"), 1)
	wrongKey := custody.NewBatch(b.name, other.key, survey.Hash{}, b.records, nil, nil).Message()
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, survey.Zone)
	for _, c := range []struct {
		name    string
		subject string
		data    []byte
		reason  string // "" = admitted
		chain   bool   // the chain is known all the same
	}{
		{"good", wire.Batch(b.name), b.message(1, 6), "", true},
		{"good, from the middle of the chain", wire.Batch(b.name), b.message(4, 6), "", true},
		{"nothing", wire.Batch(b.name), nil, "cannot be read", false},
		{"not a batch", wire.Batch(b.name), []byte("xin chào"), "cannot be read", false},
		{"cut short", wire.Batch(b.name), b.message(1, 6)[:200], "cannot be read", false},
		{"of a kiosk that is not enrolled", wire.Batch(stranger.name), stranger.message(1, 3), "no kiosk of that name", true},
		{"on another kiosk's subject", wire.Batch(other.name), b.message(1, 3), "another kiosk than the subject", true},
		{"on a subject without a kiosk", wire.AllBatches, b.message(1, 3), "no kiosk of that name", true},
		{"signed with another key", wire.Batch(b.name), wrongKey, "signature", true},
		{"with a changed record", wire.Batch(b.name), swapped, "chain", true},
		{"with a record left out", wire.Batch(b.name), custody.NewBatch(b.name, b.key, survey.Hash{}, gap, nil, nil).Message(), "chain", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := intake.Admit(intake.Delivery{Subject: c.subject, Data: c.data}, keysOf(b, other), now)
			if err != nil {
				t.Fatal(err)
			}
			if j.Kiosk != wire.Kiosk(c.subject) || j.Chain.IsZero() == c.chain {
				t.Errorf("kiosk %q, chain %s", j.Kiosk, j.Chain)
			}
			if c.reason == "" {
				if j.Rejected != nil || j.Arrival == nil || !j.Arrival.Received.Equal(now) || !bytes.Equal(j.Arrival.Batch.Message(), c.data) {
					t.Fatalf("not admitted as it came: %+v", j.Rejected)
				}
				return
			}
			r := j.Rejected
			if j.Arrival != nil || r == nil || !strings.Contains(r.Reason, c.reason) {
				t.Fatalf("%+v, want it rejected because of %q", r, c.reason)
			}
			if r.Kiosk != j.Kiosk || !bytes.Equal(r.Bytes, c.data) || !r.Received.Equal(now) {
				t.Fatalf("rejected as %+v", r)
			}
		})
	}
}

// Who could not be looked up is not a stranger.
func TestAKeyThatCannotBeReadDecidesNothing(t *testing.T) {
	b := newBox(1, 3)
	keys := func(survey.KioskID) (ed25519.PublicKey, bool, error) { return nil, false, errDisk }
	j, err := intake.Admit(intake.Delivery{Subject: wire.Batch(b.name), Data: b.message(1, 3)}, keys, time.Unix(0, 0))
	if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), string(b.name)) || j.Arrival != nil || j.Rejected != nil {
		t.Fatalf("judged %+v, %v", j, err)
	}
}

// A kiosk that was shut out is told apart from a stranger: since when, and what can be done.
func TestAKioskThatWasShutOut(t *testing.T) {
	b := newBox(1, 3)
	since := time.Date(2026, 3, 31, 12, 20, 0, 0, survey.Zone)
	keys := func(k survey.KioskID) (ed25519.PublicKey, bool, error) {
		return nil, false, fmt.Errorf("kiosk %s: %w", k, &intake.ShutOut{Kiosk: k, Since: since})
	}
	j, err := intake.Admit(intake.Delivery{Subject: wire.Batch(b.name), Data: b.message(1, 3)}, keys, since)
	if err != nil || j.Rejected == nil {
		t.Fatalf("judged %+v, %v", j, err)
	}
	for _, want := range []string{"no kiosk of that name is enrolled any more: it was revoked at 12:20 on 2026-03-31.", "hailong kiosks allow " + string(b.name) + ")"} {
		if !strings.Contains(j.Rejected.Reason, want) {
			t.Errorf("%q does not say %q", j.Rejected.Reason, want)
		}
	}
}

func TestSettle(t *testing.T) {
	a, b := newBox(1, 9), newBox(2, 9)
	arrived := func(x *box, first, last uint64) intake.Judged {
		return intake.Judged{Kiosk: x.name, Chain: x.chain, Arrival: &custody.Arrival{Batch: x.batch(first, last)}}
	}
	under := func(x *box, chain survey.Chain) intake.Judged {
		return intake.Judged{Kiosk: x.name, Chain: chain, Arrival: &custody.Arrival{}}
	}
	rejected := func(k survey.KioskID, c survey.Chain) intake.Judged {
		return intake.Judged{Kiosk: k, Chain: c, Rejected: &custody.Rejected{Reason: "why"}}
	}
	kept := func(x *box, c custody.Case, head uint64) custody.Kept {
		return custody.Kept{Case: c, Head: x.headAt(head)}
	}
	reply := func(x *box, head uint64) intake.Reply {
		return intake.Reply{Kiosk: x.name, Chain: x.chain, Head: x.headAt(head)}
	}
	gap, forked, bothTold := reply(a, 3), reply(a, 3), reply(a, 6)
	gap.Gap = true
	forked.Refused = "fork: the store holds other records under these numbers"
	bothTold.Refused = forked.Refused
	stolen := intake.Reply{Kiosk: b.name, Chain: a.chain, Head: a.headAt(6), Refused: forked.Refused}
	for _, c := range []struct {
		name   string
		judged []intake.Judged
		kept   []custody.Kept
		want   []intake.Reply
	}{
		{"nothing", nil, nil, nil},
		{"one batch", []intake.Judged{arrived(a, 1, 3)}, []custody.Kept{kept(a, custody.New, 3)}, []intake.Reply{reply(a, 3)}},
		{
			"several of one chain make one receipt, with the last head",
			[]intake.Judged{arrived(a, 1, 3), arrived(b, 1, 2), arrived(a, 4, 6), arrived(a, 4, 6)},
			[]custody.Kept{kept(a, custody.New, 3), kept(b, custody.New, 2), kept(a, custody.New, 6), kept(a, custody.Duplicate, 6)},
			[]intake.Reply{reply(a, 6), reply(b, 2)},
		},
		{"a gap says where to go on", []intake.Judged{arrived(a, 5, 6)}, []custody.Kept{kept(a, custody.Gap, 3)}, []intake.Reply{gap}},
		{
			"a gap that closed in the same commit is none",
			[]intake.Judged{arrived(a, 5, 6), arrived(a, 4, 6)}, []custody.Kept{kept(a, custody.Gap, 3), kept(a, custody.New, 6)},
			[]intake.Reply{reply(a, 6)},
		},
		{
			"a gap that opened in the same commit is one",
			[]intake.Judged{arrived(a, 1, 3), arrived(a, 5, 6)}, []custody.Kept{kept(a, custody.New, 3), kept(a, custody.Gap, 3)},
			[]intake.Reply{gap},
		},
		{
			"a gap stays one where only what was before it came",
			[]intake.Judged{arrived(a, 4, 9), arrived(a, 1, 3)}, []custody.Kept{kept(a, custody.Gap, 0), kept(a, custody.New, 3)},
			[]intake.Reply{gap},
		},
		{
			"a gap stays one after a smaller gap and a repeat",
			[]intake.Judged{arrived(a, 8, 9), arrived(a, 5, 6), arrived(a, 1, 3), arrived(a, 2, 3)},
			[]custody.Kept{kept(a, custody.Gap, 0), kept(a, custody.Gap, 0), kept(a, custody.New, 3), kept(a, custody.Duplicate, 3)},
			[]intake.Reply{gap},
		},
		{
			"one kiosk's gap is not another's",
			[]intake.Judged{arrived(b, 4, 9), arrived(a, 1, 3), arrived(b, 1, 9)},
			[]custody.Kept{kept(b, custody.Gap, 0), kept(a, custody.New, 3), kept(b, custody.New, 9)},
			[]intake.Reply{reply(b, 9), reply(a, 3)},
		},
		{"a fork is refused", []intake.Judged{arrived(a, 1, 3)}, []custody.Kept{kept(a, custody.Fork, 3)}, []intake.Reply{forked}},
		{
			"a fork is not hushed up by a good batch after it",
			[]intake.Judged{arrived(a, 1, 3), arrived(a, 4, 6)}, []custody.Kept{kept(a, custody.Fork, 3), kept(a, custody.New, 6)},
			[]intake.Reply{bothTold},
		},
		{
			"another kiosk under the same chain",
			[]intake.Judged{arrived(a, 1, 3), under(b, a.chain)}, []custody.Kept{kept(a, custody.New, 6), kept(a, custody.Fork, 6)},
			[]intake.Reply{reply(a, 6), stolen},
		},
		{"rejected, of a known chain", []intake.Judged{rejected(a.name, a.chain)}, nil, []intake.Reply{{Kiosk: a.name, Chain: a.chain, Refused: "why"}}},
		{"rejected, nobody knows of which chain", []intake.Judged{rejected(a.name, survey.Chain{})}, nil, nil},
		{"rejected, nobody knows of which kiosk", []intake.Judged{rejected("", a.chain)}, nil, nil},
		{
			"rejected ones among good ones",
			[]intake.Judged{rejected(a.name, survey.Chain{}), arrived(a, 1, 3), rejected(b.name, b.chain), arrived(b, 1, 2)},
			[]custody.Kept{kept(a, custody.New, 3), kept(b, custody.New, 2)},
			[]intake.Reply{reply(a, 3), {Kiosk: b.name, Chain: b.chain, Refused: "why"}, reply(b, 2)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := intake.Settle(c.judged, c.kept); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}
