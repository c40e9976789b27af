package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"hailong/survey"
	"hailong/survey/custody"
)

// segment is one numbered pair of files: a run of one chain. All but the last are
// sealed: nothing is added to them.
type segment struct {
	number   int
	chain    survey.Chain
	first    uint64       // sequence of its first record
	previous survey.Hash  // hash of the record before that
	last     custody.Head // at open, and where it is sealed; of the one being written, see Journal.Head
	size     int64        // of the log, at open
	sealed   bool
	followed bool      // files of a later one are in the folder: unfinished ones, perhaps
	ready    bool      // it says itself that the next one was finished
	rebuild  bool      // bbolt was lost: the log is the only witness
	behind   bool      // bbolt may lack its last transaction, and does not itself tell
	mending  mending   // what was done to its files at open
	began    time.Time // when its first record was made
	at       time.Time // when its last record was made; sealed only
	db       *bbolt.DB
	nonces   nonces
}

// origin is where a segment begins: its log's header says so, and so does its bbolt
// file.
type origin struct {
	chain    survey.Chain
	first    uint64
	previous survey.Hash
}

func (s *segment) origin() origin { return origin{s.chain, s.first, s.previous} }

// Names inside a segment's bbolt file.
var (
	bucketMeta     = []byte("meta")
	bucketRecords  = []byte("records")  // sequence, 8 bytes big-endian → record: see rows.go
	bucketNonces   = []byte("nonces")   // last sequence → generation of nonces: see nonces.go
	bucketComments = []byte("comments") // sequence → salt, text
	bucketDays     = []byte("days")     // day, 4 bytes → responses issued, sequence of the last change: see days.go
	bucketOldDays  = []byte("old_days") // the same, as it was when the segment began, for days that were long gone then

	keyKiosk    = []byte("kiosk")
	keyChain    = []byte("chain")
	keyFirst    = []byte("first")
	keyPrevious = []byte("previous")
	keyClean    = []byte("clean")    // the state at a clean stop; removed while open
	keySealed   = []byte("sealed")   // the same, for ever: the segment is full
	keyFollowed = []byte("followed") // sealed, and the next segment is ready
	keyReceipt  = []byte("receipt:") // and the chain: the centre's last word about it
	keyRebuild  = []byte("rebuild")  // bbolt was lost and is not yet whole again from the log
	keyContact  = []byte("contact")  // the last contact with the centre's clock: see clock.go
)

func dbName(number int) string  { return fmt.Sprintf("%06d.db", number) }
func logName(number int) string { return fmt.Sprintf("%06d.log", number) }

// numbersIn are the numbers of the segments of which a folder holds a file.
func numbersIn(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look into the journal's folder: %w", err)
	}
	var list []int
	for _, e := range entries {
		name, ext, _ := strings.Cut(e.Name(), ".")
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 || ext != "db" && ext != "log" || e.Name() != dbName(n) && e.Name() != logName(n) {
			continue
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// openDB opens a bbolt file. Damage that makes the library panic here, and not in a
// goroutine of its own, comes back as an error; for the rest a child looks first: see check.go.
func openDB(path string, sealed bool) (db *bbolt.DB, err error) {
	err = guarded(func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: time.Second, ReadOnly: sealed,
			NoFreelistSync: true, // rebuilt at open; one page less to sync with every press
			FreelistType:   bbolt.FreelistMapType,
		})
		return err
	})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, ErrLocked
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	return db, nil
}

// guarded runs something that reads a mapped file, and turns the panics and faults that
// damage causes into ErrDamaged.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return do()
}

// Where the two meta pages of a bbolt file stand in its first two pages, and what they
// hold: see bbolt's own common.Meta. They are in the machine's byte order.
const (
	metaBegin = 16
	metaID    = metaBegin + 48 // of the transaction
	metaSum   = metaBegin + 56 // FNV-1a, 64 bits
	metaEnd   = metaSum + 8
)

// fellBack reports whether a bbolt file may lack its last transaction. The two meta pages
// tell of the last two; where the newer one cannot be read bbolt goes back to the older one
// without a word.
func fellBack(path string, pageSize int) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, unread(path, err)
	}
	defer func() { _ = f.Close() }() // it is only read
	var id [2]uint64
	for i := range id {
		b := make([]byte, metaEnd)
		if _, err := f.ReadAt(b, int64(i*pageSize)); hindered(err) {
			return false, unread(path, err)
		}
		sum := fnv.New64a()
		_, _ = sum.Write(b[metaBegin:metaSum]) // a hash never fails
		if sum.Sum64() != binary.NativeEndian.Uint64(b[metaSum:]) {
			return true, nil
		}
		id[i] = binary.NativeEndian.Uint64(b[metaID:])
	}
	return id[0] != id[1]+1 && id[1] != id[0]+1, nil
}

// makeSegment makes the buckets of a new bbolt file.
func makeSegment(tx *bbolt.Tx, kiosk survey.KioskID, o origin) error {
	for _, name := range [][]byte{bucketMeta, bucketRecords, bucketNonces, bucketComments, bucketDays, bucketOldDays} {
		if _, err := tx.CreateBucket(name); err != nil {
			return fmt.Errorf("make bucket %s: %w", name, err)
		}
	}
	meta := tx.Bucket(bucketMeta)
	return errors.Join(
		meta.Put(keyKiosk, []byte(kiosk)), meta.Put(keyChain, o.chain[:]),
		meta.Put(keyFirst, sequenceKey(o.first)), meta.Put(keyPrevious, o.previous[:]),
	)
}

// readOrigin reads whose segment this is and where it begins.
func readOrigin(tx *bbolt.Tx) (kiosk survey.KioskID, o origin, err error) {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return "", o, nil // never finished: a stop while it was made
	}
	first := meta.Get(keyFirst)
	for _, name := range [][]byte{bucketRecords, bucketNonces, bucketComments, bucketDays, bucketOldDays} {
		if tx.Bucket(name) == nil {
			return "", o, fmt.Errorf("%w: bucket %s is not there", ErrDamaged, name)
		}
	}
	if len(first) != 8 || copy(o.chain[:], meta.Get(keyChain)) != 16 || copy(o.previous[:], meta.Get(keyPrevious)) != 32 {
		return "", o, fmt.Errorf("%w: it does not say where it begins", ErrDamaged)
	}
	o.first = binary.BigEndian.Uint64(first)
	return survey.KioskID(meta.Get(keyKiosk)), o, nil
}

// before is the head of the chain before the segment's first record.
func (o origin) before() custody.Head { return custody.Head{Sequence: o.first - 1, Hash: o.previous} }

func sequenceKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func sequenceOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

// view reads the segment; what damage does comes back as ErrDamaged.
func (s *segment) view(read func(*bbolt.Tx) error) error {
	return guarded(func() error { return s.db.View(read) })
}

func (s *segment) before() custody.Head { return s.origin().before() }

// writable makes a segment that was opened for reading one that takes a note.
func (s *segment) writable() error {
	if !s.db.IsReadOnly() {
		return nil
	}
	path := s.db.Path()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close segment %d: %w", s.number, err)
	}
	db, err := openDB(path, false)
	if err != nil {
		return err
	}
	s.db = db
	return nil
}

// keyed is a row with its CRC-32C, which its key goes into as well: bbolt's pages have none,
// and an altered byte would be believed.
func keyed(key, value []byte) []byte { return appendSummed(nil, slices.Concat(key, value)) }

// unkeyed is the value in such a row; nil if it is not what was written there.
func unkeyed(key, row []byte) []byte {
	value, ok := bytes.CutPrefix(summed(row), key)
	if !ok {
		return nil
	}
	return value
}
