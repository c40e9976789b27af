package webform

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
)

// bounded is a listener that bounds the open connections.
type bounded struct {
	net.Listener
	gate   *gate
	config *tls.Config // nil = plain
}

// Accept waits for the next connection for which there is room; others are closed at
// once, which costs nothing but the asking.
func (l bounded) Accept() (net.Conn, error) {
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
		c := &conn{Conn: raw, gate: l.gate, place: place}
		if l.config != nil {
			return tls.Server(c, l.config), nil // the handshake is made by the first read, within its time
		}
		return c, nil
	}
}

// conn is a connection that tells the gate when it is gone.
type conn struct {
	net.Conn
	gate  *gate
	place netip.Prefix
	once  sync.Once // the gate has heard
}

// Close closes, as any connection does.
func (c *conn) Close() error {
	c.once.Do(func() { c.gate.disconnect(c.place) })
	return c.Conn.Close()
}
