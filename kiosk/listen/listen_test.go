package listen

import (
	"net"
	"testing"
)

// The listener remembers a connection until something is asked on it or it is closed,
// and none that comes after the end.
func TestNoConnectionIsRememberedForEver(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l := On(ln)
	next := func() net.Conn {
		t.Helper()
		caller, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = caller.Close() }) // some are closed already
		if _, err := caller.Write([]byte("GET")); err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	remembers := func(n int, when string) {
		t.Helper()
		if len(l.silent) != n {
			t.Fatalf("%s it remembers %d connections, want %d", when, len(l.silent), n)
		}
	}
	unread, asked := next(), next()
	remembers(2, "with two silent callers")
	if _, err := asked.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	remembers(1, "after one has asked")
	if err := unread.Close(); err != nil {
		t.Fatal(err)
	}
	remembers(0, "after the other was closed unread")
	next()
	l.Hush()
	remembers(0, "after the end")
	late := next()
	remembers(0, "with a late caller")
	if _, err := late.Read(make([]byte, 3)); err == nil {
		t.Error("a late caller is heard")
	}
}
