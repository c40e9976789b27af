package custody_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"hailong/survey"
	"hailong/survey/custody"
)

func TestBatchRoundTrip(t *testing.T) {
	sent := batchOf(4, 9)
	got := mustParse(t, sent.Message())
	if err := got.Verify(public(kioskKey)); err != nil {
		t.Fatal(err)
	}
	if got.Header != sent.Header || !reflect.DeepEqual(got.Records, sent.Records) || !bytes.Equal(got.Bytes, sent.Bytes) {
		t.Errorf("received\n%+v, sent\n%+v", got, sent)
	}
	if got.Header.First != 4 || got.Header.Last() != 9 || got.Header.LastHash != got.Records[5].Hash {
		t.Errorf("the header says %+v", got.Header)
	}
	kept, err := custody.ParseBatch(got.Bytes)
	if err != nil || kept.Verify(public(kioskKey)) != nil || len(kept.Records) != 6 {
		t.Errorf("as a store keeps it: %+v, %v", kept, err)
	}
}

// TestEveryFlippedBitIsNoticed: whatever bit changes on the way, either the batch is
// refused, or the change lies in a comment, which its commitment then does not fit.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	sent, err := custody.ParseMessage(wireForms()["message-v1"])
	if err != nil {
		t.Fatal(err)
	}
	data := sent.Message()
	outcomes := map[string]int{}
	for i := range data {
		bit := i % 8
		bad := bytes.Clone(data)
		bad[i] ^= 1 << bit
		b, err := custody.ParseMessage(bad)
		if err == nil {
			err = b.Verify(public(kioskKey))
		}
		switch {
		case errors.Is(err, custody.ErrUnreadable):
			outcomes["unreadable"]++
		case errors.Is(err, custody.ErrSignature):
			outcomes["signature"]++
		case errors.Is(err, custody.ErrBroken):
			outcomes["broken"]++
		case err != nil:
			t.Fatalf("byte %d bit %d: %v is none of the three faults", i, bit, err)
		default:
			outcomes["comment"]++
			sameRecords(t, fmt.Sprintf("byte %d bit %d", i, bit), b, sent)
		}
	}
	t.Logf("of %d bytes: %v", len(data), outcomes)
	if outcomes["signature"] == 0 || outcomes["broken"] == 0 || outcomes["unreadable"] == 0 || outcomes["comment"] == 0 {
		t.Errorf("not every kind of fault was met: %v", outcomes)
	}
}

// sameRecords checks that what was accepted is what was sent, and that a changed
// comment is given with no record.
func sameRecords(t *testing.T, where string, got, sent *custody.Batch) {
	t.Helper()
	if got.Header != sent.Header || !reflect.DeepEqual(got.Records, sent.Records) {
		t.Fatalf("%s: other content is accepted", where)
	}
	r := &got.Records[2]
	if c, ok := got.Comment(r); ok && c.Text != "Chờ lâu quá" {
		t.Fatalf("%s: the comment is now %q", where, c.Text)
	}
}

// TestFlippedBitsInKeptBatch is the same for the bytes in a store, where there is no
// comment: no flipped bit passes.
func TestFlippedBitsInKeptBatch(t *testing.T) {
	// The last of these records cannot be read, so no link vouches for the one before it.
	first := link(1, survey.Hash{}, plainPress())
	last := unreadable("noise")
	last.Chain, last.Sequence = chain, 2
	data := custody.NewBatch(kiosk, kioskKey, survey.Hash{}, []custody.Record{first, last}, nil, nil).Bytes
	if b, err := custody.ParseBatch(data); err != nil || b.Verify(public(kioskKey)) != nil {
		t.Fatal("the batch itself does not pass")
	}
	for i := range data {
		bit := i % 8
		bad := bytes.Clone(data)
		bad[i] ^= 1 << bit
		if b, err := custody.ParseBatch(bad); err == nil && b.Verify(public(kioskKey)) == nil {
			t.Fatalf("byte %d bit %d changed and it passes", i, bit)
		}
	}
}

func TestABatchHasALimit(t *testing.T) {
	for n, fits := range map[int]bool{custody.MaxBatchRecords: true, custody.MaxBatchRecords + 1: false} {
		records := make([]custody.Record, n)
		for i := range records {
			records[i] = unreadable("?")
		}
		records[0].Sequence = 1
		b, err := custody.ParseBatch(custody.NewBatch(kiosk, kioskKey, survey.Hash{}, records, nil, nil).Bytes)
		if fits != (err == nil) || err != nil && !errors.Is(err, custody.ErrUnreadable) || err == nil && len(b.Records) != n {
			t.Errorf("%d records: %v", n, err)
		}
	}
}

func TestAnUnreadableRecordKeepsItsPlace(t *testing.T) {
	for name, place := range map[string]int{"at the start": 0, "in the middle": 2, "at the end": 4, "two of them": -1} {
		t.Run(name, func(t *testing.T) {
			var records []custody.Record
			var at survey.Hash
			for seq := uint64(1); seq <= 5; seq++ {
				r := link(seq, at, plainPress())
				if int(seq-1) == place || place < 0 && (seq == 2 || seq == 3) {
					r = unreadable(fmt.Sprint("noise ", seq))
				}
				records = append(records, r)
				at = r.Hash
			}
			// A kiosk of a newer version may write what this one cannot read.
			records[4].Chain, records[4].Sequence, records[0].Sequence = chain, 5, 1
			b := mustParse(t, custody.NewBatch(kiosk, kioskKey, survey.Hash{}, records, nil, nil).Message())
			if err := b.Verify(public(kioskKey)); err != nil {
				t.Fatal(err)
			}
			for i, r := range b.Records {
				broken := i == place || place < 0 && (i == 1 || i == 2)
				if (r.Fault != nil) != broken || r.Hash != records[i].Hash {
					t.Errorf("record %d: fault %v", i+1, r.Fault)
				}
			}
			b.Records[1] = unreadable("other noise")
			if err := b.Verify(public(kioskKey)); !errors.Is(err, custody.ErrBroken) {
				t.Errorf("another unreadable record in its place gives %v", err)
			}
		})
	}
}

func TestBatchesThatAreNoChain(t *testing.T) {
	_, records := run(1, 4)
	bare := link(2, records[0].Hash, plainPress())
	bare.Chain = survey.Chain{9}
	stranger := custody.Seal(bare)
	for name, list := range map[string][]custody.Record{
		"a record left out":      {records[0], records[2]},
		"the same record twice":  {records[0], records[0]},
		"in the wrong order":     {records[1], records[0]},
		"of another chain":       {records[0], stranger, link(3, stranger.Hash, plainPress())},
		"a number left out":      {records[0], link(3, records[0].Hash, plainPress()), link(3, link(3, records[0].Hash, plainPress()).Hash, plainPress())},
		"joined to another hash": {records[0], link(2, survey.Hash{7}, plainPress())},
	} {
		b := custody.NewBatch(kiosk, kioskKey, survey.Hash{}, list, nil, nil)
		if err := mustParse(t, b.Message()).Verify(public(kioskKey)); !errors.Is(err, custody.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*custody.Header){
		"another last hash": func(h *custody.Header) { h.LastHash[0]++ },
		"another digest":    func(h *custody.Header) { h.Digest[0]++ },
		"another joint":     func(h *custody.Header) { h.Previous[0]++ },
		"another place":     func(h *custody.Header) { h.First++ },
	} {
		b, err := custody.ParseBatch(forged(records, change))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Verify(public(kioskKey)); !errors.Is(err, custody.ErrBroken) {
			t.Errorf("signed, but with %s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*custody.Header){
		"version 2":                   func(h *custody.Header) { h.Version = 2 },
		"more records than there are": func(h *custody.Header) { h.Count++ },
		"a place before the first":    func(h *custody.Header) { h.First = 0 },
		"a place beyond all numbers":  func(h *custody.Header) { h.First = math.MaxUint64 },
	} {
		if _, err := custody.ParseBatch(forged(records, change)); !errors.Is(err, custody.ErrUnreadable) {
			t.Errorf("signed, but with %s: %v", name, err)
		}
	}
	if b, err := custody.ParseBatch(forged(records, func(*custody.Header) {})); err != nil || b.Verify(public(kioskKey)) != nil {
		t.Errorf("the forger's own hand is wrong: %v", err)
	}
	if err := batchOf(1, 2).Verify(public(centreKey)); !errors.Is(err, custody.ErrSignature) {
		t.Errorf("with another kiosk's key: %v", err)
	}
	if err := batchOf(1, 2).Verify(nil); !errors.Is(err, custody.ErrSignature) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := custody.ParseMessage(make([]byte, custody.MaxMessage+1)); !errors.Is(err, custody.ErrUnreadable) {
		t.Errorf("a message that is too long: %v", err)
	}
}

// forged is a batch of records under another header, signed with the kiosk's key.
func forged(records []custody.Record, change func(*custody.Header)) []byte {
	h := custody.NewBatch(kiosk, kioskKey, survey.Hash{}, records, nil, nil).Header
	change(&h)
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	encode := func(v any) []byte {
		b, err := enc.Marshal(v)
		if err != nil {
			panic(err)
		}
		return b
	}
	signed := encode(h)
	raw := make([][]byte, len(records))
	for i, r := range records {
		raw[i] = r.Bytes
	}
	return encode([]any{signed, ed25519.Sign(kioskKey, append([]byte("hailong/batch/v1"), signed...)), raw})
}

func TestComments(t *testing.T) {
	c := custody.Comment{Sequence: 1, Salt: [16]byte{1}, Text: "Cảm ơn"}
	commitment := c.Commit()
	bare := link(1, survey.Hash{}, plainPress())
	bare.Comment = &commitment
	r := custody.Seal(bare)
	otherText, otherSalt, otherRecord := c, c, c
	otherText.Text, otherSalt.Salt, otherRecord.Sequence = "Tệ", [16]byte{2}, 2
	for name, tc := range map[string]struct {
		comments []custody.Comment
		fits     bool
	}{
		"the one given":         {[]custody.Comment{c}, true},
		"erased":                {nil, false},
		"another text":          {[]custody.Comment{otherText}, false},
		"another salt":          {[]custody.Comment{otherSalt}, false},
		"of another record":     {[]custody.Comment{otherRecord}, false},
		"a false one before it": {[]custody.Comment{otherText, c}, true},
	} {
		b := mustParse(t, custody.NewBatch(kiosk, kioskKey, survey.Hash{}, []custody.Record{r}, tc.comments, nil).Message())
		if err := b.Verify(public(kioskKey)); err != nil {
			t.Errorf("%s: the chain does not hold without it: %v", name, err)
		}
		got, ok := b.Comment(&b.Records[0])
		if ok != tc.fits || ok && got.Text != c.Text {
			t.Errorf("%s: %q, %v", name, got.Text, ok)
		}
		if e, err := b.Records[0].Entry(); err != nil || !e.HadComment || e.Comment != "" {
			t.Errorf("%s: the entry is %+v, %v", name, e, err)
		}
	}
	plain := link(1, survey.Hash{}, plainPress())
	b := custody.NewBatch(kiosk, kioskKey, survey.Hash{}, []custody.Record{plain}, []custody.Comment{c}, nil)
	if _, ok := b.Comment(&b.Records[0]); ok {
		t.Error("a record without a commitment gets a comment")
	}
	if bytes.Contains(r.Bytes, []byte("Cảm ơn")) {
		t.Error("the chain holds the text")
	}
}
