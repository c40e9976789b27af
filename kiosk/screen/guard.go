package screen

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// policy allows the page its own files and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// harden sets the headers that every answer carries.
func harden(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, policy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set(fiber.HeaderCacheControl, "no-store")
}

func secure(c *fiber.Ctx) error {
	harden(c)
	return c.Next()
}

// local lets pass only who sits at the kiosk, by a name that is the kiosk's own.
func (s *Screen) local(c *fiber.Ctx) error {
	if s.strange(c) {
		return &failure{kind: notLocal}
	}
	if host := string(c.Request().Header.Host()); !s.ownHost(host) {
		return &failure{kind: foreignHost, value: host}
	}
	return c.Next()
}

// relayed reports whether a request came through a proxy, which hides the real address.
func relayed(c *fiber.Ctx) bool {
	for _, h := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if c.Request().Header.Peek(h) != nil {
			return true
		}
	}
	return false
}

// strange reports whether a request comes from elsewhere: not from the box itself, or
// through a proxy.
func (s *Screen) strange(c *fiber.Ctx) bool {
	from, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	return relayed(c) || !ok || !s.near(from.Unmap())
}

// ownHost reports whether a Host header names this kiosk. A page of another site can
// make the browser call us only under a name of its own (DNS rebinding): addresses,
// localhost and configured names are not that.
func (s *Screen) ownHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	own := func(h string) bool { return strings.EqualFold(h, name) }
	return name == "localhost" || slices.ContainsFunc(s.options.Hosts, own)
}

// sameSite refuses what another site's page makes a browser send. Programs that are no
// browser send neither header and pass.
func sameSite(c *fiber.Ctx) error {
	site := string(c.Request().Header.Peek("Sec-Fetch-Site"))
	if !slices.Contains([]string{"", "none", "same-origin"}, site) {
		return &failure{kind: crossSite, value: site}
	}
	origin := string(c.Request().Header.Peek(fiber.HeaderOrigin))
	switch {
	case origin == "", origin == "null" && site == "same-origin":
		// A form of ours says "null", because we send no referrer; the browser itself
		// has said that it is ours.
		return c.Next()
	default:
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, string(c.Request().Header.Host())) {
			return &failure{kind: crossSite, value: origin}
		}
		return c.Next()
	}
}
