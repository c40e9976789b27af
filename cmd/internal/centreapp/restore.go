package centreapp

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/disk"
)

// restoreName is where a store is put together before it takes its place. Where no store is
// there, it says that one was to be: see [App.withoutStore].
const restoreName = "restore.partial"

// RestoreOptions say what is restored, and where to.
type RestoreOptions struct {
	From    string // a backup's folder
	Data    string // the aggregator's data folder; made where it is missing
	Replace bool   // move a store that is there out of the way
	Program string // this program's own file, if it calls [Child]: see Options
	Now     func() time.Time
	// Progress, if set, hears how far the verification of the backup is.
	Progress func(done, total int64)
}

// Restored says what a restore did.
type Restored struct {
	Time  time.Time // of the backup: what came later the kiosks send again
	Tried bool      // the backup was verified when it was made; this restore has verified it in any case
	Moved []string  // what was moved out of the way, under its new names
	// Newer is a verified backup of the same centre beside it that is newer, of whatever
	// life of its store, "" for none: on its word kiosks may have let go of records that the
	// restored one lacks.
	Newer string
	New   bool   // the data folder was made: whoever runs the aggregator must own it
	Token string // the file into which the next start writes a new administrator's token; "" = the one that is there stays
}

// Restore puts the store of a backup into a data folder and draws a new epoch, by which
// kiosks know that they must send again what the backup lacks. No aggregator may be at
// work there. Nothing is deleted: a store that is replaced, and the message server's
// files, whose batches come again, get another name. The store takes its place last, so a
// restore that is cut off is simply done again; in a folder without a store no aggregator
// starts until it is. What is put into the folder gets the
// folder's owner: a restore is root's work, and the aggregator mostly runs as another user.
func Restore(ctx context.Context, o RestoreOptions) (r Restored, err error) {
	m, err := readManifest(o.From)
	if err != nil {
		vi, en := err.Error(), err.Error()
		if errors.Is(err, fs.ErrNotExist) {
			vi, en = "không có tệp "+manifestFile+" ở đó", "there is no file "+manifestFile
		}
		return r, survey.Problem{
			Path: "--from", Value: o.From,
			Vi: fmt.Sprintf("đây không phải thư mục của một bản sao lưu (%s); xem: hailong backup --list", vi),
			En: fmt.Sprintf("this is not the folder of a backup (%s); see: hailong backup --list", en),
		}
	}
	key, err := readKey(filepath.Join(o.From, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, survey.Problem{
			Path: "--from", Value: o.From,
			Vi: fmt.Sprintf("thư mục này không phải một bản sao lưu đủ: không có tệp %[1]s ở đó; chưa có gì bị thay đổi. Hãy chép lại cả thư mục từ nơi giữ nó, hoặc dùng bản khác; nếu không có, lấy %[1]s từ một bản sao lưu khác của chính trung tâm này, đặt vào đó rồi chạy lại", keyFile),
			En: fmt.Sprintf("this folder is not a whole backup: there is no file %[1]s; nothing was changed. Copy the whole folder again from where it is kept, or use another one; where there is none, take %[1]s from another backup of this very centre, put it there and run this again", keyFile),
		}
	}
	if err != nil {
		return r, err
	}
	r.Time, r.Tried, r.Newer = m.Time, m.Verified != nil, newerThan(o.From, &m)
	_, err = os.Stat(o.Data)
	r.New = errors.Is(err, fs.ErrNotExist)
	if err := disk.MakeFolder(o.Data); err != nil {
		return r, fmt.Errorf("make the data folder: %w", err)
	}
	release, err := o.holdStore()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := o.checkKey(key); err != nil {
		return r, err
	}
	if err := o.prepare(ctx, &m, key); err != nil {
		return r, err
	}
	if _, err := os.Stat(o.in(TokenFile)); errors.Is(err, fs.ErrNotExist) {
		r.Token = o.in(TokenFile)
	}
	r.Moved, err = o.putInPlace()
	return r, err
}

// newerThan is the newest verified backup of the same centre beside a backup, if it is
// newer; "" otherwise. The centre is known by its key: its epoch is another one after each
// restore. Folders that cannot be read are passed over.
func newerThan(folder string, m *manifest) (newest string) {
	key, err := readKey(filepath.Join(folder, keyFile))
	if err != nil {
		return "" // nothing can be restored from there
	}
	beside, err := filepath.Abs(filepath.Join(folder, ".."))
	if err != nil {
		return ""
	}
	entries, _ := os.ReadDir(beside) // nothing there is nothing newer
	latest := *m
	for _, e := range entries {
		path := filepath.Join(beside, e.Name())
		other, err := readManifest(path)
		if err != nil || other.Verified == nil || other.compare(&latest) <= 0 {
			continue
		}
		if its, err := readKey(filepath.Join(path, keyFile)); err == nil && its.Equal(key) {
			latest, newest = other, path
		}
	}
	return newest
}

func (o *RestoreOptions) in(name string) string { return filepath.Join(o.Data, name) }

// holdStore locks the store that is there, if there is one, against any aggregator.
func (o *RestoreOptions) holdStore() (release func() error, err error) {
	path := o.in(storeFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return func() error { return nil }, nil
	}
	release, held, err := holdFile(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("look at the store that is there: %w", err)
	case !held:
		return nil, boltstore.ErrLocked
	case o.Replace:
		return release, nil
	}
	return nil, errors.Join(survey.Problem{
		Path: "--data", Value: o.Data,
		Vi: "ở đây đang có một kho dữ liệu; thêm --replace để chuyển kho đó sang tên khác (không xóa) và đặt bản sao lưu vào chỗ của nó",
		En: "there is a store here; add --replace to move it to another name (it is not deleted) and put the backup in its place",
	}, release())
}

// checkKey refuses a backup of another centre: kiosks believe only the key that they know.
func (o *RestoreOptions) checkKey(backed ed25519.PrivateKey) error {
	path := o.in(keyFile)
	there, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !there.Equal(backed) {
		return survey.Problem{
			Path: path,
			Vi:   "khóa trung tâm ở đây khác khóa trong bản sao lưu, hoặc bị hỏng; hãy chuyển tệp này đi nếu chắc chắn bản sao lưu là của trung tâm này",
			En:   "the centre's key here is another one than the backup's, or damaged; move this file away if the backup surely is this centre's",
		}
	}
	return nil
}

// prepare puts the store together beside its place, verified and in a new epoch, and the
// key with it.
func (o *RestoreOptions) prepare(ctx context.Context, m *manifest, key ed25519.PrivateKey) error {
	beside := o.in(restoreName)
	path := filepath.Join(beside, storeFile)
	// One that was cut off left the folder there, and it stays: it is what stops a start.
	err := errors.Join(disk.MakeFolder(beside), os.RemoveAll(path))
	if err != nil {
		return fmt.Errorf("make a place to put the store together: %w", err)
	}
	err = m.copyOut(ctx, o.From, path, io.Discard)
	if err == nil {
		err = verifyStore(ctx, o.Program, path, o.From, o.Progress)
	}
	if err == nil {
		err = boltstore.Restore(path)
	}
	if err != nil {
		return errors.Join(o.unusable(ctx, err), o.giveUp())
	}
	keyPath := filepath.Join(beside, keyFile)
	return errors.Join(disk.Write(keyPath, keyText(key.Seed())), ownedLike(o.Data, path, keyPath), disk.SyncFolder(beside))
}

// giveUp takes away what was put together. Where there is no store yet the empty folder
// stays: what was to be restored there must not begin anew.
func (o *RestoreOptions) giveUp() error {
	if _, err := os.Stat(o.in(storeFile)); err != nil {
		return os.RemoveAll(filepath.Join(o.in(restoreName), storeFile))
	}
	return os.RemoveAll(o.in(restoreName))
}

// unusable says that the backup cannot be used, unless it was only interrupted, or this
// machine could not judge it: of a good backup nobody may think that it is none.
func (o *RestoreOptions) unusable(ctx context.Context, why error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(why, ErrNotLooked) || errors.Is(why, syscall.ENOSPC) || errors.Is(why, syscall.EDQUOT) {
		return survey.Problem{
			Path: "--from", Value: o.From,
			Vi: fmt.Sprintf("chưa xét được bản sao lưu này, không có nghĩa là nó hỏng (%v); chưa có gì bị thay đổi: hãy giải phóng bộ nhớ và chỗ trống trên đĩa của %s, hoặc dùng máy khác, rồi khôi phục lại từ chính bản này", why, o.Data),
			En: fmt.Sprintf("this backup was not judged, which does not mean that it is damaged (%v); nothing was changed: free memory, and room on the disk of %s, or use another machine, then restore this very backup again", why, o.Data),
		}
	}
	return survey.Problem{
		Path: "--from", Value: o.From,
		Vi: fmt.Sprintf("bản sao lưu này không dùng được (%v); chưa có gì bị thay đổi, hãy dùng bản khác", why),
		En: fmt.Sprintf("this backup cannot be used (%v); nothing was changed, use another one", why),
	}
}

// putInPlace moves what is there out of the way and puts what was prepared in its place,
// the store last.
func (o *RestoreOptions) putInPlace() (moved []string, err error) {
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	for _, name := range []string{storeFile, "nats"} {
		to := aside(o.in(name), "replaced", now())
		switch err := os.Rename(o.in(name), to); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return moved, fmt.Errorf("move %s out of the way: %w", o.in(name), err)
		default:
			moved = append(moved, to)
		}
	}
	// Looked at by the next start, whatever was here before.
	if err := errors.Join(writeState(o.Data, inUse), ownedLike(o.Data, o.in(stateFile))); err != nil {
		return moved, err
	}
	for _, name := range []string{keyFile, storeFile} {
		if err := os.Rename(filepath.Join(o.in(restoreName), name), o.in(name)); err != nil {
			return moved, fmt.Errorf("put %s in its place: %w", name, err)
		}
		if err := disk.SyncFolder(o.Data); err != nil {
			return moved, err
		}
	}
	return moved, os.RemoveAll(o.in(restoreName))
}
