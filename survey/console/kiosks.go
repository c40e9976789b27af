package console

import (
	"context"
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
	Head        uint64               `json:"head"`         // last sequence of the chain that arrived last
	Held        uint64               `json:"held"`         // over all its chains
	Quarantined uint64               `json:"quarantined"`
	Forks       uint64               `json:"forks"`
	Chains      []chainJSON          `json:"chains"`
}

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
	var beats map[survey.KioskID]time.Time
	if c.settings.Heartbeats != nil {
		beats = c.settings.Heartbeats()
	}
	chains := map[survey.KioskID][]custody.ChainState{}
	for _, s := range states {
		chains[s.Kiosk] = append(chains[s.Kiosk], s)
	}
	items := []kioskJSON{}
	for _, k := range known {
		items = append(items, oneKiosk(k, chains[k.ID], beats[k.ID]))
	}
	return items, nil
}

func oneKiosk(k survey.Kiosk, chains []custody.ChainState, beat time.Time) kioskJSON {
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
	if beat.After(newest) {
		newest = beat
	}
	if !newest.IsZero() {
		at := newest.In(survey.Zone)
		item.LastContact = &at
	}
	return item
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
	return sendJSON(ctx, fiber.StatusCreated, codeJSON{Code: code, Expires: i.Expires, Counters: i.Counters, Name: i.Name, Role: i.Role})
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
