package console

import (
	"bytes"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"time"

	"hailong/assets"
	"hailong/survey"
	"hailong/survey/score"
)

func (c *centre) page(target string, headers ...string) string {
	c.t.Helper()
	got := c.ask("GET", target, "", append(headers, "Accept", "text/html")...)
	if got.StatusCode != 200 || got.Header.Get("Cache-Control") != "no-store" {
		c.t.Fatalf("%s: %d %s", target, got.StatusCode, got.body)
	}
	return string(got.body)
}

func TestThePageIsCompleteWithoutScript(t *testing.T) {
	c := open(t, Settings{LiveStep: 1, Demo: two("Số liệu giả lập", "Simulated data")})
	levels := map[survey.Level]int{1: 2, 2: 3, 3: 15, 4: 60, 5: 40}
	for l, n := range levels {
		for range n {
			c.put("TT-01", quick(), l)
		}
	}
	c.settle("TT-01")
	page := c.page("/")
	for _, want := range []string{
		"83,33\u00a0%", "75,65\u00a0–\u00a088,94\u00a0%", "31/03/2026", "chưa có dữ liệu", "chỉ gồm sai số ngẫu nhiên, không gồm tự chọn", "Số liệu giả lập",
		`<noscript><meta http-equiv="refresh" content="30">`, "Rất hài lòng: 40 (33,33\u00a0%)", "/api/v1/scores?by=counter&amp;from=2026-03-31&amp;to=2026-03-31&amp;unit=SB-TT",
		"Quầy 1: Đất đai", "Phường Hòa Phú",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"Xã chưa có quầy", "0,00\u00a0%–", "NaN", "<nil>", "ZgotmplZ", "style=", "onclick", "http://", "https://"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	english := c.page("/?lang=en")
	for _, want := range []string{"83.33%", "75.65\u00a0–\u00a088.94%", "31 March 2026", "no data yet", "Simulated data", `lang="en"`} {
		if !strings.Contains(english, want) {
			t.Errorf("the English page lacks %q", want)
		}
	}
	if !strings.Contains(c.page("/", "Cookie", langCookie+"=en"), "no data yet") {
		t.Error("the language is not remembered")
	}
	if strings.Contains(c.page("/", "Accept-Language", "en"), "no data yet") {
		t.Error("an English browser alone makes the page English")
	}
}

func TestScalesStandApartOnThePage(t *testing.T) {
	c := open(t, Settings{LiveStep: 1, Minimum: 2})
	if strings.Contains(c.page("/"), "Thang 3 mức") {
		t.Error("a scale that nobody used is shown")
	}
	c.put("TT-01", quick3(), 3)
	c.settle("TT-01")
	page := c.page("/")
	if !strings.Contains(page, "Thang 5 mức") || !strings.Contains(page, "Thang 3 mức") || !strings.Contains(page, "mới tính dưới 2 người") {
		t.Errorf("%s", page)
	}
}

func TestNamesAreText(t *testing.T) {
	c := open(t, Settings{}, func(c *centre) {
		c.store.structure.Counters[0].Name = two(`<script>alert("x")</script>`, "x")
		c.store.kiosks = []survey.Kiosk{{ID: "k-x", Name: `"><img src=x>`}}
	})
	for _, target := range []string{"/", "/kiosks"} {
		if page := c.page(target); strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") {
			t.Errorf("%s lets a name be markup", target)
		}
	}
}

func TestContactsOfCounters(t *testing.T) {
	heard := noon.Add(-5 * time.Minute)
	c := open(t, Settings{Heartbeats: func() map[survey.KioskID]Heartbeat {
		return map[survey.KioskID]Heartbeat{"k-a": {At: heard}, "k-r": {At: noon}}
	}}, func(c *centre) {
		c.store.kiosks = []survey.Kiosk{
			{ID: "k-a", Counters: []survey.CounterCode{"TT-01"}},
			{ID: "k-b", Counters: []survey.CounterCode{"TT-01", "TT-02"}},
			{ID: "k-r", Counters: []survey.CounterCode{"HP-01"}, Revoked: &noon},
		}
	})
	page := c.page("/")
	for id, want := range map[string]string{"s0-counter-TT-01": "12:15", "s0-counter-TT-02": "chưa từng", "s0-counter-HP-01": "chưa có thiết bị"} {
		_, row, _ := strings.Cut(page, `id="`+id+`"`)
		row, _, _ = strings.Cut(row, "</tr>")
		if !strings.Contains(row, want) {
			t.Errorf("%s lacks %q: %s", id, want, row)
		}
	}
}

func TestFormats(t *testing.T) {
	vi, en := survey.Vietnamese, survey.English
	for got, want := range map[string]string{
		percent(vi, 82.105): "82,11\u00a0%", percent(en, 82.105): "82.11%", percent(vi, 100): "100,00\u00a0%", percent(vi, 0): "0,00\u00a0%",
		count(vi, 7725): "7.725", count(en, 1234567): "1,234,567", count(vi, 999): "999", count(vi, 0): "0",
		day(vi, survey.NewDate(2026, 3, 1)): "01/03/2026", day(en, survey.NewDate(2026, 3, 1)): "1 March 2026",
		clock(vi, noon, survey.DateOf(noon)): "12:20", clock(vi, noon.Add(-24*time.Hour), survey.DateOf(noon)): "12:20 30/03/2026",
		interval(vi, &score.Interval{Low: 75.654, High: 88.936}): "75,65\u00a0–\u00a088,94\u00a0%",
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// Few answers promise no decimals, and stand beside their rate.
func TestFewAnswersAreShownAsSuch(t *testing.T) {
	c := open(t, Settings{LiveStep: 1})
	row := func() string {
		_, row, _ := strings.Cut(c.page("/"), `id="s0-counter-TT-01"`)
		row, _, _ = strings.Cut(row, "</tr>")
		return row
	}
	if got := row(); !strings.Contains(got, `<span aria-hidden="true">–</span><span class="unseen">chưa có dữ liệu</span>`) {
		t.Errorf("without answers: %s", got)
	}
	for i := range 29 {
		c.put("TT-01", quick(), survey.Level(4-i%3/2))
	}
	c.settle("TT-01")
	if got := row(); !strings.Contains(got, `few">69`+"\u00a0%"+` <span class="of">20/29</span>`) {
		t.Errorf("with 29 answers: %s", got)
	}
	c.press("TT-01", 4)
	if got := row(); !strings.Contains(got, `rate">70,00`) || strings.Contains(got, "21/30") {
		t.Errorf("with 30 answers: %s", got)
	}
}

// Before a figure's first step the page does not say that there are no answers, for there
// may be some; what it says is true of any number below the step and the same for all of
// them, so that it tells no press. After it, fewer than the minimum are said to be there.
func TestWhatIsNotShownYetIsNotCalledNothing(t *testing.T) {
	c := open(t, Settings{LiveStep: 5, Minimum: 10})
	row := func(id string) string {
		_, row, _ := strings.Cut(c.page("/"), `id="s0-`+id+`"`)
		row, _, _ = strings.Cut(row, "</tr>")
		return row
	}
	rows := map[string]string{"counter-TT-01": "chờ đủ 5 lượt", "unit-SB-TT": "chưa quầy nào đủ 5 lượt", "unit-SB": "chưa quầy nào đủ 5 lượt", "total": "chưa quầy nào đủ 5 lượt"}
	first := c.page("/")
	for n := range 5 {
		for id, want := range rows {
			if got := row(id); !strings.Contains(got, want) || strings.Contains(got, "chưa có dữ liệu") || strings.Contains(got, ">0<") {
				t.Errorf("%s after %d answers: %s", id, n, got)
			}
		}
		if c.page("/") != first {
			t.Errorf("the page tells answer number %d", n)
		}
		c.press("TT-02", 5) // a second counter, so that units have more than a step in all
		c.press("TT-01", 5)
	}
	for id := range rows {
		want := "đã có trả lời, mới tính dưới 10 người"
		if id != "counter-TT-01" {
			want = `rate few">100` // ten people in all
		}
		if got := row(id); !strings.Contains(got, want) && id != "total" || id == "total" && !strings.Contains(got, "10/10") {
			t.Errorf("%s after a step: %s", id, got)
		}
	}
	if got := row("counter-TA-01"); !strings.Contains(got, "chờ đủ 5 lượt") {
		t.Errorf("a counter where nobody answered: %s", got)
	}
}

// Where every answer is shown at once, those that do not count are not called nothing.
func TestOnlyAnswersThatDoNotCount(t *testing.T) {
	c := open(t, Settings{LiveStep: 1})
	c.put("TT-01", quick(), 5, survey.Test)
	c.settle("TT-01")
	for lang, want := range map[string]string{"vi": "chỉ có lượt không tính", "en": "only answers that are left out"} {
		if page := c.page("/?lang=" + lang); strings.Count(page, want) != 4 { // the counter, its two units and the total
			t.Errorf("%q is there %d times", want, strings.Count(page, want))
		}
	}
}

// A satisfied level is never drawn like one that is not.
func TestTones(t *testing.T) {
	for _, each := range []struct {
		q    *survey.Questionnaire
		want string
	}{{quick(), "t1 t2 t3 t4 t5"}, {quick3(), "t1 t4 t5"}} {
		if got := strings.Join(tonesOf(&each.q.Scales[0]), " "); got != each.want {
			t.Errorf("%s: %s", each.q.Code, got)
		}
	}
}

func TestWordsAndTemplatesFitTogether(t *testing.T) {
	used := map[string]bool{}
	err := fs.WalkDir(assets.Console, "console", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".html") {
			return err
		}
		b, err := fs.ReadFile(assets.Console, path)
		for _, m := range regexp.MustCompile(`\.T "([a-z_]+)"`).FindAllSubmatch(b, -1) {
			used[string(m[1])] = true
		}
		if bytes.Contains(b, []byte("style=")) || bytes.Contains(b, []byte("<script>")) {
			t.Errorf("%s has inline style or script, which the policy forbids", path)
		}
		return err
	})
	if err != nil || len(used) < 20 {
		t.Fatalf("%v, %d keys", err, len(used))
	}
	for key := range used {
		if _, ok := words[key]; !ok {
			t.Errorf("no words for %s", key)
		}
	}
	for key, w := range words {
		if w["vi"] == "" || w["en"] == "" || len(w) != 2 {
			t.Errorf("%s: %v", key, w)
		}
	}
}

func TestFilesAndHeaders(t *testing.T) {
	c := open(t, Settings{Metrics: func(w io.Writer) { io.WriteString(w, "up 1\n") }})
	page := c.page("/")
	links := regexp.MustCompile(`/assets/[0-9a-f]+/[a-z.]+`).FindAllString(page, -1)
	if len(links) < 3 {
		t.Fatalf("%v", links)
	}
	for _, link := range links {
		got := c.send("GET", link, "")
		if got.StatusCode != 200 || !strings.Contains(got.Header.Get("Cache-Control"), "immutable") || len(got.body) == 0 || got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", link, got.StatusCode, got.Header)
		}
	}
	for _, target := range []string{"/assets/0/console.css", "/assets/../routes.go", "/assets/x/today.html", "/nothing"} {
		if got := c.send("GET", target, "", "Accept", "text/html"); got.StatusCode != 404 || !strings.Contains(string(got.body), "<h1>") {
			t.Errorf("%s: %d %s", target, got.StatusCode, got.body)
		}
	}
	got := c.send("GET", "/signin", "")
	if csp := got.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || got.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", got.Header)
	}
	if got := c.send("GET", "/metrics", ""); got.StatusCode != 401 {
		t.Errorf("metrics for a stranger from afar: %d", got.StatusCode)
	}
	if got := c.ask("GET", "/metrics", ""); got.StatusCode != 200 || string(got.body) != "up 1\n" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}
