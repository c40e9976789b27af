package survey_test

import (
	"strings"
	"testing"

	"hailong/survey"
)

func TestWhatPeopleTypeIsReadAsItWasMeant(t *testing.T) {
	for typed, want := range map[string]string{
		"abcd-efgh": "ABCDEFGH", " 0o 1iIlL- ": "0011111", "Z9": "Z9", "": "", "u?": "U?",
	} {
		if got := survey.PlainSigns(typed); got != want {
			t.Errorf("%q is read as %q, want %q", typed, got, want)
		}
	}
	drawn := survey.DrawSigns(10_000)
	for _, c := range survey.Signs {
		if n := strings.Count(drawn, string(c)); n < 150 { // of 312; less than once in 10^20
			t.Errorf("%c was drawn %d times of %d", c, n, len(drawn))
		}
	}
	if len(drawn) != 10_000 || strings.Trim(drawn, survey.Signs) != "" || survey.PlainSigns(drawn) != drawn {
		t.Error("what is drawn is not made of signs alone")
	}
	if one, other := survey.DrawSigns(16), survey.DrawSigns(16); one == other {
		t.Error("the same was drawn twice")
	}
}
