// Package locale finds out in which of our languages somebody wants to be told things. It
// is pure; the faces ask it with what a browser or a program says of itself.
package locale

import (
	"strconv"
	"strings"

	"hailong/survey"
)

// Preferred reads an Accept-Language header (RFC 9110, 12.5.4): English where it prefers
// that to Vietnamese, Vietnamese otherwise, also where it wants neither. Of equal weights
// the one named first is preferred; a weight that is no number from 0 to 1 is none.
func Preferred(header string) survey.Lang {
	best, weight := survey.Vietnamese, 0.0
	for item := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(item, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		lang := survey.Lang(primary)
		if lang != survey.Vietnamese && lang != survey.English {
			continue
		}
		q := 1.0
		if w, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(w, 64); err != nil || q > 1 {
				continue
			}
		}
		if q > weight { // not so for what is below 0, or no number
			best, weight = lang, q
		}
	}
	return best
}
