package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hailong/cmd/internal/centreapp"
)

// RestoreCmd puts a backup in the place of an aggregator's store. It needs no centre: the
// aggregator must not be running.
type RestoreCmd struct {
	From    string `required:"" placeholder:"FOLDER" help:"Thư mục của bản sao lưu / the backup's folder"`
	Data    string `required:"" placeholder:"DIR" help:"Thư mục dữ liệu của trung tâm (khóa data trong tệp cấu hình) / the aggregator's data folder (the key data of its settings)"`
	Replace bool   `help:"Nếu ở đó đang có kho dữ liệu: chuyển nó sang tên khác, không xóa / if a store is there: move it to another name, without deleting it"`
}

// Run restores.
func (cmd *RestoreCmd) Run(ctx context.Context, t *Terminal) error {
	shows := interactive(t.Err)
	shown := time.Time{}
	done, err := centreapp.Restore(ctx, centreapp.RestoreOptions{
		From: cmd.From, Data: cmd.Data, Replace: cmd.Replace,
		Progress: func(done, total int64) {
			if shows && total > 0 && time.Since(shown) > askEvery {
				shown = time.Now()
				t.percent(true, done, total)
			}
		},
	})
	if shows && !shown.IsZero() {
		fmt.Fprint(t.Err, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, t.say("Đã khôi phục kho dữ liệu theo bản sao lưu lúc %s.\n", "The store is restored as of the backup of %s.\n"), moment(&done.Time))
	for _, path := range done.Moved {
		fmt.Fprintf(&b, t.say("Để riêng, không xóa: %s\n", "Moved out of the way, not deleted: %s\n"), path)
	}
	if done.Newer != "" {
		fmt.Fprintf(&b, t.say("Chú ý: có bản sao lưu mới hơn đã kiểm chứng: %s. Thiết bị có thể đã xóa những lượt chỉ có ở bản đó; nếu dùng được, hãy khôi phục từ bản đó.\n",
			"Mind: there is a newer verified backup: %s. Kiosks may have let go of records that only it holds; if it can be used, restore that one.\n"), done.Newer)
	}
	b.WriteString(t.say(
		"Hãy chạy lại trung tâm: các thiết bị tự gửi lại những lượt mà bản sao lưu chưa có.\n",
		"Start the aggregator again: the kiosks send by themselves what the backup lacks.\n"))
	return t.write(b.String())
}
