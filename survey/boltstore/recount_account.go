package boltstore

import (
	"bytes"
	"fmt"
	"maps"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// toldClock is what a record of the clock told of a boot, and where it stands.
type toldClock struct {
	sequence uint64
	custody.BootClock
}

// unsureCount is a record whose kiosk was not sure of its clock.
type unsureCount struct {
	id   survey.RecordID
	boot custody.BootID
	at   custody.Record // only Wall and Mono
}

func (c *chainCount) placedAt(id survey.RecordID) (time.Time, bool) {
	return parsePlaced(c.tx.Bucket(placedBucket).Get(idKey(id)))
}

// told notes what a record of the clock says.
func (c *chainCount) told(id survey.RecordID, rec *custody.Record) error {
	clocks, err := rec.Clocks()
	if err != nil {
		return nil // it tells nothing
	}
	for _, clock := range clocks {
		c.clocks[clock.Boot] = append(c.clocks[clock.Boot], toldClock{id.Sequence, clock})
		if c.tx.Bucket(clockBucket).Get(bootRow(id, clock.Boot)) == nil {
			return fmt.Errorf("%w: what record %s tells of the clock is not stored", ErrDiffers, id)
		}
	}
	return nil
}

// placing checks that each unsure record is placed where a later record of the clock
// puts it, and that none waits that one of them places.
func (c *chainCount) placing() error {
	for i := range c.unsure {
		u := &c.unsure[i]
		stored, placed := c.placedAt(u.id)
		told, fits := false, false
		for _, clock := range c.clocks[u.boot] {
			if clock.sequence < u.id.Sequence {
				continue
			}
			if at, sure := clock.Place(&u.at); sure {
				told, fits = true, fits || at.Equal(stored)
			}
		}
		row := bootRow(u.id, u.boot)
		if placed != told || placed && !fits || placed == (c.tx.Bucket(unsureBucket).Get(row) != nil) {
			return fmt.Errorf("%w: record %s is placed at %s, which no record of its chain's clock says", ErrDiffers, u.id, stored)
		}
	}
	return nil
}

// carrier is the record that holds a salvaged one and counts for it.
func (c *chainCount) carrier(id survey.RecordID) (survey.RecordID, bool) {
	v := c.tx.Bucket(salvagedBucket).Get(salvagedKey(c.state.Kiosk, id))
	if v == nil {
		return survey.RecordID{}, false
	}
	return parseID(v), true
}

// standing is what an act is beside another of its identity. Which of them came first is
// as stored; that one of them counts is checked.
func (c *chainCount) standing(a *act) (state, error) {
	if !c.salvage && a.identity == a.id {
		return counted, nil
	}
	first, found := c.carrier(a.identity)
	switch {
	case a.identity == a.id && !found:
		return counted, nil
	case found && first == a.id:
		c.carriers++
		return counted, nil
	case found:
		return beside(a, first, c.stored)
	}
	old, err := chainIn(c.tx, a.identity.Chain)
	if err == nil && old.Head.Sequence < a.identity.Sequence {
		err = fmt.Errorf("%w: record %s, salvaged as %s, counts nowhere", ErrDiffers, a.identity, a.id)
	}
	if err != nil {
		return 0, err
	}
	return beside(a, a.identity, c.stored)
}

// disputes holds the records in dispute against the evidence that they stand in.
func (c *chainCount) disputes() error {
	rows := map[survey.Hash]disputed{}
	if err := eachDisputed(c.tx, c.state.Chain, func(d disputed) error {
		rows[d.hash] = d
		return nil
	}); err != nil {
		return err
	}
	forks, acts, size := c.against, c.against, uint64(0)
	found := map[survey.Hash]bool{}
	if err := eachFork(c.tx, c.state.Chain, func(batch []byte) error {
		forks, size = forks+1, size+uint64(len(batch))
		c.step()
		return c.evidence(batch, rows, found)
	}); err != nil {
		return err
	}
	for _, d := range rows {
		if d.kind == ownRecord {
			continue
		}
		acts++
		t := c.tally(tallyKey{d.kiosk, c.state.Chain, d.day})
		t.received++
		t.disputed++
	}
	st := c.state
	if len(found) != len(rows) || forks != st.Forks || acts != st.Disputed || uint64(len(rows)) != st.evidence || size != st.evidenceBytes {
		return fmt.Errorf("%w: chain %s: stored %d forks with %d records, %d of them answers; its evidence has %d batches with %d of %d records, %d of them answers",
			ErrDiffers, st.Chain, st.Forks, st.evidence, st.Disputed, forks, len(found), len(rows), acts)
	}
	return nil
}

// evidence checks that each record of a batch kept as evidence is in dispute, or one of
// the chain's own, and notes which rows it vouches for.
func (c *chainCount) evidence(data []byte, rows map[survey.Hash]disputed, found map[survey.Hash]bool) error {
	b, err := custody.ParseBatch(bytes.Clone(data))
	if err != nil {
		return fmt.Errorf("%w: evidence against chain %s: %w", ErrDiffers, c.state.Chain, err)
	}
	for i := range b.Records {
		rec := &b.Records[i]
		id := survey.RecordID{Chain: c.state.Chain, Sequence: b.Header.First + uint64(i)}
		d, disputed := rows[rec.Hash]
		if !disputed {
			if own, err := c.hashAt(id); err != nil || own != rec.Hash {
				return fmt.Errorf("%w: record %d of the evidence against chain %s is not accounted for", ErrDiffers, id.Sequence, id.Chain)
			}
			continue
		}
		if d.kiosk != b.Header.Kiosk {
			continue // another piece of evidence has it, too
		}
		a, isAct := actOf(id, rec, custody.UnknownDay, neverPlaced)
		if d.kind != unreadAct && (isAct != (d.kind == readAct) || a.day != d.day) {
			return fmt.Errorf("%w: record %d of the evidence against chain %s is accounted for on %q", ErrDiffers, id.Sequence, id.Chain, d.day)
		}
		found[rec.Hash] = true
	}
	return nil
}

func (c *chainCount) hashAt(id survey.RecordID) (survey.Hash, error) {
	rec, err := c.stored(id)
	if err != nil {
		return survey.Hash{}, err
	}
	return rec.Hash, nil
}

// stored is a record of any chain.
func (c *chainCount) stored(id survey.RecordID) (*custody.Record, error) {
	key, batch, _ := findBatch(c.tx.Bucket(batchBucket), id)
	if key == nil {
		return nil, fmt.Errorf("%w: record %s is missing", errDamaged, id)
	}
	b, err := custody.ParseBatch(bytes.Clone(batch))
	if err != nil {
		return nil, err
	}
	return recordIn(b, id.Sequence)
}

// compareAccount holds the rows of the account against what was recounted. What kiosks
// said they issued is not in the batches.
func (r *recounting) compareAccount() error {
	if rows := r.tx.Bucket(salvagedBucket).Stats().KeyN; rows != r.carriers {
		return fmt.Errorf("%w: %d salvaged records are stored, %d are there", ErrDiffers, rows, r.carriers)
	}
	if rows := r.tx.Bucket(salvagedOwnBucket).Stats().KeyN; rows != len(r.ownSalvaged) {
		return fmt.Errorf("%w: %d salvaged records of journals' own are stored, %d are there", ErrDiffers, rows, len(r.ownSalvaged))
	}
	if rows := r.tx.Bucket(ticketBucket).Stats().KeyN; rows != r.uses {
		return fmt.Errorf("%w: %d records made with tickets are stored, %d are there", ErrDiffers, rows, r.uses)
	}
	if err := eachTally(r.tx, nil, func(k tallyKey, stored *tally) error {
		want := r.tally(k)
		if !stored.same(want) {
			return fmt.Errorf("%w: closings of kiosk %s, chain %s, day %q: stored %+v, recounted %+v", ErrDiffers, k.kiosk, k.chain, k.day, *stored, *want)
		}
		delete(r.tallies, k)
		return nil
	}); err != nil {
		return err
	}
	for k, want := range r.tallies {
		if !want.isZero() {
			return fmt.Errorf("%w: closings of kiosk %s, chain %s, day %q are missing", ErrDiffers, k.kiosk, k.chain, k.day)
		}
	}
	return nil
}

// same reports whether two rows account for the same records.
func (t *tally) same(o *tally) bool {
	return t.received == o.received && t.salvaged == o.salvaged && t.counted == o.counted && t.held == o.held && t.quarantined == o.quarantined &&
		t.disputed == o.disputed && maps.Equal(t.excluded, o.excluded)
}
