package screen

import (
	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/locale"
)

// preferred is the language in which a caller is told things.
func preferred(c *fiber.Ctx) survey.Lang {
	return locale.Preferred(string(c.Request().Header.Peek(fiber.HeaderAcceptLanguage)))
}
