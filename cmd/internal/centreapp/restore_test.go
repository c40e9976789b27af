package centreapp_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// box is a real kiosk that goes on running whatever becomes of the centre.
type box struct {
	t    *testing.T
	app  *kioskapp.App
	base string
}

func startBox(t *testing.T, centre string) *box {
	t.Helper()
	c := kioskapp.Defaults()
	c.Data, c.Listen, c.Centre.URL, c.Repeat = t.TempDir(), "127.0.0.1:0", centre, 0
	app, err := kioskapp.New(c, kioskapp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, app.Close()); err != nil {
			t.Error(err)
		}
	})
	b := &box{t, app, "http://" + app.Addr()}
	eventually(t, "the kiosk is ready", func() bool { code, _ := get(t, b.base+"/readyz", ""); return code == 200 })
	return b
}

// press records answers; each must be thanked for.
func (b *box) press(name string, n int) {
	b.t.Helper()
	for i := range n {
		body := fmt.Sprintf(`{"questionnaire":"quick","answers":{"Z0":%d},"channel":"touch","idempotency_key":"%s-%d"}`, i%5+1, name, i)
		resp, err := http.Post(b.base+"/api/v1/responses", "application/json", strings.NewReader(body))
		if err != nil {
			b.t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			b.t.Fatalf("press %s-%d: %d", name, i, resp.StatusCode)
		}
	}
}

// drained is true once the centre has signed for everything.
func (b *box) drained() bool {
	st := b.app.Status()
	return st.Last > 0 && st.Unsent == 0 && st.Receipted == st.Last
}

// counted is how many answers the centre counts, after its closings were found to close
// to the last press.
func counted(t *testing.T, app *centreapp.App) (n uint64) {
	t.Helper()
	list, _, err := app.Store().Closings(t.Context(), custody.ClosingQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		if !k.Balanced() || !k.Complete() || k.Counted != k.Received {
			t.Errorf("closing %+v", k)
		}
		n += k.Counted
	}
	return n
}

// epochOfReceipt asks the centre for a mark, as a kiosk does.
func epochOfReceipt(t *testing.T, app *centreapp.App, dir string) custody.Epoch {
	t.Helper()
	name, _, nc, _ := kiosk(t, app)
	var m *nats.Msg
	var err error
	eventually(t, "a mark", func() bool {
		m, err = nc.Request(wire.Mark(name), custody.MarkRequest{Chain: survey.Chain{9}}.Encode(), time.Second)
		return err == nil
	})
	r, err := custody.OpenReceipt(m.Data, publicKey(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return r.Epoch
}

// The presses of each kiosk in the drill.
const before, after, during = 20, 15, 5

// drill has three kiosks press, makes a backup, has them press on, destroys the store and
// brings the backup back while they go on pressing. The kiosks are never stopped.
func drill(t *testing.T, restore func(dir string, backup backupItem)) (dir string, app *centreapp.App, boxes []*box, lost custody.Epoch) {
	t.Helper()
	dir = t.TempDir()
	c := settings(dir)
	app = open(t, c, withChild)
	stop, ended := running(t, app)
	c.Listen, c.NATS.Listen = app.Addr(), strings.TrimPrefix(app.NATS(), "nats://") // the same again after the restore
	for range 3 {
		boxes = append(boxes, startBox(t, app.URL()))
	}
	press := func(name string, n int) {
		for i, b := range boxes {
			b.press(fmt.Sprint(name, i), n)
		}
	}
	press("before", before)
	eventually(t, "all is sent", func() bool { return drained(boxes) })
	code, body := ask(t, app, dir, "POST", "/api/v1/backups")
	var backup backupItem
	if err := json.Unmarshal([]byte(body), &backup); err != nil || code != http.StatusCreated {
		t.Fatalf("%d %s %v", code, body, err)
	}
	press("after", after)
	eventually(t, "all is sent again", func() bool { return drained(boxes) })
	if n := counted(t, app); n != 3*(before+after) {
		t.Fatalf("before the damage %d are counted", n)
	}
	lost = app.Store().Epoch()
	stop()
	if err := wait(t, ended); err != nil {
		t.Fatal(err)
	}
	closed(t, app)
	press("during", during)
	put(t, dir, "store.db", "destroyed")
	if app, err := centreapp.New(t.Context(), c, centreapp.Options{Program: os.Args[0]}); err == nil {
		t.Fatal("it started with a destroyed store", app.Close())
	} else if cure := "hailong restore --from " + backup.Path + " --data " + dir + " --replace"; !strings.Contains(err.Error(), cure) {
		t.Fatalf("%v\ndoes not say %s", err, cure)
	}
	restore(dir, backup)
	app = open(t, c, withChild)
	if n := sum(t, app); n != 3*before {
		t.Fatalf("the backup held %d", n)
	}
	stop, ended = running(t, app)
	t.Cleanup(func() {
		stop()
		if err := wait(t, ended); err != nil {
			t.Error(err)
		}
	})
	return dir, app, boxes, lost
}

func drained(boxes []*box) bool {
	return !slices.ContainsFunc(boxes, func(b *box) bool { return !b.drained() })
}

// By themselves the kiosks send again what the backup lacks, and the centre counts every
// press once.
func TestTheDrill(t *testing.T) {
	dir, app, boxes, lost := drill(t, func(dir string, backup backupItem) {
		done, err := centreapp.Restore(t.Context(), centreapp.RestoreOptions{From: backup.Path, Data: dir, Replace: true, Program: os.Args[0]})
		if err != nil || !done.Tried || len(done.Moved) != 2 || done.New || done.Token != "" {
			t.Fatalf("%+v %v", done, err)
		}
	})
	const thanked = 3 * (before + after + during)
	eventually(t, "the kiosks sent again what the backup lacks", func() bool { return drained(boxes) && sum(t, app) == thanked })
	if n := counted(t, app); n != thanked {
		t.Errorf("counted %d, thanked %d", n, thanked)
	}
	if now := app.Store().Epoch(); now == lost || epochOfReceipt(t, app, dir) != now {
		t.Errorf("the store is of epoch %x, the lost one was of %x", now, lost)
	}
	if err := app.Store().Recount(t.Context()); err != nil {
		t.Error(err)
	}
}

// The control: a backup copied into place by hand has the epoch of what was lost. The
// kiosks see their receipts go down and raise the alarm.
func TestTheDrillWithoutANewEpoch(t *testing.T) {
	_, app, boxes, lost := drill(t, func(dir string, backup backupItem) {
		copyFile(t, filepath.Join(backup.Path, "store.db"), filepath.Join(dir, "store.db"))
	})
	if app.Store().Epoch() != lost {
		t.Fatal("the epoch is a new one")
	}
	eventually(t, "the alarm", func() bool {
		return !slices.ContainsFunc(boxes, func(b *box) bool {
			return !strings.Contains(b.app.Status().Link.Problem.In(survey.English), "without a new epoch")
		})
	})
}

// sum is how many answers are received.
func sum(t *testing.T, app *centreapp.App) (n uint64) {
	t.Helper()
	list, _, err := app.Store().Closings(t.Context(), custody.ClosingQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		n += k.Received
	}
	return n
}

// backed is a backup of an aggregator's folder with one batch, whose store is closed.
func backed(t *testing.T) (dir, backup string) {
	t.Helper()
	dir = t.TempDir()
	app := open(t, settings(dir))
	stop, ended := running(t, app)
	sendBatch(t, app)
	eventually(t, "the batch", func() bool {
		head, _, err := app.Store().Marks(t.Context(), survey.Chain{1})
		return head.Sequence == 1 && err == nil
	})
	code, body := ask(t, app, dir, "POST", "/api/v1/backups")
	var b backupItem
	if err := json.Unmarshal([]byte(body), &b); err != nil || code != http.StatusCreated {
		t.Fatalf("%d %s %v", code, body, err)
	}
	stop()
	if err := wait(t, ended); err != nil {
		t.Fatal(err)
	}
	closed(t, app)
	return dir, b.Path
}

// What a restore refuses, it refuses before it changes anything.
func TestWhatARestoreRefuses(t *testing.T) {
	made, backup := backed(t)
	fresh := func(t *testing.T, key string) string {
		dir := t.TempDir()
		put(t, dir, "centre.key", key)
		return dir
	}
	for _, c := range []struct {
		name, words string
		change      func(t *testing.T, o *centreapp.RestoreOptions)
	}{
		{"no backup", "hailong backup --list", func(t *testing.T, o *centreapp.RestoreOptions) { o.From = t.TempDir() }},
		{"a store is there", "--replace", func(_ *testing.T, o *centreapp.RestoreOptions) { o.Data = made }},
		{"another centre's folder", "another one than the backup's", func(t *testing.T, o *centreapp.RestoreOptions) { o.Data = fresh(t, strings.Repeat("ab", 32)) }},
		{"a damaged key is there", "damaged", func(t *testing.T, o *centreapp.RestoreOptions) { o.Data = fresh(t, "x") }},
		{"the backup is damaged", "is damaged", func(t *testing.T, o *centreapp.RestoreOptions) { o.From = damagedCopy(t, backup) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := centreapp.RestoreOptions{From: backup, Data: t.TempDir()}
			c.change(t, &o)
			before := names(t, o.Data)
			_, err := centreapp.Restore(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("%v, want %q", err, c.words)
			}
			if after := names(t, o.Data); after != before {
				t.Errorf("the folder held %s, and now %s", before, after)
			}
		})
	}
	t.Run("an aggregator is at work", func(t *testing.T) {
		open(t, settings(made))
		_, err := centreapp.Restore(t.Context(), centreapp.RestoreOptions{From: backup, Data: made, Replace: true})
		if !errors.Is(err, boltstore.ErrLocked) {
			t.Fatalf("%v, want ErrLocked", err)
		}
	})
}

// names are what lies in a folder, without the empty one that says that a restore was not
// finished: see TestARestoreThatWasNotFinished.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		if e.Name() != "restore.partial" || names(t, filepath.Join(dir, e.Name())) != "" {
			b.WriteString(e.Name() + " ")
		}
	}
	return b.String()
}

// damagedCopy is a copy of a backup with one bit flipped.
func damagedCopy(t *testing.T, backup string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"store.db", "centre.key", "manifest.json"} {
		copyFile(t, filepath.Join(backup, name), filepath.Join(dir, name))
	}
	b, err := os.ReadFile(filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	put(t, dir, "store.db", string(b))
	return dir
}

// A restore onto a new machine brings the key along, so that kiosks believe the centre; one
// that was cut off is simply done again.
func TestARestoreOntoANewMachine(t *testing.T) {
	made, backup := backed(t)
	dir := filepath.Join(t.TempDir(), "new")
	if err := os.MkdirAll(filepath.Join(dir, "restore.partial"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "restore.partial"), "store.db", "half")
	copyFile(t, filepath.Join(backup, "centre.key"), filepath.Join(dir, "centre.key")) // the cut came between key and store
	put(t, dir, "store.state", "in use\n")
	if app, err := centreapp.New(t.Context(), settings(dir), centreapp.Options{}); err == nil {
		t.Fatal("it started without the store", app.Close())
	}
	done, err := centreapp.Restore(t.Context(), centreapp.RestoreOptions{From: backup, Data: dir})
	if err != nil || done.New || done.Token != filepath.Join(dir, centreapp.TokenFile) {
		t.Fatalf("%+v %v", done, err)
	}
	app := open(t, settings(dir), withChild)
	if code, _ := ask(t, app, dir, "GET", "/api/v1/backups"); code != http.StatusOK {
		t.Errorf("the new token answers %d", code)
	}
	if !bytes.Equal(publicKey(t, dir), publicKey(t, made)) {
		t.Error("the centre has another key")
	}
	if head, _, err := app.Store().Marks(t.Context(), survey.Chain{1}); err != nil || head.Sequence != 1 {
		t.Errorf("%+v %v", head, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "restore.partial")); !os.IsNotExist(err) {
		t.Errorf("left over: %v", err)
	}
}

func publicKey(t *testing.T, dir string) ed25519.PublicKey {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "centre.key"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}
