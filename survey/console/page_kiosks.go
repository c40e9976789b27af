package console

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// kioskView is one line of the page of kiosks.
type kioskView struct {
	ID, Name, Role, Counters, Contact, Status string
	Unsent, Head, Held, Quarantined, Forks    string
	Disputed, Unkept, Software                string
	Chain                                     string   // the one that Head is of; "" = the kiosk has no other
	Before                                    []string // its earlier chains, with the last number of each
	Says                                      []saysView
	Trouble                                   string   // what the kiosk says is wrong with it
	Losses                                    []string // of journals that were damaged
	Revoked, Connected                        bool
	BadRecords, Forked                        bool // something waits for a person
}

// saysView is one thing that a kiosk says of itself.
type saysView struct {
	Text string
	Bad  bool
}

// What a kiosk says of its disk and clock that is not right.
const (
	lowDisk     = 200 << 20 // bytes free, where its telemetry gives way
	skewedClock = 60        // seconds
)

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
	if err := c.unsent(ctx.UserContext(), kiosks); err != nil {
		return err
	}
	lang := survey.Lang(f.Lang)
	slices.SortStableFunc(kiosks, func(a, b kioskJSON) int { return cmp.Compare(urgency(a), urgency(b)) })
	for _, k := range kiosks {
		v := newKioskView(lang, k, c.today())
		v.Name = nameOf(lang, s, k, c.today())
		f.Kiosks = append(f.Kiosks, v)
	}
	if f.Alarms, err = c.alarms(lang, kiosks); err != nil {
		return err
	}
	for i := range f.Alarms {
		if f.Alarms[i].Link == "/kiosks" {
			f.Alarms[i].See = "" // this is where to look
		}
	}
	f.Refresh = 30
	return c.sendPage(ctx, fiber.StatusOK, "kiosks", f)
}

// urgency orders kiosks: those with the gravest problem first, those shut out last.
func urgency(k kioskJSON) int {
	order := []kioskProblem{forked, troubled, damaged, unreadable, waiting, silent}
	switch {
	case k.Revoked != nil:
		return len(order) + 1
	case len(k.Problems) == 0:
		return len(order)
	}
	return slices.Index(order, k.Problems[0])
}

// alarmView is why a person is needed, and where to look.
type alarmView struct{ ID, Text, Link, See string } // See "": no link

// alarms are what must not be overlooked: kiosks that contradict what was kept of them,
// kiosks that cannot record, journals that were damaged, a damaged store, and backups that are
// not made.
func (c *Console) alarms(lang survey.Lang, kiosks []kioskJSON) (list []alarmView, err error) {
	var disputed uint64
	var lost []lossJSON
	with := map[kioskProblem]int{}
	for _, k := range kiosks {
		for _, p := range k.Problems {
			with[p]++
		}
		if slices.Contains(k.Problems, forked) {
			disputed += k.Disputed
		}
		if slices.Contains(k.Problems, damaged) {
			lost = append(lost, k.Losses...)
		}
	}
	if n := with[forked]; n > 0 {
		text := fmt.Sprintf(say(lang, "fork_alarm"), n)
		if disputed > 0 {
			text += " " + fmt.Sprintf(say(lang, "fork_disputed"), count(lang, disputed))
		}
		list = append(list, alarmView{"alarm-forks", text, "/kiosks", say(lang, "fork_see")})
	}
	if n := with[troubled]; n > 0 {
		list = append(list, alarmView{"alarm-trouble", fmt.Sprintf(say(lang, "trouble_alarm"), n), "/kiosks", say(lang, "fork_see")})
	}
	if n := with[damaged]; n > 0 {
		list = append(list, alarmView{"alarm-losses", fmt.Sprintf(say(lang, "loss_alarm"), n, lossCount(lang, asOne(lost))), "/closings#losses", say(lang, "loss_see")})
	}
	all, newest, err := c.backupsNow()
	if err != nil {
		return nil, err
	}
	text := c.backupAlarm(lang, all, newest)
	if c.settings.Backups != nil {
		if damage := c.settings.Backups.Damage(); damage != nil { // graver than all else about backups
			text = damage.Text(lang)
		}
	}
	if text != "" {
		list = append(list, alarmView{"alarm-backup", text, "/closings#backups", say(lang, "backup_see")})
	}
	return list, nil
}

// nameOf is what people call a kiosk: its own name, or else that of its place. A
// gateway's says that it is one, since a kiosk may stand at the same place.
func nameOf(lang survey.Lang, s *survey.Structure, k kioskJSON, today survey.Date) string {
	name, gateway := cmp.Or(k.Name, placeName(lang, s, k.Counters, today)), say(lang, "role_online")
	switch {
	case k.Role != survey.OnlineGateway || strings.Contains(strings.ToLower(name), strings.ToLower(gateway)):
		return name
	case name == "":
		return gateway
	}
	return gateway + " – " + name
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
		ID: string(k.ID), Role: say(lang, "role_counter"), Counters: strings.Join(counters, ", "),
		Contact: say(lang, "never"), Status: say(lang, "in_service"), Unsent: "–", Connected: k.Connected && k.Revoked == nil,
		Head: some(lang, k.Head), Held: some(lang, k.Held), Quarantined: some(lang, k.Quarantined), Forks: some(lang, k.Forks),
		Software:   k.Software,
		BadRecords: k.Quarantined > 0, Forked: slices.Contains(k.Problems, forked),
	}
	if k.Role == survey.OnlineGateway {
		v.Role = say(lang, "role_online")
	}
	if len(k.Chains) > 1 {
		v.Chain = fmt.Sprintf(say(lang, "chain"), shortChain(k.Chains[0]))
		for _, before := range k.Chains[1:] {
			v.Before = append(v.Before, fmt.Sprintf(say(lang, "chain_before"), shortChain(before), count(lang, before.Head)))
		}
	}
	v.hear(lang, k)
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

// shortChain is enough of a chain's name to tell it from the kiosk's other ones.
func shortChain(c chainJSON) string { return c.Chain[:8] }

// hear shows what the kiosk said of itself, and what its journals may have lost.
func (v *kioskView) hear(lang survey.Lang, k kioskJSON) {
	if k.Unsent != nil {
		v.Unsent = count(lang, *k.Unsent)
	}
	says := func(key, text string, bad bool) {
		v.Says = append(v.Says, saysView{fmt.Sprintf(say(lang, key), text), bad})
	}
	if k.Free != nil {
		says("says_free", megabytes(lang, *k.Free), *k.Free < lowDisk)
	}
	if k.ClockSkew != nil && math.Abs(*k.ClockSkew) >= 1 {
		says("says_skew", signedSeconds(lang, *k.ClockSkew), math.Abs(*k.ClockSkew) >= skewedClock)
	}
	if k.Refused != nil && *k.Refused > 0 {
		says("says_refused", count(lang, *k.Refused), true)
	}
	if k.Disputed > 0 {
		v.Disputed = fmt.Sprintf(say(lang, "disputed_of"), count(lang, k.Disputed))
	}
	if k.Unkept > 0 {
		v.Unkept = fmt.Sprintf(say(lang, "unkept_of"), count(lang, k.Unkept))
	}
	if k.Trouble != nil {
		v.Trouble = saidIn(lang, *k.Trouble)
	}
	for _, l := range k.Losses {
		v.Losses = append(v.Losses, fmt.Sprintf(say(lang, "new_chain"), lossCount(lang, l)))
	}
}

// signedSeconds is how far a clock is off, for people.
func signedSeconds(lang survey.Lang, s float64) string {
	sign := "+"
	if s < 0 {
		sign = "−"
	}
	return sign + count(lang, int64(math.Round(math.Abs(s)))) + "\u00a0s"
}

// some is a number for people in a table in which nothing is the rule.
func some(lang survey.Lang, n uint64) string {
	if n == 0 {
		return "–"
	}
	return count(lang, n)
}
