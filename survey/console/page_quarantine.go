package console

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// asideView is the page of what is not counted.
type asideView struct {
	Sentence string
	Disputed string // that others are in dispute; "" = none are
	Tried    string // what trying again has brought; "" = it was not tried
	Rows     []asideRow
	More     string // that there are more than are shown; "" = there are not
}

type asideRow struct {
	State, Kiosk, Name, What, When string
	Reason                         []span
	Bad                            bool
}

// span is a run of text, or a hash cut short.
type span struct{ Text, Whole string } // Whole "": Text is all of it

// hash256 is a SHA-256 in hexadecimal digits.
var hash256 = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// shortHashes cuts a text so that hashes in it can be shown short.
func shortHashes(text string) (spans []span) {
	const kept = 12 // digits
	for {
		at := hash256.FindStringIndex(text)
		if at == nil {
			return append(spans, span{Text: text})
		}
		spans = append(spans, span{Text: text[:at[0]]}, span{text[at[0]:at[0]+kept] + "…", text[at[0]:at[1]]})
		text = text[at[1]:]
	}
}

// maxShown is how many of each state the page shows; the API has more.
const maxShown = 200

func (c *Console) getQuarantinePage(ctx *fiber.Ctx) error {
	f, ok, err := c.signedFrame(ctx, "aside_title", "quarantine")
	if !ok {
		return err
	}
	lang := survey.Lang(f.Lang)
	s, err := c.setAside(ctx.UserContext(), maxShown)
	if err != nil {
		return err
	}
	_, names, err := c.namedKiosks(ctx.UserContext(), lang)
	if err != nil {
		return err
	}
	v := &asideView{Sentence: say(lang, "aside_nothing")}
	disputed, err := c.disputed(ctx.UserContext())
	if err != nil {
		return err
	}
	if disputed > 0 {
		v.Sentence = say(lang, "aside_disputed_only")
		v.Disputed = fmt.Sprintf(say(lang, "aside_disputed"), count(lang, int64(disputed)))
	}
	rejected := 0
	for _, item := range s.items {
		if item.State == isRejected {
			rejected++
		}
		v.Rows = append(v.Rows, newAsideRow(lang, item, names[item.Kiosk]))
	}
	if len(s.items) > 0 {
		v.Sentence = fmt.Sprintf(say(lang, "aside_sentence"), count(lang, int64(s.held)), count(lang, int64(s.quarantined)), atLeast(lang, rejected))
	}
	if s.held > maxShown || s.quarantined > maxShown || rejected == maxShown {
		v.More = fmt.Sprintf(say(lang, "aside_more"), maxShown)
	}
	if n, err := strconv.Atoi(ctx.Query("tried")); err == nil && n >= 0 {
		v.Tried = fmt.Sprintf(say(lang, "aside_tried"), count(lang, int64(n)))
	}
	f.Aside = v
	return c.sendPage(ctx, fiber.StatusOK, "quarantine", f)
}

// atLeast is how many batches are listed, with a sign where there may be more.
func atLeast(lang survey.Lang, listed int) string {
	n := count(lang, int64(listed))
	if listed == maxShown {
		n = "≥ " + n
	}
	return n
}

// disputed is how many responses contradict the ones that count.
func (c *Console) disputed(ctx context.Context) (n uint64, err error) {
	chains, err := c.store.Chains(ctx)
	for _, k := range chains {
		n += k.Disputed
	}
	return n, err
}

func newAsideRow(lang survey.Lang, item waitingJSON, name string) asideRow {
	row := asideRow{
		State: say(lang, "state_"+string(item.State)), Kiosk: string(item.Kiosk), Name: name, What: item.ID, Reason: shortHashes(reasonIn(lang, item.Reason)),
		Bad: item.State != isHeld,
	}
	if item.State == isRejected {
		row.What = fmt.Sprintf(say(lang, "aside_batch"), item.Number, count(lang, int64(item.Bytes)))
		if at, err := time.Parse(time.RFC3339, item.Received); err == nil {
			row.When = moment(lang, at)
		}
	} else if d, err := survey.ParseDate(item.Date); err == nil {
		row.When = day(lang, d)
	} else {
		row.When = say(lang, "unknown_day")
	}
	return row
}

// postQuarantinePage is the page's button.
func (c *Console) postQuarantinePage(ctx *fiber.Ctx) error {
	if err := c.sameOrigin(ctx); err != nil {
		return err
	}
	if _, err := c.authenticate(ctx); err != nil {
		return err
	}
	done, err := c.retry(ctx.UserContext())
	if err != nil {
		return err
	}
	return ctx.Redirect(fmt.Sprintf("/quarantine?tried=%d", done.Rejudged+done.Admitted), fiber.StatusSeeOther)
}
