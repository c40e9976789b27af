package custody

import (
	"fmt"

	"hailong/survey"
)

// Head is how far a chain has come somewhere: the last sequence there and its hash.
// The zero Head is an empty chain.
type Head struct {
	Sequence uint64
	Hash     survey.Hash
}

// Case is what a verified batch is to a store that already holds part of its chain.
type Case uint8

// The cases.
const (
	New       Case = 1 // begins where the store ends, or overlaps and goes on
	Duplicate Case = 2 // all of it is there already
	Gap       Case = 3 // begins after the next sequence: keep nothing, say where to resume
	Fork      Case = 4 // contradicts what the store holds: keep as evidence, alarm
)

// String names the case, for logs and metrics.
func (c Case) String() string {
	return [...]string{"?", "new", "duplicate", "gap", "fork"}[min(c, 4)]
}

// Admit compares a verified batch with the head of its chain in a store. hashAt gives
// the hash of a sequence that the store holds. For New, fresh are the records to add;
// they end at the new head.
func Admit(head Head, b *Batch, hashAt func(sequence uint64) (survey.Hash, error)) (c Case, fresh []Record, err error) {
	first, last := b.Header.First, b.Header.Last()
	switch {
	case first > head.Sequence+1:
		return Gap, nil, nil
	case first == head.Sequence+1:
		if b.Header.Previous != head.Hash {
			return Fork, nil, nil
		}
		return New, b.Records, nil
	}
	same, err := sameOverlap(head, b, hashAt)
	switch {
	case err != nil:
		return 0, nil, err
	case !same:
		return Fork, nil, nil
	case last <= head.Sequence:
		return Duplicate, nil, nil
	default:
		return New, b.Records[head.Sequence+1-first:], nil
	}
}

// sameOverlap reports whether the records that both batch and store have are the
// same. The hash of the last one vouches for those before it, down to a record that
// cannot be read: nobody can see what hash that one carries, so the hash before it is
// compared too.
func sameOverlap(head Head, b *Batch, hashAt func(uint64) (survey.Hash, error)) (bool, error) {
	first, known := b.Header.First, min(head.Sequence, b.Header.Last())
	for seq := known; seq+1 >= first && seq > 0; seq-- {
		if seq != known && b.Records[seq+1-first].Fault == nil {
			continue
		}
		ours, theirs := head.Hash, b.Header.Previous
		if seq >= first {
			theirs = b.Records[seq-first].Hash
		}
		if seq != head.Sequence {
			var err error
			if ours, err = hashAt(seq); err != nil {
				return false, fmt.Errorf("look up sequence %d of chain %s: %w", seq, b.Header.Chain, err)
			}
		}
		if ours != theirs {
			return false, nil
		}
	}
	return true, nil
}
