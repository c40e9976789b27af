package screen

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
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

// values are the wishes as fields of an address.
func (m manner) values() url.Values {
	q := url.Values{"lang": {string(m.Lang)}}
	if m.Contrast {
		q.Set("contrast", "high")
	}
	if m.Large {
		q.Set("text", "large")
	}
	return q
}

// view is what the page's template is given.
type view struct {
	View string
	manner
	Default survey.Lang   // shown to the next visitor
	Langs   []survey.Lang // all that the page carries
	Unit    survey.Words
	Counter survey.Words
	Test    bool
	First   step   // the overall question
	Steps   []step // those that follow
	Now     *step  // the question shown without the script; nil = none
	HasCode bool   // the first screen shows a code for phones
	Sound   bool   // something can be heard
	turn           // the fields of a press without the script

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
	Address string
}

// toggle is a wish that can be switched on and off.
type toggle struct {
	Name    string // contrast or text
	On      bool
	Address string
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

// Front is the address of the first screen.
func (v view) Front() string { return "/" }

// Picture is the address of the code for phones.
func (v view) Picture() string { return "/qr.svg" }

// Thanked are the languages in which the thank-you can be heard, divided by spaces.
func (v view) Thanked() string { return v.spoken[thanksSound] }

// to is the address of the first screen as a visitor wants it.
func (v view) to(m manner) string { return v.Front() + "?" + m.values().Encode() }

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
		all = append(all, tongueChoice{Lang: l, Text: cmp.Or(v.words["language"][l], string(l)), Current: l == v.Lang, Address: v.to(m)})
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

// view is a page as a visitor wants it, in the first language where theirs is not one of
// the screen's.
func (s *Screen) view(m manner) view {
	if now := s.shown.Load(); now != nil {
		return now.base(s.words, m)
	}
	return (&shown{settings: Settings{Languages: defaultLanguages, Thanks: defaultThanks, Idle: defaultIdle}}).base(s.words, m)
}

func (n *shown) base(words wordlist, m manner) view {
	set := n.settings
	v := view{
		Default: set.Languages[0], manner: m, Langs: set.Languages,
		Unit: set.Unit, Counter: set.CounterName, Test: set.Test, First: n.first, Steps: n.steps, Sound: len(n.sounds) > 0,
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
		return s.message(c, "online", fiber.StatusOK)
	}
	if s.strange(c) || !s.ownHost(string(c.Request().Header.Host())) {
		return s.message(c, "away", fiber.StatusForbidden)
	}
	v := now.ask(s.words, mannerOf(func(name string) string { return strings.Clone(c.Query(name)) }))
	v.Key, v.Mark = newKey(), s.mark()
	v.Revision += v.Mark
	return s.render(c, fiber.StatusOK, v)
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
	v := s.view(manner{})
	v.View, v.Scripted, v.Home, v.Code, v.Revision = "out", true, outFor, why.code, s.outRevision(why)
	switch why.kind {
	case starting:
		v.View, v.Home = "starting", startFor
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
	v := s.view(manner{Lang: preferred(c)})
	v.View = name
	return s.render(c, status, v)
}

func (s *Screen) render(c *fiber.Ctx, status int, v view) error {
	page, err := s.rendered(v)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentLanguage, string(v.Lang))
	v.audible(c)
	return c.Status(status).Send(page)
}

func (s *Screen) rendered(v view) ([]byte, error) {
	var b bytes.Buffer
	if err := s.page.ExecuteTemplate(&b, "page", v); err != nil {
		return nil, fmt.Errorf("make the page %q: %w", v.View, err)
	}
	return b.Bytes(), nil
}

// revision answers the page's question whether another page is due.
func (s *Screen) revision(c *fiber.Ctx) error {
	now := s.shown.Load()
	if now == nil || s.unready() != nil {
		return c.SendString(s.outRevision(s.whyOut()))
	}
	return c.SendString(now.revision + s.mark())
}

// outRevision changes with the reason, so that the page does.
func (s *Screen) outRevision(why *failure) string {
	return why.code + "-" + digest([]byte(why.told.In(survey.Vietnamese)+s.build))
}

// revisionOf names a page by what it shows and by the program's files.
func (s *Screen) revisionOf(v view) (string, error) {
	page, err := s.rendered(v)
	if err != nil {
		return "", err
	}
	return digest(append(page, s.build...)), nil
}

// digest names bytes by their content.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// newKey is the idempotency key of one turn without the script.
func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
