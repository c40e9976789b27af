package screen

import (
	"crypto/tls"
	"net"
	"net/netip"
)

// secret is a listener that speaks TLS with everybody but the box itself: what the box
// says to itself crosses no cable, and its own browser knows no name to check.
type secret struct {
	net.Listener
	config *tls.Config
	near   func(netip.Addr) bool
}

// guarded is the listener to serve on.
func (s *Screen) guarded(ln net.Listener) net.Listener {
	ln = bounded(ln, s.near)
	if s.options.TLS == nil {
		return ln
	}
	return secret{ln, s.options.TLS, s.near}
}

// Accept waits for the next connection, as any listener does.
func (l secret) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if from, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil && l.near(from.Addr().Unmap()) {
		return c, nil
	}
	return tls.Server(c, l.config), nil
}
