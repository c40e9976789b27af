package centreapp

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hailong/survey/console"
)

// kept is a backup in the folder.
type kept struct {
	manifest
	name    string
	changed time.Time // its manifest; the zero time where it is not there
	fault   error     // it cannot be read
}

var backupName = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}$`)

// there are the backups in the folder, the newest first.
func (b *backups) there() (list []kept, err error) {
	entries, err := os.ReadDir(b.folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the folder of the backups: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !backupName.MatchString(e.Name()) || !strings.HasSuffix(e.Name(), b.own) {
			continue
		}
		list = append(list, b.read(e.Name()))
	}
	slices.SortFunc(list, func(x, y kept) int { return cmp.Or(y.compare(&x.manifest), cmp.Compare(y.name, x.name)) })
	return list, nil
}

// nextNumber is the number of the next backup: above all that are there.
func (b *backups) nextNumber() (uint64, error) {
	list, err := b.there()
	if err != nil || len(list) == 0 {
		return 1, err
	}
	return list[0].Number + 1, nil
}

// read reads a backup's manifest, unless it is as it was when it was read last: every page
// asks for it, and it names each chain.
func (b *backups) read(name string) kept {
	var changed time.Time
	if info, err := os.Stat(filepath.Join(b.folder, name, manifestFile)); err == nil {
		changed = info.ModTime()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if k, known := b.known[name]; known && k.changed.Equal(changed) {
		return k
	}
	m, fault := readManifest(filepath.Join(b.folder, name))
	b.known[name] = kept{manifest: m, name: name, changed: changed, fault: fault}
	return b.known[name]
}

// newestPath is the newest verified backup, or a word in its place.
func (b *backups) newestPath() string {
	list, _ := b.there() // then there is none to name
	for _, k := range list {
		if k.Verified != nil {
			return filepath.Join(b.folder, k.name)
		}
	}
	return "BACKUP"
}

// verifiedAt is when the newest verified backup was begun; the zero time if there is none.
// One of the future is none: some clock was wrong.
func (b *backups) verifiedAt() time.Time {
	list, err := b.there()
	if err != nil {
		return time.Time{}
	}
	for _, k := range list {
		if k.Verified != nil && !k.Time.After(b.now()) {
			return k.Time
		}
	}
	return time.Time{}
}

// age is the age of the newest verified backup in seconds, for a monitor.
func (b *backups) age() string {
	at := b.verifiedAt()
	if at.IsZero() {
		return "+Inf"
	}
	return strconv.FormatInt(int64(b.now().Sub(at).Seconds()), 10)
}

func (b *backups) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.known, name)
}

// List are the backups, the newest first, after the one under way and the last try that
// failed.
func (b *backups) List() ([]console.Backup, error) {
	list, err := b.there()
	if err != nil {
		return nil, err
	}
	same := b.sameDisk()
	b.mu.Lock()
	defer b.mu.Unlock()
	var items []console.Backup
	if b.running != nil {
		one := *b.running
		one.SameDisk = same
		one.Done, one.Total, one.Verifying = b.progress.now()
		items = append(items, one)
	}
	if b.failed != nil {
		one := *b.failed
		one.SameDisk = same
		items = append(items, one)
	}
	for _, k := range list {
		if slices.ContainsFunc(items, func(o console.Backup) bool { return o.Name == k.name }) {
			continue // it is the one under way, or the one that failed
		}
		items = append(items, b.shown(k, same))
	}
	return items, nil
}

func (b *backups) shown(k kept, same bool) console.Backup {
	one := console.Backup{
		Name: k.name, Path: filepath.Join(b.folder, k.name), State: console.BackupUnverified, At: k.Time, Verified: k.Verified, Bytes: k.Size, SameDisk: same,
	}
	if k.fault != nil {
		one.Error = k.fault.Error()
	}
	if k.Verified != nil {
		one.State = console.BackupVerified
	}
	return one
}
