package downlink

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"hailong/survey"
	"hailong/survey/ticket"
	"hailong/sync/wire"
)

// Source is what the centre makes its directory of.
type Source interface {
	// Kiosks are all kiosks ever enrolled.
	Kiosks(ctx context.Context) ([]survey.Kiosk, error)
	// Kiosk finds one; false when it was never enrolled.
	Kiosk(ctx context.Context, id survey.KioskID) (survey.Kiosk, bool, error)
	// Structure is who serves where; never nil. What was handed out does not change.
	Structure(ctx context.Context) (*survey.Structure, error)
	// Posters are all posters ever made.
	Posters(ctx context.Context) ([]survey.Poster, error)
}

// CentreOptions are what the centre needs to answer.
type CentreOptions struct {
	Source Source
	// Online is where phones reach the gateway now; see [ticket.Directory].
	Online func() string
	Sign   ed25519.PrivateKey // the centre's key
	Now    func() time.Time
	Log    *slog.Logger
}

// Centre answers kiosks that ask for the directory. A counter's kiosk is told of its own
// counters alone; a gateway of everything.
type Centre struct {
	CentreOptions
	names   names
	current *bundle // what gateways are told now
	before  *bundle // what they were told before: one of them may be in the middle of it
	looked  time.Time
}

// bundle is a directory ready to travel.
type bundle struct {
	tag    Tag
	packed []byte
}

// fresh is how long a gateway is told what was read from the store a moment ago: many may
// ask at once.
const fresh = 2 * time.Second

// NewCentre makes the centre's side.
func NewCentre(o CentreOptions) *Centre { return &Centre{CentreOptions: o} }

// Listen begins to hear questions; answer goes on until its context ends.
func (c *Centre) Listen(nc *nats.Conn) (answer func(context.Context), err error) {
	sub, err := nc.SubscribeSync(wire.AllDirectories)
	if err != nil {
		return nil, fmt.Errorf("listen for questions about the directory: %w", err)
	}
	return func(ctx context.Context) {
		defer func() { _ = sub.Unsubscribe() }() // the connection closes next
		for ctx.Err() == nil && sub.IsValid() {
			m, err := sub.NextMsgWithContext(ctx)
			if err != nil {
				continue // some were dropped, and are asked again
			}
			if err := c.respond(ctx, m); err != nil && ctx.Err() == nil {
				c.Log.Warn("a kiosk was not told the directory", "kiosk", wire.Kiosk(m.Subject), "error", err)
			}
		}
	}, nil
}

// respond answers one question. Who is not in service gets no answer.
func (c *Centre) respond(ctx context.Context, m *nats.Msg) error {
	id := wire.Kiosk(m.Subject)
	if !strings.HasPrefix(m.Reply, wire.InboxPrefix(id)+".") {
		return fmt.Errorf("it wants its answer where others listen: %s", m.Reply)
	}
	q, err := parseQuestion(m.Data)
	if err != nil {
		return err
	}
	k, known, err := c.Source.Kiosk(ctx, id)
	switch {
	case err != nil:
		return fmt.Errorf("look up the kiosk: %w", err)
	case !known || k.Revoked != nil:
		return errors.New("it is not in service")
	}
	a, err := c.answer(ctx, k, q)
	if err != nil {
		return err
	}
	return m.Respond(a.encode())
}

func (c *Centre) answer(ctx context.Context, k survey.Kiosk, q question) (answer, error) {
	if q.kind == askPiece {
		for _, b := range []*bundle{c.current, c.before} {
			if k.Role == survey.OnlineGateway && b != nil && b.tag == q.tag && q.number < b.pieces() {
				return b.piece(q.number), nil
			}
		}
		return answer{kind: gone}, nil
	}
	b, err := c.bundleFor(ctx, k, q.tag)
	switch {
	case err != nil:
		return answer{}, err
	case b == nil:
		return answer{kind: same}, nil
	}
	return b.piece(0), nil
}

// bundleFor is what a kiosk is told; nil when it has it already.
func (c *Centre) bundleFor(ctx context.Context, k survey.Kiosk, have Tag) (*bundle, error) {
	if k.Role != survey.OnlineGateway {
		d, err := c.own(ctx, k)
		if err != nil {
			return nil, err
		}
		b, err := c.bundle(d, have)
		if err == nil && b != nil && b.pieces() > 1 {
			return nil, fmt.Errorf("the directory of its %d counters has %d bytes, which is more than %d", len(k.Counters), len(b.packed), pieceSize)
		}
		return b, err
	}
	if now := c.Now(); c.current == nil || now.Sub(c.looked) >= fresh || now.Before(c.looked) {
		if err := c.look(ctx); err != nil {
			return nil, err
		}
		c.looked = now
	}
	if c.current.tag == have {
		return nil, nil
	}
	return c.current, nil
}

// look brings what gateways are told up to date.
func (c *Centre) look(ctx context.Context) error {
	d, err := c.whole(ctx)
	if err != nil {
		return err
	}
	var have Tag
	if c.current != nil {
		have = c.current.tag
	}
	b, err := c.bundle(d, have)
	if err == nil && b != nil {
		c.current, c.before = b, c.current
	}
	return err
}

// bundle signs and packs a directory; nil when it says what the one named have does.
func (c *Centre) bundle(d ticket.Directory, have Tag) (*bundle, error) {
	plain, err := json.Marshal(d) // without the time at which it was made
	if err != nil {
		return nil, fmt.Errorf("write the directory: %w", err)
	}
	sum := sha256.Sum256(plain)
	tag := Tag(sum[:len(Tag{})])
	if tag == have {
		return nil, nil
	}
	d.Made = c.Now()
	signed, err := d.Sign(c.Sign)
	if err != nil {
		return nil, err
	}
	packed, err := pack(signed)
	if err != nil {
		return nil, err
	}
	b := &bundle{tag: tag, packed: packed}
	if n := b.pieces(); n > maxPieces {
		return nil, fmt.Errorf("the directory has %d bytes, which is more than %d pieces", len(packed), maxPieces)
	}
	return b, nil
}

func (b *bundle) pieces() int { return (len(b.packed) + pieceSize - 1) / pieceSize }

func (b *bundle) piece(n int) answer {
	part := b.packed[n*pieceSize : min((n+1)*pieceSize, len(b.packed))]
	return answer{kind: piece, tag: b.tag, number: n, of: b.pieces(), bytes: part}
}

// own is what a counter's kiosk is told.
func (c *Centre) own(ctx context.Context, k survey.Kiosk) (ticket.Directory, error) {
	d := ticket.Directory{Online: c.Online(), Counters: []ticket.Counter{}}
	if err := c.bringNames(ctx); err != nil {
		return d, err
	}
	for _, code := range slices.Sorted(slices.Values(k.Counters)) {
		if row, ok := c.names.counters[code]; ok {
			d.Counters = append(d.Counters, row)
		}
	}
	return d, nil
}

// whole is what a gateway is told.
func (c *Centre) whole(ctx context.Context) (ticket.Directory, error) {
	d := ticket.Directory{Online: c.Online()}
	if err := c.bringNames(ctx); err != nil {
		return d, err
	}
	d.Counters = c.names.ordered
	kiosks, err := c.Source.Kiosks(ctx)
	if err != nil {
		return d, fmt.Errorf("read the kiosks: %w", err)
	}
	for _, k := range kiosks {
		if k.Revoked == nil && k.Role != survey.OnlineGateway { // a gateway has no screen whose codes it could sign
			d.Kiosks = append(d.Kiosks, ticket.KioskKey{ID: k.ID, Key: k.Key, Counters: k.Counters})
		}
	}
	slices.SortFunc(d.Kiosks, func(a, b ticket.KioskKey) int { return strings.Compare(string(a.ID), string(b.ID)) })
	posters, err := c.Source.Posters(ctx)
	if err != nil {
		return d, fmt.Errorf("read the posters: %w", err)
	}
	for _, p := range posters {
		if p.Withdrawn == nil && c.Now().Before(p.Expires) {
			d.Posters = append(d.Posters, ticket.PosterPlace{Short: p.Short, Ticket: p.Ticket})
		}
	}
	slices.SortFunc(d.Posters, func(a, b ticket.PosterPlace) int { return strings.Compare(a.Short, b.Short) })
	return d, nil
}

// names are the counters of one day, worked out once for all who ask.
type names struct {
	of       *survey.Structure
	day      survey.Date
	counters map[survey.CounterCode]ticket.Counter
	ordered  []ticket.Counter
}

// bringNames works the names out anew where the structure or the day is another.
func (c *Centre) bringNames(ctx context.Context) error {
	s, err := c.Source.Structure(ctx)
	if err != nil {
		return fmt.Errorf("read the units and counters: %w", err)
	}
	if today := survey.DateOf(c.Now()); c.names.of != s || c.names.day != today {
		c.names = namesOf(s, today)
	}
	return nil
}

func namesOf(s *survey.Structure, day survey.Date) names {
	units := map[survey.UnitCode]survey.Words{}
	for _, u := range s.Units {
		if u.InForce(day) {
			units[u.Code] = u.Name
		}
	}
	n := names{of: s, day: day, counters: map[survey.CounterCode]ticket.Counter{}, ordered: []ticket.Counter{}}
	for _, row := range s.Counters {
		if row.InForce(day) {
			n.counters[row.Code] = ticket.Counter{Code: row.Code, Name: row.Name, Unit: row.Unit, UnitName: units[row.Unit]}
			n.ordered = append(n.ordered, n.counters[row.Code])
		}
	}
	slices.SortFunc(n.ordered, func(a, b ticket.Counter) int { return strings.Compare(string(a.Code), string(b.Code)) })
	return n
}
