package webform

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// A form may be sent for so long after it was opened, and for so long its cookie lets the
// same phone go on.
const visitLife = 72 * time.Hour

// visitCookie is the name of the only cookie.
const visitCookie = "visit"

// doneMark follows the visit in the cookie once nothing is left to answer.
const doneMark = "-done"

func newVisit() (v survey.Visit) {
	rand.Read(v[:]) // never fails: see crypto/rand
	return v
}

func parseVisit(s string) (v survey.Visit, ok bool) {
	b, err := hex.DecodeString(s)
	return v, err == nil && copy(v[:], b) == len(v) && len(b) == len(v)
}

// opened shows that a form with a ticket was opened at a moment, in a visit: the moment,
// and a keyed hash of it.
func (f *Form) opened(text string, v survey.Visit, at time.Time) string {
	moment := binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))
	mac := hmac.New(sha256.New, f.options.Secret)
	mac.Write([]byte("hailong/opened/v1" + text))
	mac.Write(v[:])
	mac.Write(moment)
	return hex.EncodeToString(append(moment, mac.Sum(nil)[:16]...))
}

// openedInTime reports whether a form was opened here while its ticket was good, and not
// too long ago.
func (f *Form) openedInTime(d *door, v survey.Visit, said string) bool {
	b, err := hex.DecodeString(said)
	if err != nil || len(b) < 8 {
		return false
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(b)), 0)
	return hmac.Equal([]byte(f.opened(d.text, v, at)), []byte(said)) && at.Before(d.ticket.Expires) && f.options.Now().Sub(at) < visitLife
}

// What a phone shows after the first commit to go on with its visit: by its cookie, and by
// the form with the rest of the questions.
const (
	byCookie = "cookie"
	byForm   = "form"
)

// pass shows that somebody is part of a visit with a ticket for one answer, and does not
// tell the visit. Whoever knows that one can send the form again, with one answer after
// another, and learns from the page which of them was given; so it stands in the form
// that was opened alone, and not in a browser that others use afterwards.
func (f *Form) pass(use string, d *door, v survey.Visit) string {
	mac := hmac.New(sha256.New, f.options.Secret)
	mac.Write([]byte("hailong/pass/v1" + use + "/" + d.text))
	mac.Write(v[:])
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// passes reports whether said is the pass of the visit that used up the door's ticket.
func (f *Form) passes(use string, d *door, used survey.Entry, said string) bool {
	return used.Response.Ticket != nil && hmac.Equal([]byte(f.pass(use, d, used.Response.Ticket.Visit)), []byte(said))
}

// remember lets the same phone go on with a ticket for one answer. A poster's needs none:
// opening it again is another answer.
func (f *Form) remember(c *fiber.Ctx, d *door, v survey.Visit, done bool) {
	if !d.ticket.Class.Single() {
		return
	}
	value := f.pass(byCookie, d, v)
	if done {
		value += doneMark
	}
	c.Cookie(&fiber.Cookie{
		Name: visitCookie, Value: value, Path: d.path, MaxAge: int(visitLife / time.Second),
		HTTPOnly: true, SameSite: fiber.CookieSameSiteStrictMode, Secure: f.secure(c),
	})
}

// remembers is what the phone's cookie says.
func remembers(c *fiber.Ctx) (pass string, done bool) {
	return strings.CutSuffix(c.Cookies(visitCookie), doneMark)
}

// secure reports whether the phone's connection is encrypted, here or at a proxy.
func (f *Form) secure(c *fiber.Ctx) bool {
	if f.options.TLS != nil {
		return true
	}
	return f.gate.behindProxy(c) && strings.EqualFold(string(c.Request().Header.Peek(fiber.HeaderXForwardedProto)), "https")
}
