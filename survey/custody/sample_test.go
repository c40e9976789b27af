package custody_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// The keys of the tests, made from fixed seeds so that golden files hold.
var (
	kioskKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	centreKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	kiosk     = custody.KioskName(public(kioskKey))
	chain     = survey.Chain{0xc0, 0xff, 0xee}
)

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// plainPress is what a finger on the screen makes.
func plainPress() survey.Response {
	return survey.Response{
		Questionnaire: sha256.Sum256([]byte("quick")), Channel: survey.Touch, Stage: survey.Result, Counter: "H-1",
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 5}},
	}
}

// fullForm uses every field that a response has.
func fullForm() survey.Response {
	r := plainPress()
	r.Channel, r.Stage = survey.QR, survey.Refusal
	r.Answers = []survey.Answer{
		{Question: "A1", Kind: survey.AtLevel, Level: 0}, {Question: "A2", Kind: survey.AtLevel, Level: 99},
		{Question: "B1", Kind: survey.Blank}, {Question: "E1", Kind: survey.NotApplicable},
	}
	r.ResolvingUnit, r.Field, r.Procedure, r.Respondent = "SNV", "land", "1.001", survey.Organisation
	r.WithFlag(survey.TooSoon)
	r.WithFlag("burst")
	r.Replaces = survey.RecordID{Chain: chain, Sequence: 3}
	return r
}

// ticketedForm is what a phone sends that scanned the code on a screen.
func ticketedForm() survey.Response {
	r := plainPress()
	r.Channel = survey.QR
	r.Ticket = &survey.UsedTicket{Class: survey.ScreenTicket, ID: survey.TicketID{0x7e, 1}, Visit: survey.Visit{0x51, 2}}
	return r
}

// link is record seq of the chain, after one with hash previous.
func link(seq uint64, previous survey.Hash, r survey.Response) custody.Record {
	return custody.Seal(custody.Record{
		Version: custody.RecordVersion, Chain: chain, Sequence: seq, Previous: previous,
		Nonce: survey.KeyNonce(string(rune('a' + seq))), Kind: custody.ResponseRecord, Counter: string(r.Counter),
		Wall: 1_772_420_400_000 + int64(seq), Mono: 1000 * int64(seq), Boot: [16]byte{0xb0, 0x07},
		Questionnaire: r.Questionnaire, PayloadVersion: custody.PayloadVersionOf(&r), Payload: custody.EncodeResponse(&r),
	})
}

// run is the records first..last of one chain that begins with 1.
func run(first, last uint64) (previous survey.Hash, records []custody.Record) {
	var at survey.Hash
	for seq := uint64(1); seq <= last; seq++ {
		r := link(seq, at, plainPress())
		if seq < first {
			previous = r.Hash
		} else {
			records = append(records, r)
		}
		at = r.Hash
	}
	return previous, records
}

func batchOf(first, last uint64) *custody.Batch {
	previous, records := run(first, last)
	return custody.NewBatch(kiosk, kioskKey, previous, records, nil, nil)
}

// unreadable is a record that no program reads, in the chain all the same.
func unreadable(bytes string) custody.Record { return custody.DecodeRecord([]byte(bytes)) }

func mustParse(t *testing.T, message []byte) *custody.Batch {
	t.Helper()
	b, err := custody.ParseMessage(message)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
