package custody

import (
	"github.com/fxamacker/cbor/v2"
)

// The limits of what is decoded from outside. A service questionnaire has ten answers;
// a batch holds at most MaxBatchRecords records.
const (
	// MaxBatchRecords is the most records one batch may hold.
	MaxBatchRecords = 4096
	// MaxMessage is the most bytes one message on the bus may have.
	MaxMessage = 256 << 10
)

var (
	enc    = mustEnc(encOptions().EncMode())
	strict = mustDec(decOptions(cbor.ExtraDecErrorUnknownField).DecMode())
	// open lets newer headers and receipts carry fields that this version does not know;
	// their signatures cover the bytes received.
	open = mustDec(decOptions(cbor.ExtraDecErrorNone).DecMode())
)

// encOptions are core deterministic, and write an empty list or string as empty also
// where the program has nil.
func encOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	return o
}

func decOptions(extra cbor.ExtraDecErrorCond) cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxArrayElements:  MaxBatchRecords,
		MaxMapPairs:       64,
		MaxNestedLevels:   8,
		ExtraReturnErrors: extra,
	}
}

func mustEnc(m cbor.EncMode, err error) cbor.EncMode {
	if err != nil {
		panic(err) // wrong options: a programming error that every test meets
	}
	return m
}

func mustDec(m cbor.DecMode, err error) cbor.DecMode {
	if err != nil {
		panic(err)
	}
	return m
}

// encode is for our own plain structs, which always have a CBOR form.
func encode(v any) []byte {
	b, err := enc.Marshal(v)
	if err != nil {
		panic("custody: " + err.Error())
	}
	return b
}
