package screen

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// How long pages stay that go home by themselves, in seconds. Where the script runs it
// decides instead.
const (
	askFor    = 60 // the first screen renews itself: another language, another question
	codeFor   = 20 // the same where it shows a code for phones, which grows old
	keptFor   = 5
	failedFor = 30
	outFor    = 5
	startFor  = 1
)

// manner is how a visitor wants the page. It lives in the page alone and ends with the
// visit.
type manner struct {
	Lang     survey.Lang
	Contrast bool // black and white, thick lines
	Large    bool // larger text
}

// mannerOf reads a visitor's wishes out of an address or a form.
func mannerOf(value func(string) string) manner {
	return manner{Lang: survey.Lang(value("lang")), Contrast: value("contrast") == "high", Large: value("text") == "large"}
}

// view is what the page's template is given.
type view struct {
	View string
	manner
	Default     survey.Lang   // shown to the next visitor
	Langs       []survey.Lang // all that the page carries
	Unit        survey.Words
	Counter     survey.Words
	CounterCode survey.CounterCode // named by whatever the page sends; "" = the recorder's own
	Here        string             // the address of the counter's first screen
	Action      string             // where a press goes without the script
	Look        string             // where the script asks whether another page is due
	After       string             // where the page goes after a visit; "" = it begins anew
	Answers     []tongueChoice     // the addresses of the faces outside opening hours, in each language
	Operator    bool               // five touches of the place's name lead to the operator's menu
	HasCode     bool               // the first screen shows a code for phones
	Test        bool
	First       step   // the overall question
	Steps       []step // those that follow
	Now         *step  // the question shown without the script; nil = none
	Sound       bool   // something can be heard
	turn               // the fields of a press without the script

	Scripted bool         // the page uses the script
	Home     int          // seconds until the page goes to the first screen; 0 = it stays
	Mark     string       // a short sign for the staff, on the first screen; "" = all is well
	Code     string       // a short reason for the operator, on the out-of-service page
	Reason   survey.Words // the same as a sentence; nil = the code alone
	Revision string

	thanks, idle time.Duration
	spoken       map[string]string // languages by the name of a sound
	words        wordlist
}

// turn is what a page without the script must know of the visit that it is part of.
type turn struct {
	Key       string // of the visit; see keyOf
	Step      int    // the number of the question that is being answered
	Level     string // the answer, where it is to be sent again
	Continues string // the visit's first record, which the answer goes on with
	Replaces  string // the visit's first record, which the answer takes the place of
}

// stepView is a page with one of its questions.
type stepView struct {
	view
	Step step
}

// Asked is the question itself.
func (v stepView) Asked() stepView { return v }

// With is the page with one of its questions.
func (v view) With(st step) stepView { return stepView{v, st} }

// Asked is the question that a press without the script answers.
func (v view) Asked() stepView {
	if v.Now != nil {
		return v.With(*v.Now)
	}
	return v.With(v.First)
}

// tongue is one text in one of the page's languages.
type tongue struct {
	For    survey.Lang // the language of the page
	Lang   survey.Lang // the language of the text: Vietnamese where For is missing
	Hidden bool
	Text   string
}

// tongueChoice is one language to choose.
type tongueChoice struct {
	Lang    survey.Lang
	Text    string
	Current bool
	Href    string
}

// toggle is a wish that can be switched on and off.
type toggle struct {
	Name string // contrast or text
	On   bool
	Href string
}

// In is w in every language of the page, all hidden but the one shown.
func (v view) In(w survey.Words) []tongue {
	var all []tongue
	for _, l := range v.Langs {
		t := tongue{For: l, Lang: l, Hidden: l != v.Lang, Text: w.In(l)}
		if w[l] == "" {
			t.Lang = survey.Vietnamese
		}
		all = append(all, t)
	}
	return all
}

// Say is a text of the word list in every language of the page.
func (v view) Say(id string) ([]tongue, error) {
	w, ok := v.words[id]
	if !ok {
		return nil, fmt.Errorf("the word list has no %q", id)
	}
	return v.In(w), nil
}

// Word is a text of the word list in the language shown.
func (v view) Word(id string) string { return v.words[id].In(v.Lang) }

// Title is the page's title.
func (v view) Title() string { return v.Word("title") }

// ThanksMS is how long the script shows the thank-you, in milliseconds.
func (v view) ThanksMS() int64 { return v.thanks.Milliseconds() }

// QuietMS is how long the script waits before it counts down, in milliseconds.
func (v view) QuietMS() int64 { return v.idle.Milliseconds() - v.CountdownMS() }

// CountdownMS is how long the script counts down, in milliseconds.
func (v view) CountdownMS() int64 { return min(countdown, v.idle/2).Milliseconds() }

// Picture is the address of the code for phones.
func (v view) Picture() string { return v.To("/qr.svg") }

// Thanked are the languages in which the thank-you can be heard, divided by spaces.
func (v view) Thanked() string { return v.spoken[thanksSound] }

// Refresh is after how many seconds a page goes home without the script. A code for
// phones is renewed that way, too, unless the visitor wants the page otherwise.
func (v view) Refresh() int {
	if v.View == "ask" && v.HasCode && v.manner == (manner{Lang: v.Default}) {
		return codeFor
	}
	return v.Home
}

// Choices are the languages to choose from, on the first screen.
func (v view) Choices() []tongueChoice {
	if v.View != "ask" || len(v.Langs) < 2 {
		return nil
	}
	var all []tongueChoice
	for _, l := range v.Langs {
		m := v.manner
		m.Lang = l
		all = append(all, tongueChoice{Lang: l, Text: cmp.Or(v.words["language"][l], string(l)), Current: l == v.Lang, Href: v.to(m)})
	}
	return all
}

// Toggles are the wishes that can be switched on the first screen.
func (v view) Toggles() []toggle {
	if v.View != "ask" {
		return nil
	}
	contrast, large := v.manner, v.manner
	contrast.Contrast, large.Large = !v.Contrast, !v.Large
	return []toggle{{"contrast", v.Contrast, v.to(contrast)}, {"text", v.Large, v.to(large)}}
}

// viewAt is a page of the counter that a request is about, if there is one.
func (s *Screen) viewAt(c *fiber.Ctx, m manner) view {
	if now := s.shown.Load(); now != nil {
		if p, err := s.placeOf(c, now); err == nil {
			v := now.at(p).base(s.words, m)
			v.Operator = s.ours(c)
			return v
		}
	}
	v := s.view(m)
	v.Operator = s.ours(c)
	return v
}

// ours reports whether the operator's menu is behind a page.
func (s *Screen) ours(c *fiber.Ctx) bool { return s.options.Operator.PIN != "" && !s.strange(c) }

// to is the address of the page that is shown, as a visitor wants it.
func (v view) to(m manner) string {
	more := []string{"lang", string(m.Lang)}
	if m.Contrast {
		more = append(more, "contrast", "high")
	}
	if m.Large {
		more = append(more, "text", "large")
	}
	if v.After != "" {
		more = append(more, "answer", "1")
	}
	return v.To("/", more...)
}

// To is an address for the same counter.
func (v view) To(path string, more ...string) string {
	return (&place{Counter: Counter{Code: v.CounterCode}, home: v.Here}).to(path, more...)
}

// view is a page as a visitor wants it, in the first language where theirs is not one of
// the screen's.
func (s *Screen) view(m manner) view {
	if now := s.shown.Load(); now != nil {
		return now.base(s.words, m)
	}
	nowhere := places(nil)
	return (&shown{settings: Settings{Languages: defaultLanguages, Thanks: defaultThanks, Idle: defaultIdle}, place: &nowhere[0]}).base(s.words, m)
}

func (n *shown) base(words wordlist, m manner) view {
	set := n.settings
	v := view{
		Default: set.Languages[0], manner: m, Langs: set.Languages,
		Unit: n.place.Unit, Counter: n.place.Name, CounterCode: n.place.Code, Test: set.Test,
		Here: n.place.home, Action: n.place.to("/press"), Look: n.place.to("/revision"),
		First: n.first, Steps: n.steps, Sound: len(n.sounds) > 0,
		thanks: set.Thanks, idle: set.Idle, words: words, spoken: map[string]string{},
	}
	if !slices.Contains(v.Langs, m.Lang) {
		v.Lang = v.Default
	}
	for _, name := range append([]string{questionSound, thanksSound}, n.codes()...) {
		v.spoken[name] = n.spoken(name)
	}
	return v
}

// ask is the first screen, without its key.
func (n *shown) ask(words wordlist, m manner) view {
	v := n.base(words, m)
	v.View, v.Scripted, v.Home, v.Revision = "ask", true, askFor, n.revision
	return v
}

// front is GET /.
func (s *Screen) front(c *fiber.Ctx) error {
	now := s.shown.Load()
	if now == nil || s.unready() != nil {
		return s.outOfService(c)
	}
	if now.settings.Role == survey.OnlineGateway {
		return &failure{kind: notFound} // its screen is the web form, at another address
	}
	if _, ok := s.caller(c); !ok {
		return s.message(c, "away", fiber.StatusForbidden)
	}
	p, err := s.placeOf(c, now)
	if err != nil {
		return s.message(c, "nocounter", fiber.StatusNotFound)
	}
	s.renewCookie(c)
	now = now.at(p)
	if s.asleep(c, now) {
		return s.closed(c, now)
	}
	v := now.ask(s.words, mannerOf(func(name string) string { return strings.Clone(c.Query(name)) }))
	v.Key, v.Mark = newKey(), s.mark()
	v.Revision += s.sign()
	s.mine(c, &v)
	if !now.settings.Hours.Open(s.now()) {
		v.After, v.Look = p.home, p.to("/revision", "answer", "1")
	}
	return s.render(c, fiber.StatusOK, v)
}

// mine completes a page of a counter in service with what holds at this moment and for
// this caller.
func (s *Screen) mine(c *fiber.Ctx, v *view) {
	v.Test = v.Test || s.Testing()
	v.Operator = s.ours(c)
	_, v.HasCode = s.code(v.CounterCode)
}

// whyOut is why the screen is out of service; it may have come back a moment ago.
func (s *Screen) whyOut() *failure {
	if why := s.unready(); why != nil {
		return why
	}
	return &failure{kind: starting, code: "E0"}
}

// outOfService is the page while presses cannot be recorded. Why a kiosk is not
// enrolled is shown at the kiosk itself, where somebody sets it up.
func (s *Screen) outOfService(c *fiber.Ctx) error {
	why := s.whyOut()
	v := s.viewAt(c, manner{})
	v.View, v.Scripted, v.Home, v.Code, v.Revision = "out", true, outFor, why.code, s.outRevision(why)
	switch why.kind {
	case starting:
		v.View, v.Home = "starting", startFor
	case paused:
		v.View = "paused"
		s.mine(c, &v)
	case notEnrolled:
		v.Reason = notYet
		if !s.strange(c) {
			v.Reason = told(&NotEnrolled{Why: why.told})
		}
	}
	return s.render(c, why.kind.status, v)
}

// message shows a page of one message, in the language that the browser asks for.
func (s *Screen) message(c *fiber.Ctx, name string, status int) error {
	v := s.viewAt(c, manner{Lang: preferred(c)})
	v.View = name
	return s.render(c, status, v)
}

func (s *Screen) render(c *fiber.Ctx, status int, v view) error {
	return s.renderAs(c, status, "page", v.Lang, v)
}

// renderAs answers with the page of that name.
func (s *Screen) renderAs(c *fiber.Ctx, status int, name string, lang survey.Lang, with any) error {
	page, err := s.rendered(name, with)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentLanguage, string(lang))
	if v, page := with.(view); page {
		v.audible(c)
	}
	return c.Status(status).Send(page)
}

func (s *Screen) rendered(name string, with any) ([]byte, error) {
	var b bytes.Buffer
	if err := s.page.ExecuteTemplate(&b, name, with); err != nil {
		return nil, fmt.Errorf("make the page %q: %w", name, err)
	}
	return b.Bytes(), nil
}

// newKey is the idempotency key of one turn without the script.
func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
