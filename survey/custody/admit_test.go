package custody_test

import (
	"errors"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// shelf is what a store holds of a chain: the hashes of 1, 2, 3 …
type shelf []survey.Hash

func (s shelf) head() custody.Head {
	if len(s) == 0 {
		return custody.Head{}
	}
	return custody.Head{Sequence: uint64(len(s)), Hash: s[len(s)-1]}
}

func (s shelf) hashAt(seq uint64) (survey.Hash, error) {
	if seq < 1 || seq > uint64(len(s)) {
		return survey.Hash{}, errors.New("no such record")
	}
	return s[seq-1], nil
}

func shelfOf(n uint64) shelf {
	_, records := run(1, n)
	return hashes(records)
}

func hashes(records []custody.Record) (s shelf) {
	for _, r := range records {
		s = append(s, r.Hash)
	}
	return s
}

// otherBranch is the chain as a cloned card goes on with it: the same up to the
// sequence keep, different from there.
func otherBranch(keep, first, last uint64) *custody.Batch {
	var at, previous survey.Hash
	var records []custody.Record
	for seq := uint64(1); seq <= last; seq++ {
		r := plainPress()
		if seq > keep {
			r.Channel = survey.Button
		}
		rec := link(seq, at, r)
		if seq < first {
			previous = rec.Hash
		} else {
			records = append(records, rec)
		}
		at = rec.Hash
	}
	return custody.NewBatch(kiosk, kioskKey, previous, records, nil, nil)
}

func TestAdmit(t *testing.T) {
	for name, c := range map[string]struct {
		held  uint64
		batch *custody.Batch
		want  custody.Case
		fresh []uint64 // first and last
	}{
		"the very first":                        {0, batchOf(1, 3), custody.New, []uint64{1, 3}},
		"the next":                              {3, batchOf(4, 6), custody.New, []uint64{4, 6}},
		"overlaps and goes on":                  {5, batchOf(3, 8), custody.New, []uint64{6, 8}},
		"all again and one more":                {5, batchOf(1, 6), custody.New, []uint64{6, 6}},
		"the same again":                        {3, batchOf(1, 3), custody.Duplicate, nil},
		"the last one again":                    {3, batchOf(3, 3), custody.Duplicate, nil},
		"long known, from the middle":           {9, batchOf(4, 6), custody.Duplicate, nil},
		"a first batch that is not the first":   {0, batchOf(2, 3), custody.Gap, nil},
		"one is missing between":                {3, batchOf(5, 6), custody.Gap, nil},
		"differs in the overlap":                {5, otherBranch(3, 3, 8), custody.Fork, nil},
		"differs at the head":                   {5, otherBranch(4, 5, 8), custody.Fork, nil},
		"differs at the head, ends there":       {5, otherBranch(4, 5, 5), custody.Fork, nil},
		"differs long before":                   {9, otherBranch(2, 2, 4), custody.Fork, nil},
		"differs before it begins, at joint":    {5, otherBranch(3, 6, 8), custody.Fork, nil},
		"differs before it begins, overlapping": {5, otherBranch(1, 4, 8), custody.Fork, nil},
		"branches only after what is held":      {5, otherBranch(6, 4, 8), custody.New, []uint64{6, 8}},
		"says it begins the chain, after one":   {1, otherBranch(0, 1, 2), custody.Fork, nil},
	} {
		t.Run(name, func(t *testing.T) {
			have := shelfOf(c.held)
			got, fresh, err := custody.Admit(have.head(), c.batch, have.hashAt)
			if err != nil || got != c.want {
				t.Fatalf("%v, %v, want %v", got, err, c.want)
			}
			if c.fresh == nil {
				if fresh != nil {
					t.Errorf("%d fresh records of a %v", len(fresh), got)
				}
				return
			}
			if fresh[0].Sequence != c.fresh[0] || fresh[len(fresh)-1].Sequence != c.fresh[1] {
				t.Errorf("fresh are %d to %d, want %v", fresh[0].Sequence, fresh[len(fresh)-1].Sequence, c.fresh)
			}
			if fresh[len(fresh)-1].Hash != c.batch.Header.LastHash {
				t.Error("they do not end at the new head")
			}
		})
	}
}

// What comes before a record that cannot be read is not vouched for by its hash: one
// who keeps that record may have changed all before it.
func TestAForkHidesBehindNoUnreadableRecord(t *testing.T) {
	branch := func(channel survey.Channel, first uint64) *custody.Batch {
		r := plainPress()
		r.Channel = channel
		one := link(1, survey.Hash{}, plainPress())
		two := link(2, one.Hash, r) // differs by channel
		three := unreadable("noise")
		three.Sequence = 3
		four := link(4, three.Hash, plainPress())
		all := []custody.Record{one, two, three, four}
		previous := map[uint64]survey.Hash{2: one.Hash, 3: two.Hash}[first]
		return custody.NewBatch(kiosk, kioskKey, previous, all[first-1:], nil, nil)
	}
	have := hashes(branch(survey.Touch, 1).Records)
	for _, c := range []struct {
		channel survey.Channel
		first   uint64
		want    custody.Case
	}{
		{survey.Touch, 1, custody.Duplicate}, {survey.Touch, 2, custody.Duplicate}, {survey.Touch, 3, custody.Duplicate},
		{survey.Button, 1, custody.Fork}, {survey.Button, 2, custody.Fork}, {survey.Button, 3, custody.Fork},
	} {
		b := mustParse(t, branch(c.channel, c.first).Message())
		if err := b.Verify(public(kioskKey)); err != nil {
			t.Fatal(err)
		}
		if got, _, err := custody.Admit(have.head(), b, have.hashAt); got != c.want || err != nil {
			t.Errorf("%s from %d: %v, %v, want %v", c.channel, c.first, got, err, c.want)
		}
	}
}

func TestAdmitSaysWhatItCouldNotLookUp(t *testing.T) {
	lost := errors.New("the page is damaged")
	_, fresh, err := custody.Admit(shelfOf(9).head(), batchOf(4, 6), func(uint64) (survey.Hash, error) { return survey.Hash{}, lost })
	if !errors.Is(err, lost) || fresh != nil || err.Error() != "look up sequence 6 of chain c0ffee00000000000000000000000000: the page is damaged" {
		t.Errorf("%v", err)
	}
}

func TestCasesHaveNames(t *testing.T) {
	for c, want := range map[custody.Case]string{0: "?", custody.New: "new", custody.Duplicate: "duplicate", custody.Gap: "gap", custody.Fork: "fork"} {
		if c.String() != want {
			t.Errorf("case %d is called %s", c, c)
		}
	}
}
