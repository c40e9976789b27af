package custody

import (
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

// reader reads the forms of version 1, which are written in core deterministic CBOR
// (RFC 8949 §4.2.1), and refuses every other way of writing the same. Records come by
// the million, so it goes straight through the bytes: what it gives is a part of them,
// not a copy. The first fault stays; after it every value is zero.
type reader struct {
	b    []byte
	err  error
	tail bool // something may follow
}

// The major types of CBOR that our forms use.
const (
	majorUint   = 0
	majorNegInt = 1
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
)

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// head reads the head of an item: its major type and its number.
func (r *reader) head() (major byte, n uint64) {
	if len(r.b) == 0 {
		r.fail(io.ErrUnexpectedEOF)
		return 0, 0
	}
	major, n = r.b[0]>>5, uint64(r.b[0]&31)
	r.b = r.b[1:]
	if n < 24 {
		return major, n
	}
	size := 1 << (n - 24) // 1, 2, 4 or 8 bytes follow
	if n > 27 {
		r.fail(errors.New("an item is written in a way that is not allowed"))
		return 0, 0
	}
	if len(r.b) < size {
		r.fail(io.ErrUnexpectedEOF)
		return 0, 0
	}
	n = 0
	for _, c := range r.b[:size] {
		n = n<<8 | uint64(c)
	}
	r.b = r.b[size:]
	if size == 1 && n < 24 || size > 1 && n>>(4*size) == 0 {
		r.fail(errors.New("a number is not written in its shortest form"))
		return 0, 0
	}
	return major, n
}

// want reads a head that must be of one major type.
func (r *reader) want(major byte, what string) uint64 {
	got, n := r.head()
	if r.err == nil && got != major {
		r.fail(fmt.Errorf("%s was expected", what))
	}
	if r.err != nil {
		return 0
	}
	return n
}

func (r *reader) uint() uint64 { return r.want(majorUint, "a whole number") }

// int reads a number that may be negative.
func (r *reader) int() int64 {
	major, n := r.head()
	switch {
	case r.err != nil:
		return 0
	case major > majorNegInt || n > math.MaxInt64:
		r.fail(errors.New("a number was expected"))
		return 0
	case major == majorNegInt:
		return -1 - int64(n)
	}
	return int64(n)
}

// bytes is a byte string, as a part of what is read.
func (r *reader) bytes() []byte { return r.take(r.want(majorBytes, "a byte string")) }

func (r *reader) take(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.b)) {
		r.fail(io.ErrUnexpectedEOF)
	}
	if r.err != nil {
		return nil
	}
	part := r.b[:n:n]
	r.b = r.b[n:]
	return part
}

func (r *reader) text() string {
	b := r.take(r.want(majorText, "text"))
	if !utf8.Valid(b) {
		r.fail(errors.New("text is not UTF-8"))
		return ""
	}
	return string(b)
}

// fill reads a byte string that must be as long as to.
func (r *reader) fill(to []byte) {
	b := r.bytes()
	if r.err == nil && len(b) != len(to) {
		r.fail(fmt.Errorf("a byte string has %d bytes, not %d", len(b), len(to)))
	}
	copy(to, b)
}

// array and pairs read how many items of a list, or pairs of a map, follow: never more
// than there are bytes left, so that no small input asks for much room.
func (r *reader) array() int { return r.count(majorArray, "a list") }
func (r *reader) pairs() int { return r.count(majorMap, "a map") }

func (r *reader) count(major byte, what string) int {
	n := r.want(major, what)
	if n > uint64(len(r.b)) {
		r.fail(io.ErrUnexpectedEOF)
		return 0
	}
	return int(n)
}

// tuple reads the head of a list that must have n items.
func (r *reader) tuple(n int) {
	if got := r.array(); r.err == nil && got != n {
		r.fail(fmt.Errorf("a list has %d items, not %d", got, n))
	}
}

// key reads the key of the next pair of a map, which must be k.
func (r *reader) key(k uint64) {
	if got := r.uint(); r.err == nil && got != k {
		r.fail(fmt.Errorf("field %d was expected, not %d", k, got))
	}
}

// end is the first fault, or that something follows.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 && !r.tail {
		r.fail(fmt.Errorf("%d bytes follow", len(r.b)))
	}
	return r.err
}
