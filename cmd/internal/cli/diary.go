package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"hailong/cmd/internal/doctor"
	"hailong/cmd/internal/kioskapp"
)

// DiaryCmd tells what happened to a kiosk, from its data folder. It needs no centre, and
// the kiosk may run.
type DiaryCmd struct {
	Data string `placeholder:"DIR" help:"Thư mục dữ liệu của thiết bị; không nêu = .hailong/kiosk hoặc /var/lib/hailong/kiosk / the kiosk's data folder; left out = .hailong/kiosk or /var/lib/hailong/kiosk"`
	Last int    `default:"1000" placeholder:"N" help:"Chỉ N sự kiện cuối, mặc định ${default} / only the last N events"`
}

// Run prints the events, the latest last.
func (cmd *DiaryCmd) Run(g *Globals, t *Terminal) error {
	if cmd.Last < 1 {
		return &Error{Vi: fmt.Sprintf("--last = %d: phải từ 1 trở lên", cmd.Last), En: fmt.Sprintf("--last = %d: must be 1 or more", cmd.Last), Code: usage}
	}
	list, err := cmd.read()
	if err != nil {
		return err
	}
	list = list[max(0, len(list)-cmd.Last):]
	if g.Output == AsJSON {
		return t.diaryJSON(list)
	}
	var rows [][]string
	for _, e := range list {
		if g.Output == AsCSV {
			rows = append(rows, []string{rfc3339(&e.At), fmt.Sprint(e.Sure), string(e.Kind), e.Words.In(t.Lang)})
			continue
		}
		at := e.At.Format("02/01/2006 15:04:05")
		if !e.Sure {
			at += " ?"
		}
		rows = append(rows, []string{at, e.Words.In(t.Lang)})
	}
	if g.Output == AsCSV {
		return t.csv([]string{"at", "clock_sure", "kind", "text"}, rows)
	}
	return t.table([]column{{vi: "Lúc (? = giờ chưa chắc)", en: "At (? = clock not sure)"}, {vi: "Sự kiện", en: "Event"}}, rows)
}

// read reads the events. A folder without any is refused, because it is no kiosk's, or
// that of a kiosk that has never run.
func (cmd *DiaryCmd) read() ([]kioskapp.DiaryEntry, error) {
	dir := cmp.Or(cmd.Data, usual("kiosk"))
	if dir == "" {
		return nil, &Error{
			Vi:   "không thấy thư mục dữ liệu của thiết bị ở .hailong/kiosk hay /var/lib/hailong/kiosk; hãy nêu --data THƯ_MỤC",
			En:   "no kiosk's data folder is at .hailong/kiosk or /var/lib/hailong/kiosk; name it with --data DIR",
			Code: usage,
		}
	}
	if _, err := os.ReadDir(dir); err != nil {
		return nil, unreadable(dir, err)
	}
	list, err := kioskapp.ReadDiary(dir)
	switch {
	case err != nil:
		return nil, unreadable(dir, err)
	case len(list) > 0:
		return list, nil
	case doctor.Owner(dir) == doctor.Aggregator:
		return nil, &Error{
			Vi: fmt.Sprintf("%s là thư mục dữ liệu của trung tâm; chỉ thiết bị mới có sổ sự kiện. Nhật ký của trung tâm ở nơi chạy nó: journalctl -u hailong-aggregator, hoặc trên màn hình", dir),
			En: fmt.Sprintf("%s is an aggregator's data folder, and only a kiosk has a diary. The aggregator's log is where it runs: journalctl -u hailong-aggregator, or on the screen", dir),
		}
	}
	return nil, &Error{
		Vi: fmt.Sprintf("%s không có sổ sự kiện (diary.jsonl): đây không phải thư mục dữ liệu của một thiết bị, hoặc thiết bị chưa chạy lần nào; hãy nêu --data THƯ_MỤC", dir),
		En: fmt.Sprintf("%s has no diary (diary.jsonl): it is not a kiosk's data folder, or the kiosk has never run; name the folder with --data DIR", dir),
	}
}

func (t *Terminal) diaryJSON(list []kioskapp.DiaryEntry) error {
	type item struct {
		At   string             `json:"at"`
		Sure bool               `json:"clock_sure"`
		Kind kioskapp.DiaryKind `json:"kind"`
		Text string             `json:"text"`
	}
	items := make([]item, len(list))
	for i, e := range list {
		items[i] = item{e.At.Format(time.RFC3339), e.Sure, e.Kind, e.Words.In(t.Lang)}
	}
	raw, err := json.Marshal(map[string]any{"items": items, "next": nil})
	if err != nil {
		return fmt.Errorf("write the diary: %w", err)
	}
	return t.json(raw)
}
