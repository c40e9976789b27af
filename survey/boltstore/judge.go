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
	held        state = 2 // until a definition, its day or a newer program comes
	quarantined state = 3 // it cannot be read, or says what its questionnaire does not allow
	duplicate   state = 4 // the store has it already, under the same identity
	contested   state = 5 // the store has another record under the same identity, which counts
)

// String names the state, for people and metrics.
func (s state) String() string {
	return [...]string{"?", "counted", "held", "quarantined", "duplicate", "contested"}[min(s, 5)]
}

// verdict is what judging an act gives. The response is there whenever the payload
// could be read.
type verdict struct {
	state    state
	reason   string // for people, if held or quarantined
	hour     survey.Hour
	unit     survey.UnitCode // receiving; only if counted
	excluded survey.Flag     // by its own flags; only if counted
	away     bool            // held only because its kiosk does not serve its counter
	response *survey.Response
}

// judge says what becomes of an act in a chain of this kiosk under these definitions. It
// depends on nothing else, so an act is judged the same whenever it comes.
func (d *definitions) judge(a *act, kiosk survey.KioskID) verdict {
	if a.rec.Fault != nil {
		return faulty(a.rec.Fault)
	}
	if a.rec.Kind != custody.ResponseRecord {
		return verdict{state: held, reason: fmt.Sprintf("records of kind %d are not known", a.rec.Kind)}
	}
	resp, err := a.rec.Response()
	if err != nil {
		return faulty(err)
	}
	v := verdict{hour: a.hour, response: &resp}
	q, ok := d.catalogue.ByHash(resp.Questionnaire)
	if !ok {
		v.state, v.reason = held, fmt.Sprintf("questionnaire %s is not known", resp.Questionnaire)
		return v
	}
	if err := resp.Validate(q); err != nil {
		v.state, v.reason = quarantined, err.Error()
		return v
	}
	if a.day == custody.UnknownDay {
		v.state, v.reason = held, "its day is not known"
		return v
	}
	if v.unit, ok = d.unit(resp.Counter, a.day); !ok {
		v.state, v.reason = held, fmt.Sprintf("counter %s is not known on %s", resp.Counter, a.day)
		return v
	}
	if p := d.placing(kiosk, resp.Counter); p == elsewhere || p == byTicket && resp.Ticket == nil {
		v.state, v.away, v.reason = held, true, fmt.Sprintf("kiosk %s does not serve counter %s", kiosk, resp.Counter)
		return v
	}
	v.state, v.excluded = counted, resp.Excluded()
	return v
}

// faulty is what becomes of a record that this program cannot read.
func faulty(err error) verdict {
	if errors.Is(err, custody.ErrPayloadVersion) || errors.Is(err, custody.ErrRecordVersion) {
		return verdict{state: held, reason: err.Error()}
	}
	return verdict{state: quarantined, reason: err.Error()}
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

// judge is the shape of an act in a chain of this kiosk, with its verdict. What kiosks
// record at their own counters is of the same shape, whoever they are.
func (w *writing) judge(a *act, kiosk survey.KioskID) *shape {
	rec := a.rec
	if rec.Fault != nil {
		return &shape{verdict: w.definitions.judge(a, kiosk)}
	}
	k := append(w.shapes.key[:0], byte(rec.Kind))
	if w.definitions.placing(kiosk, survey.CounterCode(rec.Counter)) == itsOwn {
		k = append(k, 0)
	} else {
		k = append(k, kioskKey(kiosk)...)
	}
	k = binary.AppendUvarint(k, uint64(rec.PayloadVersion))
	k = binary.BigEndian.AppendUint32(k, uint32(a.hour))
	k = append(k, rec.Questionnaire[:]...)
	k = binary.AppendUvarint(k, uint64(len(rec.Counter)))
	k = append(append(k, rec.Counter...), rec.Payload...)
	w.shapes.key = k
	sh := w.shapes.known[string(k)]
	if sh == nil {
		sh = &shape{verdict: w.definitions.judge(a, kiosk)}
		w.shapes.known[string(k)] = sh
	}
	return sh
}

// linkOf is the sequence of the record that a response of record id replaces or
// continues, 0 for none. Only an earlier record of the same chain can be meant, or one
// that was salvaged into it, for which find gives its place; any other link is taken as
// none, because nothing vouches for what it points to.
func linkOf(id survey.RecordID, resp *survey.Response, find func(survey.RecordID) (survey.RecordID, bool)) uint64 {
	to := resp.Replaces
	if to.IsZero() {
		to = resp.Continues
	}
	if to.IsZero() {
		return 0
	}
	if to.Chain != id.Chain {
		to, _ = find(to)
	}
	if to.Chain != id.Chain || to.Sequence >= id.Sequence {
		return 0
	}
	return to.Sequence
}
