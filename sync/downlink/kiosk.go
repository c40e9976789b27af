package downlink

import (
	"context"
	"log/slog"
	"time"

	"hailong/survey"
	"hailong/sync/wire"
)

// Bus is the connection to the message server, as a kiosk asks over it.
type Bus interface {
	// Request sends data and returns at once; answer waits for what comes back.
	Request(subject string, data []byte) (answer func(context.Context) ([]byte, error), err error)
}

// Options are what a kiosk's downlink needs.
type Options struct {
	Kiosk  survey.KioskID
	Book   *Book
	Tuning Tuning // [AtCounter] or [AtGateway]
	Seed   uint64 // of the jitter
	// OnTaken, if set, hears when another directory is held. It must not block for long.
	OnTaken func(*Held)
	Log     *slog.Logger
}

// Kiosk keeps a kiosk's book up to date over a bus.
type Kiosk struct {
	Options
	machine *Machine
	events  chan Event
	wanted  chan struct{}
	greeted chan struct{}
	refused string // why the last directory was refused, as logged
}

// NewKiosk makes the downlink of a kiosk. It does nothing before Run.
func NewKiosk(o Options) *Kiosk {
	return &Kiosk{
		Options: o, machine: NewMachine(o.Tuning, o.Book.Tag(), o.Seed),
		events: make(chan Event, 16), wanted: make(chan struct{}, 1), greeted: make(chan struct{}, 1),
	}
}

// Link tells that the connection came up or went down, until ctx ends.
func (k *Kiosk) Link(ctx context.Context, up bool) {
	kind := Down
	if up {
		kind = Up
	}
	k.say(ctx, Event{Kind: kind})
}

// Greeted tells that the centre has just started. It never blocks.
func (k *Kiosk) Greeted() { nudge(k.greeted) }

// Refresh has the centre asked soon, because somebody met what the directory does not
// have: at once, but not more often than [Tuning.Least]. It never blocks.
func (k *Kiosk) Refresh() { nudge(k.wanted) }

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // told before, and not heard yet
	}
}

func (k *Kiosk) say(ctx context.Context, e Event) {
	select {
	case k.events <- e:
	case <-ctx.Done():
	}
}

// Run asks over bus until ctx ends, and then waits for what it started. It may be called
// once.
func (k *Kiosk) Run(ctx context.Context, bus Bus) {
	under := make(chan struct{}, 1) // holds a place for the one question under way
	defer func() { under <- struct{}{} }()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var e Event
		select {
		case <-ctx.Done():
			return
		case e = <-k.events:
		case <-k.greeted:
			e.Kind = Greeted
		case <-k.wanted:
			e.Kind = Wanted
		case <-timer.C:
			e.Kind = Tick
		}
		wake := time.Hour
		for todo := []Event{e}; len(todo) > 0; todo = todo[1:] {
			for _, a := range k.machine.Step(time.Now(), todo[0]) {
				switch a.Kind {
				case Ask:
					under <- struct{}{}
					go func() {
						defer func() { <-under }()
						k.say(ctx, k.ask(ctx, bus, a.question))
					}()
				case Take:
					todo = append(todo, k.take(a))
				case Wake:
					wake = min(wake, max(time.Until(a.At), time.Millisecond))
				}
			}
		}
		timer.Reset(wake)
	}
}

// ask asks once.
func (k *Kiosk) ask(ctx context.Context, bus Bus, q question) Event {
	ctx, cancel := context.WithTimeout(ctx, k.Tuning.Answer)
	defer cancel()
	answered, err := bus.Request(wire.Directory(k.Kiosk), q.encode())
	var data []byte
	if err == nil {
		data, err = answered(ctx)
	}
	var a answer
	if err == nil {
		a, err = parseAnswer(data)
	}
	if err != nil {
		k.Log.Debug("the centre did not tell its directory", "error", err)
		return Event{Kind: Failed}
	}
	return Event{Kind: Answered, answer: a}
}

// take keeps a directory that has come whole.
func (k *Kiosk) take(a Action) Event {
	if err := k.Book.Take(a.tag, a.packed); err != nil {
		if why := err.Error(); why != k.refused { // once, not at every try
			k.refused = why
			k.Log.Warn("the centre's directory was not taken; what was held stays", "error", err)
		}
		return Event{Kind: Refused}
	}
	k.refused = ""
	if k.OnTaken != nil {
		k.OnTaken(k.Book.Held())
	}
	return Event{Kind: Kept}
}
