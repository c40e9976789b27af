package survey

import (
	"crypto/rand"
	"strings"
)

// Signs are those of what people read and type, one-time codes and short addresses:
// Crockford's base32, the digits and letters without I, L, O and U.
const Signs = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// DrawSigns draws n [Signs] at random, of 5 bits each.
func DrawSigns(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: see crypto/rand
	for i, v := range b {
		b[i] = Signs[v&31]
	}
	return string(b)
}

// PlainSigns is what somebody typed as it was meant: in capitals, without hyphens and
// spaces, and with the digits that I, L and O look like. What else was typed stays in it.
func PlainSigns(typed string) string {
	return strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
}
