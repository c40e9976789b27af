package boltstore

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// act is one citizen's act as a record tells it, whether it can be understood or not.
type act struct {
	id       survey.RecordID // where the record stands
	identity survey.RecordID // what the act is called for ever: id, or the salvaged record's own
	rec      *custody.Record // the record, or the one it salvaged
	salvaged bool            // rec is another chain's, or was
	hour     survey.Hour     // 0 = not known
	day      survey.Date     // custody.UnknownDay = not known
}

// actOf reads a record. It is false for the journal's own records, which are no acts.
// before is the day of the act before it in its chain; placed says when an act was made
// whose kiosk was not sure of its clock, if that is known by now.
func actOf(id survey.RecordID, rec *custody.Record, before survey.Date, placed func(survey.RecordID) (time.Time, bool)) (act, bool) {
	a := act{id: id, identity: id, rec: rec}
	if rec.Fault == nil && rec.Kind == custody.SalvagedRecord {
		inner, err := rec.Salvaged()
		if err != nil {
			inner = custody.Record{Fault: err}
		} else {
			a.identity = inner.ID()
		}
		a.rec, a.salvaged = &inner, true
	}
	switch {
	case a.rec.Fault != nil:
		a.day = before
		return a, true
	case a.rec.Kind == custody.ClockRecord, a.rec.Kind == custody.SuccessionRecord:
		return a, false
	case a.rec.Clock == custody.ClockSure:
		a.hour = survey.HourOf(a.rec.At())
	case a.identity == a.id: // what was salvaged is of another life, whose clocks are not here
		if at, known := placed(id); known {
			a.hour = survey.HourOf(at)
		}
	}
	a.day = a.hour.Date()
	return a, true
}

// neverPlaced is for acts whose time no record of the clock can tell.
func neverPlaced(survey.RecordID) (time.Time, bool) { return time.Time{}, false }

// canBePlaced reports whether a record of the clock may yet tell when a record was made.
func canBePlaced(rec *custody.Record) bool {
	return rec.Fault == nil && rec.Kind == custody.ResponseRecord && rec.Clock != custody.ClockSure
}

// placedAt is when a record was made, if a record of the clock has told.
func (w *writing) placedAt(id survey.RecordID) (time.Time, bool) {
	return parsePlaced(w.get(placedBucket, idKey(id)))
}

func parsePlaced(v []byte) (time.Time, bool) {
	if len(v) != 8 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(v))).In(survey.Zone), true
}

// bootKey is where a boot of a chain stands, in the buckets of what waits for its day and
// of what tells it.
func bootKey(c survey.Chain, boot custody.BootID) []byte {
	return append(append(make([]byte, 0, chainLen+len(boot)+8), c[:]...), boot[:]...)
}

func bootRow(id survey.RecordID, boot custody.BootID) []byte {
	return binary.BigEndian.AppendUint64(bootKey(id.Chain, boot), id.Sequence)
}

// twoTimes is the value of such a row.
func twoTimes(a, b int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(a)), uint64(b))
}

// bootEntry is a row of one of these buckets.
type bootEntry struct {
	key      []byte
	sequence uint64
	times    [2]int64
}

// bootEntries are the rows of a boot from one sequence up to before another.
func (w *writing) bootEntries(bucket []byte, c survey.Chain, boot custody.BootID, from, before uint64) (list []bootEntry) {
	prefix := bootKey(c, boot)
	cursor := w.bucket(bucket).Cursor()
	for k, v := cursor.Seek(binary.BigEndian.AppendUint64(bytes.Clone(prefix), from)); bytes.HasPrefix(k, prefix) && len(v) == 16; k, v = cursor.Next() {
		e := bootEntry{bytes.Clone(k), binary.BigEndian.Uint64(k[len(prefix):]), [2]int64{
			int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint64(v[8:])),
		}}
		if e.sequence >= before {
			break
		}
		list = append(list, e)
	}
	return list
}

// doubt notes a record that a record of the clock may place later. One that was not
// understood when it came may have been passed by that record already.
func (w *writing) doubt(id survey.RecordID, rec *custody.Record, fresh bool) error {
	if !fresh {
		for _, e := range w.bootEntries(clockBucket, id.Chain, rec.Boot, id.Sequence, math.MaxUint64) {
			clock := custody.BootClock{Boot: rec.Boot, Low: e.times[0], High: e.times[1]}
			if at, sure := clock.Place(rec); sure {
				return w.putPlaced(id, at)
			}
		}
	}
	return w.put(unsureBucket, bootRow(id, rec.Boot), twoTimes(rec.Wall, rec.Mono))
}

func (w *writing) putPlaced(id survey.RecordID, at time.Time) error {
	return w.put(placedBucket, idKey(id), numberKey(uint64(at.UnixMilli())))
}

// place gives days to the records that a record of the clock tells about, and judges
// them anew. One that cannot be read tells nothing.
func (w *writing) place(id survey.RecordID, rec *custody.Record, st *chainState, reached touched) error {
	clocks, err := rec.Clocks()
	if err != nil {
		return nil
	}
	for _, c := range clocks {
		if err := w.put(clockBucket, bootRow(id, c.Boot), twoTimes(c.Low, c.High)); err != nil {
			return err
		}
		for _, u := range w.bootEntries(unsureBucket, id.Chain, c.Boot, 0, id.Sequence) {
			at, sure := c.Place(&custody.Record{Wall: u.times[0], Mono: u.times[1]})
			if !sure {
				continue
			}
			placed := survey.RecordID{Chain: id.Chain, Sequence: u.sequence}
			if err := w.delete(unsureBucket, u.key); err != nil {
				return err
			}
			if err := w.putPlaced(placed, at); err != nil {
				return err
			}
			if _, err := w.rejudge(placed, st, reached); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxSuccessions is how many records at a chain's beginning may speak of earlier chains: the
// first tells of the last damage, and those after it repeat what others told. What comes
// later says nothing, so that no kiosk can make every reading of the losses long.
const maxSuccessions = 64

// takeOwn takes a record of the journal's own.
func (w *writing) takeOwn(id survey.RecordID, rec *custody.Record, st *chainState, reached touched) error {
	switch {
	case rec.Kind == custody.ClockRecord:
		return w.place(id, rec, st, reached)
	case rec.Kind == custody.SuccessionRecord && id.Sequence <= maxSuccessions:
		return w.put(successionBucket, idKey(id), rec.Payload)
	}
	return nil
}

// noAct are the records inside a salvaged one that count for nothing: those of the journals'
// own, and those in which it had been salvaged before.
func noAct(rec *custody.Record) (list []survey.RecordID) {
	if rec.Fault != nil || rec.Kind != custody.SalvagedRecord {
		return nil
	}
	for in := custody.DecodeRecord(rec.Payload); in.Fault == nil && in.Kind != custody.ResponseRecord; in = custody.DecodeRecord(in.Payload) {
		list = append(list, in.ID())
		if in.Kind != custody.SalvagedRecord {
			break
		}
	}
	return list
}
