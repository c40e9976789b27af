package screen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	recovery "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/valyala/fasthttp"

	"hailong/kiosk"
	"hailong/kiosk/listen"
	"hailong/survey"
)

// Recorder keeps presses. [kiosk.Recorder] is one.
type Recorder interface {
	// Record returns the entry of a press once it is durable; the same key gives the
	// same entry. Errors are [survey.Problems], [kiosk.ErrConflict], [kiosk.ErrUnknown]
	// or the journal's own. Safe for many goroutines.
	Record(ctx context.Context, p kiosk.Press) (survey.Entry, error)
}

var _ Recorder = (*kiosk.Recorder)(nil)

// Options are what a Screen needs for as long as it lives.
type Options struct {
	State   State                   // how the kiosk is; must be given
	Hosts   []string                // names, besides addresses and localhost, by which the kiosk may be called
	Metrics func(io.Writer)         // writes /metrics in Prometheus text format; nil = no such page
	Diary   func() ([]Event, error) // what happened to the kiosk, the latest last; nil = no such page
	Log     *slog.Logger            // where causes go that a caller is not told; nil = nowhere

	Folder    string                                // where paired tablets and wrong PINs are kept; "" = no tablet can be paired
	Operator  Operator                              // the operator's menu
	Code      func(survey.CounterCode) (Code, bool) // the code for phones of a counter, at this moment; nil = none
	Addresses func() []string                       // http://HOST:PORT by which tablets find the box; nil = none: it listens to itself only
	TLS       *tls.Config                           // for whoever is not the box itself; nil = no encryption
	Note      func(kind string, w survey.Words)     // hears what people should read later; nil = nobody
	Now       func() time.Time                      // the clock, with its monotonic reading; nil = time.Now
}

// The bounds within which a request must be done.
const (
	bodyLimit    = 32 << 10
	readTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = 60 * time.Second
	recordWithin = 8 * time.Second
)

// Screen serves one kiosk. Safe for many goroutines.
type Screen struct {
	options Options
	page    *template.Template
	words   wordlist
	build   string // names the page and its files, so that a new program renews old pages
	app     *fiber.App
	shown   atomic.Pointer[shown] // nil = out of service: not enrolled
	ln      atomic.Pointer[listen.Listener]
	feed    feed // what happens on the counters' button panels

	near     func(netip.Addr) bool // the box itself: loopback
	tablets  *tablets
	operator *operator
	modes    modes
}

// New makes a Screen that is out of service. The error says which of the program's own
// files is broken; a tested program never meets it.
func New(o Options) (*Screen, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Screen{options: o, near: netip.Addr.IsLoopback}
	var lost, forgot error
	s.tablets, lost = tabletsIn(o.Folder)
	s.operator, forgot = operatorIn(o.Folder, o.Operator.PIN)
	if err := errors.Join(lost, forgot); err != nil {
		// The box's own screen does without them: it goes into service all the same.
		o.Log.Error("a file of the screen cannot be read", "error", err)
	}
	files, err := s.load()
	if err != nil {
		return nil, fmt.Errorf("read the screen's own files: %w", err)
	}
	s.app = fiber.New(fiber.Config{
		AppName:                      "hailong",
		Immutable:                    true,
		BodyLimit:                    bodyLimit,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		DisableStartupMessage:        true,
		DisablePreParseMultipartForm: true, // no multipart is read here
		EnableTrustedProxyCheck:      true, // with no trusted proxy: forwarding headers mean nothing
		ErrorHandler:                 s.fail,
	})
	s.app.Use(recovery.New(recovery.Config{EnableStackTrace: true, StackTraceHandler: s.panicked}), secure)
	s.routes(files)
	return s, nil
}

func (s *Screen) routes(files []file) {
	s.app.Get("/healthz", healthz)
	s.app.Get("/readyz", s.readyz)
	for _, f := range files {
		s.app.Get("/assets/"+f.name, f.serve)
	}
	s.app.Get("/", s.front)
	s.app.Post("/press", s.present, sameSite, s.pressForm)
	s.app.Get("/press", s.home)
	s.app.Get("/revision", s.present, s.revision)
	s.app.Get("/events", s.present, s.events)
	s.app.Get("/audio/:lang/:name", s.present, s.sound)
	s.app.Post("/api/v1/responses", s.present, sameSite, s.pressJSON)
	s.app.Get("/qr.svg", s.present, s.codeSVG)
	s.app.Get("/qr.png", s.present, s.codePNG)
	s.app.Get("/pair", s.pairing)
	s.app.Post("/pair", sameSite, s.pair)
	s.app.Get("/api/v1/status", s.local, s.status)
	s.app.Post("/api/v1/tablets", s.local, sameSite, s.postTablet)
	s.app.Get("/api/v1/tablets", s.local, s.getTablets)
	s.app.Delete("/api/v1/tablets/:id", s.local, sameSite, s.deleteTablet)
	if s.options.Operator.PIN != "" {
		s.app.Get("/operator", s.local, s.operatorPage)
		s.app.Post("/operator", s.local, sameSite, s.operate)
	}
	if s.options.Diary != nil {
		s.app.Get("/api/v1/diary", s.local, s.diary)
	}
	if s.options.Metrics != nil {
		s.app.Get("/metrics", s.local, s.metrics)
	}
}

// panicked logs where a handler panicked; the caller gets the answer of any fault of ours.
func (s *Screen) panicked(_ *fiber.Ctx, cause any) {
	s.options.Log.Error("panic while answering a request", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
}

// Show puts the screen into service with a questionnaire to ask and a recorder that
// keeps the answers; requests that begin later see both. The error says why the
// settings cannot be shown; the screen then stays as it was.
func (s *Screen) Show(settings Settings, r Recorder) error {
	next, err := s.prepare(settings, r)
	if err != nil {
		return err
	}
	s.shown.Store(next)
	return nil
}

// Hide takes the screen out of service: the page says so, and presses get 503.
func (s *Screen) Hide() { s.shown.Store(nil) }

// Serve answers requests on ln until [Screen.Shutdown].
func (s *Screen) Serve(ln net.Listener) error {
	l := listen.On(s.guarded(ln))
	s.ln.Store(l)
	if err := s.app.Listener(l); err != nil {
		return fmt.Errorf("serve the screen on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Handler answers requests that came in at another address of this machine.
func (s *Screen) Handler() fasthttp.RequestHandler { return s.app.Handler() }

// Shutdown closes the listener and waits until the requests under way are answered, or
// ctx ends. A screen that was shut down does not serve again.
func (s *Screen) Shutdown(ctx context.Context) error {
	if l := s.ln.Load(); l != nil {
		l.Hush()
	}
	s.feed.end()
	if err := s.app.ShutdownWithContext(ctx); err != nil {
		return fmt.Errorf("stop the screen: %w", err)
	}
	return nil
}

func (s *Screen) now() time.Time { return s.options.Now() }
