package sim

import (
	"crypto/sha256"
	"maps"
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
)

// store is what the centre has committed. It does with batches what every central store
// does, by the same rule of admission.
type store struct {
	epoch  custody.Epoch
	chains map[survey.Chain]*chain
	order  []survey.Chain // as they came
}

// chain is one chain in the store.
type chain struct {
	kiosk   survey.KioskID
	records []custody.Record
	ledger  *custody.Ledger
	issued  issued
	forks   [][]custody.Record // contradicting batches, kept as evidence
	known   map[survey.Hash]bool
}

// issued is what the kiosk's signed words say of one chain, day by day.
type issued struct {
	last uint64
	days map[survey.Date]uint64
}

func newStore() *store { return &store{chains: map[survey.Chain]*chain{}} }

func (s *store) clone() *store {
	n := &store{epoch: s.epoch, chains: map[survey.Chain]*chain{}, order: slices.Clone(s.order)}
	for name, c := range s.chains {
		n.chains[name] = &chain{
			kiosk: c.kiosk, records: slices.Clip(c.records), ledger: c.ledger.Clone(),
			issued: issued{c.issued.last, maps.Clone(c.issued.days)}, forks: slices.Clip(c.forks), known: maps.Clone(c.known),
		}
	}
	return n
}

// torn is a copy of which the end of each chain is missing.
func (s *store) torn() *store {
	n := s.clone()
	for _, c := range n.chains {
		c.records = slices.Clip(c.records[:len(c.records)/2])
		c.ledger = &custody.Ledger{}
		for i := range c.records {
			c.ledger.Add(&c.records[i])
		}
	}
	return n
}

func (s *store) head(name survey.Chain) custody.Head {
	if c := s.chains[name]; c != nil && len(c.records) > 0 {
		last := &c.records[len(c.records)-1]
		return custody.Head{Sequence: last.Sequence, Hash: last.Hash}
	}
	return custody.Head{}
}

// at is a record of a chain, nil if it is not there.
func (s *store) at(id survey.RecordID) *custody.Record {
	if c := s.chains[id.Chain]; c != nil && id.Sequence-1 < uint64(len(c.records)) {
		return &c.records[id.Sequence-1]
	}
	return nil
}

// chain is the chain of that name, begun now if it is new.
func (s *store) chain(name survey.Chain, kiosk survey.KioskID) *chain {
	c := s.chains[name]
	if c == nil {
		c = &chain{kiosk: kiosk, ledger: &custody.Ledger{}, issued: issued{days: map[survey.Date]uint64{}}, known: map[survey.Hash]bool{}}
		s.chains[name] = c
		s.order = append(s.order, name)
	}
	return c
}

// keep takes in verified batches, in one transaction.
func (s *store) keep(w *world, arrivals []custody.Arrival) []custody.Kept {
	kept := make([]custody.Kept, len(arrivals))
	for i, a := range arrivals {
		b := a.Batch
		c := s.chain(b.Header.Chain, b.Header.Kiosk)
		head := s.head(b.Header.Chain)
		which, fresh, err := custody.Admit(head, b, func(seq uint64) (survey.Hash, error) { return c.records[seq-1].Hash, nil })
		if err != nil || c.kiosk != b.Header.Kiosk {
			w.fail("store", "a batch from %d on: %v", b.Header.First, err)
		}
		if which == custody.Fork && w.opts.broken == forksAreRepeats {
			which = custody.Duplicate
		}
		c.take(which, b, fresh)
		kept[i] = custody.Kept{Case: which, Head: s.head(b.Header.Chain)}
		w.tell("the centre: %d to %d of chain %x: %s, head %d", b.Header.First, b.Header.Last(), b.Header.Chain[:3], which, kept[i].Head.Sequence)
	}
	return kept
}

func (c *chain) take(which custody.Case, b *custody.Batch, fresh []custody.Record) {
	switch which {
	case custody.Fork:
		if sum := survey.Hash(sha256.Sum256(b.Bytes)); !c.known[sum] {
			c.known[sum] = true
			c.forks = append(c.forks, b.Records)
		}
	case custody.New, custody.Duplicate:
		for i := range fresh {
			c.records = append(c.records, fresh[i])
			c.ledger.Add(&fresh[i])
		}
		c.issued.hear(b.Header.Totals)
	}
}

// hear takes the kiosk's word in; an older one changes nothing.
func (n *issued) hear(t *custody.Totals) {
	if t == nil || t.Last < n.last {
		return
	}
	n.last = t.Last
	for _, d := range t.Days {
		n.days[d.Day] = d.Issued
	}
}
