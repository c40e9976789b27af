package screen

import (
	"net"
	"sync"
)

// listener knows the connections on which nothing has been asked yet. Browsers open
// such connections in advance; the server takes them for requests under way and would
// wait for each of them, up to its read timeout, before it stops.
type listener struct {
	net.Listener
	mu      sync.Mutex // protects the rest
	silent  map[net.Conn]bool
	stopped bool // no more of them
}

func listen(ln net.Listener) *listener {
	return &listener{Listener: ln, silent: map[net.Conn]bool{}}
}

// Accept waits for the next connection, as any listener does.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		_ = c.Close() // the server finds out at its first read
	} else {
		l.silent[c] = true
	}
	return &conn{Conn: c, from: l}, nil
}

// hush closes the silent connections, and those that are still to come.
func (l *listener) hush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for c := range l.silent {
		_ = c.Close()
	}
	clear(l.silent)
}

func (l *listener) forget(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.silent, c)
}

// conn is a connection that tells its listener when it is silent no more.
type conn struct {
	net.Conn
	from *listener
	once sync.Once // the listener has forgotten it
}

// Read reads, as any connection does.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.heard()
	return n, err
}

// Close closes, as any connection does; one on which nothing was ever asked too.
func (c *conn) Close() error {
	c.heard()
	return c.Conn.Close()
}

func (c *conn) heard() { c.once.Do(func() { c.from.forget(c.Conn) }) }
