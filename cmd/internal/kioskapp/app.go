// Package kioskapp is the kiosk program as a value, so that the program, the demo and
// the tests run the very same code.
//
// It begins to serve at once, out of service; takes itself in at the centre if it is
// new; opens the journal; and only then shows the question. From there on it records
// with or without the centre.
package kioskapp

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"hailong/cmd/internal/run"
	"hailong/kiosk"
	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/kiosk/screen"
	"hailong/survey"
	"hailong/survey/files"
	"hailong/sync/link"
	"hailong/sync/uplink"
)

// Options are what a program or test decides besides the settings file.
type Options struct {
	Log *slog.Logger     // nil = nowhere
	Now func() time.Time // the clock; nil = time.Now
	// Wrap, if set, stands between the recorder and the journal: tests use it to show
	// what a protection is worth by taking it away.
	Wrap func(kiosk.Journal) kiosk.Journal
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
	commits   histogram // of the journal, in seconds
	began     time.Time
	opened    run.Stack

	trouble atomic.Pointer[error] // why presses cannot be recorded; nil = they can
	working atomic.Pointer[parts] // nil until the journal is open
}

// parts are what a kiosk in service works with.
type parts struct {
	journal *journal.Journal
	uplink  *uplink.Uplink
}

var _ run.Service = (*App)(nil)

// New makes the kiosk ready to run: settings, key and address. A kiosk that was taken
// in before opens its journal here, so that a bad one is reported at once.
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
	a := &App{config: c, options: o, log: o.Log, began: time.Now()}
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
	if v, ok := a.catalogue.Find(a.config.Screen.Questionnaire); !ok {
		return survey.Problems{{
			Path: "screen.questionnaire", Value: a.config.Screen.Questionnaire,
			Vi: "không có phiếu hỏi này; có: " + a.catalogue.Codes(), En: "there is no such questionnaire; there are: " + a.catalogue.Codes(),
		}}
	} else if len(v.Headline()) == 0 {
		return fmt.Errorf("questionnaire %s has no question to show", v.Code)
	}
	if a.identity, err = identity.Load(a.config.Data); err != nil {
		return fmt.Errorf("data = %q: %w", a.config.Data, err)
	}
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
		if err := a.open(); err != nil {
			return err
		}
	}
	a.screen, err = screen.New(screen.Options{State: a, Hosts: a.config.Hosts, Metrics: a.writeMetrics, Log: a.log})
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

// open opens the journal and remembers its chain in the identity, so that a journal
// that goes missing later is noticed.
func (a *App) open() error {
	j, err := journal.Open(filepath.Join(a.config.Data, identity.JournalFolder), journal.Options{
		Kiosk: a.identity.Kiosk(), Chain: a.identity.Chain, Now: a.options.Now,
		OnCommit: func(_ int, took time.Duration) { a.commits.add(took) },
	})
	if err != nil {
		return fmt.Errorf("open the journal in %s: %w", a.config.Data, err)
	}
	a.opened.Push("the journal", j.Close)
	if a.identity.Chain != j.Chain() {
		a.identity.Chain = j.Chain()
		if err := a.identity.Save(a.config.Data); err != nil {
			return err
		}
	}
	e := a.identity.Enrolment
	u := uplink.New(uplink.Options{
		Kiosk: a.identity.Kiosk(), Key: a.identity.Key(), CentreKey: ed25519.PublicKey(e.CentreKey), Journal: j, Seed: rand.Uint64(), Log: a.log,
		Beat: a.heartbeat, Now: a.options.Now,
	})
	a.working.Store(&parts{j, u})
	return nil
}

// Addr is where the kiosk is served.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Kiosk is the kiosk's name.
func (a *App) Kiosk() survey.KioskID { return a.identity.Kiosk() }

// Unit is the unit of the kiosk's first counter, as the centre named it; "" before the
// kiosk was taken in.
func (a *App) Unit() survey.UnitCode {
	if a.working.Load() == nil {
		return ""
	}
	return a.identity.Enrolment.Counters[0].Unit
}

// Run serves until ctx ends or the journal fails. A journal that failed to write is
// not written to again: the program ends, and its next start looks at what is on disk.
func (a *App) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(a.screen.Serve(a.listener)) }()
	defer a.stopServing()
	if a.working.Load() == nil {
		if err := a.enrol(ctx); err != nil {
			return unlessDone(ctx, err)
		}
		if err := a.open(); err != nil {
			return err
		}
	}
	if err := a.show(); err != nil {
		return err
	}
	return a.carry(ctx)
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
	var j kiosk.Journal = a.working.Load().journal
	if a.options.Wrap != nil {
		j = a.options.Wrap(j)
	}
	var counters []survey.CounterCode
	for _, c := range e.Counters {
		counters = append(counters, c.Code)
	}
	recorder := kiosk.NewRecorder(kiosk.Settings{
		Catalogue: a.catalogue, Counters: counters, Stage: a.config.Stage, Repeat: a.config.Repeat, Test: a.config.Test, Now: a.options.Now,
	}, j)
	err := a.screen.Show(screen.Settings{
		Role: a.config.Role, Unit: e.Counters[0].UnitName, CounterName: e.Counters[0].Name, Catalogue: a.catalogue,
		Questionnaire: a.config.Screen.Questionnaire, Languages: a.config.Screen.Languages, Thanks: a.config.Screen.Thanks, Test: a.config.Test,
	}, recorder)
	if err == nil {
		a.trouble.Store(nil)
	}
	return err
}

// carry runs the uplink until ctx ends or the journal fails.
func (a *App) carry(ctx context.Context) error {
	w := a.working.Load()
	url := a.identity.Enrolment.NATS
	if a.config.Centre.NATS != "" {
		url = a.config.Centre.NATS
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	nc, err := link.Dial(link.Options{
		URL: url, Kiosk: a.identity.Kiosk(), Key: a.identity.Key(), CA: a.config.Centre.CA,
		OnChange: func(up bool, problem error) { w.uplink.Link(ctx, up, problem) },
	})
	if err != nil {
		return err
	}
	defer nc.Close()
	done := make(chan error, 1)
	go func() { done <- w.uplink.Run(ctx, uplink.OverNATS(nc)) }()
	select {
	case err = <-done:
	case <-w.journal.Failed():
		a.screen.Hide()
		err = w.journal.Err()
		cancel()
		<-done
		return fmt.Errorf("the journal failed; start the program again to look at what is on disk: %w", err)
	}
	return unlessDone(ctx, err)
}

func (a *App) stopServing() {
	ctx, cancel := context.WithTimeout(context.Background(), run.StopWithin/2)
	defer cancel()
	if err := a.screen.Shutdown(ctx); err != nil {
		a.log.Warn("stop serving", "error", err)
	}
}

// Close releases the address and closes the journal, noting a clean stop.
func (a *App) Close() error { return a.opened.Close() }
