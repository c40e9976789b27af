// Package centreapp is the aggregator as a value, so that the program, the demo and
// the tests run the very same code.
//
// It starts from the ground up (store, key, message server, intake, console) and stops
// the other way round, so that nothing is taken that could not be kept.
package centreapp

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"hailong/cmd/internal/run"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/console"
	"hailong/survey/custody"
	"hailong/sync/broker"
	"hailong/sync/intake"
)

// Options are what a program or test decides besides the settings file.
type Options struct {
	Log  *slog.Logger     // nil = nowhere
	Now  func() time.Time // the clock; nil = time.Now
	Demo survey.Words     // a banner that says that figures are not real; none = none
	// Wrap, if set, stands between intake and the store: tests use it to show what a
	// protection is worth by taking it away.
	Wrap func(intake.Store) intake.Store
}

// App is the aggregator.
type App struct {
	config   Config
	options  Options
	log      *slog.Logger
	store    *boltstore.Store
	key      ed25519.PrivateKey
	broker   *broker.Broker
	console  *console.Console
	listener net.Listener
	metrics  *metrics.Set
	opened   run.Stack
}

var _ run.Service = (*App)(nil)

// New makes the aggregator ready to run: it holds the store and both addresses when
// this returns, and kiosks may connect.
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
	a := &App{config: c, options: o, log: o.Log, metrics: metrics.NewSet()}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, step := range []func(context.Context) error{a.openStore, a.openAddress, a.openBroker, a.openConsole} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, a.opened.Close())
		}
	}
	return a, nil
}

func (a *App) openStore(ctx context.Context) (err error) {
	if err := os.MkdirAll(a.config.Data, 0o700); err != nil {
		return fmt.Errorf("data = %q: make the folder: %w", a.config.Data, err)
	}
	path := filepath.Join(a.config.Data, "store.db")
	_, statErr := os.Stat(path)
	if a.key, err = loadKey(a.config.Data, errors.Is(statErr, os.ErrNotExist)); err != nil {
		return err
	}
	if a.store, err = boltstore.Open(path, boltstore.Options{}); err != nil {
		return fmt.Errorf("data = %q: %w", a.config.Data, err)
	}
	a.opened.Push("the store", a.store.Close)
	return a.config.fill(ctx, a.store, survey.DateOf(a.options.Now()))
}

func (a *App) openAddress(context.Context) error {
	l, err := run.Listen("listen", a.config.Listen)
	if err != nil {
		return err
	}
	if a.config.TLS.Certificate != "" {
		cert, err := tls.LoadX509KeyPair(a.config.TLS.Certificate, a.config.TLS.Key)
		if err != nil {
			return errors.Join(fmt.Errorf("tls: %w", err), l.Close())
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	} else if host, _, _ := net.SplitHostPort(l.Addr().String()); !net.ParseIP(host).IsLoopback() {
		a.log.Warn("listening beyond this machine without TLS: passwords and one-time codes can be read on the way; set tls, or put a proxy with https before it", "listen", a.config.Listen)
	}
	a.listener = l
	a.opened.Push("the listener", func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (a *App) openBroker(ctx context.Context) (err error) {
	n := a.config.NATS
	if n.URL != "" {
		a.broker, err = broker.Dial(ctx, n.URL, n.Credentials, n.MaxBytes)
	} else {
		a.broker, err = broker.Start(ctx, broker.Options{
			Dir: filepath.Join(a.config.Data, "nats"), Listen: n.Listen, MaxBytes: n.MaxBytes, Admit: a.admit, Log: a.log,
			Certificate: n.TLS.Certificate, Key: n.TLS.Key,
		})
	}
	if err != nil {
		return err
	}
	a.opened.Push("the message server", func() error { a.broker.Close(); return nil })
	return nil
}

// admit says which enrolled kiosk a public key belongs to.
func (a *App) admit(key []byte) (survey.KioskID, bool) {
	id := custody.KioskName(key)
	known, ok := a.keyOf(id)
	return id, ok && known.Equal(ed25519.PublicKey(key))
}

// keyOf is the key of a kiosk that is in service.
func (a *App) keyOf(id survey.KioskID) (ed25519.PublicKey, bool) {
	k, ok, err := a.store.Kiosk(context.Background(), id)
	if err != nil {
		a.log.Error("kiosk not looked up", "kiosk", id, "error", err)
	}
	return ed25519.PublicKey(k.Key), err == nil && ok && k.Revoked == nil
}

func (a *App) openConsole(ctx context.Context) (err error) {
	a.console, err = console.New(a.store, console.Settings{
		CentreKey: a.key.Public().(ed25519.PublicKey), NATS: a.natsForKiosks(), AutoEnrol: a.config.AutoEnrol,
		Minimum: a.config.Minimum, LiveStep: a.config.LiveStep, Demo: a.options.Demo,
		Secure: a.config.TLS.Certificate != "" || isHTTPS(a.config.PublicURL),
		Now:    a.options.Now, Log: a.log, Metrics: a.writeMetrics,
	})
	if err != nil {
		return err
	}
	a.opened.Push("the console", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), run.StopWithin/2)
		defer cancel()
		return a.console.Shutdown(ctx)
	})
	return adminToken(ctx, a.config.Data, a.console)
}

func isHTTPS(link string) bool {
	u, err := url.Parse(link)
	return err == nil && u.Scheme == "https"
}

// natsForKiosks is the message server's address as told to kiosks.
func (a *App) natsForKiosks() string {
	n := a.config.NATS
	switch {
	case n.Advertise != "":
		return n.Advertise
	case n.URL != "":
		return n.URL
	case n.TLS.Certificate != "":
		return "tls://" + a.broker.Addr()
	}
	return "nats://" + a.broker.Addr()
}

// URL is where people reach the console.
func (a *App) URL() string {
	if a.config.PublicURL != "" {
		return a.config.PublicURL
	}
	scheme := "http://"
	if a.config.TLS.Certificate != "" {
		scheme = "https://"
	}
	return scheme + a.listener.Addr().String()
}

// Addr is where the console listens.
func (a *App) Addr() string { return a.listener.Addr().String() }

// NATS is where kiosks reach the message server.
func (a *App) NATS() string { return a.natsForKiosks() }

// Store is the central store, for the demo's simulated past and for tests.
func (a *App) Store() *boltstore.Store { return a.store }

// Console is the analyst's face, for minting tokens and links.
func (a *App) Console() *console.Console { return a.console }

// SigninLink is a one-time address that signs an administrator in.
func (a *App) SigninLink() string { return a.URL() + a.console.OneTimeLink() }

// Run takes batches in and answers people until ctx ends.
func (a *App) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var keep intake.Store = a.store
	if a.options.Wrap != nil {
		keep = a.options.Wrap(keep)
	}
	in := intake.New(intake.Options{
		Store: keep, Conn: a.broker.Conn(), Keys: a.keyOf, Sign: a.key, Now: a.options.Now, Log: a.log,
		OnKept: a.kept, Fatal: func(err error) bool { return errors.Is(err, boltstore.ErrFailed) }, OnRejected: func(custody.Rejected) { a.metrics.GetOrCreateCounter("hailong_batches_rejected_total").Inc() },
	})
	done := make(chan error, 2)
	go func() { done <- in.Run(ctx) }()
	go func() { done <- a.console.Serve(a.listener) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-done:
		cancel()
		err = errors.Join(err, a.stopConsole(), <-done)
		return err
	}
	return errors.Join(a.stopConsole(), <-done, <-done)
}

func (a *App) stopConsole() error {
	ctx, cancel := context.WithTimeout(context.Background(), run.StopWithin/2)
	defer cancel()
	return a.console.Shutdown(ctx)
}

// kept hears of each commit.
func (a *App) kept(counters []survey.CounterCode, kept []custody.Kept) {
	for _, k := range kept {
		a.metrics.GetOrCreateCounter(`hailong_batches_total{case="` + k.Case.String() + `"}`).Inc()
	}
	a.console.Changed(counters)
}

// Close stops everything that is still open, the store last.
func (a *App) Close() error { return a.opened.Close() }

func (a *App) writeMetrics(w io.Writer) { a.metrics.WritePrometheus(w) }
