package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// BackupCmd makes a backup at the centre and waits until it is verified.
type BackupCmd struct {
	List bool `help:"Chỉ liệt kê các bản sao lưu / only list the backups"`
}

// backupItem is a backup as the centre gives it.
type backupItem struct {
	Name      string     `json:"name"`
	Path      string     `json:"path"`
	State     string     `json:"state"`
	Time      time.Time  `json:"time"`
	Verified  *time.Time `json:"verified"`
	Bytes     int64      `json:"bytes"`
	SameDisk  bool       `json:"same_disk"`
	Error     string     `json:"error"`
	Verifying bool       `json:"verifying"`
	Done      int64      `json:"done"`
	Total     int64      `json:"total"`
}

const backupsPath = "/api/v1/backups"

// askEvery is how often it is asked how far a backup is.
const askEvery = 500 * time.Millisecond

// Run makes the backup, or lists those that are there.
func (cmd *BackupCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	if cmd.List {
		return cmd.list(ctx, c, g, t)
	}
	finished := t.follow(ctx, c)
	var b backupItem
	waiting := *c
	waiting.http = &http.Client{Transport: c.http.Transport, CheckRedirect: c.http.CheckRedirect} // a large store takes its time
	raw, err := waiting.call(ctx, http.MethodPost, backupsPath, nil, nil, &b)
	finished()
	if err != nil {
		return err
	}
	if g.Output != AsTable {
		return t.backups(g.Output, raw, []backupItem{b})
	}
	if err := t.write(fmt.Sprintf(t.say(
		"Đã sao lưu và kiểm chứng: %s (%d byte)\nThư mục này nằm trên máy của trung tâm.\n",
		"Backup made and verified: %s (%d bytes)\nThe folder is on the centre's machine.\n"), oneLine(b.Path), b.Bytes)); err != nil || !b.SameDisk {
		return err
	}
	return t.note(t.say(
		"Lưu ý: bản sao lưu nằm trên cùng đĩa với kho dữ liệu; hãy chép nó đi nơi khác.",
		"Note: the backup lies on the same disk as the store; copy it away."))
}

func (*BackupCmd) list(ctx context.Context, c *client, g *Globals, t *Terminal) error {
	var list listOf[backupItem]
	raw, err := c.get(ctx, backupsPath, nil, &list)
	if err != nil {
		return err
	}
	return t.backups(g.Output, raw, list.Items)
}

func (t *Terminal) backups(form Format, raw []byte, items []backupItem) error {
	var rows [][]string
	for _, b := range items {
		if form == AsCSV {
			rows = append(rows, []string{b.Name, rfc3339(&b.Time), rfc3339(b.Verified), b.State, strconv.FormatInt(b.Bytes, 10), strconv.FormatBool(b.SameDisk), b.Path, b.Error})
			continue
		}
		state := t.backupState(b.State)
		if b.Error != "" {
			state += ": " + b.Error
		}
		rows = append(rows, []string{moment(&b.Time), moment(b.Verified), whole(b.Bytes), state, b.Path})
	}
	return t.list(form, raw, []string{"name", "time", "verified", "state", "bytes", "same_disk", "path", "error"}, []column{
		{vi: "Bắt đầu", en: "Begun"},
		{vi: "Kiểm chứng", en: "Verified"},
		{vi: "Số byte", en: "Bytes", number: true},
		{vi: "Tình trạng", en: "State"},
		{vi: "Thư mục", en: "Folder"},
	}, rows)
}

func (t *Terminal) backupState(state string) string {
	switch state {
	case "running":
		return t.say("đang tạo", "being made")
	case "verified":
		return t.say("đã kiểm chứng", "verified")
	case "unverified":
		return t.say("chưa kiểm chứng", "not verified")
	case "failed":
		return t.say("không thành", "failed")
	}
	return state
}

// note tells something beside the result.
func (t *Terminal) note(text string) error {
	if _, err := fmt.Fprintln(t.Err, oneLine(text)); err != nil {
		return fmt.Errorf("write the note: %w", err)
	}
	return nil
}

// follow shows on a terminal how far the backup under way is, until finished is called.
func (t *Terminal) follow(ctx context.Context, c *client) (finished func()) {
	if !interactive(t.Err) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(askEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			var list listOf[backupItem]
			if _, err := c.get(ctx, backupsPath, nil, &list); err == nil && len(list.Items) > 0 && list.Items[0].State == "running" {
				t.progress(&list.Items[0])
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		fmt.Fprint(t.Err, "\r\x1b[K")
	}
}

func (t *Terminal) progress(b *backupItem) {
	if b.Total > 0 {
		t.percent(b.Verifying, b.Done, b.Total)
	}
}

// percent shows how far long work is, over what it showed before.
func (t *Terminal) percent(verifying bool, done, total int64) {
	what := t.say("Đang chép", "Copying")
	if verifying {
		what = t.say("Đang kiểm chứng", "Verifying")
	}
	fmt.Fprintf(t.Err, "\r\x1b[K%s %d %%", what, 100*min(done, total)/total)
}

// verifying shows on a terminal how far a backup is verified, until ended is called.
func (t *Terminal) verifying() (progress func(done, total int64), ended func()) {
	if !interactive(t.Err) {
		return nil, func() {}
	}
	shown := time.Time{}
	progress = func(done, total int64) {
		if total > 0 && time.Since(shown) > askEvery {
			shown = time.Now()
			t.percent(true, done, total)
		}
	}
	return progress, func() {
		if !shown.IsZero() {
			fmt.Fprint(t.Err, "\r\x1b[K")
		}
	}
}

// interactive reports whether somebody sees what is written there at once.
func interactive(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
