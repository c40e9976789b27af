package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// kioskView is one line of the page of kiosks.
type kioskView struct {
	ID, Name, Role, Counters, Contact, Status string
	Unsent, Head, Held, Quarantined, Forks    string
	Revoked, Connected                        bool
	BadRecords, Forked                        bool // something waits for a person
}

func (c *Console) getKioskPage(ctx *fiber.Ctx) error {
	f, ok, err := c.signedFrame(ctx, "kiosks_title", "kiosks")
	if !ok {
		return err
	}
	kiosks, err := c.kiosks(ctx.UserContext())
	if err != nil {
		return err
	}
	s, err := c.store.Structure(ctx.UserContext())
	if err != nil {
		return err
	}
	lang := survey.Lang(f.Lang)
	slices.SortStableFunc(kiosks, func(a, b kioskJSON) int { return cmp.Compare(urgency(a), urgency(b)) })
	for _, k := range kiosks {
		v := newKioskView(lang, k, c.today())
		if v.Name == "" {
			v.Name = placeName(lang, s, k.Counters, c.today())
		}
		f.Kiosks = append(f.Kiosks, v)
	}
	f.Refresh = 30
	return c.sendPage(ctx, fiber.StatusOK, "kiosks", f)
}

// urgency orders kiosks: those with the gravest problem first, those shut out last.
func urgency(k kioskJSON) int {
	order := []kioskProblem{forked, unreadable, waiting, silent}
	switch {
	case k.Revoked != nil:
		return len(order) + 1
	case len(k.Problems) == 0:
		return len(order)
	}
	return slices.Index(order, k.Problems[0])
}

// alarm says that kiosks contradict what was kept of them; "" when none does.
func alarm(lang survey.Lang, kiosks []kioskJSON) string {
	n := 0
	for _, k := range kiosks {
		if slices.Contains(k.Problems, forked) {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(say(lang, "fork_alarm"), n)
}

// placeName is what a kiosk without a name of its own is called: its first counter and
// that one's unit.
func placeName(lang survey.Lang, s *survey.Structure, counters []survey.CounterCode, today survey.Date) string {
	for _, code := range counters {
		if counter, ok := s.Counter(code, today); ok {
			unit, _ := s.Unit(counter.Unit, today)
			return counter.Name.In(lang) + " – " + unit.Name.In(lang)
		}
	}
	return ""
}

func newKioskView(lang survey.Lang, k kioskJSON, today survey.Date) kioskView {
	counters := make([]string, len(k.Counters))
	for i, code := range k.Counters {
		counters[i] = string(code)
	}
	v := kioskView{
		ID: string(k.ID), Name: k.Name, Role: say(lang, "role_counter"), Counters: strings.Join(counters, ", "),
		Contact: say(lang, "never"), Status: say(lang, "in_service"), Unsent: "–", Connected: k.Connected && k.Revoked == nil,
		Head: some(lang, k.Head), Held: some(lang, k.Held), Quarantined: some(lang, k.Quarantined), Forks: some(lang, k.Forks),
		BadRecords: k.Quarantined > 0, Forked: slices.Contains(k.Problems, forked),
	}
	if k.Role == survey.OnlineGateway {
		v.Role = say(lang, "role_online")
	}
	if k.Unsent != nil {
		v.Unsent = count(lang, int64(*k.Unsent))
	}
	switch {
	case v.Connected:
		v.Contact = say(lang, "connected")
	case k.LastContact != nil:
		v.Contact = fmt.Sprintf(say(lang, "lost_since"), clock(lang, *k.LastContact, today))
	}
	switch {
	case k.Revoked != nil:
		v.Status, v.Revoked = say(lang, "revoked"), true
	case v.Forked:
		v.Status = say(lang, "forked")
	}
	return v
}

// some is a number for people in a table in which nothing is the rule.
func some(lang survey.Lang, n uint64) string {
	if n == 0 {
		return "–"
	}
	return count(lang, int64(n))
}
