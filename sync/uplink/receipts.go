package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// ask asks for the mark in the background.
func (u *Uplink) ask(ctx context.Context) {
	asked := u.Now()
	answered, err := u.bus.Request(wire.Mark(u.Kiosk), custody.MarkRequest{Chain: u.Journal.Chain()}.Encode())
	u.under.Add(1)
	go func() {
		defer u.under.Done()
		wait, cancel := context.WithTimeout(ctx, u.Tuning.AskAnswer)
		defer cancel()
		var mark []byte
		if err == nil {
			mark, err = answered(wait)
		}
		if err != nil {
			u.say(ctx, heard{Event: Event{Kind: Unmarked}, alive: errors.Is(err, ErrNobody)})
			return
		}
		u.touched(asked, u.Now(), mark)
		u.hearReceipt(ctx, Marked, mark)
	}()
}

// touched tells of a contact, if the answer is the centre's.
func (u *Uplink) touched(asked, answered time.Time, mark []byte) {
	if u.Contact == nil {
		return
	}
	if r, err := u.open(mark); err == nil && r.ServerTime > 0 {
		u.Contact(asked, answered, r.At())
	}
}

// hearReceipt turns bytes into an event, if they are the centre's word about our chain.
func (u *Uplink) hearReceipt(ctx context.Context, kind EventKind, data []byte) {
	r, err := u.open(data)
	if err != nil {
		level := slog.LevelWarn
		if errors.Is(err, errElse) {
			level = slog.LevelDebug // another chain of this kiosk shares the connection
		}
		u.Log.Log(ctx, level, "receipt ignored", "error", err)
		if kind == Marked {
			u.say(ctx, heard{Event: Event{Kind: Unmarked}})
		}
		return
	}
	if r.Started {
		if u.OnGreeted != nil {
			u.OnGreeted()
		}
		u.say(ctx, heard{Event: Event{Kind: Greeted}})
		return
	}
	e := Event{Kind: kind, Receipt: r}
	if r.Durable > 0 {
		have, err := u.Journal.HashAt(r.Durable)
		if err != nil {
			u.Log.Warn("receipt not compared with the journal", "error", err)
			return
		}
		e.Differs = Differs(r, have)
	}
	u.say(ctx, heard{Event: e, signed: data})
}

// errElse says that a receipt is about something else.
var errElse = errors.New("a receipt of something else")

// open verifies a receipt and that it is about this journal.
func (u *Uplink) open(data []byte) (custody.Receipt, error) {
	if data == nil {
		return custody.Receipt{}, nil
	}
	r, err := custody.OpenReceipt(data, u.CentreKey)
	if err != nil {
		return r, err
	}
	if r.Kiosk != u.Kiosk || r.Chain != u.Journal.Chain() && !r.Started {
		return r, fmt.Errorf("%w: it is about kiosk %s, chain %s", errElse, r.Kiosk, r.Chain)
	}
	if u.Past {
		r = Within(r, u.Journal.Head())
	}
	return r, nil
}

// Within is the centre's word about a chain that was salvaged, of which the records up to
// head are left: the centre may have more, and is taken to say that it has all that is here.
func Within(r custody.Receipt, head custody.Head) custody.Receipt {
	if r.Durable > head.Sequence {
		r.Durable, r.DurableSum = head.Sequence, head.Hash
	}
	if r.Backup > head.Sequence {
		r.Backup, r.BackupSum = head.Sequence, head.Hash
	}
	return r
}

// Differs reports whether the centre's word contradicts the journal, whose record with the
// receipt's number has the hash have. Zero, of one that was let go long ago or never was
// here, says nothing.
func Differs(r custody.Receipt, have survey.Hash) bool {
	return !have.IsZero() && have != r.DurableSum
}

func (u *Uplink) keep(h heard) {
	u.Journal.SetReceipt(h.signed)
	if u.OnReceipt != nil {
		u.OnReceipt(h.Receipt)
	}
	s := u.State()
	s.Durable, s.Receipt = u.machine.Durable(), time.Now()
	if s.Up && h.Receipt.Refused == "" {
		s.Problem = ""
	}
	u.state.Store(&s)
}

func (u *Uplink) raise(why Alarm, h heard) {
	u.Log.Error("alarm", "why", string(why), "durable", h.Receipt.Durable, "refused", h.Receipt.Refused)
	problem := string(why)
	if h.Receipt.Refused != "" {
		problem += ": " + h.Receipt.Refused
	}
	u.trouble(problem)
}

// trouble notes what a person should look at.
func (u *Uplink) trouble(problem string) {
	s := u.State()
	s.Problem = problem
	u.state.Store(&s)
}
