package kioskapp

import (
	"slices"
	"sync"
	"time"

	"hailong/kiosk/identity"
	"hailong/kiosk/qr"
	"hailong/kiosk/screen"
	"hailong/survey"
	"hailong/survey/ticket"
)

// How long a code stands on the screen, and how long who has read it may take to answer.
const (
	codeStands = 20 * time.Second
	codeGood   = 30 * time.Minute
)

// codePixels is the size of the picture for browsers that show no SVG.
const codePixels = 480

// codes are the QR codes that stand on the kiosk's screens now, each drawn once.
type codes struct {
	mu    sync.Mutex // protects what follows
	drawn map[survey.CounterCode]*drawnCode
}

// drawnCode is a code and what it was made of.
type drawnCode struct {
	screen.Code
	online string
	made   time.Time
}

// code is the QR code of one of the kiosk's counters: a ticket for one answer, signed by
// the kiosk. Another one is drawn every 20 s. It is false where no gateway is known, for a
// counter that is not the kiosk's, and in test mode: the gateway does not know of that, and
// would count what is answered for a trial.
func (a *App) code(counter survey.CounterCode) (screen.Code, bool) {
	online := a.online()
	if online == "" || a.config.Role == survey.OnlineGateway || !a.serves(counter) || a.config.Test || a.screen.Testing() {
		return screen.Code{}, false
	}
	now := a.options.Now()
	a.codes.mu.Lock()
	defer a.codes.mu.Unlock()
	if d := a.codes.drawn[counter]; d != nil && d.online == online && !now.Before(d.made) && now.Before(d.Until) {
		return d.Code, true
	}
	d, err := a.draw(counter, online, now)
	if err != nil {
		a.log.Error("no QR code on the screen", "counter", counter, "error", err)
		return screen.Code{}, false
	}
	if a.codes.drawn == nil {
		a.codes.drawn = map[survey.CounterCode]*drawnCode{}
	}
	a.codes.drawn[counter] = d
	return d.Code, true
}

func (a *App) serves(counter survey.CounterCode) bool {
	w := a.working.Load()
	return w != nil && slices.ContainsFunc(w.enrolment.Counters, func(c identity.Counter) bool { return c.Code == counter })
}

// draw makes a new code.
func (a *App) draw(counter survey.CounterCode, online string, now time.Time) (*drawnCode, error) {
	t := ticket.Ticket{Class: survey.ScreenTicket, Nonce: ticket.NewNonce(), Expires: a.centreTime(now).Add(codeGood), Counter: counter}
	text, err := t.Sign(a.identity.Key())
	if err != nil {
		return nil, err
	}
	d := &drawnCode{Code: screen.Code{Text: ticket.Address(online, text), Until: now.Add(codeStands)}, online: online, made: now}
	picture, err := qr.Draw(d.Text)
	if err != nil {
		return nil, err
	}
	d.SVG = picture.SVG()
	d.PNG, err = picture.PNG(codePixels)
	return d, err
}

// centreTime is a moment by the centre's clock, as far as it is known: the gateway's clock
// says when a ticket expires, and a box's own may be wrong.
func (a *App) centreTime(now time.Time) time.Time {
	if w := a.working.Load(); w != nil {
		if skew, known := w.journal.Skew(); known {
			return now.Add(-skew)
		}
	}
	return now
}
