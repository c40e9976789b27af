package centreapp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"hailong/survey"
	"hailong/survey/console"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// beats hold the last heartbeat of each kiosk since this start, for people, and what the
// heartbeats say that kiosks have issued, on its way to the store.
type beats struct {
	now func() time.Time

	mu   sync.Mutex // protects what follows
	last map[survey.KioskID]console.Heartbeat
	said map[saying]custody.Said
}

// saying is what a word about issued responses is about.
type saying struct {
	kiosk survey.KioskID
	chain survey.Chain
}

func newBeats(now func() time.Time) *beats {
	return &beats{now: now, last: map[survey.KioskID]console.Heartbeat{}, said: map[saying]custody.Said{}}
}

// listen begins to hear heartbeats; hear goes on until its context ends.
func (a *App) listen() (hear func(context.Context), err error) {
	sub, err := a.broker.Conn().SubscribeSync(wire.AllHeartbeats)
	if err != nil {
		return nil, fmt.Errorf("listen for heartbeats: %w", err)
	}
	return func(ctx context.Context) {
		defer func() { _ = sub.Unsubscribe() }() // the connection closes next
		for ctx.Err() == nil && sub.IsValid() {
			if m, err := sub.NextMsgWithContext(ctx); err == nil { // some were dropped otherwise, and more will come
				a.hearBeat(wire.Kiosk(m.Subject), m.Data)
			}
		}
	}, nil
}

// hearBeat keeps a heartbeat. One that cannot be read or is not signed by its kiosk is
// left out: the kiosk's batches still say when it was heard of.
func (a *App) hearBeat(k survey.KioskID, data []byte) {
	key, enrolled, err := a.keyOf(k)
	if err != nil || !enrolled {
		return
	}
	h, err := custody.OpenHeartbeat(data, key)
	if err != nil {
		a.log.Warn("heartbeat left out", "kiosk", k, "error", err)
		return
	}
	a.beats.take(k, h, data)
}

// take keeps a heartbeat and its bytes.
func (b *beats) take(k survey.KioskID, h custody.Heartbeat, data []byte) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[k] = console.Heartbeat{
		At: now, Free: h.Free, Refused: h.Refused, Trouble: h.Trouble,
		Skew: time.Duration(h.Skew) * time.Millisecond, Software: h.Software,
	}
	said := custody.Said{Kiosk: k, Chain: h.Chain, Totals: *h.Totals, Signed: data, Received: now}
	if h.Last == h.Totals.Last { // or a press came between the two
		said.LastSum = h.LastSum
	}
	b.said[saying{k, h.Chain}] = said
}

// all is the last heartbeat of every kiosk heard of.
func (b *beats) all() map[survey.KioskID]console.Heartbeat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.last)
}

// gathered are the words said since it was asked last.
func (b *beats) gathered() []custody.Said {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.Collect(maps.Values(b.said))
	clear(b.said)
	return list
}

// gatherFor is how long words wait for others, so that many kiosks share a commit.
const gatherFor = time.Second

// keepTotals puts what kiosks say that they have issued into the store until ctx ends, and
// then what is left. Words that could not be kept are not tried again: each heartbeat says
// them anew.
func (a *App) keepTotals(ctx context.Context) {
	tick := time.NewTicker(gatherFor)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		list := a.beats.gathered()
		if len(list) == 0 {
			continue
		}
		if err := a.store.PutTotals(context.Background(), list); err != nil { // the last ones, too
			a.log.Error("what kiosks say that they have issued was not kept", "kiosks", len(list), "error", err)
		}
	}
}
