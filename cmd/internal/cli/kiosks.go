package cli

import (
	"cmp"
	"context"
	"fmt"
	"math"
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
	Revoke KiosksRevokeCmd `cmd:"" help:"Thu hồi một thiết bị: trung tâm không nhận gì từ nó nữa / shut a kiosk out: nothing more is taken from it"`
	Allow  KiosksAllowCmd  `cmd:"" help:"Cho phép lại thiết bị đã thu hồi / take a kiosk that was shut out in again"`
}

// kiosksPath is the address of the kiosks.
const kiosksPath = "/api/v1/kiosks"

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
	Connected   bool                 `json:"connected"`
	Unsent      *uint64              `json:"unsent"`
	Head        uint64               `json:"head"`
	Held        uint64               `json:"held"`
	Quarantined uint64               `json:"quarantined"`
	Forks       uint64               `json:"forks"`
	Trouble     *string              `json:"trouble"`
	Losses      []lossItem           `json:"losses"`
	Problems    []string             `json:"problems"`
}

// Run prints the kiosks.
func (*KiosksListCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	list, raw, err := ask[listOf[kioskItem]](ctx, g, t, http.MethodGet, kiosksPath, nil, nil)
	if err != nil {
		return err
	}
	return t.kiosks(g.Output, raw, list.Items)
}

// kiosks prints kiosks in the form asked for; raw is the centre's own JSON.
func (t *Terminal) kiosks(form Format, raw []byte, items []kioskItem) error {
	if form == AsCSV {
		return t.kiosksCSV(items)
	}
	var rows [][]string
	troubles := ""
	for _, k := range items {
		unsent := nothing
		if k.Unsent != nil {
			unsent = number(*k.Unsent)
		}
		rows = append(rows, []string{
			string(k.ID), cmp.Or(k.Name, nothing), t.role(k.Role), counters(k), moment(k.LastContact),
			number(k.Head), unsent, number(k.Held), number(k.Quarantined), number(k.Forks), t.standing(k),
		})
		if k.Trouble != nil && k.Revoked == nil {
			troubles += fmt.Sprintf(t.say("\n%s báo: %s\n", "\n%s says: %s\n"), oneLine(string(k.ID)), oneLine(*k.Trouble))
		}
	}
	if err := t.list(form, raw, nil, []column{
		{vi: "Mã", en: "ID"},
		{vi: "Tên", en: "Name"},
		{vi: "Loại", en: "Role"},
		{vi: "Quầy", en: "Counters"},
		{vi: "Liên lạc cuối", en: "Last contact"},
		{vi: "Bản ghi cuối", en: "Last record", number: true},
		{vi: "Chưa gửi", en: "Unsent", number: true},
		{vi: "Chờ khai báo", en: "Held", number: true},
		{vi: "Cách ly", en: "Quarantined", number: true},
		{vi: "Rẽ nhánh", en: "Forks", number: true},
		{vi: "Tình trạng", en: "State"},
	}, rows); err != nil || form == AsJSON {
		return err
	}
	return t.write(troubles)
}

func (t *Terminal) kiosksCSV(items []kioskItem) error {
	var rows [][]string
	for _, k := range items {
		unsent, trouble := "", ""
		if k.Unsent != nil {
			unsent = number(*k.Unsent)
		}
		if k.Trouble != nil {
			trouble = *k.Trouble
		}
		rows = append(rows, []string{
			string(k.ID), k.Name, string(k.Role), counters(k), rfc3339(&k.Enrolled), rfc3339(k.Revoked), rfc3339(k.LastContact),
			number(k.Head), number(k.Held), number(k.Quarantined), number(k.Forks),
			strconv.FormatBool(k.Connected), unsent, trouble, strings.Join(k.Problems, " "),
		})
	}
	return t.csv([]string{
		"id", "name", "role", "counters", "enrolled", "revoked", "last_contact", "head", "held", "quarantined", "forks", "connected", "unsent", "trouble", "problems",
	}, rows)
}

// standing says in a few words whether a kiosk is in service and what is wrong with it.
func (t *Terminal) standing(k kioskItem) string {
	if k.Revoked != nil {
		return t.say("đã thu hồi ", "revoked ") + moment(k.Revoked)
	}
	said := []string{}
	for _, p := range k.Problems {
		switch p {
		case "forked":
			p = t.say("thẻ bị sao chép hoặc dữ liệu bị sửa", "card copied or data edited")
		case "trouble":
			p = t.say("tự báo lỗi", "reports trouble")
		case "damaged":
			p = t.lost(k.Losses)
		case "quarantined":
			p = t.say("có bản ghi không đọc được", "has unreadable records")
		case "held":
			p = t.say("có lượt chờ khai báo", "has records held")
		case "silent":
			p = t.say("mất liên lạc", "not connected")
		}
		said = append(said, p)
	}
	return cmp.Or(strings.Join(said, ", "), t.say("tốt", "good"))
}

// lost says how many records damaged journals of a kiosk may have lost.
func (t *Terminal) lost(losses []lossItem) string {
	var most uint64
	for _, l := range losses {
		if l.AtMost == nil {
			return t.say("nhật ký từng bị hỏng: không rõ mất bao nhiêu, xem hailong closings", "journal was damaged: nobody knows how many are lost, see hailong closings")
		}
		most = plus(most, *l.AtMost)
	}
	return fmt.Sprintf(t.say("nhật ký từng bị hỏng: mất nhiều nhất %d lượt, xem hailong closings", "journal was damaged: at most %d lost, see hailong closings"), most)
}

// plus is a sum that ends at the greatest number: kiosks may say any.
func plus(a, b uint64) uint64 { return a + min(b, math.MaxUint64-a) }

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
	Counter []survey.CounterCode `required:"" placeholder:"CODE" help:"Quầy mà thiết bị phục vụ; nêu nhiều lần nếu có nhiều quầy / the counter that the kiosk serves; several times where it serves several"`
	Name    string               `help:"Tên để người vận hành nhận ra thiết bị / a name by which operators know the kiosk"`
	Role    survey.KioskRole     `enum:"counter,online" default:"counter" help:"counter = tại quầy, online = cổng trực tuyến / counter = at a counter, online = web gateway"`
}

// invited is the place that the centre has prepared.
type invited struct {
	Code     string           `json:"code"`
	Expires  time.Time        `json:"expires"`
	Replaces []survey.KioskID `json:"replaces"`
}

// Run prints the one-time code and what to do with it.
func (cmd *KiosksAddCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	in := map[string]any{"name": cmd.Name, "role": cmd.Role}
	if len(cmd.Counter) == 1 {
		in["counter"] = cmd.Counter[0]
	} else {
		in["counters"] = cmd.Counter
	}
	out, raw, err := ask[invited](ctx, g, t, http.MethodPost, kiosksPath, nil, in)
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

// at are the counters, for people.
func (cmd *KiosksAddCmd) at() string {
	codes := make([]string, len(cmd.Counter))
	for i, c := range cmd.Counter {
		codes[i] = string(c)
	}
	return strings.Join(codes, ", ")
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
	return t.note(fmt.Sprintf(t.say(
		"Lưu ý: quầy %s đã có thiết bị %s; mã này thêm một thiết bị nữa. Nếu để thay thiết bị cũ: hailong kiosks revoke %s",
		"Note: counter %s already has kiosk %s; this code adds one more. If it takes the old one's place: hailong kiosks revoke %s"),
		cmd.at(), strings.Join(names, ", "), names[0]))
}

// KiosksRevokeCmd shuts a kiosk out: stolen, lost, or replaced by another.
type KiosksRevokeCmd struct {
	ID survey.KioskID `arg:"" help:"Mã thiết bị, xem: hailong kiosks list / the kiosk's ID, see: hailong kiosks list"`
}

// Run shuts the kiosk out and prints it. What it has sent stays counted.
func (cmd *KiosksRevokeCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	return t.kioskDone(ctx, g, cmd.ID, "revoke")
}

// KiosksAllowCmd takes a kiosk in again that was shut out.
type KiosksAllowCmd struct {
	ID survey.KioskID `arg:"" help:"Mã thiết bị, xem: hailong kiosks list / the kiosk's ID, see: hailong kiosks list"`
}

// Run takes the kiosk in again and prints it.
func (cmd *KiosksAllowCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	return t.kioskDone(ctx, g, cmd.ID, "allow")
}

// kioskDone has the centre do something with a kiosk, and prints it.
func (t *Terminal) kioskDone(ctx context.Context, g *Globals, id survey.KioskID, what string) error {
	k, raw, err := ask[kioskItem](ctx, g, t, http.MethodPost, kiosksPath+"/"+url.PathEscape(string(id))+"/"+what, nil, nil)
	if err != nil {
		return err
	}
	return t.kiosks(g.Output, raw, []kioskItem{k})
}
