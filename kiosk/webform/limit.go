package webform

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Limits bound what the form takes: requests per second, of which ten seconds' worth may
// come at once, and open connections. Whoever is over a limit is asked to come back in
// some seconds (429), or not listened to (connections).
type Limits struct {
	Prefix   float64 // from one neighbourhood of addresses: /24, or /56 of IPv6. A hall, or a carrier's customers, may be behind one
	Ticket   float64 // for one ticket that is good for one answer
	Poster   float64 // for one poster's ticket, which many people scan
	Total    float64 // in all
	Conns    int     // open connections in all
	PerPlace int     // open connections from one neighbourhood
}

// DefaultLimits suit a gateway of a province on a small server.
var DefaultLimits = Limits{Prefix: 20, Ticket: 2, Poster: 20, Total: 200, Conns: 2048, PerPlace: 256}

const (
	burst      = 10   // seconds' worth that may come at once
	retryAfter = 5    // seconds; told to whoever is over a limit
	remembered = 8192 // neighbourhoods, and tickets, whose use is remembered: the latest
)

// gate counts who comes how often. What it remembers is bounded: a flood from ever new
// addresses displaces the oldest, and the limit for all still holds.
type gate struct {
	limits  Limits
	proxies []netip.Prefix
	now     func() time.Time
	total   *rate.Limiter
	places  *lru.Cache[netip.Prefix, *rate.Limiter]
	tickets *lru.Cache[string, *rate.Limiter]

	mu    sync.Mutex // protects the rest
	conns int
	from  map[netip.Prefix]int // open connections
}

func newGate(l Limits, proxies []netip.Prefix, now func() time.Time) (*gate, error) {
	if min(l.Prefix, l.Ticket, l.Poster, l.Total) <= 0 || min(l.Conns, l.PerPlace) <= 0 {
		return nil, fmt.Errorf("limits %+v: each must be above 0", l)
	}
	places, err := lru.New[netip.Prefix, *rate.Limiter](remembered)
	if err != nil {
		return nil, err
	}
	tickets, err := lru.New[string, *rate.Limiter](remembered)
	return &gate{limits: l, proxies: proxies, now: now, total: limiter(l.Total), places: places, tickets: tickets, from: map[netip.Prefix]int{}}, err
}

func limiter(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond*burst)))
}

// allow takes one request of a key, if its limit has room.
func allow[K comparable](known *lru.Cache[K, *rate.Limiter], key K, perSecond float64, now time.Time) bool {
	l, ok := known.Get(key)
	if !ok {
		l = limiter(perSecond)
		if before, there, _ := known.PeekOrAdd(key, l); there {
			l = before
		}
	}
	return l.AllowN(now, 1)
}

// request takes a request of an address. The address is asked before the total: a flood
// from one place must not use up what all share.
func (g *gate) request(from netip.Addr) bool {
	now := g.now()
	return allow(g.places, place(from), g.limits.Prefix, now) && g.total.AllowN(now, 1)
}

// ticket takes a request with a good ticket.
func (g *gate) ticket(d *door) bool {
	perSecond := g.limits.Poster
	if d.ticket.Class.Single() {
		perSecond = g.limits.Ticket
	}
	return allow(g.tickets, d.text, perSecond, g.now())
}

// place is the neighbourhood of an address.
func place(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := 24
	if a.Is6() {
		bits = 56
	}
	p, _ := a.WithZone("").Prefix(bits) // it fails for the zero address alone, which is a place of its own
	return p
}

// trusted reports whether an address is a proxy's.
func (g *gate) trusted(a netip.Addr) bool {
	for _, p := range g.proxies {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// source is the address that a request counts for: the last one in X-Forwarded-For that
// is no proxy's, where a proxy sent it.
func (g *gate) source(c *fiber.Ctx) netip.Addr {
	from, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	if !g.trusted(from) {
		return from
	}
	// Some proxies add to the line that a phone has sent, others write one of their own below it.
	lines := bytes.Join(c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), []byte(","))
	hops := strings.Split(string(lines), ",")
	for i := len(hops) - 1; i >= 0 && i > len(hops)-10; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if from = a; !g.trusted(a) {
			break
		}
	}
	return from
}

// limit lets a request pass, or asks for patience.
func (f *Form) limit(c *fiber.Ctx) error {
	if !f.gate.request(f.gate.source(c)) {
		return f.busy(c)
	}
	return c.Next()
}

// connect counts a new connection, if there is room for it.
func (g *gate) connect(a net.Addr) (from netip.Prefix, ok bool) {
	ap, _ := netip.ParseAddrPort(a.String())
	from = place(ap.Addr())
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conns >= g.limits.Conns || g.from[from] >= g.limits.PerPlace && !g.trusted(ap.Addr()) {
		return from, false
	}
	g.conns++
	g.from[from]++
	return from, true
}

func (g *gate) disconnect(from netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns--
	if g.from[from]--; g.from[from] == 0 {
		delete(g.from, from)
	}
}

// behindProxy reports whether a request came through a proxy that is believed.
func (g *gate) behindProxy(c *fiber.Ctx) bool {
	from, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	return g.trusted(from)
}
