// Package journal is the kiosk's append-only record of what it was told: a bbolt file
// and, beside it, a plain checksummed log. A press is thanked only after both are
// synced, and either rebuilds the other (see DESIGN.md).
//
// One journal's life is a chain: 16 random bytes drawn when it is made, then records
// 1, 2, 3 … without gaps, each carrying the hash of the one before.
package journal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"hailong/kiosk"
	"hailong/survey"
	"hailong/survey/custody"
)

var (
	// ErrLocked says that another program has the journal open.
	ErrLocked = errors.New("another program has this journal open; stop it first, or give this one a data folder of its own")
	// ErrForeign says that the journal was written by another kiosk.
	ErrForeign = errors.New("this journal belongs to another kiosk")
	// ErrMissing says that a journal that should be there is not.
	ErrMissing = errors.New("this kiosk has had a journal, and it is not there")
	// ErrDamaged says that the journal's two files cannot be brought together.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrClosed says that the journal is closed.
	ErrClosed = errors.New("the journal is closed")
)

// Options are how to open a journal.
type Options struct {
	Kiosk survey.KioskID
	// Chain is the chain that the kiosk's identity remembers. Zero means that no
	// journal was ever made: then, and only then, a missing one is created.
	Chain survey.Chain
	Now   func() time.Time // the clock, with its monotonic reading; nil = time.Now
	// OnCommit, if set, hears of each commit: how many records and how long both
	// syncs took together.
	OnCommit func(records int, took time.Duration)
}

// Journal is an open journal. Safe for many goroutines.
type Journal struct {
	opts  Options
	db    *bbolt.DB
	log   *logFile
	chain survey.Chain
	boot  [16]byte
	start time.Time

	queue   chan *request
	stop    chan struct{}
	done    chan struct{}
	changed chan struct{}
	failed  chan struct{}

	head    atomic.Pointer[custody.Head] // last record, durable
	receipt atomic.Pointer[keptReceipt]  // the centre's last word, in memory first
	nonces  nonces
	rebuild bool  // see keyRebuild
	broken  error // set before failed is closed
	closing sync.Once
}

// keptReceipt is a receipt as the centre signed it.
type keptReceipt struct {
	bytes []byte
}

// request is one draft waiting for the writer.
type request struct {
	draft   survey.Draft
	payload []byte // of its response, made by the caller: the writer's time is everybody's
	answer  chan answer
}

type answer struct {
	entry    survey.Entry
	appended bool
	err      error
}

// The journal's present segment. Later ones count on; today there is one.
const (
	segmentDB  = "000001.db"
	segmentLog = "000001.log"
)

// Names inside the bbolt file.
var (
	bucketMeta     = []byte("meta")
	bucketRecords  = []byte("records")  // sequence, 8 bytes big-endian → record bytes
	bucketNonces   = []byte("nonces")   // generations of nonces: see nonces.go
	bucketComments = []byte("comments") // sequence → salt, text

	keyKiosk   = []byte("kiosk")
	keyChain   = []byte("chain")
	keyClean   = []byte("clean") // the state at a clean stop; removed while open
	keyReceipt = []byte("receipt")
	keyRebuild = []byte("rebuild") // bbolt was lost and is not yet whole again from the log
)

// Open opens the journal in folder dir, creating it if the kiosk never had one. A
// journal that was not closed cleanly is checked from its first byte, and whichever
// of its two files goes further completes the other.
func Open(dir string, o Options) (*Journal, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := present(dir, o.Chain); err != nil {
		return nil, err
	}
	db, err := openDB(filepath.Join(dir, segmentDB))
	if err != nil {
		return nil, err
	}
	j := &Journal{
		opts: o, db: db, start: o.Now(),
		queue: make(chan *request, maxGroup), stop: make(chan struct{}), done: make(chan struct{}),
		changed: make(chan struct{}, 1), failed: make(chan struct{}),
	}
	if _, err := rand.Read(j.boot[:]); err != nil {
		return nil, errors.Join(fmt.Errorf("draw the boot id: %w", err), db.Close())
	}
	if err := j.load(dir); err != nil {
		return nil, errors.Join(err, j.closeFiles())
	}
	go j.write()
	return j, nil
}

// present refuses to start anew where a journal should be.
func present(dir string, chain survey.Chain) error {
	_, errDB := os.Stat(filepath.Join(dir, segmentDB))
	_, errLog := os.Stat(filepath.Join(dir, segmentLog))
	switch {
	case chain.IsZero() || errDB == nil || errLog == nil:
	case errors.Is(errDB, os.ErrNotExist):
		return fmt.Errorf("%w: chain %s should be in %s", ErrMissing, chain, dir)
	default:
		return fmt.Errorf("look for the journal: %w", errDB)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the journal's folder: %w", err)
	}
	return nil
}

func openDB(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true, // rebuilt at open; one page less to sync with every press
		FreelistType:   bbolt.FreelistMapType,
	})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, ErrLocked
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	return db, nil
}

// Chain is the journal's chain.
func (j *Journal) Chain() survey.Chain { return j.chain }

// Head is the last record: its sequence and hash. Everything up to it is durable.
func (j *Journal) Head() custody.Head { return *j.head.Load() }

// Changed receives a value after records were added; several commits may share one.
func (j *Journal) Changed() <-chan struct{} { return j.changed }

// Failed is closed when a write failed and the journal takes no more records: what
// the failed write left on disk is unknown until the journal is opened anew.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// Err is nil while the journal can record, and otherwise why it cannot.
func (j *Journal) Err() error {
	select {
	case <-j.failed:
		return j.broken
	case <-j.stop:
		return ErrClosed
	default:
		return nil
	}
}

// Append implements [kiosk.Journal]. A draft that arrives during a sync shares the
// next one with all others that do; a lone one is committed at once.
func (j *Journal) Append(ctx context.Context, d survey.Draft) (survey.Entry, bool, error) {
	r := &request{draft: d, payload: custody.EncodeResponse(&d.Response), answer: make(chan answer, 1)}
	select {
	case j.queue <- r:
	case <-ctx.Done():
		return survey.Entry{}, false, fmt.Errorf("wait for the journal: %w", ctx.Err()) // never queued
	case <-j.stop:
		return survey.Entry{}, false, ErrClosed
	case <-j.failed:
		return survey.Entry{}, false, fmt.Errorf("%w: %w", kiosk.ErrUnknown, j.broken)
	}
	select {
	case a := <-r.answer:
		return a.entry, a.appended, a.err
	case <-ctx.Done():
	case <-j.done:
		select {
		case a := <-r.answer:
			return a.entry, a.appended, a.err
		default:
		}
	}
	return survey.Entry{}, false, kiosk.ErrUnknown
}

// Close writes what is still queued, notes the clean stop and closes both files.
func (j *Journal) Close() error {
	var err error
	j.closing.Do(func() {
		close(j.stop)
		<-j.done
		select {
		case <-j.failed: // what is on disk is unknown: leave no clean mark
		default:
			if err = j.log.trim(); err == nil {
				err = j.markClean()
			}
		}
		err = errors.Join(err, j.closeFiles())
	})
	return err
}

func (j *Journal) closeFiles() error {
	var err error
	if j.log != nil {
		err = j.log.close()
	}
	return errors.Join(err, j.db.Close())
}

func sequenceKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

var _ kiosk.Journal = (*Journal)(nil)
