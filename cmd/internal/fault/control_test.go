//go:build linux

package fault

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
)

// The controls: on a disk that says it has synced and has not, the ledger must see what
// is lost. Otherwise the cuts above would prove nothing.
func TestControlKioskOnALyingDiskLosesThanks(t *testing.T) {
	realPrograms(t)
	m, data := onDisk(t, DiskOptions{})
	s := quiet(t, SiteOptions{KioskData: []string{data}})
	s.Centre.Process.Kill() // so that only the kiosk has what follows
	m.disk.Lie("*")
	for n := range 5 {
		s.thanked(fmt.Sprint("lied-", n))
	}
	s.again(s.Centre)
	m.disk.Cut(1, Lose)
	s.Kiosks[0].Process.Kill()
	m.restore()
	s.again(s.Kiosks[0])
	s.mustSee("I1")
}

func TestControlStoreOnALyingDiskLosesCounts(t *testing.T) {
	realPrograms(t)
	m, data := onDisk(t, DiskOptions{})
	s := quiet(t, SiteOptions{CentreData: data})
	m.disk.Lie("*")
	for n := range 5 {
		s.thanked(fmt.Sprint("lied-", n))
	}
	s.settled()
	s.Kiosks[0].Process.Kill()
	m.disk.Cut(1, Lose)
	s.Centre.Process.Kill()
	m.restore()
	s.again(s.Centre)
	if err := s.Centre.Process.Stop(stopWithin); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(s.folder, "lied.db")
	if err := copyFile(filepath.Join(data, "store.db"), copied); err != nil {
		t.Fatal(err)
	}
	stored, err := ReadStore(context.Background(), copied)
	if err != nil {
		t.Fatal(err)
	}
	if v := s.ledger.Check(stored); len(v.Violations) == 0 {
		t.Fatalf("a store that was never synced lost nothing: %+v", v)
	}
}

// mustSee fails the test unless the ledger sees a violation.
func (s *stage) mustSee(invariant string) {
	s.t.Helper()
	v, err := s.Judge(context.Background(), s.ledger, recoverWithin)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, w := range v.Violations {
		if w[:len(invariant)] == invariant {
			s.t.Log("as it should, the ledger says: ", w)
			return
		}
	}
	s.t.Fatalf("the ledger does not see it: %+v", v)
}
