package panel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"hailong/kiosk"
	"hailong/survey"
)

// topic is what is told of; each has a limit of its own.
type topic uint8

// The topics.
const (
	coming   topic = iota // the device is there, or gone
	strange               // keys, words and events that mean nothing here
	jammed                // keys that are stuck
	doubled               // two keys at once
	refused               // presses that were not kept
	troubled              // everything else
	topics
)

// At most so much is told of one topic in such a time: a broken device must not fill the
// diary. What is left out is counted.
const (
	tellMost  = 4
	tellEvery = 10 * time.Minute
)

// limits say what may be told. The zero limits have told nothing.
type limits [topics]struct {
	since      time.Duration
	told, left int
}

// allow reports whether something may be told of a topic now, and how much was left out
// since the last time.
func (l *limits) allow(t topic, now time.Duration) (left int, ok bool) {
	x := &l[t]
	if x.told > 0 && now-x.since >= tellEvery {
		x.told = 0
	}
	if x.told == 0 {
		x.since = now
	}
	if x.told == tellMost {
		x.left++
		return 0, false
	}
	x.told++
	left, x.left = x.left, 0
	return left, true
}

// tell says something about the panel to people, unless too much was said.
func (p *Panel) tell(t topic, vi, en string) {
	p.mu.Lock()
	left, ok := p.limits.allow(t, p.clock.Now())
	p.mu.Unlock()
	if !ok {
		return
	}
	if left > 0 {
		vi += fmt.Sprintf(" (và %d lần nữa trước đó không kể)", left)
		en += fmt.Sprintf(" (and %d times more before this that were not told)", left)
	}
	select {
	case p.news <- p.about(vi, en):
	default: // whoever listens does not keep up; presses do not wait for them
	}
}

// tellAll tells what there is to tell, until quiet is closed and nothing is left.
func (p *Panel) tellAll(quiet <-chan struct{}) {
	tell := func(w survey.Words) {
		if p.options.Tell != nil {
			p.options.Tell(w)
		}
	}
	for {
		select {
		case w := <-p.news:
			tell(w)
			continue
		case <-quiet:
		}
		select {
		case w := <-p.news:
			tell(w)
		default:
			return
		}
	}
}

// about is a sentence about the panel.
func (p *Panel) about(vi, en string) survey.Words {
	return survey.Words{survey.Vietnamese: "nút bấm " + p.device.Path + ": " + vi, survey.English: "buttons " + p.device.Path + ": " + en}
}

// came notes that the device is there and in use.
func (p *Panel) came(port *Port) {
	p.port.Store(port)
	p.count(func(st *State) { st.Open, st.why = true, nil })
	name, at, of := "", "", ""
	if port.Name != "" {
		name = " (" + strconv.Quote(port.Name) + ")"
	}
	if p.device.Counter != "" {
		at, of = " cho quầy "+string(p.device.Counter), " for counter "+string(p.device.Counter)
	}
	p.tell(coming, "đã thấy thiết bị"+name+"; nút ở đó được ghi"+at, "the device"+name+" is there, and its buttons are recorded"+of)
}

// went notes that the device is gone, or that the program ends.
func (p *Panel) went(ctx context.Context, err error) {
	p.port.Store(nil)
	p.count(func(st *State) { st.Open = false; clear(p.jams) })
	if ctx.Err() != nil {
		return
	}
	p.count(func(st *State) { st.why = p.about(notThere.vi, notThere.en) })
	p.tell(coming, "thiết bị đã bị rút hoặc hỏng ("+err.Error()+"); "+notThere.vi, "the device was unplugged, or failed ("+err.Error()+"); "+notThere.en)
}

// absent notes why the device is not in use. The same reason is told once.
func (p *Panel) absent(w reason) {
	words := p.about(w.vi, w.en)
	before := survey.Words(nil)
	p.count(func(st *State) { before, st.why = st.why, words })
	if before.In(survey.English) != words.In(survey.English) {
		p.tell(coming, w.vi, w.en)
	}
}

// reason is why a device is not in use.
type reason struct{ vi, en string }

var notThere = reason{"không thấy thiết bị; nút ở đó không được ghi; chương trình tìm lại mỗi giây: hãy cắm lại, hoặc sửa path trong buttons",
	"the device is not there, and its buttons are not recorded; it is looked for every second: plug it in, or mend path below buttons"}

// why is the reason that an error gives.
func why(err error) reason {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return notThere
	case errors.Is(err, ErrNotHere):
		return reason{"phím và GPIO chỉ đọc được trên Linux; hệ điều hành này chỉ dùng được kind: serial", "keypads and GPIO keys are read on Linux only; on this system kind: serial is what there is"}
	case errors.Is(err, ErrNotGrabbed):
		return reason{"không giành riêng được bàn phím nên không dùng: nếu dùng, trình duyệt cũng nhận phím và một lượt bấm bị đếm hai lần; hãy dừng chương trình đang giữ nó, và xem path có phải là thiết bị evdev không (" + err.Error() + ")",
			"the keypad cannot be had alone and is not used, since the browser would hear its keys, too, and a press would count twice: stop the program that holds it, and see whether path is an evdev device (" + err.Error() + ")"}
	case errors.Is(err, fs.ErrPermission):
		return reason{"không có quyền mở thiết bị; hãy cho người dùng của dịch vụ vào nhóm input (phím) hoặc dialout (serial), xem mục Buttons trong README",
			"there is no right to open the device: put the service's user into the group input (keys) or dialout (serial), see Buttons in the README"}
	default:
		return reason{"không mở được thiết bị: " + err.Error(), "the device cannot be opened: " + err.Error()}
	}
}

// stuckKey is the alarm about a key that does not come up.
func (p *Panel) stuckKey(name string) reason {
	return reason{fmt.Sprintf("phím %s bị giữ quá %s: kẹt, hoặc có vật đè lên; các phím khác vẫn ghi", name, p.device.stuck()),
		fmt.Sprintf("the key %s has been down for more than %s: it is stuck, or something lies on it; the other keys are recorded", name, p.device.stuck())}
}

// jam notes that a key is stuck, or free again.
func (p *Panel) jam(key int, is bool) {
	p.count(func(*State) { p.jams[key] = is })
	name := p.keys[key].name
	if is {
		w := p.stuckKey(name)
		p.tell(jammed, w.vi, w.en)
		return
	}
	p.tell(jammed, "phím "+name+" đã nhả, hết kẹt", "the key "+name+" is up again")
}

// twoAtOnce tells of two keys that went down together.
func (p *Panel) twoAtOnce() {
	p.tell(doubled, "hai phím được bấm cùng lúc: không ghi lượt nào", "two keys went down together: no press is recorded")
	p.show(p.device.Failed)
}

// unknownKey tells of a key that means nothing here. Which key people hit by mistake is
// something to mend; it is no answer.
func (p *Panel) unknownKey(code uint16) {
	p.tell(strange, "phím "+keyName(code)+" được bấm nhưng không có trong keys", "the key "+keyName(code)+" was pressed and is not in keys")
}

// unknownWord tells of a word that means nothing here.
func (p *Panel) unknownWord(w string) {
	p.tell(strange, "hộp nút gửi "+strconv.Quote(w)+", không có trong keys", "the box sent "+strconv.Quote(w)+", which is not in keys")
}

// overlong tells of lines that are too long to be words.
func (p *Panel) overlong(n int) {
	p.tell(strange, fmt.Sprintf("hộp nút gửi %d dòng dài quá %d byte: sai tốc độ (baud), hoặc nhiễu trên dây", n, maxFrame), fmt.Sprintf("the box sent %d lines of more than %d bytes: the wrong speed (baud), or noise on the line", n, maxFrame))
}

// malformed tells of an event that no kernel sends.
func (p *Panel) malformed() {
	p.tell(strange, "sự kiện của thiết bị bị sai dạng", "an event of the device is malformed")
}

// dropped tells that the kernel let events go, because nobody read them in time.
func (p *Panel) dropped() {
	p.tell(troubled, "hệ thống đã bỏ bớt sự kiện vì máy quá tải: có thể mất lượt bấm chưa được cảm ơn", "the system dropped events because the machine was overloaded: presses that were not thanked may be lost")
}

// late tells of a press that took so long to keep that nobody was thanked.
func (p *Panel) late(after time.Duration) {
	after = after.Round(time.Second)
	p.tell(troubled, fmt.Sprintf("một lượt bấm được ghi sau %s, quá muộn để cảm ơn", after), fmt.Sprintf("a press was kept after %s, too late to say thanks", after))
}

// notKept tells of a press that was not kept.
func (p *Panel) notKept(err error) {
	if errors.Is(err, kiosk.ErrUnknown) {
		p.tell(refused, "không rõ một lượt bấm đã được ghi hay chưa; không cảm ơn", "it is not known whether a press was kept; nobody was thanked")
		return
	}
	vi := err.Error()
	switch both := (interface{ Text(survey.Lang) string })(nil); {
	case errors.As(err, &both):
		vi = both.Text(survey.Vietnamese)
	case errors.Is(err, kiosk.ErrFull):
		vi = "đĩa đầy"
	case errors.Is(err, ErrOutOfService):
		vi = "thiết bị chưa sẵn sàng"
	case errors.Is(err, errCrowd):
		vi = fmt.Sprintf("đã có %d lượt chờ ghi vào đĩa", waiting)
	}
	p.tell(refused, "một lượt bấm không được ghi: "+vi, "a press was not kept: "+err.Error())
}

// noSignal tells of a signal that cannot be given. The press is kept all the same.
func (p *Panel) noSignal(err error) {
	p.tell(troubled, "không phát được tín hiệu: "+err.Error(), "a signal cannot be given: "+err.Error())
}
