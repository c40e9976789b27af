package console

import (
	"regexp"
	"strings"

	"hailong/survey"
)

// Reasons why something is not counted, or not backed up, are kept as the programs say
// them, in English. These are the fixed sentences of custody, of the store's judge and of
// the backups, and their Vietnamese; a part in brackets is a reason in its turn.
var reasons = [...]struct {
	english *regexp.Regexp
	vi      string
}{
	{fixed(`records of kind (\d+) are not known`), "chưa biết loại bản ghi $1"},
	{fixed(`questionnaire (\S+) is not known`), "chưa biết phiếu hỏi $1"},
	{fixed(`its day is not known`), "chưa rõ ngày"},
	{fixed(`counter (\S+) is not known on (\S+)`), "chưa biết quầy $1 vào ngày $2"},
	{fixed(`version (\d+): the payload's version is not known`), "nội dung thuộc phiên bản $1 mà chương trình này chưa biết"},
	{fixed(`version (\d+) is not known: a program of another version wrote it`), "thuộc phiên bản $1 mà chương trình này chưa biết"},
	{fixed(`record cannot be read: (.*)`), "không đọc được bản ghi: ($1)"},
	{fixed(`payload cannot be read: (.*)`), "không đọc được nội dung: ($1)"},
	{fixed(`a salvaged record: (.*)`), "bản ghi cứu được: ($1)"},
	{fixed(`a salvaged record is of the very chain that it stands in`), "bản ghi cứu được lại thuộc chính chuỗi chứa nó"},
	{fixed(`the batch cannot be read: (.*)`), "không đọc được lô: ($1)"},
	{fixed(`the batch's signature does not fit the kiosk's key`), "chữ ký của lô không khớp khóa của thiết bị"},
	{fixed(`the batch's records do not form the chain that its header signs.*`), "các bản ghi của lô không tạo thành chuỗi mà phần đầu lô đã ký"},
	{fixed(`no kiosk of that name is enrolled`), "không có thiết bị nào mang tên này được ghi danh"},
	{fixed(`the batch names another kiosk than the subject it came on`), "lô ghi tên một thiết bị khác với thiết bị đã gửi"},
	{fixed(`(.*) has (\d+) MB free, and a backup needs (\d+)`), "$1 chỉ còn trống $2 MB, mà bản sao lưu cần $3 MB"},
	{fixed(`make the folder of the backups: (.*)`), "không tạo được thư mục sao lưu: ($1)"},
	{fixed(`the backup (\S+) does not verify: (.*)`), "bản sao lưu $1 không qua được kiểm chứng: ($2)"},
	{fixed(`the backup's centre\.key is another one than the centre's`), "centre.key trong bản sao lưu khác khóa của trung tâm"},
	{fixed(`(.*) is damaged: it has (\d+) bytes with the checksum (\S+), and the manifest says (\d+) and (\S+)`),
		"$1 bị hỏng: tệp có $2 byte, mã kiểm $3; bản kê ghi $4 byte, mã kiểm $5"},
}

func fixed(sentence string) *regexp.Regexp { return regexp.MustCompile(`^(?s:` + sentence + `)$`) }

// inBrackets is the part of a Vietnamese sentence that is a reason in its turn.
var inBrackets = regexp.MustCompile(`: \((\$\d)\)$`)

// reasonIn is a reason in a language. What no sentence fits is left as it was said, and in
// Vietnamese named as a technical detail.
func reasonIn(lang survey.Lang, reason string) string {
	if lang != survey.Vietnamese {
		return reason
	}
	for _, r := range reasons {
		at := r.english.FindStringSubmatchIndex(reason)
		if at == nil {
			continue
		}
		expand := func(template string) string {
			return string(r.english.ExpandString(nil, template, reason, at))
		}
		if part := inBrackets.FindStringSubmatch(r.vi); part != nil {
			return expand(strings.TrimSuffix(r.vi, "("+part[1]+")")) + reasonIn(lang, expand(part[1]))
		}
		return expand(r.vi)
	}
	return "chi tiết kỹ thuật: " + reason
}
