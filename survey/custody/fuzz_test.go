package custody_test

import (
	"bytes"
	"reflect"
	"runtime"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

func FuzzDecodeRecord(f *testing.F) {
	for _, name := range []string{"record-press-v1", "record-form-v1", "record-comment-v1", "record-unsure-v1", "record-ticket-v2"} {
		f.Add(wireForms()[name])
	}
	f.Add([]byte{0xbf, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := custody.DecodeRecord(data)
		if !bytes.Equal(r.Bytes, data) || r.Hash != custody.HashRecord(data) {
			t.Fatal("its bytes or hash are not those received")
		}
		if r.Fault != nil {
			return
		}
		if again := custody.Seal(r).Bytes; !bytes.Equal(again, data) {
			t.Fatalf("read\n%x\nwritten\n%x", data, again)
		}
		resp, err := r.Response()
		if err != nil {
			return
		}
		r.Payload = custody.EncodeResponse(&resp)
		if back, err := r.Response(); err != nil || !reflect.DeepEqual(back, resp) {
			t.Fatalf("read\n%+v, written and read again\n%+v (%v)", resp, back, err)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	f.Add(wireForms()["message-v1"])
	f.Add(batchOf(1, 1).Message())
	f.Add([]byte{0x83, 0x01, 0x40, 0x80})
	f.Add([]byte{0x9a, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := custody.ParseMessage(data)
		if err != nil {
			return
		}
		if again := b.Message(); !bytes.Equal(again, data) {
			t.Fatalf("read\n%x\nwritten\n%x", data, again)
		}
		if b.Verify(public(kioskKey)) == nil && b.Header.Kiosk != kiosk {
			t.Fatal("signed by nobody and accepted")
		}
		for i := range b.Records {
			b.Comment(&b.Records[i])
		}
		for _, head := range []custody.Head{{}, {Sequence: b.Header.First, Hash: survey.Hash{1}}, {Sequence: b.Header.Last()}, {Sequence: 1 << 62}} {
			if _, _, err := custody.Admit(head, b, func(uint64) (survey.Hash, error) { return survey.Hash{}, nil }); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzOpenReceipt(f *testing.F) {
	f.Add(wireForms()["receipt-v1"])
	f.Add([]byte{0x82, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := custody.OpenReceipt(data, public(centreKey))
		if err != nil {
			return
		}
		again, err := custody.OpenReceipt(custody.SignReceipt(r, centreKey), public(centreKey))
		if err != nil || again != r {
			t.Fatalf("opened %+v, signed and opened again %+v (%v)", r, again, err)
		}
	})
}

// TestSmallInputsTakeLittleMemory: a few bytes that announce a great list are no reason
// to make room for it.
func TestSmallInputsTakeLittleMemory(t *testing.T) {
	for _, data := range [][]byte{
		{0x9a, 0xff, 0xff, 0xff, 0xff},                                                        // a list of 2³² items
		{0x83, 0x01, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},                    // a batch of 2⁶³ bytes
		{0x83, 0x01, 0x49, 0x83, 0x40, 0x40, 0x9a, 0x00, 0x00, 0x0f, 0xff, 0x40, 0x80},        // a batch of 4,095 records in 9 bytes
		{0x83, 0x01, 0x40, 0x99, 0x0f, 0xff},                                                  // 4,095 comments in none
		bytes.Repeat([]byte{0x81}, 100_000),                                                   // lists in lists
		append([]byte{0xb8, 0xff}, bytes.Repeat([]byte{0x01, 0x01}, 255)...),                  // a map of 255 equal keys
		append([]byte{0xad}, bytes.Repeat([]byte{0x0d, 0x5a, 0x7f, 0xff, 0xff, 0xff}, 13)...), // payloads of 2³¹ bytes
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 10 {
			_, err := custody.ParseMessage(data)
			if r := custody.DecodeRecord(data); err == nil || r.Fault == nil {
				t.Fatalf("%.20x is read", data)
			}
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / 10; n > uint64(16<<10+2*len(data)) {
			t.Errorf("%.20x of %d bytes takes %d bytes", data, len(data), n)
		}
	}
}
