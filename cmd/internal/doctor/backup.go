package doctor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hailong/survey"
)

// manifest is what is read of a backup's manifest.
type manifest struct {
	Number   uint64     `json:"number"` // one more than those before it; 0 = an older program's
	Time     time.Time  `json:"time"`
	Size     int64      `json:"size"`     // of the store's copy, bytes
	SHA256   string     `json:"sha256"`   // of the same, in hexadecimal
	Verified *time.Time `json:"verified"` // nil = it was not tried, or it failed
	folder   string
}

// oldBackup is how old the latest verified backup may be: a day, and some time to make
// it.
const oldBackup = 26 * time.Hour

// backups looks at the aggregator's own backups, and gives the folder of the latest
// verified one; "" = there is none.
func (e *exam) backups(ctx context.Context) string {
	dir := cmp.Or(e.Backups, filepath.Join(e.Aggregator, backupFolder))
	make := words("chạy hailong backup và đặt lịch hằng ngày; chép bản sao lưu sang máy khác", "run hailong backup and have it done daily; copy backups to another machine")
	switch _, err := os.ReadDir(dir); {
	case errors.Is(err, syscall.ENOTDIR):
		e.bad("backup", words(dir+" không phải một thư mục: không tạo được bản sao lưu nào ở đó", dir+" is no folder: no backup can be made there"),
			words("đặt backup.folder trong cấu hình của trung tâm (hoặc --backups ở đây) là một thư mục, rồi chạy lại trung tâm", "set backup.folder in the aggregator's settings (or --backups here) to a folder, then restart the aggregator"))
		return ""
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		e.cannot("backup", err)
		return ""
	}
	verified, unverified := e.verifiedBackups(dir)
	if unverified > 0 {
		e.warn("backup_unverified", words(fmt.Sprintf("số bản sao lưu chưa kiểm chứng hoặc không đọc được: %d", unverified), fmt.Sprintf("backups that are not verified, or cannot be read: %d", unverified)), make)
	}
	if len(verified) == 0 {
		e.warn("backup", words(fmt.Sprintf("trong %s không có bản sao lưu nào đã kiểm chứng: các thiết bị không được phép xóa bản ghi nào", dir), fmt.Sprintf("in %s there is no verified backup: kiosks may let no record go", dir)),
			words("nếu bản sao lưu để ở nơi khác (khóa backup.folder): --config TỆP_CẤU_HÌNH hoặc --backups THƯ_MỤC; nếu không, "+make["vi"], "if backups lie elsewhere (the key backup.folder): --config SETTINGS_FILE or --backups DIR; if not, "+make["en"]))
		return ""
	}
	latest := verified[0]
	age := e.Now().Sub(latest.Time).Round(time.Minute)
	w := words(fmt.Sprintf("bản sao lưu đã kiểm chứng gần nhất cách đây %s (%s)", age, latest.folder), fmt.Sprintf("the latest verified backup is %s old (%s)", age, latest.folder))
	switch {
	case age < 0:
		at := latest.Time.In(survey.Zone).Format("15:04 02/01/2006")
		e.warn("backup", words(fmt.Sprintf("bản sao lưu đã kiểm chứng gần nhất mang thời điểm chưa tới, %s (%s): đồng hồ máy này đang sai hoặc đã từng sai, nên không biết bản này cũ đến đâu", at, latest.folder),
			fmt.Sprintf("the latest verified backup has a date still to come, %s (%s): this machine's clock is wrong, or was, so nobody knows how old it is", at, latest.folder)),
			words("chỉnh đồng hồ rồi chạy hailong backup", "set the clock right, then run hailong backup"))
	case age > oldBackup:
		e.warn("backup", w, make)
	default:
		e.good("backup", w)
	}
	e.backupSums(ctx, verified)
	if sameDisk(e.Aggregator, latest.folder) == yes {
		e.warn("backup_disk", words("bản sao lưu nằm cùng đĩa với kho dữ liệu: đĩa hỏng là mất cả hai", "the backup is on the same disk as the store: if the disk dies, both are gone"),
			words("chép thư mục backups sang đĩa hoặc máy khác mỗi ngày", "copy the folder backups to another disk or machine daily"))
	}
	return latest.folder
}

// verifiedBackups are the verified backups in a folder, the latest first, and how many are
// not verified. Those of another centre, which has another key, are passed over.
func (e *exam) verifiedBackups(dir string) (list []manifest, unverified int) {
	entries, _ := os.ReadDir(dir) // where there is no folder there are no backups
	own, keyErr := os.ReadFile(filepath.Join(e.Aggregator, keyFile))
	for _, entry := range entries {
		folder := filepath.Join(dir, entry.Name())
		b, err := os.ReadFile(filepath.Join(folder, manifestFile))
		if errors.Is(err, fs.ErrNotExist) || strings.HasSuffix(folder, ".partial") { // no backup; being made, or left by a stop
			continue
		}
		if key, err := os.ReadFile(filepath.Join(folder, keyFile)); keyErr == nil && err == nil && string(key) != string(own) {
			continue
		}
		var m manifest
		if err != nil || json.Unmarshal(b, &m) != nil || m.Verified == nil {
			unverified++
			continue
		}
		m.folder = folder
		list = append(list, m)
	}
	slices.SortStableFunc(list, func(a, b manifest) int { return cmp.Or(cmp.Compare(b.Number, a.Number), b.Time.Compare(a.Time)) })
	return list, unverified
}

// errOtherSum says that a backup's store is not what its manifest says.
var errOtherSum = errors.New("the backup's store does not fit its hash")

// backupSums reads the latest backup's store whole and compares it with its manifest; where
// it is damaged, also older ones, until one is found that can be used.
func (e *exam) backupSums(ctx context.Context, list []manifest) {
	switch err := e.backupSum(ctx, &list[0]); {
	case errors.Is(err, errOtherSum):
	case err != nil:
		e.cannot("backup_sum", err)
		return
	default:
		e.good("backup_sum", words("từng byte của bản sao lưu gần nhất khớp mã băm của nó", "every byte of the latest backup fits its hash"))
		return
	}
	usable := words("không còn bản nào cũ hơn dùng được", "no older one can be used")
	for i := range list[1:] {
		older := &list[1+i]
		if e.backupSum(ctx, older) == nil {
			at := older.Time.In(survey.Zone).Format("15:04 02/01/2006")
			usable = words(fmt.Sprintf("bản mới nhất còn dùng được: %s, lúc %s", older.folder, at), fmt.Sprintf("the newest that can be used: %s, of %s", older.folder, at))
			break
		}
	}
	path := filepath.Join(list[0].folder, storeFile)
	e.bad("backup_sum", words(fmt.Sprintf("bản sao lưu gần nhất đã hỏng: %s không khớp mã băm trong %s; %s", path, manifestFile, usable["vi"]), fmt.Sprintf("the latest backup is damaged: %s does not fit the hash in its %s; %s", path, manifestFile, usable["en"])),
		words("tạo ngay bản mới: hailong backup; kiểm tra đĩa giữ bản sao lưu và thay nếu cần; đừng khôi phục từ bản này", "make a new one now: hailong backup; look at the disk that keeps it and change it if need be; do not restore this one"))
}

// backupSum reads a backup's store whole; the error is errOtherSum where it is not what its
// manifest says, and another one where it cannot be read.
func (e *exam) backupSum(ctx context.Context, m *manifest) error {
	f, err := os.Open(filepath.Join(m.folder, storeFile))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it is only read
	sum := &summing{ctx: ctx, m: m, progress: e.Progress}
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(hash, sum), f)
	switch {
	case err != nil:
		return err
	case size != m.Size || hex.EncodeToString(hash.Sum(nil)) != m.SHA256:
		return errOtherSum
	}
	return nil
}

// summing hears of what is read, and ends with its context.
type summing struct {
	ctx      context.Context
	m        *manifest
	done     int64
	progress func(done, total int64)
}

// Write implements [io.Writer].
func (s *summing) Write(b []byte) (int, error) {
	s.done += int64(len(b))
	if s.progress != nil {
		s.progress(s.done, s.m.Size)
	}
	return len(b), s.ctx.Err()
}
