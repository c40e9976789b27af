package intake

import (
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// A chain is stuck until what could not be kept is there, or lies among the evidence. That
// a kiosk was answered says nothing: it is answered to a gap, too.
func TestWhatEndsBeingStuck(t *testing.T) {
	chain, other := sender{"k-a", survey.Chain{1}}, sender{"k-b", survey.Chain{2}}
	arrival := func(from sender, c custody.Case, head uint64) (Judged, []custody.Kept) {
		return Judged{Kiosk: from.kiosk, Chain: from.chain, Arrival: &custody.Arrival{}}, []custody.Kept{{Case: c, Head: custody.Head{Sequence: head}}}
	}
	for _, c := range []struct {
		what string
		from sender
		is   custody.Case
		head uint64
		ends bool
	}{
		{"a gap", chain, custody.Gap, 4, false},
		{"a duplicate of what was there before", chain, custody.Duplicate, 4, false},
		{"a part of it", chain, custody.New, 6, false},
		{"all of it", chain, custody.New, 7, true},
		{"a duplicate of it", chain, custody.Duplicate, 7, true},
		{"another branch", chain, custody.Fork, 4, true},
		{"another chain", other, custody.New, 9, false},
	} {
		told := -1
		in := New(Options{OnStuck: func(chains int) { told = chains }})
		in.stuck[chain] = 7
		judged, kept := arrival(c.from, c.is, c.head)
		in.unstick([]Judged{judged}, kept)
		if ended := len(in.stuck) == 0; ended != c.ends || (told == 0) != c.ends {
			t.Errorf("%s: stuck are %d chains, told %d", c.what, len(in.stuck), told)
		}
	}
	in := New(Options{})
	in.stuck[chain] = 7
	in.unstick([]Judged{{Kiosk: chain.kiosk, Chain: chain.chain, Rejected: &custody.Rejected{}}}, nil)
	if len(in.stuck) != 0 {
		t.Error("stuck, though it was rejected and kept apart")
	}
}
