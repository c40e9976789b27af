package console

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/assets"
	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/score"
	"hailong/survey/ticket"
)

// Store is the central store as the console uses it. Every method may be called from
// many goroutines; what a Put has returned nil for is durable. Values handed out are
// shared and must not be changed.
type Store interface {
	score.Source
	Registry
	Account
	// Structure is who serves where, as last put; never nil.
	Structure(ctx context.Context) (*survey.Structure, error)
	// PutStructure replaces the structure as a whole. It gives [survey.Problems] when
	// the new one is not valid, or would move answers counted up to today.
	PutStructure(ctx context.Context, s *survey.Structure, today survey.Date) error
	// Catalogue is every questionnaire version known; never nil.
	Catalogue(ctx context.Context) (*survey.Catalogue, error)
	// PutPoster adds or replaces a poster.
	PutPoster(ctx context.Context, p survey.Poster) error
	// Posters are all posters ever made.
	Posters(ctx context.Context) ([]survey.Poster, error)
	// Chains is how far each chain has come.
	Chains(ctx context.Context) ([]custody.ChainState, error)
	// PutBoard keeps what the live page is about to show, in place of what was kept
	// before; Board gives it back, nil when there is none.
	PutBoard(ctx context.Context, board []byte) error
	Board(ctx context.Context) ([]byte, error)
}

// Registry is who may take part: kiosks, invitations and tokens.
type Registry interface {
	// Kiosks are all kiosks ever enrolled.
	Kiosks(ctx context.Context) ([]survey.Kiosk, error)
	// Kiosk finds one; false when it was never enrolled.
	Kiosk(ctx context.Context, id survey.KioskID) (survey.Kiosk, bool, error)
	// PutKiosk adds or replaces a kiosk.
	PutKiosk(ctx context.Context, k survey.Kiosk) error
	// PutInvitation keeps an invitation until it is redeemed or expires.
	PutInvitation(ctx context.Context, i survey.Invitation) error
	// Redeem spends the invitation with that code hash and enrols k with its name, role
	// and counters, in one transaction. The same kiosk may ask again, having lost the
	// answer. It gives [survey.ErrNoInvitation] when there is no such invitation, or it
	// is used up or expired at now.
	Redeem(ctx context.Context, code survey.Hash, k survey.Kiosk, now time.Time) (survey.Kiosk, error)
	// PutToken keeps a token.
	PutToken(ctx context.Context, t survey.Token) error
	// Token finds a token by its hash.
	Token(ctx context.Context, hash survey.Hash) (survey.Token, bool, error)
}

// Settings are what the console is told by the program around it. The zero value of
// each is a safe default.
type Settings struct {
	CentreKey ed25519.PublicKey // told to kiosks at enrolment: whose receipts to believe
	NATS      string            // the bus's address, told to kiosks

	// AutoEnrol lets kiosks on this very machine enrol without a code. They get the
	// first counter in force.
	AutoEnrol bool

	Minimum  int64 // figures of fewer respondents are withheld; 0 = 1
	LiveStep int64 // answers by which a counter's live figure moves; 0 = 5

	Hosts  []string     // names by which programs on this machine may call the console, besides localhost
	Demo   survey.Words // a banner that says the figures are not real; empty = none
	Secure bool         // people reach the console through https, even if a proxy ends it

	Now     func() time.Time // the clock; nil = time.Now
	Log     *slog.Logger     // nil = nowhere
	Metrics func(io.Writer)  // writes /metrics; nil = nothing there
	Ready   func() error     // why the centre is not ready yet; nil = it is

	Sign    func(custody.Closing) []byte                  // signs a closing with the centre's key; nil = closings go out unsigned
	Tickets func(*ticket.Ticket) (text string, err error) // signs a ticket with the centre's key; nil = no links and posters are made
	Online  func() string                                 // where phones reach the gateway: see [ticket.Directory]; nil or "" = nowhere
	Ingest  Ingest                                        // takes in batches that did not come over the bus; nil = nobody does
	Backups Backups                                       // nil = none are made here

	Heartbeats func() map[survey.KioskID]Heartbeat // the last one of each kiosk since the start; nil = nobody listens
	OnRevoked  func(survey.KioskID) error          // hears of each kiosk that was shut out; nil = nobody
}

// Heartbeat is how a kiosk was doing when it was last heard of.
type Heartbeat struct {
	At       time.Time     // by the centre's clock
	Free     int64         // bytes free on its disk; -1 = not known
	Refused  uint64        // presses that it refused because its disk was full, ever
	Trouble  string        // what a person should look at, in the kiosk's words; "" = nothing
	Skew     time.Duration // its clock less the centre's
	Software string        // its program's version
}

// Limits of the HTTP server. A stream of events ends before the write timeout would
// cut it in the middle; the browser then connects again by itself.
const (
	readTimeout  = 30 * time.Second
	writeTimeout = 60 * time.Second
	idleTimeout  = 2 * time.Minute
	bodyLimit    = 4 << 20 // the unit tree of the whole country fits
	smallBody    = 4 << 10 // forms, codes and keys
	maxConns     = 4096

	defaultLiveStep = 5
)

// Console is the running face. Make it with [New].
type Console struct {
	store    Store
	settings Settings
	log      *slog.Logger
	now      func() time.Time

	app      *fiber.App
	pages    *template.Template
	files    map[string]file
	sessions *sessions
	links    *links
	enrols   *limiter
	live     *live

	pending *pending   // counters whose figures may have moved
	boards  *boards    // the figures as last published, and who waits for the next
	work    sync.Mutex // held while the published figures are worked out anew
	trying  sync.Mutex // held while what is not counted is tried again

	stop              chan struct{} // closed by Shutdown: streams and the runner end
	done              chan struct{} // closed when the runner has ended
	closed            chan struct{} // closed when Shutdown is through: nothing is served after
	stopping, closing sync.Once     // close stop and closed
}

// New makes the console over a store and publishes the first live figures. It listens
// to nothing yet: see [Console.Serve]. Whoever made it must call [Console.Shutdown].
func New(store Store, s Settings) (*Console, error) {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.LiveStep <= 0 {
		s.LiveStep = defaultLiveStep
	}
	s.Minimum = max(s.Minimum, 1)
	c := &Console{
		store: store, settings: s, log: s.Log, now: s.Now,
		sessions: newSessions(s.Now), links: newLinks(s.Now), enrols: newLimiter(s.Now, maxFailedEnrols, maxFailedEnrolsOfAll, time.Minute),
		live: newLive(s.LiveStep), pending: newPending(), boards: newBoards(),
		stop: make(chan struct{}), done: make(chan struct{}), closed: make(chan struct{}),
	}
	var err error
	if c.files, err = loadFiles(assets.Console); err != nil {
		return nil, err
	}
	if c.pages, err = loadPages(assets.Console, c.files); err != nil {
		return nil, err
	}
	if err := c.begin(context.Background()); err != nil {
		return nil, fmt.Errorf("work out the first live figures: %w", err)
	}
	c.app = c.routes()
	go c.run()
	return c, nil
}

// App is the Fiber application, for tests that send requests without a socket.
func (c *Console) App() *fiber.App { return c.app }

// Serve answers requests on the listener until [Console.Shutdown]; it then returns nil.
func (c *Console) Serve(l net.Listener) error {
	served := make(chan struct{})
	defer close(served)
	go func() { // Shutdown may have come first, when there was nothing to stop yet
		select {
		case <-c.closed:
			_ = l.Close() // somebody else may have closed it
		case <-served:
		}
	}()
	if err := c.app.Listener(l); err != nil {
		return fmt.Errorf("serve the console on %s: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown ends open event streams, lets requests under way finish until ctx ends, and
// stops. It may be called more than once.
func (c *Console) Shutdown(ctx context.Context) error {
	c.stopping.Do(func() { close(c.stop) })
	<-c.done
	err := c.app.ShutdownWithContext(ctx)
	c.closing.Do(func() { close(c.closed) })
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop the console: %w", err)
	}
	return nil
}

// MintToken makes an administrator's API token and keeps its hash. The token itself is
// in the return value and nowhere else.
func (c *Console) MintToken(ctx context.Context, name string) (string, error) {
	token := "hl_" + secret()
	t := survey.Token{Hash: hashOf(token), Name: name, Created: c.now()}
	if err := c.store.PutToken(ctx, t); err != nil {
		return "", fmt.Errorf("keep the token %q: %w", name, err)
	}
	return token, nil
}

// OneTimeLink is the path of a sign-in link that works once, within 15 minutes.
func (c *Console) OneTimeLink() string { return "/signin/" + c.links.make() }

// today is the day in the zone in which days are cut.
func (c *Console) today() survey.Date { return survey.DateOf(c.now()) }
