package console

import (
	"context"
	"errors"
	"slices"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// Account is what became of every record.
type Account interface {
	// Closings are the closings asked for, query by query, each ordered by kiosk and day, and
	// all losses of the same moment.
	Closings(ctx context.Context, queries ...custody.ClosingQuery) ([]custody.Closing, []custody.Loss, error)
	// Said is the last that a kiosk said of each of its chains.
	Said(ctx context.Context, kiosk survey.KioskID) ([]custody.Said, error)
	// Losses are what damaged journals may have lost.
	Losses(ctx context.Context) ([]custody.Loss, error)
	// Held and Quarantined are up to limit records that wait or cannot be counted, and how
	// many there are of all.
	Held(ctx context.Context, limit int) (list []custody.Waiting, all uint64, err error)
	Quarantined(ctx context.Context, limit int) (list []custody.Waiting, all uint64, err error)
	// Rejudge judges all of them again and says how many became something else.
	Rejudge(ctx context.Context) (changed int, err error)
	// Rejected are the first limit things not admitted as a batch that nobody has resolved
	// and whose number is greater than after, the oldest first.
	Rejected(ctx context.Context, after uint64, limit int) ([]custody.Rejected, error)
	// Resolved marks one of them as dealt with.
	Resolved(ctx context.Context, number uint64) error
}

// Ingest takes in one batch as it travels, exactly as if it had come over the bus: what
// is not admitted is kept as rejected. kiosk "" is the one that the batch names.
type Ingest func(ctx context.Context, kiosk survey.KioskID, message []byte) (Ingested, error)

// Ingested says what became of a batch.
type Ingested struct {
	Kiosk   survey.KioskID
	Case    custody.Case // where it was admitted
	Refused string       // why it was not; "" = it was
}

// Backups makes backups of the central store and knows those that are there.
type Backups interface {
	// List are the backups, the newest first, whatever their dates say; before them the one
	// under way, and the last try if it failed. It waits for no disk.
	List() ([]Backup, error)
	// Make makes one and returns when it is verified. [ErrBackupUnderWay] says that one is
	// being made; a [survey.Problem] has its own words for people.
	Make() (Backup, error)
	// Damage is what is wrong with the store itself, where a backup showed it, and what to do
	// about it; nil = nothing is known of that.
	Damage() *survey.Problem
}

// ErrBackupUnderWay says that a backup is being made.
var ErrBackupUnderWay = errors.New("a backup is being made")

// BackupState says how far a backup has come.
type BackupState string

// The states.
const (
	BackupRunning    BackupState = "running"
	BackupVerified   BackupState = "verified"   // a copy of it was opened and every record verified
	BackupUnverified BackupState = "unverified" // it is there, but that was not done, or failed
	BackupFailed     BackupState = "failed"     // the last try; there may be nothing of it
)

// Backup is one backup of the central store.
type Backup struct {
	Name      string
	Path      string // its folder
	State     BackupState
	At        time.Time  // when it was begun
	Verified  *time.Time // nil = it is not
	Bytes     int64      // of the store's file in it
	SameDisk  bool       // it lies on the disk of the store itself
	Error     string     // what failed; "" = nothing
	Verifying bool       // of one under way: Done and Total count batches verified, otherwise bytes copied
	Done      int64
	Total     int64
}

// backupLife is how old the newest verified backup may be.
const backupLife = 26 * time.Hour

// backupsNow are the backups, and the newest verified one among them.
func (c *Console) backupsNow() (list []Backup, newest *Backup, err error) {
	if c.settings.Backups == nil {
		return nil, nil, nil
	}
	list, err = c.settings.Backups.List()
	if i := slices.IndexFunc(list, func(b Backup) bool { return b.State == BackupVerified }); i >= 0 {
		newest = &list[i]
	}
	return list, newest, err
}
