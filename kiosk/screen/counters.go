package screen

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/kiosk"
	"hailong/survey"
)

// MaxCounters is how many counters one box serves.
const MaxCounters = 16

// Counter is one counter whose screens a box serves.
type Counter struct {
	Code survey.CounterCode // "" = whichever the recorder means where a press names none
	Unit survey.Words       // the receiving unit's name, at the top
	Name survey.Words       // the counter's name, below it
}

// place is a counter with its page.
type place struct {
	Counter
	home     string // the address of its first screen
	revision string
}

// places are the counters of some settings; without any there is one that has no name.
func places(counters []Counter) []place {
	if len(counters) == 0 {
		return []place{{home: "/"}}
	}
	list := make([]place, len(counters))
	for i, c := range counters {
		list[i] = place{Counter: c, home: "/"}
		if i > 0 {
			list[i].home = "/?" + url.Values{"counter": {string(c.Code)}}.Encode()
		}
	}
	return list
}

// to is an address of the place's page, with what else it asks for.
func (p *place) to(path string, more ...string) string {
	q := url.Values{}
	if p.home != "/" {
		q.Set("counter", string(p.Code))
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// at is what is shown at one place.
func (n *shown) at(p *place) *shown {
	here := *n
	here.place, here.revision = p, p.revision
	return &here
}

// served are the counters' codes.
func (n *shown) served() []survey.CounterCode {
	codes := make([]survey.CounterCode, len(n.places))
	for i, p := range n.places {
		codes[i] = p.Code
	}
	return codes
}

// find is the place of a counter; the empty code means the first one.
func (n *shown) find(code survey.CounterCode) *place {
	if code == "" {
		return &n.places[0]
	}
	i := slices.IndexFunc(n.places, func(p place) bool { return p.Code == code })
	if i < 0 {
		return nil
	}
	return &n.places[i]
}

// caller is who asks for a counter's screen: the box itself, or a tablet.
type caller struct {
	tablet  string             // the tablet's id; "" = the box itself
	counter survey.CounterCode // the only one that the tablet may ask for
}

// caller finds out who asks. ok is false for everybody else: strangers, and whoever calls
// the box by a name that is not its own.
func (s *Screen) caller(c *fiber.Ctx) (who caller, ok bool) {
	if relayed(c) || !s.ownHost(string(c.Request().Header.Host())) {
		return caller{}, false
	}
	if !s.strange(c) {
		return caller{}, true
	}
	return s.tablets.who(c.Cookies(tabletCookie), s.now())
}

// present lets pass the box itself and the tablets that are paired with it.
func (s *Screen) present(c *fiber.Ctx) error {
	if host := string(c.Request().Header.Host()); !s.ownHost(host) {
		return &failure{kind: foreignHost, value: host}
	}
	if _, ok := s.caller(c); !ok {
		return &failure{kind: notPaired}
	}
	return c.Next()
}

// placeOf is the place that a request is about: the counter that its address names, or
// the tablet's own. The error is a *failure.
func (s *Screen) placeOf(c *fiber.Ctx, now *shown) (*place, error) {
	code := survey.CounterCode(strings.Clone(c.Query("counter")))
	who, ok := s.caller(c)
	switch {
	case !ok:
		return nil, &failure{kind: notPaired}
	case who.tablet != "" && code != "" && code != who.counter:
		return nil, &failure{kind: otherCounter, value: string(code)}
	case who.tablet != "":
		code = who.counter
	}
	p := now.find(code)
	if p == nil {
		return nil, &failure{kind: noCounter, value: string(code)}
	}
	return p, nil
}

// counterOf names the counter of a press without the script: that of the address. The
// error is a *failure.
func (s *Screen) counterOf(c *fiber.Ctx, p *kiosk.Press) error {
	now := s.shown.Load()
	if now == nil {
		return s.whyOut()
	}
	at, err := s.placeOf(c, now)
	if err != nil {
		return err
	}
	p.Counter = at.Code
	return nil
}

// belongs makes a press one of its caller's counter. A tablet's press belongs to the
// tablet's counter and to nobody else's, was made on a screen or on keys, and says no more
// than a screen asks. The error is a *failure.
func (s *Screen) belongs(c *fiber.Ctx, p *kiosk.Press) error {
	who, ok := s.caller(c)
	switch {
	case !ok:
		return &failure{kind: notPaired}
	case who.tablet == "":
		return nil
	case p.Counter != "" && p.Counter != who.counter:
		return &failure{kind: otherCounter, value: string(p.Counter)}
	case p.Channel != survey.Touch && p.Channel != survey.Button:
		return &failure{kind: otherChannel, value: string(p.Channel)}
	case p.Stage != "" || p.ResolvingUnit != "" || p.Field != "" || p.Procedure != "" || p.Respondent != "" || p.Comment != "":
		return &failure{kind: otherAnswer} // with a stolen credential it would count against others
	}
	p.Counter = who.counter
	return nil
}
