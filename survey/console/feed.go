package console

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"hailong/survey"
	"hailong/survey/score"
)

// How often live figures are worked out.
const (
	minPause   = 250 * time.Millisecond // between two times
	retryPause = 2 * time.Second        // after the store could not be read
	dayCheck   = 15 * time.Second       // how late a new day may be noticed
	settled    = 10 * time.Minute       // after which whoever pressed has left the counter
)

// pending are the counters whose figures may have moved since they were last read.
type pending struct {
	wake chan struct{} // holds one token while there is anything to do

	mu       sync.Mutex // protects counters
	counters map[survey.CounterCode]bool
}

func newPending() *pending {
	return &pending{wake: make(chan struct{}, 1), counters: map[survey.CounterCode]bool{}}
}

func (p *pending) add(counters []survey.CounterCode) {
	p.mu.Lock()
	for _, c := range counters {
		p.counters[c] = true
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *pending) take() []survey.CounterCode {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Collect(maps.Keys(p.counters))
	clear(p.counters)
	return list
}

// boards hold the present board and tell those who wait for the next one.
type boards struct {
	mu      sync.Mutex // protects what follows
	now     *board
	next    chan struct{} // closed when another board takes the place of now
	streams int           // event streams open
}

func newBoards() *boards { return &boards{next: make(chan struct{})} }

func (b *boards) current() (*board, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.next
}

func (b *boards) put(now *board) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = now
	close(b.next)
	b.next = make(chan struct{})
}

// Changed says that the counts of these counters may have changed: call it after each
// commit that added answers. It returns at once and may be called from anywhere; many
// calls within a quarter of a second lead to one new reading.
func (c *Console) Changed(counters []survey.CounterCode) {
	if len(counters) > 0 {
		c.pending.add(counters)
	}
}

// run works live figures out until Shutdown. It is the only goroutine of the console's
// own; all it does is to call refresh at the right times.
func (c *Console) run() {
	defer close(c.done)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-c.stop
		cancel()
	}()
	newDay := time.NewTicker(dayCheck)
	defer newDay.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-c.pending.wake:
		case <-newDay.C:
		}
		pause := minPause
		if err := c.refresh(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("live figures are behind", "error", err)
			pause = retryPause
			c.pending.add(nil) // try again even if nothing else comes
		}
		select {
		case <-c.stop:
			return
		case <-time.After(pause):
		}
	}
}

// refresh reads the figures of the counters that changed and publishes what may be
// published. Should that fail they stay in the list of what changed.
func (c *Console) refresh(ctx context.Context) error {
	c.work.Lock()
	defer c.work.Unlock()
	counters := c.pending.take()
	c.live.turn(c.today())
	if now, _ := c.boards.current(); len(counters) == 0 && now.day == c.live.day {
		return nil
	}
	if err := c.publish(ctx, counters, 0); err != nil {
		c.pending.add(counters)
		return err
	}
	return nil
}

// begin publishes the first figures after a start. What was published before the start
// is not known any more, and a figure right up to the present might differ from it by
// one press. So with a step above 1 it begins with the hours that have been over for a
// while; later answers follow by the step.
func (c *Console) begin(ctx context.Context) error {
	c.work.Lock()
	defer c.work.Unlock()
	c.live.turn(c.today())
	s, err := c.store.Structure(ctx)
	if err != nil {
		return err
	}
	var counters []survey.CounterCode
	for _, row := range s.Counters {
		counters = append(counters, row.Code)
	}
	var before survey.Hour
	if c.settings.LiveStep > 1 {
		before = survey.HourOf(c.now().Add(-settled))
	}
	return c.publish(ctx, counters, before)
}

// rearrange makes the board anew after units or counters changed.
func (c *Console) rearrange(ctx context.Context) error {
	c.work.Lock()
	defer c.work.Unlock()
	return c.publish(ctx, nil, 0)
}

// publish offers today's figures of some counters, of the hours before an hour where
// one is given, and arranges what is published then. The caller holds work.
func (c *Console) publish(ctx context.Context, counters []survey.CounterCode, before survey.Hour) error {
	structure, err := c.store.Structure(ctx)
	if err != nil {
		return err
	}
	catalogue, err := c.store.Catalogue(ctx)
	if err != nil {
		return err
	}
	list, scaleOf := measures(catalogue)
	day := c.live.day
	if len(counters) > 0 {
		slices.Sort(counters)
		fresh := newTallies(scaleOf)
		err := c.store.TimeCounts(ctx, score.Span{From: day, To: day}, counters, func(k score.TimeKey, n score.Count) error {
			if before == 0 || k.Hour < before {
				fresh.add(k, n)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("count the answers of %s: %w", day, err)
		}
		for at, row := range fresh.finished() {
			c.live.offer(day, at, row)
		}
	}
	next := arrange(c.live, list, structure, c.settings.Minimum)
	was, _ := c.boards.current()
	if next.number(was) {
		next.at = c.now()
		c.boards.put(next)
	}
	return nil
}

// present is the board of today.
func (c *Console) present(ctx context.Context) (*board, error) {
	if b, _ := c.boards.current(); b.day == c.today() {
		return b, nil
	}
	if err := c.refresh(ctx); err != nil {
		return nil, err
	}
	b, _ := c.boards.current()
	return b, nil
}
