package boltstore

import (
	"fmt"
	"maps"
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/score"
)

// touched is the set of counters whose counts a change reached.
type touched map[survey.CounterCode]bool

func (t touched) list() []survey.CounterCode { return slices.Sorted(maps.Keys(t)) }

// take accounts for an act: it is a duplicate, or what its verdict makes of it. A fresh
// one has nothing linked to it yet; pin says whether the unit it is counted at must be
// remembered. Counters whose counts changed go into reached.
func (w *writing) take(a *act, st *chainState, fresh bool, pin func(*act) bool, reached touched) (state, error) {
	t, err := w.tallyOf(st, a.day)
	if err != nil {
		return 0, err
	}
	stands, err := w.standing(a, st)
	if err != nil {
		return 0, err
	}
	twice := stands != counted
	t.receive(1, a.salvaged)
	v := w.judge(a, st.Kiosk)
	if twice {
		v = &shape{verdict: verdict{state: stands, response: v.response}}
	}
	switch v.state {
	case held:
		st.Held++
		st.changed = true
		t.held++
		err = w.put(heldBucket, idKey(a.id), append(appendDay(nil, a.day), v.reason...))
	case quarantined:
		st.Quarantined++
		st.changed = true
		t.quarantined++
		err = w.put(quarantineBucket, idKey(a.id), append(appendDay(nil, a.day), v.reason...))
	case duplicate:
		t.leave(custody.DuplicateRecord, 1)
		err = w.put(duplicateBucket, idKey(a.id), appendDay(nil, a.day))
	case contested:
		st.Forks++
		st.Disputed++
		st.changed = true
		t.leave(contradicting, 1)
		err = w.put(duplicateBucket, idKey(a.id), append(appendDay(nil, a.day), byte(contested)))
	case counted:
		if pin(a) {
			err = w.put(pinBucket, idKey(a.id), []byte(v.unit))
		}
	}
	if err != nil || v.response == nil || twice && a.identity != a.id {
		return v.state, err
	}
	return v.state, w.count(a, v, st, t, fresh, reached)
}

// count joins an act to its session and counts it, if it counts.
func (w *writing) count(a *act, v *shape, st *chainState, t *tally, fresh bool, reached touched) error {
	to := linkOf(a.id, v.response, func(id survey.RecordID) (survey.RecordID, bool) { return w.carrier(st.Kiosk, id) })
	if fresh && to == 0 { // nothing is linked to it yet
		if v.state != counted {
			return nil
		}
		if first, err := w.spendFirst(ticketOf(v.response), a); err != nil {
			return err
		} else if first {
			v.alone++
			t.leave(v.excluded, 1)
			reached[v.response.Counter] = true
			return nil
		}
	}
	before, after, err := w.link(a.id, to)
	if err != nil {
		return fmt.Errorf("join the session of %d: %w", to, err)
	}
	if v.state == counted {
		self := score.Placed{ID: a.identity, Hour: v.hour, Receiving: v.unit, Response: v.response}
		return w.countInSession(a.id, &self, before, after, st, reached)
	}
	if !fresh && len(before) > 1 { // nothing can be linked to a fresh one
		return w.countInSession(a.id, nil, before, after, st, reached)
	}
	return nil
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

// countInSession changes the roll-ups and the account by an act at a place: by its session
// with it, less those of the sessions that its link joined, without it. An act that is not
// counted is nil, and only joins. A ticket that another session was the first to use until
// now is no longer that one's.
func (w *writing) countInSession(at survey.RecordID, self *score.Placed, before [][]uint64, after []uint64, st *chainState, reached touched) error {
	n := net{w, map[score.Fact]score.Count{}}
	for _, session := range before {
		if err := n.change(st, session, at.Sequence, nil, -1); err != nil {
			return err
		}
	}
	loser, members, err := w.spend(at, self, after, n)
	if err != nil {
		return err
	}
	if err := n.change(st, after, at.Sequence, self, 1); err != nil {
		return err
	}
	if loser != nil {
		if err := n.change(loser, members, 0, nil, 1); err != nil {
			return err
		}
	}
	for f, c := range n.facts {
		if !c.IsZero() {
			w.add(f, c, 1)
			reached[f.Time.Counter] = true
		}
	}
	return nil
}

// net is what one act changes, over all the sessions that it reaches.
type net struct {
	w     *writing
	facts map[score.Fact]score.Count
}

// change adds a session, or takes it away, as it is by the tickets noted now. The act at a
// sequence, if that is not 0, is taken as given, or left out.
func (n net) change(st *chainState, session []uint64, at uint64, self *score.Placed, sign int64) error {
	w := n.w
	list, err := w.placed(st.Chain, session, at, self)
	if err != nil {
		return err
	}
	list = withSpent(list, func(t survey.TicketID) bool {
		first, used := firstUse(w.bucket(ticketBucket), t)
		return used && !first.in(st.Chain, session)
	})
	for f, c := range score.Facts(list, w.definitions.catalogue) {
		n.facts[f] = n.facts[f].Add(score.Count{Answers: sign * c.Answers, Respondents: sign * c.Respondents})
	}
	for i, reason := range exclusions(list, w.definitions.catalogue) {
		t, err := w.tallyOf(st, list[i].Hour.Date())
		if err != nil {
			return err
		}
		t.leave(reason, sign)
	}
	return nil
}

// exclusions are, for each record of a session, the reason why it is left out of the
// headline score, "" if it is in: what score.Facts says of all its answers. A record
// with an answer that is in is in.
func exclusions(session []score.Placed, catalogue *survey.Catalogue) []survey.Flag {
	list := make([]survey.Flag, len(session))
	if len(session) == 1 {
		list[0] = session[0].Response.Excluded()
		return list
	}
	// The facts tell their records apart by the hour, on which no exclusion depends.
	apart, in := slices.Clone(session), make([]bool, len(session))
	for i := range apart {
		apart[i].Hour = survey.Hour(i)
	}
	for f := range score.Facts(apart, catalogue) {
		i := f.Time.Hour
		switch {
		case f.Time.Item.Kind != score.QuestionItem || in[i]:
		case f.Time.Excluded == "":
			list[i], in[i] = "", true
		default:
			list[i] = f.Time.Excluded
		}
	}
	return list
}

// placed are the counted records of a session, in order. The one under way, at a
// sequence, is given, or left out.
func (w *writing) placed(chain survey.Chain, session []uint64, at uint64, self *score.Placed) ([]score.Placed, error) {
	var list []score.Placed
	for _, seq := range session {
		if seq == at {
			if self != nil {
				list = append(list, *self)
			}
			continue
		}
		id := survey.RecordID{Chain: chain, Sequence: seq}
		p, counts, err := w.placedOne(id)
		if err != nil {
			return nil, fmt.Errorf("read record %s of the session: %w", id, err)
		}
		if counts {
			list = append(list, p)
		}
	}
	return list, nil
}

// placedOne is a record kept before, if it counts.
func (w *writing) placedOne(id survey.RecordID) (p score.Placed, counts bool, err error) {
	key := idKey(id)
	if as, _, _ := w.waitingAs(key); as != 0 {
		return p, false, nil
	}
	rec, err := w.record(id)
	if err != nil {
		return p, false, err
	}
	a, ok := actOf(id, rec, custody.UnknownDay, w.placedAt)
	if !ok {
		return p, false, nil
	}
	resp, err := a.rec.Response()
	if err != nil {
		return p, false, err
	}
	p = score.Placed{ID: a.identity, Hour: a.hour, Response: &resp}
	p.Receiving, _ = w.definitions.unit(resp.Counter, a.day)
	if pin := w.get(pinBucket, key); pin != nil {
		p.Receiving = survey.UnitCode(pin)
	}
	return p, true, nil
}
