package screen

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Whoever holds connections open without asking anything, from a laptop in the hall, gets
// only so many; the box's own browser and other machines are served.
func TestOneMachineInTheHallCannotUseUpTheConnections(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.3:0"); err != nil {
		t.Skip("SKIPPED: this system has one loopback address only")
	} else {
		l.Close()
	}
	h := newHall(t)
	sides(h.Screen)
	base := h.listen(t)
	var held atomic.Int64
	var all sync.WaitGroup
	for range perMachine + 20 {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
		c, err := d.Dial("tcp", base[len("http://"):])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(time.Second)) // never fails on an open connection
			var silence net.Error
			if _, err := c.Read(make([]byte, 1)); errors.As(err, &silence) && silence.Timeout() {
				held.Add(1)
			}
		})
	}
	all.Wait()
	if n := held.Load(); n != perMachine {
		t.Errorf("one machine holds %d connections, want %d", n, perMachine)
	}
	for _, from := range []string{"127.0.0.1", "127.0.0.3"} {
		if a := fetch(t, browserAt(t, from, nil), base+"/healthz", nil); a.StatusCode != http.StatusOK {
			t.Errorf("%s is answered %d", from, a.StatusCode)
		}
	}
}

// Many addresses together get no more than all may have, and what was closed makes room.
func TestTheCrowdIsBounded(t *testing.T) {
	l := bounded(nil, nil)
	in := 0
	for i := range 4 * inAll {
		if l.enter(machineOf(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))) {
			in++
		}
	}
	if in != inAll {
		t.Errorf("%d connections are let in, want %d", in, inAll)
	}
	for i := range inAll {
		l.leave(machineOf(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})))
	}
	if l.all != 0 || len(l.from) != 0 {
		t.Errorf("%d connections of %d machines are remembered", l.all, len(l.from))
	}
	for in, want := range map[string]string{"10.0.0.7": "10.0.0.7/32", "2001:db8::1": "2001:db8::/64", "fe80::1%eth0": "fe80::/64"} {
		if got := machineOf(netip.MustParseAddr(in)); got != netip.MustParsePrefix(want) {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
