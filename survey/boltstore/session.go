package boltstore

import (
	"bytes"
	"encoding/binary"
	"slices"

	"hailong/survey"
)

// A session is one respondent's records: a first one, and those that replace or
// continue it or another of them. It is made of links alone, whether the records
// count or not, so it does not depend on when definitions arrive; only its counted
// records are counted, together, by score.Facts.

// maxSession is the most records of one session. No citizen gives more; the limit
// keeps a kiosk that links everything to one record from making each new record
// dearer than the one before. A link beyond it is taken as none.
const maxSession = 100

// root is the sequence of the first record of the session that a record belongs to.
func (w *writing) root(id survey.RecordID) uint64 {
	if v := w.get(rootBucket, idKey(id)); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return id.Sequence
}

// members are the sequences of a session, in order.
func (w *writing) members(root survey.RecordID) []uint64 {
	list := []uint64{root.Sequence}
	prefix := idKey(root)
	c := w.bucket(sessionBucket).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		list = append(list, binary.BigEndian.Uint64(k[idLen:]))
	}
	return list
}

// link joins the sessions of two records of a chain and returns the sessions as they
// were (one, if they were joined before) and as they are.
func (w *writing) link(id survey.RecordID, to uint64) (before [][]uint64, after []uint64, err error) {
	root := survey.RecordID{Chain: id.Chain, Sequence: w.root(id)}
	before = [][]uint64{w.members(root)}
	after = before[0]
	if to == 0 {
		return before, after, nil
	}
	target := survey.RecordID{Chain: id.Chain, Sequence: to}
	target.Sequence = w.root(target)
	if target == root {
		return before, after, nil
	}
	other := w.members(target)
	if len(after)+len(other) > maxSession {
		return before, after, nil
	}
	before = append(before, other)
	after = slices.Concat(other, after)
	slices.Sort(after)
	return before, after, w.moveSession(root, target, before[0])
}

// moveSession gives the members of one session another first record.
func (w *writing) moveSession(from, to survey.RecordID, members []uint64) error {
	for _, seq := range members {
		if seq != from.Sequence {
			if err := w.delete(sessionBucket, binary.BigEndian.AppendUint64(idKey(from), seq)); err != nil {
				return err
			}
		}
		if err := w.put(sessionBucket, binary.BigEndian.AppendUint64(idKey(to), seq), nil); err != nil {
			return err
		}
		id := survey.RecordID{Chain: to.Chain, Sequence: seq}
		if err := w.put(rootBucket, idKey(id), numberKey(to.Sequence)); err != nil {
			return err
		}
	}
	return nil
}
