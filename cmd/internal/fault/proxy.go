package fault

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Weather is what a [Proxy] does to its connections. The zero Weather is calm.
type Weather struct {
	Delay       time.Duration // before each piece is passed on
	Rate        int           // bytes per second in each direction; 0 = no limit
	CutAfter    int64         // a connection ends after so many more bytes, wherever that is; 0 = never
	SwallowUp   bool          // what the client says arrives nowhere, and nobody is told; for the rest of a connection that said something meanwhile
	SwallowDown bool          // the same for the server's side
	Refuse      bool          // new connections end at once
	HalfOpen    bool          // new connections are taken and lead nowhere
}

// ProxyCounts is what a proxy did so far.
type ProxyCounts struct {
	Taken, Refused, HalfOpened, Cut int64 // connections
	Passed, Swallowed               int64 // bytes
}

// Proxy stands between a client and a server on TCP and knows nothing of what they say.
type Proxy struct {
	listener net.Listener
	target   string
	weather  atomic.Pointer[Weather]
	hands    sync.WaitGroup
	closed   chan struct{}

	mu    sync.Mutex // protects what follows
	conns map[net.Conn]bool
	count ProxyCounts
}

// NewProxy opens a calm proxy on a free port of this machine's loopback.
func NewProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a proxy before %s: %w", target, err)
	}
	return NewProxyOn(l, target), nil
}

// NewProxyOn is [NewProxy] on a listener, which the proxy closes.
func NewProxyOn(l net.Listener, target string) *Proxy {
	p := &Proxy{listener: l, target: target, conns: map[net.Conn]bool{}, closed: make(chan struct{})}
	p.weather.Store(&Weather{})
	p.hands.Go(p.accept)
	return p
}

// Addr is where clients connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes the weather, also for connections that are open.
func (p *Proxy) Set(w Weather) { p.weather.Store(&w) }

// Counts is what it did so far.
func (p *Proxy) Counts() ProxyCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// CutAll ends all open connections at once.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
		p.count.Cut++
	}
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() error {
	select {
	case <-p.closed:
		return nil
	default:
	}
	close(p.closed)
	err := p.listener.Close()
	p.CutAll()
	p.hands.Wait()
	return err
}

// Storm changes the weather at random moments, drawn from seed, until the returned
// function is called; then it is calm. Connections are cut now and then as well.
func (p *Proxy) Storm(seed uint64) (calm func()) {
	rnd := rand.New(rand.NewPCG(seed, 2))
	stop := make(chan struct{})
	var hands sync.WaitGroup
	hands.Go(func() {
		for {
			p.Set(draw(rnd))
			if rnd.IntN(3) == 0 {
				p.CutAll()
			}
			select {
			case <-stop:
				return
			case <-p.closed:
				return
			case <-time.After(time.Duration(50+rnd.IntN(400)) * time.Millisecond):
			}
		}
	})
	return sync.OnceFunc(func() {
		close(stop)
		hands.Wait()
		p.Set(Weather{})
		p.CutAll() // those that swallowed would swallow for ever
	})
}

// draw is one kind of bad weather, or none.
func draw(rnd *rand.Rand) Weather {
	switch rnd.IntN(8) {
	case 0:
		return Weather{Delay: time.Duration(1+rnd.IntN(80)) * time.Millisecond}
	case 1:
		return Weather{Rate: 2000 + rnd.IntN(20000)}
	case 2:
		return Weather{CutAfter: int64(1 + rnd.IntN(3000))}
	case 3:
		return Weather{SwallowUp: true}
	case 4:
		return Weather{SwallowDown: true}
	case 5:
		return Weather{Refuse: true}
	case 6:
		return Weather{HalfOpen: true}
	}
	return Weather{}
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			continue // the client gave up meanwhile
		}
		p.hands.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	w := p.weather.Load()
	switch {
	case w.Refuse:
		p.note(func(n *ProxyCounts) { n.Refused++ }) // before the client can know
		reset(client)
		return
	case w.HalfOpen:
		p.note(func(n *ProxyCounts) { n.HalfOpened++ })
		defer p.hold(client)()
		_, _ = client.Read(make([]byte, 1)) // until somebody gives up; the rest stands unread
		return
	}
	server, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		p.note(func(n *ProxyCounts) { n.Refused++ }) // before the client can know
		reset(client)
		return
	}
	p.note(func(n *ProxyCounts) { n.Taken++ })
	defer p.hold(client)()
	defer p.hold(server)()
	var both sync.WaitGroup
	both.Go(func() { p.pass(client, server, func(w *Weather) bool { return w.SwallowUp }) })
	both.Go(func() { p.pass(server, client, func(w *Weather) bool { return w.SwallowDown }) })
	both.Wait()
}

// hold keeps a connection where CutAll finds it; the returned function ends it.
func (p *Proxy) hold(c net.Conn) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
		_ = c.Close() // it may be closed already
	}
}

func (p *Proxy) note(do func(*ProxyCounts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do(&p.count)
}

// pass carries bytes in one direction until either side ends.
func (p *Proxy) pass(from, to net.Conn, swallow func(*Weather) bool) {
	b := make([]byte, 4096)
	under, left := (*Weather)(nil), int64(0) // the weather of the countdown to a cut
	dead := false                            // bytes are missing: no later ones may follow them
	for {
		n, err := from.Read(b)
		w := p.weather.Load()
		dead = dead || swallow(w)
		if errors.Is(err, io.EOF) && !dead {
			finish(to)
			return
		} else if err != nil {
			break
		}
		if dead {
			p.note(func(c *ProxyCounts) { c.Swallowed += int64(n) })
			continue
		}
		if w != under {
			under, left = w, w.CutAfter
		}
		cut := w.CutAfter > 0 && int64(n) >= left
		if cut {
			n = int(left)
		}
		left -= int64(n)
		if !p.linger(w, n) || p.write(to, b[:n]) != nil {
			break
		}
		if cut {
			p.note(func(c *ProxyCounts) { c.Cut++ })
			break
		}
	}
	reset(to)
	reset(from)
}

func (p *Proxy) write(to net.Conn, b []byte) error {
	p.note(func(c *ProxyCounts) { c.Passed += int64(len(b)) }) // before anybody can have them
	_, err := to.Write(b)
	return err
}

// linger waits as the weather demands, and is false where the proxy ends meanwhile.
func (p *Proxy) linger(w *Weather, bytes int) bool {
	wait := w.Delay
	if w.Rate > 0 {
		wait += time.Duration(bytes) * time.Second / time.Duration(w.Rate)
	}
	if wait == 0 {
		return true
	}
	select {
	case <-p.closed:
		return false
	case <-time.After(wait):
		return true
	}
}

// finish passes on that one side has said all it had to say.
func finish(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // the other side may be gone
	}
}

// reset ends a connection without saying goodbye.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // only how it ends depends on it
	}
	_ = c.Close() // it may be closed already
}
