package webform

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hailong/assets"
	"hailong/survey"
)

// The first page is one request of at most 14 KB, so that it fits into the first flight of
// a new connection.
func TestTheFirstPageIsSmall(t *testing.T) {
	s := open(t)
	p := s.phone()
	p.client.Transport = &http.Transport{DisableCompression: true}
	defer p.client.CloseIdleConnections()
	for _, lang := range []string{"vi", "en"} {
		got := p.do(http.MethodGet, s.fresh()+"?lang="+lang, "", "Accept-Encoding", "gzip, deflate")
		if got.header.Get("Content-Encoding") != "gzip" {
			t.Fatal("it is not compressed")
		}
		var head bytes.Buffer
		_ = got.header.Write(&head) // into memory
		z, err := gzip.NewReader(strings.NewReader(got.body))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		total := len(got.body) + head.Len()
		t.Logf("%s: %d bytes compressed, %d with the headers, %d plain", lang, len(got.body), total, len(plain))
		if total > 14_000 {
			t.Errorf("%s: %d bytes", lang, total)
		}
		page := page{got.status, got.header, string(plain)}
		page.want(t, 200, "first")
		if more := regexp.MustCompile(`(?i)\ssrc=|<link rel="(?:stylesheet|preload)|url\(|@import`).FindString(page.body); more != "" {
			t.Errorf("the page asks for more: %s", more)
		}
	}
	if got := p.do(http.MethodGet, "/", "", "Accept-Encoding", "identity"); got.header.Get("Content-Encoding") != "" || got.view() != "front" {
		t.Error("a browser that cannot read it gets it compressed")
	}
}

// What is newer than an Android WebView 51 of 2016 must not be relied on.
func TestNothingNewIsNeeded(t *testing.T) {
	rules := map[string]*regexp.Regexp{
		"style.css": regexp.MustCompile(`var\(|--\w|:is\(|:where\(|:has\(|:focus-(?:within|visible)|display:\s*(?:grid|contents)|\bgap:|aspect-ratio|inset:|clamp\(|min\(|max\(|@layer|@supports|@container|position:\s*sticky|env\(|rgb\(\d+ `),
		"script.js": regexp.MustCompile("=>|`|\\b(?:let|const|class|async|await|fetch|Promise|Symbol|Map|Set|Object\\.entries|URLSearchParams|FormData)\\b|\\.(?:includes|padStart|closest|append|remove|replaceWith|forEach|flat)\\(|\\?\\.|\\?\\?|\\.\\.\\."),
		"page.html": regexp.MustCompile(`<(?:dialog|template|slot)|loading="|inert|popover|type="module"`),
	}
	for name, newer := range rules {
		b, err := assets.Webform.ReadFile("webform/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if found := newer.FindAllString(string(b), -1); len(found) > 0 {
			t.Errorf("%s uses %q", name, found)
		}
	}
	for name, sample := range map[string]string{"style.css": "a{color:var(--x)}", "script.js": "x => x", "page.html": "<dialog>"} {
		if !rules[name].MatchString(sample) {
			t.Errorf("%s: %q passes", name, sample)
		}
	}
}

// Every word is there in both languages, and is used.
func TestTheWordList(t *testing.T) {
	b, err := assets.Webform.ReadFile("webform/words.json")
	if err != nil {
		t.Fatal(err)
	}
	var words map[string]survey.Words
	if err := json.Unmarshal(b, &words); err != nil {
		t.Fatal(err)
	}
	for id, w := range words {
		if len(w) != 2 || w[survey.Vietnamese] == "" || w[survey.English] == "" || w[survey.Vietnamese] == w[survey.English] {
			t.Errorf("%s is %q", id, w)
		}
		for _, text := range w {
			if strings.TrimSpace(text) != text || strings.Contains(text, "  ") {
				t.Errorf("%s: %q has blanks too many", id, text)
			}
		}
	}
	// Laws are cited as they are; no other number of a law may slip in.
	for _, number := range regexp.MustCompile(`\d+/\d{4}/[\p{L}\d-]+`).FindAllString(string(b), -1) {
		if !slices.Contains([]string{"91/2025/QH15", "356/2025/NĐ-CP"}, number) {
			t.Errorf("the words cite %s", number)
		}
	}
}

func TestThePrivacyNotice(t *testing.T) {
	s := open(t)
	p := s.phone()
	got := p.get("/privacy").want(t, 200, "privacy")
	for _, needed := range []string{"Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15", "356/2025/NĐ-CP", "Văn phòng UBND thành phố", "24 tháng", "0236 1022", "Tự nguyện", "xem, sửa, xóa", "visit", "72 giờ"} {
		if !strings.Contains(got.body, needed) {
			t.Errorf("the notice does not say %q", needed)
		}
	}
	if got := p.get("/privacy?lang=en"); !strings.Contains(got.body, "City People&#39;s Committee Office") || !strings.Contains(got.body, "24 months") || !strings.Contains(got.body, `lang="en"`) {
		t.Error(got.body)
	}
}

func TestTheLanguageIsTheBrowsersOrTheOneChosen(t *testing.T) {
	s := open(t)
	p, at := s.phone(), s.fresh()
	for header, want := range map[string]string{"": "vi", "en": "en", "en-US,en;q=0.9": "en", "vi-VN,vi;q=0.9,en;q=0.8": "vi", "fr": "vi", "en;q=0.5,vi;q=0.6": "vi", "en;q=x": "vi"} {
		p.lang = header
		if got := p.get(at); !strings.Contains(got.body, `<html lang="`+want+`">`) || got.form().Get("lang") != want {
			t.Errorf("%q: not %s", header, want)
		}
	}
	p.lang = "en"
	got := p.get(at + "?lang=vi")
	if !strings.Contains(got.body, `<html lang="vi">`) || !strings.Contains(got.body, `href="?lang=en"`) {
		t.Error("the language that was chosen is not spoken")
	}
	if got := p.post(at, got.form(), "a.Z0", "5").want(t, 201, "more"); !strings.Contains(got.body, "Cảm ơn") {
		t.Error("the language is forgotten")
	}
}

// Whoever cannot read a message finds the other language beside it, and a screen reader
// begins with what the page says.
func TestAMessageIsToldInBothLanguagesAndInTheTitle(t *testing.T) {
	s := open(t)
	expired := screenTicket()
	expired.Expires = noon
	spent := s.fresh()
	mine := s.phone()
	mine.post(spent, mine.get(spent).form(), "a.Z0", "2").want(t, 201, "more").says(t, "Câu hỏi thêm: 12", "<title>Cảm ơn Ông/Bà! – ")
	for at, title := range map[string][2]string{
		spent:                      {"Mã này đã được dùng – ", "This code has been used – "},
		sign(t, kioskKey, expired): {"Mã này đã hết hạn – ", "This code has expired – "},
		"/q/ABC":                   {"Mã này không dùng được – ", "This code does not work – "},
		"/ABCDEF5":                 {"Địa chỉ này không đúng – ", "This address is not right – "},
		"/privacy":                 {"Thông báo về dữ liệu cá nhân – ", "Privacy notice – "},
		s.fresh():                  {"Đánh giá mức độ hài lòng – Quầy 1", "How satisfied are you? – Counter 1"},
	} {
		p := s.phone()
		p.get(at).says(t, "<title>"+title[0], `href="?lang=en"`)
		p.get(at+"?lang=en").says(t, "<title>"+title[1], `href="?lang=vi"`)
	}
	p, at := s.phone(), s.fresh()
	form := p.get(at).form()
	if got := p.post(at, form).want(t, 422, "first"); !strings.Contains(got.body, "<title>Cần sửa – ") || strings.Contains(got.body, `href="?lang=`) {
		t.Errorf("a form that must be mended: %s", got.body)
	}
	p.post(at, form, "a.Z0", "2").want(t, 201, "more")
	if got := p.post(at, form, "a.Z0", "3").want(t, 409, "kept"); !strings.Contains(got.body, "<title>Ý kiến đầu tiên") || strings.Contains(got.body, `href="?lang=`) {
		t.Errorf("another answer of the same form: %s", got.body)
	}
}

func (p page) says(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(p.body, part) {
			t.Errorf("%q is not in\n%s", part, p.body)
		}
	}
}

// The message of a page is the same whatever was answered: nobody who looks over a
// shoulder learns it from the thanks.
func TestThanksAreTheSameAfterEveryAnswer(t *testing.T) {
	s := open(t)
	var seen string
	hidden := regexp.MustCompile(`value="[^"]*"|action="[^"]*"`)
	for _, level := range []string{"1", "2", "3", "4", "5"} {
		p, at := s.phone(), s.fresh()
		got := hidden.ReplaceAllString(p.post(at, p.get(at).form(), "a.Z0", level).want(t, 201, "more").body, "")
		if seen == "" {
			seen = got
		}
		if got != seen {
			t.Errorf("after %s the thanks are others", level)
		}
	}
}

// FuzzForm sends anything as a form: it is answered with a page, kept at most once, and
// only with an answer that the questionnaire has.
func FuzzForm(f *testing.F) {
	for _, body := range []string{
		"step=first&visit=0102030405060708&a.Z0=5&comment=0912345678", "step=more&visit=0102030405060708&a.A1=5", "", "a.Z0=5&a.Z0=4", "%", "step=first&visit=0102030405060708&a.Z0=99999999999999999999",
		"step=first&visit=0102030405060708&a.Z0=%F0%9F%98%80&lang=en", "step=more&visit=0102030405060708&record=x/1",
	} {
		f.Add(body, true)
		f.Add(body, false)
	}
	s, service := open(f), mustFind(f, "service")
	f.Fuzz(func(t *testing.T, body string, poster bool) {
		at := sign(t, kioskKey, screenTicket())
		if poster {
			fresh := newVisit()
			at, body = "/"+s.short, strings.ReplaceAll(body, "visit=", "x=")+"&visit="+hex.EncodeToString(fresh[:])
		}
		body = strings.ReplaceAll(body, "questionnaire=", "y=") + "&questionnaire=" + service.ID()
		before := s.journal.Head().Sequence
		req := httptest.NewRequest(http.MethodPost, at, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := s.form.app.Test(req, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		got := page{resp.StatusCode, resp.Header, string(b)}
		if got.status != 303 && (got.view() == "" || got.status >= 500) {
			t.Fatalf("%d %s", got.status, got.body)
		}
		kept := s.journal.Head().Sequence - before
		if kept > 1 || (got.status == 201) != (kept == 1) {
			t.Errorf("%d with %d records", got.status, kept)
		}
		if kept == 0 {
			return
		}
		e, ok, err := s.journal.Get(survey.RecordID{Chain: s.journal.Chain(), Sequence: before + 1})
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if err := e.Response.Validate(service.Questionnaire); err != nil {
			t.Error(err)
		}
	})
}
