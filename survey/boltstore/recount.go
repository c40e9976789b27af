package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/score"
)

// ErrDiffers says that what the store counted is not what its batches give.
var ErrDiffers = errors.New("the counts do not agree with the batches")

// Recount works out from the batches what the store should hold: chains, what is held,
// quarantined and in dispute, the account of every record, and both roll-ups in both
// grains. It returns [ErrDiffers] with the first difference, or nil. It reads everything
// and writes nothing. What depends on the order in which things came is taken as stored,
// if it could have been so: the unit of a pinned record, which of two records with one
// identity counts, and what kiosks said in heartbeats.
func (s *Store) Recount(ctx context.Context) error {
	err := s.view(ctx, func(tx *bbolt.Tx) error { return s.recount(ctx, tx, func() {}) })
	if err != nil {
		return fmt.Errorf("recount: %w", err)
	}
	return nil
}

// recount calls step after each batch and each piece of evidence.
func (s *Store) recount(ctx context.Context, tx *bbolt.Tx, step func()) error {
	d, err := loadDefinitions(tx)
	if err != nil {
		return err
	}
	r := &recounting{
		tx: tx, definitions: d, step: step, facts: map[placed]score.Count{}, tallies: map[tallyKey]*tally{}, ownSalvaged: map[string]bool{},
		known: &writing{tx: tx, buckets: map[string]*bbolt.Bucket{}, names: s.names.Load().extended(tx)},
	}
	if k, _ := tx.Bucket(salvagedBucket).Cursor().First(); k != nil {
		r.salvage = true
	}
	if err := eachChain(tx, func(st *chainState) error { return r.chain(ctx, st) }); err != nil {
		return err
	}
	if err := r.compareAccount(); err != nil {
		return err
	}
	return r.compare()
}

// recounting is one recount under way.
type recounting struct {
	tx          *bbolt.Tx
	step        func()
	known       *writing // the numbers of names; it can give no new ones
	definitions *definitions
	facts       map[placed]score.Count // in numbers: words need several times as much memory
	tallies     map[tallyKey]*tally
	uses        int             // counted records made with a ticket
	salvage     bool            // there are salvaged records
	carriers    int             // of them, those that count
	ownSalvaged map[string]bool // keys of the journals' own that were salvaged
}

func (r *recounting) tally(k tallyKey) *tally {
	t := r.tallies[k]
	if t == nil {
		t = &tally{}
		r.tallies[k] = t
	}
	return t
}

// chainCount is one chain of a recount.
type chainCount struct {
	*recounting
	state    *chainState
	head     custody.Head
	said     uint64 // the greatest sequence that a batch's totals name
	held     uint64
	bad      uint64
	against  uint64 // records that contradict the one that counts under their identity
	clocks   map[custody.BootID][]toldClock
	unsure   []unsureCount
	linked   map[uint64]bool           // records that share a session with another, as stored
	sessions map[uint64][]score.Placed // of those, by first sequence; only the counted records
	sizes    map[uint64]int            // records of a session, counted or not
	roots    map[uint64]uint64         // of linked records
	anywhere uint64                    // see anywhereBucket
}

func (r *recounting) chain(ctx context.Context, st *chainState) error {
	c := &chainCount{
		recounting: r, state: st, roots: map[uint64]uint64{}, clocks: map[custody.BootID][]toldClock{},
		sessions: map[uint64][]score.Placed{}, sizes: map[uint64]int{},
	}
	c.linked, c.anywhere = linkedIn(r.tx, st.Chain), anywhere(r.tx, st.Chain)
	if err := walkBatches(ctx, r.tx, st.Chain, c.batch); err != nil {
		return err
	}
	for root, session := range c.sessions {
		if err := c.add(root, session); err != nil {
			return err
		}
	}
	if c.anywhere > c.head.Sequence {
		return fmt.Errorf("%w: chain %s: records up to %d were counted at any counter, and there are %d", ErrDiffers, st.Chain, c.anywhere, c.head.Sequence)
	}
	if c.head != st.Head || c.held != st.Held || c.bad != st.Quarantined {
		return fmt.Errorf("%w: chain %s: stored head %d, %d held, %d quarantined; recounted head %d, %d held, %d quarantined",
			ErrDiffers, st.Chain, st.Head.Sequence, st.Held, st.Quarantined, c.head.Sequence, c.held, c.bad)
	}
	if said, _ := lastSaid(r.tx, st.Kiosk, st.Chain); said < c.said {
		return fmt.Errorf("%w: chain %s: totals up to %d came, those kept are up to %d", ErrDiffers, st.Chain, c.said, said)
	}
	if err := c.placing(); err != nil {
		return err
	}
	return c.disputes()
}

// linkedIn are the records of a chain that share a session with another.
func linkedIn(tx *bbolt.Tx, chain survey.Chain) map[uint64]bool {
	linked := map[uint64]bool{}
	c := tx.Bucket(sessionBucket).Cursor()
	for k, _ := c.Seek(chain[:]); len(k) == idLen+8 && bytes.HasPrefix(k, chain[:]); k, _ = c.Next() {
		linked[parseID(k).Sequence] = true
		linked[binary.BigEndian.Uint64(k[idLen:])] = true
	}
	return linked
}

// add adds the counted records of the session that begins at root.
func (c *chainCount) add(root uint64, session []score.Placed) error {
	session = withSpent(session, func(t survey.TicketID) bool {
		first, _ := firstUse(c.tx.Bucket(ticketBucket), t)
		its, linked := c.roots[first.at.Sequence]
		if !linked {
			its = first.at.Sequence
		}
		return first.at.Chain != c.state.Chain || its != root
	})
	for f, n := range score.Facts(session, c.definitions.catalogue) {
		p, err := c.known.numbers(f)
		if err != nil {
			return fmt.Errorf("%w: no roll-up can hold %+v: %w", ErrDiffers, f, err)
		}
		c.facts[p] = c.facts[p].Add(n)
	}
	for i, reason := range exclusions(session, c.definitions.catalogue) {
		c.tallyOf(session[i].Hour.Date()).leave(reason, 1)
	}
	return nil
}

func (c *chainCount) tallyOf(day survey.Date) *tally {
	return c.tally(tallyKey{c.state.Kiosk, c.state.Chain, day})
}

func (c *chainCount) batch(data []byte) error {
	b, err := custody.ParseBatch(bytes.Clone(data))
	if err != nil {
		return fmt.Errorf("%w: chain %s after %d: %w", ErrDiffers, c.state.Chain, c.head.Sequence, err)
	}
	if b.Header.First > c.head.Sequence+1 || b.Header.Last() <= c.head.Sequence {
		return fmt.Errorf("%w: chain %s: a batch of %d to %d follows %d", ErrDiffers, c.state.Chain, b.Header.First, b.Header.Last(), c.head.Sequence)
	}
	if b.Header.Totals != nil {
		c.said = max(c.said, b.Header.Totals.Last)
	}
	for i := c.head.Sequence + 1 - b.Header.First; i < uint64(len(b.Records)); i++ {
		rec := &b.Records[i]
		if rec.Fault == nil && rec.Previous != c.head.Hash {
			return fmt.Errorf("%w: chain %s breaks at %d", ErrDiffers, c.state.Chain, b.Header.First+i)
		}
		c.head = custody.Head{Sequence: b.Header.First + i, Hash: rec.Hash}
		if err := c.record(survey.RecordID{Chain: c.state.Chain, Sequence: c.head.Sequence}, rec); err != nil {
			return err
		}
	}
	c.step()
	return nil
}

// record takes one record as Keep does, except that all that came later is known.
func (c *chainCount) record(id survey.RecordID, rec *custody.Record) error {
	stored, day := c.storedAs(idKey(id))
	// Where a record stands that cannot be read is as stored: what came before it may
	// have been understood since.
	for _, inside := range noAct(rec) {
		key := salvagedKey(c.state.Kiosk, inside)
		if k, _ := c.tx.Bucket(salvagedOwnBucket).Cursor().Seek(key); !bytes.Equal(k, key) {
			return fmt.Errorf("%w: that record %s was salvaged is not stored", ErrDiffers, inside)
		}
		c.ownSalvaged[string(key)] = true
	}
	a, isAct := actOf(id, rec, day, c.placedAt)
	if !isAct {
		return c.own(id, rec, stored)
	}
	stands, err := c.standing(&a)
	if err != nil {
		return err
	}
	v, twice := c.judged(&a, stored), stands != counted
	if twice {
		v.state = stands
	}
	if stored != v.state || stored != counted && day != a.day {
		return fmt.Errorf("%w: record %s is stored as %s on %q, judged as %s on %q (%s)", ErrDiffers, id, stored, day, v.state, a.day, v.reason)
	}
	if canBePlaced(rec) {
		c.unsure = append(c.unsure, unsureCount{id, rec.Boot, custody.Record{Wall: rec.Wall, Mono: rec.Mono}})
	}
	t := c.tallyOf(a.day)
	t.receive(1, a.salvaged)
	switch v.state {
	case held:
		c.held++
		t.held++
	case quarantined:
		c.bad++
		t.quarantined++
	case duplicate:
		t.leave(custody.DuplicateRecord, 1)
	case contested:
		c.against++
		t.leave(contradicting, 1)
	}
	if twice && a.identity != a.id {
		return nil
	}
	return c.count(&a, &v)
}

// count adds an act to its session. One that shares its session with no other is added to
// the facts at once: what is in memory grows with the distinct facts, not with the acts.
func (c *chainCount) count(a *act, v *verdict) error {
	root := c.join(a, v.response)
	alone := !c.linked[a.id.Sequence]
	if root != a.id.Sequence && (alone || !c.linked[root]) {
		return fmt.Errorf("%w: record %s is in the session of %d, and that is not stored", ErrDiffers, a.id, root)
	}
	if v.state != counted {
		return nil
	}
	if ticket := ticketOf(v.response); !ticket.IsZero() {
		c.uses++
		row := ticketRow(ticket, a.identity, a.id)
		if k, _ := c.tx.Bucket(ticketBucket).Cursor().Seek(row); !bytes.Equal(k, row) {
			return fmt.Errorf("%w: that record %s was made with a ticket is not stored", ErrDiffers, a.id)
		}
	}
	p := score.Placed{ID: a.identity, Hour: v.hour, Receiving: v.unit, Response: v.response}
	if alone {
		return c.add(root, []score.Placed{p})
	}
	c.sessions[root] = append(c.sessions[root], p)
	return nil
}

// judged is the verdict on an act, at the unit where it was counted.
func (c *chainCount) judged(a *act, stored state) verdict {
	v := c.definitions.judge(a, c.state.Kiosk)
	if v.away && stored == counted && a.id.Sequence <= c.anywhere {
		v = c.definitions.judge(a, "") // wherever it was made
	}
	if unit := c.tx.Bucket(pinBucket).Get(idKey(a.id)); unit != nil && v.response != nil && v.state != quarantined && a.day != custody.UnknownDay && !v.away {
		// It was counted before its day; where, is not for the structure of now to say.
		v.state, v.unit = counted, survey.UnitCode(unit)
	}
	return v
}

// storedAs is what the store made of a record: counted, if it says nothing.
func (r *recounting) storedAs(key []byte) (state, survey.Date) {
	for _, at := range waitingBuckets {
		if v := r.tx.Bucket(at.bucket).Get(key); len(v) >= dayLen {
			return at.of(v), parseDay(v)
		}
	}
	return counted, 0
}

// own takes a record of the journal's own.
func (c *chainCount) own(id survey.RecordID, rec *custody.Record, stored state) error {
	if stored != counted {
		return fmt.Errorf("%w: record %s is stored as %s, and is none of a citizen's", ErrDiffers, id, stored)
	}
	if rec.Kind == custody.SuccessionRecord && id.Sequence <= maxSuccessions && !bytes.Equal(c.tx.Bucket(successionBucket).Get(idKey(id)), rec.Payload) {
		return fmt.Errorf("%w: what chain %s says of one before is not stored", ErrDiffers, id.Chain)
	}
	if rec.Kind == custody.ClockRecord {
		return c.told(id, rec)
	}
	return nil
}

// join is the session of an act, found as the acts come.
func (c *chainCount) join(a *act, resp *survey.Response) uint64 {
	root := a.id.Sequence
	if resp != nil {
		if to := linkOf(a.id, resp, c.carrier); to != 0 {
			target, linked := c.roots[to]
			if !linked {
				target = to
			}
			if max(c.sizes[target], 1)+1 <= maxSession {
				c.roots[a.id.Sequence] = target
				c.sizes[target] = max(c.sizes[target], 1) + 1
				root = target
			}
		}
	}
	return root
}

// compare holds the roll-ups against the facts, one after the other, so that no more than
// one of them is in memory beside the facts.
func (r *recounting) compare() error {
	for i := range rollups {
		want := map[rowLine]score.Count{}
		for p, n := range r.facts {
			k := rowLine{rollups[i].key(&p), p.answer}
			want[k] = want[k].Add(n)
		}
		if err := r.compareRows(&rollups[i], want); err != nil {
			return err
		}
	}
	return nil
}

// rowLine names one line of one row of a roll-up.
type rowLine struct {
	key    [4 * serviceParts]byte
	answer answerKey
}

// compareRows compares a roll-up with what it should hold; want is used up. The
// difference named is the first in the order of their texts, the same at every run.
func (r *recounting) compareRows(u *rollup, want map[rowLine]score.Count) error {
	var differing []string
	differs := func(k rowLine, stored, recounted score.Count) {
		differing = append(differing, fmt.Sprintf("%s: stored %+v, recounted %+v", r.inWords(u, k), stored, recounted))
	}
	var row cell
	err := r.tx.Bucket(u.bucket).ForEach(func(key, v []byte) (err error) {
		if len(key) != 4*u.parts {
			return fmt.Errorf("%w: a row of %s has no place", errDamaged, u.bucket)
		}
		if row, err = decodeCell(v, row); err != nil {
			return err
		}
		for _, l := range row {
			k := rowLine{answer: l.key}
			copy(k.key[:], key)
			if want[k] != l.count {
				differs(k, l.count, want[k])
			}
			delete(want, k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for k, n := range want {
		differs(k, score.Count{}, n)
	}
	if len(differing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: roll-up %s, %d rows, first %s", ErrDiffers, u.bucket, len(differing), slices.Min(differing))
}

// inWords is a line of a roll-up for people.
func (r *recounting) inWords(u *rollup, k rowLine) string {
	place, err := u.words(r.known.names, k.key[:4*u.parts])
	if err != nil {
		return err.Error()
	}
	text := ""
	err = r.known.names.lines(cell{{key: k.answer}}, func(item score.Item, out score.Outcome, excluded survey.Flag, _ score.Count) error {
		text = fmt.Sprintf("%+v, %+v %+v %q", place, item, out, excluded)
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return text
}
