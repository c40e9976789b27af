package kioskapp

import (
	"cmp"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"time"

	"hailong/kiosk/identity"
	"hailong/survey"
	"hailong/survey/ticket"
	"hailong/sync/downlink"
)

// directory is what the kiosk knows from the centre besides receipts: whose codes are
// good, how its counters are called, and where phones are served.
type directory struct {
	book  atomic.Pointer[downlink.Book]  // nil before the kiosk was taken in
	asker atomic.Pointer[downlink.Kiosk] // nil while there is no way to the centre
	// first stands for the directory until one has come: the counters as the kiosk was
	// taken in with them, and the centre's key, by which links and posters are verified.
	first  atomic.Pointer[ticket.Ring]
	looked atomic.Int64 // when somebody last waited for news of the centre, in Unix nanoseconds
}

// openBook opens what the centre told before the last stop. A file that cannot be used is
// no reason to stand still: the centre tells it again.
func (a *App) openBook() {
	a.enrolledRing()
	book, err := downlink.OpenBook(filepath.Join(a.config.Data, downlink.BookFile), a.identity.Enrolment.CentreKey)
	if err != nil {
		a.log.Warn("the centre's directory is asked for anew", "error", err)
	}
	a.directory.book.Store(book)
}

// enrolledRing makes the ring of a kiosk that knows what its enrolment said, and no more.
func (a *App) enrolledRing() {
	e := a.identity.Enrolment
	var d ticket.Directory
	for _, c := range e.Counters {
		d.Counters = append(d.Counters, ticket.Counter(c))
	}
	a.directory.first.Store(ticket.NewRing(d, e.CentreKey))
}

// ring is whose tickets are good here, by the newest that the centre told. It is never nil.
func (a *App) ring() *ticket.Ring {
	if h := a.directory.held(); h != nil {
		return h.Ring
	}
	if r := a.directory.first.Load(); r != nil {
		return r
	}
	return ticket.NewRing(ticket.Directory{}, nil) // not taken in yet: nobody's
}

// held is the directory held; nil = none has come yet.
func (d *directory) held() *downlink.Held {
	if b := d.book.Load(); b != nil {
		return b.Held()
	}
	return nil
}

// refresh has the centre asked for what it may know more, because somebody showed a ticket
// of a signer, or typed an address, that the directory does not have. It never blocks, and
// the centre is asked every 10 s at most.
func (a *App) refresh() {
	if k := a.directory.asker.Load(); k != nil {
		k.Refresh()
	}
}

// How often somebody who shows what the directory does not have may wait for the centre to
// be asked, and for how long. Everybody else is answered at once.
const (
	lookEvery = 10 * time.Second
	lookFor   = 1500 * time.Millisecond
)

// lookAgain asks the centre for what it may know more, waits for a moment, and reports
// whether another directory has come: a kiosk that was taken in a minute ago has codes that
// are as good as any.
func (a *App) lookAgain() bool {
	last, now := a.directory.looked.Load(), time.Now().UnixNano()
	if last != 0 && now-last < int64(lookEvery) || !a.directory.looked.CompareAndSwap(last, now) {
		return false
	}
	before := a.directory.held()
	a.refresh()
	for end := time.Now().Add(lookFor); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if a.directory.held() != before {
			return true
		}
	}
	return false
}

// greeted hears that the centre has just started.
func (d *directory) greeted() {
	if k := d.asker.Load(); k != nil {
		k.Greeted()
	}
}

// downlink makes what asks the centre, for one connection.
func (a *App) downlink() *downlink.Kiosk {
	tuning := a.options.Directory
	switch {
	case tuning != downlink.Tuning{}:
	case a.config.Role == survey.OnlineGateway:
		tuning = downlink.AtGateway
	default:
		tuning = downlink.AtCounter
	}
	k := downlink.NewKiosk(downlink.Options{
		Kiosk: a.identity.Kiosk(), Book: a.directory.book.Load(), Tuning: tuning, Seed: rand.Uint64(), OnTaken: a.learned, Log: a.log,
	})
	a.directory.asker.Store(k)
	return k
}

// online is where phones reach the gateway, by the settings or as the centre says; "" =
// nowhere.
func (a *App) online() string {
	if h := a.directory.held(); h != nil {
		return cmp.Or(a.config.Online, h.Online)
	}
	return a.config.Online
}

// named is a counter that the kiosk was taken in for, as it is called today.
func (a *App) named(c identity.Counter) identity.Counter {
	if now, ok := a.ring().Counter(c.Code); ok {
		return identity.Counter(now)
	}
	return c
}

// learned hears of another directory: where a counter is called otherwise now, the screen
// shows it.
func (a *App) learned(*downlink.Held) {
	a.showing.Lock()
	defer a.showing.Unlock()
	if a.recorder.Load() == nil || a.config.Role == survey.OnlineGateway {
		return // nothing is shown yet, or at all
	}
	if err := a.display(); err != nil {
		a.log.Error("show how the counter is called now", "error", err)
	}
}
