package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"hailong/sync/wire"
)

// WatchEvery is how often a centre in service tries whether the stream takes anything.
const WatchEvery = 5 * time.Second

// Event is something that the watch saw or did.
type Event struct {
	Kind EventKind
	Err  error // what was wrong; nil for Well
}

// EventKind names an event, for logs and counters.
type EventKind string

// The events.
const (
	// Unwell: the stream does not take batches. Said once, until it is well again.
	Unwell EventKind = "unwell"
	// Well: it takes them again, or refuses them cleanly because it is full.
	Well EventKind = "well"
	// StreamMade: the stream was gone and is there again, empty.
	StreamMade EventKind = "stream_made"
	// Restarted: the embedded server was stuck and was started again.
	Restarted EventKind = "restarted"
	// SyncUnseen: the server is external, and no client can see whether it syncs what it
	// acknowledges. Said once, at the start of the watch.
	SyncUnseen EventKind = "sync_unseen"
)

var errSyncUnseen = errors.New("whether the external message server writes to disk what it acknowledges cannot be seen from here: " +
	"its settings must say jetstream { sync_interval: always }, or a power cut makes every kiosk send again")

// Err says why the stream does not take batches, as the watch last saw it; nil while all
// is well, or nobody watches.
func (b *Broker) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Watch sees to it, until ctx ends, that the stream takes batches: it publishes a canary
// into it once in every. A stream that is gone is made again. When several canaries
// running stay unanswered and nothing else is taken either, the embedded server is stuck (a full volume does that to it,
// and it stays stuck when there is room again) and is started again; if that does not
// help, without its files. An external server is its operator's to start again. tell
// hears what happens and must not block for long; nil = nobody.
func (b *Broker) Watch(ctx context.Context, every time.Duration, tell func(Event)) {
	if tell == nil {
		tell = func(Event) {}
	}
	if b.own == nil {
		tell(Event{SyncUnseen, errSyncUnseen})
	}
	v := newVigil()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.tend(ctx, v, every, tell)
		}
	}
}

// tend tries the stream once, waiting at most so long, and does what is due.
func (b *Broker) tend(ctx context.Context, v *vigil, within time.Duration, tell func(Event)) {
	err := b.canary(ctx, within)
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrStreamNotFound) {
		gone := err
		if err = b.ensureStream(ctx); err == nil {
			tell(Event{StreamMade, gone})
		}
	}
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		v.well()
		b.note(nil, tell)
		return
	}
	if last := b.lastTaken(ctx, within); last != 0 && last != v.last {
		v.last = last // busy, not stuck: thousands of kiosks may be ahead of the canary
		return
	}
	var room error
	if b.own != nil {
		room = b.own.room()
	}
	due := v.unwell(room == nil)
	if due != bide || v.missed >= patience {
		b.note(errors.Join(err, room), tell)
	}
	if b.own == nil || due == bide {
		return
	}
	if failed := b.restart(ctx, due, err); failed != nil {
		b.note(failed, tell)
		return
	}
	tell(Event{Restarted, err})
}

// canary publishes what nobody needs and waits for the stream's answer. That the stream
// is full is a good answer.
func (b *Broker) canary(ctx context.Context, within time.Duration) error {
	if !b.conn.IsConnected() {
		return errors.New("the message server is not reached")
	}
	js, err := jetstream.New(b.conn)
	if err != nil {
		return fmt.Errorf("use the message server's streams: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, err = js.Publish(ctx, wire.Canary, nil, jetstream.WithRetryAttempts(0))
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == streamFull {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stream %s takes nothing: %w", wire.Stream, err)
	}
	return nil
}

// lastTaken is the number that the stream gave last, 0 if it does not say.
func (b *Broker) lastTaken(ctx context.Context, within time.Duration) uint64 {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	js, err := jetstream.New(b.conn)
	if err != nil {
		return 0
	}
	s, err := js.Stream(ctx, wire.Stream)
	if err != nil {
		return 0
	}
	return s.CachedInfo().State.LastSeq
}

// streamFull is the server's word for a stream that has come to its MaxBytes.
const streamFull = 10077

// restart ends the embedded server and starts it again, on the same address, with its
// files or without.
func (b *Broker) restart(ctx context.Context, how remedy, cause error) error {
	b.life.Lock()
	defer b.life.Unlock()
	if b.closed {
		return errors.New("the message server is closed")
	}
	b.own.stop()
	if how == anew {
		return b.openAnew(ctx, cause)
	}
	return b.open(ctx)
}

// note keeps what Err says, and tells it when it begins or ends.
func (b *Broker) note(err error, tell func(Event)) {
	b.mu.Lock()
	before := b.err
	b.err = err
	b.mu.Unlock()
	switch {
	case before == nil && err != nil:
		tell(Event{Unwell, err})
	case before != nil && err == nil:
		tell(Event{Well, nil})
	}
}

// remedy is what is due.
type remedy uint8

const (
	bide  remedy = iota // wait and see
	again               // start the server again
	anew                // start it without its files
)

// How many canaries running may stay unanswered before the server is started again:
// patience at first, twice as many each time, patienceMax at most, and patience again
// after calm answers running.
const (
	patience    = 3
	patienceMax = 96
	calm        = 60
)

// vigil counts canaries and decides when the server is started again.
type vigil struct {
	missed   int // running
	answered int // running
	limit    int // of missed
	tried    bool
	last     uint64 // what the stream had given when a canary was last missed
}

func newVigil() *vigil { return &vigil{limit: patience} }

// well counts an answer.
func (v *vigil) well() {
	v.missed, v.tried = 0, false
	if v.answered++; v.answered >= calm {
		v.limit = patience
	}
}

// unwell counts a canary without an answer. Without room on the volume nothing that could
// be done would help.
func (v *vigil) unwell(room bool) remedy {
	v.answered = 0
	v.missed++
	if v.missed < v.limit || !room {
		return bide
	}
	v.missed, v.limit = 0, min(2*v.limit, patienceMax)
	if v.tried {
		return anew
	}
	v.tried = true
	return again
}
