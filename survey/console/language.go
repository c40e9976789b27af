package console

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/locale"
)

// langCookie remembers the language chosen on a page.
const langCookie = "hailong-lang"

// spokenLang is the language of API errors.
func spokenLang(ctx *fiber.Ctx) survey.Lang {
	return locale.Preferred(ctx.Get(fiber.HeaderAcceptLanguage))
}

// pageLang is the language of a page: as chosen by ?lang=, which is then remembered,
// or Vietnamese. The browser's own language is not asked, because office machines in
// Vietnam often run an English browser for people who read Vietnamese.
func (c *Console) pageLang(ctx *fiber.Ctx) survey.Lang {
	chosen := ctx.Query("lang")
	if chosen != "" {
		ctx.Cookie(&fiber.Cookie{
			Name: langCookie, Value: string(knownLang(chosen)), Path: "/", HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
			Secure: c.secure(ctx), MaxAge: int((365 * 24 * time.Hour).Seconds()),
		})
		return knownLang(chosen)
	}
	return knownLang(ctx.Cookies(langCookie))
}

func knownLang(s string) survey.Lang {
	if s == string(survey.English) {
		return survey.English
	}
	return survey.Vietnamese
}
