package custody_test

import (
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

func BenchmarkSeal(b *testing.B) {
	r, resp := link(1, survey.Hash{}, plainPress()), plainPress()
	b.ReportAllocs()
	for b.Loop() {
		r.Payload = custody.EncodeResponse(&resp)
		custody.Seal(r)
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	data := link(1, survey.Hash{}, plainPress()).Bytes
	b.ReportAllocs()
	for b.Loop() {
		if r := custody.DecodeRecord(data); r.Fault != nil {
			b.Fatal(r.Fault)
		}
	}
}

func BenchmarkDecodeEntry(b *testing.B) {
	data := link(1, survey.Hash{}, plainPress()).Bytes
	b.ReportAllocs()
	for b.Loop() {
		r := custody.DecodeRecord(data)
		if _, err := r.Entry(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewBatch250(b *testing.B) {
	previous, records := run(1, 250)
	b.ReportAllocs()
	for b.Loop() {
		custody.NewBatch(kiosk, kioskKey, previous, records, nil, nil).Message()
	}
	perRecord(b)
}

func BenchmarkParseVerify250(b *testing.B) {
	data := batchOf(1, 250).Message()
	b.ReportAllocs()
	for b.Loop() {
		batch, err := custody.ParseMessage(data)
		if err != nil {
			b.Fatal(err)
		}
		if err := batch.Verify(public(kioskKey)); err != nil {
			b.Fatal(err)
		}
	}
	perRecord(b)
}

func perRecord(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*250), "ns/record")
}
