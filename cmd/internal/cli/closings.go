package cli

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hailong/survey"
)

// ClosingsCmd prints what each kiosk recorded day by day, and what became of it.
type ClosingsCmd struct {
	Kiosk survey.KioskID `placeholder:"ID" help:"Chỉ một thiết bị / one kiosk only"`
	Date  string         `placeholder:"YYYY-MM-DD" help:"Một ngày, hoặc unknown = chưa rõ ngày / one day, or unknown = day not known"`
	From  string         `placeholder:"YYYY-MM-DD" help:"Từ ngày / from this day"`
	To    string         `placeholder:"YYYY-MM-DD" help:"Đến hết ngày / to this day, included"`
}

// closingItem is a closing as the centre gives it.
type closingItem struct {
	Kiosk       survey.KioskID         `json:"kiosk"`
	Date        string                 `json:"date"`
	Issued      uint64                 `json:"issued"`
	Received    uint64                 `json:"received"`
	Counted     uint64                 `json:"counted"`
	Excluded    map[survey.Flag]uint64 `json:"excluded"`
	Held        uint64                 `json:"held"`
	Quarantined uint64                 `json:"quarantined"`
	Disputed    uint64                 `json:"disputed"`
	Signature   string                 `json:"signature"`
}

func (k *closingItem) missing() uint64 { return k.Issued - min(k.Issued, k.Received) }

// excluded is how many were left out, and why, as in "too_soon=3 test=1".
func (k *closingItem) excluded() (all uint64, reasons string) {
	var list []string
	for _, reason := range slices.Sorted(maps.Keys(k.Excluded)) {
		all += k.Excluded[reason]
		list = append(list, fmt.Sprintf("%s=%d", reason, k.Excluded[reason]))
	}
	return all, strings.Join(list, " ")
}

// Run prints the closings.
func (cmd *ClosingsCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	if cmd.Date != "" && (cmd.From != "" || cmd.To != "") {
		return &Error{Vi: "hãy dùng --date, hoặc --from và --to", En: "use --date, or --from and --to", Code: usage}
	}
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range map[string]string{"kiosk": string(cmd.Kiosk), "date": cmd.Date, "from": cmd.From, "to": cmd.To} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var list struct {
		Items []closingItem `json:"items"`
	}
	raw, err := c.get(ctx, "/api/v1/closings", query, &list)
	if err != nil {
		return err
	}
	return t.closings(g.Output, raw, list.Items)
}

func (t *Terminal) closings(form Format, raw []byte, items []closingItem) error {
	if form == AsJSON {
		return t.json(raw)
	}
	var rows [][]string
	var issued, missing uint64
	for _, k := range items {
		issued, missing = issued+k.Issued, missing+k.missing()
		all, reasons := k.excluded()
		row := []string{k.Date, string(k.Kiosk)}
		for _, n := range []uint64{k.Issued, k.Received, k.missing(), k.Counted, all, k.Held, k.Quarantined, k.Disputed} {
			row = append(row, strconv.FormatUint(n, 10))
		}
		row = append(row, reasons)
		if form == AsCSV {
			row = append(row, k.Signature)
		} else if k.Date == "unknown" {
			row[0] = t.say("chưa rõ", "unknown")
		}
		rows = append(rows, row)
	}
	if form == AsCSV {
		return t.csv([]string{"date", "kiosk", "issued", "received", "missing", "counted", "excluded", "held", "quarantined", "disputed", "reasons", "signature"}, rows)
	}
	if err := t.table([]column{
		{vi: "Ngày", en: "Date"},
		{vi: "Thiết bị", en: "Kiosk"},
		{vi: "Đã ghi", en: "Recorded", number: true},
		{vi: "Đã nhận", en: "Received", number: true},
		{vi: "Thiếu", en: "Missing", number: true},
		{vi: "Được tính", en: "Counted", number: true},
		{vi: "Không tính", en: "Left out", number: true},
		{vi: "Chờ khai báo", en: "Held", number: true},
		{vi: "Cách ly", en: "Quarantined", number: true},
		{vi: "Tranh chấp", en: "Disputed", number: true},
		{vi: "Lý do không tính", en: "Why left out"},
	}, rows); err != nil {
		return err
	}
	if len(items) == 0 {
		return t.write(t.say("\nKhông có lượt nào trong những ngày này.\n", "\nThere are no presses on these days.\n"))
	}
	if missing > 0 {
		return t.write(fmt.Sprintf(t.say("\nChưa khép: còn thiếu %d trong số %d lượt thiết bị đã ghi.\n", "\nIt does not close: %d of the %d presses that kiosks recorded are missing.\n"), missing, issued))
	}
	return t.write(fmt.Sprintf(t.say("\nKhép đến lượt bấm cuối cùng: %d lượt.\n", "\nIt closes to the last press: %d.\n"), issued))
}
