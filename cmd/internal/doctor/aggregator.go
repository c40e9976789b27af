package doctor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hailong/cmd/internal/centreapp"
	"hailong/survey/boltstore"
)

// What an aggregator's data folder holds.
const (
	storeFile    = "store.db"
	stateFile    = "store.state"
	keyFile      = "centre.key"
	tokenFile    = "admin.token"
	natsFolder   = "nats"
	backupFolder = "backups"
	manifestFile = "manifest.json"
)

// The aggregator's limits of free disk, in bytes.
const (
	centreFull  = 200 << 20
	centreSpare = 2 << 30
)

// aggregator looks at an aggregator's data folder, and asks the program itself where it
// runs.
func (e *exam) aggregator(ctx context.Context) {
	store := filepath.Join(e.Aggregator, storeFile)
	if !e.folder(e.Aggregator, centreFull, centreSpare) {
		return
	}
	e.secret(e.Aggregator, store, filepath.Join(e.Aggregator, keyFile), filepath.Join(e.Aggregator, tokenFile))
	running := e.store(ctx, store)
	e.nats(store)
	newest := e.backups(ctx)
	e.centreKey(newest)
	if running && e.ownCentre(ctx) {
		e.ready(ctx, e.AggregatorURL)
	}
}

// store looks at the central store, and reports whether a program has it open.
func (e *exam) store(ctx context.Context, path string) (running bool) {
	restore := words(fmt.Sprintf("dừng chương trình, giữ lại tệp hỏng, rồi khôi phục: hailong restore --from BẢN_SAO_LƯU --data %s --replace; các thiết bị tự gửi lại phần thiếu", e.Aggregator),
		fmt.Sprintf("stop the program, keep the damaged file, then restore: hailong restore --from BACKUP --data %s --replace; kiosks send again what is missing", e.Aggregator))
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		e.bad("store", words("không có kho dữ liệu "+path, "there is no store "+path), restore)
		return false
	}
	switch err := centreapp.CheckStore(ctx, e.Program, path, e.Deep, e.Progress); {
	case errors.Is(err, boltstore.ErrLocked):
		e.good("store", words("trung tâm đang chạy và giữ kho dữ liệu; muốn kiểm tra hãy dừng nó, hoặc kiểm tra một bản sao lưu",
			"the aggregator runs and holds its store; to have it checked, stop it, or check a backup"))
		return true
	case errors.Is(err, centreapp.ErrNotLooked), ctx.Err() != nil:
		e.warn("store", words("chưa xét được kho dữ liệu, không có nghĩa là nó hỏng: "+oneLine(err), "the store was not judged, which does not mean that it is damaged: "+oneLine(err)),
			words("giải phóng bộ nhớ, dùng tài khoản của chương trình hoặc root, rồi chạy lại lệnh này; chưa có lý do gì để khôi phục", "free memory, use the program's own user or root, then run this again; there is no reason yet to restore"))
	case err != nil:
		e.bad("store", words("kho dữ liệu hỏng: "+oneLine(err), "the store is damaged: "+oneLine(err)), restore)
	case e.Deep:
		e.good("store", words("kho dữ liệu lành; mọi chữ ký đúng và mọi con số tính lại khớp", "the store is sound; every signature fits, and every figure reckoned anew agrees"))
	default:
		e.good("store", words("kho dữ liệu mở được và các trang của nó nguyên vẹn; nội dung chưa được kiểm tra (--deep để kiểm tra)", "the store opens and its pages are whole; its content was not checked (--deep does that)"))
	}
	return false
}

// nats looks at the message server's folder.
func (e *exam) nats(store string) {
	_, natsErr := os.Stat(filepath.Join(e.Aggregator, natsFolder))
	_, storeErr := os.Stat(store)
	switch {
	case natsErr == nil && storeErr != nil:
		e.bad("nats", words("chỉ còn thư mục nats: đó là đường truyền, không phải nơi giữ dữ liệu", "only the folder nats is left: it is transport, never custody"),
			words("khôi phục kho dữ liệu: hailong restore", "restore the store: hailong restore"))
	case natsErr == nil:
		e.good("nats", words("NATS nhúng, đồng bộ từng lô (sync_interval: always); kho dữ liệu nằm ngoài nó", "NATS is embedded and syncs each batch (sync_interval: always); the store is apart from it"))
	default:
		e.warn("nats", words("không có thư mục nats: máy chủ NATS là bên ngoài, hoặc trung tâm chưa chạy lần nào", "there is no folder nats: the NATS server is an external one, or the aggregator has never run"),
			words("với NATS ngoài, người quản trị nó phải đặt jetstream { sync_interval: always }; không đặt thì vẫn không mất, nhưng phải gửi lại nhiều",
				"with an external one its operator must set jetstream { sync_interval: always }; without it nothing is lost, but much is sent again"))
	}
}

// centreKey looks at the centre's signing key, and whether a backup has it.
func (e *exam) centreKey(backup string) {
	path := filepath.Join(e.Aggregator, keyFile)
	b, err := os.ReadFile(path)
	restore := words("mang centre.key từ bản sao về: các thiết bị không tin khóa nào khác", "bring centre.key back from a copy: kiosks believe no other key")
	if err != nil {
		e.bad("centre_key", words(fmt.Sprintf("không đọc được khóa của trung tâm: %v", err), fmt.Sprintf("the centre's key cannot be read: %v", err)), restore)
		return
	}
	if seed, err := hex.DecodeString(strings.TrimSpace(string(b))); err != nil || len(seed) != 32 {
		e.bad("centre_key", words("khóa của trung tâm bị hỏng", "the centre's key is damaged"), restore)
		return
	}
	if backup != "" {
		if copied, err := os.ReadFile(filepath.Join(backup, keyFile)); err == nil && string(copied) == string(b) {
			e.good("centre_key", words("khóa của trung tâm có trong bản sao lưu", "the centre's key is in the backup"))
			return
		}
	}
	e.warn("centre_key", words("khóa của trung tâm chưa có trong bản sao lưu nào", "no backup has the centre's key"),
		words("chép centre.key vào nơi an toàn, ngoài máy này: mất nó là mọi thiết bị phải ghi danh lại", "copy centre.key to a safe place off this machine: without it every kiosk must be enrolled anew"))
}
