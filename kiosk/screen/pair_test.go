package screen

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hailong/survey"
)

func TestATabletIsPairedAndShowsItsCounterOnly(t *testing.T) {
	h := newHall(t)
	h.afar.Store(true)
	h.get(t, "/").strangers(t, "a tablet that nobody paired")
	if a := h.get(t, "/pair"); a.StatusCode != 200 || !strings.Contains(a.text, `name="code"`) || a.Header.Get("Set-Cookie") != "" {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	a := h.types(t, strings.ToLower(strings.ReplaceAll(h.invite(t, "Q2"), "-", "+"))) // as people type
	if a.StatusCode != 303 || a.Header.Get("Location") != "/" {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	c := a.Cookies()[0]
	if c.Name != tabletCookie || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure || len(c.Value) != 43 || c.MaxAge != 400*86400 {
		t.Errorf("the cookie is %+v", c)
	}
	cookie := c.Name + "=" + c.Value

	page := h.asTablet(t, cookie, "GET", "/", "")
	if page.StatusCode != 200 || !strings.Contains(page.text, "Quầy 4 · Đất đai") || strings.Contains(page.text, "Quầy 3") || !strings.Contains(page.text, `data-counter="Q2"`) || strings.Contains(page.text, "operator.js") {
		t.Errorf("its page: %d %s", page.StatusCode, page.text)
	}
	if again := page.Cookies(); len(again) != 1 || again[0].Value != c.Value {
		t.Error("a tablet in use loses its cookie some day")
	}
	if a := h.asTablet(t, cookie, "GET", "/revision", ""); a.StatusCode != 200 || !strings.Contains(page.text, `data-revision="`+a.text+`"`) {
		t.Errorf("its revision: %d %s", a.StatusCode, a.text)
	}
	for i, press := range []answer{
		h.pressOn(t, cookie, "k1", ""), // a press that names no counter is the tablet's
		h.pressOn(t, cookie, "k2", `,"counter":"Q2"`),
		h.asTablet(t, cookie, "POST", "/press", "key=k3&questionnaire=quick&question=Z0&level=1", "Content-Type", formType),
	} {
		if press.StatusCode != 201 {
			t.Errorf("press %d: %d %s", i+1, press.StatusCode, press.text)
		}
	}
	for _, e := range h.journal.kept() {
		if e.Response.Counter != "Q2" {
			t.Errorf("kept for counter %s", e.Response.Counter)
		}
	}
	h.told(t, "tablet: a pairing code was made for a tablet at counter Q2", fmt.Sprintf("tablet: tablet %s is paired with counter Q2", h.tablets.list()[0].ID))

	kept, err := os.ReadFile(filepath.Join(h.folder, tabletsFile))
	if info, statErr := os.Stat(filepath.Join(h.folder, tabletsFile)); err != nil || statErr != nil || info.Mode().Perm() != 0o600 || strings.Contains(string(kept), c.Value) {
		t.Errorf("%v %v %s", err, statErr, kept)
	}
	h.restart(t)
	if a := h.asTablet(t, cookie, "GET", "/", ""); a.StatusCode != 200 {
		t.Errorf("after a restart: %d", a.StatusCode)
	}
}

// What the local page may do for its counter a tablet may; whatever else the box does is
// none of its business.
func TestATabletReachesItsCounterAndNothingElse(t *testing.T) {
	h := newHall(t, func(o *Options, _ *Settings) {
		o.Diary = func() ([]Event, error) { return nil, nil }
		o.Metrics = func(w io.Writer) { _, _ = io.WriteString(w, "x 1\n") }
		o.Code = func(survey.CounterCode) (Code, bool) { return Code{SVG: []byte("<svg/>")}, true }
	})
	cookie := h.tablet(t, "Q1")
	for path, want := range map[string]int{
		"/": 200, "/?counter=Q1": 200, "/revision": 200, "/qr.svg": 200, "/assets/screen.js": 200, "/healthz": 200,
		"/api/v1/status": 403, "/api/v1/diary": 403, "/api/v1/tablets": 403, "/operator": 403, "/metrics": 403,
		"/?counter=Q2": 404, "/revision?counter=Q2": 403, "/qr.svg?counter=Q2": 403, "/?counter=Q9": 404,
	} {
		if a := h.asTablet(t, cookie, "GET", path, ""); a.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, a.StatusCode, want)
		}
	}
	for _, c := range []struct{ method, path, body, media string }{
		{"POST", "/api/v1/tablets", `{"counter":"Q1"}`, "application/json"},
		{"DELETE", "/api/v1/tablets/" + h.tablets.list()[0].ID, "", ""},
		{"POST", "/operator", "pin=24680&key=go", formType},
	} {
		if a := h.asTablet(t, cookie, c.method, c.path, c.body, "Content-Type", c.media); a.StatusCode != 403 {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.StatusCode, a.text)
		}
	}
	if a := h.pressOn(t, cookie, "k1", `,"counter":"Q2"`); a.StatusCode != 403 || a.problem(t).Type != "/problems/other-counter" {
		t.Errorf("another counter: %d %s", a.StatusCode, a.text)
	}
	if a := h.asTablet(t, cookie, "POST", "/press?counter=Q2", "key=k2&questionnaire=quick&question=Z0&level=1", "Content-Type", formType); a.StatusCode != 403 || !strings.Contains(a.text, "Không có quầy này") {
		t.Errorf("another counter, without the script: %d %s", a.StatusCode, a.text)
	}
	body := `{"questionnaire":"quick","answers":{"Z0":5},"channel":"web","idempotency_key":"k3"}`
	if a := h.asTablet(t, cookie, "POST", "/api/v1/responses", body, "Content-Type", "application/json"); a.StatusCode != 403 || a.problem(t).Type != "/problems/other-channel" {
		t.Errorf("as if it were a phone: %d %s", a.StatusCode, a.text)
	}
	// What no screen sends would speak of others, or say what nobody at the screen wrote.
	for _, more := range []string{`"resolving_unit":"48.001"`, `"field":"HT"`, `"procedure":"1.001"`, `"respondent":"business"`, `"stage":"refusal"`, `"comment":"xấu"`} {
		if a := h.pressOn(t, cookie, "k4"+more, ","+more); a.StatusCode != 403 || a.problem(t).Type != "/problems/other-answer" {
			t.Errorf("a tablet's press with %s: %d %s", more, a.StatusCode, a.text)
		}
	}
	if n := len(h.journal.kept()); n != 0 {
		t.Errorf("%d records kept, want none", n)
	}
}

func TestARevokedTabletIsAStrangerAtOnce(t *testing.T) {
	h := newHall(t)
	cookie, other := h.tablet(t, "Q1"), h.tablet(t, "Q1")
	id := h.tablets.list()[0].ID
	if a := h.pressOn(t, cookie, "k1", ""); a.StatusCode != 201 {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	h.afar.Store(false)
	if a := h.do(t, "DELETE", "/api/v1/tablets/"+id, ""); a.StatusCode != 200 || !strings.Contains(a.text, `"id":"`+id+`"`) {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	if a := h.do(t, "DELETE", "/api/v1/tablets/"+id, ""); a.StatusCode != 404 || a.problem(t).Type != "/problems/no-tablet" {
		t.Errorf("once more: %d %s", a.StatusCode, a.text)
	}
	h.asTablet(t, cookie, "GET", "/", "").strangers(t, "its page")
	h.asTablet(t, cookie, "POST", "/press", "key=k2&questionnaire=quick&question=Z0&level=5", "Content-Type", formType).strangers(t, "its form")
	if a := h.pressOn(t, cookie, "k3", ""); a.StatusCode != 403 || a.problem(t).Type != "/problems/not-paired" {
		t.Errorf("its press: %d %s", a.StatusCode, a.text)
	}
	if a := h.asTablet(t, cookie, "GET", "/revision", ""); a.StatusCode != 403 {
		t.Errorf("its revision: %d", a.StatusCode)
	}
	if a := h.pressOn(t, other, "k4", ""); a.StatusCode != 201 {
		t.Errorf("the other tablet: %d %s", a.StatusCode, a.text)
	}
	h.restart(t)
	h.asTablet(t, cookie, "GET", "/", "").strangers(t, "after a restart")
	if n := len(h.journal.kept()); n != 2 {
		t.Errorf("%d records kept, want 2", n)
	}
}

// A code is good once, for ten minutes, and only the newest is.
func TestAOneTimeCode(t *testing.T) {
	h := newHall(t)
	refused := func(what, code string) {
		t.Helper()
		if a := h.types(t, code); a.StatusCode != 403 || !strings.Contains(a.text, "Mã không đúng") || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", what, a.StatusCode, a.Header)
		}
	}
	refused("before there was one", "7K3M-9QXT")
	code := h.invite(t, "Q1")
	refused("wrong", "0000-0000")
	refused("empty", "")
	if a := h.types(t, code); a.StatusCode != 303 {
		t.Fatalf("right: %d %s", a.StatusCode, a.text)
	}
	refused("used", code)

	code = h.invite(t, "Q1")
	h.later(codeLife - time.Second)
	if a := h.types(t, code); a.StatusCode != 303 {
		t.Errorf("at its last second: %d", a.StatusCode)
	}
	code = h.invite(t, "Q1")
	h.later(codeLife)
	refused("too old", code)

	older := h.invite(t, "Q1")
	newer := h.invite(t, "Q2")
	refused("not the newest", older)
	if a := h.types(t, newer); a.StatusCode != 303 {
		t.Errorf("the newest: %d", a.StatusCode)
	}
	h.restart(t)
	refused("of another life", h.invite(t, "Q1")[:4])
}

// Five wrong codes, and the right one is gone; the wait before the next grows.
func TestCodesCannotBeGuessed(t *testing.T) {
	h := newHall(t)
	for round, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour} {
		code := h.invite(t, "Q1")
		for i := range guesses {
			if a := h.types(t, fmt.Sprintf("0000-000%d", i)); a.StatusCode != 403 {
				t.Fatalf("round %d, guess %d: %d %s", round, i, a.StatusCode, a.text)
			}
		}
		if a := h.types(t, code); a.StatusCode != 429 || !strings.Contains(a.text, fmt.Sprintf("<b>%.0f</b>", wait.Minutes())) || a.Header.Get("Set-Cookie") != "" {
			t.Fatalf("round %d, the right code after five wrong ones: %d %s", round, a.StatusCode, a.text)
		}
		h.later(wait - time.Second)
		h.afar.Store(false)
		a := h.do(t, "POST", "/api/v1/tablets", `{"counter":"Q1"}`, "Content-Type", "application/json")
		if a.StatusCode != 429 || a.problem(t).Type != "/problems/locked" || a.Header.Get("Retry-After") != "1" {
			t.Fatalf("round %d, a new code too early: %d %v %s", round, a.StatusCode, a.Header, a.text)
		}
		h.later(time.Second)
		if a := h.types(t, code); a.StatusCode != 403 {
			t.Fatalf("round %d, the right code after the wait: %d", round, a.StatusCode)
		}
	}
	if len(h.tablets.list()) != 0 {
		t.Error("a tablet was paired")
	}
	h.tablet(t, "Q1") // the right one ends it
	for range guesses - 1 {
		h.types(t, "0000-0000") // there is no code now: nothing to be guessed, nothing counted
	}
	h.tablet(t, "Q1")
}

func TestWhatIsNoTabletsCookie(t *testing.T) {
	h, elsewhere := newHall(t), newHall(t)
	cookie, foreign := h.tablet(t, "Q1"), elsewhere.tablet(t, "Q1")
	other := strings.Replace(cookie, "=", "=A", 1)[:len(cookie)] // all letters but the last, one place on
	for what, c := range map[string]string{
		"another box's": foreign, "none": "", "empty": tabletCookie + "=", "no base64": tabletCookie + "=!!!",
		"a hash instead of what it is of": tabletCookie + "=" + h.tablets.paired[0].Hash.String(),
		"a letter less":                   cookie[:len(cookie)-1], "another letter": other, "another name": "x" + cookie,
	} {
		h.asTablet(t, c, "GET", "/", "").strangers(t, what)
		if a := h.pressOn(t, c, "k", ""); a.StatusCode != 403 {
			t.Errorf("%s: a press: %d", what, a.StatusCode)
		}
	}
	if a := h.asTablet(t, cookie, "GET", "/", ""); a.StatusCode != 200 {
		t.Errorf("its own: %d", a.StatusCode)
	}
}

// The browser sends the cookie with what its own page asks only; and if it did not keep to
// that, the box would.
func TestAnotherSitesPageCannotUseATablet(t *testing.T) {
	h := newHall(t)
	cookie := h.tablet(t, "Q1")
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://evil.example"}, {"Origin", "http://192.168.1.20:8080"},
		{"Host", "evil.example"}, {"X-Forwarded-For", "127.0.0.1"}, {"Via", "1.1 proxy"},
	} {
		if a := h.pressOn(t, cookie, "k", "", headers...); a.StatusCode != 403 {
			t.Errorf("a press with %v: %d %s", headers, a.StatusCode, a.text)
		}
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://evil.example"}, {"Host", "evil.example"}, {"X-Forwarded-For", "10.0.0.9"}} {
		if a := h.types(t, h.invite(t, "Q1"), headers...); a.StatusCode != 403 || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("pairing with %v: %d %s", headers, a.StatusCode, a.text)
		}
	}
	h.asTablet(t, cookie, "GET", "/", "", "Host", "evil.example").strangers(t, "under a foreign name")
	h.afar.Store(false)
	for method, path := range map[string]string{"POST": "/api/v1/tablets", "DELETE": "/api/v1/tablets/" + h.tablets.list()[0].ID} {
		if a := h.do(t, method, path, `{"counter":"Q1"}`, "Content-Type", "application/json", "Origin", "http://evil.example"); a.StatusCode != 403 {
			t.Errorf("%s from another site: %d", method, a.StatusCode)
		}
	}
	if n := len(h.journal.kept()); n != 0 {
		t.Errorf("%d records kept", n)
	}
}

func TestThePairingInterface(t *testing.T) {
	h := newHall(t)
	if a := h.get(t, "/api/v1/tablets"); a.text != `{"items":[],"next":null}` {
		t.Errorf("no tablet: %s", a.text)
	}
	a := h.do(t, "POST", "/api/v1/tablets", `{"counter":"Q1"}`, "Content-Type", "application/json")
	if !strings.Contains(a.text, `"until":"2026-04-20T09:10:00.000+07:00","addresses":["http://192.168.1.20:8081/pair"]`) {
		t.Errorf("a code: %s", a.text)
	}
	for body, want := range map[string]int{`{"counter":"Q9"}`: 422, `{}`: 422, `{"counter":""}`: 422, `{`: 400, `{"counter":7}`: 400} {
		if a := h.do(t, "POST", "/api/v1/tablets", body, "Content-Type", "application/json"); a.StatusCode != want || want == 422 && !strings.Contains(a.text, "Q1, Q2") {
			t.Errorf("%s: %d %s", body, a.StatusCode, a.text)
		}
	}
	if a := h.do(t, "POST", "/api/v1/tablets", `{"counter":"Q1"}`, "Content-Type", "text/plain"); a.StatusCode != 415 {
		t.Errorf("as text: %d", a.StatusCode)
	}
	cookie := h.tablet(t, "Q2")
	id := h.tablets.list()[0].ID
	list := func(seen string) {
		t.Helper()
		h.afar.Store(false)
		want := fmt.Sprintf(`{"items":[{"id":"%s","counter":"Q2","since":"2026-04-20T09:00:00.000+07:00","last_seen":%s}],"next":null}`, id, seen)
		if a := h.get(t, "/api/v1/tablets"); a.text != want {
			t.Errorf("got  %s\nwant %s", a.text, want)
		}
	}
	list("null")
	h.later(time.Minute)
	h.asTablet(t, cookie, "GET", "/", "")
	list(`"2026-04-20T09:01:00.000+07:00"`)
	h.restart(t)
	list("null") // when a tablet was seen is nobody's business later
}

func TestAFileOfTabletsThatCannotBeReadPairsNobody(t *testing.T) {
	h := newHall(t)
	cookie := h.tablet(t, "Q1")
	if err := os.WriteFile(filepath.Join(h.folder, tabletsFile), []byte(`{"tablets":[{"id":"x","counter":"Q1"},null,`), 0o600); err != nil {
		t.Fatal(err)
	}
	h.restart(t)
	h.asTablet(t, cookie, "GET", "/", "").strangers(t, "a tablet that is forgotten")
	h.afar.Store(false)
	if a := h.get(t, "/"); a.StatusCode != 200 {
		t.Errorf("the box's own page: %d", a.StatusCode)
	}
	h.tablet(t, "Q1") // the file is made anew
}

// A tablet is told that it is paired when it will be so tomorrow, too.
func TestATabletIsNotPairedWithoutTheDisk(t *testing.T) {
	h := newHall(t)
	code := h.invite(t, "Q1")
	if err := os.Mkdir(filepath.Join(h.folder, tabletsFile+".new"), 0o700); err != nil {
		t.Fatal(err)
	}
	if a := h.types(t, code); a.StatusCode != 503 || a.Header.Get("Set-Cookie") != "" || len(h.tablets.list()) != 0 {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	if err := os.Remove(filepath.Join(h.folder, tabletsFile+".new")); err != nil {
		t.Fatal(err)
	}
	if a := h.types(t, code); a.StatusCode != 303 {
		t.Errorf("the same code, when there is room: %d", a.StatusCode)
	}
}

func TestTheGatewayPairsNoTablets(t *testing.T) {
	h := newHall(t, func(_ *Options, set *Settings) { set.Role = survey.OnlineGateway })
	h.afar.Store(true)
	for _, method := range []string{"GET", "POST"} {
		if a := h.do(t, method, "/pair", "code=x", "Content-Type", formType); a.StatusCode != 404 {
			t.Errorf("%s /pair: %d", method, a.StatusCode)
		}
	}
}

// sides are two ends of the loopback network: 127.0.0.1 is the box, 127.0.0.2 a tablet.
func sides(s *Screen) {
	s.near = func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }
}

// browserAt is a client that calls from an address and keeps cookies as a browser does.
func browserAt(t *testing.T, address string, config *tls.Config) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: 10 * time.Second}
}

func fetch(t *testing.T, c *http.Client, address string, form url.Values) answer {
	t.Helper()
	var res *http.Response
	var err error
	if form == nil {
		res, err = c.Get(address)
	} else {
		res, err = c.PostForm(address, form)
	}
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

// Over the wire, by real addresses, with TLS for the hall and without it for the box.
func TestATabletOverTLS(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.2:0"); err != nil {
		t.Skip("SKIPPED: this system has one loopback address only")
	} else {
		l.Close()
	}
	pair, roots := selfSigned(t)
	h := newHall(t, func(o *Options, _ *Settings) { o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}} })
	sides(h.Screen)
	base := h.listen(t)
	box, tablet := browserAt(t, "127.0.0.1", nil), browserAt(t, "127.0.0.2", &tls.Config{RootCAs: roots})
	if a := fetch(t, box, base+"/", nil); a.StatusCode != 200 {
		t.Fatalf("the box's own page: %d", a.StatusCode)
	}
	if _, err := tablet.Get(base + "/pair"); err == nil {
		t.Error("a tablet is answered without TLS")
	}
	secure := strings.Replace(base, "http://", "https://", 1)
	fetch(t, tablet, secure+"/", nil).strangers(t, "before it is paired")
	code, _, err := h.Screen.invite("Q2")
	if err != nil {
		t.Fatal(err)
	}
	page := fetch(t, tablet, secure+"/pair", url.Values{"code": {code}})
	if page.StatusCode != 200 || !strings.Contains(page.text, "Quầy 4") {
		t.Fatalf("after pairing: %d %s", page.StatusCode, page.text)
	}
	if c := page.Cookies(); len(c) != 1 || !c[0].Secure || !c[0].HttpOnly {
		t.Errorf("the cookie is %v", c)
	}
	press := fetch(t, tablet, secure+"/press?counter=Q2", url.Values{"key": {"k"}, "questionnaire": {"quick"}, "question": {"Z0"}, "level": {"4"}})
	if kept := h.journal.kept(); press.StatusCode != 201 || len(kept) != 1 || kept[0].Response.Counter != "Q2" {
		t.Errorf("its press: %d, kept %v", press.StatusCode, kept)
	}
	if a := fetch(t, box, base+"/api/v1/tablets", nil); a.StatusCode != 200 || !strings.Contains(a.text, `"counter":"Q2"`) {
		t.Errorf("the box's own interface: %d %s", a.StatusCode, a.text)
	}
}

// selfSigned is a certificate for 127.0.0.1, and who trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP("127.0.0.1")},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
