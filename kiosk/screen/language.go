package screen

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// preferred is the language in which a caller is told things: English where
// Accept-Language prefers it to Vietnamese, Vietnamese otherwise.
func preferred(c *fiber.Ctx) survey.Lang {
	return preferredOf(string(c.Request().Header.Peek(fiber.HeaderAcceptLanguage)))
}

func preferredOf(header string) survey.Lang {
	var vi, en float64
	for item := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(item, ";")
		q := 1.0
		if w, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q, _ = strconv.ParseFloat(w, 64) // what is no number weighs nothing
		}
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		switch primary {
		case "vi":
			vi = max(vi, q)
		case "en":
			en = max(en, q)
		}
	}
	if en > vi {
		return survey.English
	}
	return survey.Vietnamese
}
