package boltstore

import (
	"fmt"
	"maps"
	"slices"

	"hailong/survey"
	"hailong/survey/score"
)

// touched is the set of counters whose counts a change reached.
type touched map[survey.CounterCode]bool

func (t touched) list() []survey.CounterCode { return slices.Sorted(maps.Keys(t)) }

// settle writes what a verdict makes of a record: it is counted, or marked as held or
// quarantined. A fresh record has nothing linked to it yet. Counters whose counts
// changed go into reached.
func (w *writing) settle(id survey.RecordID, v *shape, st *chainState, fresh bool, reached touched) error {
	switch v.state {
	case held:
		st.Held++
		if err := w.put(heldBucket, idKey(id), []byte(v.reason)); err != nil {
			return err
		}
	case quarantined:
		st.Quarantined++
		if err := w.put(quarantineBucket, idKey(id), []byte(v.reason)); err != nil {
			return err
		}
	}
	if v.response == nil {
		return nil
	}
	to := linkOf(id, v.response)
	if fresh && to == 0 {
		if v.state == counted {
			v.alone++
			reached[v.response.Counter] = true
		}
		return nil
	}
	before, after, err := w.link(id, to)
	if err != nil {
		return fmt.Errorf("join the session of %d: %w", to, err)
	}
	if v.state != counted {
		return nil
	}
	self := score.Placed{ID: id, Hour: v.hour, Receiving: v.unit, Response: v.response}
	return w.countInSession(self, before, after, reached)
}

// add adds a fact to what the transaction will write, n times.
func (w *writing) add(f score.Fact, c score.Count, n int64) {
	w.delta[f] = w.delta[f].Add(score.Count{Answers: n * c.Answers, Respondents: n * c.Respondents})
}

// addShapes adds the facts of the records that are linked to no other.
func (w *writing) addShapes() {
	for _, sh := range w.shapes.known {
		if sh.alone == 0 {
			continue
		}
		one := []score.Placed{{Hour: sh.hour, Receiving: sh.unit, Response: sh.response}}
		for f, c := range score.Facts(one, w.definitions.catalogue) {
			w.add(f, c, sh.alone)
		}
	}
}

// countInSession adds a record to the roll-ups: the facts of its session with it,
// less those of the sessions that its link joined, without it.
func (w *writing) countInSession(self score.Placed, before [][]uint64, after []uint64, reached touched) error {
	with, err := w.placed(self, after, true)
	if err != nil {
		return err
	}
	net := score.Facts(with, w.definitions.catalogue)
	for _, session := range before {
		without, err := w.placed(self, session, false)
		if err != nil {
			return err
		}
		for f, n := range score.Facts(without, w.definitions.catalogue) {
			net[f] = net[f].Add(score.Count{Answers: -n.Answers, Respondents: -n.Respondents})
		}
	}
	for f, n := range net {
		if !n.IsZero() {
			w.add(f, n, 1)
			reached[f.Time.Counter] = true
		}
	}
	return nil
}

// placed are the counted records of a session, in order. The one under way is among
// them or left out, as asked.
func (w *writing) placed(self score.Placed, session []uint64, withSelf bool) ([]score.Placed, error) {
	var list []score.Placed
	for _, seq := range session {
		id := survey.RecordID{Chain: self.ID.Chain, Sequence: seq}
		key := idKey(id)
		switch {
		case id == self.ID:
			if withSelf {
				list = append(list, self)
			}
		case w.get(heldBucket, key) != nil, w.get(quarantineBucket, key) != nil:
		default:
			p, err := w.placedOne(id)
			if err != nil {
				return nil, fmt.Errorf("read record %s of the session: %w", id, err)
			}
			list = append(list, p)
		}
	}
	return list, nil
}

func (w *writing) placedOne(id survey.RecordID) (score.Placed, error) {
	rec, err := w.record(id)
	if err != nil {
		return score.Placed{}, err
	}
	resp, err := rec.Response()
	if err != nil {
		return score.Placed{}, err
	}
	p := score.Placed{ID: id, Hour: survey.HourOf(rec.At()), Response: &resp}
	p.Receiving, _ = w.definitions.unit(resp.Counter, p.Hour.Date())
	if pin := w.get(pinBucket, idKey(id)); pin != nil {
		p.Receiving = survey.UnitCode(pin)
	}
	return p, nil
}
