package console

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/custody"
)

// kioskJSON is a kiosk with what the centre holds from it.
type kioskJSON struct {
	ID          survey.KioskID       `json:"id"`
	Name        string               `json:"name"`
	Role        survey.KioskRole     `json:"role"`
	Counters    []survey.CounterCode `json:"counters"`
	Enrolled    time.Time            `json:"enrolled"`
	Revoked     *time.Time           `json:"revoked"`
	LastContact *time.Time           `json:"last_contact"` // null = never heard of
	Connected   bool                 `json:"connected"`    // heard of within the last 90 s
	Unsent      *uint64              `json:"unsent"`       // records not sent yet, as the kiosk last said; null = it has not
	Head        uint64               `json:"head"`         // last sequence of the chain that arrived last
	Held        uint64               `json:"held"`         // over all its chains
	Quarantined uint64               `json:"quarantined"`
	Forks       uint64               `json:"forks"`
	Problems    []kioskProblem       `json:"problems"` // what needs a person, the gravest first
	Chains      []chainJSON          `json:"chains"`
}

// kioskProblem is something about a kiosk that needs a person.
type kioskProblem string

const (
	forked     kioskProblem = "forked"      // its records contradict what is kept: a copied card, or edited data
	unreadable kioskProblem = "quarantined" // some of its records cannot be read
	waiting    kioskProblem = "held"        // some of its records wait for a questionnaire or a counter
	silent     kioskProblem = "silent"      // it is not connected
)

// contactLife is how long after a kiosk was heard of it counts as connected: three of
// its heartbeats.
const contactLife = 90 * time.Second

type chainJSON struct {
	Chain       string    `json:"chain"`
	Head        uint64    `json:"head"`
	Hash        string    `json:"hash"`
	Held        uint64    `json:"held"`
	Quarantined uint64    `json:"quarantined"`
	Forks       uint64    `json:"forks"`
	Received    time.Time `json:"received"`
}

func (c *Console) getKiosks(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	items, err := c.kiosks(ctx.UserContext())
	if err != nil {
		return err
	}
	return sendJSON(ctx, fiber.StatusOK, listJSON[kioskJSON]{Items: items})
}

// kiosks puts kiosks, their chains and their last heartbeats together.
func (c *Console) kiosks(ctx context.Context) ([]kioskJSON, error) {
	known, err := c.store.Kiosks(ctx)
	if err != nil {
		return nil, err
	}
	states, err := c.store.Chains(ctx)
	if err != nil {
		return nil, err
	}
	var beats map[survey.KioskID]Heartbeat
	if c.settings.Heartbeats != nil {
		beats = c.settings.Heartbeats()
	}
	chains := map[survey.KioskID][]custody.ChainState{}
	for _, s := range states {
		chains[s.Kiosk] = append(chains[s.Kiosk], s)
	}
	items := []kioskJSON{}
	for _, k := range known {
		items = append(items, oneKiosk(k, chains[k.ID], beats[k.ID], c.now()))
	}
	return items, nil
}

func oneKiosk(k survey.Kiosk, chains []custody.ChainState, beat Heartbeat, now time.Time) kioskJSON {
	item := kioskJSON{
		ID: k.ID, Name: k.Name, Role: k.Role, Counters: list(k.Counters),
		Enrolled: k.Enrolled.In(survey.Zone), Chains: []chainJSON{},
	}
	if k.Revoked != nil {
		at := k.Revoked.In(survey.Zone)
		item.Revoked = &at
	}
	var newest time.Time
	for _, s := range chains {
		item.Chains = append(item.Chains, chainJSON{
			Chain: s.Chain.String(), Head: s.Head.Sequence, Hash: s.Head.Hash.String(),
			Held: s.Held, Quarantined: s.Quarantined, Forks: s.Forks, Received: s.Received.In(survey.Zone),
		})
		item.Held += s.Held
		item.Quarantined += s.Quarantined
		item.Forks += s.Forks
		if !s.Received.Before(newest) {
			newest, item.Head = s.Received, s.Head.Sequence
		}
	}
	if !beat.At.IsZero() {
		item.Unsent = &beat.Unsent
	}
	if beat.At.After(newest) {
		newest = beat.At
	}
	if !newest.IsZero() {
		at := newest.In(survey.Zone)
		item.LastContact = &at
	}
	item.Connected = !newest.IsZero() && now.Sub(newest) <= contactLife
	item.Problems = problemsOf(&item)
	return item
}

// problemsOf lists what needs a person. A kiosk that was shut out needs nobody any more.
func problemsOf(k *kioskJSON) []kioskProblem {
	list := []kioskProblem{}
	for _, each := range []struct {
		is   bool
		what kioskProblem
	}{{k.Forks > 0, forked}, {k.Quarantined > 0, unreadable}, {k.Held > 0, waiting}, {!k.Connected, silent}} {
		if each.is && k.Revoked == nil {
			list = append(list, each.what)
		}
	}
	return list
}

// invitationJSON asks for a one-time code.
type invitationJSON struct {
	Counter  survey.CounterCode   `json:"counter"`
	Counters []survey.CounterCode `json:"counters"`
	Name     string               `json:"name"`
	Role     survey.KioskRole     `json:"role"`
}

// codeJSON is a fresh one-time code. It is shown this once.
type codeJSON struct {
	Code     string               `json:"code"`
	Expires  time.Time            `json:"expires"`
	Counters []survey.CounterCode `json:"counters"`
	Name     string               `json:"name"`
	Role     survey.KioskRole     `json:"role"`
	Replaces []survey.KioskID     `json:"replaces"` // kiosks in service at these counters: to be revoked if the new one takes their place
}

// postKiosks prepares a place for a kiosk and gives the code that opens it.
func (c *Console) postKiosks(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	body, err := readBody(ctx, smallBody)
	if err != nil {
		return err
	}
	var in invitationJSON
	if err := readJSON(body, &in); err != nil {
		return err
	}
	s, err := c.store.Structure(ctx.UserContext())
	if err != nil {
		return err
	}
	if in.Role == "" {
		in.Role = survey.CounterKiosk
	}
	if err := in.check(s, c.today()); err != nil {
		return err
	}
	code := newCode()
	i := survey.Invitation{
		CodeHash: codeHash(code), Name: in.Name, Role: in.Role, Counters: in.Counters, Expires: c.now().Add(invitationLife).In(survey.Zone),
	}
	if err := c.store.PutInvitation(ctx.UserContext(), i); err != nil {
		return err
	}
	replaces, err := c.inService(ctx, in.Role, in.Counters)
	if err != nil {
		return err
	}
	return sendJSON(ctx, fiber.StatusCreated, codeJSON{
		Code: code, Expires: i.Expires, Counters: i.Counters, Name: i.Name, Role: i.Role, Replaces: replaces,
	})
}

// inService are the kiosks of a role that serve any of the counters now.
func (c *Console) inService(ctx *fiber.Ctx, role survey.KioskRole, counters []survey.CounterCode) ([]survey.KioskID, error) {
	known, err := c.store.Kiosks(ctx.UserContext())
	if err != nil {
		return nil, err
	}
	ids := []survey.KioskID{}
	for _, k := range known {
		serves := func(code survey.CounterCode) bool { return slices.Contains(counters, code) }
		if k.Revoked == nil && k.Role == role && slices.ContainsFunc(k.Counters, serves) {
			ids = append(ids, k.ID)
		}
	}
	return ids, nil
}

// postRevoke shuts a kiosk out for ever. What it has sent stays counted.
func (c *Console) postRevoke(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	id := survey.KioskID(ctx.Params("id"))
	k, ok, err := c.store.Kiosk(ctx.UserContext(), id)
	if err != nil {
		return err
	}
	if !ok {
		return refuse(fiber.StatusNotFound, "không có thiết bị nào mang mã này; xem /api/v1/kiosks", "there is no kiosk with this id; see /api/v1/kiosks")
	}
	if k.Revoked == nil {
		now := c.now()
		k.Revoked = &now
		if err := c.store.PutKiosk(ctx.UserContext(), k); err != nil {
			return fmt.Errorf("shut kiosk %s out: %w", id, err)
		}
		c.log.Info("kiosk shut out", "kiosk", id, "name", k.Name)
	}
	if c.settings.OnRevoked != nil {
		if err := c.settings.OnRevoked(id); err != nil { // its batches are refused all the same
			c.log.Error("the connections of a kiosk that was shut out were not ended", "kiosk", id, "error", err)
		}
	}
	kiosks, err := c.kiosks(ctx.UserContext())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(kiosks, func(each kioskJSON) bool { return each.ID == id })
	return sendJSON(ctx, fiber.StatusOK, kiosks[i])
}

// check folds counter into counters and finds what is wrong.
func (in *invitationJSON) check(s *survey.Structure, today survey.Date) error {
	var ps survey.Problems
	switch {
	case in.Counter != "" && in.Counters != nil:
		ps.Add("counter", string(in.Counter), "hãy dùng counter hoặc counters, không cả hai", "use counter or counters, not both")
	case in.Counter != "":
		in.Counters = []survey.CounterCode{in.Counter}
	}
	if len(in.Counters) == 0 {
		ps.Add("counter", "", "thiếu quầy mà thiết bị phục vụ", "the counter that the kiosk serves is missing")
	}
	for _, code := range in.Counters {
		if _, ok := s.Counter(code, today); !ok {
			ps.Add("counter", string(code), "hôm nay không có quầy nào mang mã này; xem /api/v1/units", "today there is no counter with this code; see /api/v1/units")
		}
	}
	ps.Check(nameProblem(in.Name))
	ps.Check(roleProblem(in.Role))
	return ps.Err()
}
