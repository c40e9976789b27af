package boltstore

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// Each batch is kept whole under the sequence of its last record. Batches may
// overlap; the first one that ends at or after a sequence holds it.

// findBatch finds the batch that holds a record: its key, its bytes, and the hash of
// its last record. They are the transaction's; nil where the record is not kept.
func findBatch(b *bbolt.Bucket, id survey.RecordID) (key, batch, lastHash []byte) {
	k, v := b.Cursor().Seek(idKey(id))
	if k == nil || !bytes.HasPrefix(k, id.Chain[:]) || len(v) < batchHead {
		return nil, nil, nil
	}
	return k, v[batchHead:], v[8:batchHead]
}

// recordIn finds a record in a parsed batch.
func recordIn(b *custody.Batch, sequence uint64) (*custody.Record, error) {
	i := sequence - b.Header.First
	if sequence < b.Header.First || i >= uint64(len(b.Records)) {
		return nil, fmt.Errorf("%w: the batch of %d does not hold it", errDamaged, sequence)
	}
	return &b.Records[i], nil
}

// batchCache keeps parsed batches for one transaction: those that came with it, and
// the last one read from the file.
type batchCache struct {
	arrived map[string]*custody.Batch
	lastKey string
	last    *custody.Batch
}

func (c *batchCache) put(key []byte, b *custody.Batch) {
	if c.arrived == nil {
		c.arrived = map[string]*custody.Batch{}
	}
	c.arrived[string(key)] = b
}

func (c *batchCache) parsed(key, batch []byte) (*custody.Batch, error) {
	if b := c.arrived[string(key)]; b != nil {
		return b, nil
	}
	if c.last != nil && c.lastKey == string(key) {
		return c.last, nil
	}
	b, err := custody.ParseBatch(bytes.Clone(batch))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	c.lastKey, c.last = string(key), b
	return b, nil
}

// record is a record kept in this or an earlier transaction.
func (w *writing) record(id survey.RecordID) (*custody.Record, error) {
	key, batch, _ := findBatch(w.bucket(batchBucket), id)
	if key == nil {
		return nil, fmt.Errorf("%w: record %s is missing", errDamaged, id)
	}
	b, err := w.batches.parsed(key, batch)
	if err != nil {
		return nil, err
	}
	return recordIn(b, id.Sequence)
}

// hashAt is the hash of a record kept before. Batches sent again mostly end where
// they ended the first time, and that hash is at hand without parsing.
func (w *writing) hashAt(id survey.RecordID) (survey.Hash, error) {
	key, _, lastHash := findBatch(w.bucket(batchBucket), id)
	if bytes.Equal(key, idKey(id)) {
		return survey.Hash(lastHash), nil
	}
	rec, err := w.record(id)
	if err != nil {
		return survey.Hash{}, err
	}
	return rec.Hash, nil
}
