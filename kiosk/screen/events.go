package screen

import (
	"bufio"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// How event streams behave.
const (
	maxStreams  = 64               // 16 counters, and pages that were renewed a moment ago
	maxOfTablet = 4                // of these, for one tablet: a stolen credential must not deafen the others
	heartbeat   = 15 * time.Second // a comment that finds out whether the page is still there
	queued      = 16               // events that wait for a slow page; a slower one is cut off
)

// PanelView is what a page shows of a press on a button panel.
type PanelView string

// The views that follow a press on a panel, in the order in which they come.
const (
	PanelWait   PanelView = "wait"   // the press is being kept
	PanelThanks PanelView = "thanks" // it is kept
	PanelFailed PanelView = "failed" // it was not kept: the citizen is asked to press again
)

// PanelOutcome is how far a press on a counter's button panel has come. It does not say
// which button it was.
type PanelOutcome struct {
	View PanelView
	// First is the first record of the visit, with [PanelThanks]: the press's own, or the
	// one that it replaces. Follow-up answers given on the page continue it.
	First survey.RecordID
}

// event is a PanelOutcome as the page reads it.
type event struct {
	View  PanelView `json:"view"`
	First string    `json:"first,omitempty"`
}

// listening is whom a page belongs to.
type listening struct {
	counter survey.CounterCode
	tablet  string // "" = the box itself
}

// feed passes events on to the pages that listen. The zero feed is ready.
type feed struct {
	mu    sync.Mutex // protects the rest
	pages map[chan event]listening
	ended bool
}

// enter lets a page listen to a counter; nil = there are too many, or the screen stops.
func (f *feed) enter(who listening) chan event {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended || len(f.pages) >= maxStreams || who.tablet != "" && f.ofTablet(who.tablet) >= maxOfTablet {
		return nil
	}
	if f.pages == nil {
		f.pages = map[chan event]listening{}
	}
	page := make(chan event, queued)
	f.pages[page] = who
	return page
}

// ofTablet is how many pages of a tablet listen.
func (f *feed) ofTablet(id string) (n int) {
	for _, who := range f.pages {
		if who.tablet == id {
			n++
		}
	}
	return n
}

func (f *feed) leave(page chan event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, here := f.pages[page]; here {
		delete(f.pages, page)
		close(page)
	}
}

// listeners is how many pages listen.
func (f *feed) listeners() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pages)
}

// send tells every page of a counter. A page that does not read is cut off: it comes
// back, and what it missed is past.
func (f *feed) send(e event, listens func(survey.CounterCode) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for page, who := range f.pages {
		if !listens(who.counter) {
			continue
		}
		select {
		case page <- e:
		default:
			delete(f.pages, page)
			close(page)
		}
	}
}

// end cuts all pages off.
func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for page := range f.pages {
		close(page)
	}
	clear(f.pages)
}

// Pressed shows on a counter's page what became of a press on its button panel, as if the
// page itself had been touched: first [PanelWait], as soon as the press is known, then
// one of the others. The empty counter is the kiosk's first. It does not wait for pages.
func (s *Screen) Pressed(counter survey.CounterCode, o PanelOutcome) {
	e := event{View: o.View}
	if o.View == PanelThanks && !o.First.IsZero() {
		e.First = o.First.String()
	}
	first := survey.CounterCode("")
	if all := s.options.State.Status().Counters; len(all) > 0 {
		first = all[0]
	}
	named := func(c survey.CounterCode) survey.CounterCode {
		if c == "" {
			return first
		}
		return c
	}
	s.feed.send(e, func(of survey.CounterCode) bool { return named(of) == named(counter) })
}

// events is GET /events: server-sent events with what happens on a counter's panel.
func (s *Screen) events(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "text/event-stream")
	if c.Method() == fiber.MethodHead {
		return nil
	}
	now := s.shown.Load()
	if now == nil {
		return s.whyOut()
	}
	at, err := s.placeOf(c, now)
	if err != nil {
		return err
	}
	who, _ := s.caller(c) // whom placeOf has let pass
	page := s.feed.enter(listening{counter: at.Code, tablet: who.tablet})
	if page == nil {
		return &failure{kind: tooManyStreams}
	}
	conn := c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.feed.leave(page)
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		// The server's own limit is for whole answers; this one has no end, so each piece
		// of it has the limit.
		write := func(text string) bool {
			if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				return false
			}
			if _, err := w.WriteString(text); err != nil {
				return false
			}
			return w.Flush() == nil
		}
		for good := write(": here\n\n"); good; {
			select {
			case e, more := <-page:
				good = more && write(e.lines())
			case <-beat.C:
				good = write(": here\n\n")
			}
		}
	})
	return nil
}

func (e event) lines() string {
	b, err := json.Marshal(e)
	if err != nil {
		panic("screen: an event always has a JSON form: " + err.Error())
	}
	return fmt.Sprintf("data: %s\n\n", b)
}
