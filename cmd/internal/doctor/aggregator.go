package doctor

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hailong/survey/boltstore"
)

// What an aggregator's data folder holds.
const (
	storeFile    = "store.db"
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
	if _, err := os.Stat(e.Aggregator); err != nil {
		e.bad("folder", words(fmt.Sprintf("không có thư mục %s: %v", e.Aggregator, err), fmt.Sprintf("the folder %s cannot be opened: %v", e.Aggregator, err)),
			words("nêu đúng thư mục data của trung tâm: --aggregator THƯ_MỤC", "name the aggregator's data folder: --aggregator DIR"))
		return
	}
	e.syncTime(e.Aggregator)
	e.fileSystem(e.Aggregator)
	e.room(e.Aggregator, centreFull, centreSpare)
	e.secret(e.Aggregator, store, filepath.Join(e.Aggregator, keyFile), filepath.Join(e.Aggregator, tokenFile))
	running := e.store(ctx, store)
	e.nats(store)
	newest := e.backups()
	e.centreKey(newest)
	if running {
		e.ready(ctx, e.AggregatorURL)
	}
}

// store looks at the central store, and reports whether a program has it open.
func (e *exam) store(ctx context.Context, path string) (running bool) {
	restore := words("dừng chương trình, giữ lại tệp hỏng, rồi khôi phục: hailong restore; các thiết bị tự gửi lại phần thiếu", "stop the program, keep the damaged file, then restore: hailong restore; kiosks send again what is missing")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		e.bad("store", words("không có kho dữ liệu "+path, "there is no store "+path), restore)
		return false
	}
	switch err := e.lookAt(ctx, path, e.Deep); {
	case errors.Is(err, boltstore.ErrLocked):
		e.good("store", words("trung tâm đang chạy và giữ kho dữ liệu; muốn kiểm tra hãy dừng nó, hoặc kiểm tra một bản sao lưu",
			"the aggregator runs and holds its store; to have it checked, stop it, or check a backup"))
		return true
	case err != nil:
		e.bad("store", words("kho dữ liệu hỏng: "+oneLine(err), "the store is damaged: "+oneLine(err)), restore)
	case e.Deep:
		e.good("store", words("kho dữ liệu lành; mọi chữ ký đúng và mọi con số tính lại khớp", "the store is sound; every signature fits, and every figure reckoned anew agrees"))
	default:
		e.good("store", words("kho dữ liệu lành; --deep để tính lại mọi con số", "the store is sound; --deep reckons every figure anew"))
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

// manifest is what is read of a backup's manifest.
type manifest struct {
	Time     time.Time  `json:"time"`
	Verified *time.Time `json:"verified"` // nil = it was not tried, or it failed
	folder   string
}

// oldBackup is how old the latest verified backup may be: a day, and some time to make
// it.
const oldBackup = 26 * time.Hour

// backups looks at the aggregator's own backups, and gives the folder of the latest
// verified one; "" = there is none.
func (e *exam) backups() string {
	dir := cmp.Or(e.Backups, filepath.Join(e.Aggregator, backupFolder))
	make := words("chạy hailong backup và đặt lịch hằng ngày; chép bản sao lưu sang máy khác", "run hailong backup and have it done daily; copy backups to another machine")
	latest, unverified := latestBackup(dir)
	if unverified > 0 {
		e.warn("backup_unverified", words(fmt.Sprintf("số bản sao lưu chưa kiểm chứng hoặc không đọc được: %d", unverified), fmt.Sprintf("backups that are not verified, or cannot be read: %d", unverified)), make)
	}
	if latest.folder == "" {
		e.warn("backup", words("chưa có bản sao lưu nào đã kiểm chứng: các thiết bị không được phép xóa bản ghi nào", "there is no verified backup: kiosks may let no record go"), make)
		return ""
	}
	age := e.Now().Sub(latest.Time).Round(time.Minute)
	w := words(fmt.Sprintf("bản sao lưu đã kiểm chứng gần nhất cách đây %s (%s)", age, filepath.Base(latest.folder)), fmt.Sprintf("the latest verified backup is %s old (%s)", age, filepath.Base(latest.folder)))
	if age > oldBackup {
		e.warn("backup", w, make)
	} else {
		e.good("backup", w)
	}
	if sameDisk(e.Aggregator, latest.folder) == yes {
		e.warn("backup_disk", words("bản sao lưu nằm cùng đĩa với kho dữ liệu: đĩa hỏng là mất cả hai", "the backup is on the same disk as the store: if the disk dies, both are gone"),
			words("chép thư mục backups sang đĩa hoặc máy khác mỗi ngày", "copy the folder backups to another disk or machine daily"))
	}
	return latest.folder
}

// latestBackup is the latest verified backup in a folder, and how many are not verified.
func latestBackup(dir string) (latest manifest, unverified int) {
	paths, _ := filepath.Glob(filepath.Join(dir, "*", manifestFile)) // the pattern is a good one
	for _, path := range paths {
		var m manifest
		b, err := os.ReadFile(path)
		switch {
		case strings.HasSuffix(filepath.Dir(path), ".partial"): // being made, or left by a stop
		case err != nil || json.Unmarshal(b, &m) != nil || m.Verified == nil:
			unverified++
		case m.Time.After(latest.Time):
			latest, latest.folder = m, filepath.Dir(path)
		}
	}
	return latest, unverified
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
