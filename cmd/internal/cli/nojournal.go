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

// hasRecorded reports whether the kiosk of a folder ever had a journal.
func hasRecorded(dir string) bool {
	if doctor.Reserved(dir) {
		return true
	}
	id, err := signer(dir)
	return err == nil && !id.Chain.IsZero()
}
