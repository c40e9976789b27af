package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hailong/survey"
)

// KiosksCmd groups the commands about kiosks.
type KiosksCmd struct {
	List   KiosksListCmd   `cmd:"" help:"Liệt kê thiết bị / list the kiosks"`
	Add    KiosksAddCmd    `cmd:"" help:"Tạo mã một lần để ghi danh thiết bị / make a one-time code that enrols a kiosk"`
	Revoke KiosksRevokeCmd `cmd:"" help:"Thu hồi một thiết bị mãi mãi / shut a kiosk out for ever"`
}

// KiosksListCmd lists the enrolled kiosks.
type KiosksListCmd struct{}

// kioskItem is a kiosk as the centre lists it.
type kioskItem struct {
	ID          survey.KioskID       `json:"id"`
	Name        string               `json:"name"`
	Role        survey.KioskRole     `json:"role"`
	Counters    []survey.CounterCode `json:"counters"`
	Enrolled    time.Time            `json:"enrolled"`
	Revoked     *time.Time           `json:"revoked"`
	LastContact *time.Time           `json:"last_contact"`
	Head        uint64               `json:"head"`
	Held        uint64               `json:"held"`
	Quarantined uint64               `json:"quarantined"`
	Forks       uint64               `json:"forks"`
}

// Run prints the kiosks.
func (*KiosksListCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	var list struct {
		Items []kioskItem `json:"items"`
	}
	raw, err := c.get(ctx, "/api/v1/kiosks", nil, &list)
	if err != nil {
		return err
	}
	return t.kiosks(g.Output, raw, list.Items)
}

// kiosks prints kiosks in the form asked for; raw is the centre's own JSON.
func (t *Terminal) kiosks(form Format, raw []byte, items []kioskItem) error {
	var rows [][]string
	for _, k := range items {
		row := []string{string(k.ID), k.Name, t.role(k.Role), counters(k), moment(&k.Enrolled), moment(k.Revoked), moment(k.LastContact)}
		if form == AsCSV {
			row = []string{string(k.ID), k.Name, string(k.Role), counters(k), rfc3339(&k.Enrolled), rfc3339(k.Revoked), rfc3339(k.LastContact)}
		}
		for _, n := range []uint64{k.Head, k.Held, k.Quarantined, k.Forks} {
			row = append(row, strconv.FormatUint(n, 10))
		}
		rows = append(rows, row)
	}
	switch form {
	case AsJSON:
		return t.json(raw)
	case AsCSV:
		return t.csv([]string{"id", "name", "role", "counters", "enrolled", "revoked", "last_contact", "head", "held", "quarantined", "forks"}, rows)
	default:
		return t.table([]column{
			{vi: "Mã", en: "ID"},
			{vi: "Tên", en: "Name"},
			{vi: "Loại", en: "Role"},
			{vi: "Quầy", en: "Counters"},
			{vi: "Ghi danh", en: "Enrolled"},
			{vi: "Thu hồi", en: "Revoked"},
			{vi: "Liên lạc cuối", en: "Last contact"},
			{vi: "Bản ghi cuối", en: "Last record", number: true},
			{vi: "Chờ định nghĩa", en: "Held", number: true},
			{vi: "Cách ly", en: "Quarantined", number: true},
			{vi: "Rẽ nhánh", en: "Forks", number: true},
		}, rows)
	}
}

func counters(k kioskItem) string {
	codes := make([]string, len(k.Counters))
	for i, c := range k.Counters {
		codes[i] = string(c)
	}
	return strings.Join(codes, " ")
}

func (t *Terminal) role(r survey.KioskRole) string {
	switch r {
	case survey.CounterKiosk:
		return t.say("tại quầy", "counter")
	case survey.OnlineGateway:
		return t.say("cổng trực tuyến", "online")
	}
	return string(r)
}

// KiosksAddCmd prepares a place for a kiosk.
type KiosksAddCmd struct {
	Counter survey.CounterCode `required:"" placeholder:"CODE" help:"Quầy mà thiết bị phục vụ / the counter that the kiosk serves"`
	Name    string             `help:"Tên để người vận hành nhận ra thiết bị / a name by which operators know the kiosk"`
	Role    survey.KioskRole   `enum:"counter,online" default:"counter" help:"counter = tại quầy, online = cổng trực tuyến / counter = at a counter, online = web gateway"`
}

// Run prints the one-time code and what to do with it.
func (cmd *KiosksAddCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	in := map[string]string{"counter": string(cmd.Counter), "name": cmd.Name, "role": string(cmd.Role)}
	var out struct {
		Code     string           `json:"code"`
		Expires  time.Time        `json:"expires"`
		Replaces []survey.KioskID `json:"replaces"`
	}
	raw, err := c.call(ctx, http.MethodPost, "/api/v1/kiosks", nil, in, &out)
	if err != nil {
		return err
	}
	if err := cmd.warn(t, out.Replaces); err != nil {
		return err
	}
	switch g.Output {
	case AsJSON:
		return t.json(raw)
	case AsCSV:
		return t.csv([]string{"code", "expires"}, [][]string{{out.Code, rfc3339(&out.Expires)}})
	default:
		code, until := oneLine(out.Code), moment(&out.Expires)
		return t.write(fmt.Sprintf(t.say(
			"%s\n\nMã này dùng được một lần, đến %s. Hãy ghi nó vào tệp cấu hình của thiết bị; nó không hiện lại lần nữa.\n",
			"%s\n\nThis code works once, until %s. Put it into the kiosk's configuration file; it is not shown again.\n"), code, until))
	}
}

// warn tells of the kiosks that are in service at the counter already.
func (cmd *KiosksAddCmd) warn(t *Terminal, there []survey.KioskID) error {
	if len(there) == 0 {
		return nil
	}
	names := make([]string, len(there))
	for i, k := range there {
		names[i] = string(k)
	}
	text := fmt.Sprintf(t.say(
		"Lưu ý: quầy %s đã có thiết bị %s; mã này thêm một thiết bị nữa. Nếu để thay thiết bị cũ: hailong kiosks revoke %s",
		"Note: counter %s already has kiosk %s; this code adds one more. If it takes the old one's place: hailong kiosks revoke %s"),
		cmd.Counter, strings.Join(names, ", "), names[0])
	if _, err := fmt.Fprintln(t.Err, oneLine(text)); err != nil {
		return fmt.Errorf("write the warning: %w", err)
	}
	return nil
}

// KiosksRevokeCmd shuts a kiosk out for ever: stolen, lost, or replaced by another.
type KiosksRevokeCmd struct {
	ID survey.KioskID `arg:"" help:"Mã thiết bị, xem: hailong kiosks list / the kiosk's ID, see: hailong kiosks list"`
}

// Run shuts the kiosk out and prints it. What it has sent stays counted.
func (cmd *KiosksRevokeCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	var k kioskItem
	raw, err := c.call(ctx, http.MethodPost, "/api/v1/kiosks/"+url.PathEscape(string(cmd.ID))+"/revoke", nil, nil, &k)
	if err != nil {
		return err
	}
	return t.kiosks(g.Output, raw, []kioskItem{k})
}
