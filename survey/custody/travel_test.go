package custody_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"hailong/survey/custody"
)

// travelled is a travel file with these messages.
func travelled(t testing.TB, messages ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := custody.NewTravelWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := w.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(); err != nil || w.Count() != uint64(len(messages)) {
		t.Fatal(w.Count(), err)
	}
	return b.Bytes()
}

// unpack reads a travel file as far as it goes.
func unpack(data []byte) (messages [][]byte, err error) {
	r, err := custody.NewTravelReader(bytes.NewReader(data))
	for err == nil {
		var m []byte
		if m, err = r.Next(); err == nil {
			messages = append(messages, m)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return messages, err
}

// twoBatches are what a box brings: the second goes on where the first ends, and one
// carries a comment.
func twoBatches() [][]byte { return [][]byte{wireForms()["message-v1"], batchOf(4, 6).Message()} }

// TestTravelFileKeepsItsForm keeps the bytes of version 1 as they are: a stick may lie in
// a drawer for years.
func TestTravelFileKeepsItsForm(t *testing.T) {
	got, path := wrapped(travelled(t, twoBatches()...)), filepath.Join("testdata", "travel-v1.hex")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the file is now\n%s, was\n%s", got, want)
	}
}

func TestTravelFileCarriesBatches(t *testing.T) {
	for _, want := range [][][]byte{nil, twoBatches()[:1], twoBatches(), {bytes.Repeat([]byte{7}, custody.MaxMessage)}} {
		got, err := unpack(travelled(t, want...))
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d messages, %v; want %d", len(got), err, len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("message %d is another", i)
			}
		}
	}
	for _, m := range twoBatches() {
		if err := mustParse(t, m).Verify(public(kioskKey)); err != nil {
			t.Error(err)
		}
	}
}

// TestTravelFileIsWholeOrSaysSo cuts a file at every byte and changes every byte: what
// comes out is never more nor other than what was written, and never passes for whole.
func TestTravelFileIsWholeOrSaysSo(t *testing.T) {
	want := twoBatches()
	whole := travelled(t, want...)
	for n := range whole {
		got, err := unpack(whole[:n])
		if !errors.Is(err, custody.ErrCutShort) && (n > 0 || !errors.Is(err, custody.ErrNotTravel)) {
			t.Fatalf("cut at byte %d of %d: %v", n, len(whole), err)
		}
		begins(t, want, got)
	}
	for n := range whole {
		changed := bytes.Clone(whole)
		changed[n] ^= 0x10
		got, err := unpack(changed)
		if !errors.Is(err, custody.ErrAltered) && !errors.Is(err, custody.ErrNotTravel) && !errors.Is(err, custody.ErrCutShort) {
			t.Fatalf("byte %d changed: %v", n, err)
		}
		begins(t, want, got)
	}
}

// begins checks that got is a beginning of want.
func begins(t *testing.T, want, got [][]byte) {
	t.Helper()
	if len(got) > len(want) {
		t.Fatalf("%d messages come out of %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("message %d is another", i)
		}
	}
}

func TestTravelFileFaults(t *testing.T) {
	whole := travelled(t, twoBatches()...)
	magic := []byte("hailong/travel/v1\n")
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"empty":                 {nil, custody.ErrNotTravel},
		"another file":          {[]byte("PK\x03\x04 a spreadsheet of somebody"), custody.ErrNotTravel},
		"a later version":       {append([]byte("hailong/travel/v2\n"), whole[len(magic):]...), custody.ErrNotTravel},
		"lines ended elsewhere": {append([]byte("hailong/travel/v1\r\n"), whole[len(magic):]...), custody.ErrNotTravel},
		"only its first line":   {magic, custody.ErrCutShort},
		"without its end":       {whole[:len(whole)-16], custody.ErrCutShort},
		"without its first":     {append(bytes.Clone(magic), whole[len(magic)+8+len(twoBatches()[0]):]...), custody.ErrAltered},
		"twice":                 {append(bytes.Clone(whole), whole...), custody.ErrAltered},
		"a giant message":       {append(bytes.Clone(magic), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), custody.ErrAltered},
		"another count":         {append(bytes.Clone(whole[:len(whole)-16]), ending(3)...), custody.ErrAltered},
	} {
		if _, err := unpack(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	r, err := custody.NewTravelReader(io.MultiReader(bytes.NewReader(magic), failing{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, errStick) {
		t.Errorf("a stick that cannot be read gives %v", err)
	}
	if _, err := r.Next(); !errors.Is(err, errStick) {
		t.Errorf("asked again it gives %v", err)
	}
}

// ending is the end of a file with count messages.
func ending(count uint64) []byte {
	n := binary.BigEndian.AppendUint64(nil, count)
	b := binary.BigEndian.AppendUint32(make([]byte, 4), crc32.Checksum(n, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, n...)
}

var errStick = errors.New("the stick was pulled out")

// failing is a stick that was pulled out.
type failing struct{}

func (failing) Read([]byte) (int, error)  { return 0, errStick }
func (failing) Write([]byte) (int, error) { return 0, errStick }

func TestTravelWriterSaysWhatItCannotWrite(t *testing.T) {
	if _, err := custody.NewTravelWriter(failing{}); !errors.Is(err, errStick) {
		t.Errorf("begun on a bad stick: %v", err)
	}
	w, err := custody.NewTravelWriter(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if w.Add(nil) == nil || w.Add(make([]byte, custody.MaxMessage+1)) == nil || w.Count() != 0 {
		t.Error("a message is added that no reader takes")
	}
}

// TestTravelReaderTakesLittleMemory: a file that announces much is no reason to make
// room for more than one message.
func TestTravelReaderTakesLittleMemory(t *testing.T) {
	data := []byte("hailong/travel/v1\n\x00\x03\xff\xff\x00\x00\x00\x00")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := unpack(data); !errors.Is(err, custody.ErrCutShort) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 2*custody.MaxMessage {
		t.Errorf("%d bytes are taken", n)
	}
}

func FuzzTravelReader(f *testing.F) {
	f.Add(travelled(f, twoBatches()...))
	f.Add(travelled(f))
	f.Add([]byte("hailong/travel/v1\n\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		messages, err := unpack(data)
		if err != nil {
			return
		}
		if again := travelled(t, messages...); !bytes.Equal(again, data) {
			t.Fatalf("read\n%x\nwritten\n%x", data, again)
		}
	})
}
