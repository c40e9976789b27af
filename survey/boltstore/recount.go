package boltstore

import (
	"bytes"
	"context"
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

// Recount works out from the batches alone what the store should hold: chains, what
// is held and quarantined, and both roll-ups in both grains. It returns [ErrDiffers]
// with the first difference, or nil. It reads everything and writes nothing.
func (s *Store) Recount(ctx context.Context) error {
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		d, err := loadDefinitions(tx)
		if err != nil {
			return err
		}
		r := &recounting{tx: tx, names: s.names.Load().extended(tx), definitions: d, facts: map[score.Fact]score.Count{}}
		if err := tx.Bucket(chainBucket).ForEach(func(k, v []byte) error {
			st, err := decodeChain(survey.Chain(k), v)
			if err != nil {
				return err
			}
			return r.chain(ctx, st)
		}); err != nil {
			return err
		}
		return r.compare()
	})
	if err != nil {
		return fmt.Errorf("recount: %w", err)
	}
	return nil
}

// recounting is one recount under way.
type recounting struct {
	tx          *bbolt.Tx
	names       *names
	definitions *definitions
	facts       map[score.Fact]score.Count
}

// chainCount is one chain of a recount.
type chainCount struct {
	*recounting
	state    custody.ChainState
	head     custody.Head
	held     uint64
	bad      uint64
	sessions map[uint64][]score.Placed // by first sequence; only the counted records
	sizes    map[uint64]int            // records of a session, counted or not
	roots    map[uint64]uint64         // of linked records
}

func (r *recounting) chain(ctx context.Context, st custody.ChainState) error {
	c := &chainCount{
		recounting: r, state: st, roots: map[uint64]uint64{},
		sessions: map[uint64][]score.Placed{}, sizes: map[uint64]int{},
	}
	if err := walkBatches(ctx, r.tx, st.Chain, c.batch); err != nil {
		return err
	}
	for _, session := range c.sessions {
		for f, n := range score.Facts(session, r.definitions.catalogue) {
			r.facts[f] = r.facts[f].Add(n)
		}
	}
	if c.head != st.Head || c.held != st.Held || c.bad != st.Quarantined {
		return fmt.Errorf("%w: chain %s: stored head %d, %d held, %d quarantined; recounted head %d, %d held, %d quarantined",
			ErrDiffers, st.Chain, st.Head.Sequence, st.Held, st.Quarantined, c.head.Sequence, c.held, c.bad)
	}
	return nil
}

func (c *chainCount) batch(data []byte) error {
	b, err := custody.ParseBatch(bytes.Clone(data))
	if err != nil {
		return fmt.Errorf("%w: chain %s after %d: %w", ErrDiffers, c.state.Chain, c.head.Sequence, err)
	}
	if b.Header.First > c.head.Sequence+1 || b.Header.Last() <= c.head.Sequence {
		return fmt.Errorf("%w: chain %s: a batch of %d to %d follows %d", ErrDiffers, c.state.Chain, b.Header.First, b.Header.Last(), c.head.Sequence)
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
	return nil
}

func (c *chainCount) record(id survey.RecordID, rec *custody.Record) error {
	v := c.definitions.judge(rec)
	key := idKey(id)
	if unit := c.tx.Bucket(pinBucket).Get(key); unit != nil && v.response != nil && v.state != quarantined {
		// It was counted before its day; where, is not for the structure of now to say.
		v.state, v.unit = counted, survey.UnitCode(unit)
	}
	stored := counted
	switch {
	case c.tx.Bucket(heldBucket).Get(key) != nil:
		stored = held
	case c.tx.Bucket(quarantineBucket).Get(key) != nil:
		stored = quarantined
	}
	if stored != v.state {
		return fmt.Errorf("%w: record %s is stored as %s, judged as %s (%s)", ErrDiffers, id, stored, v.state, v.reason)
	}
	switch v.state {
	case held:
		c.held++
	case quarantined:
		c.bad++
	}
	root := c.join(id, v.response)
	if v.state == counted {
		p := score.Placed{ID: id, Hour: v.hour, Receiving: v.unit, Response: v.response}
		c.sessions[root] = append(c.sessions[root], p)
	}
	return nil
}

// join is the session of a record, found as the records come.
func (c *chainCount) join(id survey.RecordID, resp *survey.Response) uint64 {
	root := id.Sequence
	if resp != nil {
		if to := linkOf(id, resp); to != 0 {
			target, linked := c.roots[to]
			if !linked {
				target = to
			}
			if max(c.sizes[target], 1)+1 <= maxSession {
				c.roots[id.Sequence] = target
				c.sizes[target] = max(c.sizes[target], 1) + 1
				root = target
			}
		}
	}
	return root
}

// compare holds the roll-ups against the facts.
func (r *recounting) compare() error {
	hours, months := map[score.TimeKey]score.Count{}, map[score.TimeKey]score.Count{}
	days, serviceMonths := map[score.ServiceKey]score.Count{}, map[score.ServiceKey]score.Count{}
	for f, n := range r.facts {
		t, v := f.Time, f.Service()
		hours[t] = hours[t].Add(n)
		days[v] = days[v].Add(n)
		t.Hour = t.Hour.Date().Month().First().FirstHour()
		v.Day = v.Day.Month().First()
		months[t] = months[t].Add(n)
		serviceMonths[v] = serviceMonths[v].Add(n)
	}
	for _, grain := range []struct {
		bucket []byte
		month  bool
		want   map[score.TimeKey]score.Count
	}{{timeHourBucket, false, hours}, {timeMonthBucket, true, months}} {
		if err := compareRows(r.tx, grain.bucket, grain.want, func(key []byte, row cell, visit func(score.TimeKey, score.Count) error) error {
			return r.names.timeRows(key, row, grain.month, visit)
		}); err != nil {
			return err
		}
	}
	for _, grain := range []struct {
		bucket []byte
		month  bool
		want   map[score.ServiceKey]score.Count
	}{{serviceDayBucket, false, days}, {serviceMonthBucket, true, serviceMonths}} {
		if err := compareRows(r.tx, grain.bucket, grain.want, func(key []byte, row cell, visit func(score.ServiceKey, score.Count) error) error {
			return r.names.serviceRows(key, row, grain.month, visit)
		}); err != nil {
			return err
		}
	}
	return nil
}

// compareRows compares one bucket with what it should hold; want is used up. The
// difference named is the first in the order of their texts, the same at every run.
func compareRows[K comparable](tx *bbolt.Tx, bucket []byte, want map[K]score.Count, rows func(key []byte, row cell, visit func(K, score.Count) error) error) error {
	var differing []string
	differs := func(k K, stored, recounted score.Count) {
		differing = append(differing, fmt.Sprintf("%+v: stored %+v, recounted %+v", k, stored, recounted))
	}
	var row cell
	err := tx.Bucket(bucket).ForEach(func(key, v []byte) (err error) {
		if row, err = decodeCell(v, row); err != nil {
			return err
		}
		return rows(key, row, func(k K, n score.Count) error {
			if want[k] != n {
				differs(k, n, want[k])
			}
			delete(want, k)
			return nil
		})
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
	return fmt.Errorf("%w: roll-up %s, %d rows, first %s", ErrDiffers, bucket, len(differing), slices.Min(differing))
}
