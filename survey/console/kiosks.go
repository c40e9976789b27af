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
	Connected   bool                 `json:"connected"`    // heard of within the last 5 minutes
	Unsent      *uint64              `json:"unsent"`       // records that the kiosk last told of and that have not arrived; null = it has not said
	Head        uint64               `json:"head"`         // last sequence received of its present chain; others number by themselves
	Held        uint64               `json:"held"`         // over all its chains
	Quarantined uint64               `json:"quarantined"`
	Forks       uint64               `json:"forks"`
	Disputed    uint64               `json:"disputed"`   // responses in the forks that do not count
	Unkept      uint64               `json:"unkept"`     // further forks that came when there was no more room for evidence
	Trouble     *string              `json:"trouble"`    // what it said is wrong with it; null = nothing, or it has not said
	Free        *int64               `json:"free"`       // bytes free on its disk; null = not known
	Refused     *uint64              `json:"refused"`    // presses it refused because its disk was full, ever; null = it has not said
	ClockSkew   *float64             `json:"clock_skew"` // seconds its clock is ahead of the centre's; null = it has not said
	Software    string               `json:"software"`   // its program's version; "" = it has not said
	Losses      []lossJSON           `json:"losses"`     // of journals that were damaged
	Problems    []kioskProblem       `json:"problems"`   // what needs a person, the gravest first
	Chains      []chainJSON          `json:"chains"`     // the present one first
}

// lossJSON is what a damaged journal may have lost.
type lossJSON struct {
	Kiosk       survey.KioskID `json:"kiosk"`
	Chain       string         `json:"chain"`       // that went on in its place
	Predecessor string         `json:"predecessor"` // that was damaged
	AtLeast     uint64         `json:"at_least"`
	AtMost      *uint64        `json:"at_most"` // null = nothing is left that says how many, or it cannot be that many
	From        *time.Time     `json:"from"`    // what is lost was recorded after this; null = not known
	To          time.Time      `json:"to"`      // and before this, when the centre first heard of it
	Reason      string         `json:"reason"`

	there uint64 // last record that the predecessor has still at the kiosk, in a row from its first
}

// maxLoss is the most that a loss is believed to be: the greatest whole number that every
// reader of JSON reads. Of a greater one nobody knows how many are lost.
const maxLoss = 1 << 53

func newLossJSON(l custody.Loss) lossJSON {
	item := lossJSON{
		Kiosk: l.Kiosk, Chain: l.Chain.String(), Predecessor: l.Succession.Predecessor.String(), AtLeast: l.AtLeast, AtMost: atMost(l),
		To: l.Heard.In(survey.Zone), Reason: l.Succession.Reason, there: l.Succession.Last,
	}
	// What a wrong clock says is no beginning, and nothing that JSON could say.
	if from := time.UnixMilli(l.From).In(survey.Zone); l.From > 0 && !from.After(l.Heard) {
		item.From = &from
	}
	return item
}

// lost reports whether anything may be lost.
func (l lossJSON) lost() bool { return l.AtMost == nil || *l.AtMost > 0 }

// atMost is how many may be lost; nil = nobody knows.
func atMost(l custody.Loss) *uint64 {
	if l.Succession.Unbounded || l.AtMost > maxLoss {
		return nil
	}
	return &l.AtMost
}

type chainJSON struct {
	Chain       string    `json:"chain"`
	Head        uint64    `json:"head"`
	Hash        string    `json:"hash"`
	Held        uint64    `json:"held"`
	Quarantined uint64    `json:"quarantined"`
	Forks       uint64    `json:"forks"`
	Disputed    uint64    `json:"disputed"`
	Unkept      uint64    `json:"unkept"`
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
	if err := c.unsent(ctx.UserContext(), items); err != nil {
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
	losses, err := c.losses(ctx)
	if err != nil {
		return nil, err
	}
	items := []kioskJSON{}
	for _, k := range known {
		items = append(items, oneKiosk(k, chains[k.ID], losses[k.ID], beats[k.ID], c.now()))
	}
	return items, nil
}

// losses are what damaged journals may have lost, by kiosk.
func (c *Console) losses(ctx context.Context) (map[survey.KioskID][]lossJSON, error) {
	all, err := c.store.Losses(ctx)
	if err != nil {
		return nil, err
	}
	of := map[survey.KioskID][]lossJSON{}
	for _, l := range all {
		of[l.Kiosk] = append(of[l.Kiosk], newLossJSON(l))
	}
	return of, nil
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

// postRevoke shuts a kiosk out. What it has sent stays counted.
func (c *Console) postRevoke(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	k, err := c.kioskOf(ctx)
	if err != nil {
		return err
	}
	if k.Revoked == nil {
		now := c.now()
		k.Revoked = &now
		if err := c.store.PutKiosk(ctx.UserContext(), k); err != nil {
			return fmt.Errorf("shut kiosk %s out: %w", k.ID, err)
		}
		c.log.Info("kiosk shut out", "kiosk", k.ID, "name", k.Name)
	}
	if c.settings.OnRevoked != nil {
		if err := c.settings.OnRevoked(k.ID); err != nil { // its batches are refused all the same
			c.log.Error("the connections of a kiosk that was shut out were not ended", "kiosk", k.ID, "error", err)
		}
	}
	return c.sendKiosk(ctx, k.ID)
}

// postAllow takes a kiosk that was shut out in again.
func (c *Console) postAllow(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	k, err := c.allow(ctx)
	if err != nil {
		return err
	}
	return c.sendKiosk(ctx, k.ID)
}

// postAllowPage is the page's button.
func (c *Console) postAllowPage(ctx *fiber.Ctx) error {
	if err := c.sameOrigin(ctx); err != nil {
		return err
	}
	if _, err := c.authenticate(ctx); err != nil {
		return err
	}
	if _, err := c.allow(ctx); err != nil {
		return err
	}
	return ctx.Redirect("/kiosks", fiber.StatusSeeOther)
}

// allow takes back that a kiosk was shut out: by mistake, or so that what it recorded and
// never sent can still come.
func (c *Console) allow(ctx *fiber.Ctx) (survey.Kiosk, error) {
	k, err := c.kioskOf(ctx)
	if err != nil || k.Revoked == nil {
		return k, err
	}
	was := *k.Revoked
	k.Revoked = nil
	if err := c.store.PutKiosk(ctx.UserContext(), k); err != nil {
		return k, fmt.Errorf("allow kiosk %s again: %w", k.ID, err)
	}
	c.log.Warn("kiosk allowed again", "kiosk", k.ID, "name", k.Name, "revoked", was)
	return k, nil
}

// kioskOf is the kiosk that the address names.
func (c *Console) kioskOf(ctx *fiber.Ctx) (survey.Kiosk, error) {
	k, ok, err := c.store.Kiosk(ctx.UserContext(), survey.KioskID(ctx.Params("id")))
	if err == nil && !ok {
		err = refuse(fiber.StatusNotFound, "không có thiết bị nào mang mã này; xem /api/v1/kiosks", "there is no kiosk with this id; see /api/v1/kiosks")
	}
	return k, err
}

func (c *Console) sendKiosk(ctx *fiber.Ctx, id survey.KioskID) error {
	kiosks, err := c.kiosks(ctx.UserContext())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(kiosks, func(each kioskJSON) bool { return each.ID == id })
	if err := c.unsent(ctx.UserContext(), kiosks[i:i+1]); err != nil {
		return err
	}
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
