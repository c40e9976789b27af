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
// asideTries-th time is let go, and so are at once those behind it in its chain, which
// would be gaps: its kiosk has them, was given no receipt for them, and sends them again
// and again; kept on the bus all of these would pile up until nothing else is delivered.
const (
	asideFor   = 10 * time.Second
	asideMost  = 5 * time.Minute
	asideTries = 8
	// maxHeld is how many deliveries wait at most for a store that keeps nothing. When it
	// has kept nothing for heldFor, that is said, and room is made for others.
	maxHeld = 2 * maxFetch
	heldFor = 3 * time.Second
)

// hold takes deliveries until the store has them, cannot go on, or ctx ends. While the
// store keeps nothing at all they are not given back to the bus: it would deliver them
// again behind later ones of the same chains, and those would be gaps then. Where it keeps
// some, only those that fail by themselves are set aside; further deliveries show which
// of the two it is. For these there is always room in the end: chains that cannot be kept
// may have sent all that is held.
func (in *Intake) hold(ctx context.Context, consumer jetstream.Consumer, messages []jetstream.Msg) error {
	begun := time.Now()
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
		full := len(messages)+maxFetch > maxHeld
		if time.Since(begun) >= heldFor {
			in.stick(messages, err)
			if full {
				messages, full = firsts(messages, maxHeld-maxFetch), false
			}
		}
		for _, m := range messages {
			_ = m.InProgress() // lost, the delivery comes once more, as a repeat
		}
		pause(ctx, storeWait)
		if !full {
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
		from, _ := senderOf(m)
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

// senderOf is who sent a delivery, with the zero Chain where it cannot be read, and the
// last sequence in it.
func senderOf(m jetstream.Msg) (from sender, last uint64) {
	from.kiosk = wire.Kiosk(m.Subject())
	if b, err := custody.ParseMessage(m.Data()); err == nil {
		from.chain, last = b.Header.Chain, b.Header.Last()
	}
	return from, last
}

// firsts are the first deliveries of each chain, of so many chains at most. All others are
// let go.
func firsts(messages []jetstream.Msg, most int) (list []jetstream.Msg) {
	seen := map[sender]bool{}
	for _, m := range messages {
		from, _ := senderOf(m)
		if seen[from] || len(list) == most {
			_ = m.Term() // lost, it comes once more
			continue
		}
		seen[from] = true
		list = append(list, m)
	}
	return list
}

// stick notes which chains cannot be kept, and says once of each why.
func (in *Intake) stick(failed []jetstream.Msg, err error) {
	before := len(in.stuck)
	for _, m := range failed {
		from, last := senderOf(m)
		if _, known := in.stuck[from]; !known {
			in.stuck[from] = last
			in.Log.Error("a chain cannot be kept; others go on if theirs can be", "kiosk", from.kiosk, "chain", from.chain, "error", err)
		}
	}
	if in.OnStuck != nil && len(in.stuck) != before {
		in.OnStuck(len(in.stuck))
	}
}

// setAside gives deliveries back to the bus for a while: of each chain the one that could
// not be kept first.
func (in *Intake) setAside(failed []jetstream.Msg, err error) {
	in.stick(failed, err)
	for _, m := range firsts(failed, len(failed)) {
		tries := uint64(1)
		if meta, err := m.Metadata(); err == nil {
			tries = meta.NumDelivered
		}
		if from, last := senderOf(m); tries >= asideTries || last != in.stuck[from] {
			_ = m.Term() // lost, it is let go of the next time
			continue
		}
		_ = m.NakWithDelay(min(asideFor<<(tries-1), asideMost)) // lost, it comes again sooner
	}
}

// unstick notes which chains have come past what could not be kept. An answer alone, to a
// gap or to what was there before, says nothing about it.
func (in *Intake) unstick(judged []Judged, kept []custody.Kept) {
	before := len(in.stuck)
	for _, j := range judged {
		from := sender{j.Kiosk, j.Chain}
		if j.Rejected != nil { // kept apart, as evidence is
			delete(in.stuck, from)
			continue
		}
		k := kept[0]
		kept = kept[1:]
		if k.Case == custody.Fork || k.Head.Sequence >= in.stuck[from] {
			delete(in.stuck, from)
		}
	}
	if in.OnStuck != nil && len(in.stuck) != before {
		in.OnStuck(len(in.stuck))
	}
}
