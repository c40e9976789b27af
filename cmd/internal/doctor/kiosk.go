package doctor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// kiosk looks at a kiosk's data folder, and asks the kiosk itself where it runs.
func (e *exam) kiosk(ctx context.Context) {
	if !e.folder(e.Kiosk, uint64(e.Full), uint64(e.Spare)) {
		return
	}
	folder := filepath.Join(e.Kiosk, identity.JournalFolder)
	e.secret(e.Kiosk, filepath.Join(e.Kiosk, identity.FirstCopy), filepath.Join(e.Kiosk, identity.SecondCopy), folder)
	h, err := journal.Inspect(folder, journal.Options{Reserve: e.Kiosk, Child: e.Child})
	running := errors.Is(err, journal.ErrLocked)
	id := e.identity(running)
	switch {
	case running:
		e.good("journal", words("thiết bị đang chạy và giữ nhật ký; muốn kiểm tra từng bản ghi hãy dừng nó rồi chạy lại lệnh này",
			"the kiosk runs and holds its journal; to have each record checked, stop it and run this again"))
	case errors.Is(err, os.ErrNotExist), err == nil && len(h.Chains) == 0 && len(h.Segments) == 0 && len(h.Aside) == 0:
		e.noJournal(id)
	case err != nil:
		e.cannot("journal", err)
	default:
		e.holding(h, id)
	}
	if running {
		e.askKiosk(ctx)
	}
}

// noJournal judges a folder without a journal: where the kiosk had one, it is gone.
func (e *exam) noJournal(id *identity.Identity) {
	if !Reserved(e.Kiosk) && (id == nil || id.Chain.IsZero()) {
		e.warn("journal", words("chưa có nhật ký", "there is no journal yet"), words("nếu thiết bị đã từng chạy: khôi phục thư mục journal", "if the kiosk was in service before: bring the folder journal back"))
		return
	}
	gone := words("thư mục journal đã mất hoặc trống, dù thiết bị này từng ghi lượt bấm: những lượt chưa gửi có thể mất", "the folder journal is gone or empty, although this kiosk has recorded: what was not sent may be lost")
	if id == nil {
		e.bad("journal", gone, words("đừng xóa gì; lo phần định danh ở trên trước, rồi chạy lại lệnh này", "remove nothing; see to the identity above first, then run this again"))
		return
	}
	e.bad("journal", gone, findJournal)
}

// identity looks at the two copies of the kiosk's identity; nil where it cannot be read.
// While the kiosk runs they are compared only: reading them mends them.
func (e *exam) identity(running bool) *identity.Identity {
	first, err1 := os.ReadFile(filepath.Join(e.Kiosk, identity.FirstCopy))
	second, err2 := os.ReadFile(filepath.Join(e.Kiosk, identity.SecondCopy))
	restore := words("đừng xóa gì; mang "+identity.FirstCopy+" từ bản sao về; không có thì ghi danh thiết bị như mới", "remove nothing; bring "+identity.FirstCopy+" back from a copy; without one, enrol the box as a new kiosk")
	switch {
	case err1 != nil && err2 != nil:
		e.bad("identity", words(fmt.Sprintf("không đọc được định danh của thiết bị: %v", err1), fmt.Sprintf("the kiosk's identity cannot be read: %v", err1)), restore)
		return nil
	case err1 != nil || err2 != nil || !bytes.Equal(first, second):
		e.warn("identity", words("hai bản định danh của thiết bị khác nhau hoặc thiếu một bản", "the two copies of the kiosk's identity differ, or one is missing"),
			words("khởi động thiết bị: nó tự sửa bản hỏng từ bản kia", "start the kiosk: it mends one copy from the other"))
		return nil
	case running:
		e.good("identity", words("hai bản định danh giống nhau", "the two copies of the identity are the same"))
		return nil
	}
	id, err := identity.Load(e.Kiosk) // both copies are the same: nothing is written
	if err != nil {
		e.bad("identity", words(fmt.Sprintf("định danh của thiết bị bị hỏng: %v", err), fmt.Sprintf("the kiosk's identity is damaged: %v", err)), restore)
		return nil
	}
	if id.Enrolment == nil {
		e.warn("identity", words(fmt.Sprintf("%s chưa được trung tâm nhận", id.Kiosk()), fmt.Sprintf("%s is not taken in by a centre yet", id.Kiosk())),
			words("tạo mã bằng hailong kiosks add, ghi vào centre.code rồi khởi động thiết bị", "make a code with hailong kiosks add, put it into centre.code and start the kiosk"))
		return id
	}
	e.good("identity", words(fmt.Sprintf("%s, hai bản định danh giống nhau và đọc được", id.Kiosk()), fmt.Sprintf("%s, the two copies of its identity are the same and can be read", id.Kiosk())))
	return id
}

// holding judges what a stopped kiosk's journal holds.
func (e *exam) holding(h *journal.Holding, id *identity.Identity) {
	if id != nil && e.strange(h, id) {
		return
	}
	e.ending(h.Ended)
	damaged := false
	for _, s := range h.Segments {
		if fault := s.Words(); fault != nil {
			damaged = true
			e.warn("journal_files", words(fmt.Sprintf("đoạn %d: %s", s.Number, fault[survey.Vietnamese]), fmt.Sprintf("segment %d: %s", s.Number, fault[survey.English])),
				words("sao lưu cả thư mục data, rồi khởi động thiết bị: nó tự sửa những gì sửa được và nói rõ những gì có thể mất", "copy the whole data folder, then start the kiosk: it mends what can be mended and says what may be lost"))
		}
	}
	e.aside(h.Aside)
	if h.Refused > 0 {
		e.warn("refused", words(fmt.Sprintf("đã từ chối %d lượt bấm vì đĩa đầy", h.Refused), fmt.Sprintf("presses refused because the disk was full: %d", h.Refused)), words("xem mục đĩa ở trên", "see the disk above"))
	}
	for i := range h.Chains {
		own := i == len(h.Chains)-1
		if id != nil && !id.Chain.IsZero() {
			own = h.Chains[i].Chain == id.Chain
		}
		e.chain(&h.Chains[i], own, len(h.Segments) > 0)
		switch {
		case id == nil:
			e.afterReceipt(h, &h.Chains[i], damaged)
		case id.Enrolment != nil:
			e.receipt(h, &h.Chains[i], ed25519.PublicKey(id.Enrolment.CentreKey), damaged)
		}
	}
}

// strange judges whether what lies there is the journal that the identity remembers, and
// reports whether it is another kiosk's.
func (e *exam) strange(h *journal.Holding, id *identity.Identity) bool {
	if other := h.Foreign(id.Kiosk(), id.Chain); other != "" {
		e.bad("journal", words(fmt.Sprintf("thư mục journal chứa nhật ký của thiết bị khác: %s, còn đây là dữ liệu của %s", other, id.Kiosk()),
			fmt.Sprintf("the folder journal holds the journal of another kiosk: %s, and this is the data of %s", other, id.Kiosk())),
			words("đừng xóa gì; trả thư mục journal này về đúng thiết bị của nó, tìm nhật ký của chính thiết bị này (thẻ cũ, bản sao) và đặt vào đây trước khi khởi động",
				"remove nothing; give this folder journal back to its own kiosk, find this kiosk's own (an old card, a copy) and put it here before the kiosk starts"))
		return true
	}
	if lost, reserved := h.Lost(id.Chain); lost {
		name := id.Chain.String()[:8]
		vi, en := "không rõ bao nhiêu lượt", "nobody knows how many"
		if reserved > 0 {
			vi, en = fmt.Sprintf("nhiều nhất %d lượt, trừ những gì trung tâm đã nhận", reserved), fmt.Sprintf("at most %d, less what the centre has", reserved)
		}
		e.bad("journal", words(fmt.Sprintf("không đọc được bản ghi nào của chuỗi %s, chuỗi mà thiết bị này ghi gần đây nhất; có thể mất %s", name, vi),
			fmt.Sprintf("no record can be read of chain %s, in which this kiosk recorded last; lost may be: %s", name, en)), findJournal)
	}
	return false
}

// findJournal is what to do where the journal, or the part that was written last, is gone.
var findJournal = words("đừng xóa gì; tìm lại thư mục journal (thẻ cũ, bản sao) và đặt vào đây trước khi khởi động thiết bị. Không tìm được thì cứ khởi động: thiết bị bắt đầu chuỗi mới và báo trung tâm số lượt có thể đã mất",
	"remove nothing; find the folder journal (an old card, a copy) and put it here before the kiosk starts. Where it cannot be found start the kiosk all the same: it begins a new chain and tells the centre how much may be lost")

// aside tells of what was put out of the journal's way.
func (e *exam) aside(names []string) {
	var damaged, foreign []string
	for _, name := range names {
		if strings.Contains(name, ".foreign-") {
			foreign = append(foreign, filepath.Base(name))
		} else {
			damaged = append(damaged, name)
		}
	}
	if list := strings.Join(damaged, ", "); list != "" {
		e.warn("set_aside", words("tệp hỏng đã để riêng trước đây: "+list, "damaged files were set aside before: "+list),
			words("giữ lại đến khi trung tâm xác nhận đã đủ bản ghi; rồi có thể chuyển đi nơi khác", "keep them until the centre says that no record is missing; then they may be moved elsewhere"))
	}
	if list := strings.Join(foreign, ", "); list != "" {
		e.warn("foreign", words("nhật ký của thiết bị khác từng nằm ở đây và đã được để riêng: "+list, "another kiosk's journal lay here and was set aside: "+list),
			words("trả thư mục đó về đúng thiết bị của nó, với tên journal", "give that folder back to its own kiosk, by the name journal"))
	}
}

func (e *exam) ending(how journal.Ending) {
	switch how {
	case journal.EndedWell:
		e.good("journal", words("nhật ký được đóng bình thường", "the journal was closed in the ordinary way"))
	case journal.DiedOpening:
		e.warn("journal", words("lần trước chương trình chết khi đang mở nhật ký", "the last time the program died while it opened the journal"),
			words("sao lưu thư mục data, khởi động lại; nếu vẫn vậy, gửi thư mục cho nhà cung cấp", "copy the data folder and start again; if it stays so, send the folder to the maker"))
	case journal.WriteFailed:
		e.bad("journal", words("lần trước đĩa báo lỗi khi ghi nhật ký", "the last time the disk failed to write the journal"),
			words("sao lưu thư mục data ngay, xem dmesg, thay thẻ nhớ hoặc đĩa", "copy the data folder now, look at dmesg, change the card or disk"))
	default:
		e.good("journal", words("lần trước bị mất điện hoặc bị ngắt; lần khởi động tới sẽ kiểm tra từng bản ghi", "the power was lost or the program killed the last time; the next start checks each record"))
	}
}

// chain judges one chain; own says that it is the one that goes on.
func (e *exam) chain(c *journal.Held, own, segments bool) {
	name := c.Chain.String()[:8]
	vi := fmt.Sprintf("chuỗi %s: bản ghi %d–%d liền mạch, mã băm khớp", name, c.Kept, c.Last())
	en := fmt.Sprintf("chain %s: records %d–%d follow each other, hash by hash", name, c.Kept, c.Last())
	if c.Last() == 0 {
		vi, en = fmt.Sprintf("chuỗi %s chưa có bản ghi nào", name), fmt.Sprintf("chain %s has no record yet", name)
	}
	if ahead := c.Reserved - min(c.Reserved, c.Last()); own && c.Reserved > 0 {
		vi += fmt.Sprintf("; %d số đã giữ trước", ahead)
		en += fmt.Sprintf("; numbers set aside ahead: %d", ahead)
	}
	missing := words(fmt.Sprintf("chuỗi %s: thiếu %d bản ghi giữa %d và %d", name, c.Missing(), c.Kept, c.Last()), fmt.Sprintf("chain %s: records missing between %d and %d: %d", name, c.Kept, c.Last(), c.Missing()))
	switch {
	case c.Missing() == 0:
		e.good("chain", words(vi, en))
	case own:
		e.bad("chain", missing, words("sao lưu thư mục data, chạy hailong salvage, rồi khởi động thiết bị", "copy the data folder, run hailong salvage, then start the kiosk"))
	default:
		e.warn("chain", missing, words("trung tâm đã được báo khi chuỗi sau bắt đầu", "the centre was told when the next chain began"))
	}
	if own && c.Reserved == 0 && segments {
		e.warn("reserved", words("không đọc được số đã giữ trước: nếu nhật ký hỏng sẽ không biết có thể mất bao nhiêu", "the numbers set aside cannot be read: if the journal is damaged, nobody can say how much may be lost"),
			words("khởi động thiết bị: nó ghi lại", "start the kiosk: it writes them anew"))
	}
}

// stale is how old a receipt may be.
const stale = 24 * time.Hour

// receipt judges the centre's last word about a chain; damaged says that a file of the
// journal, which may hold it, cannot be read.
func (e *exam) receipt(h *journal.Holding, c *journal.Held, key ed25519.PublicKey, damaged bool) {
	if unsent(h, c, 0) == 0 { // it has no record, or a later chain carries all
		return
	}
	name := c.Chain.String()[:8]
	send := words("kết nối thiết bị với trung tâm; không được thì: hailong journal export, mang tệp đi, hailong journal import", "connect the kiosk to the centre; where that cannot be: hailong journal export, carry the file, hailong journal import")
	r, err := custody.OpenReceipt(c.Receipt, key)
	switch missing := err != nil || r.Chain != c.Chain; {
	case missing && damaged:
		e.warn("receipt", words(fmt.Sprintf("chuỗi %s: không đọc được biên nhận của trung tâm, vì tệp của nhật ký bị hỏng (xem ở trên); không biết còn bao nhiêu bản ghi chưa gửi", name),
			fmt.Sprintf("chain %s: the centre's receipt cannot be read, since a file of the journal is damaged (see above); how many records are not sent is not known", name)),
			words("khởi động thiết bị sau khi sao lưu thư mục data: nó hỏi trung tâm đã giữ đến đâu", "start the kiosk after the data folder was copied: it asks the centre how far it holds them"))
		return
	case missing && c.Receipt != nil:
		e.warn("receipt", words(fmt.Sprintf("chuỗi %s: biên nhận đang giữ không do trung tâm này ký", name), fmt.Sprintf("chain %s: the receipt that is kept is not signed by this centre", name)), send)
		return
	case missing:
		e.warn("receipt", words(fmt.Sprintf("chuỗi %s chưa có biên nhận nào của trung tâm; %d bản ghi chưa gửi", name, unsent(h, c, 0)), fmt.Sprintf("chain %s has no receipt of the centre; records not sent: %d", name, unsent(h, c, 0))), send)
		return
	}
	ready, behind := h.Unsent(c.Chain, r.Durable, r.Durable)
	age := e.Now().Sub(r.At()).Round(time.Minute)
	vi := fmt.Sprintf("chuỗi %s: biên nhận cuối cách đây %s, trung tâm giữ đến %d, bản sao lưu đã kiểm chứng đến %d, chưa gửi %d", name, age, r.Durable, r.Backup, ready+behind)
	en := fmt.Sprintf("chain %s: the last receipt is %s old; the centre holds up to %d, a verified backup up to %d; not sent: %d", name, age, r.Durable, r.Backup, ready+behind)
	switch {
	case behind > 0:
		vi += fmt.Sprintf(", trong đó nằm sau một chỗ đứt: %d", behind)
		en += fmt.Sprintf(", of these behind a gap: %d", behind)
		e.warn("receipt", words(vi, en), words("các bản ghi sau chỗ đứt chỉ đi được sau khi khởi động thiết bị với thư mục này: nó mở chuỗi mới mang theo chúng; xuất tệp trước đó không đủ",
			"what is behind a gap goes up only when the kiosk is started with this folder: it begins a new chain that carries it; an export before that does not"))
	case ready > 0 && age > stale:
		e.warn("receipt", words(vi, en), send)
	case r.Backup < r.Durable && age > stale:
		e.warn("receipt", words(vi, en), words("kiểm tra sao lưu ở trung tâm: hailong backup", "look at the centre's backups: hailong backup"))
	default:
		e.good("receipt", words(vi, en))
	}
}

// oneLine is an error on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
