package custody_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

var update = flag.Bool("update", false, "write the golden files anew; only for a form that was never released")

// wireForms are all forms of bytes that leave a machine or are kept.
func wireForms() map[string][]byte {
	press := link(1, survey.Hash{}, plainPress())
	form := link(2, press.Hash, fullForm())
	comment := custody.Comment{Sequence: 3, Salt: [16]byte{5}, Text: "Chờ lâu quá"}
	commitment := comment.Commit()
	bare := link(3, form.Hash, plainPress())
	bare.Comment = &commitment
	commented := custody.Seal(bare)
	ticketed := link(3, form.Hash, ticketedForm())
	unsure := link(3, form.Hash, plainPress())
	unsure.Clock = custody.ClockUnsure
	batch := custody.NewBatch(kiosk, kioskKey, survey.Hash{}, []custody.Record{press, form, commented}, []custody.Comment{comment}, nil)
	return map[string][]byte{
		"record-press-v1":   press.Bytes,
		"record-form-v1":    form.Bytes,
		"record-comment-v1": commented.Bytes,
		"record-ticket-v2":  ticketed.Bytes,
		"record-unsure-v1":  custody.Seal(unsure).Bytes,
		"record-clock-v1":   clockRecord(4, custody.BootClock{Boot: custody.BootID{1}, Low: at(2, 8, 0), High: at(2, 8, 1)}).Bytes,
		"batch-v1":          batch.Bytes,
		"batch-totals-v1": custody.NewBatch(kiosk, kioskKey, survey.Hash{}, []custody.Record{press}, nil, &custody.Totals{
			Last: 7, Days: []custody.DayTotal{{Day: monday, Issued: 6}},
		}).Bytes,
		"message-v1":      batch.Message(),
		"receipt-v1":      custody.SignReceipt(fullReceipt(), centreKey),
		"mark-request-v1": custody.MarkRequest{Chain: chain}.Encode(),
		"heartbeat-v1":    fullHeartbeat().Sign(kioskKey),
	}
}

func fullReceipt() custody.Receipt {
	return custody.Receipt{
		Epoch: custody.Epoch{0xe0}, Kiosk: kiosk, Chain: chain, Durable: 3, DurableSum: survey.Hash{3},
		Backup: 2, BackupSum: survey.Hash{2}, ServerTime: 1_772_420_401_000, Refused: "the signature does not fit",
	}
}

// TestGoldenFiles keeps the bytes of version 1 as they are: what kiosks have in their
// journals and the centre in its store is read with this code for ever.
func TestGoldenFiles(t *testing.T) {
	for name, got := range wireForms() {
		path := filepath.Join("testdata", name+".hex")
		if *update {
			if err := os.WriteFile(path, []byte(wrapped(got)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is now\n%x, was\n%x", name, got, want)
		}
	}
}

// wrapped is b in hexadecimal, 64 digits a line.
func wrapped(b []byte) string {
	var out strings.Builder
	for digits := hex.EncodeToString(b); digits != ""; {
		n := min(64, len(digits))
		out.WriteString(digits[:n] + "\n")
		digits = digits[n:]
	}
	return out.String()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for name, in := range map[string]survey.Response{"press": plainPress(), "form": fullForm(), "continuing": continuing()} {
		sealed := link(4, survey.Hash{9}, in)
		read := custody.DecodeRecord(sealed.Bytes)
		if !reflect.DeepEqual(read, sealed) {
			t.Errorf("%s: read\n%+v, written\n%+v", name, read, sealed)
		}
		e, err := read.Entry()
		if err != nil || !reflect.DeepEqual(e.Response, in) || e.ID != sealed.ID() || e.Nonce != sealed.Nonce || e.HadComment {
			t.Errorf("%s: the entry is\n%+v, given was\n%+v (%v)", name, e, in, err)
		}
		if e.At.UnixMilli() != sealed.Wall {
			t.Errorf("%s: made at %v", name, e.At)
		}
	}
}

func continuing() survey.Response {
	r := plainPress()
	r.Continues = survey.RecordID{Chain: chain, Sequence: 1 << 40}
	return r
}

// TestBytesAreSmallAndPlain looks at the bytes themselves: a press says nothing of what
// it has not, and hashes are byte strings, not lists of numbers.
func TestBytesAreSmallAndPlain(t *testing.T) {
	press := link(1, survey.Hash{}, plainPress())
	t.Logf("a press is %d bytes, of them %d payload", len(press.Bytes), len(press.Payload))
	if len(press.Bytes) > 200 || len(press.Payload) > 32 {
		t.Errorf("a press is %d bytes, of them %d payload", len(press.Bytes), len(press.Payload))
	}
	if !bytes.Contains(press.Bytes, append([]byte{0x02, 0x50}, chain[:]...)) { // 0x50: a string of 16 bytes
		t.Errorf("the chain is not a byte string in %x", press.Bytes)
	}
	hash := plainPress().Questionnaire
	if !bytes.Contains(press.Bytes, append([]byte{0x0b, 0x58, 0x20}, hash[:]...)) { // 0x58 0x20: one of 32
		t.Errorf("the questionnaire's hash is not a byte string in %x", press.Bytes)
	}
	if bytes.Contains(press.Payload, make([]byte, 16)) {
		t.Errorf("the press carries a chain of zeros: %x", press.Payload)
	}
	form := fullForm()
	if payload := custody.EncodeResponse(&form); !bytes.Contains(payload, chain[:]) {
		t.Errorf("the form does not carry the chain that it replaces: %x", payload)
	}
	batch := batchOf(1, 100)
	t.Logf("a batch of 100 presses is %d bytes as it travels", len(batch.Message()))
	if perRecord := len(batch.Message()) / 100; perRecord > 210 {
		t.Errorf("%d bytes a press as it travels", perRecord)
	}
}

func TestHashIsOverTheVeryBytes(t *testing.T) {
	r := link(1, survey.Hash{}, plainPress())
	longer := append(bytes.Clone(r.Bytes), make([]byte, 2000)...)
	for _, b := range [][]byte{nil, {0}, r.Bytes, longer} {
		if custody.HashRecord(b) != custody.DecodeRecord(b).Hash {
			t.Errorf("a record of %d bytes has two hashes", len(b))
		}
	}
	if custody.HashRecord(r.Bytes) == custody.HashRecord(longer) {
		t.Error("the tail of a long record is not hashed")
	}
}

func TestPayloadsOfOtherVersionsAreHeld(t *testing.T) {
	r := link(1, survey.Hash{}, plainPress())
	r.PayloadVersion = custody.TicketPayloadVersion + 1
	later := custody.Seal(r)
	read := custody.DecodeRecord(later.Bytes)
	if read.Fault != nil {
		t.Fatalf("the envelope is not read: %v", read.Fault)
	}
	if _, err := read.Entry(); !isVersion(err) {
		t.Errorf("the payload of version 3 gives %v", err)
	}
	r.PayloadVersion, r.Payload = 1, []byte{0xa0}
	empty := custody.DecodeRecord(custody.Seal(r).Bytes)
	if e, err := empty.Response(); err != nil || len(e.Answers) != 0 || e.Channel != "" {
		t.Errorf("an empty payload gives %+v, %v, and not what validation refuses", e, err)
	}
	r.Kind = 2
	event := custody.DecodeRecord(custody.Seal(r).Bytes)
	if _, err := event.Response(); err == nil || event.Fault != nil {
		t.Errorf("a record of the journal's own gives %v, fault %v", err, event.Fault)
	}
}

func TestBadPayloads(t *testing.T) {
	for name, c := range map[string]struct{ payload, fault string }{
		"nothing":               {"", "unexpected EOF"},
		"a list":                {"\x80", "a map was expected"},
		"level 100":             {"\xa1\x01\x81\x82\x62Z0\x18\x64", "100 is not a level"},
		"level minus three":     {"\xa1\x01\x81\x82\x62Z0\x22", "-3 is not a level"},
		"a level in words":      {"\xa1\x01\x81\x82\x62Z0\x61x", "a number was expected"},
		"a question alone":      {"\xa1\x01\x81\x81\x62Z0", "a list has 1 items, not 2"},
		"many answers, no room": {"\xa1\x01\x99\xff\xff", "unexpected EOF"},
		"a field twice":         {"\xa2\x02\x61a\x02\x61a", "field 2 follows field 2"},
		"fields in disorder":    {"\xa2\x03\x61a\x02\x61a", "field 2 follows field 3"},
		"field 13":              {"\xa1\x0d\x01", "field 13 is not known"},
		"a byte too many":       {"\xa0\x00", "1 bytes follow"},
	} {
		r := link(1, survey.Hash{}, plainPress())
		r.Payload = []byte(c.payload)
		read := custody.DecodeRecord(custody.Seal(r).Bytes)
		if _, err := read.Response(); err == nil || err.Error() != "payload cannot be read: "+c.fault || isVersion(err) {
			t.Errorf("%s: %v, want %s", name, err, c.fault)
		}
	}
}

func TestFaultyRecords(t *testing.T) {
	good := link(1, survey.Hash{}, plainPress())
	version2, nobody := good, good
	version2.Version = 2
	nobody.Chain = survey.Chain{}
	for name, c := range map[string]struct {
		bytes []byte
		fault string
	}{
		"empty":           {nil, "record cannot be read: unexpected EOF"},
		"no CBOR":         {[]byte("Hài Lòng"), "record cannot be read: "},
		"cut off":         {good.Bytes[:len(good.Bytes)-1], "record cannot be read: unexpected EOF"},
		"a byte too many": {append(bytes.Clone(good.Bytes), 0), "record cannot be read: 1 bytes follow"},
		"a long number":   {slices.Concat([]byte{0xad, 0x01, 0x18, 0x01}, good.Bytes[3:]), "record cannot be read: a number is not written in its shortest form"},
		"a wide number":   {slices.Concat([]byte{0xad, 0x01, 0x19, 0x00, 0x01}, good.Bytes[3:]), "record cannot be read: a number is not written in its shortest form"},
		"no end given":    {slices.Concat([]byte{0xbf}, good.Bytes[1:]), "record cannot be read: an item is written in a way that is not allowed"},
		"a list":          {slices.Concat([]byte{0x8d}, good.Bytes[1:]), "record cannot be read: a map was expected"},
		"twelve fields":   {slices.Concat([]byte{0xac}, good.Bytes[1:]), "record cannot be read: it has 12 fields"},
		"one more field":  {slices.Concat([]byte{0xae}, good.Bytes[1:], []byte{0x10, 0x01}), "record cannot be read: field 16 is not known"},
		"sure, written":   {slices.Concat([]byte{0xae}, good.Bytes[1:], []byte{0x0f, 0x00}), "record cannot be read: clock state 0 is not known"},
		"two clocks":      {slices.Concat([]byte{0xaf}, good.Bytes[1:], []byte{0x0f, 0x01, 0x0f, 0x01}), "record cannot be read: field 15 is not known"},
		"a short chain":   {slices.Concat(good.Bytes[:4], []byte{0x44, 1, 2, 3, 4}, good.Bytes[21:]), "record cannot be read: a byte string has 4 bytes, not 16"},
		"a long nonce":    {bytes.Replace(good.Bytes, []byte{0x05, 0x50}, []byte{0x05, 0x51, 7}, 1), "record cannot be read: a byte string has 17 bytes, not 16"},
		"no UTF-8":        {bytes.Replace(good.Bytes, []byte("H-1"), []byte("H-\xff"), 1), "record cannot be read: text is not UTF-8"},
		"version 2":       {custody.Seal(version2).Bytes, "record cannot be read: version 2 is not known"},
		"no identity":     {custody.Seal(nobody).Bytes, "record cannot be read: it has no identity"},
	} {
		r := custody.DecodeRecord(c.bytes)
		if r.Fault == nil || !strings.HasPrefix(r.Fault.Error(), c.fault) {
			t.Errorf("%s: %v, want %s", name, r.Fault, c.fault)
		}
		if !bytes.Equal(r.Bytes, c.bytes) || r.Sequence != 0 || r.Payload != nil {
			t.Errorf("%s: something of it is taken: %+v", name, r)
		}
		if _, err := r.Entry(); err == nil {
			t.Errorf("%s: it has an entry", name)
		}
	}
}
