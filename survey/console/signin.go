package console

import (
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

func (c *Console) getSignin(ctx *fiber.Ctx) error {
	return c.sendPage(ctx, fiber.StatusOK, "signin", c.frame(ctx, "signin_title"))
}

// postSignin takes an API token typed or pasted into the form.
func (c *Console) postSignin(ctx *fiber.Ctx) error {
	if err := c.sameOrigin(ctx); err != nil {
		return err
	}
	body, err := readBody(ctx, smallBody)
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return fiber.ErrBadRequest
	}
	who, err := c.byToken(ctx, hashOf(strings.TrimSpace(form.Get("token"))))
	if err != nil {
		r, inside := asRefusal(err)
		if inside {
			return err
		}
		page := c.frame(ctx, "signin_title")
		page.Wrong = true
		return c.sendPage(ctx, r.status, "signin", page)
	}
	c.letIn(ctx, who)
	return ctx.Redirect("/", fiber.StatusSeeOther)
}

// getSigninLink takes a one-time link. Only a GET spends it: programs that look at
// links with HEAD before a person follows them do no harm.
func (c *Console) getSigninLink(ctx *fiber.Ctx) error {
	ctx.Set(fiber.HeaderCacheControl, "no-store")
	if ctx.Method() != fiber.MethodGet {
		return ctx.SendStatus(fiber.StatusOK)
	}
	if !c.links.spend(ctx.Params("once")) {
		if _, err := c.authenticate(ctx); err == nil {
			return ctx.Redirect("/", fiber.StatusSeeOther) // opened once more by someone whom it let in
		}
		return c.sendMessage(ctx, refuse(fiber.StatusGone,
			"Liên kết đăng nhập chỉ dùng được một lần, trong 15 phút. Hãy xin liên kết mới, hoặc đăng nhập bằng mã truy cập.",
			"A sign-in link works once, within 15 minutes. Ask for a new one, or sign in with a token."))
	}
	c.letIn(ctx, signer{name: "one-time link"})
	return ctx.Redirect("/", fiber.StatusSeeOther)
}

func (c *Console) postSignout(ctx *fiber.Ctx) error {
	if err := c.sameOrigin(ctx); err != nil {
		return err
	}
	c.sessions.end(ctx.Cookies(c.cookieName(ctx)))
	c.setCookie(ctx, "")
	return ctx.Redirect("/signin", fiber.StatusSeeOther)
}

// letIn opens a session and sets its cookie.
func (c *Console) letIn(ctx *fiber.Ctx, who signer) {
	id := c.sessions.begin(who, ctx.Cookies(c.cookieName(ctx)))
	c.setCookie(ctx, id)
	c.log.Info("signed in", "name", who.name)
}

// setCookie gives the browser its session's id, or takes it away again.
func (c *Console) setCookie(ctx *fiber.Ctx, id string) {
	ctx.Set(fiber.HeaderCacheControl, "no-store")
	cookie := &fiber.Cookie{
		Name: c.cookieName(ctx), Value: id, Path: "/", MaxAge: int(sessionLife.Seconds()),
		Secure: c.secure(ctx), HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
	}
	if id == "" {
		cookie.MaxAge, cookie.Expires = 0, time.Unix(1, 0)
	}
	ctx.Cookie(cookie)
}

// wantsPage reports whether the answer is for a person's browser.
func wantsPage(ctx *fiber.Ctx) bool {
	return strings.Contains(ctx.Get(fiber.HeaderAccept), fiber.MIMETextHTML)
}

// sendMessage sends a refusal as a page for people.
func (c *Console) sendMessage(ctx *fiber.Ctx, r *refusal) error {
	page := c.frame(ctx, "signin_title")
	page.Title, page.Message = titles[r.status].In(survey.Lang(page.Lang)), r.detail.In(survey.Lang(page.Lang))
	return c.sendPage(ctx, r.status, "message", page)
}
