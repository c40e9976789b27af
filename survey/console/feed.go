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
	if err := c.publish(ctx, counters); err != nil {
		c.pending.add(counters)
		return err
	}
	return nil
}

// begin publishes the first figures after a start: those that were shown before it, and
// what has come since by the step. Had it forgotten what was shown, the first figure
// might differ from that by one press.
func (c *Console) begin(ctx context.Context) error {
	c.work.Lock()
	defer c.work.Unlock()
	c.live.turn(c.today())
	if c.live.step > 1 {
		b, err := c.store.Board(ctx)
		if err != nil {
			return fmt.Errorf("read what was shown before: %w", err)
		}
		if err := c.live.recall(b); err != nil {
			return err
		}
	}
	return c.publishAll(ctx)
}

// rearrange makes the board anew after units or counters changed. Records that waited
// for the change may be counted now, at any counter.
func (c *Console) rearrange(ctx context.Context) error {
	c.work.Lock()
	defer c.work.Unlock()
	c.live.turn(c.today())
	return c.publishAll(ctx)
}

// publishAll publishes what may be published of every counter. The caller holds work.
func (c *Console) publishAll(ctx context.Context) error {
	s, err := c.store.Structure(ctx)
	if err != nil {
		return err
	}
	var counters []survey.CounterCode
	for _, row := range s.Counters {
		counters = append(counters, row.Code)
	}
	return c.publish(ctx, counters)
}

// publish offers today's figures of some counters and arranges what is published then.
// The caller holds work.
func (c *Console) publish(ctx context.Context, counters []survey.CounterCode) error {
	structure, err := c.store.Structure(ctx)
	if err != nil {
		return err
	}
	catalogue, err := c.store.Catalogue(ctx)
	if err != nil {
		return err
	}
	list, scaleOf := measures(catalogue)
	if err := c.offer(ctx, counters, scaleOf); err != nil {
		return err
	}
	next := arrange(c.live, list, structure, c.settings.Minimum)
	was, _ := c.boards.current()
	if next.number(was) {
		next.at = c.now()
		c.boards.put(next)
	}
	return nil
}

// offer counts today's answers of some counters and hands the figures in. What is to be
// shown is kept first, so that no restart forgets what people have seen; if it cannot
// be kept, nothing is shown.
func (c *Console) offer(ctx context.Context, counters []survey.CounterCode, scaleOf map[score.Item]string) error {
	if len(counters) == 0 {
		return nil
	}
	slices.Sort(counters)
	day := c.live.day
	fresh := newTallies(scaleOf)
	err := c.store.TimeCounts(ctx, score.Span{From: day, To: day}, counters, func(k score.TimeKey, n score.Count) error {
		fresh.add(k, n)
		return nil
	})
	if err != nil {
		return fmt.Errorf("count the answers of %s: %w", day, err)
	}
	shown := maps.Clone(c.live.published)
	moved := false
	for at, row := range fresh.finished() {
		moved = c.live.offer(day, at, row) || moved
	}
	if !moved || c.live.step == 1 {
		return nil
	}
	b, err := c.live.remember()
	if err == nil {
		err = c.store.PutBoard(ctx, b)
	}
	if err != nil {
		c.live.published = shown
		return fmt.Errorf("keep what is about to be shown: %w", err)
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
