package intake

import (
	"maps"
	"sync"
	"time"
)

// How often the same refusal is spoken of, and how many different ones are told apart:
// names that were never enrolled are whatever a stranger likes.
const (
	speakEvery = time.Hour
	maxKnocks  = 1000
)

// Knocks says when to speak of a refusal that comes again and again: a box that was shut
// out and that nobody looks after knocks every few seconds for months.
type Knocks struct {
	now func() time.Time

	mu   sync.Mutex // protects seen
	seen map[string]knock
}

// knock is a refusal: when it was last spoken of, and how many came since.
type knock struct {
	spoken time.Time
	times  int
}

// NewKnocks makes an empty one with a clock.
func NewKnocks(now func() time.Time) *Knocks {
	return &Knocks{now: now, seen: map[string]knock{}}
}

// Knock counts one more of a refusal. It is to be spoken of if the answer is not 0: for the
// first time, and then once an hour at most. The answer is how many there were since it was
// spoken of before.
func (k *Knocks) Knock(refusal string) (times int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	due := func(seen knock) bool { return now.Sub(seen.spoken).Abs() >= speakEvery }
	if _, known := k.seen[refusal]; !known && len(k.seen) >= maxKnocks {
		maps.DeleteFunc(k.seen, func(_ string, seen knock) bool { return due(seen) })
		if len(k.seen) >= maxKnocks {
			refusal = "" // one for all that there is no room to tell apart
		}
	}
	seen := k.seen[refusal]
	seen.times++
	if times = seen.times; due(seen) {
		k.seen[refusal] = knock{spoken: now}
		return times
	}
	k.seen[refusal] = seen
	return 0
}
