package console

import (
	"regexp"
	"strings"
	"unicode"

	"hailong/survey"
)

// Reasons why something is not counted, not backed up or lost, and what kiosks say is wrong
// with them, are kept as the programs say them, mostly in English. These are the fixed
// sentences of custody, of the store's judge, of the backups, and of kiosks' journals and
// uplinks, and their Vietnamese; a part in brackets is a reason in its turn.
var reasons = [...]struct {
	english *regexp.Regexp
	vi      string
}{
	{fixed(`records of kind (\d+) are not known`), "chưa biết loại bản ghi $1"},
	{fixed(`questionnaire (\S+) is not known`), "chưa biết phiếu hỏi $1"},
	{fixed(`its day is not known`), "chưa rõ ngày"},
	{fixed(`counter (\S+) is not known on (\S+)`), "chưa biết quầy $1 vào ngày $2"},
	{fixed(`kiosk (\S+) does not serve counter (\S+)`), "thiết bị $1 không phục vụ quầy $2"},
	{fixed(`version (\d+): the payload's version is not known`), "nội dung thuộc phiên bản $1 mà chương trình này chưa biết"},
	{fixed(`version (\d+) is not known: a program of another version wrote it`), "thuộc phiên bản $1 mà chương trình này chưa biết"},
	{fixed(`(\S+ = "[^"]*"): the level must be one of: ([^;]*)`), "$1: mức phải là một trong: $2"},
	{fixed(`(\S+): questionnaire (\S+) has no such question; it has: ([^;]*)`), "$1: phiếu hỏi $2 không có câu hỏi này; có: $3"},
	{fixed(`record cannot be read: (.*)`), "không đọc được bản ghi: ($1)"},
	{fixed(`payload cannot be read: (.*)`), "không đọc được nội dung: ($1)"},
	{fixed(`a salvaged record: (.*)`), "bản ghi cứu được: ($1)"},
	{fixed(`a salvaged record is of the very chain that it stands in`), "bản ghi cứu được lại thuộc chính chuỗi chứa nó"},
	{fixed(`the batch cannot be read: (.*)`), "không đọc được lô: ($1)"},
	{fixed(`the batch's signature does not fit the kiosk's key`), "chữ ký của lô không khớp khóa của thiết bị"},
	{fixed(`the batch's records do not form the chain that its header signs.*`), "các bản ghi của lô không tạo thành chuỗi mà phần đầu lô đã ký"},
	{fixed(`no kiosk of that name is enrolled`), "không có thiết bị nào mang tên này được ghi danh"},
	{fixed(`no kiosk of that name is enrolled any more: it was revoked at (\S+) on (\S+)\. .*\((?:hailong kiosks allow |POST /api/v1/kiosks/)([^\s/)]+)(?:/allow)?\).*`), // as it was said before, too
		"thiết bị này đã bị thu hồi lúc $1 ngày $2. Nếu khóa của nó chưa bị lộ: cho phép lại ở trang Thiết bị (hoặc hailong kiosks allow $3), nhập lại tệp hoặc thử lại những lô bị từ chối, rồi thu hồi"},
	{fixed(`fork: the store holds other records under these numbers`), "kho đã có bản ghi khác dưới những số thứ tự này"},
	{fixed(`the batch names another kiosk than the subject it came on`), "lô ghi tên một thiết bị khác với thiết bị đã gửi"},
	{fixed(`(.*) has (\d+) MB free, and a backup needs (\d+)`), "$1 chỉ còn trống $2 MB, mà bản sao lưu cần $3 MB"},
	{fixed(`the folder of the backups does not answer`), "thư mục sao lưu không trả lời"},
	{fixed(`make the folder of the backups: (.*)`), "không tạo được thư mục sao lưu: ($1)"},
	{fixed(`the backup (\S+) does not verify: (.*)`), "bản sao lưu $1 không qua được kiểm chứng: ($2)"},
	{fixed(`the store's file cannot be looked at: the process that looked at it was ended \((.*)\), maybe because memory ran out`),
		"tiến trình kiểm tra đã bị dừng giữa chừng ($1), có thể vì máy hết bộ nhớ"},
	{fixed(`the backup's centre\.key is another one than the centre's`), "centre.key trong bản sao lưu khác khóa của trung tâm"},
	{fixed(`(.*) is damaged: it has (\d+) bytes with the checksum (\S+), and the manifest says (\d+) and (\S+)`),
		"$1 bị hỏng: tệp có $2 byte, mã kiểm $3; bản kê ghi $4 byte, mã kiểm $5"},
	{fixed(`the centre holds another record under a number of this journal: a copy of this kiosk may be at work(?:: (.*))?`),
		"trung tâm giữ một bản ghi khác dưới cùng số thứ tự: có thể có bản sao của thiết bị này đang chạy"},
	{fixed(`the centre has more records than this journal: the journal is an old copy(?:: (.*))?`), "trung tâm có nhiều bản ghi hơn nhật ký ở đó: nhật ký ấy là bản sao cũ"},
	{fixed(`the centre's mark went down without a new epoch: its store may have been replaced by hand(?:: (.*))?`),
		"mốc của trung tâm lùi lại mà không đổi kỳ sống: kho dữ liệu có thể đã bị thay bằng tay"},
	{fixed(`the centre refused a batch`), "trung tâm từ chối một lô"},
	{fixed(`the centre refused a batch: (.*)`), "trung tâm từ chối một lô: ($1)"},
	{fixed(`the disk is full: the answer was not kept`), "đĩa đầy, không ghi được"},
	{fixed(`the journal is closed`), "nhật ký đã đóng"},
	{fixed(`segment (\d+): (.*)`), "đoạn $1 của nhật ký: ($2)"},
	{fixed(`the journal is damaged: (.*)`), "nhật ký bị hỏng: ($1)"},
	{fixed(`the journal is damaged`), "nhật ký bị hỏng"},
	{fixed(`the journal: (.*)`), "nhật ký không ghi được: ($1)"},
	{fixed(`it is empty(?:, and others follow it)?`), "tệp rỗng"},
	{fixed(`it was cut short`), "bị cắt ngắn"},
	{fixed(`it was never finished`), "chưa được lập xong"},
	{fixed(`it is not sealed`), "chưa được niêm phong"},
	{fixed(`the disk cannot read it`), "đĩa không đọc được"},
	{fixed(`(\S+) is not there`), "không còn tệp $1"},
	{fixed(`(?:chain|record|bucket) (\S+) is not there`), "thiếu phần $1"},
	{fixed(`both of its files are put aside`), "cả hai tệp đều hỏng và đã được để riêng"},
	{fixed(`the run breaks after record (\d+)`), "dãy bản ghi bị đứt sau bản ghi $1"},
	{fixed(`the log has no header|(?:the log|it) does not say where it begins`), "mất phần đầu"},
	{fixed(`the log and bbolt hold two different records (\d+)`), "hai tệp giữ hai bản ghi $1 khác nhau"},
	{fixed(`the log \(to (\d+)\) and bbolt \(to (\d+)\) contradict each other`), "hai tệp (đến bản ghi $1 và $2) mâu thuẫn với nhau"},
	{fixed(`the log begins at (\d+) of chain \S+, bbolt at (\d+) of \S+`), "hai tệp bắt đầu ở hai bản ghi khác nhau ($1 và $2)"},
	{fixed(`the log breaks off after record (\d+).*`), "dãy bản ghi đứt sau bản ghi $1"},
	{fixed(`the log ends with record (\d+).*`), "dãy bản ghi kết thúc sớm, ở bản ghi $1"},
	{fixed(`the log is not there, and bbolt was not yet whole again`), "thiếu một tệp, và tệp kia chưa được lập lại xong"},
	{fixed(`what was before segment (\d+) is not there, and was not let go`), "thiếu phần đứng trước đoạn $1"},
	{fixed(`segment (\d+) does not follow segment (\d+)`), "đoạn $1 không nối tiếp đoạn $2"},
	{fixed(`the segment after (\d+) is not there`), "thiếu đoạn đứng sau đoạn $1"},
	{fixed(`it is chain \S+, this kiosk's is \S+`), "đó là nhật ký của một chuỗi khác"},
	{fixed(`it was written by (\S+), this kiosk is \S+|its folder held the journal of kiosk (\S+), and this kiosk is \S+`), "đó là nhật ký của thiết bị khác: $1$2"},
	{fixed(`the centre was restored from a backup that lacks what was let go: it ends with record (\d+), here they begin with (\d+)`),
		"trung tâm được khôi phục từ bản sao lưu thiếu phần đã xóa ở thiết bị: bản sao lưu hết ở bản ghi $1, ở đây bắt đầu từ $2"},
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
	if lines := strings.Split(reason, "\n"); len(lines) > 1 {
		for i, line := range lines {
			lines[i] = reasonIn(lang, line)
		}
		return strings.Join(lines, "; ")
	}
	return "chi tiết kỹ thuật: " + reason
}

// saidIn is what a kiosk says of itself in a language: the right half of a sentence in
// Vietnamese and English, or else its one sentence, which may be Vietnamese already.
func saidIn(lang survey.Lang, said string) string {
	vi, en, both := strings.Cut(said, " / ")
	switch {
	case both && strings.Contains(en, " / "), !both && !strings.ContainsFunc(said, func(r rune) bool { return r > unicode.MaxASCII && unicode.IsLetter(r) }):
		return reasonIn(lang, said)
	case !both:
		return said
	case lang == survey.English:
		return en
	}
	return vi
}
