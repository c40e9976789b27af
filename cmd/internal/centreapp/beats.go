package centreapp

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"hailong/survey"
	"hailong/survey/console"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// beats hold the last heartbeat of each kiosk since this start. Nothing is decided by
// them; they tell people who is connected and how much is still to come.
type beats struct {
	now func() time.Time

	mu   sync.Mutex // protects last
	last map[survey.KioskID]console.Heartbeat
}

func newBeats(now func() time.Time) *beats {
	return &beats{now: now, last: map[survey.KioskID]console.Heartbeat{}}
}

// listen hears heartbeats until ctx ends.
func (a *App) listen(ctx context.Context) error {
	sub, err := a.broker.Conn().SubscribeSync(wire.AllHeartbeats)
	if err != nil {
		return fmt.Errorf("listen for heartbeats: %w", err)
	}
	go func() {
		defer func() { _ = sub.Unsubscribe() }() // the connection closes next
		for ctx.Err() == nil && sub.IsValid() {
			if m, err := sub.NextMsgWithContext(ctx); err == nil { // some were dropped otherwise, and more will come
				a.hearBeat(wire.Kiosk(m.Subject), m.Data)
			}
		}
	}()
	return nil
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
	a.beats.take(k, h)
}

// take keeps a heartbeat.
func (b *beats) take(k survey.KioskID, h custody.Heartbeat) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[k] = console.Heartbeat{At: b.now(), Unsent: h.Unsent}
}

// all is the last heartbeat of every kiosk heard of.
func (b *beats) all() map[survey.KioskID]console.Heartbeat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.last)
}
