package console

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// signerKey is where a request carries its signer once that is known.
const signerKey = "signer"

// underAPI reports whether a request is for the API, however its address is spelled.
func underAPI(ctx *fiber.Ctx) bool {
	return inAPI(ctx.Path()) || inAPI(string(ctx.Context().URI().Path()))
}

func inAPI(path string) bool {
	path = strings.ToLower(path)
	return path == "/api" || strings.HasPrefix(path, "/api/")
}

// guard stands before everything under /api/: who asks comes before what is asked.
func (c *Console) guard(ctx *fiber.Ctx) error {
	if !underAPI(ctx) {
		return ctx.Next()
	}
	ctx.Set(fiber.HeaderCacheControl, "no-store")
	who, err := c.authenticate(ctx)
	if err != nil {
		return err
	}
	ctx.Locals(signerKey, who)
	if err := c.sameOrigin(ctx); err != nil {
		return err
	}
	return ctx.Next()
}

// authenticate finds out who sends a request: by token, or else by session.
func (c *Console) authenticate(ctx *fiber.Ctx) (signer, error) {
	if header := ctx.Get(fiber.HeaderAuthorization); header != "" {
		token, ok := tokenIn(header)
		if !ok {
			return signer{}, errStranger()
		}
		return c.byToken(ctx, hashOf(token))
	}
	who, ok := c.sessions.find(ctx.Cookies(c.cookieName(ctx)))
	if !ok {
		return signer{}, errStranger()
	}
	if who.token.IsZero() {
		return who, nil
	}
	return c.byToken(ctx, who.token) // a session ends with the token that opened it
}

func errStranger() *refusal {
	return refuse(fiber.StatusUnauthorized,
		"hãy gửi mã truy cập trong đầu mục Authorization: Bearer …, hoặc đăng nhập tại /signin",
		"send a token in the header Authorization: Bearer …, or sign in at /signin")
}

// byToken finds the signer of a token. A token that may see only part of the tree is
// refused: this console shows the whole of it to whoever it lets in.
func (c *Console) byToken(ctx *fiber.Ctx, hash survey.Hash) (signer, error) {
	t, ok, err := c.store.Token(ctx.UserContext(), hash)
	switch {
	case err != nil:
		return signer{}, fmt.Errorf("look up a token: %w", err)
	case !ok:
		return signer{}, refuse(fiber.StatusUnauthorized,
			"mã truy cập không đúng hoặc đã bị thu hồi; hãy xem lại mã, hoặc xin người quản trị mã mới", "the token is wrong or was revoked; check it, or ask the administrator for a new one")
	case t.Unit != "":
		return signer{}, refuse(fiber.StatusForbidden,
			"mã này chỉ dành cho một phần cây đơn vị, mà trang này cho xem tất cả", "this token is for a part of the tree only, and this console shows all of it")
	}
	return signer{name: t.Name, token: hash}, nil
}

// tokenIn reads a token out of an Authorization header: a bearer token, or the
// password of HTTP Basic, for programs that know nothing else.
func tokenIn(header string) (string, bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "bearer":
		return rest, rest != ""
	case "basic":
		b, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return "", false
		}
		_, password, _ := strings.Cut(string(b), ":")
		return password, password != ""
	}
	return "", false
}

// challenge says how to come back. A browser's own requests are not offered Basic,
// which would open its password window over the page.
func challenge(ctx *fiber.Ctx) {
	ctx.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="hailong"`)
	if ctx.Get("Sec-Fetch-Site") == "" {
		ctx.Append(fiber.HeaderWWWAuthenticate, `Basic realm="hailong", charset="UTF-8"`)
	}
}

// sameOrigin refuses a changing request that another site's page has a browser send.
// Programs send neither Sec-Fetch-Site nor Origin and are let through, unless they
// come with a cookie, which only browsers should.
func (c *Console) sameOrigin(ctx *fiber.Ctx) error {
	switch ctx.Method() {
	case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
		return nil
	}
	origin := ctx.Get(fiber.HeaderOrigin)
	var ok bool
	switch site := ctx.Get("Sec-Fetch-Site"); {
	case site != "":
		ok = site == "same-origin" || site == "none"
	case origin != "":
		u, err := url.Parse(origin)
		ok = err == nil && u.Host != "" && strings.EqualFold(u.Host, string(ctx.Context().Host()))
	default:
		ok = ctx.Cookies(c.cookieName(ctx)) == ""
	}
	if ok {
		return nil
	}
	return refuse(fiber.StatusForbidden,
		"yêu cầu này đến từ một trang khác; hãy thao tác trên chính trang này", "this request comes from another site; use this site's own pages")
}

// secure reports whether the browser sees https.
func (c *Console) secure(ctx *fiber.Ctx) bool { return c.settings.Secure || ctx.Context().IsTLS() }

// cookieName is the session cookie's name. The prefix makes browsers insist that only
// this very host, over https, has set it.
func (c *Console) cookieName(ctx *fiber.Ctx) string {
	if c.secure(ctx) {
		return "__Host-hailong"
	}
	return "hailong"
}

// onThisMachine reports whether the request comes from a program on this machine: over
// loopback, and neither by way of a proxy nor out of a browser, whom any web page
// could have sent. A page can give its own name this machine's address, so a name in
// Host counts only when it is known to be the console's.
func (c *Console) onThisMachine(ctx *fiber.Ctx) bool {
	for _, h := range []string{fiber.HeaderXForwardedFor, "Forwarded", "Via", fiber.HeaderOrigin, "Sec-Fetch-Site"} {
		if ctx.Get(h) != "" {
			return false
		}
	}
	addr, ok := ctx.Context().RemoteAddr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback() && c.ownHost(string(ctx.Context().Host()))
}

// ownHost reports whether a Host header names this console: by an address, as
// localhost, or by one of the names it was told.
func (c *Console) ownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if net.ParseIP(host) != nil || strings.EqualFold(host, "localhost") {
		return true
	}
	return slices.ContainsFunc(c.settings.Hosts, func(own string) bool { return own != "" && strings.EqualFold(own, host) })
}
