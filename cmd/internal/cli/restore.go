package cli

import (
	"context"
	"fmt"
	"strings"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/run"
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
	progress, ended := t.verifying()
	done, err := centreapp.Restore(ctx, centreapp.RestoreOptions{From: cmd.From, Data: cmd.Data, Replace: cmd.Replace, Program: run.Self(), Progress: progress})
	ended()
	switch {
	case err != nil && ctx.Err() != nil:
		return interrupted(err)
	case err != nil:
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
	fmt.Fprintf(&b, t.say(
		"Những gì đổi sau %[1]s nay như lúc đó: thiết bị thu hồi sau đó lại được chấp nhận; mã một lần, đơn vị và phiếu hỏi cũng vậy. Khi trung tâm đã chạy lại: xem hailong kiosks list, thu hồi lại bằng hailong kiosks revoke, và khai báo lại phần còn thiếu.\n",
		"What was changed after %[1]s is as it was then: kiosks revoked since are accepted again; the same goes for one-time codes, units and questionnaires. Once the aggregator runs: look at hailong kiosks list, revoke again with hailong kiosks revoke, and declare again what else is missing.\n"), moment(&done.Time))
	if done.New {
		fmt.Fprintf(&b, t.say(
			"Thư mục %[1]s là mới và thuộc tài khoản đang chạy lệnh này; nếu trung tâm chạy bằng tài khoản khác: chown -R TÀI_KHOẢN %[1]s (dịch vụ systemd có DynamicUser và StateDirectory tự làm việc này).\n",
			"The folder %[1]s is new and belongs to the user of this command; where the aggregator runs as another one: chown -R USER %[1]s (a systemd service with DynamicUser and StateDirectory does this by itself).\n"), cmd.Data)
	}
	if done.Token != "" {
		fmt.Fprintf(&b, t.say(
			"Ở đây chưa có mã truy cập của người quản trị: lần chạy tới của trung tâm sẽ tạo một mã mới trong %s. Các mã đã cấp trước đây vẫn dùng được.\n",
			"There is no administrator's token here: the aggregator's next start makes a new one in %s. Tokens given out before remain valid.\n"), done.Token)
	}
	b.WriteString(t.say(
		"Hãy chạy lại trung tâm: các thiết bị tự gửi lại những lượt mà bản sao lưu chưa có.\n",
		"Start the aggregator again: the kiosks send by themselves what the backup lacks.\n"))
	return t.write(b.String())
}
