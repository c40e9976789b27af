package webform

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/kiosk"
	"hailong/survey"
)

// open is GET of a form.
func (f *Form) open(c *fiber.Ctx) error {
	lang := language(c, c.Query(fieldLang))
	now, ring, err := f.service()
	if err != nil {
		return f.out(c, lang)
	}
	d, err := f.door(c, now, ring)
	if err != nil {
		return f.turnAway(c, err, lang)
	}
	if !f.gate.ticket(d) {
		return f.busy(c)
	}
	used, spent, err := now.recorder.Spent(d.ticket.ID())
	switch {
	case err != nil:
		f.options.Log.Error("a ticket could not be looked for", "error", err)
		return f.out(c, lang)
	case spent:
		return f.reopen(c, now, d, used, lang)
	case d.expired:
		return f.sayAt(c, d, fiber.StatusGone, "expired", lang)
	}
	return f.begin(c, fiber.StatusOK, now, d, nil, "", lang)
}

// begin shows the first page: with nothing chosen, or, after a form that must be mended,
// with what it said.
func (f *Form) begin(c *fiber.Ctx, status int, now *shown, d *door, sent fields, problem string, lang survey.Lang) error {
	v := f.at(d, "first", lang)
	visit, moment := "", ""
	if sent != nil {
		visit, moment, v.Comment = sent.get(fieldVisit), sent.get(fieldOpened), strings.ToValidUTF8(sent.get(fieldComment), "\uFFFD")
	} else {
		fresh := newVisit()
		visit, moment = hex.EncodeToString(fresh[:]), f.opened(d.text, fresh, f.options.Now())
	}
	first, _, _ := split(d.version)
	question := v.ask(d.version, first, sent.get(answerPrefix+string(first.Code)), false)
	v.First, v.Problem, v.Switch = &question, problem, sent == nil
	v.Asks = now.Office.In(lang)
	if v.Asks == "" {
		v.Asks = v.Unit
	}
	v.Hidden = []hidden{
		{fieldStep, stepFirst}, {fieldVisit, visit}, {fieldOpened, moment},
		{fieldVersion, d.version.ID()}, {fieldLang, string(lang)},
	}
	return f.render(c, status, mayGoBack, v)
}

// reopen is GET of a form whose ticket is spent: the phone that spent it may go on.
func (f *Form) reopen(c *fiber.Ctx, now *shown, d *door, used survey.Entry, lang survey.Lang) error {
	pass, done := remembers(c)
	if !f.passes(byCookie, d, used, pass) {
		return f.sayAt(c, d, fiber.StatusGone, "spent", lang)
	}
	if q, known := now.Catalogue.ByHash(used.Response.Questionnaire); known {
		d.version = survey.Version{Hash: used.Response.Questionnaire, Questionnaire: q}
	}
	if _, rest, ok := split(d.version); done || !ok || len(rest) == 0 {
		v := f.at(d, "done", lang)
		v.Switch = true
		return f.render(c, fiber.StatusOK, mayGoBack, v)
	}
	return f.goOn(c, fiber.StatusOK, d, used.Response.Ticket.Visit, used.ID, "resume", f.at(d, "more", lang))
}

func spentBy(used survey.Entry, v survey.Visit) bool {
	return used.Response.Ticket != nil && used.Response.Ticket.Visit == v
}

// goOn shows the rest of the questions below a head: thanks, or resume.
func (f *Form) goOn(c *fiber.Ctx, status int, d *door, visit survey.Visit, first survey.RecordID, head string, v *view) error {
	v.View, v.Head, v.Switch = "more", head, head == "resume"
	_, rest, _ := split(d.version)
	for _, q := range rest {
		v.Rest = append(v.Rest, v.ask(d.version, q, "-", true))
	}
	shows := hex.EncodeToString(visit[:])
	if d.ticket.Class.Single() {
		shows = f.pass(byForm, d, visit)
	}
	v.Hidden = []hidden{
		{fieldStep, stepMore}, {fieldVisit, shows}, {fieldRecord, first.String()},
		{fieldVersion, d.version.ID()}, {fieldLang, string(v.Lang)},
	}
	return f.render(c, status, mayGoBack, v)
}

// send is POST of a form.
func (f *Form) send(c *fiber.Ctx) error {
	sent, err := readFields(string(c.Request().Header.ContentType()), c.BodyRaw())
	if err != nil {
		return fiber.NewError(fiber.StatusBadRequest)
	}
	lang := language(c, sent.get(fieldLang))
	now, ring, err := f.service()
	if err != nil {
		return f.unsaved(c, nil, sent, lang)
	}
	d, err := f.door(c, now, ring)
	if err != nil {
		return f.turnAway(c, err, lang)
	}
	if !f.gate.ticket(d) {
		return f.busy(c)
	}
	version, ok := sent.version(now, d)
	switch step := sent.get(fieldStep); {
	case step == stepFirst && !ok:
		return f.begin(c, fiber.StatusUnprocessableEntity, now, d, sent, "changed", lang)
	case step == stepFirst:
		d.version = version
		return f.sendFirst(c, now, d, sent, lang)
	case step == stepMore && ok:
		d.version = version
		return f.sendMore(c, now, d, sent, lang)
	case step == stepMore:
		return c.Redirect(d.path, fiber.StatusSeeOther) // its questions are not asked any more
	}
	return fiber.NewError(fiber.StatusBadRequest)
}

// sendFirst keeps the first answer of a visit.
func (f *Form) sendFirst(c *fiber.Ctx, now *shown, d *door, sent fields, lang survey.Lang) error {
	first, rest, _ := split(d.version)
	answer, err := sent.answer(d.version, first)
	visit, bad := sent.visit()
	if err != nil || bad != nil {
		return fiber.NewError(fiber.StatusBadRequest)
	}
	comment, masked, ok := sent.comment()
	switch {
	case answer.Kind == survey.Blank:
		return f.begin(c, fiber.StatusUnprocessableEntity, now, d, sent, "choose", lang)
	case !ok:
		return f.begin(c, fiber.StatusUnprocessableEntity, now, d, sent, "long", lang)
	}
	if d.expired && !f.openedInTime(d, visit, sent.get(fieldOpened)) {
		// A form that was kept in time may be sent again.
		if used, spent, err := now.recorder.Spent(d.ticket.ID()); err != nil || !spent || !spentBy(used, visit) {
			return f.sayAt(c, d, fiber.StatusGone, "expired", lang)
		}
	}
	p := d.press(visit)
	p.Answers, p.Comment = []survey.Answer{answer}, comment
	if !d.ticket.Class.Single() {
		p.Key = firstKey(d, visit)
	}
	e, err := f.record(now, p)
	if err != nil {
		return f.notKept(c, d, sent, err, lang)
	}
	f.figures.kept.Add(1)
	v := f.at(d, "done", lang)
	v.Masked = masked
	if f.remember(c, d, visit, len(rest) == 0); len(rest) == 0 {
		return f.render(c, fiber.StatusCreated, mayGoBack, v)
	}
	return f.goOn(c, fiber.StatusCreated, d, visit, e.ID, "thanks", v)
}

// sendMore keeps the rest of a visit's answers.
func (f *Form) sendMore(c *fiber.Ctx, now *shown, d *door, sent fields, lang survey.Lang) error {
	_, rest, _ := split(d.version)
	answers, err := sent.answers(d.version, rest)
	if err != nil || len(answers) == 0 {
		return fiber.NewError(fiber.StatusBadRequest)
	}
	visit, went, ok, err := f.wentBefore(now, d, sent)
	switch {
	case errors.Is(err, kiosk.ErrSpent):
		return f.sayAt(c, d, fiber.StatusConflict, "spent", lang)
	case errors.Is(err, errForm):
		return fiber.NewError(fiber.StatusBadRequest)
	case err != nil:
		return f.notKept(c, d, sent, err, lang)
	case !ok:
		return c.Redirect(d.path, fiber.StatusSeeOther) // nothing was begun here
	}
	p := d.press(visit)
	p.Answers, p.Key, p.Continues = answers, moreKey(d, visit), went
	if _, err := f.record(now, p); err != nil {
		return f.notKept(c, d, sent, err, lang)
	}
	f.figures.kept.Add(1)
	f.remember(c, d, visit, true)
	return f.render(c, fiber.StatusCreated, mayGoBack, f.at(d, "done", lang))
}

// wentBefore is the visit that the rest of a form belongs to, and its first record; ok is
// false where there is none here.
func (f *Form) wentBefore(now *shown, d *door, sent fields) (v survey.Visit, first survey.RecordID, ok bool, err error) {
	if !d.ticket.Class.Single() {
		v, err = sent.visit()
		first, ok = sent.record()
		return v, first, ok, err
	}
	used, ok, err := now.recorder.Spent(d.ticket.ID())
	switch {
	case err != nil || !ok:
		return v, first, false, err
	case !f.passes(byForm, d, used, sent.get(fieldVisit)):
		return v, first, false, kiosk.ErrSpent
	}
	return used.Response.Ticket.Visit, used.ID, true, nil
}

func (f *Form) record(now *shown, p kiosk.Press) (survey.Entry, error) {
	// A form that has arrived is finished with, whether or not the phone still waits.
	ctx, done := context.WithTimeout(context.Background(), recordWithin)
	defer done()
	return now.recorder.Record(ctx, p)
}

// notKept is the page after a form that made no record of its own.
func (f *Form) notKept(c *fiber.Ctx, d *door, sent fields, err error, lang survey.Lang) error {
	var ps survey.Problems
	switch {
	case errors.Is(err, kiosk.ErrConflict):
		return f.sayAt(c, d, fiber.StatusConflict, "kept", lang)
	case errors.Is(err, kiosk.ErrSpent):
		return f.sayAt(c, d, fiber.StatusConflict, "spent", lang)
	case errors.As(err, &ps):
		// Only what no page of ours sends comes here, such as a record of another counter.
		return fiber.NewError(fiber.StatusUnprocessableEntity)
	}
	f.options.Log.Error("an answer could not be saved", "error", err)
	return f.unsaved(c, d, sent, lang)
}

// unsaved says that a form is not saved, and holds it so that it can be sent again as it
// is; d may be nil.
func (f *Form) unsaved(c *fiber.Ctx, d *door, sent fields, lang survey.Lang) error {
	f.figures.unsaved.Add(1)
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(retryAfter))
	if d == nil {
		d = &door{path: c.Path()}
	}
	if !goodPath(d.path) {
		return f.out(c, lang)
	}
	v := f.at(d, "unsaved", lang)
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		v.Hidden = append(v.Hidden, hidden{name, strings.ToValidUTF8(sent.get(name), "\uFFFD")})
	}
	return f.render(c, fiber.StatusServiceUnavailable, keepNot, v)
}

// out is the page while nothing can be recorded.
func (f *Form) out(c *fiber.Ctx, lang survey.Lang) error {
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(retryAfter))
	return f.say(c, fiber.StatusServiceUnavailable, "out", lang)
}

// turnAway is the page of an address that leads to no form.
func (f *Form) turnAway(c *fiber.Ctx, why error, lang survey.Lang) error {
	if errors.Is(why, errShort) {
		return f.say(c, fiber.StatusNotFound, "short", lang)
	}
	return f.say(c, fiber.StatusNotFound, "bad", lang)
}

// fail answers every request that ended in an error. Nothing of the request is logged.
func (f *Form) fail(c *fiber.Ctx, err error) error {
	status, name := fiber.StatusInternalServerError, "fault"
	var known *fiber.Error
	if errors.As(err, &known) {
		status = known.Code
	}
	switch status {
	case fiber.StatusNotFound:
		name = "bad"
	case fiber.StatusBadGateway:
		status = fiber.StatusBadRequest // the connection broke while the request was read
	case fiber.StatusInternalServerError:
		f.options.Log.Error("a request failed", "error", err)
	}
	return f.say(c, status, name, language(c, ""))
}
