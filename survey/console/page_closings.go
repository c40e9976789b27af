package console

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/custody"
)

// closingsView is the page of closings.
type closingsView struct {
	From, To string // of the form, YYYY-MM-DD
	Span     string // the same for people
	Kiosk    string // chosen; "" = all
	Kiosks   []choice
	Lacks    bool // it does not close
	Said     bool // it closes as kiosks last told, and some may have recorded more
	Sentence string
	More     []string // what else must be said about it
	Days     []closingDay
	Losses   []lossView
	Backups  backupsView
	Key      string // the centre's public key, whose signature each row carries
	Saved    string // address of what is shown, signed
	Undated  string // and of the closings without a known day; "" = there are none
}

type choice struct{ ID, Name string }

// closingDay is one day's closings.
type closingDay struct {
	Title, Note string
	Lacks       bool
	Rows        []closingRow
}

type closingRow struct {
	Kiosk, Name                        string
	Issued, Received, Missing, Counted string
	Excluded                           string
	Reasons                            []string
	Held, Quarantined, Disputed        string
	Lost                               string // what the kiosk declares lost that may be of this day; "" = nothing
	Text                               string // address of the row as the centre signed it
	Lacks, Disputes, Bad               bool   // the numbers that a person should look at
}

type lossView struct {
	Kiosk, Name, Count, Between, Reason string
	Lost                                bool
}

// closingSpan is how many days the page shows where nothing is chosen.
const closingSpan = 7

func (c *Console) getClosingPage(ctx *fiber.Ctx) error {
	f, ok, err := c.signedFrame(ctx, "closings_title", "closings")
	if !ok {
		return err
	}
	lang := survey.Lang(f.Lang)
	facts, err := c.closingFacts(ctx.UserContext(), lang, c.pageQuery(ctx))
	if err != nil {
		return err
	}
	f.Closings = newClosingsView(lang, facts)
	f.Closings.Key = base64.StdEncoding.EncodeToString(c.settings.CentreKey)
	if f.Alarms, err = c.alarms(lang, facts.kiosks); err != nil {
		return err
	}
	if f.Closings.Backups, err = c.backupsView(lang); err != nil {
		return err
	}
	return c.sendPage(ctx, fiber.StatusOK, "closings", f)
}

// closingFacts are what the page of closings tells.
type closingFacts struct {
	query  custody.ClosingQuery
	list   []custody.Closing // those without a known day, and what the query asks for
	losses []custody.Loss    // of the kiosks asked for
	kiosks []kioskJSON       // all
	names  map[survey.KioskID]string
	today  survey.Date
}

func (c *Console) closingFacts(ctx context.Context, lang survey.Lang, q custody.ClosingQuery) (f closingFacts, err error) {
	f.query, f.today = q, c.today()
	// The unknown day first: records leave it for a day, and must not be in neither.
	if f.list, f.losses, err = c.store.Closings(ctx, custody.ClosingQuery{Kiosk: q.Kiosk, Unknown: true}, q); err != nil {
		return f, err
	}
	f.losses = slices.DeleteFunc(f.losses, func(l custody.Loss) bool { return q.Kiosk != "" && l.Kiosk != q.Kiosk })
	f.kiosks, f.names, err = c.namedKiosks(ctx, lang)
	return f, err
}

// pageQuery is the query of the page's form. What cannot be read is as if left out: the
// form offers nothing of that kind.
func (c *Console) pageQuery(ctx *fiber.Ctx) custody.ClosingQuery {
	q := custody.ClosingQuery{Kiosk: survey.KioskID(ctx.Query("kiosk")), From: c.today() - closingSpan + 1, To: c.today()}
	if d, err := survey.ParseDate(ctx.Query("from")); err == nil {
		q.From = d
	}
	if d, err := survey.ParseDate(ctx.Query("to")); err == nil {
		q.To = d
	}
	if q.From > q.To {
		q.From, q.To = q.To, q.From
	}
	return q
}

// namedKiosks are all kiosks, with what people call each.
func (c *Console) namedKiosks(ctx context.Context, lang survey.Lang) ([]kioskJSON, map[survey.KioskID]string, error) {
	kiosks, err := c.kiosks(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := c.store.Structure(ctx)
	if err != nil {
		return nil, nil, err
	}
	names := map[survey.KioskID]string{}
	for _, k := range kiosks {
		names[k.ID] = nameOf(lang, s, k, c.today())
		if k.Revoked != nil {
			names[k.ID] = strings.TrimSpace(fmt.Sprintf("%s (%s)", names[k.ID], say(lang, "revoked")))
		}
	}
	return kiosks, names, nil
}

func newClosingsView(lang survey.Lang, f closingFacts) *closingsView {
	q := f.query
	v := &closingsView{
		From: q.From.String(), To: q.To.String(), Span: day(lang, q.From) + " – " + day(lang, q.To), Kiosk: string(q.Kiosk), Days: closingDays(lang, f),
	}
	for _, k := range f.kiosks {
		v.Kiosks = append(v.Kiosks, choice{string(k.ID), f.names[k.ID]})
	}
	for _, l := range f.losses {
		v.Losses = append(v.Losses, newLossView(lang, newLossJSON(l), f.names[l.Kiosk]))
	}
	all := newVerdict(f.list, against(f.losses, f.list, q, custody.ClosingQuery{Kiosk: q.Kiosk, Unknown: true}))
	silent := silentOnes(f.kiosks, q, f.today)
	v.Lacks, v.Said = !all.closes(), all.closes() && len(silent) > 0
	v.Sentence, v.More = all.sentence(lang, silent), all.where(lang, f.kiosks, f.names)
	if len(silent) > 0 && v.Lacks {
		v.More = append(v.More, fmt.Sprintf(say(lang, "closing_silent"), len(silent), sinceWhen(lang, silent)))
	}
	address := func(query url.Values) string {
		query.Set("kiosk", v.Kiosk)
		return "/api/v1/closings?" + query.Encode()
	}
	v.Saved = address(url.Values{"from": {v.From}, "to": {v.To}})
	if slices.ContainsFunc(f.list, func(k custody.Closing) bool { return k.Date == custody.UnknownDay }) {
		v.Undated = address(url.Values{"date": {"unknown"}})
	}
	return v
}

// closingDays arranges closings by day, the latest first and the unknown day last.
func closingDays(lang survey.Lang, f closingFacts) (list []closingDay) {
	days := map[survey.Date][]custody.Closing{}
	for _, k := range f.list {
		days[k.Date] = append(days[k.Date], k)
	}
	order := slices.Sorted(maps.Keys(days))
	slices.Reverse(order) // custody.UnknownDay is the least of all
	for _, d := range order {
		all := newVerdict(days[d], against(f.losses, days[d], ofDay("", d)))
		day := closingDay{Title: dayTitle(lang, d), Lacks: !all.closes(), Note: all.note(lang, silentOnes(f.kiosks, ofDay(f.query.Kiosk, d), f.today))}
		for i := range days[d] {
			k := &days[d][i]
			day.Rows = append(day.Rows, newClosingRow(lang, k, against(f.losses, days[d], ofDay(k.Kiosk, d)), f.names[k.Kiosk]))
		}
		list = append(list, day)
	}
	return list
}

func dayTitle(lang survey.Lang, d survey.Date) string {
	if d == custody.UnknownDay {
		return say(lang, "unknown_day")
	}
	return day(lang, d)
}

func newClosingRow(lang survey.Lang, k *custody.Closing, lost []custody.Loss, name string) closingRow {
	row := closingRow{
		Kiosk: string(k.Kiosk), Name: name, Issued: count(lang, k.Issued), Received: count(lang, k.Received),
		Missing: some(lang, k.Missing()), Counted: count(lang, k.Counted), Held: some(lang, k.Held),
		Quarantined: some(lang, k.Quarantined), Disputed: some(lang, k.Disputed),
		Lacks: k.Missing() > 0 || len(lost) > 0 || !k.Balanced(), Disputes: k.Disputed > 0, Bad: k.Quarantined > 0,
		Text: "/closings/text?" + url.Values{"kiosk": {string(k.Kiosk)}, "date": {k.Day()}}.Encode(),
	}
	if len(lost) > 0 {
		row.Lost = lossCount(lang, allLost(lost))
	}
	var excluded uint64
	for _, reason := range slices.Sorted(maps.Keys(k.Excluded)) {
		if n := k.Excluded[reason]; n > 0 {
			excluded += n
			row.Reasons = append(row.Reasons, reasonText(lang, reason)+" "+count(lang, n))
		}
	}
	row.Excluded = some(lang, excluded)
	return row
}

// reasonText is a published reason for leaving a record out, for people.
func reasonText(lang survey.Lang, reason survey.Flag) string {
	if _, known := words["flag_"+string(reason)]; known {
		return say(lang, "flag_"+string(reason))
	}
	return string(reason)
}

func newLossView(lang survey.Lang, l lossJSON, name string) lossView {
	return lossView{
		Kiosk: string(l.Kiosk), Name: name, Count: lossCount(lang, l), Between: lossBetween(lang, l), Reason: saidIn(lang, l.Reason), Lost: l.lost(),
	}
}

func lossCount(lang survey.Lang, l lossJSON) string {
	least := count(lang, l.AtLeast)
	switch {
	case l.AtMost == nil && l.AtLeast == 0:
		return say(lang, "lost_unknown")
	case l.AtMost == nil:
		return fmt.Sprintf(say(lang, "lost_unknown_least"), least)
	case *l.AtMost == 0:
		return say(lang, "lost_nothing")
	}
	most := count(lang, *l.AtMost)
	switch l.AtLeast {
	case *l.AtMost:
		return fmt.Sprintf(say(lang, "lost_exactly"), most)
	case 0:
		return fmt.Sprintf(say(lang, "lost_most"), most)
	}
	return fmt.Sprintf(say(lang, "lost_between"), least, most)
}

func lossBetween(lang survey.Lang, l lossJSON) string {
	if l.From == nil {
		return fmt.Sprintf(say(lang, "until"), moment(lang, l.To))
	}
	return moment(lang, *l.From) + " – " + moment(lang, l.To)
}

// moment is a time with its date, for people.
func moment(lang survey.Lang, t time.Time) string {
	t = t.In(survey.Zone)
	return t.Format("15:04") + " " + day(lang, survey.DateOf(t))
}

// backupsView is what a page says of the backups.
type backupsView struct {
	Sentence string
	SameDisk bool
	Rows     []backupRow
}

type backupRow struct {
	At, Verified, Size, Path, State string
	Bad                             bool
}

func (c *Console) backupsView(lang survey.Lang) (v backupsView, err error) {
	list, newest, err := c.backupsNow()
	if err != nil {
		return v, err
	}
	v.Sentence = say(lang, "backup_none")
	if newest != nil {
		v.Sentence = fmt.Sprintf(say(lang, "backup_newest"), moment(lang, newest.At))
	}
	for _, b := range list {
		v.SameDisk = v.SameDisk || b.SameDisk
		row := backupRow{At: moment(lang, b.At), Verified: "–", Size: "–", Path: b.Path, State: say(lang, "backup_"+string(b.State))}
		if b.Bytes > 0 {
			row.Size = megabytes(lang, b.Bytes)
		}
		if b.Verified != nil {
			row.Verified = moment(lang, *b.Verified)
		}
		if b.State == BackupRunning && b.Total > 0 {
			row.State += fmt.Sprintf(" %d\u00a0%%", 100*min(b.Done, b.Total)/b.Total)
		}
		if b.Error != "" {
			row.State += ": " + reasonIn(lang, b.Error)
		}
		row.Bad = b.State == BackupFailed || b.State == BackupUnverified
		v.Rows = append(v.Rows, row)
	}
	return v, nil
}

// backupAlarm says why somebody should look at the backups. A demonstration needs none.
func (c *Console) backupAlarm(lang survey.Lang, list []Backup, newest *Backup) string {
	if c.settings.Backups == nil || len(c.settings.Demo) > 0 {
		return ""
	}
	failed := slices.IndexFunc(list, func(b Backup) bool { return b.State == BackupFailed })
	switch {
	case failed >= 0:
		return fmt.Sprintf(say(lang, "backup_alarm_failed"), reasonIn(lang, list[failed].Error))
	case newest == nil:
		return ""
	case newest.At.After(c.now()):
		return fmt.Sprintf(say(lang, "backup_alarm_ahead"), moment(lang, newest.At))
	case c.now().Sub(newest.At) > backupLife:
		return fmt.Sprintf(say(lang, "backup_alarm_old"), moment(lang, newest.At))
	}
	return ""
}

// megabytes is a size for people, in megabytes or gigabytes.
func megabytes(lang survey.Lang, n int64) string {
	s := fmt.Sprintf("%.1f\u00a0MB", float64(n)/1e6)
	if n >= 1e9 {
		s = fmt.Sprintf("%.1f\u00a0GB", float64(n)/1e9)
	}
	if lang == survey.English {
		return s
	}
	return strings.Replace(s, ".", ",", 1)
}
