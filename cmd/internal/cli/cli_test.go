package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/cmd/internal/cli"
	"hailong/survey"
	"hailong/survey/score"
)

var update = flag.Bool("update", false, "write the golden files anew")

const token = "the-token"

// centre answers like the aggregator's API. What it was asked last is kept.
type centre struct {
	*httptest.Server
	mu    sync.Mutex // protects what follows
	query string
	body  string
	units survey.Structure
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	c := &centre{units: survey.Structure{
		Units: []survey.Unit{
			{Code: "01", Name: survey.Words{"vi": "Thành phố Mẫu", "en": "Sample City"}, Kind: survey.Province},
			{Code: "00004", Name: survey.Words{"vi": "Phường Hoa Sen"}, Kind: survey.Commune, Parent: "01", ValidFrom: survey.NewDate(2025, 7, 1), AdminCode: "00004", Predecessors: []survey.UnitCode{"001", "002"}},
			{Code: "h1", Name: survey.Words{"vi": "=Huyện cũ"}, Kind: survey.District, Parent: "01", ValidTo: survey.NewDate(2025, 6, 30)},
		},
		Counters:   []survey.Counter{{Code: "HS-01", Unit: "00004", Name: survey.Words{"vi": "Quầy 1", "en": "Counter 1"}, ValidFrom: survey.NewDate(2025, 7, 1)}},
		Fields:     []survey.Field{{Code: "ho-tich", Name: survey.Words{"vi": "Hộ tịch"}}},
		Procedures: []survey.Procedure{{Code: "khai-sinh", Name: survey.Words{"vi": "Khai sinh"}, Field: "ho-tich"}},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/scores", func(w http.ResponseWriter, r *http.Request) { answer(w, 200, scores(r.URL.Query().Get("by"))) })
	mux.HandleFunc("GET /api/v1/kiosks", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, kiosks()) })
	mux.HandleFunc("POST /api/v1/kiosks", c.addKiosk)
	mux.HandleFunc("POST /api/v1/kiosks/{id}/revoke", changeKiosk(time.Date(2026, 11, 22, 9, 0, 0, 0, survey.Zone)))
	mux.HandleFunc("POST /api/v1/kiosks/{id}/allow", changeKiosk(nil))
	mux.HandleFunc("GET /api/v1/posters", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"items": posters(), "next": nil})
	})
	mux.HandleFunc("POST /api/v1/posters", c.addPoster)
	mux.HandleFunc("DELETE /api/v1/posters/{short}", withdrawPoster)
	mux.HandleFunc("POST /api/v1/links", addLink)
	mux.HandleFunc("GET /api/v1/units", c.getUnits)
	mux.HandleFunc("PUT /api/v1/units", c.putUnits)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.query, c.body = r.URL.RawQuery, string(b)
		if r.Header.Get("Authorization") != "Bearer "+token {
			refuse(w, r, 401, "Cần đăng nhập", "Not signed in", "hãy gửi mã truy cập", "send a token")
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// refuse answers with a problem in the language that was asked for.
func refuse(w http.ResponseWriter, r *http.Request, status int, vi, en, viDetail, enDetail string, places ...map[string]string) {
	title, detail := vi, viDetail
	if r.Header.Get("Accept-Language") == "en" {
		title, detail = en, enDetail
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": title, "status": status, "detail": detail, "errors": places})
}

func ptr[T any](v T) *T { return &v }

// scores is what the centre computes for the ratings of Đà Nẵng, first half of 2014.
func scores(by string) score.Result {
	total := score.Row{
		N: 7725, Respondents: 7725, Satisfied: ptr(int64(7588)), Levels: map[survey.Level]int64{1: 20, 2: 117, 3: 7588},
		Rate: ptr(98.22653721682848), Interval: &score.Interval{Low: 97.90812, High: 98.497, Level: 0.95, Method: "wilson"}, Mean: ptr(2.979676), Excluded: 3,
	}
	res := score.Result{Method: score.RatePooled, Total: total, Rows: []score.Row{}}
	if by != "unit" {
		return res
	}
	one := total
	one.Key, one.Label = "mau", "Tỉnh Mẫu"
	res.Rows = append(res.Rows, one,
		score.Row{Key: "00004", Label: "Phường Hoa Sen\x1b[2J", N: 2, Respondents: 2, Suppressed: true},
		score.Row{Key: "00005", Label: "=HYPERLINK(1)"},
		score.Row{Key: "00006", Label: "Trung tâm Phục vụ hành chính công", N: 5, Respondents: 5, MixedScales: true})
	return res
}

func kiosks() any {
	at := time.Date(2026, 11, 20, 8, 30, 0, 0, survey.Zone)
	return map[string]any{"next": nil, "items": []map[string]any{
		{"id": "k1", "name": "Máy cửa 1", "role": "counter", "counters": []string{"HS-01", "HS-02"}, "enrolled": at, "revoked": nil, "last_contact": at.Add(time.Hour), "connected": false, "unsent": 7, "head": 42, "held": 3, "quarantined": 2, "forks": 1,
			"trouble": "the disk is full\x1b[2J", "problems": []string{"trouble", "held", "silent", "sleepy"}, "chains": []string{}},
		{"id": "k2", "name": "@cổng", "role": "online", "counters": []string{"HM-01"}, "enrolled": at, "revoked": at.Add(48 * time.Hour), "last_contact": nil, "head": 0},
	}}
}

// changeKiosk gives the first kiosk, revoked at that time; nil = it is not.
func changeKiosk(revoked any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") != "k1" {
			refuse(w, r, 404, "Không có", "Not found", "không có thiết bị nào mang mã này", "there is no kiosk with this id")
			return
		}
		k := kiosks().(map[string]any)["items"].([]map[string]any)[0]
		k["revoked"] = revoked
		answer(w, 200, k)
	}
}

func (c *centre) addKiosk(w http.ResponseWriter, r *http.Request) {
	replaces := []string{}
	switch {
	case strings.Contains(c.body, `"HS-02"`):
		replaces = []string{"k1", "k7"}
	case !strings.Contains(c.body, `"HS-01"`):
		refuse(w, r, 422, "Nội dung có chỗ chưa hợp lệ", "Unprocessable content", "…", "…", map[string]string{
			"path": "counter", "value": "nowhere", "message": "hôm nay không có quầy này",
		})
		return
	}
	answer(w, 201, map[string]any{"code": "ABCD-EFGH", "expires": time.Date(2026, 11, 22, 8, 30, 0, 0, survey.Zone), "replaces": replaces})
}

func (c *centre) getUnits(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, map[string]any{"items": c.units.Units, "next": nil, "counters": c.units.Counters, "fields": c.units.Fields, "procedures": c.units.Procedures})
}

func (c *centre) putUnits(w http.ResponseWriter, r *http.Request) {
	var s survey.Structure
	d := json.NewDecoder(strings.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		refuse(w, r, 400, "Yêu cầu chưa đúng", "Bad request", err.Error(), err.Error())
		return
	}
	c.units = s
	c.getUnits(w, r)
}

// grammar is what a program's main makes.
type grammar struct {
	cli.Globals
	cli.Commands
}

// run runs hailong with arguments; out and errors are shown as the user sees them.
func run(lang survey.Lang, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = cli.Run(context.Background(), "hailong", &grammar{}, args, &cli.Terminal{Out: &o, Err: &e, Lang: lang})
	return code, o.String(), e.String()
}

// golden compares with a file, or writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func TestEveryCommandInEveryForm(t *testing.T) {
	c := newCentre(t)
	t.Setenv("HAILONG_SERVER", c.URL)
	t.Setenv("HAILONG_TOKEN", token)
	for name, args := range map[string]string{
		"scores":           "scores",
		"scores_by_unit":   "scores --by unit",
		"kiosks_list":      "kiosks list",
		"kiosks_add":       "kiosks add --counter HS-01",
		"kiosks_revoke":    "kiosks revoke k1",
		"kiosks_allow":     "kiosks allow k1",
		"posters_list":     "posters list",
		"posters_withdraw": "posters withdraw abc-def5",
		"links_add":        "links add --counter HS-01 --stage result --procedure khai-sinh",
		"units_list":       "units list",
		"units_show":       "units show 01",
		"units_show_leaf":  "units show 00004",
	} {
		for _, form := range []struct{ flag, lang, file string }{
			{"table", "vi", name + "_vi.txt"}, {"table", "en", name + "_en.txt"}, {"json", "vi", name + ".json"}, {"csv", "en", name + ".csv"},
		} {
			code, out, errs := run(survey.Lang(form.lang), append(strings.Fields(args), "-o", form.flag)...)
			if code != 0 || errs != "" {
				t.Errorf("%s -o %s: exit %d, %s", args, form.flag, code, errs)
				continue
			}
			golden(t, form.file, out)
		}
	}
}

func TestScoresAsksForWhatWasSaid(t *testing.T) {
	c := newCentre(t)
	for args, want := range map[string]string{
		"scores": "by=none",
		"scores --unit 01 --from 2026-01-01 --to 2026-03-31 --questionnaire service --by factor": "by=factor&from=2026-01-01&questionnaire=service&to=2026-03-31&unit=01",
	} {
		code, _, errs := run("vi", append(strings.Fields(args), "--server", c.URL, "--token", token)...)
		if code != 0 || c.query != want {
			t.Errorf("%s: exit %d %s, asked %q, want %q", args, code, errs, c.query, want)
		}
	}
}

// The days that the figures are of stand above them.
func TestScoresSayOfWhichDays(t *testing.T) {
	c := newCentre(t)
	for _, x := range []struct{ args, vi, en string }{
		{"", "hôm nay", "today"},
		{"--from 2026-11-22", "22/11/2026 – hôm nay", "22/11/2026 – today"},
		{"--from 2026-01-01 --to 2026-03-31", "01/01/2026 – 31/03/2026", "01/01/2026 – 31/03/2026"},
		{"--from 2026-03-02 --to 2026-03-02", "02/03/2026", "02/03/2026"},
	} {
		for lang, want := range map[survey.Lang]string{"vi": x.vi, "en": x.en} {
			_, out, errs := run(lang, append([]string{"scores", "--server", c.URL, "--token", token}, strings.Fields(x.args)...)...)
			if first, _, _ := strings.Cut(out, "\n"); first != want {
				t.Errorf("%s: the heading is %q, want %q %s", x.args, first, want, errs)
			}
		}
	}
}

// Who does not know the commands is shown them.
func TestWithoutACommandTheHelpIsShown(t *testing.T) {
	for args, want := range map[string][]string{
		"": {"Usage: hailong", "scores", "kiosks list", "units import"}, "kiosks": {"Usage: hailong kiosks", "kiosks revoke", "kiosks add"}, "units": {"Usage: hailong units", "units import"},
	} {
		code, out, errs := run("vi", strings.Fields(args)...)
		if code != 2 || out != "" || strings.Contains(errs, "sai cách dùng") {
			t.Errorf("%q: exit %d, printed %q", args, code, out)
		}
		for _, w := range want {
			if !strings.Contains(errs, w) {
				t.Errorf("%q: the help does not say %q:\n%s", args, w, errs)
			}
		}
	}
}

func TestWhatGoesWrongIsSaid(t *testing.T) {
	c := newCentre(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved/api/v1/scores":
			http.Redirect(w, r, c.URL, http.StatusFound)
		case "/busy/api/v1/scores":
			w.Header().Set("Retry-After", "30")
			refuse(w, r, 503, "Tạm thời chưa phục vụ được", "Service unavailable", "hãy thử lại", "try again")
		case "/part/api/v1/units":
			answer(w, 200, map[string]any{"items": []string{}, "next": "2"})
		case "/odd/api/v1/scores":
			answer(w, 200, map[string]any{"total": 3})
		default:
			fmt.Fprint(w, "<html>hello")
		}
	}))
	t.Cleanup(other.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	with := func(url, args string) []string {
		return append(strings.Fields(args), "--server", url, "--token", token)
	}
	for _, x := range []struct {
		name   string
		args   []string
		code   int
		vi, en string
	}{
		{"nobody there", with(gone.URL, "scores"), 1, "không kết nối được tới trung tâm " + gone.URL, "the centre " + gone.URL + " cannot be reached"},
		{"no token", []string{"scores", "--server", c.URL}, 1, "Cần đăng nhập: hãy gửi mã truy cập\nMã truy cập đặt bằng --token hoặc HAILONG_TOKEN.", "Not signed in: send a token\nThe token is set with --token or HAILONG_TOKEN."},
		{"places at fault", with(c.URL, "kiosks add --counter nowhere"), 1, "Nội dung có chỗ chưa hợp lệ:\n  counter = \"nowhere\": hôm nay không có quầy này", "Unprocessable content:\n  counter = \"nowhere\": "},
		{"busy", with(other.URL+"/busy", "scores"), 1, "Tạm thời chưa phục vụ được: hãy thử lại\nThử lại sau: 30 giây.", "Service unavailable: try again\nTry again in: 30 s."},
		{"another site", with(other.URL, "scores"), 1, "không giống API của trung tâm", "not like the API of a Hài Lòng centre"},
		{"a redirect", with(other.URL+"/moved", "scores"), 1, "302 Found", "302 Found"},
		{"other JSON", with(other.URL+"/odd", "scores"), 1, "không giống API", "not like the API"},
		{"a part of the units", with(other.URL+"/part", "units list"), 1, "units are incomplete", "units are incomplete"},
		{"unknown unit", with(c.URL, "units show nowhere"), 1, `không có đơn vị nào mang mã "nowhere"`, `there is no unit with the code "nowhere"`},
		{"no address", with("localhost:8080", "scores"), 2, "cần địa chỉ dạng http://", "an address like http://host:port"},
		{"a kiosk that is not there", with(c.URL, "kiosks revoke ../k1"), 1, "không có thiết bị nào mang mã này", "there is no kiosk with this id"},
		{"no kiosk named", with(c.URL, "kiosks revoke"), 2, "sai cách dùng", "missing: <id>"},
		{"unknown command", []string{"scoers"}, 2, "sai cách dùng", "wrong usage: there is no command or argument scoers; did you mean \"scores\"?"},
		{"unknown option", []string{"scores", "--form", "2026-01-01"}, 2, "sai cách dùng", "there is no option --form"},
		{"no day", []string{"scores", "--from", "yesterday"}, 2, "sai cách dùng", `"yesterday" is not a day`},
		{"unknown grouping", []string{"scores", "--by", "colour"}, 2, "sai cách dùng", `--by = "colour": must be one of "none"`},
		{"unknown format", []string{"scores", "-o", "xml"}, 2, "sai cách dùng", `--output = "xml": must be one of "table"`},
		{"no counter", []string{"kiosks", "add"}, 2, "sai cách dùng", "an option is missing: --counter"},
	} {
		t.Run(x.name, func(t *testing.T) {
			for lang, want := range map[survey.Lang]string{survey.Vietnamese: x.vi, survey.English: x.en} {
				code, out, errs := run(lang, x.args...)
				if code != x.code || out != "" || !strings.Contains(errs, want) || !strings.HasPrefix(errs, "hailong: ") {
					t.Errorf("%s: exit %d, want %d; printed %q\nsaid %s\nwant %s", lang, code, x.code, out, errs, want)
				}
			}
		})
	}
}

// A server that is asked for its scores may say anything; the terminal stays as it is.
func TestAnErrorCannotPlayTricksOnTheTerminal(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, 400, "\x1b]0;owned\x07", "\x1b]0;owned\x07", "", "")
	}))
	t.Cleanup(s.Close)
	if _, _, errs := run("vi", "scores", "--server", s.URL); strings.ContainsAny(errs, "\x1b\x07") {
		t.Errorf("%q", errs)
	}
}

func TestInterrupted(t *testing.T) {
	c := newCentre(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var e bytes.Buffer
	code := cli.Run(ctx, "hailong", &grammar{}, []string{"scores", "--server", c.URL}, &cli.Terminal{Out: io.Discard, Err: &e, Lang: "en"})
	if code != 1 || e.String() != "hailong: interrupted\n" {
		t.Errorf("exit %d: %s", code, e.String())
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, x := range []struct{ args, want string }{
		{"--help", "Điểm hài lòng / satisfaction scores"},
		{"scores --help", "Đơn vị tiếp nhận, gồm cả cấp dưới"},
		{"units import --help", "Tệp .yaml hoặc .csv"},
		{"version", "hailong "},
		{"version -o json", `"go": "go1.`},
		{"version -o csv", "version,revision,modified,go,system\n"},
	} {
		code, out, errs := run("vi", strings.Fields(x.args)...)
		if code != 0 || errs != "" || !strings.Contains(strings.Join(strings.Fields(out), " ")+"\n", strings.TrimSuffix(x.want, "\n")) {
			t.Errorf("%s: exit %d, %s%s", x.args, code, out, errs)
		}
	}
}

// The token may stand in the environment; help must not show it to whoever looks on.
func TestHelpKeepsTheToken(t *testing.T) {
	t.Setenv("HAILONG_TOKEN", "secret-of-mine")
	if _, out, _ := run("vi", "scores", "--help"); strings.Contains(out, "secret-of-mine") || !strings.Contains(out, "HAILONG_TOKEN") {
		t.Error(out)
	}
}

func TestLangOf(t *testing.T) {
	for _, x := range []struct{ lcAll, messages, lang, want string }{
		{"", "", "vi_VN.UTF-8", "vi"},
		{"", "", "vi", "vi"},
		{"", "", "vi.UTF-8", "vi"},
		{"", "", "en_US.UTF-8", "en"},
		{"", "", "vie_XX", "en"},
		{"", "", "", "en"},
		{"", "vi_VN", "en_US", "vi"},
		{"C", "vi_VN", "vi_VN", "en"},
	} {
		env := map[string]string{"LC_ALL": x.lcAll, "LC_MESSAGES": x.messages, "LANG": x.lang}
		if got := cli.LangOf(func(name string) string { return env[name] }); string(got) != x.want {
			t.Errorf("%+v: %s", x, got)
		}
	}
}
