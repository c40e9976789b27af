package boltstore

import (
	"errors"
	"testing"

	"hailong/survey"
	"hailong/survey/score"
)

// TestRecountHoldsOnlyWhatIsLinked counts a chain of a thousand presses, of which two
// belong together: only these wait in memory until the chain's end.
func TestRecountHoldsOnlyWhatIsLinked(t *testing.T) {
	chain := survey.Chain{7}
	c := &chainCount{
		recounting: &recounting{definitions: &definitions{catalogue: &survey.Catalogue{}}, facts: map[placed]score.Count{}, tallies: map[tallyKey]*tally{}},
		state:      &chainState{}, roots: map[uint64]uint64{}, sizes: map[uint64]int{},
		linked: map[uint64]bool{5: true, 900: true}, sessions: map[uint64][]score.Placed{},
	}
	take := func(seq, replaces uint64) error {
		resp := survey.Response{Counter: "Q1", Channel: survey.Touch, Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 3}}}
		if replaces > 0 {
			resp.Replaces = survey.RecordID{Chain: chain, Sequence: replaces}
		}
		id := survey.RecordID{Chain: chain, Sequence: seq}
		return c.count(&act{id: id, identity: id}, &verdict{state: counted, hour: 490000, response: &resp})
	}
	for seq := uint64(1); seq <= 1000; seq++ {
		if err := take(seq, map[uint64]uint64{900: 5}[seq]); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.sessions) != 1 || len(c.sessions[5]) != 2 {
		t.Errorf("%d sessions are held, %d records in the one with a link", len(c.sessions), len(c.sessions[5]))
	}
	if n := c.tallyOf(survey.Hour(490000).Date()).counted; n != 998 {
		t.Errorf("%d of 998 records without a link are accounted for already", n)
	}
	// A link that the store does not know of would be counted wrongly: it is a difference.
	if err := take(1001, 6); !errors.Is(err, ErrDiffers) {
		t.Errorf("a link that is not stored gave %v", err)
	}
}
