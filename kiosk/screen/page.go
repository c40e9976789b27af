package screen

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
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
	keptFor   = 5
	failedFor = 30
	outFor    = 5
	startFor  = 1
)

// view is what the page's template is given.
type view struct {
	View         string
	Lang         survey.Lang   // shown now
	Default      survey.Lang   // shown to the next visitor
	Langs        []survey.Lang // all that the page carries
	Unit         survey.Words
	Counter      survey.Words
	CounterCode  survey.CounterCode // named by whatever the page sends; "" = the recorder's own
	Here         string             // the address of the counter's first screen
	Action       string             // where a press goes without the script
	Look         string             // where the script asks whether another page is due
	After        string             // where the page goes after a visit; "" = it begins anew
	Answers      []choice           // the addresses of the faces outside opening hours, in each language
	Operator     bool               // five touches of the place's name lead to the operator's menu
	HasCode      bool               // the counter has a code for phones
	Test         bool
	Question     survey.Words
	QuestionCode string
	Faces        []face
	// The fields of a press without the script.
	Key, Questionnaire, Level string

	Scripted bool         // the page uses the script
	Home     int          // seconds until the page goes to the first screen; 0 = it stays
	Mark     string       // a short sign for the staff, on the first screen; "" = all is well
	Code     string       // a short reason for the operator, on the out-of-service page
	Reason   survey.Words // the same as a sentence; nil = the code alone
	Revision string

	thanks time.Duration
	words  wordlist
}

// tongue is one text in one of the page's languages.
type tongue struct {
	For    survey.Lang // the language of the page
	Lang   survey.Lang // the language of the text: Vietnamese where For is missing
	Hidden bool
	Text   string
}

// choice is one language to choose.
type choice struct {
	Lang    survey.Lang
	Text    string
	Current bool
	Href    string
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

// Choices are the languages to choose from, on the first screen.
func (v view) Choices() []choice {
	if v.View != "ask" || len(v.Langs) < 2 {
		return nil
	}
	var all []choice
	for _, l := range v.Langs {
		all = append(all, choice{Lang: l, Text: cmp.Or(v.words["language"][l], string(l)), Current: l == v.Lang, Href: v.in(l)})
	}
	return all
}

// view is a page in lang, or in the first language where lang is not one of its.
func (s *Screen) view(lang survey.Lang) view {
	if now := s.shown.Load(); now != nil {
		return now.base(s.words, lang)
	}
	nowhere := places(nil)
	return (&shown{settings: Settings{Languages: defaultLanguages, Thanks: defaultThanks}, place: &nowhere[0]}).base(s.words, lang)
}

// viewAt is a page of the counter that a request is about, if there is one.
func (s *Screen) viewAt(c *fiber.Ctx, lang survey.Lang) view {
	if now := s.shown.Load(); now != nil {
		if p, err := s.placeOf(c, now); err == nil {
			v := now.at(p).base(s.words, lang)
			v.Operator = s.ours(c)
			return v
		}
	}
	v := s.view(lang)
	v.Operator = s.ours(c)
	return v
}

// ours reports whether the operator's menu is behind a page.
func (s *Screen) ours(c *fiber.Ctx) bool { return s.options.Operator.PIN != "" && !s.strange(c) }

// in is the address of the page that is shown, in another language.
func (v view) in(lang survey.Lang) string {
	more := []string{"lang", string(lang)}
	if v.After != "" {
		more = append(more, "answer", "1")
	}
	return v.To("/", more...)
}

// To is an address for the same counter.
func (v view) To(path string, more ...string) string {
	return (&place{Counter: Counter{Code: v.CounterCode}, home: v.Here}).to(path, more...)
}

func (n *shown) base(words wordlist, lang survey.Lang) view {
	set := n.settings
	v := view{
		Default: set.Languages[0], Lang: lang, Langs: set.Languages,
		Unit: n.place.Unit, Counter: n.place.Name, CounterCode: n.place.Code, Test: set.Test, thanks: set.Thanks, words: words,
		Here: n.place.home, Action: n.place.to("/press"), Look: n.place.to("/revision"),
	}
	if !slices.Contains(v.Langs, lang) {
		v.Lang = v.Default
	}
	return v
}

// ask is the first screen, without its key.
func (n *shown) ask(words wordlist, lang survey.Lang) view {
	v := n.base(words, lang)
	v.View, v.Scripted, v.Home = "ask", true, askFor
	v.Question, v.QuestionCode, v.Questionnaire = n.question.Words, string(n.question.Code), n.version
	v.Faces, v.Revision = n.faces, n.revision
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
	v := now.ask(s.words, survey.Lang(strings.Clone(c.Query("lang"))))
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
	v := s.viewAt(c, "")
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
	v := s.viewAt(c, preferred(c))
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
	return c.Status(status).Send(page)
}

func (s *Screen) rendered(name string, with any) ([]byte, error) {
	var b bytes.Buffer
	if err := s.page.ExecuteTemplate(&b, name, with); err != nil {
		return nil, fmt.Errorf("make the page %q: %w", name, err)
	}
	return b.Bytes(), nil
}

// revision answers the page's question whether another page is due.
func (s *Screen) revision(c *fiber.Ctx) error {
	s.Look()
	now := s.shown.Load()
	if now == nil || s.unready() != nil {
		return c.SendString(s.outRevision(s.whyOut()))
	}
	p, err := s.placeOf(c, now)
	if err != nil {
		return err
	}
	if now = now.at(p); s.asleep(c, now) {
		return c.SendString(s.closedRevision(now))
	}
	return c.SendString(now.revision + s.sign())
}

// outRevision changes with the reason, so that the page does.
func (s *Screen) outRevision(why *failure) string {
	return why.code + "-" + digest([]byte(why.told.In(survey.Vietnamese)+s.build))
}

// revisionOf names a page by what it shows and by the program's files.
func (s *Screen) revisionOf(v view) (string, error) {
	page, err := s.rendered("page", v)
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
