package screen

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/kiosk"
	"hailong/survey"
)

// created is the answer to a response that was kept.
type created struct {
	ID       string `json:"id"`
	Sequence uint64 `json:"sequence"`
}

// pressJSON is POST /api/v1/responses.
func (s *Screen) pressJSON(c *fiber.Ctx) error {
	if !hasMedia(c, "application/json") {
		return &failure{kind: wrongMedia, value: string(c.Request().Header.ContentType())}
	}
	p, err := decodePress(c.BodyRaw())
	if errors.Is(err, errNotJSON) {
		return &failure{kind: malformed}
	}
	if err != nil {
		return recordFailure(err)
	}
	if err := s.belongs(c, &p); err != nil {
		return err
	}
	e, err := s.record(p)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(created{ID: e.ID.String(), Sequence: e.ID.Sequence})
}

// record hands a press to the recorder of this moment. The error is a *failure.
func (s *Screen) record(p kiosk.Press) (survey.Entry, error) {
	now := s.shown.Load()
	if now == nil || s.Paused() {
		return survey.Entry{}, s.whyOut()
	}
	// A press that has begun is finished, whether or not its caller still waits.
	ctx, done := context.WithTimeout(context.Background(), recordWithin)
	defer done()
	e, err := now.recorder.Record(ctx, p)
	if err != nil {
		return survey.Entry{}, recordFailure(err)
	}
	return e, nil
}

// hasMedia reports whether the body is of one media type, in UTF-8 and as it is.
func hasMedia(c *fiber.Ctx, want string) bool {
	h := &c.Request().Header
	if enc := string(h.Peek(fiber.HeaderContentEncoding)); enc != "" && !strings.EqualFold(enc, "identity") {
		return false
	}
	media, params, err := mime.ParseMediaType(string(h.ContentType()))
	charset := params["charset"]
	return err == nil && media == want && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

// What a button of the form may say instead of a level.
const (
	skipped       = "skip"  // leave the question blank
	notApplicable = "na"    // where the question offers it
	chooseAgain   = "again" // back to the faces, to change the first answer
	ended         = "end"   // no more questions
)

// form is a press of the page without its script. Each field stands once.
type form struct {
	turn
	manner
	questionnaire, question string
}

func readForm(body []byte) (form, bool) {
	v, err := url.ParseQuery(string(body))
	f := form{
		turn:          turn{Key: v.Get("key"), Level: v.Get("level"), Continues: v.Get("continues"), Replaces: v.Get("replaces")},
		manner:        mannerOf(v.Get),
		questionnaire: v.Get("questionnaire"), question: v.Get("question"),
	}
	if err == nil && v.Get("step") != "" {
		f.Step, err = strconv.Atoi(v.Get("step"))
	}
	return f, err == nil && f.Step >= 0
}

func (f form) press() (kiosk.Press, bool) {
	p := kiosk.Press{Questionnaire: f.questionnaire, Channel: survey.Touch, Key: keyOf(f.Key, f.Step)}
	if f.Key == "" {
		p.Key = ""
	}
	a := survey.Answer{Question: survey.QuestionCode(f.question)}
	switch f.Level {
	case skipped:
		a.Kind = survey.Blank
	case notApplicable:
		a.Kind = survey.NotApplicable
	default:
		level, err := strconv.ParseUint(f.Level, 10, 8)
		if err != nil || survey.Level(level) > survey.MaxLevel {
			return p, false
		}
		a.Kind, a.Level = survey.AtLevel, survey.Level(level)
	}
	p.Answers = []survey.Answer{a}
	for _, link := range []struct {
		id *survey.RecordID
		of string
	}{{&p.Continues, f.Continues}, {&p.Replaces, f.Replaces}} {
		if link.of == "" {
			continue
		}
		id, err := survey.ParseRecordID(link.of)
		if err != nil {
			return p, false
		}
		*link.id = id
	}
	return p, true
}

// pressForm is POST /press: what a face does where the script does not run. It answers
// with a page in every case, since somebody stands before it.
func (s *Screen) pressForm(c *fiber.Ctx) error {
	f, ok := readForm(c.BodyRaw())
	if !ok || !hasMedia(c, fiber.MIMEApplicationForm) {
		return s.afterPress(c, f, survey.Entry{}, &failure{kind: malformed})
	}
	switch f.Level {
	case ended:
		return s.thank(c, f, "done", fiber.StatusOK)
	case chooseAgain:
		return s.askAgain(c, f)
	}
	p, ok := f.press()
	if !ok {
		return s.afterPress(c, f, survey.Entry{}, &failure{kind: invalid})
	}
	if err := s.counterOf(c, &p); err != nil {
		return s.afterPress(c, f, survey.Entry{}, err)
	}
	e, err := s.record(p)
	return s.afterPress(c, f, e, err)
}

// askAgain is the first screen for somebody who wants to change the first answer.
func (s *Screen) askAgain(c *fiber.Ctx, f form) error {
	now := s.shown.Load()
	if now == nil || s.unready() != nil {
		return s.outOfService(c)
	}
	p, err := s.placeOf(c, now)
	if err != nil {
		return s.message(c, "nocounter", fiber.StatusNotFound)
	}
	v := now.at(p).ask(s.words, f.manner)
	s.mine(c, &v)
	v.Scripted, v.Home = false, wholeSeconds(v.idle)
	v.turn = turn{Key: newKey(), Replaces: f.Continues}
	return s.render(c, fiber.StatusOK, v)
}

// afterPress shows the page that follows a press: thanks for a press that was kept, in
// the same way for every answer, and for nothing else.
func (s *Screen) afterPress(c *fiber.Ctx, f form, e survey.Entry, err error) error {
	v := s.viewAt(c, f.manner)
	s.mine(c, &v)
	v.turn = f.turn
	var why *failure
	switch {
	case err == nil:
		if f.Step == 0 {
			f.Continues = cmp.Or(f.Replaces, e.ID.String()) // the visit's first record, whatever took its place
		}
		return s.thank(c, f, "thanks", fiber.StatusCreated)
	case errors.As(err, &why) && why.kind == paused:
		return s.outOfService(c)
	case errors.As(err, &why) && (why.kind == noCounter || why.kind == otherCounter):
		return s.message(c, "nocounter", why.kind.status)
	case errors.As(err, &why) && why.kind == conflict:
		// Two faces were touched at once: the key of this turn has been used.
		v.View, v.Home = "kept", keptFor
		return s.render(c, why.kind.status, v)
	case errors.As(err, &why):
		if why.cause != nil {
			s.options.Log.Error("press not recorded", "status", why.kind.status, "error", why.Error())
		}
		v.View, v.Home = "failed", failedFor
		v.Now = &step{Number: f.Step, Questionnaire: f.questionnaire, Code: survey.QuestionCode(f.question)}
		return s.render(c, why.kind.status, v)
	default:
		return err
	}
}

// thank is the page after an answer that was kept: the next question, if there is one,
// with the thanks above it, and otherwise the thanks alone.
func (s *Screen) thank(c *fiber.Ctx, f form, name string, status int) error {
	v := s.viewAt(c, f.manner)
	s.mine(c, &v)
	v.turn = turn{Key: f.Key, Continues: f.Continues}
	switch {
	case name == "thanks" && f.Step < len(v.Steps):
		v.View, v.Home, v.Now, v.Step = "more", wholeSeconds(v.idle), &v.Steps[f.Step], f.Step+1
	case name == "thanks" && f.Step == 0:
		v.View, v.Home = "thanks", wholeSeconds(v.thanks)
	default:
		v.View, v.Home = "done", wholeSeconds(v.thanks)
	}
	return s.render(c, status, v)
}

// home leads a reload of a thank-you page back to the counter's first screen.
func (s *Screen) home(c *fiber.Ctx) error {
	return c.Redirect(s.viewAt(c, manner{}).Here, fiber.StatusSeeOther)
}
