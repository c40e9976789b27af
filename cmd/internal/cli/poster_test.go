package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hailong/assets/browsertest"
	"hailong/survey"
)

// tickets are as long as those of the centre.
var posterTicket = strings.Repeat("CEGZ5KQ2", 20)[:159]

func posters() []map[string]any {
	at := time.Date(2026, 11, 20, 8, 30, 0, 0, survey.Zone)
	return []map[string]any{
		{"short": "ABCDEF5", "counter": "HS-01", "counter_name": survey.Words{"vi": "Quầy 1", "en": "Counter 1"}, "unit": "00004", "unit_name": survey.Words{"vi": "Phường Hoa Sen"}, "questionnaire": "", "name": "=Bàn nước\x1b[2J",
			"ticket": posterTicket, "url": "HTTPS://DANHGIA.TINH.GOV.VN/Q/" + posterTicket, "address": "danhgia.tinh.gov.vn/ABCDEF5", "made": at, "expires": at.AddDate(100, 0, 0), "withdrawn": nil},
		{"short": "0000000", "counter": "HS-09", "counter_name": survey.Words{"vi": "HS-09"}, "unit": "", "unit_name": survey.Words{}, "questionnaire": "service", "name": "",
			"ticket": "T", "url": "", "address": "", "made": at, "expires": at.AddDate(-5, 0, 0), "withdrawn": nil},
	}
}

// addPoster makes a poster with names as long as any.
func (c *centre) addPoster(w http.ResponseWriter, r *http.Request) {
	var in map[string]string
	if err := json.Unmarshal([]byte(c.body), &in); err != nil || in["counter"] == "nowhere" {
		refuse(w, r, 422, "Nội dung có chỗ chưa hợp lệ", "Unprocessable content", "…", "…", map[string]string{
			"path": "counter", "value": in["counter"], "message": "hôm nay không có quầy nào mang mã này; xem /api/v1/units",
		})
		return
	}
	p := posters()[0]
	p["counter"], p["name"], p["questionnaire"] = in["counter"], in["name"], in["questionnaire"]
	if in["counter"] == "HS-02" {
		p["short"], p["address"] = "1234567", "cong-khao-sat-truc-tuyen.danhgia.thanhphohochiminh.gov.vn:8443/1234567"
		p["url"] = "HTTPS://CONG-KHAO-SAT-TRUC-TUYEN.DANHGIA.THANHPHOHOCHIMINH.GOV.VN:8443/Q/" + posterTicket
		p["unit_name"] = survey.Words{"vi": "Chi nhánh số 3 Trung tâm Phục vụ hành chính công thành phố tại Ủy ban nhân dân phường Bình Trị Đông – cơ sở 2",
			"en": "Branch 3 of the City's Public Administration Service Centre at the People's Committee of Bình Trị Đông Ward – Site 2"}
		p["counter_name"] = survey.Words{"vi": "Quầy số 12: Đăng ký quyền sử dụng đất, quyền sở hữu nhà ở và tài sản khác gắn liền với đất", "en": "Counter 12: registration of land use rights, ownership of houses and other assets attached to land"}
		p["name"] = strings.Repeat("Bàn chờ cạnh cửa số 2, ", 4)
	}
	answer(w, 201, p)
}

func withdrawPoster(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("short") != "abc-def5" {
		refuse(w, r, 404, "Không có", "Not found", "không có áp phích nào mang địa chỉ ngắn này; xem /api/v1/posters", "there is no poster with this short address; see /api/v1/posters")
		return
	}
	p := posters()[0]
	p["withdrawn"] = time.Date(2026, 11, 22, 9, 0, 0, 0, survey.Zone)
	answer(w, 200, p)
}

func addLink(w http.ResponseWriter, _ *http.Request) {
	answer(w, 201, map[string]any{"url": "HTTPS://DANHGIA.TINH.GOV.VN/Q/" + posterTicket, "ticket": posterTicket, "expires": time.Date(2026, 11, 25, 8, 30, 0, 0, survey.Zone), "counter": "HS-01", "unit": "00004"})
}

// printPosters runs `hailong poster` and gives the sheet.
func printPosters(t *testing.T, c *centre, args ...string) (path, out, errs string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "sheet.html")
	code, out, errs := run("vi", append(append([]string{"poster"}, args...), "--out", path, "--server", c.URL, "--token", token)...)
	if code != 0 {
		t.Fatalf("exit %d %s", code, errs)
	}
	return path, out, errs
}

func TestAPosterSaysWhatIsNeeded(t *testing.T) {
	c := newCentre(t)
	path, out, errs := printPosters(t, c, "--counter", "HS-01", "--questionnaire", "quick", "--name", "Bàn nước", "--until", "2027-12-31")
	if want := `{"counter":"HS-01","expires":"2027-12-31T23:59:59+07:00","name":"Bàn nước","questionnaire":"quick"}`; c.body != want {
		t.Errorf("asked for %s, want %s", c.body, want)
	}
	if !strings.Contains(out, "ABCDEF5") || !strings.Contains(errs, "1 trang A4") || !strings.Contains(errs, path) {
		t.Errorf("printed %s, said %s", out, errs)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(b)
	for _, want := range []string{
		"@page { size: A4 portrait", "Phường Hoa Sen", "Quầy 1", "Counter 1", "<svg", "Quét mã bằng&nbsp;điện&nbsp;thoại", "Scan the code", "Chọn mức hài lòng", "Choose how satisfied", "Gửi", "Send",
		"danhgia.tinh.gov.vn/", "ABCDEF5", "Ẩn danh và tự nguyện", "Anonymous and voluntary", "HS-01", "Bàn nước",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Errorf("%q is missing, or before what should come first", want)
			continue
		}
		rest = after
	}
	for _, not := range []string{"<script", "<link", "<img", "src=", "@import", "url("} { // one file that needs no other
		if strings.Contains(string(b), not) {
			t.Errorf("it has %q", not)
		}
	}
}

func TestPostersOfAWholeUnit(t *testing.T) {
	c := newCentre(t)
	c.units.Counters = append(c.units.Counters,
		survey.Counter{Code: "HS-03", Unit: "00004", Name: survey.Words{"vi": "Quầy 3"}},
		survey.Counter{Code: "HS-02", Unit: "01", Name: survey.Words{"vi": "Quầy 2"}},
		survey.Counter{Code: "CU-01", Unit: "00004", Name: survey.Words{"vi": "Quầy cũ"}, ValidTo: survey.NewDate(2025, 12, 31)})
	path, out, errs := printPosters(t, c, "--all", "01", "-o", "csv")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), `<section class="sheet">`); n != 3 || !strings.Contains(errs, "3 trang A4") || strings.Count(out, "\n") != 4 || strings.Contains(out, "CU-01") {
		t.Errorf("%d pages, printed %s, said %s", n, out, errs)
	}
}

func TestWhatAPosterCannotDo(t *testing.T) {
	c := newCentre(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("there.html", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		args string
		code int
		want string
	}{
		{"poster", 2, "--counter or --all is needed"},
		{"poster --counter HS-01 --all 01", 2, "--counter or --all is needed"},
		{"poster --all h1", 1, `the unit "h1" has no counter`},
		{"poster --counter HS-01 --out there.html", 1, "this file is there already"},
		{"poster --counter HS-01 --out none/there.html", 1, "it is not there"},
		{"poster --counter nowhere", 1, "hailong units list"},
		{"posters withdraw XXXXXXX", 1, "hailong posters list"},
		{"links add --counter HS-01", 2, "--stage"},
	} {
		c.body = ""
		code, out, errs := run("en", append(strings.Fields(x.args), "--server", c.URL, "--token", token)...)
		if code != x.code || out != "" || !strings.Contains(errs, x.want) {
			t.Errorf("%s: exit %d, printed %q, said %s", x.args, code, out, errs)
		}
		if strings.Contains(x.args, "there.html") && c.body != "" {
			t.Errorf("%s: the centre was asked for %s", x.args, c.body)
		}
	}
	if b, err := os.ReadFile("there.html"); err != nil || string(b) != "mine" {
		t.Errorf("the file that was there holds %q, %v", b, err)
	}
	if left, err := filepath.Glob("*"); err != nil || !slices.Equal(left, []string{"there.html"}) {
		t.Errorf("left are %v, %v", left, err)
	}
	// Where the second of two is refused, the first one exists: its sheet is written.
	code, out, errs := run("en", "poster", "--counter", "HS-01", "--counter", "nowhere", "--server", c.URL, "--token", token)
	if b, err := os.ReadFile("poster-HS-01.html"); err != nil || code != 1 || !strings.Contains(out, "ABCDEF5") || !strings.Contains(errs, "nowhere") || strings.Count(string(b), "<svg") != 1 {
		t.Errorf("exit %d, printed %s, said %s, %v", code, out, errs, err)
	}
}

// The sheet on paper, as Chromium prints it: a page for each counter, nothing cut off or on
// a second page however long the names are, a code of 60 mm or more that is read back.
func TestThePrintedSheet(t *testing.T) {
	zbar := browsertest.Need(t, "no poster is read back (package zbar-tools)", "zbarimg")
	c := newCentre(t)
	path, _, _ := printPosters(t, c, "--counter", "HS-01", "--counter", "HS-02", "--name", "Bàn nước tầng 1")
	ctx := browsertest.Chromium(t, 90*time.Second)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(794, 1123, chromedp.EmulateScale(2)), chromedp.Navigate("file://"+path)); err != nil {
		t.Fatal(err)
	}
	browsertest.Accessible(t, ctx, "the sheet")
	ask := func(script string) (v []float64) {
		t.Helper()
		v, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](script))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const mm = 96 / 25.4
	for i, over := range ask(`[...document.querySelectorAll('.sheet')].map(s => Math.max(s.scrollHeight - s.clientHeight, s.scrollWidth - s.clientWidth,
		...[...s.querySelectorAll('*')].map(e => { const a = e.getBoundingClientRect(), b = s.getBoundingClientRect(); return Math.max(a.bottom - b.bottom, a.right - b.right, b.left - a.left, b.top - a.top) })))`) {
		if over > 0.5 {
			t.Errorf("page %d: something is %.1f mm outside it", i+1, over/mm)
		}
	}
	for i, width := range ask(`[...document.querySelectorAll('.code svg')].map(s => s.getBoundingClientRect().width * (1 - 8 / s.viewBox.baseVal.width))`) {
		t.Logf("page %d: the code is %.1f mm wide, without its margin", i+1, width/mm)
		if width < 60*mm {
			t.Errorf("page %d: the code is %.1f mm wide", i+1, width/mm)
		}
	}
	want := []string{"HTTPS://DANHGIA.TINH.GOV.VN/Q/" + posterTicket, "HTTPS://CONG-KHAO-SAT-TRUC-TUYEN.DANHGIA.THANHPHOHOCHIMINH.GOV.VN:8443/Q/" + posterTicket}
	for i, selector := range []string{".sheet:nth-child(1)", ".sheet:nth-child(2)"} {
		sheet, err := chromedp.Run(ctx, chromedp.Screenshot(chromedp.CSS(selector)))
		if err != nil {
			t.Fatal(err)
		}
		if dir := os.Getenv("HAILONG_SCREENS"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, "poster-"+string(rune('1'+i))+".png"), sheet, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), zbar, "--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", "-")
		cmd.Stdin = bytes.NewReader(sheet)
		if got, err := cmd.Output(); err != nil || strings.TrimSpace(string(got)) != want[i] {
			t.Errorf("page %d is read as %q, %v", i+1, got, err)
		}
	}
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize()))
	if err != nil {
		t.Fatal(err)
	}
	if pages := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf, -1)); pages != 2 {
		t.Errorf("it is printed on %d pages", pages)
	}
}
