package webform

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/kiosk"
	"hailong/survey"
	"hailong/survey/ticket"
)

// door is an address that leads to a form: the ticket behind it, and what is asked there.
type door struct {
	path    string // where the form is sent; it is all that its cookie is for
	text    string // the ticket's
	ticket  ticket.Ticket
	expired bool
	place   ticket.Counter
	version survey.Version
}

// Why an address leads to no form. A ticket that is none, a forged one, a stranger's and
// one for a counter that its signer does not serve look all alike.
var (
	errBad   = errors.New("the address holds no good ticket")
	errShort = errors.New("there is no such short address")
	errTyped = fmt.Errorf("%w: it has a misprint", errShort)

	errHangsNot = fmt.Errorf("%w: its poster does not hang", errBad)
)

// door finds out where an address leads, if need be by a newer ring than the one at hand.
// The error is errBad or errShort.
func (f *Form) door(c *fiber.Ctx, now *shown, ring *ticket.Ring) (*door, error) {
	d, err := f.doorBy(c, now, ring)
	unheard := errors.Is(err, ticket.ErrForeign) || errors.Is(err, errHangsNot) || errors.Is(err, errShort) && !errors.Is(err, errTyped)
	if unheard && f.options.LookAgain != nil && f.options.LookAgain() {
		d, err = f.doorBy(c, now, f.options.Ring())
	}
	if err != nil && !errors.Is(err, errShort) {
		err = errBad
	}
	return d, err
}

// doorBy finds out where an address leads by one ring.
func (f *Form) doorBy(c *fiber.Ctx, now *shown, ring *ticket.Ring) (*door, error) {
	d := &door{text: c.Params("ticket")}
	if typed := c.Params("short"); typed != "" {
		short, ok := ticket.ParseShort(typed)
		if !ok {
			return nil, errTyped
		}
		if d.text, ok = ring.Poster(short); !ok {
			return nil, errShort
		}
		d.path = "/" + short
	}
	var err error
	d.ticket, err = ticket.Verify(d.text, ring, f.options.Now())
	if d.expired = errors.Is(err, ticket.ErrExpired); err != nil && !d.expired {
		return nil, err
	}
	if d.ticket.Class == survey.PosterTicket && !ring.Hangs(d.text) { // withdrawn, or newer than what is known here
		return nil, errHangsNot
	}
	if d.path == "" {
		d.path = c.Path()[:len("/q/")] + d.text
	}
	var known bool
	if d.place, known = ring.Counter(d.ticket.Counter); !known {
		// Its signer vouches for the counter, which is newer than what is known here.
		code := string(d.ticket.Counter)
		d.place = ticket.Counter{Code: d.ticket.Counter, Name: survey.Words{survey.Vietnamese: code, survey.English: code}}
	}
	d.version = now.version(d.ticket.Questionnaire)
	return d, nil
}

// version is what is asked with a ticket that names a questionnaire, or none.
func (s *shown) version(named survey.QuestionnaireCode) survey.Version {
	if v, ok := s.Catalogue.InForce(named); ok {
		if _, _, ok := split(v); ok {
			return v
		}
	}
	v, _ := s.Catalogue.Find(s.Questionnaire) // Show has looked
	return v
}

// split are the overall question of a questionnaire, which is asked first, and the rest.
func split(v survey.Version) (first survey.Question, rest []survey.Question, ok bool) {
	i := slices.IndexFunc(v.Questions, func(q survey.Question) bool { return q.Kind == survey.Overall })
	if i < 0 {
		return first, nil, false
	}
	return v.Questions[i], slices.Delete(slices.Clone(v.Questions), i, i+1), true
}

// press is what every record of a visit at this door says.
func (d *door) press(v survey.Visit) kiosk.Press {
	t := &d.ticket
	p := kiosk.Press{
		Questionnaire: d.version.ID(), Channel: survey.Web, Stage: t.Stage, Counter: t.Counter,
		ResolvingUnit: t.ResolvingUnit, Field: t.Field, Procedure: t.Procedure, Respondent: t.Respondent,
		Ticket: &survey.UsedTicket{Class: t.Class, ID: t.ID(), Visit: v},
	}
	switch {
	case t.Class == survey.ScreenTicket:
		p.Channel = survey.QR
	case t.Channel != "":
		p.Channel = t.Channel
	}
	return p
}

// goodPath reports whether an address may be one of a form, whatever stands behind it.
func goodPath(path string) bool {
	if text, ok := strings.CutPrefix(strings.ToLower(path), "/q/"); ok {
		return text != "" && len(text) <= ticket.MaxText && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") == ""
	}
	_, ok := ticket.ParseShort(strings.TrimPrefix(path, "/"))
	return ok && !strings.ContainsAny(path[1:], "/ ")
}
