package locale_test

import (
	"testing"

	"hailong/survey"
	"hailong/survey/locale"
)

func TestVietnameseUnlessEnglishIsPreferred(t *testing.T) {
	for header, want := range map[string]survey.Lang{
		"": "vi", "*": "vi", "en": "en", "en-US,en;q=0.9": "en", "vi-VN,vi;q=0.9,en-US;q=0.8,en;q=0.7": "vi", "fr, en;q=0.3": "en", "en;q=0": "vi",
		"en;q=0.5, vi;q=0.6": "vi", "EN-gb ; q=1.0": "en", ",,;": "vi", "de": "vi",
		"en, vi": "en", "vi, en": "vi", "vi;q=0.5, en;q=0.5": "vi", "vi;q=0.5, en;q=0.4, en;q=0.6": "en", // the first of equals
		"en;q=x": "vi", "en;q=NaN": "vi", "en;q=7": "vi", "en;q=-1": "vi", "vi;q=0.1, en;q=1.5": "vi", "vi;q=NaN, en;q=0.2": "en", // no weights
	} {
		if got := locale.Preferred(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}
