package centreapp

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hailong/cmd/internal/run"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/console"
	"hailong/survey/disk"
)

// backups makes backups, one at a time, and knows those that are there. A folder may hold
// those of several centres: each looks after its own, known by the end of their names.
type backups struct {
	data, folder, program string
	keep                  int
	at                    time.Duration // of the day
	every                 time.Duration
	daily                 bool
	step                  func(BackupStep)
	now                   func() time.Time
	log                   *slog.Logger

	store *boltstore.Store // from here on set when the store is open
	key   ed25519.PrivateKey
	own   string // how the names of this centre's backups end

	life context.Context // ends when no more is to be done
	end  context.CancelFunc

	tidied   sync.Once  // before the first backup
	working  sync.Mutex // held while a backup is made, and for good by close
	looking  sync.Mutex // held while the folder is looked at
	progress *progress

	mu      sync.Mutex      // protects what follows; nobody who holds it waits for a disk
	running *console.Backup // the one under way
	failed  *console.Backup // the last try, where it failed
	list    []kept          // as last seen, the newest first; a published list never changes
	fault   error           // why they could not be seen since
	asked   time.Time       // when the folder was last asked for them; zero = it has answered
	damage  *survey.Problem // of the store itself; nil = none is known
	same    bool            // they lie on the store's own disk
}

var _ console.Backups = (*backups)(nil)

// retryAfter is how long a backup that failed waits until it is tried again.
const retryAfter = time.Hour

// patience is how long a stop waits for a backup that was told to end. Only a disk that
// hangs takes so long; what is left of the backup is cleared away at the next start.
const patience = run.StopWithin / 8

// slowAnswer is how long a folder may take to say what is in it.
const slowAnswer = 2 * time.Minute

// spareRoom is how many bytes a backup leaves free: a full disk would stop the store.
const spareRoom = 64 << 20

func newBackups(a *App) *backups {
	at, _ := a.config.Backup.timeOfDay() // validated
	b := &backups{
		data: a.config.Data, folder: a.config.Backup.Folder, program: a.options.Program, keep: int(a.config.Backup.Keep), at: at,
		every: a.options.BackupEvery, daily: len(a.options.Demo) == 0, // what is not real is saved when somebody asks
		step: a.options.OnBackup, now: a.options.Now, log: a.log, progress: &progress{},
	}
	if b.folder == "" {
		b.folder = filepath.Join(b.data, "backups")
	}
	if b.every == 0 {
		b.every = time.Minute
	}
	if b.step == nil {
		b.step = func(BackupStep) {}
	}
	b.life, b.end = context.WithCancel(context.Background())
	return b
}

// openBackups makes ready for backups. The folder is not touched yet: it may be on another
// machine that hangs, and each try says so.
func (a *App) openBackups(context.Context) error {
	b := a.backups
	b.store, b.key = a.store, a.key
	b.own = "-" + hex.EncodeToString(a.key.Public().(ed25519.PublicKey)[:4])
	a.opened.Push("the backups", func() error { b.close(); return nil })
	return nil
}

// close ends the backup under way and lets no other begin.
func (b *backups) close() {
	b.end()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.tidied.Do(func() {}) // after the one under way
		b.working.Lock()
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		b.log.Error("what is done in the folder of the backups does not end; it is left to itself", "folder", b.folder)
	}
}

// begin makes the folder ready, once. That it cannot be used stops nobody.
func (b *backups) begin() {
	b.tidied.Do(func() {
		b.ask()
		if err := b.tidy(); err != nil {
			b.log.Error("what an interrupted backup left was not cleared away", "error", err)
		}
		if b.daily && b.sameDisk() {
			b.log.Warn("backups lie on the same disk as the store: a broken disk takes both; set backup.folder to another disk, or copy the folders away", "folder", b.folder)
		}
	})
}

// tidy clears away what was cut off, and moves the mark where that was cut off.
func (b *backups) tidy() error {
	if err := disk.MakeFolder(b.folder); err != nil {
		return fmt.Errorf("make the folder of the backups: %w", err)
	}
	all := os.RemoveAll(filepath.Join(b.data, scratchName))
	entries, err := os.ReadDir(b.folder) // no pattern: the folder's own name may look like one
	all = errors.Join(all, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), b.own+partialEnd) {
			all = errors.Join(all, os.RemoveAll(filepath.Join(b.folder, e.Name())))
		}
	}
	all = errors.Join(all, b.look())
	for _, k := range b.seen() {
		if k.Verified != nil && k.Epoch == epochText(b.store.Epoch()) {
			return errors.Join(all, b.store.SetBackup(b.life, b.store.Epoch(), k.heads()))
		}
	}
	return all
}

// due reports whether the daily backup should be made now: there is none since the last
// time of day that was set for it, and the last try is not just over.
func (b *backups) due() bool {
	now := b.now()
	slot := survey.DateOf(now).Start().Add(b.at)
	if slot.After(now) {
		slot = slot.AddDate(0, 0, -1)
	}
	b.mu.Lock()
	tried := b.failed
	b.mu.Unlock()
	if tried != nil && now.Sub(tried.At).Abs() < retryAfter {
		return false
	}
	return b.verifiedAt().Before(slot)
}

// run makes the daily backups until ctx ends. It does not wait for one under way: close does.
func (b *backups) run(ctx context.Context) {
	go b.keepUp()
	<-ctx.Done()
	b.end()
}

func (b *backups) keepUp() {
	b.begin()
	tick := time.NewTicker(b.every)
	defer tick.Stop()
	for {
		select {
		case <-b.life.Done():
			return
		case <-tick.C:
		}
		if err := b.look(); err != nil {
			b.log.Error("the backups cannot be looked at", "error", err)
		}
		if b.daily && b.due() {
			_, _ = b.Make() // it says itself what failed
		}
	}
}

// Make makes a backup and returns when it is verified and the store knows, or when the
// program is told to stop: a disk that hangs keeps nobody waiting then.
func (b *backups) Make() (console.Backup, error) {
	if !b.working.TryLock() {
		return console.Backup{}, console.ErrBackupUnderWay
	}
	var one console.Backup
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer b.working.Unlock()
		b.begin()
		one, err = b.makeOne()
	}()
	select {
	case <-done:
		return one, err
	case <-b.life.Done():
		return console.Backup{}, fmt.Errorf("make a backup: told to stop: %w", b.life.Err())
	}
}

func (b *backups) makeOne() (console.Backup, error) {
	at := b.now()
	one := console.Backup{Name: at.UTC().Format("20060102T150405.000Z") + b.own, State: console.BackupRunning, At: at}
	one.Path = filepath.Join(b.folder, one.Name)
	b.set(&one, nil)
	m, err := b.make(b.life, one.Name)
	if b.life.Err() == nil {
		if err := errors.Join(b.prune(), b.look()); err != nil {
			b.log.Error("old backups were not removed", "error", err)
		}
	}
	switch {
	case b.life.Err() != nil && err != nil:
		b.set(nil, nil) // told to stop
	case err != nil:
		one.State, one.Error = console.BackupFailed, err.Error()
		b.set(nil, &one)
		err = b.judge(err)
		b.log.Error("no backup", "folder", b.folder, "error", err)
	default:
		_ = b.judge(nil) // it gives back what it gets
		b.log.Info("backup made and verified", "folder", one.Path, "bytes", m.Size)
		b.set(nil, nil)
		one = b.shown(kept{manifest: m, name: one.Name}, b.sameDisk())
	}
	return one, err
}

func (b *backups) set(running, failed *console.Backup) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running, b.failed = running, failed
}

func (b *backups) make(ctx context.Context, name string) (manifest, error) {
	if err := ctx.Err(); err != nil { // the program stopped before the folder answered
		return manifest{}, err
	}
	if err := b.room(); err != nil {
		return manifest{}, err
	}
	m, err := b.write(ctx, name)
	if err != nil {
		return m, err
	}
	if err := b.verify(ctx, name, &m); err != nil {
		return m, fmt.Errorf("the backup %s does not verify: %w", name, err)
	}
	verified := b.now()
	m.Verified = &verified
	if err := m.write(filepath.Join(b.folder, name)); err != nil {
		return m, err
	}
	b.step(BackupVerified)
	if err := b.store.SetBackup(ctx, b.store.Epoch(), m.heads()); err != nil {
		return m, err
	}
	b.step(BackupMarked)
	return m, nil
}

// room sees to it that there is a folder, and that neither the copy nor the try fills a
// disk.
func (b *backups) room() error {
	if err := disk.MakeFolder(b.folder); err != nil {
		return fmt.Errorf("make the folder of the backups: %w", err)
	}
	info, err := os.Stat(filepath.Join(b.data, storeFile))
	if err != nil {
		return fmt.Errorf("read the size of the store: %w", err)
	}
	b.progress.begin(2 * info.Size()) // it is copied twice
	need := map[string]int64{b.folder: info.Size(), b.data: info.Size()}
	if b.sameDisk() {
		need[b.data] += need[b.folder]
	}
	for _, folder := range []string{b.folder, b.data} {
		if free, known := freeBytes(folder); known && free < need[folder]+spareRoom {
			return fmt.Errorf("%s has %d MB free, and a backup needs %d", folder, free>>20, (need[folder]+spareRoom)>>20)
		}
	}
	return nil
}

// sameDisk reports whether a backup would go with the store's disk.
func (b *backups) sameDisk() bool { return sameDevice(b.data, b.folder) }

// prune removes backups that newer ones make needless: all but the newest verified ones,
// and the very newest, whatever it is. One whose manifest cannot be read just now stays:
// it may be the only one, on a disk that has a bad hour.
func (b *backups) prune() error {
	list, err := b.there()
	if err != nil {
		return err
	}
	verified := 0
	for i, k := range list {
		if k.Verified != nil {
			verified++
		}
		if i == 0 || k.fault != nil || k.Verified != nil && verified <= b.keep {
			continue
		}
		err = errors.Join(err, remove(filepath.Join(b.folder, k.name)))
	}
	return err
}

// progress is how far a backup has come: bytes while it is copied, then batches while it
// is verified.
type progress struct {
	mu          sync.Mutex // protects what follows
	done, total int64
	verifying   bool
}

func (p *progress) begin(total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total, p.verifying = 0, total, false
}

// Write counts bytes that are copied.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += int64(len(b))
	return len(b), nil
}

// count takes how far the verification is.
func (p *progress) count(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total, p.verifying = done, total, true
}

func (p *progress) now() (done, total int64, verifying bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done, p.total, p.verifying
}
