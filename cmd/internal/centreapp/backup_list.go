package centreapp

import (
	"cmp"
	"context"
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
	written fs.FileInfo // its manifest; nil where it is not there
	fault   error       // it cannot be read
}

var backupName = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}$`)

// there are the backups in the folder, the newest first. It reads the disk, which may be
// on another machine that hangs: nobody calls it whom others wait for.
func (b *backups) there() (list []kept, err error) {
	entries, err := os.ReadDir(b.folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the folder of the backups: %w", err)
	}
	known := b.seen()
	for _, e := range entries {
		if !e.IsDir() || !backupName.MatchString(e.Name()) || !strings.HasSuffix(e.Name(), b.own) {
			continue
		}
		list = append(list, b.read(e.Name(), known))
	}
	slices.SortFunc(list, func(x, y kept) int { return cmp.Or(y.compare(&x.manifest), cmp.Compare(y.name, x.name)) })
	return list, nil
}

// read reads a backup's manifest, unless it is as it was when it was last seen: it names
// each chain.
func (b *backups) read(name string, known []kept) kept {
	written, _ := os.Stat(filepath.Join(b.folder, name, manifestFile)) // reading it says what is wrong
	for _, k := range known {
		if k.name == name && k.written != nil && written != nil && k.written.ModTime().Equal(written.ModTime()) && k.written.Size() == written.Size() {
			return k
		}
	}
	m, fault := readManifest(filepath.Join(b.folder, name))
	return kept{manifest: m, name: name, written: written, fault: fault}
}

// look sees what is in the folder now, for all who ask later.
func (b *backups) look() error {
	b.looking.Lock() // what was read first is also told first
	defer b.looking.Unlock()
	b.ask()
	list, err := b.there()
	same := b.sameDisk()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.same, b.fault, b.asked = same, err, time.Time{}
	if err == nil {
		b.list = list
	}
	return err
}

// ask notes since when the folder owes an answer.
func (b *backups) ask() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asked.IsZero() {
		b.asked = b.now()
	}
}

// seen are the backups as they were when the folder was last looked at, the newest first.
func (b *backups) seen() []kept {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.list
}

// nextNumber is the number of the next backup: above all that were ever made here, also
// those whose manifests cannot be read just now, and above all that are there.
func (b *backups) nextNumber(ctx context.Context) (uint64, error) {
	list, err := b.there()
	if err != nil {
		return 0, err
	}
	var above uint64
	if len(list) > 0 {
		above = list[0].Number
	}
	return b.store.NumberBackup(ctx, above)
}

// newestPath is the newest verified backup, or a word in its place, also where that
// cannot be found out soon: it is asked by a program that cannot start.
func (b *backups) newestPath() string {
	found := make(chan string, 1)
	go func() {
		list, _ := b.there() // then there is none to name
		for _, k := range list {
			if k.Verified != nil {
				found <- filepath.Join(b.folder, k.name)
				return
			}
		}
		found <- "BACKUP"
	}()
	select {
	case path := <-found:
		return path
	case <-time.After(patience):
		return "BACKUP"
	}
}

// verifiedAt is when the newest verified backup was begun; the zero time if none was seen.
// One of the future is none: some clock was wrong.
func (b *backups) verifiedAt() time.Time {
	now := b.now()
	for _, k := range b.seen() {
		if k.Verified != nil && !k.Time.After(now) {
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

// List are the backups as they were last seen, the newest first, after the one under way
// and the last try that failed. A folder that cannot be looked at, or does not answer,
// counts as such a try.
func (b *backups) List() ([]console.Backup, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var items []console.Backup
	if b.running != nil {
		one := *b.running
		one.Done, one.Total, one.Verifying = b.progress.now()
		items = append(items, one)
	}
	switch {
	case b.failed != nil:
		items = append(items, *b.failed)
	case b.fault != nil:
		items = append(items, console.Backup{State: console.BackupFailed, Path: b.folder, At: b.now(), Error: b.fault.Error()})
	case !b.asked.IsZero() && b.now().Sub(b.asked) > slowAnswer:
		items = append(items, console.Backup{State: console.BackupFailed, Path: b.folder, At: b.asked, Error: "the folder of the backups does not answer"})
	}
	for i := range items {
		items[i].SameDisk = b.same
	}
	for _, k := range b.list {
		if slices.ContainsFunc(items, func(o console.Backup) bool { return o.Name == k.name }) {
			continue // it is the one under way, or the one that failed
		}
		items = append(items, b.shown(k, b.same))
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
