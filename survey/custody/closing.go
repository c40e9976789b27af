package custody

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hailong/survey"
)

// Closing (chốt số liệu) is one kiosk's day, or its records without a known day
// ([UnknownDay]): what the kiosk says it issued, and what became of each record that
// arrived. Records are counted, not respondents: one that continues or replaces another
// is a record too.
type Closing struct {
	Kiosk       survey.KioskID
	Date        survey.Date            // UnknownDay = the day is not known
	Issued      uint64                 // the kiosk's own signed totals, disputed records besides
	Received    uint64                 // kept in the centre's store
	Counted     uint64                 // in the headline score
	Excluded    map[survey.Flag]uint64 // left out of it, by the published reason
	Held        uint64                 // until their day, questionnaire or counter is known
	Quarantined uint64                 // cannot be read, or say what their questionnaire does not allow
	Disputed    uint64                 // of a branch that contradicts the one that counts
	// DeclaredLost is at most how many records of this day the kiosk declares lost, some of
	// them perhaps among the missing; where LostUnknown is set, nobody knows how many.
	DeclaredLost uint64
	LostUnknown  bool
	AsOf         time.Time // when these numbers were signed; the zero time = they are not yet
	// Unaccounted is by how much, chain by chain, received differs from what became of it,
	// so that one chain cannot make up for another. Not 0 = the account is damaged.
	Unaccounted uint64
}

// Balanced reports whether every received record is accounted for.
func (c *Closing) Balanced() bool {
	sum := c.Counted + c.Held + c.Quarantined + c.Disputed
	for _, n := range c.Excluded {
		sum += n
	}
	return sum == c.Received && c.Unaccounted == 0
}

// Closes reports whether everything that was issued has arrived and is accounted for,
// nothing of it is in dispute, and nothing is declared lost.
func (c *Closing) Closes() bool {
	return c.Complete() && c.Balanced() && c.Disputed == 0 && c.DeclaredLost == 0 && !c.LostUnknown
}

// Complete reports whether everything that was issued has arrived.
func (c *Closing) Complete() bool { return c.Received >= c.Issued }

// Missing is how many records were issued and have not arrived.
func (c *Closing) Missing() uint64 { return c.Issued - min(c.Issued, c.Received) }

// Day is the date as the API writes it: "2026-03-31", or "unknown".
func (c *Closing) Day() string {
	if c.Date == UnknownDay {
		return "unknown"
	}
	return c.Date.String()
}

// closingDomain is the first line of what is signed.
const closingDomain = "hailong/closing/v1"

// Text is what the centre signs: plain lines, so that anybody can write them again from
// the closing's numbers. Reasons are ordered by their names; a reason with 0 has no line.
// Where the account is off, a line "unaccounted 2" stands before declared_lost.
//
//	hailong/closing/v1
//	kiosk k-…
//	date 2026-03-31
//	issued 120
//	received 118
//	counted 110
//	excluded replaced 3
//	excluded too_soon 5
//	held 0
//	quarantined 0
//	disputed 0
//	declared_lost 4
//	as_of 2026-03-31T17:30:00+07:00
//
// A declared loss of which nobody knows the size is "unknown". The last line is missing
// while the closing is not signed.
func (c *Closing) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nkiosk %s\ndate %s\nissued %d\nreceived %d\ncounted %d\n", closingDomain, c.Kiosk, c.Day(), c.Issued, c.Received, c.Counted)
	for _, reason := range slices.Sorted(maps.Keys(c.Excluded)) {
		if n := c.Excluded[reason]; n > 0 {
			fmt.Fprintf(&b, "excluded %s %d\n", reason, n)
		}
	}
	fmt.Fprintf(&b, "held %d\nquarantined %d\ndisputed %d\n", c.Held, c.Quarantined, c.Disputed)
	if c.Unaccounted > 0 {
		fmt.Fprintf(&b, "unaccounted %d\n", c.Unaccounted)
	}
	if c.LostUnknown {
		b.WriteString("declared_lost unknown\n")
	} else {
		fmt.Fprintf(&b, "declared_lost %d\n", c.DeclaredLost)
	}
	if !c.AsOf.IsZero() {
		fmt.Fprintf(&b, "as_of %s\n", c.AsOf.In(survey.Zone).Format(time.RFC3339))
	}
	return b.String()
}

// Sign is the centre's Ed25519 signature over [Closing.Text].
func (c *Closing) Sign(key ed25519.PrivateKey) []byte { return ed25519.Sign(key, []byte(c.Text())) }

// Signed reports whether signature is the centre's over this closing.
func (c *Closing) Signed(signature []byte, key ed25519.PublicKey) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, []byte(c.Text()), signature)
}
