package console

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/score"
)

// frame is what every page has.
type frame struct {
	Lang, OtherLang string
	Title           string
	Demo            string // banner; empty = none
	Signed          bool   // somebody is signed in: show the menu
	Here            string // which entry of the menu this page is
	Wrong           bool   // sign-in: the token was wrong
	Message         string // message page: what happened and what to do

	Date     string
	Loaded   string
	Today    *todayView
	Alarms   []alarmView // why a person is needed
	Kiosks   []kioskView
	Closings *closingsView
	Aside    *asideView
	Refresh  int // seconds after which a browser without script loads the page anew; 0 = never
}

// T is what the page says under a key.
func (f frame) T(key string) string { return say(survey.Lang(f.Lang), key) }

func (c *Console) frame(ctx *fiber.Ctx, titleKey string) frame {
	lang := c.pageLang(ctx)
	f := frame{Lang: string(lang), OtherLang: string(survey.English), Title: say(lang, titleKey)}
	if lang == survey.English {
		f.OtherLang = string(survey.Vietnamese)
	}
	if len(c.settings.Demo) > 0 {
		f.Demo = c.settings.Demo.In(lang)
	}
	f.Date, f.Loaded = day(lang, c.today()), c.now().In(survey.Zone).Format("15:04:05")
	return f
}

func (c *Console) sendPage(ctx *fiber.Ctx, status int, name string, f frame) error {
	var b bytes.Buffer
	if err := c.pages.ExecuteTemplate(&b, name, f); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	ctx.Set(fiber.HeaderCacheControl, "no-store")
	ctx.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	ctx.Set(fiber.HeaderContentLanguage, f.Lang)
	return ctx.Status(status).Send(b.Bytes())
}

// signedFrame is the frame of a page for those let in. Others are sent to sign in, and
// the second value is false.
func (c *Console) signedFrame(ctx *fiber.Ctx, titleKey, here string) (frame, bool, error) {
	if _, err := c.authenticate(ctx); err != nil {
		if r, inside := asRefusal(err); inside || r.status != fiber.StatusUnauthorized {
			return frame{}, false, err
		}
		ctx.Set(fiber.HeaderCacheControl, "no-store")
		return frame{}, false, ctx.Redirect("/signin", fiber.StatusSeeOther)
	}
	f := c.frame(ctx, titleKey)
	f.Signed, f.Here = true, here
	return f, true, nil
}

// todayView is the published figures of today, ready to be shown.
type todayView struct {
	Scales []scaleView
	Step   string
	Empty  bool // no unit has a counter
}

// scaleView is one scale's card and table.
type scaleView struct {
	ID     string
	Title  string
	Codes  string // of the questionnaires that use the scale
	Legend []slice
	Total  rowView
	Rows   []rowView
}

// rowView is one line with everything it shows.
type rowView struct {
	ID          string
	Unit        bool // a unit, not a counter
	Depth       int
	Code, Name  string
	Note        string // why there is no figure; empty = there is one
	Nothing     bool   // the note is only that nothing has come yet
	Rate        string
	Of          string // "k/n" where the answers are too few for the rate to say much; empty = they are not
	Interval    string
	Dot         dotChart
	Slices      []slice
	BarText     string
	Respondents string
	Excluded    string
	Contact     string
	Query       string // address of the figure in the API
}

func (c *Console) getToday(ctx *fiber.Ctx) error {
	f, ok, err := c.signedFrame(ctx, "today_title", "today")
	if !ok {
		return err
	}
	b, err := c.present(ctx.UserContext())
	if err != nil {
		return err
	}
	kiosks, err := c.kiosks(ctx.UserContext())
	if err != nil {
		return err
	}
	f.Today = c.todayView(survey.Lang(f.Lang), b, contacts(kiosks))
	if f.Alarms, err = c.alarms(survey.Lang(f.Lang), kiosks); err != nil {
		return err
	}
	f.Refresh = 30
	return c.sendPage(ctx, fiber.StatusOK, "today", f)
}

// contacts are the latest contact with any kiosk in service at each counter; a counter
// with kiosks never heard of has the zero time.
func contacts(kiosks []kioskJSON) map[survey.CounterCode]time.Time {
	latest := map[survey.CounterCode]time.Time{}
	for _, k := range kiosks {
		if k.Revoked != nil {
			continue
		}
		for _, code := range k.Counters {
			at := latest[code]
			if k.LastContact != nil && k.LastContact.After(at) {
				at = *k.LastContact
			}
			latest[code] = at
		}
	}
	return latest
}

func (c *Console) todayView(lang survey.Lang, b *board, contact map[survey.CounterCode]time.Time) *todayView {
	v := &todayView{Empty: true, Step: say(lang, "step_one")}
	if c.settings.LiveStep > 1 {
		v.Step = fmt.Sprintf(say(lang, "step_note"), c.settings.LiveStep)
	}
	for i, s := range b.scales {
		v.Empty = v.Empty && len(s.rows) == 0
		if i > 0 && s.total.row.N+s.total.row.Excluded == 0 {
			continue // a further scale is shown once it is used
		}
		view := scaleView{
			ID: fmt.Sprintf("s%d", i), Title: fmt.Sprintf(say(lang, "scale_of"), len(s.scale.Levels)),
			Codes: codesText(s.codes), Legend: slicesOf(lang, s.scale, score.Row{}),
		}
		view.Total = c.rowView(lang, b, &s, s.total)
		view.Total.ID = view.ID + "-total"
		for _, r := range s.rows {
			if i > 0 && r.row.N+r.row.Excluded == 0 {
				continue
			}
			row := c.rowView(lang, b, &s, r)
			row.ID = view.ID + "-" + string(r.kind) + "-" + row.Code
			if r.kind == counterRow {
				row.Contact = contactText(lang, contact, r.counter, b.day)
			}
			view.Rows = append(view.Rows, row)
		}
		v.Scales = append(v.Scales, view)
	}
	return v
}

func codesText(codes []survey.QuestionnaireCode) string {
	list := make([]string, len(codes))
	for i, code := range codes {
		list[i] = string(code)
	}
	return strings.Join(list, ", ")
}

func contactText(lang survey.Lang, contact map[survey.CounterCode]time.Time, code survey.CounterCode, today survey.Date) string {
	at, served := contact[code]
	switch {
	case !served:
		return say(lang, "no_kiosk")
	case at.IsZero():
		return say(lang, "never")
	}
	return clock(lang, at, today)
}

// fewAnswers is the number below which a rate is shown without decimals and beside the
// counts that it comes from: decimals would promise what so few answers cannot hold.
const fewAnswers = 30

func (c *Console) rowView(lang survey.Lang, b *board, s *scaleBoard, r boardRow) rowView {
	v := rowView{
		Unit: r.kind == unitRow, Depth: min(r.depth, 5), Code: string(r.unit), Name: r.name.In(lang),
		Respondents: count(lang, r.row.Respondents), Excluded: count(lang, r.row.Excluded), Query: rowQuery(b, s, r),
	}
	switch r.kind {
	case counterRow:
		v.Code = string(r.counter)
	case totalRow:
		v.Name = say(lang, "overall")
	}
	switch {
	case r.row.Suppressed:
		v.Note = fmt.Sprintf(say(lang, "too_few"), c.settings.Minimum)
	case r.row.Rate == nil && c.settings.LiveStep > 1:
		v.Note, v.Respondents, v.Excluded = awaited(lang, r.kind, c.settings.LiveStep), "–", "–"
	case r.row.Rate == nil && r.row.Excluded > 0:
		v.Note = say(lang, "none_counted")
	case r.row.Rate == nil:
		v.Note, v.Nothing = say(lang, "no_data"), true
	default:
		v.Rate, v.Interval, v.Dot = percent(lang, *r.row.Rate), interval(lang, r.row.Interval), newDotChart(lang, r.row)
		if r.row.N < fewAnswers {
			v.Rate, v.Of = roughPercent(lang, *r.row.Rate), count(lang, *r.row.Satisfied)+"/"+count(lang, r.row.N)
		}
		v.Slices = slicesOf(lang, s.scale, r.row)
		v.BarText = barText(v.Slices)
	}
	return v
}

// awaited is what a row says until its first step is full. It must be true of no answers as
// of one less than a step, and the same for all of them: words that came with the first
// answer would tell that somebody has just pressed.
func awaited(lang survey.Lang, kind rowKind, step int64) string {
	if kind == counterRow {
		return fmt.Sprintf(say(lang, "awaited"), step)
	}
	return fmt.Sprintf(say(lang, "awaited_below"), step)
}

// rowQuery is the API query that a row belongs to. A scale that several questionnaires
// use has no query of its own; theirs are then told apart by question.
func rowQuery(b *board, s *scaleBoard, r boardRow) string {
	q := url.Values{"from": {b.day.String()}, "to": {b.day.String()}}
	if r.unit != "" {
		q.Set("unit", string(r.unit))
	}
	used := 0
	for _, each := range b.scales {
		if each.total.row.N+each.total.row.Excluded > 0 {
			used++
		}
	}
	switch {
	case r.kind == counterRow:
		q.Set("by", string(survey.ByCounter))
	case used > 1:
		q.Set("by", string(survey.ByQuestion))
	}
	if used > 1 && len(s.codes) == 1 {
		q.Set("questionnaire", string(s.codes[0]))
	}
	return "/api/v1/scores?" + q.Encode()
}
