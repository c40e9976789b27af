package screen

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hailong/survey"
)

// operate sends a form to the operator's page: pairs of a field and its value.
func (h *hall) operate(t *testing.T, fields ...string) answer {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	h.afar.Store(false)
	return h.do(t, "POST", "/operator", form.Encode(), "Content-Type", formType)
}

// enter types the right PIN and gives the session's token.
func (h *hall) enter(t *testing.T) string {
	t.Helper()
	a := h.operate(t, "pin", "24680", "key", "go")
	token := regexp.MustCompile(`name="token" value="([0-9a-f]{32})"`).FindStringSubmatch(a.text)
	if a.StatusCode != 200 || token == nil {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	return token[1]
}

func TestTheOperatorsMenuTellsHowTheBoxIs(t *testing.T) {
	h := newHall(t, func(o *Options, set *Settings) {
		o.Diary = func() (list []Event, err error) {
			for i := range 30 {
				list = append(list, Event{At: time.Date(2026, 4, 20, 8, i, 0, 0, survey.Zone), Sure: true, Words: both(fmt.Sprintf("sự kiện %d.", i), "event")})
			}
			return list, nil
		}
	})
	h.state.now = Status{
		Kiosk: "k7", Chain: survey.Chain{0xab}, Last: 42, Unsent: 17, OldestUnsent: 90 * time.Second, Free: 300 << 20, Total: 4096 << 20, Version: "v1.2.3",
		Clock: Clock{Now: h.clock()}, Link: Link{Since: h.clock().Add(-time.Hour), Problem: both("máy chủ không trả lời", "the server does not answer")},
	}
	if a := h.get(t, "/operator"); a.StatusCode != 200 || strings.Count(a.text, `name="key"`) != 12 || !strings.Contains(a.text, "Mã PIN vận hành") || strings.Contains(a.text, "24680") {
		t.Errorf("the pad: %d %s", a.StatusCode, a.text)
	}
	h.enter(t)
	a := h.operate(t, "pin", "24680", "key", "go")
	for _, want := range []string{"không kết nối từ 20/04/2026 08:00:00", "máy chủ không trả lời", ">17<", "1m30s", "còn 300 trong 4096 MiB", "v1.2.3", "ab000000000000000000000000000000 / 42", "k7", "sự kiện 29.", "sự kiện 10.", "Quầy 4 · Đất đai"} {
		if !strings.Contains(a.text, want) {
			t.Errorf("the menu does not say %q", want)
		}
	}
	if strings.Contains(a.text, "sự kiện 9.") || strings.Index(a.text, "sự kiện 29.") > strings.Index(a.text, "sự kiện 10.") {
		t.Error("the latest 20 events are not the first")
	}
	if en := h.operate(t, "pin", "24680", "lang", "en"); !strings.Contains(en.text, "Operator’s menu") || !strings.Contains(en.text, "not connected since") || strings.Contains(en.text, "Tình trạng") {
		t.Errorf("in English: %s", en.text)
	}
	if a.Header.Get("Set-Cookie") != "" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("it leaves something in the browser: %v", a.Header)
	}
}

// The number pad without its script: one journey for each touch.
func TestTheNumberPadIsAForm(t *testing.T) {
	h := newHall(t)
	typed := ""
	for _, touch := range []struct{ key, want string }{{"2", "2"}, {"4", "24"}, {"5", "245"}, {"back", "24"}, {"6", "246"}, {"8", "2468"}, {"0", "24680"}} {
		a := h.operate(t, "pin", typed, "key", touch.key)
		if typed = touch.want; a.StatusCode != 200 || !strings.Contains(a.text, `value="`+typed+`"`) {
			t.Fatalf("after %s: %d %s", touch.key, a.StatusCode, a.text)
		}
	}
	if a := h.operate(t, "pin", typed, "key", "go"); !strings.Contains(a.text, "Menu vận hành") {
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
	if a := h.operate(t, "pin", "123456789012", "key", "3"); !strings.Contains(a.text, `value="123456789012"`) {
		t.Errorf("too long: %s", a.text)
	}
	h.operate(t, "pin", "", "key", "back")
	h.told(t, "operator: the operator's menu was entered")
}

func TestAWrongPINLocksAndARestartDoesNotHelp(t *testing.T) {
	h := newHall(t)
	wrong := func(more int) {
		t.Helper()
		if a := h.operate(t, "pin", "11111", "key", "go"); a.StatusCode != 403 || !strings.Contains(a.text, fmt.Sprintf("Sai mã PIN. Số lần còn lại trước khi khóa: <b>%d</b>", more)) {
			t.Fatalf("%d tries left: %d %s", more, a.StatusCode, a.text)
		}
	}
	locked := func(minutes int) {
		t.Helper()
		if a := h.operate(t, "pin", "24680", "key", "go"); a.StatusCode != 429 || !strings.Contains(a.text, fmt.Sprintf("Số phút phải đợi: <b>%d</b>", minutes)) || strings.Contains(a.text, "token") {
			t.Fatalf("locked for %d minutes, the right PIN: %d %s", minutes, a.StatusCode, a.text)
		}
	}
	wrong(4)
	wrong(3)
	h.restart(t) // wrong tries are not forgotten
	wrong(2)
	wrong(1)
	h.told(t, "operator_wrong: wrong operator's PIN", "operator_wrong: wrong operator's PIN", "operator_wrong: wrong operator's PIN", "operator_wrong: wrong operator's PIN")
	for _, minutes := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		if a := h.operate(t, "pin", "", "key", "go"); a.StatusCode != 429 {
			t.Fatalf("the fifth: %d %s", a.StatusCode, a.text)
		}
		h.told(t, fmt.Sprintf("operator_wrong: wrong operator's PIN for the 5th time: locked for %s", time.Duration(minutes)*time.Minute))
		locked(minutes)
		h.restart(t)
		locked(minutes) // nor is the wait
		h.later(time.Duration(minutes)*time.Minute - time.Second)
		locked(1)
		h.told(t) // what is not looked at is no try
		h.later(time.Second)
		wrong(4)
		wrong(3)
		wrong(2)
		wrong(1)
		h.told(t, "operator_wrong: wrong operator's PIN", "operator_wrong: wrong operator's PIN", "operator_wrong: wrong operator's PIN", "operator_wrong: wrong operator's PIN")
	}
	h.enter(t) // the right one ends it
	h.restart(t)
	wrong(4)
}

// A box without a clock that goes on begins again in the past: nobody waits for years.
func TestAClockThatWentBackMakesNoWaitLonger(t *testing.T) {
	h := newHall(t)
	for range guesses {
		h.operate(t, "pin", "1")
	}
	h.later(-365 * 24 * time.Hour)
	h.restart(t)
	if a := h.operate(t, "pin", "24680"); a.StatusCode != 429 {
		t.Errorf("a restart in the past opens the lock: %d", a.StatusCode)
	}
	h.later(time.Minute)
	h.enter(t)
}

// Whoever pulls the plug while the PIN is judged has had that try.
func TestATryIsOnDiskBeforeItIsJudged(t *testing.T) {
	h := newHall(t)
	h.operate(t, "pin", "1")
	kept, err := os.ReadFile(filepath.Join(h.folder, operatorFile))
	if err != nil || !strings.Contains(string(kept), `"wrong":1`) {
		t.Errorf("%v %s", err, kept)
	}
	// A disk that takes nothing any more keeps nobody out, and forgets nothing yet.
	if err := os.Mkdir(filepath.Join(h.folder, operatorFile+".new"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range guesses - 1 {
		h.operate(t, "pin", "1")
	}
	if a := h.operate(t, "pin", "24680"); a.StatusCode != 429 {
		t.Errorf("five wrong ones on a full disk: %d", a.StatusCode)
	}
	h.later(time.Minute)
	h.enter(t)
}

func TestTheMenuClosesByItself(t *testing.T) {
	h := newHall(t)
	token := h.enter(t)
	h.later(sessionFor - time.Second)
	if a := h.operate(t, "token", token); !strings.Contains(a.text, "Menu vận hành") {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	h.later(sessionFor - time.Second) // whoever uses it has it longer
	if a := h.operate(t, "token", token); !strings.Contains(a.text, "Menu vận hành") {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	h.later(sessionFor)
	if a := h.operate(t, "token", token, "do", "pause"); !strings.Contains(a.text, "Menu đã tự đóng") || h.Paused() {
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
	h.told(t, "operator: the operator's menu was entered", "operator: the operator's menu has closed by itself: nobody used it")

	first := h.enter(t)
	second := h.enter(t)
	for what, token := range map[string]string{"an older session": first, "no session's": strings.Repeat("0", 32), "short": "0"} {
		if a := h.operate(t, "token", token, "do", "pause"); h.Paused() {
			t.Errorf("%s: %d", what, a.StatusCode)
		}
	}
	if a := h.operate(t, "token", second, "do", "leave"); a.StatusCode != 303 || a.Header.Get("Location") != "/" {
		t.Errorf("%d", a.StatusCode)
	}
	if h.operate(t, "token", second, "do", "pause"); h.Paused() {
		t.Error("the menu works after it was closed")
	}
	if a := h.do(t, "POST", "/operator?counter=Q2", "token="+h.enter(t)+"&do=leave", "Content-Type", formType); a.Header.Get("Location") != "/?counter=Q2" {
		t.Errorf("it leads from the second counter's screen to %q", a.Header.Get("Location"))
	}
}

func TestTestModeEndsByItself(t *testing.T) {
	h := newHall(t)
	h.restart(t) // so that records are made by the hall's clock
	before := h.get(t, "/")
	token := h.enter(t)
	h.operate(t, "token", token, "do", "test-on")
	during := h.get(t, "/")
	if !h.Testing() || strings.Contains(before.text, `class="test"`) || !strings.Contains(during.text, "Chế độ thử") || h.get(t, "/revision").text == strings.Split(strings.Split(before.text, `data-revision="`)[1], `"`)[0] {
		t.Errorf("no banner, or nobody would see it: %s", during.text)
	}
	if a := h.post(t, press(5, "k1")); a.StatusCode != 201 {
		t.Fatal(a.text)
	}
	if a := h.do(t, "POST", "/press", "key=k0&questionnaire=quick&question=Z0&level=5", "Content-Type", formType); a.StatusCode != 201 || !strings.Contains(a.text, `class="test"`) {
		t.Errorf("the thank-you of a test: %d %s", a.StatusCode, a.text)
	}
	h.later(testFor - time.Second)
	if !h.Testing() {
		t.Error("it has ended too early")
	}
	h.later(time.Second)
	if h.Testing() || strings.Contains(h.get(t, "/").text, `class="test"`) {
		t.Error("it has not ended")
	}
	h.Look()
	if a := h.post(t, press(5, "k2")); a.StatusCode != 201 {
		t.Fatal(a.text)
	}
	kept := h.journal.kept()
	if len(kept) != 3 || !kept[0].Response.Has(survey.Test) || !kept[1].Response.Has(survey.Test) || kept[2].Response.Has(survey.Test) {
		t.Errorf("kept %+v", kept)
	}
	h.told(t, "operator: the operator's menu was entered", "operator: test mode is on for 30 minutes", "operator: test mode has ended by itself", "operator: the operator's menu has closed by itself: nobody used it")

	token = h.enter(t)
	h.operate(t, "token", token, "do", "test-on")
	h.operate(t, "token", token, "do", "test-off")
	if h.Testing() {
		t.Error("it cannot be switched off")
	}
	h.operate(t, "token", token, "do", "test-on")
	if h.restart(t); h.Testing() {
		t.Error("a restart does not end it")
	}
}

// What a phone answers is kept at the gateway, which knows nothing of the test: it would
// count.
func TestInTestModeThereIsNoCodeForPhones(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	h := newHall(t, withCode(&on))
	shows := func() bool {
		t.Helper()
		page, picture := strings.Contains(h.get(t, "/").text, `<img src="/qr.svg"`), h.get(t, "/qr.svg").StatusCode == 200
		if page != picture {
			t.Errorf("on the page %v, at its address %v", page, picture)
		}
		return picture
	}
	before := shows()
	h.operate(t, "token", h.enter(t), "do", "test-on")
	during := shows()
	h.later(testFor)
	if after := shows(); !before || during || !after {
		t.Errorf("before %v, during %v, after %v", before, during, after)
	}
	always := newHall(t, withCode(&on), func(_ *Options, set *Settings) { set.Test = true })
	if a := always.get(t, "/qr.svg"); a.StatusCode != 404 {
		t.Errorf("a box that is a test by its settings: %d", a.StatusCode)
	}
}

func TestOutOfServiceByTheOperator(t *testing.T) {
	h := newHall(t)
	before := h.get(t, "/revision").text
	cookie := h.tablet(t, "Q2")
	token := h.enter(t)
	h.operate(t, "token", token, "do", "pause")
	for what, a := range map[string]answer{
		"the page": h.get(t, "/?counter=Q2"), "a tablet's": h.asTablet(t, cookie, "GET", "/", ""),
		"a form": h.asTablet(t, cookie, "POST", "/press", "key=k&questionnaire=quick&question=Z0&level=5", "Content-Type", formType),
	} {
		if a.StatusCode != 503 || !strings.Contains(a.text, "Tạm ngưng nhận đánh giá") || !strings.Contains(a.text, "Quầy 4") || strings.Contains(a.text, "<form") {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.text)
		}
	}
	h.afar.Store(false)
	if a := h.post(t, press(5, "k1")); a.StatusCode != 503 || a.problem(t).Type != "/problems/paused" || a.Header.Get("Retry-After") != "30" {
		t.Errorf("a press: %d %s", a.StatusCode, a.text)
	}
	if a := h.get(t, "/readyz"); a.StatusCode != 503 {
		t.Errorf("readyz: %d", a.StatusCode)
	}
	if h.get(t, "/revision").text == before {
		t.Error("the page would not notice")
	}
	if n := len(h.journal.kept()); n != 0 {
		t.Errorf("%d records kept", n)
	}
	h.operate(t, "token", token, "do", "resume")
	if a := h.post(t, press(5, "k1")); a.StatusCode != 201 || h.get(t, "/revision").text != before {
		t.Errorf("in service again: %d %s", a.StatusCode, a.text)
	}
	h.operate(t, "token", token, "do", "pause")
	if h.restart(t); h.Paused() {
		t.Error("a restart does not end it")
	}
}

func TestTabletsFromTheMenu(t *testing.T) {
	h := newHall(t)
	token := h.enter(t)
	a := h.operate(t, "token", token, "do", "pair", "id", "Q2")
	code := regexp.MustCompile(`<p class="shown">([0-9A-Z]{4}-[0-9A-Z]{4})</p>`).FindStringSubmatch(a.text)
	if code == nil || !strings.Contains(a.text, "http://192.168.1.20:8081/pair") || !strings.Contains(a.text, "<b>09:10</b>") {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	if again := h.operate(t, "token", token); strings.Contains(again.text, code[1]) {
		t.Error("a code is shown twice")
	}
	paired := h.types(t, code[1])
	cookie := paired.Cookies()[0].Name + "=" + paired.Cookies()[0].Value
	if a := h.asTablet(t, cookie, "GET", "/", ""); a.StatusCode != 200 {
		t.Fatalf("%d", a.StatusCode)
	}
	id := h.tablets.list()[0].ID
	if a := h.operate(t, "token", token); !strings.Contains(a.text, id) || !strings.Contains(a.text, "20/04/2026 09:00:00") {
		t.Errorf("it is not listed: %s", a.text)
	}
	if a := h.operate(t, "token", token, "do", "revoke", "id", id); !strings.Contains(a.text, "đã thu hồi máy tính bảng "+id) {
		t.Errorf("%s", a.text)
	}
	h.asTablet(t, cookie, "GET", "/", "").strangers(t, "revoked from the menu")
	if a := h.operate(t, "token", token, "do", "revoke", "id", id); !strings.Contains(a.text, "Không có máy tính bảng này") {
		t.Errorf("%s", a.text)
	}
	if a := h.operate(t, "token", token, "do", "pair", "id", "Q9"); !strings.Contains(a.text, "Q1, Q2") || strings.Contains(a.text, "shown") {
		t.Errorf("%s", a.text)
	}
	deaf := newHall(t, func(o *Options, _ *Settings) { o.Addresses = nil })
	if a := deaf.operate(t, "token", deaf.enter(t)); !strings.Contains(a.text, "listen: 0.0.0.0:8081") || strings.Contains(a.text, `value="pair"`) {
		t.Errorf("a code is offered that no tablet could use: %s", a.text)
	}
	h.told(t, "operator: the operator's menu was entered", "tablet: a pairing code was made for a tablet at counter Q2", "tablet: tablet "+id+" is paired with counter Q2", "tablet: tablet "+id+" of counter Q2 is revoked")
}

func TestLeavingTheBrowser(t *testing.T) {
	var fails error
	left := 0
	h := newHall(t, func(o *Options, _ *Settings) { o.Operator.Exit = func() error { left++; return fails } })
	token := h.enter(t)
	if a := h.operate(t, "token", token, "do", "exit"); a.StatusCode != 200 || left != 1 {
		t.Errorf("%d, %d times", a.StatusCode, left)
	}
	fails = errors.New("systemctl: not found")
	if a := h.operate(t, "token", token, "do", "exit"); !strings.Contains(a.text, "lệnh thoát không chạy được: systemctl: not found") {
		t.Errorf("%s", a.text)
	}
	h.told(t, "operator: the operator's menu was entered", "operator: the screen was left through the operator's menu", "operator: the screen was left through the operator's menu",
		"operator: the command that leaves the screen failed: systemctl: not found")
	none := newHall(t)
	if a := none.operate(t, "token", none.enter(t), "do", "exit"); a.StatusCode != 200 || strings.Contains(a.text, "Thoát") {
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
}

func TestTheMenuIsForTheBoxItself(t *testing.T) {
	h := newHall(t)
	h.afar.Store(true)
	h.get(t, "/operator").strangers(t, "the pad from afar")
	h.do(t, "POST", "/operator", "pin=24680", "Content-Type", formType).strangers(t, "the PIN from afar")
	h.afar.Store(false)
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://evil.example"}, {"Host", "evil.example"}, {"X-Forwarded-For", "10.0.0.1"}} {
		if a := h.do(t, "POST", "/operator", "pin=24680", append([]string{"Content-Type", formType}, headers...)...); a.StatusCode != 403 || strings.Contains(a.text, "token") {
			t.Errorf("%v: %d %s", headers, a.StatusCode, a.text)
		}
	}
	if a := h.get(t, "/"); !strings.Contains(a.text, "/assets/operator.js") {
		t.Error("the gesture's script is not on the box's own page")
	}
	h.restart(t, func(o *Options, _ *Settings) { o.Operator.PIN = "" })
	if a := h.get(t, "/operator"); a.StatusCode != 404 {
		t.Errorf("without a PIN: %d", a.StatusCode)
	}
	if a := h.operate(t, "pin", ""); a.StatusCode != 404 {
		t.Errorf("without a PIN, an empty one: %d", a.StatusCode)
	}
	if a := h.get(t, "/"); strings.Contains(a.text, "operator.js") {
		t.Error("without a PIN the gesture's script is there")
	}
	h.told(t)
}
