package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"hailong/cmd/internal/kioskapp"
)

// DiaryCmd tells what happened to a kiosk, from its data folder. It needs no centre, and
// the kiosk may run.
type DiaryCmd struct {
	Data string `placeholder:"DIR" help:"Thư mục dữ liệu của thiết bị; không nêu thì tìm ở chỗ thường gặp / the kiosk's data folder; none = look at the usual places"`
	Last int    `default:"1000" placeholder:"N" help:"Chỉ N sự kiện cuối, mặc định ${default} / only the last N events"`
}

// Run prints the events, the latest last.
func (cmd *DiaryCmd) Run(g *Globals, t *Terminal) error {
	dir := cmd.Data
	if dir == "" {
		dir = usual("kiosk")
	}
	if info, err := os.Stat(dir); cmd.Last < 1 || err != nil || !info.IsDir() {
		return &Error{
			Vi:   fmt.Sprintf("không có thư mục dữ liệu %q, hoặc --last = %d nhỏ hơn 1; hãy nêu --data THƯ_MỤC", dir, cmd.Last),
			En:   fmt.Sprintf("there is no data folder %q, or --last = %d is less than 1; name it with --data DIR", dir, cmd.Last),
			Code: usage,
		}
	}
	list, err := kioskapp.ReadDiary(dir)
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
