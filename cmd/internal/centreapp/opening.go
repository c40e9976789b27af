package centreapp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/disk"
)

// The store's files in the data folder.
const (
	storeFile = "store.db"
	stateFile = "store.state"
)

// storeState says how the store was left. After atRest a blank and the file's size follow.
type storeState string

const (
	unborn storeState = ""        // there was never a store here, or an older program made it
	making storeState = "making"  // its first start is under way: nothing was taken in yet
	inUse  storeState = "in use"  // a program has it, or stopped without closing it
	atRest storeState = "at rest" // it was closed
	broken storeState = "damaged" // a backup's copy of it did not verify
)

// closedAt is the state of a store that was closed with so many bytes.
func closedAt(size int64) storeState { return storeState(fmt.Sprintf("%s %d", atRest, size)) }

// inspect looks at the data folder before anything is opened and says how the store was
// left there. A store that is missing, empty or damaged is refused: a centre that began
// anew in its place would look like one where nobody ever pressed.
func (a *App) inspect(ctx context.Context) (storeState, error) {
	if err := disk.MakeFolder(a.config.Data); err != nil {
		return unborn, fmt.Errorf("data = %q: make the folder: %w", a.config.Data, err)
	}
	state, err := readState(a.config.Data)
	if err != nil {
		return unborn, err
	}
	path := filepath.Join(a.config.Data, storeFile)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.withoutStore(state)
	case err != nil:
		return unborn, fmt.Errorf("data = %q: %w", a.config.Data, err)
	case state == closedAt(info.Size()) && info.Size() > 0:
		return state, nil
	}
	if state == broken { // every record of it: a page that can be read may hold what cannot be
		a.log.Warn("a backup found the store damaged; all of it is verified", "file", path)
		err = verifyStore(ctx, a.options.Program, path, "", nil)
	} else {
		a.log.Info("the store was restored, or not closed in the ordinary way; it is looked at", "file", path)
		err = lookAt(ctx, a.options.Program, path)
	}
	switch {
	case err == nil:
		return state, nil
	case ctx.Err() != nil: // it says nothing about the store
		return unborn, fmt.Errorf("told to stop while the store was looked at: %w", ctx.Err())
	case errors.Is(err, boltstore.ErrLocked), errors.Is(err, ErrNotLooked):
		return unborn, fmt.Errorf("data = %q: %w", a.config.Data, err)
	case state == making:
		// Nothing was ever taken into it. It goes out of the way, but it stays.
		return state, os.Rename(path, aside(path, "unfinished", a.options.Now()))
	}
	return unborn, a.unusable(path, err)
}

// errUnrestored is why a folder cannot be used into which a backup was to be restored: a new
// centre there would have a new key, which no kiosk believes.
var errUnrestored = errors.New("a restore was begun and not finished")

// withoutStore says what a data folder without a store is: a first start has neither a
// key nor a state, and nothing was to be restored there.
func (a *App) withoutStore(state storeState) (storeState, error) {
	partial := filepath.Join(a.config.Data, restoreName)
	_, none := os.Stat(partial)
	_, err := os.Stat(filepath.Join(a.config.Data, keyFile))
	switch {
	case none == nil:
		return unborn, a.unusable(partial, errUnrestored)
	case state == making:
		return making, nil
	case state == unborn && errors.Is(err, fs.ErrNotExist):
		return making, writeState(a.config.Data, making)
	}
	return unborn, a.unusable(filepath.Join(a.config.Data, storeFile), fs.ErrNotExist)
}

// unusable says what to do about a store that cannot be used.
func (a *App) unusable(path string, why error) error {
	replace := ""
	vi, en := "tệp này đã mất, dù trung tâm từng chạy ở đây", "it is missing, although a centre has worked here"
	switch {
	case errors.Is(why, errUnrestored):
		vi = "việc khôi phục vào đây đã bắt đầu nhưng chưa xong (nếu vẫn muốn lập một trung tâm mới ở đây, hãy xóa thư mục này)"
		en = "a restore was begun here and not finished (if a new centre is to begin here after all, remove this folder)"
	case !errors.Is(why, fs.ErrNotExist):
		replace = " --replace"
		vi, en = fmt.Sprintf("không dùng được tệp này (%v)", why), fmt.Sprintf("it cannot be used (%v)", why)
	}
	cureVi, cureEn := a.backups.cure(replace)
	return survey.Problem{
		Path: path,
		Vi:   vi + ". Chương trình không tự bắt đầu lại từ đầu và chưa thay đổi gì. Hãy " + cureVi,
		En:   en + ". The program does not begin anew by itself and has changed nothing. The cure: " + cureEn,
	}
}

// cure is how a store is put back from the newest verified backup.
func (b *backups) cure(replace string) (vi, en string) {
	command := fmt.Sprintf("hailong restore --from %s --data %s%s", b.newestPath(), b.data, replace)
	return "khôi phục từ bản sao lưu: " + command + " ; phần bản sao lưu chưa có sẽ được các thiết bị tự gửi lại.",
		"restore it from a backup: " + command + " ; the kiosks send again by themselves what the backup lacks."
}

// ill says what to do about a store that works on although it is damaged.
func (b *backups) ill(why error) survey.Problem {
	vi, en := b.cure(" --replace")
	return survey.Problem{
		Path: filepath.Join(b.data, storeFile),
		Vi: fmt.Sprintf("kho dữ liệu bị hỏng, như lần tạo bản sao lưu đã cho thấy (%v). Hãy dừng chương trình, kiểm tra bằng hailong doctor --aggregator %s --deep, rồi %s"+
			" Tệp hỏng được giữ lại dưới tên khác: đừng xóa.", why, b.data, vi),
		En: fmt.Sprintf("the store is damaged, as a backup of it showed (%v). Stop the program, look with hailong doctor --aggregator %s --deep, then %s"+
			" The damaged file stays there under another name: keep it.", why, b.data, en),
	}
}

// Damage implements [console.Backups].
func (b *backups) Damage() *survey.Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.damage
}

// judge keeps what a backup showed about the store itself, also for the next start: a copy
// that fits its own checksum and does not verify has its damage from there, and one that
// verifies shows that there is none. Whatever else failed says nothing. It gives the error
// back, for a damaged store in the words for people.
func (b *backups) judge(err error) error {
	var found damaged
	switch {
	case errors.As(err, &found):
		p := b.ill(found.error)
		b.setDamage(&p, broken)
		return p
	case err == nil && b.Damage() != nil:
		b.setDamage(nil, inUse)
	}
	return err
}

func (b *backups) setDamage(p *survey.Problem, state storeState) {
	b.mu.Lock()
	b.damage = p
	b.mu.Unlock()
	if err := writeState(b.data, state); err != nil { // what is there then has the next start look, too
		b.log.Error("it was not written down how the store is", "state", state, "error", err)
	}
}

// aside is the name under which something is moved out of the way.
func aside(path, why string, now time.Time) string {
	return fmt.Sprintf("%s.%s-%s", path, why, now.UTC().Format("20060102T150405.000Z"))
}

// readState reads how the store was left. What cannot be understood stands for a store
// that was not closed.
func readState(dir string) (storeState, error) {
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	switch s := storeState(strings.TrimSpace(string(b))); {
	case errors.Is(err, fs.ErrNotExist):
		return unborn, nil
	case err != nil:
		return unborn, fmt.Errorf("read how the store was left: %w", err)
	case s == making, s == broken, strings.HasPrefix(string(s), string(atRest)):
		return s, nil
	}
	return inUse, nil
}

func writeState(dir string, s storeState) error {
	return disk.Write(filepath.Join(dir, stateFile), string(s)+"\n")
}
