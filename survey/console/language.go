package console

import (
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// langCookie remembers the language chosen on a page.
const langCookie = "hailong-lang"

// spokenLang is the language of API errors: English where Accept-Language prefers it
// to Vietnamese, and Vietnamese otherwise.
func spokenLang(ctx *fiber.Ctx) survey.Lang {
	if prefersEnglish(ctx.Get(fiber.HeaderAcceptLanguage)) {
		return survey.English
	}
	return survey.Vietnamese
}

// prefersEnglish reads an Accept-Language header (RFC 9110, 12.5.4); of equal weights
// the one named first is preferred.
func prefersEnglish(header string) bool {
	weight := map[string]float64{}
	for _, part := range strings.Split(header, ",") {
		tag, params, _ := strings.Cut(part, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		q := 1.0
		if s, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(s, 64); err != nil || q < 0 || q > 1 {
				q = 0
			}
		}
		if primary == "en" && q > weight["vi"] && q > weight["en"] {
			weight["en"] = q
		}
		if primary == "vi" && q > weight["en"] && q > weight["vi"] {
			weight["vi"] = q
		}
	}
	return weight["en"] > weight["vi"]
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
