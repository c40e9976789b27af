package doctor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/boltstore"
)

// centre is an aggregator's data folder with an open store, one verified backup, and the
// folder of its message server.
func centre(t *testing.T) (dir string, s *boltstore.Store) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "aggregator")
	write(t, filepath.Join(dir, keyFile), strings.Repeat("ab", 32)+"\n")
	write(t, filepath.Join(dir, natsFolder, "jetstream", "x"), "")
	backup(t, dir, "2026-11-20", now.Add(-time.Hour), true)
	s, err := boltstore.Open(filepath.Join(dir, storeFile), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // most tests have closed it
	return dir, s
}

func backup(t *testing.T, dir, name string, at time.Time, verified bool) {
	t.Helper()
	mark := "null"
	if verified {
		mark = `"` + at.Format(time.RFC3339) + `"`
	}
	const store = "the store's bytes"
	folder := filepath.Join(dir, backupFolder, name)
	write(t, filepath.Join(folder, manifestFile), fmt.Sprintf(`{"version":1,"time":%q,"verified":%s,"size":%d,"sha256":"%x"}`, at.Format(time.RFC3339Nano), mark, len(store), sha256.Sum256([]byte(store))))
	write(t, filepath.Join(folder, storeFile), store)
	write(t, filepath.Join(folder, keyFile), strings.Repeat("ab", 32)+"\n")
}

func atCentre(dir string) Options {
	return Options{Aggregator: dir, Now: func() time.Time { return now }}
}

func askCentre(e *exam) {
	e.part = Aggregator
	e.aggregator(context.Background())
}

func TestAHealthyAggregatorAtRest(t *testing.T) {
	dir, s := centre(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, deep := range []bool{false, true} {
		o := atCentre(dir)
		o.Deep = deep
		got, said := examined(t, o, askCentre)
		for _, check := range []string{"permissions", "store", "nats", "backup", "backup_sum", "centre_key"} {
			if got[check] != OK {
				t.Errorf("deep %v: %s is %s\n%s", deep, check, got[check], said)
			}
		}
		if strings.Contains(said, "reckoned anew agrees") != deep || strings.Contains(said, "its content was not checked (--deep does that)") == deep {
			t.Errorf("deep %v:\n%s", deep, said)
		}
	}
}

func TestWhatIsWrongWithAnAggregatorAtRest(t *testing.T) {
	store := func(dir string) string { return filepath.Join(dir, storeFile) }
	for name, c := range map[string]struct {
		harm  func(t *testing.T, dir string) error
		check string
		want  Verdict
		say   string
	}{
		"the store is gone":          {func(_ *testing.T, dir string) error { return os.Remove(store(dir)) }, "store", Bad, "there is no store"},
		"only NATS is left":          {func(_ *testing.T, dir string) error { return os.Remove(store(dir)) }, "nats", Bad, "never custody"},
		"the store is empty":         {func(_ *testing.T, dir string) error { return os.Truncate(store(dir), 0) }, "store", Bad, "damaged"},
		"the store is rubbish":       {rubbish, "store", Bad, "damaged"},
		"NATS is elsewhere":          {func(_ *testing.T, dir string) error { return os.RemoveAll(filepath.Join(dir, natsFolder)) }, "nats", Warn, "external one"},
		"no backup":                  {func(_ *testing.T, dir string) error { return os.RemoveAll(filepath.Join(dir, backupFolder)) }, "backup", Warn, "no verified backup"},
		"the key is in no backup":    {func(_ *testing.T, dir string) error { return os.RemoveAll(filepath.Join(dir, backupFolder)) }, "centre_key", Warn, "no backup has"},
		"the key is gone":            {func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, keyFile)) }, "centre_key", Bad, "cannot be read"},
		"the key is cut":             {func(_ *testing.T, dir string) error { return os.Truncate(filepath.Join(dir, keyFile), 9) }, "centre_key", Bad, "damaged"},
		"the key is for all to read": {func(_ *testing.T, dir string) error { return os.Chmod(filepath.Join(dir, keyFile), 0o604) }, "permissions", Bad, keyFile},
		"a backup is old": {func(t *testing.T, dir string) error {
			backup(t, dir, "2026-11-20", now.Add(-30*time.Hour), true)
			return nil
		}, "backup", Warn, "30h0m0s old"},
		"the clock was put back": {func(t *testing.T, dir string) error {
			backup(t, dir, "2026-11-20", now.Add(48*time.Hour), true)
			return nil
		}, "backup", Warn, "has a date still to come"},
		"the latest was not verified": {func(t *testing.T, dir string) error {
			backup(t, dir, "2026-11-21", now, false)
			return nil
		}, "backup_unverified", Warn, ": 1"},
		"one is being made": {func(t *testing.T, dir string) error {
			backup(t, dir, "2026-11-21.partial", now, false)
			return nil
		}, "backup_unverified", "", "1h0m0s old"},
		"a bit of the backup is flipped": {func(t *testing.T, dir string) error {
			write(t, filepath.Join(dir, backupFolder, "2026-11-20", storeFile), "the stoRe's bytes")
			return nil
		}, "backup_sum", Bad, "does not fit the hash"},
		"it is flipped, and there is no other": {func(t *testing.T, dir string) error {
			write(t, filepath.Join(dir, backupFolder, "2026-11-20", storeFile), "the stoRe's bytes")
			return nil
		}, "backup_sum", Bad, "no older one can be used"},
		"it is flipped, and so is the one before, but not the third": {func(t *testing.T, dir string) error {
			for i, name := range []string{"2026-11-18", "2026-11-17", "2026-11-19"} {
				backup(t, dir, name, now.Add(-time.Duration(48-i)*time.Hour), true)
			}
			for _, name := range []string{"2026-11-19", "2026-11-20"} {
				write(t, filepath.Join(dir, backupFolder, name, storeFile), "the stoRe's bytes")
			}
			return nil
		}, "backup_sum", Bad, "the newest that can be used: " + filepath.Join("DIR", backupFolder, "2026-11-17")},
		"the backup is cut": {func(_ *testing.T, dir string) error {
			return os.Truncate(filepath.Join(dir, backupFolder, "2026-11-20", storeFile), 5)
		}, "backup_sum", Bad, "does not fit the hash"},
		"the backup's store is gone": {func(_ *testing.T, dir string) error {
			return os.Remove(filepath.Join(dir, backupFolder, "2026-11-20", storeFile))
		}, "backup_sum", Warn, "cannot be looked at"},
		"the only backup is another centre's": {func(t *testing.T, dir string) error {
			write(t, filepath.Join(dir, backupFolder, "2026-11-20", keyFile), strings.Repeat("cd", 32)+"\n")
			return nil
		}, "backup", Warn, "no verified backup"},
		"a newer one is another centre's": {func(t *testing.T, dir string) error {
			backup(t, dir, "2026-11-21", now, true)
			write(t, filepath.Join(dir, backupFolder, "2026-11-21", keyFile), strings.Repeat("cd", 32)+"\n")
			return nil
		}, "backup", OK, "1h0m0s old"},
		"it is a kiosk's": {func(_ *testing.T, dir string) error {
			return errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, "journal"), 0o700))
		}, "folder", Bad, "is the data folder of a kiosk, not of an aggregator"},
		"it is empty": {func(_ *testing.T, dir string) error {
			return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700))
		}, "folder", Warn, "holds nothing of an aggregator"},
		"the same disk": {func(*testing.T, string) error { return nil }, "backup_disk", Warn, "same disk"},
	} {
		dir, s := centre(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := c.harm(t, dir); err != nil {
			t.Fatal(name, err)
		}
		o := atCentre(dir)
		if c.check == "store" { // it can kill whoever reads it
			o.Program = os.Args[0]
		}
		got, said := examined(t, o, askCentre)
		said = strings.ReplaceAll(said, dir, "DIR")
		if name == "the same disk" && sameDisk(dir, dir) == unknown {
			continue
		}
		if got[c.check] != c.want || !strings.Contains(said, c.say) {
			t.Errorf("%s: %s is %q, want %q with %q\n%s", name, c.check, got[c.check], c.want, c.say, said)
		}
	}
}

// A machine that cannot look at a store has not found it damaged: nobody is to restore one.
func TestAStoreThatCannotBeJudgedIsNotDamaged(t *testing.T) {
	dir, s := centre(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	starved := filepath.Join(t.TempDir(), "starved")
	if err := os.WriteFile(starved, []byte("#!/bin/sh\necho 'fatal error: runtime: out of memory'\nexit 2\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{starved, filepath.Join(dir, "gone")} {
		for _, deep := range []bool{false, true} {
			o := atCentre(dir)
			o.Program, o.Deep = program, deep
			if got, said := examined(t, o, askCentre); got["store"] != Warn || !strings.Contains(said, "does not mean that it is damaged") {
				t.Errorf("%s, deep %v: %v\n%s", program, deep, got, said)
			}
		}
	}
}

// rubbish damages a store's pages behind its first two, which can kill whoever reads it.
func rubbish(_ *testing.T, dir string) error {
	path := filepath.Join(dir, storeFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := 2 * os.Getpagesize(); i < len(b); i++ {
		b[i] = 0xff
	}
	return os.WriteFile(path, b, 0o600)
}

func TestARunningAggregatorIsAsked(t *testing.T) {
	for status, want := range map[int]Verdict{200: OK, 503: Bad} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("batches are not taken in"))
		}))
		dir, _ := centre(t) // its store stays open
		o := atCentre(dir)
		o.AggregatorURL, o.Program = srv.URL, os.Args[0]
		got, said := examined(t, o, askCentre)
		srv.Close()
		if got["ready"] != want || got["store"] != OK || !strings.Contains(said, "holds its store") {
			t.Errorf("%d: %v\n%s", status, got, said)
		}
	}
}

func TestTheWorstIsTold(t *testing.T) {
	for want, list := range map[Verdict][]Finding{
		OK: {{Verdict: OK}}, Warn: {{Verdict: OK}, {Verdict: Warn}, {Verdict: OK}}, Bad: {{Verdict: Warn}, {Verdict: Bad}, {Verdict: Warn}},
	} {
		if got := Worst(list); got != want {
			t.Errorf("%v: %s", list, got)
		}
	}
	if dir, s := centre(t); s != nil {
		kiosk, _ := box(t, 1, 0, 0)
		parts := map[Part]bool{}
		for _, f := range Examine(t.Context(), Options{Kiosk: kiosk, Aggregator: dir, Child: journalChild, Program: os.Args[0]}) {
			parts[f.Part] = true
			if (f.Verdict != OK) != (f.Advice != nil) && f.Check != "file_system" && f.Check != "disk" {
				t.Errorf("%s %s: advice %v", f.Check, f.Verdict, f.Advice)
			}
		}
		if !parts[Machine] || !parts[Kiosk] || !parts[Aggregator] {
			t.Errorf("looked at %v", parts)
		}
	}
}

// Backups may lie elsewhere, and how far the newest has been read is told.
func TestBackupsElsewhereAreLookedAt(t *testing.T) {
	dir, s := centre(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "mounted")
	if err := os.Rename(filepath.Join(dir, backupFolder), elsewhere); err != nil {
		t.Fatal(err)
	}
	o := atCentre(dir)
	if got, said := examined(t, o, askCentre); got["backup"] != Warn || !strings.Contains(said, filepath.Join(dir, backupFolder)+" there is no verified backup") {
		t.Errorf("not told where they are: %v\n%s", got, said)
	}
	var done, total int64
	o.Backups, o.Progress = elsewhere, func(d, t int64) { done, total = d, t }
	if got, said := examined(t, o, askCentre); got["backup"] != OK || got["backup_sum"] != OK || got["centre_key"] != OK || done != total || total == 0 {
		t.Errorf("read %d of %d: %v\n%s", done, total, got, said)
	}
}

// A file where the folder of backups should be is no matter of rights.
func TestAFolderOfBackupsThatIsAFile(t *testing.T) {
	dir, s := centre(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o := atCentre(dir)
	o.Backups = filepath.Join(t.TempDir(), "backups")
	write(t, o.Backups, "")
	e := &exam{Options: o, part: Aggregator}
	e.backups(t.Context())
	if len(e.found) != 1 || e.found[0].Verdict != Bad || !strings.Contains(e.found[0].Words.In(survey.English), o.Backups+" is no folder") || !strings.Contains(e.found[0].Advice.In(survey.English), "backup.folder") {
		t.Errorf("%+v", e.found)
	}
}

// The aggregator at the address must be the folder's own.
func TestTheAggregatorAtTheAddress(t *testing.T) {
	dir, _ := centre(t) // its store stays open
	own := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0xab}, 32)).Public().(ed25519.PublicKey)
	for name, c := range map[string]struct {
		page string
		want string
	}{
		"its own":      {fmt.Sprintf(`{"algorithm":"Ed25519","key":%q}`, base64.StdEncoding.EncodeToString(own)), "ready"},
		"another":      {fmt.Sprintf(`{"algorithm":"Ed25519","key":%q}`, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))), "aggregator_url"},
		"shows no key": {`{"title":"Not found"}`, "ready"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/open/key" {
				_, _ = w.Write([]byte(c.page))
			}
		}))
		o := atCentre(dir)
		o.AggregatorURL, o.Program = srv.URL, os.Args[0]
		e := &exam{Options: o}
		askCentre(e)
		srv.Close()
		if last := e.found[len(e.found)-1]; last.Check != c.want || (last.Verdict == OK) != (c.want == "ready") {
			t.Errorf("%s: %+v", name, last)
		}
	}
}
