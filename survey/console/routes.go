package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/valyala/fasthttp"
)

// enrolPath is where kiosks enrol. It stands outside /api/, whose doors a kiosk has no
// token for.
const enrolPath = "/enrol"

// policy lets a page use nothing but this console's own files, none of it inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func (c *Console) routes() *fiber.App {
	app := fiber.New(fiber.Config{
		AppName: "hailong console", DisableStartupMessage: true, ErrorHandler: c.fail,
		Immutable:     true, // strings from a request stay ours after the answer
		CaseSensitive: true, StrictRouting: true,
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		BodyLimit: bodyLimit, Concurrency: maxConns,
		EnableTrustedProxyCheck: true, // of no proxy: X-Forwarded-* say nothing here
	})
	app.Server().HeaderReceived = c.bodyLimit
	app.Use(recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: c.logPanic}))
	app.Use(headers)
	app.Use(c.guard)

	app.Get("/api/v1/scores", c.getScores)
	app.Get("/api/v1/units", c.getUnits)
	app.Put("/api/v1/units", c.putUnits)
	app.Get("/api/v1/questionnaires", c.getQuestionnaires)
	app.Get("/api/v1/kiosks", c.getKiosks)
	app.Post("/api/v1/kiosks", c.postKiosks)
	app.Post("/api/v1/kiosks/:id/revoke", c.postRevoke)
	app.Post("/api/v1/kiosks/:id/allow", c.postAllow)
	app.Get("/api/v1/closings", c.getClosings)
	app.Get("/api/v1/quarantine", c.getQuarantine)
	app.Post("/api/v1/quarantine/retry", c.postRetry)
	app.Get("/api/v1/backups", c.getBackups)
	app.Post("/api/v1/backups", c.postBackups)
	app.Post(journalPath, c.postJournals)
	app.Post("/api/v1/links", c.postLinks)
	app.Get("/api/v1/posters", c.getPosters)
	app.Post("/api/v1/posters", c.postPosters)
	app.Delete("/api/v1/posters/:short", c.deletePoster)
	app.Get("/api/v1/live", c.getLive)

	app.Get("/open/key", c.getKey)
	app.Post(enrolPath, c.postEnrol)
	app.Get("/signin", c.getSignin)
	app.Post("/signin", c.postSignin)
	app.Get("/signin/:once", c.getSigninLink)
	app.Post("/signout", c.postSignout)

	app.Get("/", c.getToday)
	app.Get("/kiosks", c.getKioskPage)
	app.Post("/kiosks/:id/allow", c.postAllowPage)
	app.Get("/closings", c.getClosingPage)
	app.Get("/closings/text", c.getClosingText)
	app.Get("/quarantine", c.getQuarantinePage)
	app.Post("/quarantine/retry", c.postQuarantinePage)
	app.Get(filesPath+":hash/:name", c.getFile)

	app.Get("/healthz", func(ctx *fiber.Ctx) error { return ctx.SendString("ok\n") })
	app.Get("/readyz", c.getReady)
	app.Get("/metrics", c.getMetrics)
	return app
}

// headers are what every answer carries.
func headers(ctx *fiber.Ctx) error {
	ctx.Set(fiber.HeaderContentSecurityPolicy, policy)
	ctx.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	ctx.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	ctx.Set("Cross-Origin-Opener-Policy", "same-origin")
	ctx.Set("Cross-Origin-Resource-Policy", "same-origin")
	return ctx.Next()
}

// bodyLimit lets those who may use the API, and nobody else, send a journal file.
func (c *Console) bodyLimit(h *fasthttp.RequestHeader) (r fasthttp.RequestConfig) {
	path, _, _ := strings.Cut(string(h.RequestURI()), "?")
	token, given := tokenIn(string(h.Peek(fiber.HeaderAuthorization)))
	if path != journalPath || !h.IsPost() || !given {
		return r
	}
	if _, known, err := c.store.Token(context.Background(), hashOf(token)); err == nil && known {
		r.MaxRequestBodySize, r.ReadTimeout = journalLimit, journalTime
	}
	return r
}

func (c *Console) logPanic(ctx *fiber.Ctx, e any) {
	c.log.Error("request panicked", "method", ctx.Method(), "route", ctx.Route().Path, "panic", fmt.Sprint(e))
}

// sendAs sends v as JSON of the given media type.
func sendAs(ctx *fiber.Ctx, status int, mediaType string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write the answer as JSON: %w", err)
	}
	ctx.Set(fiber.HeaderContentType, mediaType)
	return ctx.Status(status).Send(b.Bytes())
}

func sendJSON(ctx *fiber.Ctx, status int, v any) error {
	return sendAs(ctx, status, fiber.MIMEApplicationJSON, v)
}

func (c *Console) getReady(ctx *fiber.Ctx) error {
	if c.settings.Ready != nil {
		if err := c.settings.Ready(); err != nil {
			return ctx.Status(fiber.StatusServiceUnavailable).SendString(err.Error() + "\n")
		}
	}
	return ctx.SendString("ready\n")
}

// getMetrics answers programs on this machine, and whoever may use the API: how often
// counters are pressed is nobody else's business.
func (c *Console) getMetrics(ctx *fiber.Ctx) error {
	if c.settings.Metrics == nil {
		return fiber.ErrNotFound
	}
	if !c.onThisMachine(ctx) {
		if _, err := c.authenticate(ctx); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	c.settings.Metrics(&b)
	ctx.Set(fiber.HeaderContentType, "text/plain; version=0.0.4; charset=utf-8")
	return ctx.Send(b.Bytes())
}
