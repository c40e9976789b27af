// Package listen takes the connections of those who call a kiosk, and lets a program that
// stops leave the silent ones: browsers open connections in advance on which nothing has
// been asked yet; a server takes them for requests under way, and would wait for each of
// them, up to its read timeout, before it stops.
package listen

import (
	"net"
	"sync"
)

// Listener knows the connections on which nothing has been asked yet. Safe for many
// goroutines.
type Listener struct {
	net.Listener
	mu      sync.Mutex // protects the rest
	silent  map[*conn]bool
	stopped bool // no more of them
}

// On takes the connections of another listener. Where that one encrypts, the handshake
// must be left to the first read, as [crypto/tls.Server] does: Accept waits for nobody.
func On(ln net.Listener) *Listener {
	return &Listener{Listener: ln, silent: map[*conn]bool{}}
}

// Accept waits for the next connection, as any listener does.
func (l *Listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, from: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		_ = raw.Close() // the server finds out at its first read
	} else {
		l.silent[c] = true
	}
	return c, nil
}

// Hush closes the silent connections, and those that are still to come. It waits for none.
func (l *Listener) Hush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for c := range l.silent {
		go func() { _ = c.Conn.Close() }() // an encrypted one may take a moment to say goodbye
	}
	clear(l.silent)
}

// conn is a connection that tells its listener when it is silent no more.
type conn struct {
	net.Conn
	from *Listener
	once sync.Once // the listener has forgotten it
}

// Read reads, as any connection does.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.once.Do(c.heard)
	return n, err
}

// Close closes, as any connection does; one on which nothing was ever asked too.
func (c *conn) Close() error {
	c.once.Do(c.heard)
	return c.Conn.Close()
}

func (c *conn) heard() {
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	delete(c.from.silent, c)
}
