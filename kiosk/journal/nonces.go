package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
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
// What stands in memory is rebuilt from the records when the journal is opened.

// generation is how many nonces make one.
const generation = 8192

// A generation's row in bucketNonces: its last sequence → entries, sorted. An entry is
// the first 8 bytes of the nonce and the record's distance from the last sequence.
const (
	entryPrefix = 8
	entrySize   = entryPrefix + 4
)

// nonces is the part of the index in memory.
type nonces struct {
	mu     sync.RWMutex
	recent map[survey.Nonce]uint64 // of the durable records after sealed
	sealed uint64                  // the last sequence that a generation covers
}

// load rebuilds the memory from the records that no generation covers.
func (n *nonces) load(tx *bbolt.Tx) error {
	n.recent = map[survey.Nonce]uint64{}
	if k, _ := tx.Bucket(bucketNonces).Cursor().Last(); k != nil {
		n.sealed = sequenceOf(k)
	}
	c := tx.Bucket(bucketRecords).Cursor()
	for k, v := c.Seek(sequenceKey(n.sealed + 1)); k != nil; k, v = c.Next() {
		r := custody.DecodeRecord(v)
		if r.Fault != nil {
			return r.Fault
		}
		n.recent[r.Nonce] = sequenceOf(k)
	}
	return nil
}

// find is the sequence of the record with that nonce; 0 if there is none.
func (n *nonces) find(tx *bbolt.Tx, nonce survey.Nonce) uint64 {
	n.mu.RLock()
	seq := n.recent[nonce]
	n.mu.RUnlock()
	if seq != 0 {
		return seq
	}
	records := tx.Bucket(bucketRecords)
	c := tx.Bucket(bucketNonces).Cursor()
	for k, v := c.Last(); k != nil; k, v = c.Prev() { // a repeat is most often a recent one
		for _, seq := range searchGeneration(v, sequenceOf(k), nonce) {
			if r := custody.DecodeRecord(records.Get(sequenceKey(seq))); r.Fault == nil && r.Nonce == nonce {
				return seq
			}
		}
	}
	return 0
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
// last sequence that generations cover once the transaction is committed. Only the
// writer calls it.
func (n *nonces) seal(tx *bbolt.Tx, head uint64) (uint64, error) {
	if len(n.recent) < generation {
		return n.sealed, nil
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
	return head, tx.Bucket(bucketNonces).Put(sequenceKey(head), b)
}

// committed takes in what a commit added, and lets go what it sealed.
func (n *nonces) committed(added map[survey.Nonce]uint64, sealed uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if sealed != n.sealed {
		n.sealed, n.recent = sealed, make(map[survey.Nonce]uint64, generation)
	}
	for nonce, seq := range added {
		n.recent[nonce] = seq
	}
}
