package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// kioskProblem is something about a kiosk that needs a person.
type kioskProblem string

const (
	forked     kioskProblem = "forked"      // its records contradict what is kept: a copied card, or edited data
	troubled   kioskProblem = "trouble"     // it says itself that it cannot record, or that somebody should look
	damaged    kioskProblem = "damaged"     // a journal of it was damaged, and records may be lost
	unreadable kioskProblem = "quarantined" // some of its records cannot be read
	waiting    kioskProblem = "held"        // some of its records wait for a questionnaire or a counter
	silent     kioskProblem = "silent"      // it is not connected
)

// contactLife is how long after a kiosk was heard of it counts as connected: two of its
// heartbeats and a little.
const contactLife = 5 * time.Minute

// oneKiosk puts together what is known of a kiosk, but for what only [Console.unsent] finds.
func oneKiosk(k survey.Kiosk, chains []custody.ChainState, losses []lossJSON, beat Heartbeat, now time.Time) kioskJSON {
	item := kioskJSON{
		ID: k.ID, Name: k.Name, Role: k.Role, Counters: list(k.Counters),
		Enrolled: k.Enrolled.In(survey.Zone), Chains: []chainJSON{}, Losses: list(losses),
	}
	if k.Revoked != nil {
		at := k.Revoked.In(survey.Zone)
		item.Revoked = &at
	}
	var newest time.Time
	for _, s := range chains {
		item.Chains = append(item.Chains, chainJSON{
			Chain: s.Chain.String(), Head: s.Head.Sequence, Hash: s.Head.Hash.String(),
			Held: s.Held, Quarantined: s.Quarantined, Forks: s.Forks, Disputed: s.Disputed, Unkept: s.Unkept, Received: s.Received.In(survey.Zone),
		})
		item.Held += s.Held
		item.Quarantined += s.Quarantined
		item.Forks += s.Forks
		item.Disputed += s.Disputed
		item.Unkept += s.Unkept
		if s.Received.After(newest) {
			newest = s.Received
		}
	}
	item.orderChains()
	item.say(beat)
	if beat.At.After(newest) {
		newest = beat.At
	}
	if !newest.IsZero() {
		at := newest.In(survey.Zone)
		item.LastContact = &at
	}
	item.Connected = !newest.IsZero() && now.Sub(newest) <= contactLife
	item.Problems = problemsOf(&item)
	return item
}

// orderChains puts the present chain first, and takes the head from it. A chain that another
// went on for is over, even where records of it arrive last: from its exported journal.
func (k *kioskJSON) orderChains() {
	over := func(c chainJSON) int {
		if slices.ContainsFunc(k.Losses, func(l lossJSON) bool { return l.Predecessor == c.Chain }) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(k.Chains, func(a, b chainJSON) int {
		return cmp.Or(cmp.Compare(over(a), over(b)), b.Received.Compare(a.Received))
	})
	if len(k.Chains) > 0 {
		k.Head = k.Chains[0].Head
	}
}

// say takes over what the kiosk last said of itself.
func (k *kioskJSON) say(beat Heartbeat) {
	if beat.At.IsZero() {
		return
	}
	skew := beat.Skew.Seconds()
	k.Refused, k.ClockSkew, k.Software = &beat.Refused, &skew, beat.Software
	if beat.Free >= 0 {
		k.Free = &beat.Free
	}
	if beat.Trouble != "" {
		k.Trouble = &beat.Trouble
	}
}

// problemsOf lists what needs a person. A kiosk that was shut out needs nobody any more.
func problemsOf(k *kioskJSON) []kioskProblem {
	list := []kioskProblem{}
	for _, each := range []struct {
		is   bool
		what kioskProblem
	}{
		{k.Forks > 0, forked}, {k.Trouble != nil, troubled}, {slices.ContainsFunc(k.Losses, lossJSON.lost), damaged},
		{k.Quarantined > 0, unreadable}, {k.Held > 0, waiting}, {!k.Connected, silent},
	} {
		if each.is && k.Revoked == nil {
			list = append(list, each.what)
		}
	}
	return list
}

// unsent reckons how many records each kiosk has that have not arrived: what it last said of
// its chains less what is received now, whether it is there or not. Of a chain that another
// went on for, those that the kiosk said it has still; the others came with that one, or are
// declared lost.
func (c *Console) unsent(ctx context.Context, kiosks []kioskJSON) error {
	for i := range kiosks {
		k := &kiosks[i]
		said, err := c.store.Said(ctx, k.ID)
		if err != nil {
			return fmt.Errorf("read what kiosk %s said of its chains: %w", k.ID, err)
		}
		if len(said)+len(k.Losses) == 0 {
			continue
		}
		k.Unsent = new(uint64)
		for _, s := range said {
			name := s.Chain.String()
			if !slices.ContainsFunc(k.Losses, func(l lossJSON) bool { return l.Predecessor == name }) {
				*k.Unsent = plus(*k.Unsent, k.lacking(name, s.Totals.Last))
			}
		}
		for _, l := range k.Losses {
			*k.Unsent = plus(*k.Unsent, k.lacking(l.Predecessor, l.there))
		}
	}
	return nil
}

// lacking is how many records of a chain up to last have not arrived.
func (k *kioskJSON) lacking(chain string, last uint64) uint64 {
	var head uint64
	if at := slices.IndexFunc(k.Chains, func(h chainJSON) bool { return h.Chain == chain }); at >= 0 {
		head = k.Chains[at].Head
	}
	return last - min(last, head)
}
