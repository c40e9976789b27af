package screen

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hailong/assets"
	"hailong/kiosk"
	"hailong/survey"
)

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// fields are the hidden fields of a page's first form.
func fields(page string) url.Values {
	v := url.Values{}
	page, _, _ = strings.Cut(page, "</form>")
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		v.Set(m[1], strings.ReplaceAll(m[2], "&#43;", "+"))
	}
	return v
}

func (s *stand) submit(t *testing.T, v url.Values) answer {
	t.Helper()
	return s.do(t, "POST", "/press", v.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Origin", "null")
}

func with(v url.Values, key, value string) url.Values {
	w := url.Values{}
	for k := range v {
		w.Set(k, v.Get(k))
	}
	w.Set(key, value)
	return w
}

func TestTheFormWorksWithoutTheScript(t *testing.T) {
	s := newStand(t, func(_ *Options, set *Settings) { set.Thanks = 2500 * time.Millisecond })
	page := s.get(t, "/")
	for _, want := range []string{
		`<html lang="vi">`, "Quầy 3 · Hộ tịch – Chứng thực", `<button type="submit" class="face" name="level" value="1"`, `value="5"`, "Rất hài lòng", "Không ghi tên, không ghi hình",
		`<meta http-equiv="refresh" content="60; url=/">`, `href="/?lang=en"`, `role="status"`,
	} {
		if !strings.Contains(page.text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	form := fields(page.text)
	if v := form.Get("questionnaire"); v != questionnaire("quick", 1, 2, 3, 4, 5).ID() {
		t.Errorf("the form is not bound to the version shown: %q", v)
	}
	if next := fields(s.get(t, "/").text); next.Get("key") == form.Get("key") || len(form.Get("key")) != 32 {
		t.Errorf("keys %q and %q", form.Get("key"), next.Get("key"))
	}
	best := s.submit(t, with(form, "level", "5"))
	if best.StatusCode != 201 || !strings.Contains(best.text, "Cảm ơn Ông/Bà!") || !strings.Contains(best.text, `content="3; url=/"`) {
		t.Fatalf("%d %s", best.StatusCode, best.text)
	}
	if again := s.submit(t, with(form, "level", "5")); again.StatusCode != 201 || len(s.journal.kept()) != 1 {
		t.Errorf("reloaded: %d, %d records", again.StatusCode, len(s.journal.kept()))
	}
	if other := s.submit(t, with(form, "level", "1")); other.StatusCode != 409 || strings.Contains(other.text, "Cảm ơn") || !strings.Contains(other.text, "Lượt này đã được ghi nhận") {
		t.Errorf("two faces of one page: %d %s", other.StatusCode, other.text)
	}
	worst := s.submit(t, with(fields(s.get(t, "/").text), "level", "1"))
	if plainly(worst.text) != plainly(best.text) {
		t.Errorf("the thank-you depends on the answer:\n%s\n%s", worst.text, best.text)
	}
	kept := s.journal.kept()
	if len(kept) != 2 || kept[1].Response.Answers[0].Level != 1 || kept[1].Response.Channel != survey.Touch {
		t.Errorf("kept %+v", kept)
	}
}

func TestTheFormNeverThanksForWhatWasNotKept(t *testing.T) {
	s := newStand(t)
	form := fields(s.get(t, "/?lang=en").text)
	s.journal.fail([]error{kiosk.ErrUnknown, errors.New("disk full")}, nil)
	for range 2 {
		a := s.submit(t, with(form, "level", "2"))
		if a.StatusCode != 503 || strings.Contains(a.text, "Thank you") || !strings.Contains(a.text, `<html lang="en">`) || !strings.Contains(a.text, "Please press again.") {
			t.Fatalf("%d %s", a.StatusCode, a.text)
		}
		if back := fields(a.text); back.Get("key") != form.Get("key") || back.Get("level") != "2" {
			t.Fatalf("pressing again would send %v", back)
		}
	}
	if a := s.submit(t, with(form, "level", "2")); a.StatusCode != 201 {
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
	form = fields(s.get(t, "/?lang=en").text)
	for _, v := range []url.Values{with(form, "level", ""), with(form, "level", "five"), with(form, "level", "na"), with(form, "level", "77"), with(form, "questionnaire", "x"), with(form, "key", ""), {}} {
		if a := s.submit(t, v); a.StatusCode != 422 || strings.Contains(a.text, "Thank you!") || strings.Contains(a.text, "Cảm ơn") {
			t.Errorf("%v: %d %s", v, a.StatusCode, a.text)
		}
	}
	s.Hide()
	if a := s.submit(t, with(form, "level", "2")); a.StatusCode != 503 {
		t.Errorf("out of service: %d %s", a.StatusCode, a.text)
	}
}

func TestFacesForEachScale(t *testing.T) {
	for id, want := range map[string]string{"quick": "1:1 2:2 3:3 4:4 5:5", "quick4": "1:1 2:2 4:4 5:5", "quick3": "1:2 3:3 5:4", "twice": "3:2 4:4 5:5"} {
		s := newStand(t, func(_ *Options, set *Settings) { set.Questionnaire = id })
		var got []string
		page := s.get(t, "/").text
		for n, m := range regexp.MustCompile(`name="level" value="(\d+)" data-look="(\d)" aria-keyshortcuts="(\d)"`).FindAllStringSubmatch(page, -1) {
			got = append(got, m[1]+":"+m[2])
			if m[3] != fmt.Sprint(n+1) {
				t.Errorf("%s: face %d has key %s", id, n+1, m[3])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: faces %v, want %s", id, got, want)
		}
	}
}

func TestWordsOfSettingsAreEscaped(t *testing.T) {
	s := newStand(t, func(_ *Options, set *Settings) {
		set.Counters[0].Name = both(`<script>alert("1")</script>`, `"><b>`)
		set.Languages = []survey.Lang{"en", "vi", "km"}
		set.Test = true
	})
	page := s.get(t, "/?lang="+url.QueryEscape(`"><script>`)).text
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "<b>") || !strings.Contains(page, "&lt;script&gt;") {
		t.Error("words of the settings came through as markup")
	}
	if !strings.Contains(page, `<html lang="en">`) || !strings.Contains(page, "Test mode") {
		t.Error("the first language is not the one to begin with")
	}
	// Where a language has no words yet, the Vietnamese ones stand in, and say so.
	if km := s.get(t, "/?lang=km").text; !strings.Contains(km, `<span class="t" lang="vi" data-for="km">Nhìn chung`) {
		t.Error("no words stand in for the missing ones")
	}
}

func TestOutOfServiceIsSaidPlainly(t *testing.T) {
	state := &condition{}
	s, err := New(Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	s.near = everybody
	st := &stand{Screen: s}
	out := func(code string) {
		t.Helper()
		a := st.get(t, "/")
		vi, en, again := "Thiết bị tạm thời không ghi nhận được", "This device cannot record answers for now", `content="5; url=/"`
		if code == "E0" {
			vi, en, again = "Đang khởi động", "Starting", `content="1; url=/"`
		}
		if a.StatusCode != 503 || !strings.Contains(a.text, vi) || !strings.Contains(a.text, en) || !strings.Contains(a.text, "<code>"+code+"</code>") || !strings.Contains(a.text, again) || strings.Contains(a.text, "<form") {
			t.Errorf("%d %s", a.StatusCode, a.text)
		}
		if rev := st.get(t, "/revision").text; !strings.Contains(a.text, `data-revision="`+rev+`"`) {
			t.Errorf("the page's revision is not %q", rev)
		}
	}
	out("E0") // a state that is ready while nothing is shown yet
	state.set(ErrStarting)
	out("E0")
	state.set(&NotEnrolled{})
	out("E1")
	bare := st.get(t, "/revision").text
	state.set(&NotEnrolled{Why: both("mã ghi danh không đúng", "the code is wrong")})
	out("E1")
	if st.get(t, "/revision").text == bare {
		t.Error("the page does not change with the reason")
	}
	for path, a := range map[string]answer{"/": st.get(t, "/"), "/readyz": st.get(t, "/readyz"), "a press": st.post(t, press(5, "k"))} {
		if a.StatusCode != 503 || !strings.Contains(a.text, "mã ghi danh không đúng") || !strings.Contains(a.text, "chưa được ghi danh") || strings.Contains(a.text, "Nhật ký") {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.text)
		}
	}
	a := st.post(t, press(5, "k"))
	if a.problem(t).Type != "/problems/not-enrolled" || a.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
	if a := st.get(t, "/", "X-Forwarded-For", "10.0.0.9"); strings.Contains(a.text, "không đúng") || !strings.Contains(a.text, "chưa được ghi danh") {
		t.Errorf("a stranger reads %s", a.text)
	}
	state.set(nil)
	full := newStand(t)
	if err := s.Show(full.settings, full.recorder); err != nil {
		t.Fatal(err)
	}
	page := st.get(t, "/")
	rev := st.get(t, "/revision").text
	if page.StatusCode != 200 || !strings.Contains(page.text, `data-revision="`+rev+`"`) || len(rev) != 32 {
		t.Errorf("in service: %d, revision %q", page.StatusCode, rev)
	}
	state.set(errors.New("disk full"))
	out("E2")
	state.set(nil)
	other := full.settings
	other.Test = true
	if err := s.Show(other, full.recorder); err != nil {
		t.Fatal(err)
	}
	if now := st.get(t, "/revision").text; now == rev {
		t.Error("another page has the same revision")
	}
	s.Hide()
	out("E0")
}

func TestTheOnlineGatewayHasNoScreen(t *testing.T) {
	s := newStand(t, func(o *Options, set *Settings) {
		set.Role, set.Questionnaire, set.Catalogue = survey.OnlineGateway, "", nil
	})
	fromAfar(s.Screen)
	a := s.get(t, "/", "Host", "khaosat.example")
	if a.StatusCode != 404 || !strings.Contains(a.text, "Không có trang này") || strings.Contains(a.text, "một lần chạm") || strings.Contains(a.text, "<form") || strings.Contains(a.text, "<script") {
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
	if a := s.post(t, press(5, "k")); a.StatusCode != 403 {
		t.Errorf("a press from the network: %d %s", a.StatusCode, a.text)
	}
}

func TestFilesAreServedWithTheirHash(t *testing.T) {
	s := newStand(t)
	for _, name := range []string{"screen.css", "screen.js", "hands.js", "panel.js"} {
		want, err := assets.Kiosk.ReadFile("kiosk/" + name)
		if err != nil {
			t.Fatal(err)
		}
		a := s.get(t, "/assets/"+name)
		if a.StatusCode != 200 || a.text != string(want) || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/") {
			t.Errorf("%s: %d %v", name, a.StatusCode, a.Header)
		}
		if again := s.get(t, "/assets/"+name, "If-None-Match", a.Header.Get("ETag")); again.StatusCode != 304 || again.text != "" {
			t.Errorf("%s again: %d", name, again.StatusCode)
		}
	}
	for _, name := range []string{"page.html", "words.json", "..%2fpage.html", ""} {
		if a := s.get(t, "/assets/"+name); a.StatusCode != 404 {
			t.Errorf("/assets/%s: %d", name, a.StatusCode)
		}
	}
}

// staffLines are the words for the lines of the operator's menu.
var staffLines = []string{"menu.ready", "menu.link", "menu.problem", "menu.unsent", "menu.oldest", "menu.disk", "menu.clock", "menu.kiosk", "menu.chain", "menu.version"}

func TestEveryWordIsThereInBothLanguagesAndUsed(t *testing.T) {
	raw, err := assets.Kiosk.ReadFile("kiosk/words.json")
	if err != nil {
		t.Fatal(err)
	}
	page, err := assets.Kiosk.ReadFile("kiosk/page.html")
	if err != nil {
		t.Fatal(err)
	}
	staff, err := assets.Kiosk.ReadFile("kiosk/operator.html")
	if err != nil {
		t.Fatal(err)
	}
	var words map[string]map[string]string
	if err := json.Unmarshal(raw, &words); err != nil {
		t.Fatal(err)
	}
	views := []string{"away", "lost", "kept", "nocounter"} // shown by name
	used := map[string]bool{"language": true, "title": true, "languages": true, "contrast": true, "text": true, "closed.answer": true, "pair.wrong": true, "pair.locked": true, "pair.broken": true}
	for _, l := range staffLines {
		used[l] = true
	}
	for _, v := range views {
		used[v], used[v+".more"] = true, true
	}
	for _, m := range regexp.MustCompile(`\.(?:Say|Word) "([^"]+)"`).FindAllStringSubmatch(string(page)+string(staff), -1) {
		used[m[1]] = true
	}
	for id, w := range words {
		if len(w) != 2 || w["vi"] == "" || w["en"] == "" {
			t.Errorf("%s: %v", id, w)
		}
		if !used[id] {
			t.Errorf("%s is not used", id)
		}
		delete(used, id)
	}
	for id := range used {
		t.Errorf("%s is used and not there", id)
	}
}

// A code for phones grows old: without the script the page itself brings the next one,
// unless somebody has just changed the page to their needs.
func TestACodeIsRenewedWithoutTheScript(t *testing.T) {
	var code atomic.Bool
	s := newStand(t, withCode(&code))
	wants := func(path, want string) {
		t.Helper()
		page := s.get(t, path).text
		if !strings.Contains(page, want) || strings.Contains(page, `<img src="/qr.svg" alt=""`) != code.Load() {
			t.Errorf("%s lacks %s: %s", path, want, page)
		}
	}
	wants("/", `content="60; url=/"`)
	code.Store(true)
	for path, want := range map[string]string{
		"/": `content="20; url=/"`, "/?lang=vi": `content="20; url=/"`, "/?lang=en": `content="60; url=/"`,
		"/?text=large": `content="60; url=/"`, "/?contrast=high": `content="60; url=/"`,
	} {
		wants(path, want)
	}
}
