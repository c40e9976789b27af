package kioskapp

import (
	"fmt"
	"slices"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// remark is an event that has no time yet.
type remark struct {
	kind  DiaryKind
	words survey.Words
}

func told(kind DiaryKind, vi, en string) remark { return remark{kind, problem(vi, en)} }

// sight is the kiosk as it is at one moment.
type sight struct {
	wall, mono     time.Duration // the clock: since 1970, and since the program began
	up             bool          // the centre is reached
	worries        []worry       // why it is not, or, while it is, what a person should look at
	kiosk          survey.KioskID
	unsent         uint64
	skew           time.Duration // the box's clock less the centre's
	compared       bool          // skew is known
	free           int64         // bytes; -1 = not known
	full           bool          // no press is taken, because the disk is full
	refused        uint64        // presses refused for that, ever
	chain          survey.Chain
	oldest, newest int // numbers of the journal's segments
}

// diarist compares what it sees with what it saw, and says what happened in between. It
// has no clock and no files of its own. The zero diarist has seen nothing.
type diarist struct {
	spare   int64 // bytes: with less free the disk is said to be nearly full
	seen    bool
	last    sight
	backlog uint64 // unsent when the centre was last not reached; 0 = all was sent since
	low     bool
	turned  uint64 // presses refused before the disk was full
}

// step is how far a clock may move by itself between two looks.
const step = time.Minute

// look takes the next sight.
func (d *diarist) look(s sight) []remark {
	if !d.seen {
		d.seen, d.last = true, s
		d.last.up, d.last.worries, d.last.compared, d.last.full = false, nil, false, false
		d.backlog, d.turned = s.unsent, s.refused
	}
	var out []remark
	out = append(out, d.clock(s)...)
	out = append(out, d.link(s)...)
	out = append(out, d.disk(s)...)
	out = append(out, d.segments(s)...)
	d.last = s
	return out
}

func (d *diarist) clock(s sight) (out []remark) {
	if moved := (s.wall - d.last.wall) - (s.mono - d.last.mono); moved > step || moved < -step {
		vi, en := "tới", "forward"
		if moved < 0 {
			vi, en = "lùi", "back"
		}
		out = append(out, told(DiaryClockStepped,
			fmt.Sprintf("đồng hồ của thiết bị nhảy %s %s, hoặc thiết bị vừa ngủ", vi, moved.Abs().Round(time.Second)),
			fmt.Sprintf("the box's clock jumped %s by %s, or the box slept", en, moved.Abs().Round(time.Second))))
	}
	if s.compared && !d.last.compared {
		out = append(out, compared(s.skew))
	}
	return out
}

// compared tells of the first comparison with the centre's clock.
func compared(skew time.Duration) remark {
	by := skew.Abs().Round(100 * time.Millisecond)
	switch {
	case by < time.Second:
		return told(DiaryClockSkew, "đồng hồ của thiết bị khớp với trung tâm", "the box's clock agrees with the centre's")
	case skew > 0:
		return told(DiaryClockSkew, fmt.Sprintf("đồng hồ của thiết bị nhanh hơn trung tâm %s", by), fmt.Sprintf("the box's clock is %s ahead of the centre's", by))
	}
	return told(DiaryClockSkew, fmt.Sprintf("đồng hồ của thiết bị chậm hơn trung tâm %s", by), fmt.Sprintf("the box's clock is %s behind the centre's", by))
}

func (d *diarist) link(s sight) (out []remark) {
	was := d.last
	switch {
	case s.up && !was.up:
		out = append(out, told(DiaryReached,
			fmt.Sprintf("đã kết nối tới trung tâm; số bản ghi chờ gửi: %d", max(d.backlog, s.unsent)), fmt.Sprintf("the centre is reached; records that wait to be sent: %d", max(d.backlog, s.unsent))))
	case !s.up && (was.up || shutOut(s.worries) && !shutOut(was.worries)):
		out = append(out, lost(s))
	}
	if !s.up {
		d.backlog = s.unsent
		return out
	}
	if d.backlog > 0 && s.unsent == 0 {
		out = append(out, told(DiaryAllSent, fmt.Sprintf("đã gửi hết các bản ghi còn chờ: %d", d.backlog), fmt.Sprintf("all records that waited are sent: %d", d.backlog)))
		d.backlog = 0
	}
	before := was.worries
	if !was.up {
		before = nil
	}
	switch {
	case shutOut(s.worries) && !shutOut(before):
		out = append(out, remark{DiaryShutOut, notAccepted(s.kiosk, s.unsent)})
	case len(s.worries) > 0 && !slices.Equal(s.worries, before):
		out = append(out, told(DiaryAlarm, "cảnh báo: "+said(s.worries).In(survey.Vietnamese), "alarm: "+said(s.worries).In(survey.English)))
	case len(s.worries) == 0 && len(before) > 0:
		out = append(out, told(DiaryAlarmOver, "không còn cảnh báo về trung tâm", "nothing is wrong with the centre any more"))
	}
	return out
}

// lost tells that the centre is not reached, and why.
func lost(s sight) remark {
	if shutOut(s.worries) {
		return remark{DiaryShutOut, notAccepted(s.kiosk, s.unsent)}
	}
	why := problem("", "")
	if w := said(s.worries); w != nil {
		why = problem(" ("+w.In(survey.Vietnamese)+")", " ("+w.In(survey.English)+")")
	}
	return told(DiaryLost, "mất kết nối tới trung tâm"+why.In(survey.Vietnamese)+"; thiết bị vẫn ghi và sẽ gửi sau", "the centre is lost"+why.In(survey.English)+"; the kiosk goes on recording and sends later")
}

func (d *diarist) disk(s sight) (out []remark) {
	mib := s.free >> 20
	switch {
	case s.full && !d.last.full:
		d.turned = d.last.refused
		out = append(out, told(DiaryDiskFull, fmt.Sprintf("đĩa đầy (còn %d MiB): màn hình báo không ghi được", mib), fmt.Sprintf("the disk is full (%d MiB left): the screen says that it cannot record", mib)))
		d.low = true
	case !s.full && d.last.full:
		n := s.refused - d.turned
		out = append(out, told(DiaryDiskFree, fmt.Sprintf("đĩa lại có chỗ (còn %d MiB): ghi lại được; số lượt bị từ chối trong lúc đầy: %d", mib, n),
			fmt.Sprintf("the disk has room again (%d MiB): it records again; presses refused meanwhile: %d", mib, n)))
		d.low = s.free < d.spare
	case !d.low && s.free >= 0 && s.free < d.spare:
		out = append(out, told(DiaryDiskLow, fmt.Sprintf("đĩa sắp đầy: còn %d MiB", mib), fmt.Sprintf("the disk is nearly full: %d MiB left", mib)))
		d.low = true
	case d.low && !s.full && s.free > d.spare+d.spare/10:
		d.low = false
	}
	return out
}

func (d *diarist) segments(s sight) (out []remark) {
	if s.chain != d.last.chain || s.newest == 0 || d.last.newest == 0 {
		return nil // the journal is being mended, and tells so itself
	}
	if s.newest > d.last.newest {
		out = append(out, told(DiarySealed, fmt.Sprintf("đã niêm phong đoạn %d của nhật ký; bắt đầu đoạn %d", s.newest-1, s.newest),
			fmt.Sprintf("segment %d of the journal is sealed; segment %d begins", s.newest-1, s.newest)))
	}
	if s.oldest > d.last.oldest {
		out = append(out, told(DiaryLetGo, fmt.Sprintf("đã xóa các đoạn cũ của nhật ký đến đoạn %d: bản sao lưu đã kiểm chứng đang giữ chúng", s.oldest-1),
			fmt.Sprintf("old segments of the journal are let go up to segment %d: a verified backup holds them", s.oldest-1)))
	}
	return out
}

// life is which life of the centre the kiosk talks with.
type life struct {
	epoch custody.Epoch
	marks map[survey.Chain]uint64
}

// hear takes a receipt, and tells of a new life of the centre, unless that one holds just as
// much of the chain as the last: then nothing is sent again, and nothing happened to the kiosk.
func (l *life) hear(r custody.Receipt) (out []remark) {
	before := l.marks[r.Chain]
	if l.epoch != (custody.Epoch{}) && r.Epoch != l.epoch && r.Durable != before {
		out = append(out, told(DiaryNewEpoch,
			fmt.Sprintf("trung tâm đã được khôi phục hoặc lập mới: mốc %d thành %d; thiết bị tự gửi lại phần sau đó", before, r.Durable),
			fmt.Sprintf("the centre was restored or made anew: its mark went from %d to %d; the kiosk sends what follows again", before, r.Durable)))
	}
	if l.marks == nil {
		l.marks = map[survey.Chain]uint64{}
	}
	l.epoch, l.marks[r.Chain] = r.Epoch, r.Durable
	return out
}
