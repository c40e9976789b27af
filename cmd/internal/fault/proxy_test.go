package fault

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// echo is a server that says back what it hears.
func echo(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // until either side ends
			}()
		}
	}()
	return l.Addr().String()
}

// proxied is a proxy before an echo.
func proxied(t *testing.T) *Proxy {
	t.Helper()
	p, err := NewProxy(echo(t, "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// talk opens a connection and says something.
func talk(t *testing.T, addr, line string) (string, error) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return say(t, c, line)
}

// say sends a line and returns what comes back within 300 ms.
func say(t *testing.T, c net.Conn, line string) (string, error) {
	t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	if err := c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	got, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSuffix(got, "\n"), err
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestEachWeatherOfAProxy(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for name, c := range map[string]struct {
		weather Weather
		ok      func(got string, err error, took time.Duration, n ProxyCounts) bool
	}{
		"calm": {Weather{}, func(got string, err error, _ time.Duration, n ProxyCounts) bool {
			return err == nil && got == long && n.Taken == 1 && n.Passed == 2*2001
		}},
		"delay": {Weather{Delay: 60 * time.Millisecond}, func(got string, _ error, took time.Duration, _ ProxyCounts) bool {
			return got == long && took >= 120*time.Millisecond
		}},
		"throttle": {Weather{Rate: 40000}, func(got string, _ error, took time.Duration, _ ProxyCounts) bool {
			return got == long && took >= 90*time.Millisecond
		}},
		"cut in the middle": {Weather{CutAfter: 700}, func(got string, err error, _ time.Duration, n ProxyCounts) bool {
			return err != nil && !isTimeout(err) && len(got) <= 700 && n.Cut > 0
		}},
		"black hole there": {Weather{SwallowUp: true}, func(_ string, err error, _ time.Duration, n ProxyCounts) bool {
			return isTimeout(err) && n.Swallowed == 2001 && n.Passed == 0
		}},
		"black hole back": {Weather{SwallowDown: true}, func(_ string, err error, _ time.Duration, n ProxyCounts) bool {
			return isTimeout(err) && n.Swallowed == 2001 && n.Passed == 2001
		}},
		"refuse": {Weather{Refuse: true}, func(_ string, err error, _ time.Duration, n ProxyCounts) bool {
			return err != nil && !isTimeout(err) && n.Refused == 1
		}},
		"half-open": {Weather{HalfOpen: true}, func(_ string, err error, _ time.Duration, n ProxyCounts) bool {
			return err != nil && n.HalfOpened == 1 && n.Passed == 0
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := proxied(t)
			p.Set(c.weather)
			began := time.Now()
			got, err := talk(t, p.Addr(), long)
			if !c.ok(got, err, time.Since(began), p.Counts()) {
				t.Fatalf("got %d bytes, %v, after %s; %+v", len(got), err, time.Since(began), p.Counts())
			}
		})
	}
}

func TestAConnectionThatLostBytesCarriesNoLaterOnes(t *testing.T) {
	p := proxied(t)
	c := dial(t, p.Addr())
	if got, err := say(t, c, "one"); err != nil || got != "one" {
		t.Fatalf("%q %v", got, err)
	}
	p.Set(Weather{SwallowUp: true})
	if _, err := say(t, c, "two"); !isTimeout(err) {
		t.Fatal(err)
	}
	p.Set(Weather{})
	if got, err := say(t, c, "three"); !isTimeout(err) {
		t.Fatalf("what was said after a gap arrived: %q %v", got, err)
	}
}

func TestAStormEndsAndEveryWordArrivesAfterIt(t *testing.T) {
	p := proxied(t)
	calm := p.Storm(3)
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		_, _ = talk(t, p.Addr(), "in the storm") // it may or may not come back
	}
	calm()
	if got, err := talk(t, p.Addr(), "after it"); err != nil || got != "after it" {
		t.Fatalf("%q %v", got, err)
	}
	if n := p.Counts(); n.Refused+n.HalfOpened+n.Cut+n.Swallowed == 0 {
		t.Fatalf("no storm at all: %+v", n)
	}
}
