// Package downlink carries what the centre tells the kiosks to them: the signed
// directory ([ticket.Directory]) by which they make and verify tickets without it.
//
// A kiosk asks, by request and reply; the centre never pushes. A question names what the
// kiosk holds, and the answer is most often one byte: you have it already. Otherwise the
// directory comes in pieces, because that of a whole country fits no message. When to
// ask, and what to ask again, is decided by [Machine], a step function without clock or
// network of its own; [Kiosk] is the thin runner around it. [Book] keeps what came, on
// disk and in memory, and refuses what is not the centre's word or older than what it
// holds. [Centre] answers.
//
// The bytes on the bus (numbers big-endian). A question is one of
//
//	1  have (16)               what is new? have = the tag held, zero for none
//	2  tag (16)  number (2)    the piece of that number, of the directory with that tag
//
// and its answer one of
//
//	1                                     you have it already
//	2  tag (16)  number (2)  of (2)  …    a piece; to the first question, number 0
//	3                                     that directory is not there any more: begin anew
//
// The pieces one behind the other are the signed directory, compressed with gzip.
package downlink

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Tag names the content of a directory, whenever it was made: what has the same tag says
// the same. The zero Tag is none. Only the centre works it out.
type Tag [16]byte

// The kinds of questions and answers.
const (
	askNew   = 1
	askPiece = 2

	same  = 1
	piece = 2
	gone  = 3
)

// The sizes of what travels: a piece is far below the least payload that a NATS server
// allows by default, 1 MiB, and the whole is bounded because it is unpacked before its
// signature can be checked.
const (
	pieceSize  = 64 << 10
	maxPieces  = 64
	maxSize    = 32 << 20
	pieceFront = 1 + len(Tag{}) + 2 + 2
)

// question is what a kiosk asks.
type question struct {
	kind   byte
	tag    Tag
	number int // of a piece
}

func (q question) encode() []byte {
	b := append([]byte{q.kind}, q.tag[:]...)
	if q.kind == askPiece {
		b = binary.BigEndian.AppendUint16(b, uint16(q.number))
	}
	return b
}

var errMessage = errors.New("it is not a message of this version")

func parseQuestion(b []byte) (q question, err error) {
	switch {
	case len(b) == 1+len(q.tag) && b[0] == askNew:
	case len(b) == 1+len(q.tag)+2 && b[0] == askPiece:
		q.number = int(binary.BigEndian.Uint16(b[1+len(q.tag):]))
	default:
		return q, errMessage
	}
	q.kind, q.tag = b[0], Tag(b[1:1+len(q.tag)])
	return q, nil
}

// answer is what the centre says.
type answer struct {
	kind       byte
	tag        Tag
	number, of int
	bytes      []byte
}

func (a answer) encode() []byte {
	b := []byte{a.kind}
	if a.kind == piece {
		b = append(b, a.tag[:]...)
		b = binary.BigEndian.AppendUint16(b, uint16(a.number))
		b = binary.BigEndian.AppendUint16(b, uint16(a.of))
		b = append(b, a.bytes...)
	}
	return b
}

func parseAnswer(b []byte) (a answer, err error) {
	switch {
	case len(b) == 1 && (b[0] == same || b[0] == gone):
		return answer{kind: b[0]}, nil
	case len(b) <= pieceFront || len(b) > pieceFront+pieceSize || b[0] != piece:
		return a, errMessage
	}
	n := 1 + len(a.tag)
	a = answer{kind: piece, tag: Tag(b[1:n]), number: int(binary.BigEndian.Uint16(b[n:])), of: int(binary.BigEndian.Uint16(b[n+2:])), bytes: b[pieceFront:]}
	if a.number >= a.of || a.of > maxPieces || a.tag == (Tag{}) {
		return a, errMessage
	}
	return a, nil
}

// writers are used again: a new one needs a megabyte, for the few hundred bytes of a
// counter's kiosk.
var writers = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

// pack compresses a signed directory for the way.
func pack(signed []byte) ([]byte, error) {
	var b bytes.Buffer
	w := writers.Get().(*gzip.Writer)
	defer writers.Put(w)
	w.Reset(&b)
	_, err := w.Write(signed)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress the directory: %w", err)
	}
	return b.Bytes(), nil
}

// unpack undoes pack; it gives up beyond maxSize.
func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack the directory: %w", err)
	}
	signed, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("unpack the directory: %w", err)
	}
	if len(signed) > maxSize {
		return nil, fmt.Errorf("unpack the directory: it is larger than %d bytes", maxSize)
	}
	return signed, nil
}
