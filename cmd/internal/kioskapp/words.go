package kioskapp

import (
	"errors"
	"strings"

	"hailong/kiosk"
	"hailong/kiosk/journal"
	"hailong/survey"
)

func problem(vi, en string) survey.Words {
	return survey.Words{survey.Vietnamese: vi, survey.English: en}
}

// spoken is an error with a sentence for people.
type spoken struct {
	words survey.Words
	cause error
}

// because says what could not be done, and why.
func because(cause error, vi, en string) error {
	why := wordsOf(cause)
	return &spoken{problem(vi+": "+why.In(survey.Vietnamese), en+": "+why.In(survey.English)), cause}
}

// Error is the sentence in both languages.
func (e *spoken) Error() string { return bilingual(e.words) }

// Unwrap is the cause.
func (e *spoken) Unwrap() error { return e.cause }

// Text is the sentence in one language.
func (e *spoken) Text(lang survey.Lang) string { return e.words.In(lang) }

func bilingual(w survey.Words) string { return w.In(survey.Vietnamese) + " / " + w.In(survey.English) }

// wordsOf is what an error says to people.
func wordsOf(err error) survey.Words {
	if both := (interface{ Text(survey.Lang) string })(nil); errors.As(err, &both) {
		return problem(both.Text(survey.Vietnamese), both.Text(survey.English))
	}
	return problem(vietnamese(err.Error()), err.Error())
}

// causes are what the system and the centre say, in English, and the same in Vietnamese.
// The first one found in a sentence tells what it means.
var causes = []struct{ part, vi string }{
	{journal.ErrLocked.Error(), "chương trình khác đang mở nhật ký này; hãy dừng nó trước, hoặc đặt data là một thư mục khác"},
	{"was let go when a backup held it", "bản ghi đã được xóa vì một bản sao lưu giữ nó, nay trung tâm khôi phục từ bản cũ hơn nên lại cần"},
	{"the centre was restored from a backup that lacks", "trung tâm được khôi phục từ một bản sao lưu thiếu những bản ghi đã xóa ở đây"},
	{"the disk cannot read it", "đĩa không đọc được; thẻ nhớ có thể đã hỏng"},
	{journal.ErrDamaged.Error(), "nhật ký bị hỏng"},
	{kiosk.ErrFull.Error(), "đĩa đầy"},
	{"the authority's certificate", "không đọc được tệp ghi ở centre.ca (chứng chỉ của nơi cấp)"},
	{"holds no certificate", "tệp ghi ở centre.ca không có chứng chỉ nào"},
	{"prepare the connection to", "địa chỉ máy chủ bản tin (centre.nats, hoặc do trung tâm báo) không dùng được"},
	{"permission denied", "không có quyền với thư mục hoặc tệp đó; hãy giao thư mục data cho người dùng của dịch vụ"},
	{"not a directory", "ở đó có một tệp chứ không phải thư mục"},
	{"read-only file system", "đĩa chỉ cho đọc; thẻ nhớ có thể đã hỏng"},
	{"no space left", "đĩa đầy"},
	{"input/output error", "đĩa không đọc hoặc ghi được; thẻ nhớ có thể đã hỏng"},
	{"no kiosk of that name is enrolled", "trung tâm không có thiết bị nào tên này đang hoạt động"},
	{"the batch names another kiosk", "lô mang tên một thiết bị khác"},
	{"the batch cannot be read", "không đọc được lô"},
	{"signature does not fit", "chữ ký của lô không khớp với khóa của thiết bị"},
	{"do not form the chain", "các bản ghi của lô không tạo thành chuỗi đã ký"},
	{"the store holds other records", "kho đã có bản ghi khác dưới những số này"},
	{"connection refused", "không có chương trình nào nhận kết nối ở địa chỉ đó"},
	{"no such host", "không tìm thấy máy có tên đó"},
	{"no route to host", "không có đường mạng tới đó"},
	{"unreachable", "không có đường mạng tới đó"},
	{"certificate", "chứng chỉ của máy chủ không được chấp nhận"},
	{"imeout", "không có trả lời kịp lúc"},
	{"deadline exceeded", "không có trả lời kịp lúc"},
	{"EOF", "kết nối bị ngắt"},
	{"connection reset", "kết nối bị ngắt"},
	{"broken pipe", "kết nối bị ngắt"},
	{"stale connection", "kết nối bị ngắt"},
}

// vietnamese is a cause in Vietnamese; one that is not known is quoted as it came.
func vietnamese(cause string) string {
	for _, c := range causes {
		if strings.Contains(cause, c.part) {
			return c.vi
		}
	}
	return "hệ thống báo “" + cause + "”"
}
