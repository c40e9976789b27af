package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// chainState is a chain's row, and what else a transaction has at hand of the chain.
type chainState struct {
	custody.ChainState
	evidence      uint64      // records kept as evidence against it
	evidenceBytes uint64      // size of the batches they stand in
	before        survey.Date // of its last response, where a record that cannot be read stands

	changed  bool
	tally    *tally // of its kiosk and tallyDay
	tallyDay survey.Date
	salvaged answered // whether some of its records were salvaged into another chain
}

// answered is the answer to a question that is asked once, if at all.
type answered uint8

const (
	no  answered = 1
	yes answered = 2
)

// chain is the state of a chain, the zero state for one that is not known.
func (w *writing) chain(c survey.Chain) (*chainState, error) {
	if st := w.chains[c]; st != nil {
		return st, nil
	}
	st := &chainState{}
	st.Chain = c
	if v := w.get(chainBucket, c[:]); v != nil {
		if err := st.decode(v); err != nil {
			return nil, err
		}
	}
	w.chains[c] = st
	return st, nil
}

// numbers are those of a chain's row, in their order there.
func (st *chainState) numbers() [8]*uint64 {
	return [...]*uint64{
		&st.Head.Sequence, &st.Held, &st.Quarantined, &st.Forks, &st.Disputed, &st.Unkept, &st.evidence, &st.evidenceBytes,
	}
}

// encode writes a chain's row: the time it last grew (ms, 8 bytes), its numbers, 8
// bytes each, the day of its last response, the head's hash and the kiosk's name.
func (st *chainState) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(st.Received.UnixMilli()))
	for _, n := range st.numbers() {
		b = binary.BigEndian.AppendUint64(b, *n)
	}
	return append(append(appendDay(b, st.before), st.Head.Hash[:]...), st.Kiosk...)
}

func (st *chainState) decode(v []byte) error {
	numbers := st.numbers()
	if len(v) < 8+8*len(numbers)+dayLen+hashLen {
		return fmt.Errorf("%w: the state of chain %s cannot be read", errDamaged, st.Chain)
	}
	st.Received = time.UnixMilli(int64(binary.BigEndian.Uint64(v))).In(survey.Zone)
	v = v[8:]
	for _, n := range numbers {
		*n, v = binary.BigEndian.Uint64(v), v[8:]
	}
	st.before, v = parseDay(v), v[dayLen:]
	st.Head.Hash, st.Kiosk = survey.Hash(v[:hashLen]), survey.KioskID(v[hashLen:])
	return nil
}

func decodeChain(c survey.Chain, v []byte) (*chainState, error) {
	st := &chainState{}
	st.Chain = c
	return st, st.decode(v)
}

// salvagedKey is where a record of a kiosk's chain stands if it was salvaged.
func salvagedKey(k survey.KioskID, id survey.RecordID) []byte {
	return append(kioskKey(k), idKey(id)...)
}

// carrier is the record that holds a record salvaged by a kiosk, and counts for it.
func (w *writing) carrier(k survey.KioskID, id survey.RecordID) (survey.RecordID, bool) {
	v := w.get(salvagedBucket, salvagedKey(k, id))
	if v == nil {
		return survey.RecordID{}, false
	}
	return parseID(v), true
}

// salvagedAs is the record that holds a record of the chain's own salvaged in another
// chain. That is asked of every record, and nearly always of chains without any.
func (w *writing) salvagedAs(st *chainState, id survey.RecordID) (survey.RecordID, bool) {
	if st.salvaged == 0 {
		prefix := append(kioskKey(st.Kiosk), st.Chain[:]...)
		st.salvaged = no
		if k, _ := w.bucket(salvagedBucket).Cursor().Seek(prefix); bytes.HasPrefix(k, prefix) {
			st.salvaged = yes
		}
	}
	if st.salvaged == no {
		return survey.RecordID{}, false
	}
	return w.carrier(st.Kiosk, id)
}

// standing is what an act is beside another of its identity: counted, if there is none,
// a duplicate of the same bytes, or contested. A salvaged record that comes first is noted
// as the one that counts.
func (w *writing) standing(a *act, st *chainState) (state, error) {
	if a.identity == a.id {
		first, found := w.salvagedAs(st, a.id)
		if !found {
			return counted, nil
		}
		return beside(a, first, w.record)
	}
	if first, found := w.carrier(st.Kiosk, a.identity); found {
		if first == a.id {
			return counted, nil
		}
		return beside(a, first, w.record)
	}
	old, err := w.chain(a.identity.Chain)
	if err != nil {
		return 0, err
	}
	if old.Head.Sequence >= a.identity.Sequence {
		return beside(a, a.identity, w.record)
	}
	old.salvaged = 0 // to be asked again
	return counted, w.put(salvagedBucket, salvagedKey(st.Kiosk, a.identity), appendDay(idKey(a.id), a.day))
}

// beside holds an act against the record at first, which counts under its identity.
func beside(a *act, first survey.RecordID, record func(survey.RecordID) (*custody.Record, error)) (state, error) {
	if first.Sequence == 0 {
		return contested, nil // no journal gives that number
	}
	rec, err := record(first)
	if err != nil {
		return 0, err
	}
	hash := rec.Hash
	if first != a.identity {
		inner, err := rec.Salvaged()
		if err != nil {
			return 0, fmt.Errorf("%w: record %s: %w", errDamaged, first, err)
		}
		hash = inner.Hash
	}
	if hash == a.rec.Hash {
		return duplicate, nil
	}
	return contested, nil
}
