package console

import (
	"cmp"
	"context"
	"fmt"
	"maps"
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
	Kiosk    string // chosen; "" = all
	Kiosks   []choice
	Whole    bool // nothing is missing
	Sentence string
	More     []string // what else must be said about it
	Days     []closingDay
	Losses   []lossView
	Backups  backupsView
}

type choice struct{ ID, Name string }

// closingDay is one day's closings.
type closingDay struct {
	Title, Note string
	Missing     bool
	Rows        []closingRow
}

type closingRow struct {
	Kiosk, Name                        string
	Issued, Received, Missing, Counted string
	Excluded                           string
	Reasons                            []string
	Held, Quarantined, Disputed        string
	Lacks, Disputes, Bad               bool // the numbers that a person should look at
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
	q := c.pageQuery(ctx)
	list, err := c.store.Closings(ctx.UserContext(), q)
	if err != nil {
		return err
	}
	unknown, err := c.store.Closings(ctx.UserContext(), custody.ClosingQuery{Kiosk: q.Kiosk, Unknown: true})
	if err != nil {
		return err
	}
	kiosks, names, err := c.namedKiosks(ctx.UserContext(), survey.Lang(f.Lang))
	if err != nil {
		return err
	}
	v := newClosingsView(survey.Lang(f.Lang), append(list, unknown...), names)
	v.From, v.To, v.Kiosk = q.From.String(), q.To.String(), string(q.Kiosk)
	for _, k := range kiosks {
		v.Kiosks = append(v.Kiosks, choice{string(k.ID), names[k.ID]})
		if q.Kiosk == "" || q.Kiosk == k.ID {
			v.Losses = append(v.Losses, lossesOf(survey.Lang(f.Lang), k, names[k.ID])...)
		}
	}
	if n := silentOnes(kiosks, q.Kiosk); n > 0 {
		v.More = append(v.More, fmt.Sprintf(f.T("closing_silent"), n))
	}
	if v.Backups, err = c.backupsView(survey.Lang(f.Lang)); err != nil {
		return err
	}
	f.Closings = v
	return c.sendPage(ctx, fiber.StatusOK, "closings", f)
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
		names[k.ID] = cmp.Or(k.Name, placeName(lang, s, k.Counters, c.today()))
	}
	return kiosks, names, nil
}

func silentOnes(kiosks []kioskJSON, only survey.KioskID) (n int) {
	for _, k := range kiosks {
		if (only == "" || only == k.ID) && slices.Contains(k.Problems, silent) {
			n++
		}
	}
	return n
}

// newClosingsView arranges closings by day, the latest first and the unknown day last.
func newClosingsView(lang survey.Lang, list []custody.Closing, names map[survey.KioskID]string) *closingsView {
	v := &closingsView{}
	var all closingSum
	days := map[survey.Date][]custody.Closing{}
	for _, k := range list {
		days[k.Date] = append(days[k.Date], k)
		all.add(&k)
	}
	order := slices.Sorted(maps.Keys(days))
	slices.Reverse(order) // custody.UnknownDay is the least of all
	for _, d := range order {
		day := closingDay{Title: dayTitle(lang, d)}
		var sum closingSum
		for i := range days[d] {
			k := &days[d][i]
			sum.add(k)
			day.Rows = append(day.Rows, newClosingRow(lang, k, names[k.Kiosk]))
		}
		day.Missing, day.Note = sum.missing > 0, sum.note(lang)
		v.Days = append(v.Days, day)
	}
	v.Whole, v.Sentence = all.missing == 0, all.sentence(lang)
	if n := all.held + all.quarantined + all.disputed; n > 0 {
		v.More = append(v.More, fmt.Sprintf(say(lang, "closing_waiting"), count(lang, int64(n))))
	}
	return v
}

func dayTitle(lang survey.Lang, d survey.Date) string {
	if d == custody.UnknownDay {
		return say(lang, "unknown_day")
	}
	return day(lang, d)
}

// closingSum adds closings up.
type closingSum struct {
	issued, received, missing, held, quarantined, disputed uint64
	lacking                                                map[survey.KioskID]bool
}

func (s *closingSum) add(k *custody.Closing) {
	s.issued += k.Issued
	s.received += k.Received
	s.held += k.Held
	s.quarantined += k.Quarantined
	s.disputed += k.Disputed
	if n := k.Missing(); n > 0 {
		s.missing += n
		if s.lacking == nil {
			s.lacking = map[survey.KioskID]bool{}
		}
		s.lacking[k.Kiosk] = true
	}
}

// sentence says whether what is shown closes to the last press.
func (s *closingSum) sentence(lang survey.Lang) string {
	issued := count(lang, int64(s.issued))
	switch {
	case s.issued == 0 && s.received == 0:
		return say(lang, "closing_nothing")
	case s.missing == 0:
		return fmt.Sprintf(say(lang, "closing_whole"), issued)
	}
	return fmt.Sprintf(say(lang, "closing_lacks"), count(lang, int64(s.missing)), issued, len(s.lacking))
}

func (s *closingSum) note(lang survey.Lang) string {
	if s.missing == 0 {
		return say(lang, "day_whole")
	}
	return fmt.Sprintf(say(lang, "day_lacks"), count(lang, int64(s.missing)))
}

func newClosingRow(lang survey.Lang, k *custody.Closing, name string) closingRow {
	row := closingRow{
		Kiosk: string(k.Kiosk), Name: name, Issued: count(lang, int64(k.Issued)), Received: count(lang, int64(k.Received)),
		Missing: some(lang, k.Missing()), Counted: count(lang, int64(k.Counted)), Held: some(lang, k.Held),
		Quarantined: some(lang, k.Quarantined), Disputed: some(lang, k.Disputed),
		Lacks: k.Missing() > 0, Disputes: k.Disputed > 0, Bad: k.Quarantined > 0,
	}
	var excluded uint64
	for _, reason := range slices.Sorted(maps.Keys(k.Excluded)) {
		if n := k.Excluded[reason]; n > 0 {
			excluded += n
			row.Reasons = append(row.Reasons, reasonText(lang, reason)+" "+count(lang, int64(n)))
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

func lossesOf(lang survey.Lang, k kioskJSON, name string) (list []lossView) {
	for _, l := range k.Losses {
		list = append(list, lossView{
			Kiosk: string(k.ID), Name: name, Count: lossCount(lang, l), Between: lossBetween(lang, l), Reason: l.Reason, Lost: l.AtMost > 0,
		})
	}
	return list
}

func lossCount(lang survey.Lang, l lossJSON) string {
	switch {
	case l.AtMost == 0:
		return say(lang, "lost_nothing")
	case l.AtLeast == l.AtMost:
		return fmt.Sprintf(say(lang, "lost_exactly"), count(lang, int64(l.AtMost)))
	case l.AtLeast == 0:
		return fmt.Sprintf(say(lang, "lost_most"), count(lang, int64(l.AtMost)))
	}
	return fmt.Sprintf(say(lang, "lost_between"), count(lang, int64(l.AtLeast)), count(lang, int64(l.AtMost)))
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
	Alarm    string // why a person is needed; "" = nobody is
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
	v.Alarm = c.backupAlarm(lang, list, newest)
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
	case newest != nil && c.now().Sub(newest.At) > backupLife:
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
