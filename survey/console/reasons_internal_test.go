package console

import (
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
		{fmt.Errorf("version 9: %w", custody.ErrPayloadVersion).Error(), "nội dung thuộc phiên bản 9 mà chương trình này chưa biết"},
		{custody.ErrSignature.Error(), "chữ ký của lô không khớp khóa của thiết bị"},
		{fmt.Errorf("%w: at sequence %d", custody.ErrBroken, 7).Error(), "các bản ghi của lô không tạo thành chuỗi mà phần đầu lô đã ký"},
		{fmt.Errorf("%w: xin chào", custody.ErrUnreadable).Error(), "không đọc được lô: chi tiết kỹ thuật: xin chào"},
		{"record cannot be read: version 9 is not known: " + custody.ErrRecordVersion.Error(), "không đọc được bản ghi: thuộc phiên bản 9 mà chương trình này chưa biết"},
		{"/srv/sao lưu has 12 MB free, and a backup needs 90", "/srv/sao lưu chỉ còn trống 12 MB, mà bản sao lưu cần 90 MB"},
		{"the backup 2026Z does not verify: the backup's centre.key is another one than the centre's",
			"bản sao lưu 2026Z không qua được kiểm chứng: centre.key trong bản sao lưu khác khóa của trung tâm"},
		{"input/output error", "chi tiết kỹ thuật: input/output error"},
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
