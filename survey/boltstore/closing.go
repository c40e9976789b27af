package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// eachTally walks the rows of the account whose keys begin with prefix, in the order of
// kiosk, chain and day.
func eachTally(tx *bbolt.Tx, prefix []byte, visit func(tallyKey, *tally) error) error {
	c := tx.Bucket(tallyBucket).Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		key, err := parseTallyKey(k)
		if err != nil {
			return err
		}
		t, err := decodeTally(v)
		if err != nil {
			return err
		}
		if err := visit(key, t); err != nil {
			return err
		}
	}
	return nil
}

// eachAsked is eachTally of the days that a query asks for; in each chain the days before
// and after them are jumped over.
func eachAsked(tx *bbolt.Tx, q custody.ClosingQuery, prefix []byte, visit func(tallyKey, *tally) error) error {
	c := tx.Bucket(tallyBucket).Cursor()
	from := max(q.From, custody.UnknownDay+1)
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); {
		key, err := parseTallyKey(k)
		if err != nil {
			return err
		}
		switch {
		case asked(q, key.day):
			t, err := decodeTally(v)
			if err == nil {
				err = visit(key, t)
			}
			if err != nil {
				return err
			}
			k, v = c.Next()
		case !q.Unknown && key.day < from:
			key.day = from
			k, v = c.Seek(key.encode())
		default: // the chain's days are over
			k, v = c.Seek(append(bytes.Clone(k[:len(k)-dayLen]), 0xff, 0xff, 0xff, 0xff))
		}
	}
	return nil
}

func parseTallyKey(k []byte) (tallyKey, error) {
	kiosk, rest, ok := parseKiosk(k)
	if !ok || len(rest) != chainLen+dayLen {
		return tallyKey{}, fmt.Errorf("%w: a row of the account has no name", errDamaged)
	}
	return tallyKey{kiosk, survey.Chain(rest[:chainLen]), parseDay(rest[chainLen:])}, nil
}

// Closings are the closings asked for, query by query, each ordered by kiosk and day, the
// unknown day first; and all losses of the same moment: what arrives between two readings may
// fill a row and open a loss.
func (s *Store) Closings(ctx context.Context, queries ...custody.ClosingQuery) (list []custody.Closing, losses []custody.Loss, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		for _, q := range queries {
			some, err := closingsIn(ctx, tx, q)
			if err != nil {
				return err
			}
			list = append(list, some...)
		}
		losses, err = lossesIn(tx)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the closings: %w", err)
	}
	return list, losses, nil
}

func closingsIn(ctx context.Context, tx *bbolt.Tx, q custody.ClosingQuery) (list []custody.Closing, err error) {
	type name struct {
		kiosk survey.KioskID
		day   survey.Date
	}
	sums := map[name]*custody.Closing{}
	var prefix []byte
	if q.Kiosk != "" {
		prefix = kioskKey(q.Kiosk)
	}
	elsewhere, err := cameElsewhere(tx, prefix)
	if err != nil {
		return nil, err
	}
	var before tallyKey
	said := false
	err = eachAsked(tx, q, prefix, func(k tallyKey, t *tally) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if k.kiosk != before.kiosk || k.chain != before.chain {
			_, said = lastSaid(tx, k.kiosk, k.chain)
		}
		before = k
		c := sums[name{k.kiosk, k.day}]
		if c == nil {
			c = &custody.Closing{Kiosk: k.kiosk, Date: k.day, Excluded: map[survey.Flag]uint64{}}
			sums[name{k.kiosk, k.day}] = c
		}
		t.addTo(c, said, elsewhere[k])
		return nil
	})
	if err != nil {
		return nil, err
	}
	for c := range maps.Values(sums) {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b custody.Closing) int {
		return cmp.Or(cmp.Compare(a.Kiosk, b.Kiosk), cmp.Compare(a.Date, b.Date))
	})
	return list, nil
}

// asked reports whether a query is about a day.
func asked(q custody.ClosingQuery, day survey.Date) bool {
	switch {
	case q.Unknown:
		return day == custody.UnknownDay
	case day == custody.UnknownDay:
		return q.From == 0 && q.To == 0
	}
	return day >= q.From && (q.To == 0 || day <= q.To)
}

// addTo adds a row to a closing. A chain of which the kiosk never said how many it
// issued is taken as complete, and one of which more came than it said has issued what
// came: batches of a chain that was damaged may carry no totals. elsewhere are records
// that it issued, and that came with another chain alone, where they are counted as issued.
func (t *tally) addTo(c *custody.Closing, said bool, elsewhere int64) {
	issued := t.received
	if said {
		issued += max(0, t.lacking()-elsewhere)
	}
	for to, n := range map[*uint64]int64{
		&c.Issued: issued, &c.Received: t.received, &c.Counted: t.counted,
		&c.Held: t.held, &c.Quarantined: t.quarantined, &c.Disputed: t.disputed,
	} {
		*to += uint64(n)
	}
	left := t.received - t.counted - t.held - t.quarantined - t.disputed
	for reason, n := range t.excluded {
		left -= n
		if reason == contradicting {
			c.Disputed += uint64(n)
			continue
		}
		c.Excluded[reason] += uint64(n)
	}
	c.Unaccounted += uint64(max(left, -left))
}

// cameElsewhere counts the records that a chain says it issued on a day and that came on
// another, or with another chain: salvaged, and not received in their own. They are counted by
// their own chain, so that nothing is taken off what a third one lacks.
func cameElsewhere(tx *bbolt.Tx, prefix []byte) (map[tallyKey]int64, error) {
	elsewhere := map[tallyKey]int64{}
	c := tx.Bucket(salvagedBucket).Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		kiosk, rest, ok := parseKiosk(k)
		if !ok || len(rest) != idLen || len(v) != idLen+dayLen {
			return nil, fmt.Errorf("%w: a salvaged record has no name", errDamaged)
		}
		id := parseID(rest)
		old, err := chainIn(tx, id.Chain)
		if err != nil {
			return nil, err
		}
		if last, _ := lastSaid(tx, kiosk, id.Chain); id.Sequence > old.Head.Sequence && id.Sequence <= last {
			elsewhere[tallyKey{kiosk, id.Chain, parseDay(v[idLen:])}]++
		}
	}
	return elsewhere, spread(tx, prefix, elsewhere)
}

// spread takes records that came without a day off the days at which their own chain lacks
// them: the kiosk may have learnt when they were made, and the record that says so is still on
// its way, or came with another chain. The latest days go first: what a kiosk lets go are the
// oldest ones.
func spread(tx *bbolt.Tx, prefix []byte, elsewhere map[tallyKey]int64) error {
	undated := maps.Clone(elsewhere)
	maps.DeleteFunc(undated, func(k tallyKey, _ int64) bool { return k.day != custody.UnknownDay })
	err := eachAsked(tx, custody.ClosingQuery{Unknown: true}, prefix, func(k tallyKey, t *tally) error {
		undated[k] += t.received - t.salvaged - t.issued - t.disputed
		return nil
	})
	for k, n := range undated {
		if err == nil && n > 0 {
			err = spreadOver(tx, k, n, elsewhere)
		}
	}
	return err
}

func spreadOver(tx *bbolt.Tx, k tallyKey, n int64, elsewhere map[tallyKey]int64) error {
	var days []tallyKey
	lacking := map[tallyKey]int64{}
	err := eachTally(tx, append(kioskKey(k.kiosk), k.chain[:]...), func(at tallyKey, t *tally) error {
		days, lacking[at] = append(days, at), t.lacking()
		return nil
	})
	for _, at := range slices.Backward(days) {
		if at != k {
			off := min(n, max(0, lacking[at]-elsewhere[at]))
			n -= off
			elsewhere[at] += off
		}
	}
	return err
}

// Losses are what damaged journals may have lost, ordered by the successors' chains.
func (s *Store) Losses(ctx context.Context) (list []custody.Loss, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		list, err = lossesIn(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the losses: %w", err)
	}
	return list, nil
}

// lossesIn reads one loss for each chain that others speak of. Of two words about one chain
// the earlier holds, and of those of one time the one that says less is still there.
func lossesIn(tx *bbolt.Tx) (list []custody.Loss, err error) {
	type predecessor struct {
		kiosk survey.KioskID
		chain survey.Chain
	}
	type word struct {
		loss custody.Loss
		id   survey.RecordID
	}
	told := map[predecessor]word{}
	err = tx.Bucket(successionBucket).ForEach(func(k, payload []byte) error {
		id := parseID(k)
		st, err := chainIn(tx, id.Chain)
		if err != nil {
			return err
		}
		rec := custody.Record{Chain: id.Chain, Kind: custody.SuccessionRecord, Payload: payload}
		s, err := rec.Succession()
		if err != nil {
			return nil // it says nothing; its record is kept
		}
		of := predecessor{st.Kiosk, s.Predecessor}
		if first, ok := told[of]; ok && cmp.Or(cmp.Compare(first.loss.Succession.To, s.To), cmp.Compare(first.loss.Succession.Last, s.Last)) <= 0 {
			return nil
		}
		told[of] = word{custody.Loss{Kiosk: st.Kiosk, Chain: id.Chain, Succession: s}, id}
		return nil
	})
	for _, w := range told {
		if err == nil {
			err = bound(tx, &w.loss)
		}
		if err == nil {
			w.loss.Heard, err = receivedAt(tx, w.id)
		}
		list = append(list, w.loss)
	}
	slices.SortFunc(list, func(a, b custody.Loss) int {
		return cmp.Or(cmp.Compare(a.Kiosk, b.Kiosk), cmp.Compare(a.Succession.To, b.Succession.To), bytes.Compare(a.Chain[:], b.Chain[:]), bytes.Compare(a.Succession.Predecessor[:], b.Succession.Predecessor[:]))
	})
	return list, err
}

// bound says how many records of a chain are lost, and since when. At least those that the
// kiosk once said were given out, and that neither are here nor stand where it says that it
// has them still. At most all that it had set aside to be given out and that is not here, be
// it on its way: then they were recorded after the last one that is here, and not only after
// the last that the kiosk still had.
func bound(tx *bbolt.Tx, l *custody.Loss) error {
	s := &l.Succession
	old, err := chainIn(tx, s.Predecessor)
	if err != nil {
		return err
	}
	here := old.Head.Sequence
	if old.Kiosk != l.Kiosk {
		here = 0
	}
	there := max(here, s.Last)
	said, _ := lastSaid(tx, l.Kiosk, s.Predecessor)
	less := func(end, here, salvaged uint64) uint64 {
		end -= min(end, here)
		return end - min(end, salvaged)
	}
	came := salvagedAfter(tx, l.Kiosk, s.Predecessor, here)
	known := salvagedAfter(tx, l.Kiosk, s.Predecessor, min(here, s.Last)) - came // of those that are here anyway
	l.AtLeast = less(said, there, max(s.Salvaged-min(s.Salvaged, known), came))  // the others may be on their way
	l.AtMost = less(max(said, s.Last, s.Reserved), here, came)
	if l.From = s.From; here < s.Last {
		l.From, err = madeAt(tx, survey.RecordID{Chain: s.Predecessor, Sequence: here})
	}
	return err
}

// madeAt is when a record was made, ms since 1970; 0 = there is none, or its day is not
// known.
func madeAt(tx *bbolt.Tx, id survey.RecordID) (int64, error) {
	if id.Sequence == 0 {
		return 0, nil
	}
	if at, known := parsePlaced(tx.Bucket(placedBucket).Get(idKey(id))); known {
		return at.UnixMilli(), nil
	}
	_, bytesOf, _ := findBatch(tx.Bucket(batchBucket), id)
	b, err := custody.ParseBatch(bytes.Clone(bytesOf))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errDamaged, err)
	}
	r, err := recordIn(b, id.Sequence)
	if err != nil || r.Fault != nil || r.Clock != custody.ClockSure {
		return 0, err
	}
	return r.Wall, nil
}

// salvagedAfter is how many records of a chain after a sequence were salvaged into another.
func salvagedAfter(tx *bbolt.Tx, kiosk survey.KioskID, chain survey.Chain, sequence uint64) (n uint64) {
	prefix := append(kioskKey(kiosk), chain[:]...)
	first := salvagedKey(kiosk, survey.RecordID{Chain: chain, Sequence: sequence + 1})
	for _, name := range [][]byte{salvagedBucket, salvagedOwnBucket} {
		c := tx.Bucket(name).Cursor()
		for k, _ := c.Seek(first); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			n++
		}
	}
	return n
}

// receivedAt is when the batch came that a record stands in.
func receivedAt(tx *bbolt.Tx, id survey.RecordID) (time.Time, error) {
	c := tx.Bucket(batchBucket).Cursor()
	k, v := c.Seek(idKey(id))
	if !bytes.HasPrefix(k, id.Chain[:]) || len(v) < batchHead {
		return time.Time{}, fmt.Errorf("%w: record %s is missing", errDamaged, id)
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(v))).In(survey.Zone), nil
}
