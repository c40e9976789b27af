package boltstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"hailong/survey"
)

// tallyKey names a row of the account: one kiosk's acts of one day in one chain. For
// acts in dispute it is the kiosk that signed them, which need not be the chain's.
type tallyKey struct {
	kiosk survey.KioskID
	chain survey.Chain
	day   survey.Date
}

func (k tallyKey) encode() []byte {
	return appendDay(append(kioskKey(k.kiosk), k.chain[:]...), k.day)
}

// contradicting is where a row counts its acts that say otherwise than another act of the
// same identity, which counts. They are in dispute, and, unlike a branch's, among what
// their kiosk says it issued.
const contradicting survey.Flag = "contradicting"

// tally is what a kiosk says it issued and what became of what arrived: a row of the
// account. Received is counted apart from what became of it; salvaged is how many of it
// other chains had issued.
type tally struct {
	issued, received, salvaged, counted, held, quarantined, disputed int64
	excluded                                                         map[survey.Flag]int64

	changed bool
}

// numbers are those of a row in the file, in their order there.
func (t *tally) numbers() [7]*int64 {
	return [...]*int64{&t.issued, &t.received, &t.salvaged, &t.counted, &t.held, &t.quarantined, &t.disputed}
}

// receive notes that n acts came, salvaged ones or the chain's own.
func (t *tally) receive(n int64, salvaged bool) {
	t.changed = true
	t.received += n
	if salvaged {
		t.salvaged += n
	}
}

// lacking is how many acts the kiosk says that the chain issued and that did not come in it.
// A branch that does not count is no part of what it says.
func (t *tally) lacking() int64 {
	return max(0, t.issued+t.disputed-(t.received-t.salvaged))
}

// leave adds n acts that are in the headline score, or left out of it for a reason.
func (t *tally) leave(reason survey.Flag, n int64) {
	t.changed = true
	if reason == "" {
		t.counted += n
		return
	}
	if t.excluded == nil {
		t.excluded = map[survey.Flag]int64{}
	}
	if t.excluded[reason] += n; t.excluded[reason] == 0 {
		delete(t.excluded, reason)
	}
}

func (t *tally) isZero() bool {
	for _, n := range t.numbers() {
		if *n != 0 {
			return false
		}
	}
	return len(t.excluded) == 0
}

func (t *tally) encode() []byte {
	var b []byte
	for _, n := range t.numbers() {
		b = binary.AppendVarint(b, *n)
	}
	for _, reason := range slices.Sorted(maps.Keys(t.excluded)) {
		b = binary.AppendVarint(b, int64(len(reason)))
		b = append(b, reason...)
		b = binary.AppendVarint(b, t.excluded[reason])
	}
	return b
}

func decodeTally(b []byte) (*tally, error) {
	t, in := &tally{}, varints{b: b}
	for _, to := range t.numbers() {
		*to = in.int()
	}
	for len(in.b) > 0 {
		reason := survey.Flag(in.text())
		t.leave(reason, in.int())
	}
	if in.bad {
		return nil, fmt.Errorf("%w: a row of the account cannot be read", errDamaged)
	}
	t.changed = false
	return t, nil
}

// varints reads numbers and texts one after the other. After a fault all are zero.
type varints struct {
	b   []byte
	bad bool
}

func (v *varints) int() int64 {
	n, size := binary.Varint(v.b)
	if size <= 0 {
		v.b, v.bad = nil, true
		return 0
	}
	v.b = v.b[size:]
	return n
}

func (v *varints) text() string {
	n := v.int()
	if n < 0 || n > int64(len(v.b)) {
		v.b, v.bad = nil, true
		return ""
	}
	text := string(v.b[:n])
	v.b = v.b[n:]
	return text
}

// tally is the row of a key, as it will be in the file after the transaction.
func (w *writing) tally(k tallyKey) (*tally, error) {
	if t := w.tallies[k]; t != nil {
		return t, nil
	}
	t := &tally{}
	if v := w.get(tallyBucket, k.encode()); v != nil {
		var err error
		if t, err = decodeTally(v); err != nil {
			return nil, err
		}
	}
	w.tallies[k] = t
	return t, nil
}

// tallyOf is the row of a chain's own kiosk and a day.
func (w *writing) tallyOf(st *chainState, day survey.Date) (*tally, error) {
	if st.tally != nil && st.tallyDay == day {
		return st.tally, nil
	}
	t, err := w.tally(tallyKey{st.Kiosk, st.Chain, day})
	if err == nil {
		st.tally, st.tallyDay = t, day
	}
	return t, err
}

// writeTallies writes the rows that changed, in the order of their keys.
func (w *writing) writeTallies() error {
	type row struct {
		key []byte
		*tally
	}
	var rows []row
	for k, t := range w.tallies {
		if t.changed {
			rows = append(rows, row{k.encode(), t})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(string(a.key), string(b.key)) })
	for _, r := range rows {
		v := r.encode()
		if r.isZero() {
			if w.get(tallyBucket, r.key) == nil {
				continue
			}
			if err := w.delete(tallyBucket, r.key); err != nil {
				return err
			}
			continue
		}
		if bytes.Equal(w.get(tallyBucket, r.key), v) {
			continue
		}
		if err := w.put(tallyBucket, r.key, v); err != nil {
			return err
		}
	}
	return nil
}
