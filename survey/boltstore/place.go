package boltstore

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"hailong/survey"
)

// kioskPlace is what judging a record needs of the kiosk whose chain brought it: at which
// counters its records may have been made.
type kioskPlace struct {
	gateway  bool                 // with a ticket, at any counter
	counters []survey.CounterCode // that it serves or served before, sorted
}

func placeOf(k *survey.Kiosk) kioskPlace {
	all := slices.Concat(k.Counters, k.Former)
	slices.Sort(all)
	return kioskPlace{gateway: k.Role == survey.OnlineGateway, counters: slices.Compact(all)}
}

func (p kioskPlace) equal(o kioskPlace) bool {
	return p.gateway == o.gateway && slices.Equal(p.counters, o.counters)
}

// placing is whether a kiosk's records may name a counter.
type placing byte

const (
	itsOwn    placing = 0 // it serves the counter, or served it, or the store does not know the kiosk
	byTicket  placing = 1 // only with a ticket
	elsewhere placing = 2
)

// placing is whether records in a kiosk's chains may name a counter.
func (d *definitions) placing(kiosk survey.KioskID, counter survey.CounterCode) placing {
	p, known := d.places[kiosk]
	if !known {
		return itsOwn
	}
	if _, serves := slices.BinarySearch(p.counters, counter); serves {
		return itsOwn
	}
	if p.gateway {
		return byTicket
	}
	return elsewhere
}

func loadPlaces(tx *bbolt.Tx) (map[survey.KioskID]kioskPlace, error) {
	places := map[survey.KioskID]kioskPlace{}
	kiosks := tx.Bucket(kioskBucket)
	err := kiosks.ForEach(func(key, _ []byte) error {
		k, _, err := getJSON[survey.Kiosk](kiosks, key)
		places[survey.KioskID(key)] = placeOf(&k)
		return err
	})
	return places, err
}

// putKiosk keeps a kiosk in place of the one with its id, of which it keeps the counters
// that it serves no more; known says whether there is one. Where its records may be counted
// at other counters than before, those held are judged again.
func (w *writing) putKiosk(ctx context.Context, k, old survey.Kiosk, known bool) (survey.Kiosk, error) {
	former := slices.Concat(k.Former, old.Former, old.Counters)
	former = slices.DeleteFunc(former, func(c survey.CounterCode) bool { return slices.Contains(k.Counters, c) })
	slices.Sort(former)
	k.Former = slices.Compact(former)
	if err := w.putJSON(kioskBucket, []byte(k.ID), k); err != nil {
		return k, err
	}
	now, before := placeOf(&k), w.definitions.places[k.ID]
	if known && now.equal(before) {
		return k, nil
	}
	places := maps.Clone(w.definitions.places)
	places[k.ID] = now
	w.definitions = newDefinitions(w.definitions.structure, w.definitions.inForce, places)
	if !known || before.gateway && !now.gateway {
		if err := w.leaveCounted(k.ID); err != nil {
			return k, err
		}
	}
	if !known {
		return k, nil // until now its records could be counted anywhere
	}
	_, err := w.release(ctx, heldBucket)
	return k, err
}

// leaveCounted notes how far a kiosk's chains had come when its records lost counters at
// which they could be counted: what was counted there stays counted.
func (w *writing) leaveCounted(kiosk survey.KioskID) error {
	chains := map[survey.Chain]bool{} // of which something came: the account has it
	if err := eachTally(w.tx, kioskKey(kiosk), func(k tallyKey, _ *tally) error {
		chains[k.chain] = true
		return nil
	}); err != nil {
		return err
	}
	for chain := range chains {
		st, err := w.chain(chain)
		if err != nil {
			return err
		}
		if st.Kiosk != kiosk {
			continue // a branch of it, or what was said of it
		}
		if err := w.put(anywhereBucket, chain[:], numberKey(st.Head.Sequence)); err != nil {
			return err
		}
	}
	return nil
}

// anywhere is the sequence up to which records of a chain may have been counted wherever
// they were made.
func anywhere(tx *bbolt.Tx, chain survey.Chain) uint64 {
	if v := tx.Bucket(anywhereBucket).Get(chain[:]); len(v) == 8 {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}
