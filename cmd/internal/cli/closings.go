package cli

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"hailong/survey"
)

// ClosingsCmd groups the commands about closings. Without the name of one it lists them.
type ClosingsCmd struct {
	List   ClosingsListCmd   `cmd:"" default:"withargs" help:"Chốt số liệu theo thiết bị và ngày / closings by kiosk and day"`
	Verify ClosingsVerifyCmd `cmd:"" help:"Kiểm tra chữ ký của trung tâm trên chốt số liệu đã lưu, không cần mạng / check the centre's signatures on saved closings, offline"`
}

// ClosingsListCmd prints what each kiosk recorded day by day, and what became of it.
type ClosingsListCmd struct {
	Kiosk survey.KioskID `placeholder:"ID" help:"Chỉ một thiết bị / one kiosk only"`
	Date  closingDay     `placeholder:"YYYY-MM-DD" help:"Một ngày, hoặc unknown = chưa rõ ngày / one day, or unknown = day not known"`
	From  survey.Date    `placeholder:"YYYY-MM-DD" help:"Từ ngày / from this day"`
	To    survey.Date    `placeholder:"YYYY-MM-DD" help:"Đến hết ngày / to this day, included"`
}

// unknownDay stands for the records whose day is not known.
const unknownDay = "unknown"

// closingDay is a day, or unknownDay; "" = none is asked for.
type closingDay string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *closingDay) UnmarshalText(b []byte) error {
	*d = closingDay(b)
	if *d == unknownDay {
		return nil
	}
	return new(survey.Date).UnmarshalText(b)
}

// closingItem is a closing as the centre gives it.
type closingItem struct {
	Kiosk        survey.KioskID         `json:"kiosk"`
	Date         string                 `json:"date"`
	Issued       uint64                 `json:"issued"`
	Received     uint64                 `json:"received"`
	Counted      uint64                 `json:"counted"`
	Excluded     map[survey.Flag]uint64 `json:"excluded"`
	Held         uint64                 `json:"held"`
	Quarantined  uint64                 `json:"quarantined"`
	Disputed     uint64                 `json:"disputed"`
	Unaccounted  uint64                 `json:"unaccounted"`   // by how much the centre's own account is off
	DeclaredLost *uint64                `json:"declared_lost"` // at most; nil = nobody knows
	Missing      *uint64                `json:"missing"`       // nil = it is not said, as in a signed text
	Closes       *bool                  `json:"closes"`        // the same
	AsOf         *time.Time             `json:"as_of"`         // when it was signed; nil = it does not say
	Signature    string                 `json:"signature"`
}

func (k *closingItem) missing() uint64 { return k.Issued - min(k.Issued, k.Received) }

// closes reports whether the centre says that it closes.
func (k *closingItem) closes() bool { return k.Closes != nil && *k.Closes }

// declared is how many the kiosk has declared lost, or a word where nobody knows it.
func (k *closingItem) declared(unknown string) string {
	if k.DeclaredLost == nil {
		return unknown
	}
	return number(*k.DeclaredLost)
}

// excluded is how many were left out, and why, as in "too_soon=3 test=1".
func (k *closingItem) excluded() (all uint64, reasons string) {
	var list []string
	for _, reason := range slices.Sorted(maps.Keys(k.Excluded)) {
		all += k.Excluded[reason]
		list = append(list, fmt.Sprintf("%s=%d", reason, k.Excluded[reason]))
	}
	return all, strings.Join(list, " ")
}

// lossItem is what a damaged journal may have lost, as the centre gives it.
type lossItem struct {
	Kiosk       survey.KioskID `json:"kiosk"`
	Predecessor string         `json:"predecessor"` // the chain that was damaged
	AtLeast     uint64         `json:"at_least"`
	AtMost      *uint64        `json:"at_most"` // nil = nobody knows
	From        *time.Time     `json:"from"`    // nil = not known, as is To
	To          *time.Time     `json:"to"`
	Reason      string         `json:"reason"`
}

// silentItem is a kiosk that may have recorded more than it told, as the centre gives it.
type silentItem struct {
	Kiosk       survey.KioskID `json:"kiosk"`
	LastContact *time.Time     `json:"last_contact"` // nil = never heard of
}

// closingList is the answer of the centre.
type closingList struct {
	Items  []closingItem `json:"items"`
	Losses []lossItem    `json:"losses"`
	Silent []silentItem  `json:"silent"`
}

// Run prints the closings.
func (cmd *ClosingsListCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	if cmd.Date != "" && (cmd.From != 0 || cmd.To != 0) {
		return &Error{Vi: "hãy dùng --date, hoặc --from và --to", En: "use --date, or --from and --to", Code: usage}
	}
	if err := inOrder(cmd.From, cmd.To); err != nil {
		return err
	}
	var undated closingList
	if days := *cmd; g.Output == AsTable && cmd.Date != unknownDay && (cmd.Date != "" || cmd.From != 0 || cmd.To != 0) {
		var err error
		days.Date, days.From, days.To = unknownDay, 0, 0
		if undated, _, err = days.ask(ctx, g, t); err != nil { // before the days: records leave it for one of them
			return err
		}
	}
	list, raw, err := cmd.ask(ctx, g, t)
	if err != nil {
		return err
	}
	list.add(undated)
	switch g.Output {
	case AsJSON:
		return t.json(raw)
	case AsCSV:
		return t.closingsCSV(list.Items)
	}
	if err := t.write(cmd.span(t, list.Items) + "\n\n"); err != nil {
		return err
	}
	if err := t.closings(list.Items); err != nil {
		return err
	}
	return t.write(t.closingNotes(list))
}

// ask asks the centre for the closings.
func (cmd *ClosingsListCmd) ask(ctx context.Context, g *Globals, t *Terminal) (closingList, []byte, error) {
	query := url.Values{}
	for name, value := range map[string]string{"kiosk": string(cmd.Kiosk), "date": string(cmd.Date), "from": cmd.From.String(), "to": cmd.To.String()} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return ask[closingList](ctx, g, t, http.MethodGet, "/api/v1/closings", query, nil)
}

// add puts the closings without a known day to those of days: any of their records may be of
// one of these. A loss stands in both lists, and counts once.
func (l *closingList) add(undated closingList) {
	l.Items = append(l.Items, undated.Items...)
	for _, loss := range undated.Losses {
		if !slices.ContainsFunc(l.Losses, func(o lossItem) bool { return o.Kiosk == loss.Kiosk && o.Predecessor == loss.Predecessor }) {
			l.Losses = append(l.Losses, loss)
		}
	}
}

// span says which days are shown, and how to choose others.
func (cmd *ClosingsListCmd) span(t *Terminal, items []closingItem) string {
	others := t.say("chọn ngày khác bằng --from và --to, hoặc --date (YYYY-MM-DD)", "choose others with --from and --to, or --date (YYYY-MM-DD)")
	switch {
	case cmd.Date == unknownDay:
		return t.say("Lượt chưa rõ ngày; ", "Presses whose day is not known; ") + others
	case cmd.Date != "":
		return fmt.Sprintf(t.say("Ngày %s; ", "%s; "), dayText(string(cmd.Date))) + others
	case cmd.From != 0 && cmd.To != 0:
		return fmt.Sprintf(t.say("Từ %s đến hết %s; ", "%s to %s, both included; "), day(cmd.From), day(cmd.To)) + others
	case cmd.From != 0:
		return fmt.Sprintf(t.say("Từ %s; ", "From %s on; "), day(cmd.From)) + others
	case cmd.To != 0:
		return fmt.Sprintf(t.say("Đến hết %s; ", "Up to %s, included; "), day(cmd.To)) + others
	}
	first, last := "", "" // as the centre writes days, so that their order is that of the text
	for _, k := range items {
		if k.Date == unknownDay {
			continue
		}
		if first == "" || k.Date < first {
			first = k.Date
		}
		last = max(last, k.Date)
	}
	if first == "" {
		return t.say("Mọi ngày; ", "All days; ") + others
	}
	return fmt.Sprintf(t.say("Mọi ngày: có số liệu từ %s đến %s; ", "All days: there are figures from %s to %s; "), dayText(first), dayText(last)) + others
}

// dayText is a day for people that stands as the centre writes it; another text is left as
// it is.
func dayText(s string) string {
	var d survey.Date
	if d.UnmarshalText([]byte(s)) != nil {
		return oneLine(s)
	}
	return day(d)
}

func (t *Terminal) closingsCSV(items []closingItem) error {
	var rows [][]string
	for _, k := range items {
		all, reasons := k.excluded()
		rows = append(rows, []string{
			k.Date, string(k.Kiosk), number(k.Issued), number(k.Received), number(k.missing()), number(k.Counted), number(all),
			number(k.Held), number(k.Quarantined), number(k.Disputed), reasons, k.Signature, k.declared(""), strconv.FormatBool(k.closes()), rfc3339(k.AsOf),
		})
	}
	return t.csv([]string{
		"date", "kiosk", "issued", "received", "missing", "counted", "excluded", "held", "quarantined", "disputed", "reasons", "signature", "declared_lost", "closes", "as_of",
	}, rows)
}

func (t *Terminal) closings(items []closingItem) error {
	var rows [][]string
	for _, k := range items {
		all, reasons := k.excluded()
		if k.Date == unknownDay {
			k.Date = t.say("chưa rõ", "unknown")
		}
		rows = append(rows, []string{
			k.Date, string(k.Kiosk), number(k.Issued), number(k.Received), number(k.missing()), k.declared(t.say("không rõ", "unknown")), number(k.Counted), number(all),
			number(k.Held), number(k.Quarantined), number(k.Disputed), reasons,
		})
	}
	return t.table([]column{
		{vi: "Ngày", en: "Date"},
		{vi: "Thiết bị", en: "Kiosk"},
		{vi: "Đã ghi", en: "Recorded", number: true},
		{vi: "Đã nhận", en: "Received", number: true},
		{vi: "Thiếu", en: "Missing", number: true},
		{vi: "Báo mất", en: "Declared lost", number: true},
		{vi: "Được tính", en: "Counted", number: true},
		{vi: "Không tính", en: "Left out", number: true},
		{vi: "Chờ khai báo", en: "Held", number: true},
		{vi: "Cách ly", en: "Quarantined", number: true},
		{vi: "Tranh chấp", en: "Disputed", number: true},
		{vi: "Lý do không tính", en: "Why left out"},
	}, rows)
}

// closingNotes are the sentences below the table: whether it closes, and what was lost.
func (t *Terminal) closingNotes(list closingList) string {
	var issued, missing uint64
	open := 0
	for _, k := range list.Items {
		issued, missing = plus(issued, k.Issued), plus(missing, k.missing())
		if !k.closes() {
			open++
		}
	}
	var b strings.Builder
	switch {
	case missing > 0:
		fmt.Fprintf(&b, t.say("\nChưa khép: còn thiếu %d trong số %d lượt thiết bị đã ghi.\n", "\nIt does not close: %d of the %d presses that kiosks recorded are missing.\n"), missing, issued)
	case open > 0:
		fmt.Fprintf(&b, t.say("\nChưa khép: %d dòng có lượt báo mất, tranh chấp, hoặc cộng không khớp.\n", "\nIt does not close: in %d rows something is declared lost, in dispute, or does not add up.\n"), open)
	case len(list.Losses) > 0:
		b.WriteString(t.say("\nChưa khép: có thiết bị khai mất lượt.\n", "\nIt does not close: a kiosk declares presses lost.\n"))
	case len(list.Items) == 0 && len(list.Silent) > 0:
		b.WriteString(t.say("\nChưa thiết bị nào báo có lượt bấm trong những ngày này.\n", "\nNo presses are told of on these days.\n"))
	case len(list.Items) == 0:
		b.WriteString(t.say("\nKhông có lượt nào trong những ngày này.\n", "\nThere are no presses on these days.\n"))
	case len(list.Silent) > 0:
		fmt.Fprintf(&b, t.say("\nKhớp theo lời báo gần nhất của thiết bị: %d lượt, đã nhận đủ.\n", "\nAs kiosks last told, nothing is missing of %d presses.\n"), issued)
	default:
		fmt.Fprintf(&b, t.say("\nKhép đến lượt bấm cuối cùng mà thiết bị đã báo: %d lượt.\n", "\nIt closes to the last press that kiosks have told of: %d.\n"), issued)
	}
	b.WriteString(t.silent(list.Silent))
	for _, l := range list.Losses {
		b.WriteString(t.loss(l))
	}
	return b.String()
}

// silent names the kiosks that may have recorded more than they told.
func (t *Terminal) silent(list []silentItem) string {
	if len(list) == 0 {
		return ""
	}
	names := make([]string, len(list))
	for i, k := range list {
		names[i] = fmt.Sprintf("%s (%s)", oneLine(string(k.Kiosk)), moment(k.LastContact))
	}
	return fmt.Sprintf(t.say("%d thiết bị im lặng (mất kết nối hoặc đã thu hồi) có thể đã ghi thêm; nghe lần cuối: %s\n",
		"Kiosks silent (not connected, or revoked), which may have recorded more: %d; last heard of: %s\n"), len(list), strings.Join(names, ", "))
}

// loss is what one damaged journal may have lost, as a sentence.
func (t *Terminal) loss(l lossItem) string {
	many := ""
	switch {
	case l.AtMost == nil:
		many = fmt.Sprintf(t.say("ít nhất %d lượt, không rõ nhiều nhất bao nhiêu", "at least %d presses, nobody knows how many more,"), l.AtLeast)
	case *l.AtMost == 0:
		many = t.say("không mất lượt nào", "nothing")
	case l.AtLeast == *l.AtMost:
		many = fmt.Sprintf(t.say("đúng %d lượt", "exactly %d presses"), *l.AtMost)
	case l.AtLeast == 0:
		many = fmt.Sprintf(t.say("nhiều nhất %d lượt", "at most %d presses"), *l.AtMost)
	default:
		many = fmt.Sprintf(t.say("từ %d đến %d lượt", "%d to %d presses"), l.AtLeast, *l.AtMost)
	}
	return fmt.Sprintf(t.say("Nhật ký hỏng của %s: mất %s, giữa %s và %s%s\n", "Damaged journal of %s: %s lost, between %s and %s%s\n"),
		oneLine(string(l.Kiosk)), many, moment(l.From), moment(l.To), t.why(l.Reason))
}

// why is a reason that a kiosk gave, in brackets: the right half of one in Vietnamese and
// English. One in English alone is no part of a Vietnamese sentence.
func (t *Terminal) why(said string) string {
	vi, en, both := strings.Cut(oneLine(said), " / ")
	if !both || strings.Contains(en, " / ") {
		vi, en = oneLine(said), oneLine(said)
	}
	if ascii := !strings.ContainsFunc(vi, func(r rune) bool { return r > unicode.MaxASCII && unicode.IsLetter(r) }); vi == en && ascii {
		vi = ""
	}
	if why := t.say(vi, en); why != "" {
		return " (" + why + ")"
	}
	return ""
}
