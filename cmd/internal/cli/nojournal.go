package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hailong/cmd/internal/doctor"
	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
)

// foundNames is how many names of what lies in a folder are told.
const foundNames = 8

// noJournal says that there is no journal in a folder: what was looked for, what was found,
// and what to do. cause is nil where the journal's folder is there, with nothing in it.
func noJournal(dir string, cause error) *Error {
	foundVi, foundEn := found(dir, cause == nil)
	doVi, doEn := whereElse(dir)
	return &Error{
		Vi:  fmt.Sprintf("%s không có nhật ký nào: đã tìm thư mục %s trong đó, chỉ thấy %s. %s", dir, identity.JournalFolder, foundVi, doVi),
		En:  fmt.Sprintf("%s holds no journal: looked for the folder %s in it, and found %s. %s", dir, identity.JournalFolder, foundEn, doEn),
		Err: cause,
	}
}

// found tells what lies in a folder; empty says that its journal is there, with nothing in it.
func found(dir string, empty bool) (vi, en string) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "rằng không có cả thư mục này", "that not even this folder is there"
	case err != nil:
		why, whyEn := plainly(err)
		return "rằng không xem được thư mục này: " + why, "that this folder cannot be looked at: " + whyEn
	case len(entries) == 0:
		return "rằng thư mục này trống", "that this folder is empty"
	}
	var vis, ens []string
	for _, e := range entries[:min(len(entries), foundNames)] {
		vi, en := e.Name(), e.Name()
		switch {
		case e.Name() == identity.JournalFolder && empty:
			vi, en = vi+" (không có đoạn nhật ký nào)", en+" (without any segment of a journal)"
		case e.Name() == identity.JournalFolder:
			vi, en = vi+" (không phải thư mục)", en+" (which is no folder)"
		}
		vis, ens = append(vis, vi), append(ens, en)
	}
	if len(entries) > foundNames {
		vis, ens = append(vis, "…"), append(ens, "…")
	}
	return strings.Join(vis, ", "), strings.Join(ens, ", ")
}

// whereElse says what to do about a folder without a journal.
func whereElse(dir string) (vi, en string) {
	if whole, err := filepath.Abs(dir); err == nil && filepath.Base(whole) == identity.JournalFolder && doctor.Owner(filepath.Dir(whole)) == doctor.Kiosk {
		above := filepath.Dir(whole)
		return "Đây chính là thư mục nhật ký: hãy nêu thư mục chứa nó, " + above, "This is the journal's own folder: name the one that holds it, " + above
	}
	switch owner := doctor.Owner(dir); {
	case owner == doctor.Aggregator:
		return "Đây là thư mục dữ liệu của trung tâm: hãy nêu thư mục của thiết bị (khóa data trong tệp cấu hình của nó)",
			"This is an aggregator's data folder: name the kiosk's (the key data of its settings)"
	case owner != doctor.Kiosk:
		return "Đây không phải thư mục dữ liệu của thiết bị: hãy nêu đúng thư mục (khóa data trong tệp cấu hình của nó), hoặc gắn đĩa chứa nó",
			"This is not a kiosk's data folder: name the right one (the key data of its settings), or mount the disk that holds it"
	case hasRecorded(dir):
		return fmt.Sprintf("Thiết bị này từng ghi lượt bấm, nên nhật ký của nó đã mất: đừng xóa gì; tìm lại thư mục %s (thẻ cũ, bản sao), đặt vào đây rồi chạy lại lệnh này. Nếu không tìm được, hailong doctor --kiosk %s cho biết phải làm gì", identity.JournalFolder, dir),
			fmt.Sprintf("This kiosk has recorded, so its journal is lost: remove nothing; find the folder %s (an old card, a copy), put it here and run this again. Where it cannot be found, hailong doctor --kiosk %s says what to do", identity.JournalFolder, dir)
	}
	return "Không có gì cho thấy thiết bị từng ghi ở đây, nên không có gì để đọc hay mang đi. Nếu nó từng hoạt động, hãy nêu đúng thư mục (khóa data trong tệp cấu hình của nó)",
		"Nothing tells that the kiosk ever recorded here, so there is nothing to read or to carry. If it was in service, name its own folder (the key data of its settings)"
}

// foreign refuses a journal of which another kiosk wrote a part: signed with this one's key,
// its records would count as this kiosk's for ever. nil = it is this kiosk's.
func foreign(dir string, h *journal.Holding, id *identity.Identity) *Error {
	other := h.Foreign(id.Kiosk(), id.Chain)
	if other == "" {
		return nil
	}
	return &Error{
		Vi: fmt.Sprintf("thư mục %s trong %s chứa nhật ký của thiết bị khác: %s, còn đây là dữ liệu của %s; không ghi tệp nào. Trả thư mục đó về cho %[3]s và xuất nó từ thư mục dữ liệu của chính %[3]s; rồi đặt nhật ký của chính %[4]s vào đây và chạy lại",
			identity.JournalFolder, dir, other, id.Kiosk()),
		En: fmt.Sprintf("the folder %s in %s holds the journal of another kiosk: %s, and this is the data of %s; no file is written. Give that folder back to %[3]s and export it with the data folder of %[3]s itself; then put the own journal of %[4]s here and run this again",
			identity.JournalFolder, dir, other, id.Kiosk()),
	}
}

// left says what cannot be carried: records behind a gap, what may be another kiosk's, and
// a chain that is not there; nil = all can be.
func left(dir string, h *journal.Holding, id *identity.Identity) *Error {
	var vis, ens []string
	for i := range h.Chains {
		c := &h.Chains[i]
		if !h.Own(c.Chain, id.Kiosk(), id.Chain) {
			vis = append(vis, fmt.Sprintf("không có gì cho thấy chuỗi %s là của thiết bị này, nên không ghi chuỗi đó vào tệp; hãy tìm xem nhật ký đó là của thiết bị nào", c.Chain))
			ens = append(ens, fmt.Sprintf("nothing tells that chain %s is this kiosk's, so that it is not written; find out whose journal that is", c.Chain))
			continue
		}
		has := durable(c, id)
		_, behind := h.Unsent(c.Chain, has, has)
		if behind == 0 {
			continue
		}
		vis = append(vis,
			fmt.Sprintf("chuỗi %s: %d bản ghi nằm sau một chỗ đứt, trung tâm không nhận được như vậy. Chúng chỉ đi được sau khi khởi động chương trình kiosk với thư mục dữ liệu này (%s), ở đây hoặc trên máy khác: nó mở chuỗi mới mang theo chúng, rồi gửi qua mạng hoặc bằng một lần hailong journal export nữa",
				c.Chain, behind, dir))
		ens = append(ens,
			fmt.Sprintf("chain %s: records behind a gap, which the centre cannot take as they are: %d. They go up only when the program kiosk is started with this data folder (%s), here or on another machine: it begins a new chain that carries them, over the network or in another hailong journal export",
				c.Chain, behind, dir))
	}
	if lost, reserved := h.Lost(id.Chain); lost {
		vi, en := "không rõ bao nhiêu", "nobody knows how many"
		if reserved > 0 {
			vi, en = fmt.Sprintf("nhiều nhất %d, trừ những gì trung tâm đã nhận", reserved), fmt.Sprintf("at most %d, less what the centre has", reserved)
		}
		vis = append(vis,
			fmt.Sprintf("không đọc được bản ghi nào của chuỗi %s, chuỗi mà thiết bị này ghi gần đây nhất; có thể mất %s. Đừng xóa gì; tìm lại thư mục %s (thẻ cũ, bản sao), đặt vào đây rồi chạy lại. Không tìm được thì khởi động thiết bị: nó báo trung tâm số lượt có thể đã mất",
				id.Chain, vi, identity.JournalFolder))
		ens = append(ens,
			fmt.Sprintf("no record can be read of chain %s, in which this kiosk recorded last; lost may be: %s. Remove nothing; find the folder %s (an old card, a copy), put it here and run this again. Where it cannot be found start the kiosk: it tells the centre how much may be lost",
				id.Chain, en, identity.JournalFolder))
	}
	if len(vis) == 0 {
		return nil
	}
	return &Error{Vi: strings.Join(vis, ". "), En: strings.Join(ens, ". ")}
}

// hasRecorded reports whether the kiosk of a folder ever had a journal.
func hasRecorded(dir string) bool {
	if doctor.Reserved(dir) {
		return true
	}
	id, err := signer(dir)
	return err == nil && !id.Chain.IsZero()
}
