package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"

	"hailong/survey"
	"hailong/survey/custody"
)

// state is what becomes of a kept record.
type state uint8

const (
	counted     state = 1
	held        state = 2 // until its definition arrives
	quarantined state = 3 // it cannot be read, or says what its questionnaire does not allow
)

// String names the state, for people and metrics.
func (s state) String() string { return [...]string{"?", "counted", "held", "quarantined"}[min(s, 3)] }

// verdict is what judging a record gives. The response is there whenever the payload
// could be read.
type verdict struct {
	state    state
	reason   string // for people, unless counted
	hour     survey.Hour
	unit     survey.UnitCode // receiving; only if counted
	response *survey.Response
}

// judge says what becomes of a record under these definitions. It depends on nothing
// else, so a record is judged the same whenever it comes.
func (d *definitions) judge(rec *custody.Record) verdict {
	if rec.Fault != nil {
		return verdict{state: quarantined, reason: rec.Fault.Error()}
	}
	if rec.Kind != custody.ResponseRecord {
		return verdict{state: held, reason: fmt.Sprintf("records of kind %d are not known", rec.Kind)}
	}
	resp, err := rec.Response()
	switch {
	case errors.Is(err, custody.ErrPayloadVersion):
		return verdict{state: held, reason: err.Error()}
	case err != nil:
		return verdict{state: quarantined, reason: err.Error()}
	}
	v := verdict{hour: survey.HourOf(rec.At()), response: &resp}
	q, ok := d.catalogue.ByHash(resp.Questionnaire)
	if !ok {
		v.state, v.reason = held, fmt.Sprintf("questionnaire %s is not known", resp.Questionnaire)
		return v
	}
	if err := resp.Validate(q); err != nil {
		v.state, v.reason = quarantined, err.Error()
		return v
	}
	day := v.hour.Date()
	if v.unit, ok = d.unit(resp.Counter, day); !ok {
		v.state, v.reason = held, fmt.Sprintf("counter %s is not known on %s", resp.Counter, day)
		return v
	}
	v.state = counted
	return v
}

// shape is what all records of one transaction have in common that say the same at the
// same counter in the same hour. Presses are like that: a backlog of a thousand has a
// few dozen shapes, and is judged and turned into facts once for each.
type shape struct {
	verdict
	alone int64 // such records counted in this transaction that are linked to no other
}

// shapes are the shapes met in one transaction.
type shapes struct {
	known map[string]*shape
	key   []byte // room for the key looked up
}

// judge is the shape of a record, with its verdict.
func (w *writing) judge(rec *custody.Record) *shape {
	if rec.Fault != nil {
		return &shape{verdict: w.definitions.judge(rec)}
	}
	k := append(w.shapes.key[:0], byte(rec.Kind))
	k = binary.AppendUvarint(k, uint64(rec.PayloadVersion))
	k = binary.BigEndian.AppendUint32(k, uint32(survey.HourOf(rec.At())))
	k = append(k, rec.Questionnaire[:]...)
	k = binary.AppendUvarint(k, uint64(len(rec.Counter)))
	k = append(append(k, rec.Counter...), rec.Payload...)
	w.shapes.key = k
	sh := w.shapes.known[string(k)]
	if sh == nil {
		sh = &shape{verdict: w.definitions.judge(rec)}
		w.shapes.known[string(k)] = sh
	}
	return sh
}

// linkOf is the sequence of the record that a response of record id replaces or
// continues, 0 for none. Only an earlier record of the same chain can be meant; any
// other link is taken as none, because nothing vouches for what it points to.
func linkOf(id survey.RecordID, resp *survey.Response) uint64 {
	to := resp.Replaces
	if to.IsZero() {
		to = resp.Continues
	}
	if to.Chain != id.Chain || to.Sequence >= id.Sequence {
		return 0
	}
	return to.Sequence
}
