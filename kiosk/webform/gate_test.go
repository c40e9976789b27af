package webform

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hailong/survey/ticket"
)

// few are limits that a test reaches soon: a burst is ten seconds' worth.
var few = Limits{Prefix: 1, Ticket: 0.5, Poster: 0.8, Total: 1.5, Conns: 20, PerPlace: 10}

func TestWhoeverComesTooOftenIsAskedToWait(t *testing.T) {
	s := open(t, func(o *Options) { o.Limits = few })
	p := s.phone()
	for range 10 {
		p.get("/").want(t, 200, "front")
	}
	got := p.get("/").want(t, 429, "busy")
	if got.header.Get("Retry-After") != "5" || !strings.Contains(got.body, "CHƯA") || !strings.Contains(got.body, "NOT saved") || got.header.Get("Content-Security-Policy") == "" {
		t.Errorf("%v %s", got.header, got.body)
	}
	if got := p.get("/healthz"); got.status != 200 {
		t.Error("a flood hides that the program lives")
	}
	s.set(func() { s.now = s.now.Add(5 * time.Second) })
	for range 5 {
		p.get("/").want(t, 200, "front")
	}
	p.get("/").want(t, 429, "busy")
	if f := s.form.Figures(); f.Limited != 2 {
		t.Errorf("%+v", f)
	}
}

// Behind a proxy that is believed each neighbourhood has its own limit; what phones say of
// themselves is not believed.
func TestAddressesBehindAProxy(t *testing.T) {
	proxy := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	from := func(s *stand, header string) int {
		return s.phone().do(http.MethodGet, "/", "", "X-Forwarded-For", header).status
	}
	s := open(t, func(o *Options) { o.Limits, o.Proxies = few, proxy })
	for i := range 10 {
		if got := from(s, fmt.Sprintf("9.9.9.9, 203.0.113.%d", i)); got != 200 {
			t.Fatalf("request %d: %d", i, got)
		}
	}
	if from(s, "8.8.8.8, 203.0.113.77") != 429 || from(s, "203.0.114.1") != 200 || from(s, "2001:db8:0:100::1") != 200 || from(s, "198.51.100.1, 127.0.0.1") != 200 {
		t.Error("neighbourhoods are not told apart")
	}
	// A proxy may write a line of its own below the one that a phone has made up.
	s = open(t, func(o *Options) { o.Limits, o.Proxies = few, proxy })
	for i := range 15 {
		req := httptest.NewRequest(http.MethodGet, s.base+"/", nil)
		req.RequestURI = ""
		req.Header["X-Forwarded-For"] = []string{fmt.Sprintf("203.0.%d.1", i), "198.51.100.1"}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if want := map[bool]int{true: 200, false: 429}[i < 10]; resp.StatusCode != want {
			t.Errorf("request %d with two lines: %d, want %d", i, resp.StatusCode, want)
		}
	}
	s = open(t, func(o *Options) { o.Limits = few })
	for i := range 10 {
		from(s, fmt.Sprintf("203.0.%d.1", i))
	}
	if from(s, "198.51.100.1") != 429 {
		t.Error("a stranger's X-Forwarded-For is believed")
	}
}

func TestThePlaceOfAnAddress(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.77": "203.0.113.0/24", "::ffff:203.0.113.77": "203.0.113.0/24", "2001:db8:aaaa:bbcc::1": "2001:db8:aaaa:bb00::/56", "fe80::1%eth0": "fe80::/56",
	} {
		if got := place(netip.MustParseAddr(in)); got != netip.MustParsePrefix(want) {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	place(netip.Addr{})
}

// One ticket is asked for by few, a poster's by many; a flood of one does not use up the
// other's.
func TestTicketsHaveLimitsOfTheirOwn(t *testing.T) {
	s := open(t, func(o *Options) { o.Limits = few; o.Limits.Prefix, o.Limits.Total = 1e4, 1e4 })
	p, at := s.phone(), s.fresh()
	count := func(at string) (n int) {
		for p.get(at).status == 200 {
			n++
		}
		p.get(at).want(t, 429, "busy")
		p.post(at, nil, "step", "first", "visit", "0102030405060708", "a.Z0", "5").want(t, 429, "busy")
		return n
	}
	if a, b := count(at), count("/"+s.short); a != 5 || b != 8 {
		t.Errorf("%d and %d requests, want 5 and 8", a, b)
	}
	p.get(s.fresh()).want(t, 200, "first")
	s.counted(0)
}

// A flood from one place does not use up what all share; one from everywhere meets the
// limit for all, and what is remembered of it is bounded.
func TestTheGateIsBounded(t *testing.T) {
	g, err := newGate(Limits{Prefix: 1, Ticket: 1, Poster: 1, Total: 3, Conns: 1, PerPlace: 1}, nil, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	one := netip.MustParseAddr("203.0.113.1")
	for range 1000 {
		g.request(one)
	}
	let := 0
	for i := range 100_000 {
		if g.request(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1})) {
			let++
		}
	}
	if let != 20 {
		t.Errorf("%d requests of others, want 20 of the total's 30", let)
	}
	if n := g.places.Len(); n > remembered {
		t.Errorf("%d places are remembered", n)
	}
	for i := range 3 * remembered {
		g.ticket(&door{text: fmt.Sprint(i), ticket: ticket.Ticket{}})
	}
	if n := g.tickets.Len(); n > remembered {
		t.Errorf("%d tickets are remembered", n)
	}
	// All phones behind a proxy come from its one address.
	g.proxies, g.limits.Conns = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, 10
	for name, want := range map[string]int{"10.0.0.1:9": 5, "203.0.113.1:9": 1} {
		got := 0
		for range 5 {
			if _, ok := g.connect(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(name))); ok {
				got++
			}
		}
		if got != want {
			t.Errorf("%d connections of %s, want %d", got, name, want)
		}
	}
	for _, l := range []Limits{{}, {Prefix: 1, Ticket: 1, Poster: 1, Total: 1}} {
		if _, err := newGate(l, nil, nil); err == nil {
			t.Errorf("limits %+v are taken", l)
		}
	}
}

// Whoever holds connections open without asking anything gets only so many, and others
// are served.
func TestSilentConnections(t *testing.T) {
	s := open(t, func(o *Options) { o.Limits.Conns, o.Limits.PerPlace = 30, 10 })
	addr := s.base[len("http://"):]
	var held []net.Conn
	for range 15 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "); err == nil {
			held = append(held, c)
		}
	}
	closed := 0
	for _, c := range held {
		_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); err != nil && !isTimeout(err) {
			closed++
		}
	}
	if closed != 5 {
		t.Errorf("%d of 15 connections of one place were closed, want 5", closed)
	}
	for _, c := range held {
		c.Close()
	}
	until(t, func() bool {
		s.form.gate.mu.Lock()
		defer s.form.gate.mu.Unlock()
		return s.form.gate.conns == 0 && len(s.form.gate.from) == 0
	})
	s.phone().get("/").want(t, 200, "front")
}

// Browsers open connections before they need them. Such a one does not hold up the stop,
// which the stand's end tries, and the gate forgets it.
func TestAStopDoesNotWaitForSilentConnections(t *testing.T) {
	var silent net.Conn
	t.Cleanup(func() { _ = silent.Close() }) // after the stop
	s := open(t)
	conns := func() int { s.form.gate.mu.Lock(); defer s.form.gate.mu.Unlock(); return s.form.gate.conns }
	var err error
	if silent, err = net.Dial("tcp", s.base[len("http://"):]); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return conns() == 1 })
	s.form.ln.Load().Hush()
	until(t, func() bool { return conns() == 0 })
}

// Whoever sends a request letter by letter is cut off once it should have been there.
func TestASlowRequestIsCutOff(t *testing.T) {
	s := open(t, func(o *Options) { o.Patience = 300 * time.Millisecond })
	for _, request := range []string{"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", "POST /" + s.short + " HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n"} {
		c, err := net.Dial("tcp", s.base[len("http://"):])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		began := time.Now()
		for err = nil; err == nil && time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
			if _, err = io.WriteString(c, request); err == nil {
				request = "a"
			}
		}
		if took := time.Since(began); err == nil || took > 5*time.Second {
			t.Errorf("it went on for %s: %v", took, err)
		}
	}
	until(t, func() bool { s.form.gate.mu.Lock(); defer s.form.gate.mu.Unlock(); return s.form.gate.conns == 0 })
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 10 s")
		}
	}
}

func TestATooLargeFormIsRefused(t *testing.T) {
	s := open(t)
	p, at := s.phone(), s.fresh()
	form := p.get(at).form()
	if got := p.post(at, form, "a.Z0", "5", "comment", strings.Repeat("a", bodyLimit)); got.status != 413 || got.view() != "fault" {
		t.Errorf("%d %s", got.status, got.view())
	}
	s.counted(0)
	// The longest comment that people may write, in the letters that take the most bytes.
	longest := strings.Repeat("ỗ", 1999) + "."
	p.post(at, form, "a.Z0", "5", "comment", longest).want(t, 201, "more")
	if s.counted(1)[0].Comment != longest {
		t.Error("the comment is another one")
	}
}

// While nothing can be saved a form comes back as it was sent: one that is stuffed with
// fields would come back twenty times as large.
func TestAStuffedFormIsNotSentBack(t *testing.T) {
	s := open(t)
	p, at := s.phone(), s.fresh()
	form := p.get(at).form()
	s.set(func() { s.ready = fmt.Errorf("the journal is away") })
	var stuffed strings.Builder
	for i := 0; stuffed.Len() < bodyLimit-10; i++ {
		fmt.Fprintf(&stuffed, "%x&", i)
	}
	if got := p.do(http.MethodPost, at, stuffed.String()); got.status != 400 || len(got.body) > 2*bodyLimit {
		t.Errorf("%d bytes come back as %d, status %d", stuffed.Len(), len(got.body), got.status)
	}
	p.post(at, form, "a.Z0", "5").want(t, 503, "unsaved")
}

// Nothing of a phone is in the log, whatever goes wrong; a fault of ours stops nothing.
func TestWhatIsLogged(t *testing.T) {
	fall := false
	s := open(t, func(o *Options) {
		ready := o.Ready
		o.Ready = func() error {
			if fall {
				panic("a fault of the program")
			}
			return ready()
		}
	})
	p, at := s.phone(), s.fresh()
	form := p.get(at).form()
	fall = true
	p.get(at).want(t, 500, "fault")
	p.post(at, form, "a.Z0", "5").want(t, 500, "fault")
	fall = false
	s.set(func() { s.fails = func() error { return fmt.Errorf("the disk says no") } })
	p.post(at, form, "a.Z0", "5", "comment", "bí mật").want(t, 503, "unsaved")
	s.set(func() { s.fails = nil })
	p.do(http.MethodGet, "/q/ABCDEF", "", "User-Agent", "Zalo")
	conn, err := net.Dial("tcp", s.base[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "NONSENSE %s\r\n\r\n", at)
	_, _ = bufio.NewReader(conn).ReadString('\n')
	conn.Close()
	p.post(at, form, "a.Z0", "5").want(t, 201, "more")
	log := s.log.String()
	if !strings.Contains(log, "the disk says no") || strings.Count(log, "a fault of the program") < 2 {
		t.Errorf("the causes are not in the log:\n%s", log)
	}
	for _, secret := range []string{at[3:], at[3:40], "127.0.0.1", form.Get("visit"), "bí mật", "Zalo", "ABCDEF", "NONSENSE"} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

func TestHeaders(t *testing.T) {
	s := open(t)
	p := s.phone()
	at := s.fresh()
	for _, got := range []page{p.get(at), p.get("/privacy"), p.get("/q/A"), p.get("/"), p.post(at, p.get(at).form(), "a.Z0", "5")} {
		h := got.header
		if h.Get("Server") != "" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Content-Language") != "vi" {
			t.Errorf("%s: %v", got.view(), h)
		}
		policy := h.Get("Content-Security-Policy")
		for _, needed := range []string{"default-src 'none'", "style-src 'sha256-", "script-src 'sha256-", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, needed) {
				t.Errorf("%s: no %s in %s", got.view(), needed, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Error(policy)
		}
		if v := got.view(); (v == "first" || v == "more") != (h.Get("Cache-Control") == "private, max-age=0") && v != "privacy" {
			t.Errorf("%s: Cache-Control %s", v, h.Get("Cache-Control"))
		}
	}
}

// Over TLS, or behind a proxy that speaks it, the cookie goes over TLS only.
func TestTheCookieIsSecureUnderTLS(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	certificate := server.TLS.Certificates[0]
	server.Close()
	own := open(t, func(o *Options) { o.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}} })
	behind := open(t, func(o *Options) { o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	for name, s := range map[string]*stand{"TLS": own, "a proxy": behind} {
		p, at := s.phone(), s.fresh()
		p.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		form := p.get(at).form()
		form.Set("a.Z0", "5")
		got := p.do(http.MethodPost, at, form.Encode(), "X-Forwarded-Proto", "https").want(t, 201, "more")
		if c := strings.ToLower(got.header.Get("Set-Cookie")); !strings.Contains(c, "; secure") {
			t.Errorf("%s: %s", name, c)
		}
		p.client.CloseIdleConnections()
		if name == "TLS" {
			continue
		}
		stranger := open(t)
		p, at = stranger.phone(), stranger.fresh()
		form = p.get(at).form()
		form.Set("a.Z0", "5")
		if c := p.do(http.MethodPost, at, form.Encode(), "X-Forwarded-Proto", "https").header.Get("Set-Cookie"); strings.Contains(strings.ToLower(c), "; secure") {
			t.Errorf("a stranger's word makes the cookie %s", c)
		}
	}
}
