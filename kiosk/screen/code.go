package screen

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// Code is the code that a counter's screen shows for phones, as it is now.
type Code struct {
	SVG, PNG []byte    // its picture, in two forms
	Text     string    // what it says
	Until    time.Time // when another one takes its place; zero = it stays
}

// codeSVG is GET /qr.svg.
func (s *Screen) codeSVG(c *fiber.Ctx) error {
	return s.codeAs(c, "image/svg+xml", func(code Code) []byte { return code.SVG })
}

// codePNG is GET /qr.png.
func (s *Screen) codePNG(c *fiber.Ctx) error {
	return s.codeAs(c, "image/png", func(code Code) []byte { return code.PNG })
}

// codeAs answers with a picture of the code of the moment. X-Until says for how long.
func (s *Screen) codeAs(c *fiber.Ctx, media string, picture func(Code) []byte) error {
	now := s.shown.Load()
	if now == nil {
		return s.whyOut()
	}
	p, err := s.placeOf(c, now)
	if err != nil {
		return err
	}
	code, ok := s.code(p.Code)
	if !ok || len(picture(code)) == 0 {
		return &failure{kind: noCode}
	}
	if !code.Until.IsZero() {
		c.Set("X-Until", instant(code.Until))
	}
	c.Set(fiber.HeaderContentType, media)
	return c.Send(picture(code))
}

// code is the code of the moment. In test mode there is none: what a phone sends is kept
// elsewhere, where nobody knows that it is a test, and would count.
func (s *Screen) code(counter survey.CounterCode) (Code, bool) {
	now := s.shown.Load()
	if s.options.Code == nil || s.Testing() || now != nil && now.settings.Test {
		return Code{}, false
	}
	return s.options.Code(counter)
}
