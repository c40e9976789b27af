package panel

import (
	"context"
	"errors"
	"fmt"

	"hailong/kiosk"
	"hailong/survey"
)

// ErrOutOfService says that no press can be recorded yet, however often it is tried:
// [Options.Record] gives it where there is no recorder.
var ErrOutOfService = errors.New("the kiosk is not in service yet")

// errCrowd says that too many presses wait for the disk.
var errCrowd = fmt.Errorf("%d presses wait for the disk already", waiting)

// keepAll records presses one after the other, until there will be no more. Those that
// still wait when ctx ends have a little time.
func (p *Panel) keepAll(ctx context.Context) {
	trying, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-trying.Done():
		case <-p.clock.After(keepWithin):
			giveUp()
		}
	})
	defer stop()
	for j := range p.jobs {
		p.keep(ctx, trying, j)
	}
}

// keep records a press. Only when it is on stable storage is anybody told.
func (p *Panel) keep(ctx, trying context.Context, j job) {
	j.press.Replaces = p.visit.replaces(j.level, j.down)
	e, err := p.record(ctx, trying, j.press)
	if notLinked := (survey.Problems)(nil); !j.press.Replaces.IsZero() && errors.As(err, &notLinked) {
		// What it replaces is out of reach, as after a journal was lost: an answer all the same.
		j.press.Replaces = survey.RecordID{}
		e, err = p.record(ctx, trying, j.press)
	}
	if err != nil {
		p.refuse(err)
		if p.options.OnRefused != nil && !errors.Is(err, kiosk.ErrUnknown) {
			p.options.OnRefused(p.device.Counter)
		}
		return
	}
	p.count(func(st *State) { st.Kept++ })
	now := p.clock.Now()
	if now-j.down > thankWithin {
		// Who pressed has gone: thanks now would be taken for another's.
		p.visit.kept(e.ID, j.level, j.down, j.down)
		p.late(now - j.down)
		return
	}
	p.visit.kept(e.ID, j.level, j.down, now)
	p.show(p.device.Kept)
	if p.options.OnKept != nil {
		p.options.OnKept(e.Response.Counter)
	}
}

// record tries to record a press until it is known what became of it, or it would be in
// vain. The key is the same every time, so that it counts once. After ctx has ended it is
// tried once, for as long as trying lasts: a press that has begun is finished.
func (p *Panel) record(ctx, trying context.Context, press kiosk.Press) (survey.Entry, error) {
	began, unknown := p.clock.Now(), false
	for {
		e, err := p.try(trying, press)
		if err == nil || final(err) {
			return e, err
		}
		patience := retryFor
		if unknown = unknown || errors.Is(err, kiosk.ErrUnknown); unknown {
			patience = unknownFor
		}
		stopped := ctx.Err() != nil
		if !stopped && p.clock.Now()-began < patience {
			select {
			case <-ctx.Done():
			case <-p.clock.After(retryAfter):
			}
			continue
		}
		if unknown && !errors.Is(err, kiosk.ErrUnknown) {
			err = fmt.Errorf("%w: %w", kiosk.ErrUnknown, err)
		}
		return survey.Entry{}, err
	}
}

// try records once.
func (p *Panel) try(ctx context.Context, press kiosk.Press) (survey.Entry, error) {
	ctx, done := context.WithTimeout(ctx, recordWithin)
	defer done()
	return p.options.Record(ctx, press)
}

// final reports whether the press is known not to be kept, and never will be.
func final(err error) bool {
	var ps survey.Problems
	return errors.As(err, &ps) || errors.Is(err, kiosk.ErrFull) || errors.Is(err, kiosk.ErrConflict) || errors.Is(err, ErrOutOfService)
}

// refuse counts and tells a press that was not kept. The sign for it is not given where
// nobody knows: it may turn out to be kept.
func (p *Panel) refuse(err error) {
	p.count(func(st *State) { st.Refused++ })
	p.notKept(err)
	if !errors.Is(err, kiosk.ErrUnknown) {
		p.show(p.device.Failed)
	}
}

func (p *Panel) count(do func(*State)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do(&p.state)
}
