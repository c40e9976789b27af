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
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"hailong/cmd/internal/run"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/console"
	"hailong/survey/custody"
	"hailong/survey/ticket"
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
	// Online, if set, says where phones reach the gateway, in place of the settings: the demo
	// knows it only once the gateway listens.
	Online func() string
	// MaxSize is the most bytes the store may have; 0 = no limit but the disk. Tests
	// let a commit fail with it.
	MaxSize int
	// Program, if set, is this program's own file. It is started again to look at a store
	// that may be damaged: see [Child].
	Program string
	// BackupEvery is how often it is looked at whether a backup is due; 0 = a minute.
	BackupEvery time.Duration
	// OnBackup, if set, hears of each step of a backup when it is on disk. Tests end the
	// program there.
	OnBackup func(BackupStep)
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
	beats    *beats
	knocks   *intake.Knocks
	backups  *backups
	taking   atomic.Bool  // intake is at work
	stuck    atomic.Int64 // chains that the store cannot keep
	opened   run.Stack
}

var _ run.Service = (*App)(nil)

// New makes the aggregator ready to run: it holds the store and both addresses when
// this returns, and kiosks may connect. It gives up when ctx ends meanwhile: looking at a
// large store takes minutes.
func New(ctx context.Context, c Config, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	a := &App{config: c, options: o, log: o.Log, metrics: metrics.NewSet(), beats: newBeats(o.Now), knocks: intake.NewKnocks(o.Now)}
	a.counters()
	a.backups = newBackups(a)
	state, err := a.inspect(ctx) // takes as long as it takes
	if err != nil {
		return nil, err
	}
	openStore := func(ctx context.Context) error { return a.openStore(ctx, state) }
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, step := range []func(context.Context) error{openStore, a.openBackups, a.openAddress, a.openBroker, a.openConsole} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, a.opened.Close())
		}
	}
	return a, nil
}

// openStore opens the store, or makes it and the centre's key where that is what the data
// folder is for. The state is written while the store is held, so that of two programs
// only the one that has it says so.
func (a *App) openStore(ctx context.Context, state storeState) (err error) {
	path := filepath.Join(a.config.Data, storeFile)
	a.store, err = boltstore.Open(path, boltstore.Options{MaxSize: a.options.MaxSize})
	switch {
	case errors.Is(err, boltstore.ErrLocked):
		return fmt.Errorf("data = %q: %w", a.config.Data, err)
	case err != nil:
		return a.unusable(path, err) // it went bad while nobody had it open
	}
	if a.key, err = loadKey(a.config.Data, state == making); err == nil {
		err = writeState(a.config.Data, inUse)
	}
	if err != nil {
		return errors.Join(err, a.store.Close())
	}
	a.opened.Push("the store", a.closeStore)
	return a.config.fill(ctx, a.store, survey.DateOf(a.options.Now()))
}

// closeStore closes the store and says that it was closed, unless it is damaged: the next
// start is to look at it. bbolt writes nothing when it closes; the word comes first, while
// nobody else can have the file.
func (a *App) closeStore() (err error) {
	info, err := os.Stat(filepath.Join(a.config.Data, storeFile))
	if err == nil && a.store.Err() == nil && a.backups.Damage() == nil {
		err = writeState(a.config.Data, closedAt(info.Size()))
	}
	return errors.Join(err, a.store.Close())
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
		a.broker, err = broker.Dial(ctx, n.URL, n.Credentials, n.MaxBytes, a.log)
	} else {
		a.broker, err = broker.Start(ctx, broker.Options{
			Dir: filepath.Join(a.config.Data, "nats"), Listen: n.Listen, MaxBytes: n.MaxBytes, Admit: a.admit, Stranger: a.stranger, Log: a.log,
			Certificate: n.TLS.Certificate, Key: n.TLS.Key,
		})
	}
	if err != nil {
		return err
	}
	a.opened.Push("the message server", func() error { a.broker.Close(); return nil })
	return nil
}

func (a *App) openConsole(ctx context.Context) (err error) {
	a.console, err = console.New(a.store, console.Settings{
		CentreKey: a.key.Public().(ed25519.PublicKey), NATS: a.natsForKiosks(), AutoEnrol: a.config.AutoEnrol,
		Minimum: a.config.Minimum, LiveStep: a.config.LiveStep, Demo: a.options.Demo,
		Secure: a.config.TLS.Certificate != "" || isHTTPS(a.config.PublicURL), Hosts: a.hosts(),
		Now: a.options.Now, Log: a.log, Metrics: a.writeMetrics, Ready: a.ready,
		Heartbeats: a.beats.all, OnRevoked: a.broker.Drop,
		Tickets: func(t *ticket.Ticket) (string, error) { return t.Sign(a.key) }, Online: a.online,
		Sign: func(c custody.Closing) []byte { return c.Sign(a.key) }, Ingest: a.ingest, Backups: a.backups,
	})
	if err != nil {
		return err
	}
	a.opened.Push("the console", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), run.StopWithin/2)
		defer cancel()
		return a.console.Shutdown(ctx)
	})
	return adminToken(ctx, a.config.Data, a.store, a.console)
}

// hosts are the names in the settings by which the console is reached.
func (a *App) hosts() []string {
	listen, _, _ := net.SplitHostPort(a.config.Listen) // validated
	hosts := []string{listen}
	if u, err := url.Parse(a.config.PublicURL); err == nil {
		hosts = append(hosts, u.Hostname())
	}
	return hosts
}

// ready is nil while batches are taken in and can be kept. A damaged store goes on taking
// them in, which is no worse for kiosks, because they let go only of what a verified backup
// holds; but a person has to come.
func (a *App) ready() error {
	damage := a.backups.Damage()
	switch err := a.store.Err(); {
	case err != nil:
		return err
	case !a.taking.Load():
		return errors.New("batches are not taken in")
	case a.stuck.Load() > 0:
		return fmt.Errorf("the batches of %d chains cannot be kept; the log says why", a.stuck.Load())
	case !a.broker.Conn().IsConnected():
		return errors.New("the message server is not reached")
	case damage != nil:
		return *damage
	}
	return a.broker.Err()
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

// Run takes batches in and answers people until ctx ends. It ends early, with the error,
// when the store can no longer be written, in whatever call that came out: the program
// then starts again and looks at what is on disk.
func (a *App) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait() // after cancel, which is deferred later
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hear, err := a.listen()
	if err != nil {
		return err
	}
	tell, err := a.directory().Listen(a.broker.Conn())
	if err != nil {
		return err
	}
	beside.Go(func() { hear(ctx) })
	beside.Go(func() { tell(ctx) })
	beside.Go(func() { a.keepTotals(ctx) })
	beside.Go(func() { a.broker.Watch(ctx, broker.WatchEvery, a.busEvent) })
	beside.Go(func() { a.backups.run(ctx) })
	in := a.intake()
	done := make(chan error, 2)
	a.taking.Store(true)
	go func() {
		defer a.taking.Store(false)
		done <- in.Run(ctx)
	}()
	go func() { done <- a.console.Serve(a.listener) }()
	select {
	case <-ctx.Done():
		return errors.Join(a.stopConsole(), <-done, <-done)
	case err := <-done:
		cancel()
		return errors.Join(err, a.stopConsole(), <-done)
	case <-a.store.Failed():
		cancel()
		return errors.Join(a.store.Err(), a.stopConsole(), <-done, <-done)
	}
}

// busEvent says what the watch of the message server saw or did.
func (a *App) busEvent(e broker.Event) {
	level := slog.LevelWarn
	if e.Kind == broker.Unwell || e.Kind == broker.Restarted {
		level = slog.LevelError
	}
	a.log.Log(context.Background(), level, "message server", "event", e.Kind, "error", e.Err)
	a.busEvents(e.Kind).Inc()
}

func (a *App) intake() *intake.Intake {
	return intake.New(intake.Options{
		Store: a.keeper(), Conn: a.broker.Conn(), Keys: a.keyOf, Sign: a.key, Now: a.options.Now, Log: a.log,
		OnKept: a.kept, Fatal: func(err error) bool { return errors.Is(err, boltstore.ErrFailed) },
		OnRejected: a.rejected, OnStuck: func(chains int) { a.stuck.Store(int64(chains)) },
	})
}

// keeper is the store as batches are kept in it.
func (a *App) keeper() intake.Store {
	if a.options.Wrap != nil {
		return a.options.Wrap(a.store)
	}
	return a.store
}

func (a *App) rejected(custody.Rejected) {
	a.metrics.GetOrCreateCounter("hailong_batches_rejected_total").Inc()
}

func (a *App) stopConsole() error {
	ctx, cancel := context.WithTimeout(context.Background(), run.StopWithin/2)
	defer cancel()
	return a.console.Shutdown(ctx)
}

// kept hears of each commit.
func (a *App) kept(counters []survey.CounterCode, kept []custody.Kept) {
	for _, k := range kept {
		a.batches(k.Case).Inc()
	}
	a.console.Changed(counters)
}

// Close stops everything that is still open, the store last.
func (a *App) Close() error { return a.opened.Close() }
