package webform

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/locale"
	"hailong/survey/mask"
)

// view is what the page's template is given.
type view struct {
	View          string // which part is shown
	Lang          survey.Lang
	Switch        bool // the other language can be chosen
	Unit, Counter string
	Test          bool
	Tone          string // good, bad or none: how a message looks
	Typing        bool   // with the field for a short address

	// The form.
	Path    string
	Hidden  []hidden
	Problem string // the word that says what to mend; "" = nothing
	First   *asked
	Rest    []asked
	Comment string
	Asks    string      // who asks
	Head    string      // the words above the rest: thanks or resume
	Masked  []mask.Kind // what was masked in the comment

	Notice []paragraph // the privacy notice

	files *bundle
}

type hidden struct{ Name, Value string }

// asked is a question on the page.
type asked struct {
	Text, Name string
	Levels     []option
}

type option struct {
	Value, Text string
	Chosen      bool
	Not         bool // no level: not applicable, or skipped
}

type paragraph struct{ Head, Text string }

// Word is a text of the word list in the page's language.
func (v *view) Word(id string) (string, error) {
	w, ok := v.files.words[id]
	if !ok {
		return "", fmt.Errorf("the word list has no %q", id)
	}
	return w.In(v.Lang), nil
}

// Style is the page's style.
func (v *view) Style() template.HTML { return v.files.style }

// Script is the page's script.
func (v *view) Script() template.HTML { return v.files.script }

// Title is the page's title. What a screen reader says first is what the page has to say.
func (v *view) Title() string {
	title := v.files.words["title"].In(v.Lang)
	if v.Counter != "" {
		title += " – " + v.Counter
	}
	said := v.View
	switch {
	case v.View == "first" && v.Problem != "":
		said = "problem"
	case v.View == "first", v.View == "front":
		return title
	case v.View == "more":
		said = v.Head
	case v.View == "done":
		said = "thanks"
	}
	return v.files.words[said].In(v.Lang) + " – " + title
}

// OtherLang is the language that can be chosen.
func (v *view) OtherLang() survey.Lang {
	if v.Lang == survey.English {
		return survey.Vietnamese
	}
	return survey.English
}

func (f *Form) view(name string, lang survey.Lang) *view {
	v := &view{View: name, Lang: lang, files: f.files}
	if now := f.shown.Load(); now != nil {
		v.Test = now.Test
	}
	return v
}

// at is a view at a door: it names the unit and the counter.
func (f *Form) at(d *door, name string, lang survey.Lang) *view {
	v := f.view(name, lang)
	v.Unit, v.Counter, v.Path = d.place.UnitName.In(lang), d.place.Name.In(lang), d.path
	return v
}

// ask is a question in the page's language. One that may be left out can be skipped again
// once something was chosen.
func (v *view) ask(version survey.Version, q survey.Question, chosen string, skip bool) asked {
	a := asked{Text: q.Words.In(v.Lang), Name: answerPrefix + string(q.Code)}
	if scale := version.Scale(q.Scale); scale != nil {
		for _, l := range scale.Levels {
			value := strconv.Itoa(int(l.Value))
			a.Levels = append(a.Levels, option{Value: value, Text: l.Words.In(v.Lang), Chosen: value == chosen})
		}
	}
	if q.NotApplicable {
		a.Levels = append(a.Levels, option{Value: notUsed, Text: v.files.words["na"].In(v.Lang), Chosen: chosen == notUsed, Not: true})
	}
	if skip {
		a.Levels = append(a.Levels, option{Text: v.files.words["skip"].In(v.Lang), Not: true})
	}
	return a
}

// language is the one to speak: the one chosen, or what the browser prefers.
func language(c *fiber.Ctx, chosen string) survey.Lang {
	if lang := survey.Lang(chosen); slices.Contains(languages, lang) {
		return lang
	}
	return locale.Preferred(string(c.Request().Header.Peek(fiber.HeaderAcceptLanguage)))
}

// How a page may be kept by the browser. The back button must bring a form back as it
// was, so it may; what holds answers may not.
const (
	mayGoBack = "private, max-age=0"
	keepNot   = "no-store"
)

// harden sets the headers that every answer carries.
func (f *Form) harden(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, f.files.policy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("X-Robots-Tag", "noindex")
}

func (f *Form) render(c *fiber.Ctx, status int, cache string, v *view) error {
	var b bytes.Buffer
	if err := f.files.page.ExecuteTemplate(&b, "page", v); err != nil {
		return fmt.Errorf("make the page %q: %w", v.View, err)
	}
	f.harden(c)
	c.Set(fiber.HeaderCacheControl, cache)
	c.Set(fiber.HeaderContentLanguage, string(v.Lang))
	return f.deliver(c, status, b.Bytes(), nil)
}

// deliver sends a page, compressed where the browser can read that; small is the page
// compressed, nil where that has still to be done.
func (f *Form) deliver(c *fiber.Ctx, status int, page, small []byte) (err error) {
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderVary, "Accept-Encoding, Accept-Language")
	if c.Request().Header.HasAcceptEncoding("gzip") {
		if small == nil {
			if small, err = squeeze(page); err != nil {
				return err
			}
		}
		c.Set(fiber.HeaderContentEncoding, "gzip")
		page = small
	}
	return c.Status(status).Send(page)
}

// say shows a page of one message.
func (f *Form) say(c *fiber.Ctx, status int, name string, lang survey.Lang) error {
	v := f.view(name, lang)
	v.Tone = "bad"
	if v.Typing = name == "front" || name == "short"; name == "front" {
		v.Tone = ""
	}
	// The link is another GET: after a form that was sent it must lose nothing.
	v.Switch = name == "front" || name == "short" || name == "bad" || c.Method() == fiber.MethodGet
	return f.render(c, status, keepNot, v)
}

// sayAt shows a page of one message at a door.
func (f *Form) sayAt(c *fiber.Ctx, d *door, status int, name string, lang survey.Lang) error {
	v := f.at(d, name, lang)
	v.Tone = "bad"
	if v.Switch = name != "kept"; name == "kept" {
		v.Tone = "good"
	}
	return f.render(c, status, keepNot, v)
}

// front is GET /: where a short address can be typed.
func (f *Form) front(c *fiber.Ctx) error {
	if code := c.Query("code"); code != "" {
		path := "/" + strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, code)
		if lang := survey.Lang(c.Query("lang")); slices.Contains(languages, lang) {
			path += "?lang=" + string(lang)
		}
		f.harden(c)
		c.Set(fiber.HeaderCacheControl, keepNot)
		return c.Redirect(path, fiber.StatusSeeOther)
	}
	return f.say(c, fiber.StatusOK, "front", language(c, c.Query(fieldLang)))
}

// privacy is GET /privacy.
func (f *Form) privacy(c *fiber.Ctx) error {
	v := f.view("privacy", language(c, c.Query(fieldLang)))
	v.Switch = true
	word := func(id string) string { return f.files.words[id].In(v.Lang) }
	who, contact, months := word("p.who.none"), word("p.contact.none"), defaultKeepMonths
	if now := f.shown.Load(); now != nil {
		who, contact, months = cmp.Or(now.Office.In(v.Lang), who), cmp.Or(now.Contact, contact), cmp.Or(now.KeepMonths, months)
	}
	v.Notice = []paragraph{
		{word("p.who"), who}, {word("p.why"), word("p.why.more")}, {word("p.free"), word("p.free.more")},
		{word("p.what"), word("p.what.more")}, {word("p.not"), word("p.not.more")}, {word("p.cookie"), word("p.cookie.more")},
		{word("p.long"), fmt.Sprintf(word("p.long.more"), months)}, {word("p.rights"), word("p.rights.more")}, {word("p.contact"), contact},
	}
	return f.render(c, fiber.StatusOK, mayGoBack, v)
}

// defaultKeepMonths is for how long people are told that comments are kept, where nothing
// else is said.
const defaultKeepMonths = 24

// busy answers whoever is over a limit, in both languages and without working for it.
func (f *Form) busy(c *fiber.Ctx) error {
	f.figures.limited.Add(1)
	f.harden(c)
	c.Set(fiber.HeaderCacheControl, keepNot)
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(retryAfter))
	return f.deliver(c, fiber.StatusTooManyRequests, f.files.busy, f.files.busySmall)
}
