package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hailong/survey"
)

// tabletsPath is the address of a kiosk's tablets, on the kiosk itself.
const tabletsPath = "/api/v1/tablets"

// TabletsCmd groups the commands about the tablets of a kiosk. They are run on the kiosk's
// own machine: it answers nobody else.
type TabletsCmd struct {
	Kiosk string `default:"http://127.0.0.1:8081" placeholder:"URL" help:"Địa chỉ thiết bị, chạy ngay trên máy đó; mặc định ${default} / the kiosk's address, on that very machine"`

	Add    TabletsAddCmd    `cmd:"" help:"Tạo mã một lần để ghép máy tính bảng với một quầy / make a one-time code that pairs a tablet with a counter"`
	List   TabletsListCmd   `cmd:"" help:"Liệt kê máy tính bảng đã ghép / list the paired tablets"`
	Revoke TabletsRevokeCmd `cmd:"" help:"Thu hồi một máy tính bảng, có hiệu lực ngay / end a tablet's pairing at once"`
}

// askKiosk calls the kiosk at an address and reads its answer into a T; raw is the JSON as
// it came.
func askKiosk[T any](ctx context.Context, kiosk string, t *Terminal, method, path string, in any) (v T, raw []byte, err error) {
	c, err := newClientOf(theKiosk, kiosk, "", t)
	if err != nil {
		return v, nil, err
	}
	raw, err = c.call(ctx, method, path, nil, in, &v)
	return v, raw, err
}

// tabletItem is a tablet as the kiosk lists it.
type tabletItem struct {
	ID      string             `json:"id"`
	Counter survey.CounterCode `json:"counter"`
	Since   time.Time          `json:"since"`
	Seen    *time.Time         `json:"last_seen"`
}

// tablets prints tablets in the form asked for; raw is the kiosk's own JSON.
func (t *Terminal) tablets(form Format, raw []byte, items []tabletItem) error {
	var rows [][]string
	for _, i := range items {
		if form == AsCSV {
			rows = append(rows, []string{i.ID, string(i.Counter), rfc3339(&i.Since), rfc3339(i.Seen)})
			continue
		}
		rows = append(rows, []string{oneLine(i.ID), oneLine(string(i.Counter)), moment(&i.Since), moment(i.Seen)})
	}
	return t.list(form, raw, []string{"id", "counter", "since", "last_seen"}, []column{
		{vi: "Mã", en: "ID"}, {vi: "Quầy", en: "Counter"}, {vi: "Ghép từ", en: "Paired since"}, {vi: "Lần cuối", en: "Last seen"},
	}, rows)
}

// TabletsListCmd lists the paired tablets.
type TabletsListCmd struct{}

// Run prints the tablets.
func (*TabletsListCmd) Run(ctx context.Context, of *TabletsCmd, g *Globals, t *Terminal) error {
	list, raw, err := askKiosk[listOf[tabletItem]](ctx, of.Kiosk, t, http.MethodGet, tabletsPath, nil)
	if err != nil {
		return err
	}
	return t.tablets(g.Output, raw, list.Items)
}

// TabletsAddCmd makes a one-time code for a tablet.
type TabletsAddCmd struct {
	Counter survey.CounterCode `required:"" placeholder:"CODE" help:"Quầy mà máy tính bảng hiện / the counter whose screen the tablet shows"`
}

// tabletInvited is a one-time code as the kiosk gives it.
type tabletInvited struct {
	Counter   survey.CounterCode `json:"counter"`
	Code      string             `json:"code"`
	Until     time.Time          `json:"until"`
	Addresses []string           `json:"addresses"`
}

// Run prints the one-time code and where to type it.
func (cmd *TabletsAddCmd) Run(ctx context.Context, of *TabletsCmd, g *Globals, t *Terminal) error {
	out, raw, err := askKiosk[tabletInvited](ctx, of.Kiosk, t, http.MethodPost, tabletsPath, map[string]survey.CounterCode{"counter": cmd.Counter})
	if err != nil {
		return err
	}
	where := oneLine(strings.Join(out.Addresses, "  "))
	switch g.Output {
	case AsJSON:
		return t.json(raw)
	case AsCSV:
		return t.csv([]string{"code", "counter", "until", "addresses"}, [][]string{{out.Code, string(out.Counter), rfc3339(&out.Until), where}})
	}
	said := fmt.Sprintf(t.say("%s\n\nMã này dùng được một lần, đến %s.\n", "%s\n\nThis code works once, until %s.\n"), oneLine(out.Code), moment(&out.Until))
	if where == "" {
		return t.write(said + t.say(
			"Nhưng thiết bị chỉ nghe chính nó: đặt listen: 0.0.0.0:8081 trong tệp cấu hình, khởi động lại rồi tạo mã mới.\n",
			"But the kiosk listens to itself only: set listen: 0.0.0.0:8081 in its settings, restart it and make a new code.\n"))
	}
	return t.write(said + fmt.Sprintf(t.say(
		"Trên máy tính bảng của quầy %s, mở địa chỉ sau rồi nhập mã:\n  %s\n", "On the tablet of counter %s, open this address and type the code:\n  %s\n"), oneLine(string(out.Counter)), where))
}

// TabletsRevokeCmd ends a tablet's pairing: lost, stolen, or put to another use.
type TabletsRevokeCmd struct {
	ID string `arg:"" help:"Mã máy tính bảng, xem: hailong tablets list / the tablet's ID, see: hailong tablets list"`
}

// Run ends the pairing and prints the tablet.
func (cmd *TabletsRevokeCmd) Run(ctx context.Context, of *TabletsCmd, g *Globals, t *Terminal) error {
	i, raw, err := askKiosk[tabletItem](ctx, of.Kiosk, t, http.MethodDelete, tabletsPath+"/"+url.PathEscape(cmd.ID), nil)
	if err != nil {
		return err
	}
	return t.tablets(g.Output, raw, []tabletItem{i})
}
