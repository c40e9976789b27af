package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/doctor"
	"hailong/cmd/internal/kioskapp"
	"hailong/cmd/internal/run"
	"hailong/survey"
)

// DoctorCmd looks at the data folders on this machine and says what is wrong with them.
// It needs no centre.
type DoctorCmd struct {
	Kiosk         string `placeholder:"DIR" help:"Thư mục dữ liệu của thiết bị; không nêu cả hai = .hailong/… hoặc /var/lib/hailong/… / a kiosk's data folder; with neither named = .hailong/… or /var/lib/hailong/…"`
	Aggregator    string `placeholder:"DIR" help:"Thư mục dữ liệu của trung tâm / an aggregator's data folder"`
	Config        string `placeholder:"FILE" help:"Tệp cấu hình của trung tâm, để biết data và backup.folder; không nêu = ${installed}, nếu có / the aggregator's settings file, which names data and backup.folder; left out = ${installed}, if it is there"`
	Backups       string `placeholder:"DIR" help:"Thư mục các bản sao lưu, nếu không phải nơi cấu hình nêu hay backups trong data / the folder of backups, if it is not the one of the settings, or backups in data"`
	KioskURL      string `name:"kiosk-url" default:"http://127.0.0.1:8081" placeholder:"URL" help:"Địa chỉ của thiết bị đang chạy, mặc định ${default} / the running kiosk's address"`
	AggregatorURL string `name:"aggregator-url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Địa chỉ của trung tâm đang chạy, mặc định ${default} / the running aggregator's address"`
	Deep          bool   `help:"Tính lại mọi con số của kho dữ liệu (lâu) / reckon every figure of the store anew (takes long)"`
}

// Where data folders and the aggregator's settings usually are, as a program's settings or
// configs/systemd have them.
const (
	onServers         = "/var/lib/hailong"
	installedSettings = "/etc/hailong/aggregator.yaml"
)

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
	if o.Kiosk == "" && o.Aggregator == "" && cmd.Config == "" {
		o.Kiosk, o.Aggregator = usual("kiosk"), usual("aggregator")
	}
	if err := cmd.settings(&o, t); err != nil {
		return err
	}
	if o.Kiosk == "" && o.Aggregator == "" {
		return &Error{
			Vi:   "không thấy thư mục dữ liệu nào ở chỗ thường gặp; hãy nêu --kiosk THƯ_MỤC hoặc --aggregator THƯ_MỤC",
			En:   "no data folder is at the usual places; name one with --kiosk DIR or --aggregator DIR",
			Code: usage,
		}
	}
	progress, ended := t.verifying()
	o.Progress = progress
	found := doctor.Examine(ctx, o)
	ended()
	if err := t.findings(g.Output, found); err != nil {
		return err
	}
	if doctor.Worst(found) == doctor.Bad {
		return &Error{Vi: "có mục BAD: hãy làm theo lời khuyên ở trên", En: "something is BAD: do what is advised above"}
	}
	return nil
}

// settings takes from the aggregator's settings file which folders are looked at, where
// the options do not say it. The installed one is used where it is of the same folder.
func (cmd *DoctorCmd) settings(o *doctor.Options, t *Terminal) error {
	path := cmp.Or(cmd.Config, installedSettings)
	if _, err := os.Stat(path); cmd.Config == "" && (err != nil || o.Aggregator == "") {
		return nil
	}
	c, err := centreapp.Load(path)
	if err != nil && cmd.Config == "" {
		return t.note(fmt.Sprintf(t.say("Lưu ý: không đọc được %s, nên không biết backup.folder: %v", "Note: %s cannot be read, so that backup.folder is not known: %v"), path, err))
	}
	if file := (*fs.PathError)(nil); errors.As(err, &file) {
		return unreadable(path, err)
	}
	if err != nil {
		return err
	}
	o.Aggregator = cmp.Or(o.Aggregator, c.Data)
	if cmd.Config != "" || sameFolder(o.Aggregator, c.Data) {
		o.Backups = cmp.Or(o.Backups, c.Backup.Folder)
	}
	return nil
}

func sameFolder(a, b string) bool {
	one, err1 := os.Stat(a)
	two, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(one, two)
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
