package screen

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// Operator is the operator's menu on the box's own screen.
type Operator struct {
	PIN  string       // 4 to 12 digits; "" = there is no menu
	Exit func() error // leaves the browser, for whoever looks after the box; nil = no such button
}

// menuEvents is how many of the latest events the menu shows.
const menuEvents = 20

// padFor is after how many seconds the PIN's page goes home.
const padFor = 60

// padPage is what the page that asks for the PIN is given.
type padPage struct {
	view
	Typed string // so far
	Wrong bool   // the last one was wrong
	More  int    // tries before the next wait, after a wrong one
	Wait  int    // minutes until somebody may try again; 0 = they may
	Ended bool   // the menu has closed by itself
}

// Keys are the number pad's digits, in its order.
func (padPage) Keys() []string { return strings.Split("1234567890", "") }

// line is one line of the menu's state.
type line struct {
	Name  string // which word says what it is
	Value string
	Bad   bool
}

// menuPage is what the operator's menu is given.
type menuPage struct {
	view
	Token   string
	Said    survey.Words // what the last touch did; nil = nothing
	Failed  bool         // it could not be done
	Lines   []line
	Testing bool
	Always  bool // test mode is on by the settings
	Paused  bool
	Places  []place
	Tablets []tabletLine
	CanPair bool
	Reach   bool // tablets can find the box
	Events  []eventBody
	CanExit bool
	Invited *invitedPage
}

// invitedPage is a one-time code that was just made.
type invitedPage struct {
	Counter   survey.Words
	Code      string
	Until     string
	Addresses []string
}

type tabletLine struct{ ID, Counter, Since, Seen string }

// staffLang is the language of pages for the staff: Vietnamese, unless another is asked
// for.
func staffLang(c *fiber.Ctx, asked string) survey.Lang {
	if asked == "" {
		asked = c.Query("lang")
	}
	if survey.Lang(asked) == survey.English {
		return survey.English
	}
	return survey.Vietnamese
}

// operatorPage is GET /operator.
func (s *Screen) operatorPage(c *fiber.Ctx) error {
	s.Look()
	return s.pad(c, staffLang(c, ""), padPage{})
}

// pad asks for the PIN.
func (s *Screen) pad(c *fiber.Ctx, lang survey.Lang, p padPage) error {
	status := fiber.StatusOK
	if left := s.operator.wait(s.now()); left > 0 {
		p.Wait, status = int((left+time.Minute-1)/time.Minute), fiber.StatusTooManyRequests
	} else if p.Wrong {
		status = fiber.StatusForbidden
	}
	p.view = s.staffView(c, lang)
	p.View, p.Home = "pin", padFor
	return s.renderAs(c, status, "pin", lang, p)
}

// staffView is a page for the staff, in their language alone.
func (s *Screen) staffView(c *fiber.Ctx, lang survey.Lang) view {
	v := s.viewAt(c, manner{Lang: lang})
	v.Lang = lang
	return v
}

// operate is POST /operator: a key of the number pad, a PIN, or a touch in the menu.
func (s *Screen) operate(c *fiber.Ctx) error {
	s.Look()
	form, err := url.ParseQuery(string(c.BodyRaw()))
	if err != nil || !hasMedia(c, fiber.MIMEApplicationForm) {
		return &failure{kind: malformed}
	}
	lang := staffLang(c, form.Get("lang"))
	if token := form.Get("token"); token != "" {
		if !s.operator.holds(token, s.now()) {
			return s.pad(c, lang, padPage{Ended: true})
		}
		return s.act(c, lang, token, form)
	}
	typed := form.Get("pin")
	switch key := form.Get("key"); {
	case key == "back":
		return s.pad(c, lang, padPage{Typed: typed[:max(len(typed)-1, 0)]})
	case len(key) == 1 && key >= "0" && key <= "9":
		return s.pad(c, lang, padPage{Typed: (typed + key)[:min(len(typed)+1, maxPIN)]})
	}
	return s.enter(c, lang, typed)
}

// enter judges the PIN that was typed.
func (s *Screen) enter(c *fiber.Ctx, lang survey.Lang, pin string) error {
	v, err := s.operator.enter(pin, s.now())
	if err != nil {
		s.options.Log.Error("a lock-out would not survive a restart", "error", err)
	}
	switch {
	case v.token != "":
		s.note(EventOperator, "đã vào menu vận hành", "the operator's menu was entered")
		return s.menu(c, lang, menuPage{Token: v.token})
	case v.now:
		s.note(EventRefused, fmt.Sprintf("sai mã PIN vận hành lần thứ %d: khóa %s", guesses, v.left.Round(time.Second)), fmt.Sprintf("wrong operator's PIN for the %dth time: locked for %s", guesses, v.left.Round(time.Second)))
	case v.left == 0:
		s.note(EventRefused, "sai mã PIN vận hành", "wrong operator's PIN")
	}
	return s.pad(c, lang, padPage{Wrong: v.left == 0, More: v.more})
}

// act does what was touched in the menu.
func (s *Screen) act(c *fiber.Ctx, lang survey.Lang, token string, form url.Values) error {
	p := menuPage{Token: token}
	done := func(vi, en string) {
		p.Said = says(vi, en)
		s.note(EventOperator, vi, en)
	}
	failed := func(err error) {
		p.Said, p.Failed = saidBy(err), true
	}
	switch do, id := form.Get("do"), form.Get("id"); do {
	case "leave":
		s.operator.leave()
		s.note(EventOperator, "đã đóng menu vận hành", "the operator's menu was closed")
		return c.Redirect(s.viewAt(c, manner{}).Here, fiber.StatusSeeOther)
	case "exit":
		if s.options.Operator.Exit == nil {
			break
		}
		s.note(EventOperator, "thoát khỏi màn hình đánh giá bằng menu vận hành", "the screen was left through the operator's menu")
		if err := s.options.Operator.Exit(); err != nil {
			s.note(EventOperator, "lệnh thoát không chạy được: "+err.Error(), "the command that leaves the screen failed: "+err.Error())
			p.Said, p.Failed = says("lệnh thoát không chạy được: "+err.Error(), "the command that leaves the screen failed: "+err.Error()), true
		}
	case "test-on":
		s.modes.setTest(s.now().Add(testFor))
		done("đã bật chế độ thử trong 30 phút", "test mode is on for 30 minutes")
	case "test-off":
		s.modes.setTest(time.Time{})
		done("đã tắt chế độ thử", "test mode is off")
	case "pause":
		s.modes.setPaused(true)
		done("đã tạm ngưng nhận đánh giá", "the box is out of service")
	case "resume":
		s.modes.setPaused(false)
		done("đã nhận đánh giá trở lại", "the box is in service again")
	case "pair":
		if err := s.offer(&p, survey.CounterCode(id)); err != nil {
			failed(err)
		}
	case "revoke":
		if t, err := s.revoke(id); err != nil {
			failed(err)
		} else {
			p.Said = says("đã thu hồi máy tính bảng "+t.ID, "tablet "+t.ID+" is revoked")
		}
	}
	return s.menu(c, lang, p)
}

// offer makes a one-time code and puts it on the page.
func (s *Screen) offer(p *menuPage, counter survey.CounterCode) error {
	code, until, err := s.invite(counter)
	if err != nil {
		return err
	}
	p.Invited = &invitedPage{Counter: says(string(counter), string(counter)), Code: code, Until: until.In(survey.Zone).Format("15:04"), Addresses: s.addresses()}
	return nil
}

// saidBy is what a failure says to the operator.
func saidBy(err error) survey.Words {
	words := survey.Words{}
	for _, lang := range defaultLanguages {
		if f, ok := err.(*failure); ok {
			b := f.body(lang)
			words[lang] = b.Title + ": " + b.Detail
		} else {
			words[lang] = err.Error()
		}
	}
	return words
}

// menu is the operator's menu.
func (s *Screen) menu(c *fiber.Ctx, lang survey.Lang, p menuPage) error {
	p.view = s.staffView(c, lang)
	p.View, p.Home = "menu", wholeSeconds(sessionFor)
	p.Lines = s.lines(lang)
	p.Testing, p.Paused, p.CanExit = s.Testing(), s.Paused(), s.options.Operator.Exit != nil
	p.CanPair, p.Reach = s.tablets.folder != "", len(s.addresses()) > 0
	if now := s.shown.Load(); now != nil {
		p.Always = now.settings.Test
		if now.settings.Role != survey.OnlineGateway {
			p.Places = now.places
		}
	}
	for _, t := range s.tablets.list() {
		p.Tablets = append(p.Tablets, tabletLine{ID: t.ID, Counter: string(t.Counter), Since: clock(t.Since), Seen: clock(t.Seen)})
	}
	if s.options.Diary != nil {
		list, err := s.options.Diary()
		if err != nil {
			s.options.Log.Error("the diary cannot be read", "error", err)
		}
		list = list[max(0, len(list)-menuEvents):]
		for i := range list {
			e := list[len(list)-1-i]
			p.Events = append(p.Events, eventBody{At: clock(e.At), Sure: e.Sure, Kind: e.Kind, Text: e.Words.In(lang)})
		}
	}
	return s.renderAs(c, fiber.StatusOK, "menu", lang, p)
}

// lines are the box's state.
func (s *Screen) lines(lang survey.Lang) []line {
	st := s.options.State.Status()
	say := func(vi, en string) string { return says(vi, en).In(lang) }
	list := []line{}
	add := func(name, value string, bad bool) {
		if value != "" {
			list = append(list, line{Name: name, Value: value, Bad: bad})
		}
	}
	if why := s.options.State.Ready(); why != nil {
		add("menu.ready", told(why).In(lang), true)
	}
	since := ""
	if !st.Link.Since.IsZero() {
		since = say(" từ ", " since ") + clock(st.Link.Since)
	}
	if st.Link.Connected {
		add("menu.link", say("đang kết nối", "connected")+since, false)
	} else {
		add("menu.link", say("không kết nối", "not connected")+since, true)
	}
	add("menu.problem", st.Link.Problem.In(lang), true)
	add("menu.unsent", fmt.Sprint(st.Unsent), false)
	if st.OldestUnsent > 0 {
		add("menu.oldest", st.OldestUnsent.Round(time.Second).String(), false)
	}
	if st.Total > 0 {
		add("menu.disk", fmt.Sprintf(say("còn %d trong %d MiB", "%d of %d MiB free"), st.Free>>20, st.Total>>20), false)
	}
	add("menu.clock", clock(st.Clock.Now), false)
	add("menu.kiosk", string(st.Kiosk), false)
	if !st.Chain.IsZero() {
		add("menu.chain", fmt.Sprintf("%s / %d", st.Chain, st.Last), false)
	}
	add("menu.version", st.Version, false)
	return list
}

// clock is a moment for people.
func clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(survey.Zone).Format("02/01/2006 15:04:05")
}
