//go:build linux

package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/boltstore"
)

// backup has the aggregator make a backup, and returns its folder.
func (s *stage) backup() (string, error) {
	var made struct{ Path, State string }
	_, err := Call(http.MethodPost, s.Centre.URL+"/api/v1/backups", s.token, nil, &made)
	if err == nil && made.State != "verified" {
		err = fmt.Errorf("the backup is %s", made.State)
	}
	return made.Path, err
}

// backedUp is a backup that must succeed. Backups are named by the second, so the one
// after a fault may have to wait for the next.
func (s *stage) backedUp() (path string) {
	s.t.Helper()
	err := poll(5*time.Second, func() (err error) {
		path, err = s.backup()
		return err
	})
	if err != nil {
		s.t.Fatalf("no backup: %v", err)
	}
	return path
}

// restore puts a backup into the place of an aggregator's store.
func restore(t *testing.T, from, data string) {
	t.Helper()
	tool := filepath.Join(programs(t), "hailong")
	if out, err := exec.Command(tool, "restore", "--from", from, "--data", data, "--replace").CombinedOutput(); err != nil {
		t.Fatalf("restore %s: %v: %s", from, err, out)
	}
}

// restored puts an old backup back while people go on pressing.
func restored(t *testing.T, seed uint64) Result {
	s := newStage(t, seed, SiteOptions{Kiosks: 2})
	s.while(300 * time.Millisecond)
	path := s.backedUp()
	before, err := s.Counted()
	if err != nil {
		t.Fatal(err)
	}
	s.while(500 * time.Millisecond)
	missed := s.met(func() bool { // until the backup lacks something
		n, err := s.Counted()
		return err == nil && n > before
	})
	if s.rnd.IntN(2) == 0 {
		s.Centre.Process.Kill()
	} else if err := s.Centre.Process.Stop(stopWithin); err != nil {
		t.Fatal(err)
	}
	s.while(100 * time.Millisecond)
	restore(t, path, s.Centre.Data)
	s.again(s.Centre)
	return s.end().but(missed)
}

// recededWords are what a kiosk says when the centre's mark went down by itself.
const recededWords = "went down without a new epoch"

// copiedBack puts an old copy of the store back by hand. The kiosks raise an alarm and
// keep everything; after a restore as it should be everything arrives.
func copiedBack(t *testing.T, seed uint64) Result {
	s := newStage(t, seed, SiteOptions{})
	store, old := filepath.Join(s.Centre.Data, "store.db"), filepath.Join(s.folder, "old.db")
	s.while(300 * time.Millisecond)
	path := s.backedUp()
	s.stopCentre()
	if err := copyFile(store, old); err != nil {
		t.Fatal(err)
	}
	s.again(s.Centre)
	s.while(300 * time.Millisecond)
	s.crowd.Stop()
	s.resolve()
	s.thanked("after the copy")
	s.settled()
	s.stopCentre()
	if err := os.Rename(old, store); err != nil {
		t.Fatal(err)
	}
	s.again(s.Centre)
	if err := s.says(s.Kiosks[0], recededWords); err != nil {
		return Result{Thanked: s.ledger.Thanks(), Violations: []string{"I9: " + err.Error()}}
	}
	s.stopCentre()
	restore(t, path, s.Centre.Data)
	s.again(s.Centre)
	s.thanked("after the restore") // so that nothing counts as sent before the kiosk heard of it
	return s.calm()
}

func (s *stage) stopCentre() {
	s.t.Helper()
	if err := s.Centre.Process.Stop(stopWithin); err != nil {
		s.t.Fatal(err)
	}
}

// says waits until a kiosk tells people of a problem with the centre, in these words.
func (s *stage) says(k *Box, words string) error {
	return poll(recoverWithin, func() error {
		st, err := k.status()
		if err == nil && !strings.Contains(st.Link.Problem, words) {
			err = fmt.Errorf("the kiosk should say %q, and says %q", words, st.Link.Problem)
		}
		return err
	})
}

// calm judges when nobody presses any more, and says how long it took.
func (s *stage) calm() Result {
	s.t.Helper()
	s.resolve()
	if err := s.Settle(recoverWithin); err != nil {
		return Result{Thanked: s.ledger.Thanks(), Violations: []string{"I8: " + err.Error()}}
	}
	recovered := time.Since(s.repair)
	r := s.judged(0)
	r.Recovered = recovered
	return r
}

// backupCalls kills the aggregator, or cuts its power, at every disk call of one backup.
func backupCalls(t *testing.T, d disturbance) Result {
	m, data := onDisk(t, DiskOptions{})
	s := quiet(t, SiteOptions{CentreData: data})
	return s.judged(s.enumerate(d, work{
		box: s.Centre, disk: m, pattern: "data/store.db|data/backups|data/backups/*|data/backups/*/*|data/backup-scratch|data/backup-scratch/*|data/backup-scratch/*/*",
		prepare: func(n int) { s.thanked(fmt.Sprint("press-", n)); s.settled() },
		act:     func(int) { _, _ = s.backup() }, // whether it succeeds is what is disturbed
		marked:  func() { s.marksAreBacked(data) },
		repaired: func() {
			s.settled()
			into := t.TempDir()
			restore(t, s.backedUp(), into)
			s.wholeChains(into)
		},
	}))
}

// marksAreBacked checks that no backup mark of the store is above what a verified backup
// holds. The store must not be open.
func (s *stage) marksAreBacked(data string) {
	s.t.Helper()
	var folders []string
	entries, err := os.ReadDir(filepath.Join(data, "backups"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		folders = append(folders, filepath.Join(data, "backups", e.Name()))
	}
	heads := map[string]uint64{}
	for _, folder := range folders {
		for chain, last := range verifiedHeads(folder) {
			heads[chain] = max(heads[chain], last)
		}
	}
	s.reads(filepath.Join(data, "store.db"), func(store *boltstore.Store, chain survey.Chain) error {
		_, backup, err := store.Marks(context.Background(), chain)
		if err == nil && backup.Sequence > heads[chain.String()] {
			err = fmt.Errorf("the backup mark is %d, verified backups go up to %d", backup.Sequence, heads[chain.String()])
		}
		return err
	})
}

// reads looks at each chain of a copy of a store.
func (s *stage) reads(path string, look func(*boltstore.Store, survey.Chain) error) {
	s.t.Helper()
	copied := filepath.Join(s.t.TempDir(), "store.db")
	if err := copyFile(path, copied); err != nil {
		s.t.Fatal(err)
	}
	store, err := boltstore.Open(copied, boltstore.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer store.Close()
	chains, err := store.Chains(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range chains {
		if err := look(store, c.Chain); err != nil {
			s.t.Errorf("chain %s: %v", c.Chain, err)
		}
	}
}

// verifiedHeads are the heads that a backup says it holds; none if it was never verified.
func verifiedHeads(folder string) map[string]uint64 {
	b, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		return nil
	}
	var m struct {
		Verified *time.Time
		Heads    []struct {
			Chain    string
			Sequence uint64
		}
	}
	heads := map[string]uint64{}
	if json.Unmarshal(b, &m) == nil && m.Verified != nil {
		for _, h := range m.Heads {
			heads[h.Chain] = h.Sequence
		}
	}
	return heads
}

// wholeChains checks that a restored store holds every press that was thanked for.
func (s *stage) wholeChains(data string) {
	s.t.Helper()
	stored, err := ReadStore(context.Background(), filepath.Join(data, "store.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, w := range s.ledger.Check(stored).Violations {
		s.t.Errorf("the restored backup: %s", w)
	}
}

// The first backup is there after a power cut, with the folder that was made for it: the
// store's mark never lies above what a verified backup holds.
func TestTheFirstBackupOutlivesAPowerCut(t *testing.T) {
	realPrograms(t)
	needRoot(t, "/dev/fuse")
	m, data := onDisk(t, DiskOptions{})
	s := quiet(t, SiteOptions{CentreData: data})
	s.thanked("before")
	s.settled()
	s.backedUp()
	m.disk.Cut(s.seed, Lose)
	s.Centre.Process.Kill()
	m.restore()
	s.marksAreBacked(data)
	if left, err := os.ReadDir(filepath.Join(data, "backups")); err != nil || len(left) != 1 {
		t.Fatalf("after the power cut there are %d backups: %v", len(left), err)
	}
}
