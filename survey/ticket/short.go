package ticket

import (
	"strings"

	"hailong/survey"
)

// A short address has seven of [survey.Signs]: six drawn at random, and one that is worked
// out from them, so that a mistyped one leads to a page that says so, and not to another
// counter.
const shortLen = 7

// NewShort draws a short address. About a billion are possible; whoever draws one makes
// sure that it is not in use.
func NewShort() string {
	s := survey.DrawSigns(shortLen - 1)
	return s + string(check(s))
}

// check is the last sign: the sum of the others' values, each times its place counted
// from 1, modulo 31. Any one wrong sign and any two neighbours in the wrong order change
// it, but for 0 taken for Z.
func check(signs string) byte {
	sum := 0
	for i := range len(signs) {
		sum += (i + 1) * strings.IndexByte(survey.Signs, signs[i])
	}
	return survey.Signs[sum%31]
}

// ParseShort reads a short address as somebody typed it: case, spaces and hyphens do not
// matter, I and L are 1, O is 0. It is false for what cannot be one.
func ParseShort(typed string) (string, bool) {
	if len(typed) > 4*shortLen {
		return "", false
	}
	s := survey.PlainSigns(typed)
	if len(s) != shortLen || strings.Trim(s, survey.Signs) != "" || check(s[:shortLen-1]) != s[shortLen-1] {
		return "", false
	}
	return s, true
}
