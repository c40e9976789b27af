package webform

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	recovery "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/valyala/fasthttp"

	"hailong/kiosk"
	"hailong/kiosk/listen"
	"hailong/survey"
	"hailong/survey/ticket"
)

// Recorder keeps answers. [kiosk.Recorder] is one.
type Recorder interface {
	// Record returns the entry of a press once it is durable. Errors are
	// [survey.Problems], [kiosk.ErrConflict], [kiosk.ErrSpent], [kiosk.ErrUnknown] or the
	// journal's own. Safe for many goroutines.
	Record(ctx context.Context, p kiosk.Press) (survey.Entry, error)
	// Spent is the record that used up a ticket, if the journal holds it.
	Spent(id survey.TicketID) (survey.Entry, bool, error)
}

var _ Recorder = (*kiosk.Recorder)(nil)

// Options are what a Form needs for as long as it lives.
type Options struct {
	Ready func() error        // nil when an answer can be recorded; asked at every request
	Ring  func() *ticket.Ring // whose tickets are good; nil = not known yet
	// LookAgain asks for a newer ring, since somebody showed a ticket of an unknown signer or
	// typed an unknown address, and reports whether there is one. It answers most callers at
	// once. nil = there never is.
	LookAgain func() bool
	Secret    []byte           // the key of the hashes that show when a form was opened; the same after a restart
	Limits    Limits           // see [DefaultLimits]
	Proxies   []netip.Prefix   // proxies whose X-Forwarded-For is believed, for the limits alone
	TLS       *tls.Config      // nil = plain HTTP
	Now       func() time.Time // nil = time.Now
	Log       *slog.Logger     // nil = nowhere
	// Patience is how long a request may take to arrive, whole; 0 = 20 s.
	Patience time.Duration
	// Beside, if set, answers /api/…, /readyz and /metrics at the same address. It is for
	// demonstrations on one machine: a gateway serves nothing internal here.
	Beside fasthttp.RequestHandler
}

// Settings are what the form asks and on whose behalf. They may be replaced at any time
// by another [Form.Show].
type Settings struct {
	Catalogue     *survey.Catalogue
	Questionnaire string       // code of the one that is asked where a ticket names none; it has an overall question
	Office        survey.Words // who asks; empty = the counter's unit
	Contact       string       // where people turn with what concerns their data; "" = the counter
	KeepMonths    int          // for how many months comments are kept, as people are told
	Test          bool         // the banner of test mode
}

// The bounds within which a request must be done. A phone on a slow network needs some
// seconds to send a long comment.
const (
	bodyLimit    = 32 << 10
	headerLimit  = 8 << 10
	patience     = 20 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = 30 * time.Second
	recordWithin = 8 * time.Second
)

// Form serves the web form. Safe for many goroutines.
type Form struct {
	options Options
	files   *bundle
	gate    *gate
	app     *fiber.App
	shown   atomic.Pointer[shown] // nil = not in service
	ln      atomic.Pointer[listen.Listener]
	figures struct{ kept, unsaved, limited atomic.Uint64 }
}

// shown is one Show.
type shown struct {
	Settings
	recorder Recorder
}

// Figures count what happened since the program began.
type Figures struct {
	Kept    uint64 // forms that were thanked for, repeats included
	Unsaved uint64 // forms that could not be saved
	Limited uint64 // requests over a limit
}

// New makes a Form that is not in service. The error says which of the program's own
// files is broken, or which limit makes no sense.
func New(o Options) (*Form, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Patience = cmp.Or(o.Patience, patience)
	f := &Form{options: o}
	var err error
	if f.gate, err = newGate(o.Limits, o.Proxies, o.Now); err != nil {
		return nil, err
	}
	if f.files, err = load(); err != nil {
		return nil, fmt.Errorf("read the web form's own files: %w", err)
	}
	f.app = fiber.New(fiber.Config{
		AppName:                      "hailong",
		Immutable:                    true,
		BodyLimit:                    bodyLimit,
		ReadBufferSize:               headerLimit,
		ReadTimeout:                  o.Patience,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		DisableStartupMessage:        true,
		DisablePreParseMultipartForm: true, // no multipart is read here
		EnableTrustedProxyCheck:      true, // forwarding headers mean nothing but to the gate
		ErrorHandler:                 f.fail,
	})
	f.app.Use(recovery.New(recovery.Config{EnableStackTrace: true, StackTraceHandler: f.panicked}))
	f.app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	if o.Beside != nil {
		f.app.Use(f.beside)
	}
	f.app.Use(f.limit)
	f.app.Get("/", f.front)
	f.app.Get("/privacy", f.privacy)
	f.app.Get("/q/:ticket", f.open)
	f.app.Post("/q/:ticket", f.send)
	f.app.Get("/:short", f.open)
	f.app.Post("/:short", f.send)
	return f, nil
}

// beside hands on what is not the web form's.
func (f *Form) beside(c *fiber.Ctx) error {
	if p := c.Path(); strings.HasPrefix(p, "/api/") || p == "/readyz" || p == "/metrics" {
		f.options.Beside(c.Context())
		return nil
	}
	return c.Next()
}

// panicked logs where a handler panicked; what the request said is not logged.
func (f *Form) panicked(_ *fiber.Ctx, cause any) {
	f.options.Log.Error("panic while answering a request", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
}

// Show puts the form into service; requests that begin later see the settings and the
// recorder. The error says why they cannot be shown.
func (f *Form) Show(s Settings, r Recorder) error {
	v, ok := s.Catalogue.Find(s.Questionnaire)
	if !ok {
		return fmt.Errorf("show questionnaire %q: the catalogue has only %s", s.Questionnaire, s.Catalogue.Codes())
	}
	if err := Check(v); err != nil {
		return err
	}
	f.shown.Store(&shown{s, r})
	return nil
}

// Check says why the form cannot ask a questionnaire where a ticket names none; nil = it
// can.
func Check(v survey.Version) error {
	if _, _, ok := split(v); !ok {
		return fmt.Errorf("questionnaire %q has no overall question (kind %q), the one that the form begins with", v.Code, survey.Overall)
	}
	return nil
}

// Figures are what happened so far.
func (f *Form) Figures() Figures {
	return Figures{Kept: f.figures.kept.Load(), Unsaved: f.figures.unsaved.Load(), Limited: f.figures.limited.Load()}
}

// Serve answers requests on ln until [Form.Shutdown]: over TLS where the options say so.
func (f *Form) Serve(ln net.Listener) error {
	l := listen.On(bounded{ln, f.gate, f.options.TLS})
	f.ln.Store(l)
	if err := f.app.Listener(l); err != nil {
		return fmt.Errorf("serve the web form on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown closes the listener and waits until the requests under way are answered, or
// ctx ends. A form that was shut down does not serve again.
func (f *Form) Shutdown(ctx context.Context) error {
	if l := f.ln.Load(); l != nil {
		l.Hush()
	}
	if err := f.app.ShutdownWithContext(ctx); err != nil {
		return fmt.Errorf("stop the web form: %w", err)
	}
	return nil
}

// service is what the form works with at this moment, or why it does not.
func (f *Form) service() (*shown, *ticket.Ring, error) {
	if err := f.options.Ready(); err != nil {
		return nil, nil, err
	}
	now, ring := f.shown.Load(), f.options.Ring()
	if now == nil || ring == nil {
		return nil, nil, errStarting
	}
	return now, ring, nil
}

var errStarting = errors.New("the web form is not in service yet")
