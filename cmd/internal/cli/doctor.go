package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hailong/cmd/internal/doctor"
	"hailong/cmd/internal/kioskapp"
	"hailong/cmd/internal/run"
	"hailong/survey"
)

// DoctorCmd looks at the data folders on this machine and says what is wrong with them.
// It needs no centre.
type DoctorCmd struct {
	Kiosk         string `placeholder:"DIR" help:"Thư mục dữ liệu của thiết bị; không nêu thì tìm ở chỗ thường gặp / a kiosk's data folder; none = look at the usual places"`
	Aggregator    string `placeholder:"DIR" help:"Thư mục dữ liệu của trung tâm / an aggregator's data folder"`
	Backups       string `placeholder:"DIR" help:"Thư mục các bản sao lưu, nếu không phải backups trong đó / the folder of backups, if it is not backups in there"`
	KioskURL      string `name:"kiosk-url" default:"http://127.0.0.1:8081" placeholder:"URL" help:"Địa chỉ của thiết bị đang chạy, mặc định ${default} / the running kiosk's address"`
	AggregatorURL string `name:"aggregator-url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Địa chỉ của trung tâm đang chạy, mặc định ${default} / the running aggregator's address"`
	Deep          bool   `help:"Tính lại mọi con số của kho dữ liệu (lâu) / reckon every figure of the store anew (takes long)"`
}

// Where data folders usually are, as a program's settings or configs/systemd have them.
const onServers = "/var/lib/hailong"

// usual is the first of the usual data folders that is there; "" = none is.
func usual(name string) string {
	for _, dir := range []string{filepath.Join(".hailong", name), filepath.Join(onServers, name)} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return ""
}

// Run examines, prints what was found, and fails where something is bad.
func (cmd *DoctorCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	program := run.Self()
	limits := kioskapp.Defaults().Disk
	o := doctor.Options{
		Kiosk: cmd.Kiosk, Aggregator: cmd.Aggregator, Backups: cmd.Backups, KioskURL: cmd.KioskURL, AggregatorURL: cmd.AggregatorURL, Deep: cmd.Deep,
		Full: limits.Full << 20, Spare: limits.Spare << 20, Program: program, Child: kioskapp.ChildOf(program),
	}
	if o.Kiosk == "" && o.Aggregator == "" {
		o.Kiosk, o.Aggregator = usual("kiosk"), usual("aggregator")
	}
	if o.Kiosk == "" && o.Aggregator == "" {
		return &Error{
			Vi:   "không thấy thư mục dữ liệu nào ở chỗ thường gặp; hãy nêu --kiosk THƯ_MỤC hoặc --aggregator THƯ_MỤC",
			En:   "no data folder is at the usual places; name one with --kiosk DIR or --aggregator DIR",
			Code: usage,
		}
	}
	found := doctor.Examine(ctx, o)
	if err := t.findings(g.Output, found); err != nil {
		return err
	}
	if doctor.Worst(found) == doctor.Bad {
		return &Error{Vi: "có mục BAD: hãy làm theo lời khuyên ở trên", En: "something is BAD: do what is advised above"}
	}
	return nil
}

// findings prints what a doctor found.
func (t *Terminal) findings(form Format, list []doctor.Finding) error {
	switch form {
	case AsJSON:
		return t.findingsJSON(list)
	case AsCSV:
		var rows [][]string
		for _, f := range list {
			rows = append(rows, []string{string(f.Part), f.Check, string(f.Verdict), f.Words.In(t.Lang), t.advice(f)})
		}
		return t.csv([]string{"part", "check", "verdict", "text", "advice"}, rows)
	}
	var b strings.Builder
	part := doctor.Part("")
	for _, f := range list {
		if f.Part != part {
			part = f.Part
			fmt.Fprintf(&b, "%s\n", t.part(part))
		}
		fmt.Fprintf(&b, "  %-4s  %s\n", f.Verdict, oneLine(f.Words.In(t.Lang)))
		if advice := t.advice(f); advice != "" {
			fmt.Fprintf(&b, "        → %s\n", oneLine(advice))
		}
	}
	return t.write(b.String())
}

func (t *Terminal) part(p doctor.Part) string {
	switch p {
	case doctor.Kiosk:
		return t.say("Thiết bị đánh giá", "Kiosk")
	case doctor.Aggregator:
		return t.say("Trung tâm", "Aggregator")
	}
	return t.say("Máy này", "This machine")
}

// advice is what to do about a finding; "" where nothing is to be done.
func (t *Terminal) advice(f doctor.Finding) string {
	if f.Advice == nil {
		return ""
	}
	return cmp.Or(f.Advice[t.Lang], f.Advice[survey.English])
}

func (t *Terminal) findingsJSON(list []doctor.Finding) error {
	type item struct {
		Part    doctor.Part    `json:"part"`
		Check   string         `json:"check"`
		Verdict doctor.Verdict `json:"verdict"`
		Text    string         `json:"text"`
		Advice  string         `json:"advice"`
	}
	out := struct {
		Worst doctor.Verdict `json:"worst"`
		Items []item         `json:"items"`
		Next  *string        `json:"next"`
	}{Worst: doctor.Worst(list), Items: []item{}}
	for _, f := range list {
		out.Items = append(out.Items, item{f.Part, f.Check, f.Verdict, f.Words.In(t.Lang), t.advice(f)})
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return t.json(raw)
}
