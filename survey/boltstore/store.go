package boltstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/disk"
	"hailong/survey/score"
)

// Options are the settings of a store. The zero Options are right for a centre.
type Options struct {
	// LockTimeout is how long Open waits for another program to let go of the file;
	// 0 = one second.
	LockTimeout time.Duration
	// MaxSize is the most bytes the file may have; 0 = no limit but the disk.
	MaxSize int
}

// Store is the central store in one bbolt file. Its contract is storetest.Store.
//
// Writers take turns; readers see the last commit and never wait for a writer. A
// function that is handed rows while reading must not write to the same store.
type Store struct {
	db    *bbolt.DB
	epoch custody.Epoch

	limits limits

	// What is kept in memory is never changed, only replaced, and only after the
	// commit that makes it true. A reader may see them one commit behind its
	// transaction: see names.extended.
	names       atomic.Pointer[names]
	definitions atomic.Pointer[definitions]

	writer  sync.Mutex    // held by the one writing
	failure error         // of the commit that failed; written before failed is closed, never after
	failed  chan struct{} // closed by a failed commit: nothing is written any more
}

// Open opens the store in the file at path and makes it when there is none. The
// folder must exist. While another program has the file open the error is [ErrLocked].
func Open(path string, opts Options) (*Store, error) {
	s, err := open(path, opts)
	if err != nil {
		return nil, fmt.Errorf("open the central store %s: %w", path, err)
	}
	return s, nil
}

func open(path string, opts Options) (s *Store, err error) {
	defer func() {
		// bbolt panics when it meets a page that cannot be.
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("%w: %v", errDamaged, p)
		}
	}()
	if opts.LockTimeout == 0 {
		opts.LockTimeout = time.Second
	}
	_, statErr := os.Stat(path)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: opts.LockTimeout, MaxSize: opts.MaxSize, FreelistType: bbolt.FreelistMapType, InitialMmapSize: mapping(),
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrLocked
	case err != nil:
		return nil, err
	}
	s = &Store{db: db, failed: make(chan struct{}), limits: defaultLimits}
	if err = s.prepare(); err == nil && os.IsNotExist(statErr) {
		err = disk.SyncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// mapping is how much address space is set aside for the file at once, because
// growing the map later waits for every reader. It costs no memory, but on Windows it
// would be the size of the file, and 32 bits have no room to spare.
func mapping() int {
	if runtime.GOOS == "windows" || ^uint(0)>>32 == 0 {
		return 0
	}
	return 1 << 30
}

// prepare makes the buckets of a new file and reads what is kept in memory.
func (s *Store) prepare() error {
	layout := byte(0)
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		meta := tx.Bucket(metaBucket)
		if meta != nil {
			layout, err = layoutOf(meta)
			return err
		}
		if first, _ := tx.Cursor().First(); first != nil {
			return errors.New("it is a bbolt file, but not a central store")
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case layout == 0:
		err = s.db.Update(makeBuckets)
	case layout < format:
		err = s.db.Update(func(tx *bbolt.Tx) error { return upgrade(tx, layout) })
	}
	if err != nil {
		return err
	}
	if err := s.db.View(s.load); err != nil {
		return err
	}
	return s.rejudgeAnew()
}

func makeBuckets(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	var epoch custody.Epoch
	rand.Read(epoch[:])
	meta := tx.Bucket(metaBucket)
	return errors.Join(meta.Put(epochKey, epoch[:]), meta.Put(formatKey, []byte{format}), meta.Put(judgingKey, []byte{judging}))
}

// layoutOf is the version of a file's layout, if it is one that this program can use.
func layoutOf(meta *bbolt.Bucket) (byte, error) {
	switch v := meta.Get(formatKey); {
	case len(v) != 1:
		return 0, fmt.Errorf("%w: it does not say which layout it has", errDamaged)
	case v[0] > format:
		return 0, fmt.Errorf("its layout is version %d, this program knows version %d: use a newer program", v[0], format)
	case v[0] < firstFormat:
		return 0, fmt.Errorf("its layout is version %d, of a program that was never released; this one reads version %d: begin with a new file", v[0], format)
	default:
		return v[0], nil
	}
}

func (s *Store) load(tx *bbolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if n := copy(s.epoch[:], meta.Get(epochKey)); n != len(s.epoch) {
		return fmt.Errorf("%w: it has no epoch", errDamaged)
	}
	d, err := loadDefinitions(tx)
	if err != nil {
		return err
	}
	s.definitions.Store(d)
	s.names.Store(newNames().extended(tx))
	return nil
}

// Close closes the file, after waiting for transactions under way. A second Close
// does nothing.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the central store: %w", err)
	}
	return nil
}

// Epoch is the life of this store, drawn when its file was made.
func (s *Store) Epoch() custody.Epoch { return s.epoch }

// Failed is closed when a commit has failed, in whatever call: [Store.Err] then says
// why, and the store takes nothing more.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err is nil while the store can be written. After a failed commit it is [ErrFailed]
// with the cause, for ever. It never waits for a writer.
func (s *Store) Err() error {
	select {
	case <-s.failed:
		return s.failure
	default:
		return nil
	}
}

// writing is one write transaction with what will be in memory after it.
type writing struct {
	tx          *bbolt.Tx
	buckets     map[string]*bbolt.Bucket
	changed     bool
	names       *names
	ownNames    bool // names is this transaction's own copy
	definitions *definitions
	chains      map[survey.Chain]*chainState
	batches     batchCache
	shapes      shapes
	tallies     map[tallyKey]*tally
	delta       map[score.Fact]score.Count // gathered, so that each cell is read and written once
	limits      limits
}

// limits bound what senders can make the store keep beside the records that count.
type limits struct {
	evidence      uint64 // records kept as evidence against one chain
	evidenceBytes uint64 // in batches of so many bytes
	rejected      int    // things rejected of one kiosk
	rejectedBytes uint64 // and their bytes
}

var defaultLimits = limits{evidence: 100_000, evidenceBytes: 256 << 20, rejected: 1000, rejectedBytes: 64 << 20}

// update runs one write transaction, synced when it returns without an error. When
// do changes nothing, nothing is written. When do fails, nothing has changed.
func (s *Store) update(ctx context.Context, do func(*writing) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.writer.Lock()
	defer s.writer.Unlock()
	if err := s.Err(); err != nil {
		return err
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after the commit
	w := &writing{
		tx: tx, buckets: map[string]*bbolt.Bucket{}, names: s.names.Load(), definitions: s.definitions.Load(),
		chains: map[survey.Chain]*chainState{}, delta: map[score.Fact]score.Count{}, shapes: shapes{known: map[string]*shape{}},
		tallies: map[tallyKey]*tally{}, limits: s.limits,
	}
	if err := do(w); err != nil {
		return err
	}
	if err := w.finish(); err != nil {
		return err
	}
	if !w.changed {
		return nil
	}
	if err := tx.Commit(); err != nil {
		// Whether the disk has it is not known, and the file must not be written again
		// over pages that the kernel may have dropped.
		s.failure = fmt.Errorf("%w: %w", ErrFailed, err)
		close(s.failed)
		return s.failure
	}
	s.names.Store(w.names)
	s.definitions.Store(w.definitions)
	return nil
}

// finish writes what was gathered over the whole transaction.
func (w *writing) finish() error {
	for chain, st := range w.chains {
		if !st.changed {
			continue
		}
		if err := w.put(chainBucket, chain[:], st.encode()); err != nil {
			return err
		}
	}
	if err := w.writeTallies(); err != nil {
		return fmt.Errorf("write the account: %w", err)
	}
	w.addShapes()
	return w.writeRollups()
}

func (w *writing) bucket(name []byte) *bbolt.Bucket {
	b := w.buckets[string(name)]
	if b == nil {
		b = w.tx.Bucket(name)
		w.buckets[string(name)] = b
	}
	return b
}

func (w *writing) get(bucket, key []byte) []byte { return w.bucket(bucket).Get(key) }

func (w *writing) put(bucket, key, value []byte) error {
	w.changed = true
	return w.bucket(bucket).Put(key, value)
}

func (w *writing) delete(bucket, key []byte) error {
	w.changed = true
	return w.bucket(bucket).Delete(key)
}

// view runs one read transaction.
func (s *Store) view(ctx context.Context, do func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.View(do)
}
