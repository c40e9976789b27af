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
	a.log.Info("the store was restored, or not closed in the ordinary way; it is looked at", "file", path)
	err = lookAt(ctx, a.options.Program, path)
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
	command := fmt.Sprintf("hailong restore --from %s --data %s", a.backups.newestPath(), a.config.Data)
	vi, en := "tệp này đã mất, dù trung tâm từng chạy ở đây", "it is missing, although a centre has worked here"
	switch {
	case errors.Is(why, errUnrestored):
		vi = "việc khôi phục vào đây đã bắt đầu nhưng chưa xong (nếu vẫn muốn lập một trung tâm mới ở đây, hãy xóa thư mục này)"
		en = "a restore was begun here and not finished (if a new centre is to begin here after all, remove this folder)"
	case !errors.Is(why, fs.ErrNotExist):
		command += " --replace"
		vi, en = fmt.Sprintf("không dùng được tệp này (%v)", why), fmt.Sprintf("it cannot be used (%v)", why)
	}
	return survey.Problem{
		Path: path,
		Vi: vi + ". Chương trình không tự bắt đầu lại từ đầu và chưa thay đổi gì. Hãy khôi phục từ bản sao lưu: " + command +
			" ; phần bản sao lưu chưa có sẽ được các thiết bị tự gửi lại.",
		En: en + ". The program does not begin anew by itself and has changed nothing. Restore it from a backup: " + command +
			" ; the kiosks send again by themselves what the backup lacks.",
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
	case s == making, strings.HasPrefix(string(s), string(atRest)):
		return s, nil
	}
	return inUse, nil
}

func writeState(dir string, s storeState) error {
	return disk.Write(filepath.Join(dir, stateFile), string(s)+"\n")
}
