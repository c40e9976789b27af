package intake

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// A batch that the store cannot keep while it keeps others is given back to the bus for a
// while: asideFor at first, doubling up to asideMost. One that comes back for the
// asideTries-th time is let go: its kiosk has it, was given no receipt for it, and sends
// it again and again; kept on the bus all of these would pile up until nothing else is
// delivered.
const (
	asideFor   = 10 * time.Second
	asideMost  = 5 * time.Minute
	asideTries = 8
	maxHeld    = 2 * maxFetch
)

// hold takes deliveries until the store has them, cannot go on, or ctx ends. While the
// store keeps nothing at all they are not given back to the bus: it would deliver them
// again behind later ones of the same chains, and those would be gaps then. Where it keeps
// some, only those that fail by themselves are set aside; further deliveries show which
// of the two it is.
func (in *Intake) hold(ctx context.Context, consumer jetstream.Consumer, messages []jetstream.Msg) error {
	for len(messages) > 0 {
		err := in.take(ctx, messages)
		if err == nil {
			return nil
		}
		var failed []jetstream.Msg
		if !in.ends(ctx, err) {
			failed, err = in.takeApart(ctx, messages)
		}
		switch {
		case in.ends(ctx, err):
			for _, m := range messages {
				_ = m.Nak() // to come again at once after a restart; lost, it comes again a little later
			}
			return err
		case len(failed) < len(messages):
			in.setAside(failed, err)
			return nil
		}
		in.Log.Error("batches not kept; trying again", "batches", len(messages), "error", err)
		for _, m := range messages {
			_ = m.InProgress() // lost, the delivery comes once more, as a repeat
		}
		pause(ctx, storeWait)
		if len(messages)+maxFetch <= maxHeld {
			more, _ := collect(consumer.FetchNoWait(maxFetch)) // an error comes again with the next request
			messages = append(messages, in.withoutCanaries(more)...)
		}
	}
	return nil
}

// ends reports whether an error, nil for none, is the end of the work.
func (in *Intake) ends(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || in.Fatal != nil && in.Fatal(err))
}

// takeApart takes deliveries one by one, and returns those that failed with the last
// error. Behind one that failed, others of its chain are not tried: they would be gaps.
func (in *Intake) takeApart(ctx context.Context, messages []jetstream.Msg) (failed []jetstream.Msg, last error) {
	broken := map[sender]bool{}
	for _, m := range messages {
		from := senderOf(m)
		if !broken[from] {
			err := in.take(ctx, []jetstream.Msg{m})
			if err == nil {
				continue
			}
			if last = err; in.ends(ctx, err) {
				return nil, err
			}
			broken[from] = true
		}
		failed = append(failed, m)
	}
	return failed, last
}

// sender is a kiosk's chain, as a delivery names it.
type sender struct {
	kiosk survey.KioskID
	chain survey.Chain
}

// senderOf is who sent a delivery, with the zero Chain where it cannot be read.
func senderOf(m jetstream.Msg) sender {
	from := sender{kiosk: wire.Kiosk(m.Subject())}
	if b, err := custody.ParseMessage(m.Data()); err == nil {
		from.chain = b.Header.Chain
	}
	return from
}

// setAside gives deliveries back to the bus for a while, and says once of each chain why.
func (in *Intake) setAside(failed []jetstream.Msg, err error) {
	before := len(in.stuck)
	for _, m := range failed {
		from := senderOf(m)
		if !in.stuck[from] {
			in.stuck[from] = true
			in.Log.Error("a chain cannot be kept; its batches are set aside, others go on", "kiosk", from.kiosk, "chain", from.chain, "error", err)
		}
		tries := uint64(1)
		if meta, err := m.Metadata(); err == nil {
			tries = meta.NumDelivered
		}
		if tries >= asideTries {
			_ = m.Term() // lost, it is let go of the next time
			continue
		}
		_ = m.NakWithDelay(min(asideFor<<(tries-1), asideMost)) // lost, it comes again sooner
	}
	if in.OnStuck != nil && len(in.stuck) != before {
		in.OnStuck(len(in.stuck))
	}
}

// unstick notes that batches were kept.
func (in *Intake) unstick(judged []Judged) {
	before := len(in.stuck)
	for _, j := range judged {
		delete(in.stuck, sender{j.Kiosk, j.Chain})
	}
	if in.OnStuck != nil && len(in.stuck) != before {
		in.OnStuck(len(in.stuck))
	}
}
