package console

import (
	"errors"
	"fmt"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// Reasons are told to people in their language, as far as they are fixed sentences.
func TestReasonsInBothLanguages(t *testing.T) {
	unreadable := custody.DecodeRecord([]byte("hỏng")).Fault.Error()
	for _, c := range []struct{ english, vi string }{
		{"questionnaire abc123 is not known", "chưa biết phiếu hỏi abc123"},
		{"its day is not known", "chưa rõ ngày"},
		{"counter 48.XD-1 is not known on 2026-03-31", "chưa biết quầy 48.XD-1 vào ngày 2026-03-31"},
		{"kiosk k-a does not serve counter 48.XD-1", "thiết bị k-a không phục vụ quầy 48.XD-1"},
		{fmt.Errorf("version 9: %w", custody.ErrPayloadVersion).Error(), "nội dung thuộc phiên bản 9 mà chương trình này chưa biết"},
		{custody.ErrSignature.Error(), "chữ ký của lô không khớp khóa của thiết bị"},
		{fmt.Errorf("%w: at sequence %d", custody.ErrBroken, 7).Error(), "các bản ghi của lô không tạo thành chuỗi mà phần đầu lô đã ký"},
		{fmt.Errorf("%w: xin chào", custody.ErrUnreadable).Error(), "không đọc được lô: chi tiết kỹ thuật: xin chào"},
		{"record cannot be read: version 9 is not known: " + custody.ErrRecordVersion.Error(), "không đọc được bản ghi: thuộc phiên bản 9 mà chương trình này chưa biết"},
		{"/srv/sao lưu has 12 MB free, and a backup needs 90", "/srv/sao lưu chỉ còn trống 12 MB, mà bản sao lưu cần 90 MB"},
		{"no kiosk of that name is enrolled any more: it was revoked at 12:20 on 2026-03-31. If its key was not given away: allow it again (hailong kiosks allow k-a), import the file anew or try again what was rejected, then revoke it",
			"thiết bị này đã bị thu hồi lúc 12:20 ngày 2026-03-31. Nếu khóa của nó chưa bị lộ: cho phép lại ở trang Thiết bị (hoặc hailong kiosks allow k-a), nhập lại tệp hoặc thử lại những lô bị từ chối, rồi thu hồi"},
		{"no kiosk of that name is enrolled any more: it was revoked at 12:20 on 2026-03-31. If its key was not given away: allow it again (POST /api/v1/kiosks/k-a/allow), import the file anew or try again what was rejected, then revoke it",
			"thiết bị này đã bị thu hồi lúc 12:20 ngày 2026-03-31. Nếu khóa của nó chưa bị lộ: cho phép lại ở trang Thiết bị (hoặc hailong kiosks allow k-a), nhập lại tệp hoặc thử lại những lô bị từ chối, rồi thu hồi"},
		{"the backup 2026Z does not verify: the backup's centre.key is another one than the centre's",
			"bản sao lưu 2026Z không qua được kiểm chứng: centre.key trong bản sao lưu khác khóa của trung tâm"},
		{"the backup 2026Z does not verify: the store's file cannot be looked at: the process that looked at it was ended (signal: killed), maybe because memory ran out",
			"bản sao lưu 2026Z không qua được kiểm chứng: tiến trình kiểm tra đã bị dừng giữa chừng (signal: killed), có thể vì máy hết bộ nhớ"},
		{"the folder of the backups does not answer", "thư mục sao lưu không trả lời"},
		{"input/output error", "chi tiết kỹ thuật: input/output error"},
		{"the journal is damaged: the run breaks after record 12", "nhật ký bị hỏng: dãy bản ghi bị đứt sau bản ghi 12"},
		{"segment 3: the journal is damaged: 0003.db is not there\nthe journal is damaged: it is not sealed",
			"đoạn 3 của nhật ký: nhật ký bị hỏng: không còn tệp 0003.db; nhật ký bị hỏng: chưa được niêm phong"},
		{"the journal: log: sync: input/output error", "nhật ký không ghi được: chi tiết kỹ thuật: log: sync: input/output error"},
		{"the centre refused a batch: " + custody.ErrSignature.Error(), "trung tâm từ chối một lô: chữ ký của lô không khớp khóa của thiết bị"},
		{"the centre holds another record under a number of this journal: a copy of this kiosk may be at work: fork: the store holds other records under these numbers",
			"trung tâm giữ một bản ghi khác dưới cùng số thứ tự: có thể có bản sao của thiết bị này đang chạy"},
		{"the journal is damaged: it was written by k-a, this kiosk is k-b", "nhật ký bị hỏng: đó là nhật ký của thiết bị khác: k-a"},
	} {
		if got := reasonIn(survey.Vietnamese, c.english); got != c.vi {
			t.Errorf("%q is told as %q, want %q", c.english, got, c.vi)
		}
		if got := reasonIn(survey.English, c.english); got != c.english {
			t.Errorf("in English %q is told as %q", c.english, got)
		}
	}
	const head = "không đọc được bản ghi: "
	if got := reasonIn(survey.Vietnamese, unreadable); len(got) <= len(head) || got[:len(head)] != head {
		t.Errorf("%q is told as %q", unreadable, got)
	}
}

// An answer that does not fit is told in Vietnamese as the kiosk would tell it.
func TestMisfitsInBothLanguages(t *testing.T) {
	for _, a := range []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 9}, {Question: "A1", Kind: survey.AtLevel, Level: 1}} {
		r := survey.Response{
			Questionnaire: quick().Hash(), Answers: []survey.Answer{a}, Channel: survey.Touch, Stage: survey.Result, Counter: "TT-01",
		}
		var ps survey.Problems
		if err := r.Validate(quick()); !errors.As(err, &ps) || len(ps) != 1 || reasonIn(survey.Vietnamese, err.Error()) != ps.Text(survey.Vietnamese) {
			t.Errorf("%v is told as %q", err, reasonIn(survey.Vietnamese, err.Error()))
		}
	}
}

// What a kiosk says of itself is told in the reader's language, whichever program said it.
func TestKiosksAreTranslated(t *testing.T) {
	for _, c := range []struct{ said, vi, en string }{
		{"đĩa đầy / the disk is full", "đĩa đầy", "the disk is full"},
		{"the journal is damaged", "nhật ký bị hỏng", "the journal is damaged"},
		{"không ghi được: đĩa đầy", "không ghi được: đĩa đầy", "không ghi được: đĩa đầy"},
		{"a / b / c", "chi tiết kỹ thuật: a / b / c", "a / b / c"},
	} {
		if vi, en := saidIn(survey.Vietnamese, c.said), saidIn(survey.English, c.said); vi != c.vi || en != c.en {
			t.Errorf("%q is told as %q and %q", c.said, vi, en)
		}
	}
}
