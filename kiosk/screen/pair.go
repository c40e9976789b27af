package screen

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// tabletCookie is the name of a tablet's credential. Nothing else of a tablet is kept in
// its browser, and no other browser is given one.
const tabletCookie = "hailong_tablet"

// cookieLife is as long as browsers keep a cookie. It is given anew with every first
// screen.
const cookieLife = 400 * 24 * time.Hour

// pairPage is what the page at /pair is given.
type pairPage struct {
	view
	Wrong string // which text says what was wrong; "" = nothing was
	Wait  int    // minutes until somebody may try again
}

// pairing is GET /pair: where a tablet's one-time code is typed.
func (s *Screen) pairing(c *fiber.Ctx) error {
	if err := s.mayPair(c); err != nil {
		return err
	}
	return s.pairAgain(c, fiber.StatusOK, "", 0)
}

// mayPair lets pass whoever calls the box itself, by its own name: the gateway for phones
// has no tablets.
func (s *Screen) mayPair(c *fiber.Ctx) error {
	now := s.shown.Load()
	host := string(c.Request().Header.Host())
	switch {
	case s.tablets.folder == "" || now != nil && now.settings.Role == survey.OnlineGateway:
		return &failure{kind: notFound}
	case relayed(c):
		return &failure{kind: notPaired}
	case !s.ownHost(host):
		return &failure{kind: foreignHost, value: host}
	}
	return nil
}

func (s *Screen) pairAgain(c *fiber.Ctx, status int, wrong string, wait time.Duration) error {
	v := pairPage{view: s.view(manner{Lang: staffLang(c, "")}), Wrong: wrong, Wait: int((wait + time.Minute - 1) / time.Minute)}
	v.View = "pair"
	return s.renderAs(c, status, "pair", v.Lang, v)
}

// pair is POST /pair: the code that was typed.
func (s *Screen) pair(c *fiber.Ctx) error {
	if err := s.mayPair(c); err != nil {
		return err
	}
	form, err := url.ParseQuery(string(c.BodyRaw()))
	if err != nil || !hasMedia(c, fiber.MIMEApplicationForm) {
		return s.pairAgain(c, fiber.StatusBadRequest, "pair.wrong", 0)
	}
	p, secret, gone, err := s.tablets.redeem(form.Get("code"), s.now())
	if gone {
		s.note(EventTablet, "mã ghép máy tính bảng bị nhập sai quá nhiều lần và đã bị hủy", "a tablet's pairing code was guessed at too often and is void")
	}
	var locked lockedError
	switch {
	case errors.As(err, &locked):
		return s.pairAgain(c, fiber.StatusTooManyRequests, "pair.locked", time.Duration(locked))
	case errors.Is(err, errWrongCode):
		return s.pairAgain(c, fiber.StatusForbidden, "pair.wrong", 0)
	case err != nil:
		s.options.Log.Error("a tablet was not paired", "error", err)
		return s.pairAgain(c, fiber.StatusServiceUnavailable, "pair.broken", 0)
	}
	s.note(EventTablet, fmt.Sprintf("đã ghép máy tính bảng %s với quầy %s", p.ID, p.Counter), fmt.Sprintf("tablet %s is paired with counter %s", p.ID, p.Counter))
	s.giveCookie(c, secret)
	return c.Redirect("/", fiber.StatusSeeOther)
}

// giveCookie hands a tablet its credential. Another site's page can neither read it nor
// make the tablet send it.
func (s *Screen) giveCookie(c *fiber.Ctx, secret string) {
	c.Cookie(&fiber.Cookie{
		Name: tabletCookie, Value: secret, Path: "/", MaxAge: int(cookieLife / time.Second),
		Secure: s.options.TLS != nil && s.strange(c), HTTPOnly: true, SameSite: fiber.CookieSameSiteStrictMode,
	})
}

// renewCookie lets a tablet that is in use keep its credential.
func (s *Screen) renewCookie(c *fiber.Ctx) {
	if who, ok := s.caller(c); ok && who.tablet != "" {
		s.giveCookie(c, strings.Clone(c.Cookies(tabletCookie)))
	}
}

// invite draws a one-time code that pairs a tablet with a counter, good for ten minutes.
// The error is a failure that says what is wrong.
func (s *Screen) invite(counter survey.CounterCode) (code string, until time.Time, err error) {
	now := s.shown.Load()
	if now == nil {
		return "", until, s.whyOut()
	}
	if served := now.served(); counter == "" || !slices.Contains(served, counter) {
		names := make([]string, len(served))
		for i, c := range served {
			names[i] = string(c)
		}
		have := strings.Join(names, ", ")
		return "", until, &failure{kind: invalid, found: survey.Problems{{
			Path: "counter", Value: string(counter), Vi: "thiết bị này không phục vụ quầy đó; phục vụ: " + have, En: "this kiosk does not serve that counter; it serves: " + have,
		}}}
	}
	code, until, err = s.tablets.invite(counter, s.now())
	var locked lockedError
	switch {
	case errors.As(err, &locked):
		return "", until, &failure{kind: guessedAt, wait: time.Duration(locked)}
	case errors.Is(err, errManyPaired):
		return "", until, &failure{kind: manyTablets}
	case err != nil:
		return "", until, &failure{kind: notFound}
	}
	s.note(EventTablet, "đã tạo mã ghép máy tính bảng cho quầy "+string(counter), "a pairing code was made for a tablet at counter "+string(counter))
	return code, until, nil
}

// revoke ends a tablet's pairing.
func (s *Screen) revoke(id string) (Tablet, error) {
	t, ok, err := s.tablets.revoke(id)
	if !ok {
		return t, &failure{kind: noTablet, value: id}
	}
	s.note(EventTablet, fmt.Sprintf("đã thu hồi máy tính bảng %s của quầy %s", t.ID, t.Counter), fmt.Sprintf("tablet %s of counter %s is revoked", t.ID, t.Counter))
	if err != nil {
		s.options.Log.Error("a revoked tablet would be back after a restart", "tablet", t.ID, "error", err)
		return t, &failure{kind: notKept, cause: err}
	}
	return t, nil
}

// addresses are where tablets find the box.
func (s *Screen) addresses() []string {
	list := []string{}
	if s.options.Addresses != nil {
		for _, base := range s.options.Addresses() {
			list = append(list, base+"/pair")
		}
	}
	return list
}

type invitedBody struct {
	Counter   survey.CounterCode `json:"counter"`
	Code      string             `json:"code"`
	Until     string             `json:"until"`
	Addresses []string           `json:"addresses"` // where a tablet types it; none = the box listens to itself only
}

type tabletBody struct {
	ID      string             `json:"id"`
	Counter survey.CounterCode `json:"counter"`
	Since   string             `json:"since"`
	Seen    *string            `json:"last_seen"` // null = not since the program began
}

func (t Tablet) body() tabletBody {
	b := tabletBody{ID: t.ID, Counter: t.Counter, Since: instant(t.Since)}
	if !t.Seen.IsZero() {
		seen := instant(t.Seen)
		b.Seen = &seen
	}
	return b
}

// postTablet is POST /api/v1/tablets: a one-time code for a counter.
func (s *Screen) postTablet(c *fiber.Ctx) error {
	if !hasMedia(c, "application/json") {
		return &failure{kind: wrongMedia, value: string(c.Request().Header.ContentType())}
	}
	var in struct {
		Counter survey.CounterCode `json:"counter"`
	}
	if err := json.Unmarshal(c.BodyRaw(), &in); err != nil {
		return &failure{kind: malformed}
	}
	code, until, err := s.invite(in.Counter)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(invitedBody{Counter: in.Counter, Code: code, Until: instant(until), Addresses: s.addresses()})
}

// getTablets is GET /api/v1/tablets.
func (s *Screen) getTablets(c *fiber.Ctx) error {
	items := []tabletBody{}
	for _, t := range s.tablets.list() {
		items = append(items, t.body())
	}
	return c.JSON(fiber.Map{"items": items, "next": nil})
}

// deleteTablet is DELETE /api/v1/tablets/{id}.
func (s *Screen) deleteTablet(c *fiber.Ctx) error {
	t, err := s.revoke(strings.Clone(c.Params("id")))
	if err != nil {
		return err
	}
	return c.JSON(t.body())
}
