package journal

import (
	"fmt"
	"path/filepath"
	"strings"

	"hailong/survey"
)

// What is most often wrong with a file. A child says it as text.
const (
	faultEmpty      = "it is empty"
	faultShort      = "it was cut short"
	faultUnread     = "the disk cannot read it"
	faultUnfinished = "it was never finished"
	faultHeadless   = "the log has no header"
	faultRun        = "the run breaks after record"
	faultRow        = "the checksum does not fit record"
	faultBehind     = "bbolt's last transaction may be missing"
	faultOther      = "contradict each other"
)

// inVietnamese is, in a few Vietnamese words, what is wrong with a file.
func inVietnamese(why error) string {
	text := why.Error()
	for _, known := range []struct{ fault, words string }{
		{faultEmpty, "tệp rỗng"},
		{faultShort, "bị cắt ngắn"},
		{faultUnread, "đĩa không đọc được"},
		{"unexpected fault address", "đĩa không đọc được hoặc tệp bị cắt ngắn"},
		{faultUnfinished, "chưa được lập xong"},
		{faultHeadless, "phần đầu bị mất hoặc chưa được lập xong"},
		{faultRun, "dãy bản ghi bị đứt"},
		{faultRow, "có bản ghi không còn như đã ghi"},
		{faultOther, "không khớp với tệp kia"},
	} {
		if strings.Contains(text, known.fault) {
			return known.words
		}
	}
	return "nội dung không như đã ghi"
}

// detail is an error without the words that all of its kind begin with.
func detail(why error) string { return strings.TrimPrefix(why.Error(), ErrDamaged.Error()+": ") }

// tellAside tells of a damaged file that was put aside. What is lost is not known yet.
func (j *Journal) tellAside(path, to string, why error) {
	name, aside := filepath.Base(path), filepath.Base(to)
	j.opts.OnEvent(survey.Words{
		survey.Vietnamese: fmt.Sprintf("tệp %s bị hỏng: %s; đã để riêng thành %s (chi tiết kỹ thuật: %s)", name, inVietnamese(why), aside, detail(why)),
		survey.English:    fmt.Sprintf("%s is damaged; it was put aside as %s (%s)", name, aside, detail(why)),
	})
}

// tellEmpty tells of a segment of which nothing was left to use, because it was never
// finished.
func (j *Journal) tellEmpty(n int) {
	j.opts.OnEvent(survey.Words{
		survey.Vietnamese: fmt.Sprintf("đoạn %d của nhật ký chưa được lập xong khi chương trình dừng; trong đó chưa có bản ghi nào, không mất gì", n),
		survey.English:    fmt.Sprintf("segment %d of the journal was not finished when the program stopped; it held no record yet, and nothing is lost", n),
	})
}

// mending is what was done to a segment's files when it was opened.
type mending struct {
	anew string // the file that was made anew from its twin; "" = none
	from string // its twin
	cut  int    // bytes at the log's end that are no record
	kept string // the file that they were copied to
}

// tellMended tells what was mended, once all segments were opened and fit together:
// before that nobody knows whether anything is lost.
func (j *Journal) tellMended() {
	for _, s := range j.segments() {
		m := s.mending
		s.mending = mending{}
		vi, en := j.outcome(s)
		if m.anew != "" {
			j.opts.OnEvent(survey.Words{
				survey.Vietnamese: fmt.Sprintf("tệp %s bị thiếu hoặc hỏng, đã được lập lại từ %s; %s", m.anew, m.from, vi),
				survey.English:    fmt.Sprintf("%s was missing or damaged and was made anew from %s; %s", m.anew, m.from, en),
			})
		}
		if m.cut > 0 {
			j.opts.OnEvent(survey.Words{
				survey.Vietnamese: fmt.Sprintf("tệp %s có %d byte ở cuối không thành bản ghi (thường do mất điện khi đang ghi); đã chép riêng thành %s rồi cắt bỏ; %s", logName(s.number), m.cut, m.kept, vi),
				survey.English:    fmt.Sprintf("%s had %d bytes at its end that are no record (most often the power went during a write); they were copied to %s and cut off; %s", logName(s.number), m.cut, m.kept, en),
			})
		}
	}
}

// outcome says what is there of a segment that was mended, and whether anything is lost.
func (j *Journal) outcome(s *segment) (vi, en string) {
	last := s.last.Sequence
	switch {
	case last < s.first:
		return "trong đó chưa có bản ghi nào", "it held no record yet"
	case s.chain != j.chain:
		return fmt.Sprintf("đọc lại được từ bản ghi %d đến %d của chuỗi trước", s.first, last), fmt.Sprintf("records %d to %d of an earlier chain are there", s.first, last)
	case s.rebuild:
		return fmt.Sprintf("đủ từ bản ghi %d đến %d, không mất lượt nào; góp ý bằng chữ chưa gửi đi có thể bị mất", s.first, last),
			fmt.Sprintf("records %d to %d are there, no answer is lost; comments that were not sent yet may be", s.first, last)
	}
	return fmt.Sprintf("đủ từ bản ghi %d đến %d, không mất lượt nào", s.first, last), fmt.Sprintf("records %d to %d are there, nothing is lost", s.first, last)
}
