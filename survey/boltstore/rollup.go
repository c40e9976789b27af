package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"hailong/survey"
	"hailong/survey/score"
)

// The lengths of the keys of the two roll-ups, in numbers of 4 bytes. The first is
// the place, the second the slot of time.
const (
	timeParts    = 4
	serviceParts = 6
)

// change is one line's change in one row of a roll-up.
type change struct {
	key  [4 * serviceParts]byte
	line line
}

func rowKey(parts ...uint32) (key [4 * serviceParts]byte) {
	for i, p := range parts {
		binary.BigEndian.PutUint32(key[4*i:], p)
	}
	return key
}

// rollup is one of the four: two grains of each kind.
type rollup struct {
	bucket []byte
	parts  int
	key    func(*placed) [4 * serviceParts]byte
	words  func(n *names, key []byte) (any, error) // a row's place, for people
}

var rollups = [...]rollup{
	{timeHourBucket, timeParts,
		func(p *placed) [4 * serviceParts]byte { return rowKey(p.counter, uint32(p.hour), p.channel, p.stage) },
		func(n *names, key []byte) (any, error) { return timeRow(n, key, false) }},
	{timeMonthBucket, timeParts,
		func(p *placed) [4 * serviceParts]byte {
			return rowKey(p.counter, uint32(p.hour.Date().Month()), p.channel, p.stage)
		},
		func(n *names, key []byte) (any, error) { return timeRow(n, key, true) }},
	{serviceDayBucket, serviceParts,
		func(p *placed) [4 * serviceParts]byte { return p.service(uint32(p.hour.Date())) },
		func(n *names, key []byte) (any, error) { return serviceRow(n, key, false) }},
	{serviceMonthBucket, serviceParts,
		func(p *placed) [4 * serviceParts]byte { return p.service(uint32(p.hour.Date().Month())) },
		func(n *names, key []byte) (any, error) { return serviceRow(n, key, true) }},
}

// writeRollups adds what was gathered to the four roll-ups.
func (w *writing) writeRollups() error {
	var changes [len(rollups)][]change
	for f, n := range w.delta {
		if n.IsZero() {
			continue
		}
		p, err := w.numbers(f)
		if err != nil {
			return fmt.Errorf("name what is counted: %w", err)
		}
		for i := range rollups {
			changes[i] = append(changes[i], change{rollups[i].key(&p), line{p.answer, n}})
		}
	}
	for i, r := range rollups {
		if err := w.writeRows(r.bucket, 4*r.parts, changes[i]); err != nil {
			return fmt.Errorf("write roll-up %s: %w", r.bucket, err)
		}
	}
	return nil
}

// placed is a fact in numbers.
type placed struct {
	hour                                               survey.Hour
	counter, channel, stage                            uint32
	receiving, resolving, field, procedure, respondent uint32
	answer                                             answerKey
}

// service is the key of a row of the service roll-up, in a slot of time.
func (p *placed) service(slot uint32) [4 * serviceParts]byte {
	return rowKey(p.receiving, slot, p.resolving, p.field, p.procedure, p.respondent)
}

func (w *writing) numbers(f score.Fact) (p placed, err error) {
	for _, x := range []struct {
		to    *uint32
		class class
		text  string
	}{
		{&p.counter, counterClass, string(f.Time.Counter)},
		{&p.channel, channelClass, string(f.Time.Channel)},
		{&p.stage, stageClass, string(f.Time.Stage)},
		{&p.receiving, unitClass, string(f.Receiving)},
		{&p.resolving, unitClass, string(f.Resolving)},
		{&p.field, fieldClass, string(f.Field)},
		{&p.procedure, procedureClass, string(f.Procedure)},
		{&p.respondent, respondentClass, string(f.Kind)},
		{&p.answer.excluded, exclusionClass, string(f.Time.Excluded)},
	} {
		if *x.to, err = w.number(x.class, x.text); err != nil {
			return p, err
		}
	}
	p.hour, p.answer.outcome = f.Time.Hour, outcomeNumber(f.Time.Outcome)
	p.answer.item, err = w.itemNumber(f.Time.Item)
	return p, err
}

// writeRows adds changes to the rows of one bucket, in the order of their keys, which
// keeps neighbours on the same page.
func (w *writing) writeRows(bucket []byte, keyLen int, changes []change) error {
	slices.SortFunc(changes, func(a, b change) int { return bytes.Compare(a.key[:], b.key[:]) })
	var row cell
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && changes[n].key == changes[0].key {
			n++
		}
		key := bytes.Clone(changes[0].key[:keyLen])
		var err error
		if row, err = decodeCell(w.get(bucket, key), row); err != nil {
			return err
		}
		for _, c := range changes[:n] {
			row = row.add(c.line)
		}
		changes = changes[n:]
		if len(row) == 0 {
			err = w.delete(bucket, key)
		} else {
			err = w.put(bucket, key, row.append(nil))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// timeRow is the part of a time roll-up's key that its cell does not tell.
func timeRow(n *names, key []byte, month bool) (score.TimeKey, error) {
	var k score.TimeKey
	if len(key) != 4*timeParts {
		return k, fmt.Errorf("%w: a row of the time roll-up has no place", errDamaged)
	}
	texts, err := textsOf(n, key, counterClass, 0, channelClass, stageClass)
	if err != nil {
		return k, err
	}
	slot := binary.BigEndian.Uint32(key[4:])
	if k.Hour = survey.Hour(slot); month {
		k.Hour = survey.Month(slot).First().FirstHour()
	}
	k.Counter, k.Channel, k.Stage = survey.CounterCode(texts[0]), survey.Channel(texts[2]), survey.Stage(texts[3])
	return k, nil
}

// serviceRow is the same for the service roll-up.
func serviceRow(n *names, key []byte, month bool) (score.ServiceKey, error) {
	var k score.ServiceKey
	if len(key) != 4*serviceParts {
		return k, fmt.Errorf("%w: a row of the service roll-up has no place", errDamaged)
	}
	texts, err := textsOf(n, key, unitClass, 0, unitClass, fieldClass, procedureClass, respondentClass)
	if err != nil {
		return k, err
	}
	slot := binary.BigEndian.Uint32(key[4:])
	if k.Day = survey.Date(slot); month {
		k.Day = survey.Month(slot).First()
	}
	k.Receiving, k.Resolving = survey.UnitCode(texts[0]), survey.UnitCode(texts[2])
	k.Field, k.Procedure, k.Respondent = survey.FieldCode(texts[3]), survey.ProcedureCode(texts[4]), survey.RespondentKind(texts[5])
	return k, nil
}

// textsOf reads the numbers of a key; class 0 is a slot of time, which has no text.
func textsOf(n *names, key []byte, classes ...class) (texts [serviceParts]string, err error) {
	for i, c := range classes {
		if c == 0 {
			continue
		}
		if texts[i], err = n.text(c, binary.BigEndian.Uint32(key[4*i:])); err != nil {
			return texts, err
		}
	}
	return texts, nil
}

// lines hands out the lines of a cell in words.
func (n *names) lines(c cell, visit func(score.Item, score.Outcome, survey.Flag, score.Count) error) error {
	for _, l := range c {
		item, err := n.item(l.key.item)
		if err != nil {
			return err
		}
		excluded, err := n.text(exclusionClass, l.key.excluded)
		if err != nil {
			return err
		}
		if err := visit(item, outcomeOf(l.key.outcome), survey.Flag(excluded), l.count); err != nil {
			return err
		}
	}
	return nil
}
