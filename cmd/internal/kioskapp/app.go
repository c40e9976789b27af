// Package kioskapp is the kiosk program as a value, so that the program, the demo and
// the tests run the very same code.
//
// It begins to serve at once, out of service; takes itself in at the centre if it is
// new; opens the journal; and only then shows the question. From there on it records
// with or without the centre.
package kioskapp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"hailong/cmd/internal/run"
	"hailong/kiosk"
	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/kiosk/screen"
	"hailong/survey"
	"hailong/survey/files"
	"hailong/sync/downlink"
)

// Options are what a program or test decides besides the settings file.
type Options struct {
	Log *slog.Logger     // nil = nowhere
	Now func() time.Time // the clock; nil = time.Now
	// Wrap, if set, stands between the recorder and the journal: tests use it to show
	// what a protection is worth by taking it away.
	Wrap func(kiosk.Journal) kiosk.Journal
	// Directory are the waits between two questions about the centre's directory; zero =
	// those of the kiosk's role.
	Directory downlink.Tuning
	// Program, if set, is this program's own file. It is started again to look at files
	// that may be damaged: see [Child].
	Program string
	// Together, for a gateway, serves status, metrics and the JSON interface at the public
	// address, to this machine alone, instead of at an internal one: a demonstration's.
	Together bool
}

// App is the kiosk program.
type App struct {
	config    Config
	options   Options
	log       *slog.Logger
	catalogue *survey.Catalogue
	identity  *identity.Identity
	listener  net.Listener
	screen    *screen.Screen
	gateway   *gateway  // nil = a counter's kiosk
	commits   histogram // of the journal, in seconds
	began     time.Time
	opened    run.Stack
	diary     *diary
	buttons   buttons
	centre    life // of the receipts of the journal's own chain; touched by its uplink alone

	directory directory                      // what the centre tells: see directory.go
	codes     codes                          // the QR codes that stand on screens: see codes.go
	hours     *kiosk.Hours                   // of the settings; nil = always open
	showing   sync.Mutex                     // held while the screen is given what it shows
	recorder  atomic.Pointer[kiosk.Recorder] // of the moment; nil = the kiosk was never in service

	trouble atomic.Pointer[error]         // why presses cannot be recorded; nil = they can
	working atomic.Pointer[parts]         // nil until the journal is open
	renewed chan *identity.Enrolment      // what the centre said to a new code; see live
	outside atomic.Pointer[survey.Words]  // why it was not taken in by that code yet; nil = nothing is wrong
	space   atomic.Pointer[journal.Space] // of the journal's disk, as it was a moment ago; nil = not looked at yet
	greeted sync.Once                     // the diary says that the program has started
}

var _ run.Service = (*App)(nil)

// New makes the kiosk ready to run: settings, key and address. The journal is left to
// Run: it may take its time, and the page must say so meanwhile.
func New(c Config, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	a := &App{config: c, options: o, log: o.Log, began: time.Now(), renewed: make(chan *identity.Enrolment, 1)}
	if c.Centre.exposed() {
		a.log.Warn("centre.url is another machine, without https: the one-time code and the centre's key can be read and changed on the way", "centre.url", c.Centre.URL)
	}
	if err := a.prepare(); err != nil {
		return nil, errors.Join(err, a.opened.Close())
	}
	return a, nil
}

func (a *App) prepare() (err error) {
	questionnaires, err := files.Questionnaires(a.config.Questionnaires)
	if err != nil {
		return err
	}
	a.catalogue = survey.NewCatalogue(questionnaires...)
	if a.hours, err = a.config.Hours.timetable(); err != nil {
		return err
	}
	wrong := survey.Problem{Path: "screen.questionnaire", Value: a.config.Screen.Questionnaire}
	if v, ok := a.catalogue.Find(a.config.Screen.Questionnaire); !ok {
		wrong.Vi, wrong.En = "không có phiếu hỏi này; có: "+a.catalogue.Codes(), "there is no such questionnaire; there are: "+a.catalogue.Codes()
		return wrong
	} else if len(v.Headline()) == 0 {
		wrong.Vi, wrong.En = "phiếu này không có câu hỏi nào để hiện", "this questionnaire has no question to show"
		return wrong
	}
	if code := a.config.Screen.FollowUp; code != "" {
		if _, ok := a.catalogue.Find(code); !ok {
			return survey.Problem{
				Path: "screen.follow_up", Value: code,
				Vi: "không có phiếu hỏi này; có: " + a.catalogue.Codes(), En: "there is no such questionnaire; there are: " + a.catalogue.Codes(),
			}
		}
	}
	if err := a.prepareButtons(); err != nil {
		return err
	}
	if a.identity, err = identity.Load(a.config.Data); err != nil {
		return fmt.Errorf("data = %q: %w", a.config.Data, err)
	}
	a.diary = openDiary(a.config.Data)
	a.opened.Push("the diary", a.diary.close)
	if a.listener, err = run.Listen("listen", a.config.Listen); err != nil {
		return err
	}
	a.opened.Push("the listener", func() error { return ignoreClosed(a.listener.Close()) })
	if a.identity.Enrolment == nil {
		a.keepOut(&screen.NotEnrolled{})
	} else {
		a.keepOut(screen.ErrStarting)
		if err := a.checkRole(); err != nil {
			return err
		}
	}
	o, err := a.screenOptions()
	if err != nil {
		return err
	}
	a.screen, err = screen.New(o)
	if err == nil && a.config.Role == survey.OnlineGateway {
		err = a.openGateway()
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// keepOut says why presses cannot be recorded.
func (a *App) keepOut(why error) { a.trouble.Store(&why) }

// Addr is where the kiosk is served.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Kiosk is the kiosk's name.
func (a *App) Kiosk() survey.KioskID { return a.identity.Kiosk() }

// Unit is the unit of the kiosk's first counter, as the centre named it; "" before the
// kiosk was taken in and its journal is open.
func (a *App) Unit() survey.UnitCode {
	w := a.working.Load()
	if w == nil {
		return ""
	}
	return w.enrolment.Counters[0].Unit
}

// Run serves until ctx ends. While the journal cannot be opened the screen is out of
// service and says so; Run ends because of it only at the start, and only where a person
// must mend something before another try can help. A journal that failed to write is not
// written to again: it is closed, looked at and opened anew.
func (a *App) Run(ctx context.Context) (err error) {
	stop := a.keepDiary()
	defer func() { stop(err) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.serve(cancel)
	defer a.stopServing()
	if a.identity.Enrolment == nil {
		if err := a.enrol(ctx); err != nil {
			return unlessDone(ctx, err)
		}
		a.keepOut(screen.ErrStarting)
	}
	a.openBook()
	if err := a.openJournal(ctx); err != nil {
		return unlessDone(ctx, err)
	}
	a.greeted.Do(a.greet)
	if err := a.show(); err != nil {
		return err
	}
	defer a.hearButtons(ctx)()
	return a.live(ctx)
}

// unlessDone is nil where ctx ended because the program was told to stop.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// show puts the screen into service. From here on presses are recorded.
func (a *App) show() error {
	e := a.identity.Enrolment
	var j kiosk.Journal = present{a}
	if a.options.Wrap != nil {
		j = a.options.Wrap(j)
	}
	var codes []survey.CounterCode
	for _, c := range e.Counters {
		codes = append(codes, c.Code)
	}
	recorder := kiosk.NewRecorder(kiosk.Settings{
		Catalogue: a.catalogue, Counters: codes, Stage: a.config.Stage, Repeat: a.config.Repeat, Test: a.config.Test, Testing: a.screen.Testing, Open: a.hours.Open, Now: a.options.Now,
	}, j)
	a.showing.Lock()
	defer a.showing.Unlock()
	a.recorder.Store(recorder)
	err := a.display()
	if err == nil {
		err = a.showForm(recorder)
	}
	if err == nil {
		a.trouble.Store(nil)
	}
	return err
}

// display gives the screen what it shows. Whoever calls it holds a.showing.
func (a *App) display() error {
	var counters []screen.Counter
	for _, c := range a.identity.Enrolment.Counters {
		now := a.named(c)
		counters = append(counters, screen.Counter{Code: c.Code, Unit: now.UnitName, Name: now.Name})
	}
	return a.screen.Show(screen.Settings{
		Role: a.config.Role, Counters: counters, Hours: a.hours, Catalogue: a.catalogue,
		Questionnaire: a.config.Screen.Questionnaire, Languages: a.config.Screen.Languages, Thanks: a.config.Screen.Thanks, Test: a.config.Test,
		FollowUp: a.config.Screen.FollowUp, Idle: a.config.Screen.Idle, Audio: a.config.Screen.sounds(),
	}, a.recorder.Load())
}

func (a *App) stopServing() {
	ctx, cancel := context.WithTimeout(context.Background(), run.StopWithin/2)
	defer cancel()
	if err := errors.Join(a.stopForm(ctx), a.screen.Shutdown(ctx)); err != nil {
		a.log.Warn("stop serving", "error", err)
	}
}

// Close releases the address and closes the journal, noting a clean stop.
func (a *App) Close() error { return a.opened.Close() }
