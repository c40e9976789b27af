package centreapp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/cmd/internal/centreapp"
	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// A damage is done to a store's file at the place where a value of so many bytes stands.
type damage func(file []byte, at, size int)

// The page of a value, a single bit of it, and the byte of its page that says how long it is.
var (
	thePage damage = func(file []byte, at, _ int) {
		for i := range 16 {
			file[at/4096*4096+i] ^= 0xff // its header
		}
	}
	aBit    damage = func(file []byte, at, size int) { file[at+size-1] ^= 1 }
	itsSize damage = func(file []byte, at, size int) {
		number := func(at int) int { return int(binary.NativeEndian.Uint32(file[at:])) }
		for e := at - 16; e > at-4096; e-- { // bbolt's row: flags, how far on the key is, the key's size, the value's
			if number(e+12) == size && number(e+8) < 4096 && e+number(e+4)+number(e+8) == at {
				file[e+12] = 8
				return
			}
		}
	}
)

// damaged damages a store that is closed, at the last value of a bucket, wherever that
// stands in the file: old copies of its page are still there.
func damaged(t *testing.T, dir, bucket string, do damage) {
	t.Helper()
	path := filepath.Join(dir, "store.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var value []byte
	err = db.View(func(tx *bbolt.Tx) error {
		_, v := tx.Bucket([]byte(bucket)).Cursor().Last()
		value = bytes.Clone(v)
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sound := bytes.Clone(file)
	for at := 0; len(value) > 0; at++ {
		next := bytes.Index(sound[at:], value)
		if next < 0 {
			break
		}
		at += next
		do(file, at, len(value))
	}
	put(t, dir, "store.db", string(file))
}

// state is how the store was left, as the next start reads it.
func state(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "store.state"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// takesIn has a new kiosk send one record of another chain than before, until it is kept.
func takesIn(t *testing.T, app *centreapp.App) {
	t.Helper()
	name, key, nc, _ := kiosk(t, app)
	r := custody.Seal(custody.Record{Version: custody.RecordVersion, Chain: survey.Chain{2}, Sequence: 1, Kind: custody.ResponseRecord, PayloadVersion: custody.PayloadVersion})
	batch := custody.NewBatch(name, key, survey.Hash{}, []custody.Record{r}, nil, nil)
	if _, err := nc.Request(wire.Batch(name), batch.Message(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another batch", func() bool {
		durable, _, err := app.Store().Marks(t.Context(), survey.Chain{2})
		return durable.Sequence == 1 && err == nil
	})
}

// A store that goes bad while nobody has it open is not looked at after a clean stop: a
// look takes minutes. So the first backup finds it. The centre works on, because kiosks let
// go only of what a verified backup holds, and everybody is told, with the cure; the next
// start refuses, also where every page can still be read. What the cure names helps.
func TestABackupFindsThatTheStoreIsDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		bucket string
		do     damage
		seen   bool // a look at the pages sees it
		pages  bool // the console can show them all the same
	}{
		"a page":            {"rejected", thePage, true, true},
		"a bit of a batch":  {"batches", aBit, false, true},
		"the size of a row": {"chains", itsSize, false, false}, // there is not even a copy
	} {
		t.Run(name, func(t *testing.T) {
			dir, backup := backed(t)
			app := open(t, settings(dir))
			for n := range 40 { // enough for a page of their own
				if err := app.Store().Reject(t.Context(), custody.Rejected{Kiosk: "k-a", Reason: "x", Bytes: bytes.Repeat([]byte{byte(n)}, 300)}); err != nil {
					t.Fatal(err)
				}
			}
			closed(t, app)
			damaged(t, dir, c.bucket, c.do)
			path := filepath.Join(dir, "store.db")
			if seen := exec.Command(os.Args[0], "store-child", path).Run() != nil; seen != c.seen {
				t.Fatalf("the control: a look sees the damage: %v", seen)
			}

			app = open(t, settings(dir), withChild)
			stop, ended := running(t, app)
			eventually(t, "ready: nobody knows", func() bool { code, _ := readiness(t, app); return code == http.StatusOK })
			doctor := "hailong doctor --aggregator " + dir + " --deep"
			cure := "hailong restore --from " + backup + " --data " + dir + " --replace"
			code, body := ask(t, app, dir, "POST", "/api/v1/backups")
			if code != http.StatusServiceUnavailable || !strings.Contains(body, doctor) || !strings.Contains(body, cure) || strings.Contains(body, "thử lại") {
				t.Errorf("whoever asks for a backup hears %d %s", code, body)
			}
			for _, at := range []string{"/", "/closings", "/kiosks"} {
				if !c.pages {
					break
				}
				for lang, words := range map[string]string{"vi": "kho dữ liệu bị hỏng", "en": "the store is damaged"} {
					if _, text := ask(t, app, dir, "GET", at+"?lang="+lang); !strings.Contains(text, words) || !strings.Contains(text, cure) || !strings.Contains(text, doctor) {
						t.Errorf("%s in %s does not say it", at, lang)
					}
				}
			}
			if code, why := readiness(t, app); code != http.StatusServiceUnavailable || !strings.Contains(why, cure) {
				t.Errorf("a monitor hears %d %s", code, why)
			}
			takesIn(t, app)
			if got := state(t, dir); got != "damaged" { // also for a start after a power cut
				t.Errorf("while it works the state is %q", got)
			}
			stop()
			if err := wait(t, ended); err != nil {
				t.Fatal(err)
			}
			closed(t, app)

			for range 2 { // the second time, too
				_, err := centreapp.New(t.Context(), settings(dir), centreapp.Options{Program: os.Args[0]})
				if err == nil {
					t.Fatal("it starts again")
				}
				said(t, err, path, "", cure, cure)
			}
			if _, err := centreapp.Restore(t.Context(), centreapp.RestoreOptions{From: backup, Data: dir, Replace: true}); err != nil {
				t.Fatal(err)
			}
			app = open(t, settings(dir), withChild)
			running(t, app)
			eventually(t, "ready after the cure", func() bool { code, _ := readiness(t, app); return code == http.StatusOK })
		})
	}
}
