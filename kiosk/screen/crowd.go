package screen

import (
	"net"
	"net/netip"
	"sync"
)

// How many connections may be open at a time from elsewhere in the hall: a tablet's
// browser needs half a dozen. Each is an open file, and a program has about a thousand of
// them, which the journal needs, too.
const (
	perMachine = 128 // from one address
	inAll      = 384
)

// crowd is a listener that bounds the connections of everybody but the box itself. Who
// is one too many is closed at once.
type crowd struct {
	net.Listener
	near func(netip.Addr) bool

	mu   sync.Mutex // protects the rest
	all  int
	from map[netip.Prefix]int
}

func bounded(ln net.Listener, near func(netip.Addr) bool) *crowd {
	return &crowd{Listener: ln, near: near, from: map[netip.Prefix]int{}}
}

// Accept waits for the next connection for which there is room.
func (l *crowd) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ap, _ := netip.ParseAddrPort(c.RemoteAddr().String())
		from := ap.Addr().Unmap()
		if l.near(from) {
			return c, nil
		}
		machine := machineOf(from)
		if l.enter(machine) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { l.leave(machine) })}, nil
		}
		_ = c.Close() // nothing was said on it
	}
}

// machineOf is the address of one machine: one has as many of IPv6 as it likes.
func machineOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits) // it fails for the zero address alone, which is a machine of its own
	return p
}

func (l *crowd) enter(machine netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= inAll || l.from[machine] >= perMachine {
		return false
	}
	l.all++
	l.from[machine]++
	return true
}

func (l *crowd) leave(machine netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.from[machine]--; l.from[machine] == 0 {
		delete(l.from, machine)
	}
}

// counted is a connection that tells when it is gone.
type counted struct {
	net.Conn
	leave func()
}

// Close closes, as any connection does.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
