package custody

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A travel file carries a kiosk's batches to the centre by hand, where no network does.
// Its bytes, version 1: the line "hailong/travel/v1"; then frames, each of a length and
// a checksum (CRC-32C), four bytes each, big-endian, and one [Batch.Message]; then the
// end, a frame of length 0 whose checksum is that of the eight bytes that follow it: how
// many messages there are. The end tells a file that was copied in part from a whole one.
//
// The checksums are against accidents. Against people there are the signatures: each
// batch has its kiosk's, and a batch that is left out leaves a gap in its chain.
const travelMagic = "hailong/travel/v1\n"

// The faults of a travel file.
var (
	ErrNotTravel = errors.New("it is not a journal file of a kiosk, or of a version that is not known")
	ErrCutShort  = errors.New("the journal file is cut short")
	ErrAltered   = errors.New("the journal file was altered or damaged on its way")
)

var travelSum = crc32.MakeTable(crc32.Castagnoli)

// TravelWriter writes a travel file. Without [TravelWriter.End] the file counts as cut
// short. Not safe for concurrent use.
type TravelWriter struct {
	w     io.Writer
	count uint64
	err   error // the first failed write; nothing is written after it
}

// NewTravelWriter begins a travel file.
func NewTravelWriter(w io.Writer) (*TravelWriter, error) {
	t := &TravelWriter{w: w}
	t.write([]byte(travelMagic))
	return t, t.err
}

// Add adds one message, as [Batch.Message] makes it: at least one byte and at most
// [MaxMessage].
func (t *TravelWriter) Add(message []byte) error {
	if len(message) == 0 || len(message) > MaxMessage {
		return fmt.Errorf("a message of %d bytes cannot travel; it may have 1 to %d", len(message), MaxMessage)
	}
	t.frame(uint32(len(message)), message)
	t.count++
	return t.err
}

// End writes the file's end. The caller closes and syncs what is below.
func (t *TravelWriter) End() error {
	t.frame(0, binary.BigEndian.AppendUint64(nil, t.count))
	return t.err
}

// Count is how many messages were added.
func (t *TravelWriter) Count() uint64 { return t.count }

func (t *TravelWriter) frame(length uint32, b []byte) {
	head := binary.BigEndian.AppendUint32(make([]byte, 0, 8+len(b)), length)
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(b, travelSum))
	t.write(append(head, b...))
}

func (t *TravelWriter) write(b []byte) {
	if t.err != nil {
		return
	}
	if _, err := t.w.Write(b); err != nil {
		t.err = fmt.Errorf("write the journal file: %w", err)
	}
}

// TravelReader reads a travel file, one message at a time. Not safe for concurrent use.
type TravelReader struct {
	r     *bufio.Reader
	count uint64
	err   error // what every later Next returns: io.EOF, or the first fault
}

// NewTravelReader reads a travel file's first line. What does not begin with it is
// [ErrNotTravel].
func NewTravelReader(r io.Reader) (*TravelReader, error) {
	t := &TravelReader{r: bufio.NewReader(r)}
	b := make([]byte, len(travelMagic))
	n, err := io.ReadFull(t.r, b)
	switch {
	case string(b[:n]) != travelMagic[:n] || n == 0 && errors.Is(err, io.EOF):
		return nil, ErrNotTravel
	case err != nil:
		return nil, broken(err)
	}
	return t, nil
}

// Next is the next message, which the caller may keep. After the last one it is io.EOF,
// and then the file is whole. [ErrCutShort] and [ErrAltered] are about what follows:
// the messages before are as they were written.
func (t *TravelReader) Next() ([]byte, error) {
	if t.err != nil {
		return nil, t.err
	}
	message, err := t.next()
	if err != nil {
		t.err = err
		return nil, err
	}
	t.count++
	return message, nil
}

func (t *TravelReader) next() ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(t.r, head[:]); err != nil {
		return nil, broken(err)
	}
	length, sum := binary.BigEndian.Uint32(head[:4]), binary.BigEndian.Uint32(head[4:])
	switch {
	case length > MaxMessage:
		return nil, fmt.Errorf("%w: message %d claims %d bytes", ErrAltered, t.count+1, length)
	case length == 0:
		return nil, t.end(sum)
	}
	message := make([]byte, length)
	if _, err := io.ReadFull(t.r, message); err != nil {
		return nil, broken(err)
	}
	if crc32.Checksum(message, travelSum) != sum {
		return nil, fmt.Errorf("%w: the checksum of message %d does not fit", ErrAltered, t.count+1)
	}
	return message, nil
}

// end is io.EOF where the file ends as it should.
func (t *TravelReader) end(sum uint32) error {
	var b [8]byte
	if _, err := io.ReadFull(t.r, b[:]); err != nil {
		return broken(err)
	}
	if crc32.Checksum(b[:], travelSum) != sum {
		return fmt.Errorf("%w: the checksum of its end does not fit", ErrAltered)
	}
	if n := binary.BigEndian.Uint64(b[:]); n != t.count {
		return fmt.Errorf("%w: its end speaks of %d messages, there are %d", ErrAltered, n, t.count)
	}
	switch _, err := t.r.ReadByte(); {
	case err == nil:
		return fmt.Errorf("%w: something follows its end", ErrAltered)
	case !errors.Is(err, io.EOF):
		return broken(err)
	}
	return io.EOF
}

// broken is the fault of a file that ends too soon, or that cannot be read any further.
func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrCutShort
	}
	return fmt.Errorf("read the journal file: %w", err)
}
