package ticket

import (
	"crypto/rand"
	"strings"
)

// A short address has seven signs of Crockford's base32 (digits and letters without I,
// L, O and U): six drawn at random, and one that is worked out from them, so that a
// mistyped one leads to a page that says so, and not to another counter.
const shortLen = 7

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewShort draws a short address. About a billion are possible; whoever draws one makes
// sure that it is not in use.
func NewShort() string {
	var b [shortLen - 1]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	s := make([]byte, 0, shortLen)
	for _, v := range b {
		s = append(s, crockford[v&31])
	}
	return string(append(s, check(s)))
}

// check is the last sign: the sum of the others' values, each times its place counted
// from 1, modulo 31. Any one wrong sign and any two neighbours in the wrong order change
// it, but for 0 taken for Z.
func check(signs []byte) byte {
	sum := 0
	for i, c := range signs {
		sum += (i + 1) * strings.IndexByte(crockford, c)
	}
	return crockford[sum%31]
}

// ParseShort reads a short address as somebody typed it: case, spaces and hyphens do not
// matter, I and L are 1, O is 0. It is false for what cannot be one.
func ParseShort(typed string) (string, bool) {
	if len(typed) > 4*shortLen {
		return "", false
	}
	s := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
	if len(s) != shortLen || strings.Trim(s, crockford) != "" || check([]byte(s[:shortLen-1])) != s[shortLen-1] {
		return "", false
	}
	return s, true
}
