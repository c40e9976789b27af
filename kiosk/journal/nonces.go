package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// The nonces' index answers "was this key used before?" for every record that the
// journal holds. A B-tree keyed by nonce would write a page at random for each press;
// here the nonces of the latest records stand in memory, and whenever there are enough
// of them they are written in one piece, sorted: a generation. A look-up asks the
// memory, and then searches each generation.
//
// Almost every look-up is for a key never used before. So a small filter in memory says
// of each generation whether it may hold a nonce; mostly none does, and no file is read.
//
// What stands in memory is rebuilt from the records when the journal is opened.

// generation is how many nonces make one.
const generation = 8192

// A generation's row in bucketNonces: its last sequence → entries, sorted, with a checksum
// (see keyed), which is looked at when the journal is opened. An entry is the first 8 bytes
// of the nonce and the record's distance from the last sequence.
const (
	entryPrefix = 8
	entrySize   = entryPrefix + 4
)

// nonces is the part of the index in memory.
type nonces struct {
	mu     sync.RWMutex
	recent map[survey.Nonce]uint64 // of the durable records after sealed
	sealed uint64                  // the last sequence that a generation covers
	old    []filtered              // the generations, the oldest first
}

// filtered is a generation's key with its filter.
type filtered struct {
	last uint64
	may  *filter
}

// filter is a Bloom filter of 2¹⁶ bits, four of them for each nonce: 8 KiB for a
// generation, wrong about once in forty times. Nonces are hashes already, so their own
// bytes are the bits' numbers.
type filter [1 << 16 / 64]uint64

func (f *filter) add(prefix []byte) {
	for i := 0; i < entryPrefix; i += 2 {
		bit := binary.BigEndian.Uint16(prefix[i:])
		f[bit/64] |= 1 << (bit % 64)
	}
}

func (f *filter) has(prefix []byte) bool {
	for i := 0; i < entryPrefix; i += 2 {
		bit := binary.BigEndian.Uint16(prefix[i:])
		if f[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// filterOf is the filter of a generation's entries.
func filterOf(entries []byte) *filter {
	f := new(filter)
	for i := 0; i+entrySize <= len(entries); i += entrySize {
		f.add(entries[i:])
	}
	return f
}

// load rebuilds the memory from the records that no generation covers. Where one was altered
// none is believed: a key that it no longer tells would be taken for a new one. So would those
// of a generation or a record that is not there: what lies between two generations is read,
// and the records that are read must run to the last one without a gap.
func (n *nonces) load(tx *bbolt.Tx) error {
	_, o, err := readOrigin(tx)
	if err != nil {
		return err
	}
	end, err := lastIn(tx, o.before())
	if err != nil {
		return err
	}
	n.recent, n.sealed, n.old = map[survey.Nonce]uint64{}, o.first-1, nil
	var gaps []between
	altered := false
	err = tx.Bucket(bucketNonces).ForEach(func(k, v []byte) error {
		entries := unkeyed(k, v)
		if altered = altered || entries == nil || len(k) != 8; !altered {
			gaps = append(gaps, between{n.sealed, firstOf(entries, sequenceOf(k)) - 1})
			n.sealed = sequenceOf(k)
			n.old = append(n.old, filtered{n.sealed, filterOf(entries)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if altered {
		n.sealed, n.old, gaps = o.first-1, nil, nil
	}
	for _, gap := range append(gaps, between{n.sealed, end.Sequence}) {
		if err := n.remember(tx, gap); err != nil {
			return err
		}
	}
	return nil
}

// between are the sequences after one and up to another.
type between struct{ after, to uint64 }

// firstOf is the least sequence among a generation's entries.
func firstOf(entries []byte, last uint64) uint64 {
	most := uint32(0)
	for i := entryPrefix; i+4 <= len(entries); i += entrySize {
		most = max(most, binary.BigEndian.Uint32(entries[i:]))
	}
	return last - uint64(most)
}

// remember takes in the nonces of some records, all of which must be there.
func (n *nonces) remember(tx *bbolt.Tx, some between) error {
	if some.after >= some.to {
		return nil
	}
	at := some.after
	err := visitRecords(tx, at+1, func(r *custody.Record) error {
		if r.Sequence != at+1 {
			return fmt.Errorf("%w: %s %d", ErrDamaged, faultRun, at)
		}
		if issued, ok := r.Issued(); ok { // the journal's own records have none
			n.recent[issued.Nonce] = r.Sequence
		}
		if at = r.Sequence; at == some.to {
			return errEnough
		}
		return nil
	})
	if err == nil { // it ended before
		err = fmt.Errorf("%w: %s %d", ErrDamaged, faultRun, at)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// errEnough ends a visit.
var errEnough = errors.New("enough was read")

// candidates are where a nonce may be: a recent record, or the generations, by their
// last sequences, that may hold it. Mostly there is neither.
func (n *nonces) candidates(nonce survey.Nonce) (seq uint64, generations []uint64) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if seq := n.recent[nonce]; seq != 0 {
		return seq, nil
	}
	for i := len(n.old) - 1; i >= 0; i-- { // a repeat is most often a recent one
		if n.old[i].may.has(nonce[:]) {
			generations = append(generations, n.old[i].last)
		}
	}
	return 0, generations
}

// find is the sequence of the record with that nonce; 0 if there is none.
func (n *nonces) find(tx *bbolt.Tx, nonce survey.Nonce) (uint64, error) {
	seq, generations := n.candidates(nonce)
	if seq != 0 {
		return seq, nil
	}
	for _, last := range generations {
		key := sequenceKey(last)
		row := tx.Bucket(bucketNonces).Get(key)
		for _, seq := range searchGeneration(row[sumSize+len(key):], last, nonce) {
			r, err := recordAt(tx, seq)
			if err != nil {
				return 0, err
			}
			if r == nil {
				return 0, fmt.Errorf("%w: record %d is not there", ErrDamaged, seq)
			}
			if issued, ok := r.Issued(); ok && issued.Nonce == nonce {
				return seq, nil
			}
		}
	}
	return 0, nil
}

// searchGeneration are the sequences in a generation whose nonces begin like nonce.
func searchGeneration(entries []byte, last uint64, nonce survey.Nonce) (found []uint64) {
	count := len(entries) / entrySize
	at := func(i int) []byte { return entries[i*entrySize : (i+1)*entrySize] }
	i := sort.Search(count, func(i int) bool { return bytes.Compare(at(i)[:entryPrefix], nonce[:entryPrefix]) >= 0 })
	for ; i < count && bytes.Equal(at(i)[:entryPrefix], nonce[:entryPrefix]); i++ {
		found = append(found, last-uint64(binary.BigEndian.Uint32(at(i)[entryPrefix:])))
	}
	return found
}

// seal writes the memory as a generation, if there is enough of it, and returns the
// generation that comes into force once the transaction is committed. Only the writer
// calls it.
func (n *nonces) seal(tx *bbolt.Tx, head uint64) (*filtered, error) {
	if len(n.recent) < generation {
		return nil, nil
	}
	type entry struct {
		nonce survey.Nonce
		seq   uint64
	}
	sorted := make([]entry, 0, len(n.recent))
	for nonce, seq := range n.recent {
		sorted = append(sorted, entry{nonce, seq})
	}
	slices.SortFunc(sorted, func(a, b entry) int {
		return cmp.Or(bytes.Compare(a.nonce[:], b.nonce[:]), cmp.Compare(a.seq, b.seq))
	})
	b := make([]byte, 0, len(sorted)*entrySize)
	for _, e := range sorted {
		b = append(b, e.nonce[:entryPrefix]...)
		b = binary.BigEndian.AppendUint32(b, uint32(head-e.seq))
	}
	if len(n.old) == 0 { // also where those that are there were altered
		if err := tx.DeleteBucket(bucketNonces); err != nil {
			return nil, err
		}
		if _, err := tx.CreateBucket(bucketNonces); err != nil {
			return nil, err
		}
	}
	key := sequenceKey(head)
	return &filtered{head, filterOf(b)}, tx.Bucket(bucketNonces).Put(key, keyed(key, b))
}

// committed takes in what a commit added, and lets go what it sealed.
func (n *nonces) committed(added map[survey.Nonce]uint64, sealed *filtered) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if sealed != nil {
		n.sealed, n.recent = sealed.last, make(map[survey.Nonce]uint64, generation)
		n.old = append(n.old, *sealed)
	}
	for nonce, seq := range added {
		n.recent[nonce] = seq
	}
}
