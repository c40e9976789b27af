package centreapp_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/survey"
)

// A backup made while the clock ran ahead neither pushes out the ones made after the clock
// was put right, nor makes the daily one due for ever.
func TestAClockThatRanAhead(t *testing.T) {
	dir := t.TempDir()
	clock := newClock(time.Date(2031, 1, 1, 9, 0, 0, 0, survey.Zone))
	c := settings(dir)
	c.Backup.Keep = 1
	var made atomic.Int64
	app := withOneBatch(t, c, func(o *centreapp.Options) {
		o.Now, o.BackupEvery = clock.now, 5*time.Millisecond
		o.OnBackup = func(s centreapp.BackupStep) {
			if s == centreapp.BackupMarked {
				made.Add(1)
			}
		}
	})
	eventually(t, "the daily backup of a wrong day", func() bool { return made.Load() == 1 })
	ahead := listed(t, app, dir)[0].Name
	right := time.Date(2026, 4, 1, 9, 0, 0, 0, survey.Zone)
	clock.set(right)
	eventually(t, "the daily backup of the right day", func() bool { return made.Load() == 2 })
	eventually(t, "the older one is gone", func() bool {
		list := listed(t, app, dir)
		return len(list) == 1 && list[0].Name != ahead && list[0].State == "verified"
	})
	time.Sleep(60 * time.Millisecond) // a dozen ticks
	if n := made.Load(); n != 2 {
		t.Errorf("%d backups were made on two days", n)
	}
	clock.set(right.AddDate(0, 0, 1))
	eventually(t, "the next day's", func() bool { return made.Load() == 3 })
}

// Backups that do not verify do not fill the disk: the newest of them stays, to be looked
// at, and so do the verified ones.
func TestBackupsThatFailDoNotPileUp(t *testing.T) {
	dir := t.TempDir()
	clock := newClock(time.Date(2026, 4, 1, 9, 0, 0, 0, survey.Zone))
	var fail atomic.Bool
	app := withOneBatch(t, settings(dir), func(o *centreapp.Options) {
		o.Now, o.BackupEvery = clock.now, time.Hour
		o.OnBackup = func(s centreapp.BackupStep) {
			if s == centreapp.BackupNamed && fail.Load() {
				names, _ := filepath.Glob(filepath.Join(dir, "backups", clock.now().UTC().Format("20060102T150405.000Z")+"*"))
				put(t, names[0], "centre.key", "x")
			}
		}
	})
	for i := range 5 {
		fail.Store(i > 0)
		want := map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusCreated}[i > 0]
		if code, body := ask(t, app, dir, "POST", "/api/v1/backups"); code != want {
			t.Fatalf("backup %d: %d %s", i, code, body)
		}
		clock.set(clock.now().Add(time.Hour))
	}
	folders, err := filepath.Glob(filepath.Join(dir, "backups", "2*"))
	if err != nil || len(folders) != 2 {
		t.Errorf("of one that verifies and four that do not there are %v %v", folders, err)
	}
	list := listed(t, app, dir)
	if len(list) != 2 || list[0].State != "failed" || list[1].State != "verified" {
		t.Errorf("listed are %+v", list)
	}
}

// While the store is copied out of its transaction nothing is written to the backups'
// folder, which may be on another machine that hangs.
func TestTheStoreIsCopiedOnItsOwnDiskFirst(t *testing.T) {
	dir, folder := t.TempDir(), t.TempDir()
	c := settings(dir)
	c.Backup.Folder = folder
	var found string
	app := withOneBatch(t, c, func(o *centreapp.Options) {
		o.OnBackup = func(s centreapp.BackupStep) {
			if s != centreapp.BackupTaken {
				return
			}
			if info, err := os.Stat(filepath.Join(dir, "backup-scratch", "store.db")); err != nil || info.Size() == 0 {
				found += fmt.Sprintf("on the store's disk: %v %v; ", info, err)
			}
			if there, err := filepath.Glob(filepath.Join(folder, "*", "*")); err != nil || len(there) > 0 {
				found += fmt.Sprintf("in the folder: %v %v", there, err)
			}
			found += "looked"
		}
	})
	if code, body := ask(t, app, dir, "POST", "/api/v1/backups"); code != http.StatusCreated {
		t.Fatalf("%d %s", code, body)
	}
	if found != "looked" {
		t.Errorf("when the store was copied: %q", found)
	}
	if _, err := os.Stat(filepath.Join(dir, "backup-scratch")); !os.IsNotExist(err) {
		t.Errorf("the copy is still there: %v", err)
	}
}

// A stop does not wait for the process that looks at a backup, which may take minutes.
func TestAStopEndsTheLookAtABackup(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "slow", "#!/bin/sh\ntouch "+filepath.Join(dir, "looking")+"\nexec sleep 60\n")
	slow := filepath.Join(dir, "slow")
	if err := os.Chmod(slow, 0o700); err != nil {
		t.Fatal(err)
	}
	app := open(t, settings(filepath.Join(dir, "data")), func(o *centreapp.Options) {
		o.Program, o.BackupEvery = slow, 5*time.Millisecond // it is due at once
	})
	stop, ended := running(t, app)
	eventually(t, "the look at the backup", func() bool {
		_, err := os.Stat(filepath.Join(dir, "looking"))
		return err == nil
	})
	stop()
	if err := wait(t, ended); err != nil {
		t.Error(err)
	}
	begun := time.Now()
	closed(t, app)
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("closing took %s", took)
	}
	if folders, _ := filepath.Glob(filepath.Join(dir, "data", "backups", "2*")); len(folders) != 1 {
		t.Errorf("there are the backups %v", folders)
	}
}
