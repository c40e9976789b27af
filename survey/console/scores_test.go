package console

import (
	"slices"
	"strings"
	"testing"
)

// Whatever is wrong with a query is told at once.
func TestAQueryHearsOfAllItsFaults(t *testing.T) {
	c := open(t, Settings{})
	for query, want := range map[string][]string{
		"unt=x&unit=NO&by=colour&questionnaire=none&from=2026-13-01": {"unt", "from", "unit", "by", "questionnaire"},
		"from=2026-04-02&to=yesterday":                               {"to"},
		"from=2026-04-02&to=2026-04-01&x=1":                          {"x", "from"},
		"period=Q1&unit=NO":                                          {"period", "unit"},
	} {
		got := c.ask("GET", "/api/v1/scores?"+query, "")
		var paths []string
		for _, e := range got.problem(t).Errors {
			paths = append(paths, e.Path)
		}
		if got.StatusCode != 400 || !slices.Equal(paths, want) {
			t.Errorf("%s: %d %v, want %v", query, got.StatusCode, paths, want)
		}
	}
	early := c.ask("GET", "/api/v1/scores?from=1900-01-01", "")
	if p := early.problem(t); !strings.Contains(p.Detail, "1970-01-02") || !strings.Contains(early.Header.Get("Vary"), "Accept-Language") {
		t.Errorf("%v %s", early.Header, early.body)
	}
	if got := c.ask("GET", "/api/v1/scores?from=1970-01-02", ""); got.StatusCode != 200 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestTheMethodIsNamedInTheReadersLanguage(t *testing.T) {
	c := open(t, Settings{})
	for lang, want := range map[string]string{"": "Tỷ lệ hài lòng", "en": "Satisfaction rate", "vi, en": "Tỷ lệ hài lòng"} {
		if got := c.ask("GET", "/api/v1/scores", "", "Accept-Language", lang); !strings.Contains(string(got.body), `"label":"`+want) {
			t.Errorf("%q: %s", lang, got.body)
		}
	}
}

// Who has a token must hear that it is the token that is wrong.
func TestAWrongTokenIsToldFromNone(t *testing.T) {
	c := open(t, Settings{})
	none := c.send("GET", "/api/v1/units", "").problem(t)
	wrong := c.send("GET", "/api/v1/units", "", "Authorization", "Bearer hl_wrong").problem(t)
	if none.Status != 401 || wrong.Status != 401 || !strings.Contains(none.Detail, "/signin") || !strings.Contains(wrong.Detail, "không đúng hoặc đã bị thu hồi") {
		t.Errorf("%+v\n%+v", none, wrong)
	}
}
