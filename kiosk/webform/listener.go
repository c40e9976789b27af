package webform

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
)

// listener bounds the open connections, and knows those on which nothing has been asked
// yet: browsers open such connections in advance, and the server would wait for each of
// them before it stops.
type listener struct {
	net.Listener
	gate   *gate
	config *tls.Config // nil = plain

	mu      sync.Mutex // protects the rest
	silent  map[*conn]bool
	stopped bool // no more of them
}

func listen(ln net.Listener, g *gate, config *tls.Config) *listener {
	return &listener{Listener: ln, gate: g, config: config, silent: map[*conn]bool{}}
}

// Accept waits for the next connection for which there is room; others are closed at
// once, which costs nothing but the asking.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		place, ok := l.gate.connect(raw.RemoteAddr())
		if !ok {
			_ = raw.Close() // nothing was said on it
			continue
		}
		c := &conn{Conn: raw, from: l, place: place}
		if l.config != nil {
			c.Conn = tls.Server(raw, l.config) // the handshake is made by the first read, within its time
		}
		l.mu.Lock()
		if l.silent[c] = true; l.stopped {
			delete(l.silent, c)
			_ = raw.Close() // the server finds out at its first read
		}
		l.mu.Unlock()
		return c, nil
	}
}

// hush closes the silent connections, and those that are still to come.
func (l *listener) hush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for c := range l.silent {
		go func() { _ = c.Conn.Close() }() // a TLS one may take a moment to say goodbye
	}
	clear(l.silent)
}

// conn is a connection that tells its listener when it is silent no more, and when it is
// gone.
type conn struct {
	net.Conn
	from         *listener
	place        netip.Prefix
	spoken, gone sync.Once
}

// Read reads, as any connection does.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.spoken.Do(c.heard)
	return n, err
}

// Close closes, as any connection does.
func (c *conn) Close() error {
	c.spoken.Do(c.heard)
	c.gone.Do(func() { c.from.gate.disconnect(c.place) })
	return c.Conn.Close()
}

func (c *conn) heard() {
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	delete(c.from.silent, c)
}
