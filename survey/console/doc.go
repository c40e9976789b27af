// Package console is the centre's face towards analysts and kiosks: the HTTP API, the
// pages that show scores, sign-in, and the enrolment of kiosks.
//
// # Who is let in
//
// Nothing under /api/ answers a stranger, not even to say that an address does not
// exist: who asks comes before what is asked. A request carries a token (as bearer
// token, or as the password of HTTP Basic) or the cookie of a signed-in session. Of
// tokens, one-time codes, links and sessions only SHA-256 hashes are kept.
//
// # What moves live
//
// An analyst who watches a counter's figure while a citizen presses could see what was
// pressed. So live figures move in steps: see the type live. The page and the event
// stream both show what was published, never anything fresher, and units are added up
// from their counters' published figures alone. A query of /api/v1/scores is exact.
//
// # How errors look
//
// The API answers with problem+json (RFC 9457), in Vietnamese, or in English for those
// whose Accept-Language prefers it. Causes inside the centre go to the log only.
package console
