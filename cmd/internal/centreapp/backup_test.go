package centreapp_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/survey"
	"hailong/survey/custody"
)

// ask calls the API of an aggregator without a socket.
func ask(t *testing.T, app *centreapp.App, dir, method, path string) (int, string) {
	t.Helper()
	req := httptest.NewRequest(method, path, nil)
	req.Header.Set("Authorization", "Bearer "+token(t, dir))
	resp, err := app.Console().App().Test(req, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, readAll(t, resp)
}

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// handClock is a clock that is set by hand.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func newClock(at time.Time) *handClock { return &handClock{at: at} }

func (c *handClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// logTo is a log whose lines can be looked at.
func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// backupItem is a backup as the API lists it.
type backupItem struct {
	Name, Path, State, Error string
	Verified                 *time.Time
	Bytes                    int64
	SameDisk                 bool `json:"same_disk"`
}

func listed(t *testing.T, app *centreapp.App, dir string) []backupItem {
	t.Helper()
	var list struct{ Items []backupItem }
	code, body := ask(t, app, dir, "GET", "/api/v1/backups")
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != 200 {
		t.Fatalf("%d %s %v", code, body, err)
	}
	return list.Items
}

// withOneBatch is an aggregator that has taken in one batch of chain 1.
func withOneBatch(t *testing.T, c centreapp.Config, change ...func(*centreapp.Options)) *centreapp.App {
	t.Helper()
	app := open(t, c, change...)
	stop, ended := running(t, app)
	sendBatch(t, app)
	eventually(t, "the batch", func() bool {
		durable, _, err := app.Store().Marks(t.Context(), survey.Chain{1})
		return durable.Sequence == 1 && err == nil
	})
	t.Cleanup(func() {
		stop()
		if err := wait(t, ended); err != nil {
			t.Error(err)
		}
	})
	return app
}

// marked reports whether chain 1 is in a verified backup, as the store knows.
func marked(t *testing.T, app *centreapp.App) bool {
	t.Helper()
	durable, backup, err := app.Store().Marks(t.Context(), survey.Chain{1})
	if err != nil {
		t.Fatal(err)
	}
	if backup.Sequence > 0 && backup != durable {
		t.Fatalf("the backup mark %+v is not the head %+v", backup, durable)
	}
	return backup.Sequence > 0
}

func TestABackupIsMadeVerifiedAndMarked(t *testing.T) {
	dir := t.TempDir()
	var steps []centreapp.BackupStep
	var app *centreapp.App
	app = withOneBatch(t, settings(dir), withChild, func(o *centreapp.Options) {
		o.OnBackup = func(s centreapp.BackupStep) {
			if steps = append(steps, s); marked(t, app) != (s == centreapp.BackupMarked) {
				t.Errorf("at step %s the mark says %v", s, marked(t, app))
			}
		}
	})
	if _, body := get(t, app.URL()+"/metrics", ""); !strings.Contains(body, "hailong_backup_age_seconds +Inf\n") {
		t.Error("without a backup its age is not without end")
	}
	code, body := ask(t, app, dir, "POST", "/api/v1/backups")
	var b backupItem
	if err := json.Unmarshal([]byte(body), &b); err != nil || code != http.StatusCreated || b.State != "verified" || b.Verified == nil || !b.SameDisk {
		t.Fatalf("%d %s %v", code, body, err)
	}
	if got := fmt.Sprint(steps); got != "[taken copied named verified marked]" {
		t.Errorf("the steps were %s", got)
	}
	if info, err := os.Stat(filepath.Join(b.Path, "centre.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key in the backup: %v %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(b.Path, "store.db")); err != nil || info.Size() != b.Bytes {
		t.Errorf("the store in the backup: %v %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "backup-scratch")); !os.IsNotExist(err) {
		t.Errorf("what it was tried in is still there: %v", err)
	}
	if list := listed(t, app, dir); len(list) != 1 || list[0].Name != b.Name {
		t.Errorf("listed are %+v", list)
	}
	if _, body := get(t, app.URL()+"/metrics", ""); strings.Contains(body, "hailong_backup_age_seconds +Inf\n") {
		t.Error("the backup has no age")
	}
}

// dieAt makes a backup in a data folder and ends the process, as a power cut would, at a
// step.
func dieAt(step centreapp.BackupStep, dir string) int {
	app, err := centreapp.New(context.Background(), settings(dir), centreapp.Options{OnBackup: func(s centreapp.BackupStep) {
		if s == step {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	b, err := os.ReadFile(filepath.Join(dir, centreapp.TokenFile))
	if err != nil {
		return 1
	}
	req := httptest.NewRequest("POST", "/api/v1/backups", nil)
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(b)))
	_, err = app.Console().App().Test(req, -1)
	fmt.Println("it lived on", err)
	return 1
}

// A program that is killed at any step of a backup leaves a folder that can be used, and
// no mark that is not true; the next one puts the rest right.
func TestAKilledBackup(t *testing.T) {
	made := t.TempDir()
	withOneBatch(t, settings(made))
	for _, c := range []struct {
		step     centreapp.BackupStep
		backups  int
		verified bool // and so the mark moves at the next start
	}{
		{centreapp.BackupCopied, 0, false},
		{centreapp.BackupNamed, 1, false},
		{centreapp.BackupVerified, 1, true},
		{centreapp.BackupMarked, 1, true},
	} {
		t.Run(string(c.step), func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"store.db", "store.state", "centre.key", centreapp.TokenFile} {
				copyFile(t, filepath.Join(made, name), filepath.Join(dir, name))
			}
			child := exec.Command(os.Args[0], dir)
			child.Env = append(os.Environ(), backupChild+"="+string(c.step))
			out, err := child.CombinedOutput()
			if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("it was not killed: %v %s", err, out)
			}
			app := open(t, settings(dir), withChild)
			running(t, app)
			eventually(t, "the folder is tidied", func() bool {
				left, err := filepath.Glob(filepath.Join(dir, "backup*", "*.partial"))
				return len(left) == 0 && err == nil && len(listed(t, app, dir)) == c.backups && marked(t, app) == c.verified
			})
			if list := listed(t, app, dir); len(list) == 1 && (list[0].State == "verified") != c.verified {
				t.Fatalf("after the kill there are %+v", list)
			}
			if code, body := ask(t, app, dir, "POST", "/api/v1/backups"); code != http.StatusCreated || !marked(t, app) {
				t.Fatalf("the next backup: %d %s, marked %v", code, body, marked(t, app))
			}
		})
	}
}

// The daily backup is made up where the machine was off at its hour, made once a day, tried
// again an hour after it failed, and old ones go.
func TestTheDailyBackup(t *testing.T) {
	dir := t.TempDir()
	clock := newClock(time.Date(2026, 3, 31, 9, 0, 0, 0, survey.Zone)) // past 02:00: missed
	c := settings(dir)
	c.Backup.Keep, c.Backup.Folder = 2, filepath.Join(t.TempDir(), "sao lưu")
	foreign := filepath.Join(c.Backup.Folder, "20260101T000000.000Z-00000000")
	if err := os.MkdirAll(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	var fail atomic.Bool
	made := make(chan struct{}, 10)
	app := withOneBatch(t, c, func(o *centreapp.Options) {
		o.Now, o.BackupEvery = clock.now, 5*time.Millisecond
		o.OnBackup = func(s centreapp.BackupStep) {
			switch {
			case s == centreapp.BackupNamed && fail.Load():
				names, _ := filepath.Glob(filepath.Join(c.Backup.Folder, clock.now().UTC().Format("20060102T150405.000Z")+"*"))
				put(t, names[0], "centre.key", "x")
				made <- struct{}{}
			case s == centreapp.BackupMarked:
				made <- struct{}{}
			}
		}
	})
	expect := func(what string, want bool) {
		t.Helper()
		select {
		case <-made:
			if !want {
				t.Fatalf("%s: a backup was made", what)
			}
		case <-time.After(map[bool]time.Duration{true: 10 * time.Second, false: 60 * time.Millisecond}[want]):
			if want {
				t.Fatalf("%s: no backup within 10 s", what)
			}
		}
	}
	expect("missed before the start", true)
	expect("once a day", false)
	clock.set(time.Date(2026, 4, 1, 1, 59, 0, 0, survey.Zone))
	expect("before its hour", false)
	fail.Store(true)
	clock.set(time.Date(2026, 4, 1, 2, 0, 0, 0, survey.Zone))
	expect("at its hour, and it fails", true)
	expect("just after it failed", false)
	clock.set(time.Date(2026, 4, 1, 3, 1, 0, 0, survey.Zone))
	fail.Store(false)
	expect("an hour after it failed", true)
	clock.set(time.Date(2026, 4, 4, 12, 0, 0, 0, survey.Zone))
	expect("after days of a stopped clock", true)
	eventually(t, "two verified backups are left", func() bool {
		list := listed(t, app, dir)
		return len(list) == 2 && list[0].State == "verified" && list[1].State == "verified"
	})
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("another centre's backup: %v", err)
	}
}

// In a demonstration nobody is told about disks, and no backup is made by itself.
func TestADemonstrationIsQuiet(t *testing.T) {
	dir := t.TempDir()
	var log strings.Builder
	app := open(t, settings(dir), func(o *centreapp.Options) {
		o.Demo, o.BackupEvery, o.Log = survey.Words{"vi": "Thử", "en": "Demo"}, time.Millisecond, logTo(&log)
	})
	stop, ended := running(t, app)
	eventually(t, "ready", func() bool { code, _ := get(t, app.URL()+"/readyz", ""); return code == 200 })
	time.Sleep(30 * time.Millisecond)
	if code, body := ask(t, app, dir, "POST", "/api/v1/backups"); code != http.StatusCreated {
		t.Errorf("asked for, it is made all the same: %d %s", code, body)
	}
	if list := listed(t, app, dir); len(list) != 1 {
		t.Errorf("there are %+v", list)
	}
	stop()
	if err := wait(t, ended); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "same disk") {
		t.Errorf("it said %s", log.String())
	}
	// The control: in service it says so.
	log.Reset()
	closed(t, app)
	app = open(t, settings(dir), func(o *centreapp.Options) { o.Log = logTo(&log) })
	if code, body := ask(t, app, dir, "POST", "/api/v1/backups"); code != http.StatusCreated {
		t.Errorf("in service: %d %s", code, body)
	}
	closed(t, app)
	if !strings.Contains(log.String(), "same disk") {
		t.Errorf("in service it said only %s", log.String())
	}
}

// What a kiosk says in its heartbeats that it issued is in the closings, also where the
// records never come.
func TestHeartbeatsLeaveAKnownNumber(t *testing.T) {
	app := open(t, settings(t.TempDir()))
	running(t, app)
	name, key, nc, _ := kiosk(t, app)
	day := survey.DateOf(time.Now())
	beat := custody.Heartbeat{
		Chain: survey.Chain{7}, Last: 12, Unsent: 12, At: time.Now().UnixMilli(), Kiosk: name,
		Totals: &custody.Totals{Last: 12, Days: []custody.DayTotal{{Day: day, Issued: 11}}},
	}
	eventually(t, "the closing", func() bool {
		if err := nc.Publish("hailong.v1.heartbeat."+string(name), beat.Sign(key)); err != nil {
			t.Fatal(err)
		}
		list, _, err := app.Store().Closings(context.Background(), custody.ClosingQuery{Kiosk: name})
		if err != nil {
			t.Fatal(err)
		}
		return len(list) == 1 && list[0].Issued == 11 && list[0].Missing() == 11 && list[0].Date == day
	})
	said, err := app.Store().Said(context.Background(), name)
	if err != nil || len(said) != 1 {
		t.Fatalf("%+v %v", said, err)
	}
	if h, err := custody.OpenHeartbeat(said[0].Signed, key.Public().(ed25519.PublicKey)); err != nil || h.Last != 12 {
		t.Errorf("what is kept is not the kiosk's own word: %+v %v", h, err)
	}
}
