package screen

import (
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

// form is a press of the page without its script. Each field stands once.
type form struct {
	key, questionnaire, question, level string
	lang                                survey.Lang
}

func readForm(body []byte) (form, bool) {
	v, err := url.ParseQuery(string(body))
	f := form{
		key: v.Get("key"), questionnaire: v.Get("questionnaire"), question: v.Get("question"), level: v.Get("level"),
		lang: survey.Lang(v.Get("lang")),
	}
	return f, err == nil
}

func (f form) press() (kiosk.Press, bool) {
	level, err := strconv.ParseUint(f.level, 10, 8)
	if err != nil || survey.Level(level) > survey.MaxLevel {
		return kiosk.Press{}, false
	}
	return kiosk.Press{
		Questionnaire: f.questionnaire, Channel: survey.Touch, Key: f.key,
		Answers: []survey.Answer{{Question: survey.QuestionCode(f.question), Kind: survey.AtLevel, Level: survey.Level(level)}},
	}, true
}

// pressForm is POST /press: what a face does where the script does not run. It answers
// with a page in every case, since somebody stands before it.
func (s *Screen) pressForm(c *fiber.Ctx) error {
	f, ok := readForm(c.BodyRaw())
	if !ok || !hasMedia(c, fiber.MIMEApplicationForm) {
		return s.afterPress(c, f, &failure{kind: malformed})
	}
	p, ok := f.press()
	if !ok {
		return s.afterPress(c, f, &failure{kind: invalid})
	}
	if err := s.counterOf(c, &p); err != nil {
		return s.afterPress(c, f, err)
	}
	_, err := s.record(p)
	return s.afterPress(c, f, err)
}

// afterPress shows the page that follows a press: thanks for a press that was kept, in
// the same way for every answer, and for nothing else.
func (s *Screen) afterPress(c *fiber.Ctx, f form, err error) error {
	v := s.viewAt(c, f.lang)
	s.mine(c, &v)
	v.Key, v.Questionnaire, v.QuestionCode, v.Level = f.key, f.questionnaire, f.question, f.level
	var why *failure
	switch {
	case err == nil:
		v.View, v.Home = "thanks", wholeSeconds(v.thanks)
		return s.render(c, fiber.StatusCreated, v)
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
		return s.render(c, why.kind.status, v)
	default:
		return err
	}
}

// home leads a reload of a thank-you page back to the counter's first screen.
func (s *Screen) home(c *fiber.Ctx) error {
	return c.Redirect(s.viewAt(c, "").Here, fiber.StatusSeeOther)
}
