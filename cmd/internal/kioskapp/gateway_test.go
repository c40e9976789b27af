package kioskapp_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
	"hailong/survey"
	"hailong/survey/ticket"
)

// office is a centre and the key with which it signs links.
type office struct {
	*service
	app *centreapp.App
	key ed25519.PrivateKey
}

func startOffice(t *testing.T, change ...func(*centreapp.Config)) *office {
	t.Helper()
	c := centreapp.Defaults()
	c.Data, c.Listen, c.NATS.Listen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	for _, f := range change {
		f(&c)
	}
	app, err := centreapp.New(t.Context(), c, centreapp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(c.Data, "centre.key"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		t.Fatalf("the centre's key: %v", err)
	}
	return &office{start(t, app), app, ed25519.NewKeyFromSeed(seed)}
}

// link is the address of a new link of one transaction.
func (o *office) link(t testing.TB, counter survey.CounterCode) string {
	t.Helper()
	k := ticket.Ticket{Class: survey.TransactionTicket, Nonce: ticket.NewNonce(), Expires: time.Now().Add(time.Hour), Counter: counter, Questionnaire: "quick"}
	text, err := k.Sign(o.key)
	if err != nil {
		t.Fatal(err)
	}
	return "/q/" + text
}

// online are the settings of a gateway in the folder dir.
func online(dir, centre string) kioskapp.Config {
	c := settings(dir, centre)
	c.Role, c.Internal = survey.OnlineGateway, "127.0.0.1:0"
	return c
}

// public is a running gateway with both its addresses.
type public struct {
	*service // what is internal
	app      *kioskapp.App
	form     string // where the form is
}

func startGateway(t *testing.T, c kioskapp.Config) *public {
	t.Helper()
	app, err := kioskapp.New(c, kioskapp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &public{service: start(t, app), app: app, form: app.URL()}
	g.base = "http://" + app.Internal()
	g.ready(t)
	return g
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// answer opens a form and sends an answer, as a phone does.
func answer(client *http.Client, at, level string) (int, error) {
	resp, err := client.Get(at)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		return resp.StatusCode, err
	}
	form := url.Values{"a.Z0": {level}}
	for _, m := range hiddenField.FindAllStringSubmatch(string(body), -1) {
		form.Set(m[1], m[2])
	}
	if resp, err = client.PostForm(at, form); err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// The public address serves the form and nothing internal; the internal one serves what it
// served before.
func TestAGatewayKeepsWhatIsInternalApart(t *testing.T) {
	t.Parallel()
	o := startOffice(t)
	g := startGateway(t, online(t.TempDir(), o.base))
	counter := survey.CounterCode(g.status(t).Counters[0])
	if code, err := answer(http.DefaultClient, g.form+o.link(t, counter), "4"); code != http.StatusCreated || err != nil {
		t.Fatalf("an answer got %d, %v", code, err)
	}
	if n := g.press(t, "an app"); n != 2 {
		t.Errorf("a response to the internal address is record %d", n)
	}
	outside := &service{base: g.form}
	for path, want := range map[string]int{"/healthz": 200, "/": 200, "/privacy": 200, "/readyz": 404, "/metrics": 404, "/api/v1/status": 404, "/api/v1/diary": 404, "/press": 404, "/revision": 404} {
		if code, body, err := outside.get(path); code != want || err != nil || strings.Contains(body, "hailong_") {
			t.Errorf("the public address answers %s with %d, %v", path, code, err)
		}
	}
	resp, err := http.Post(g.form+"/api/v1/responses", "application/json", strings.NewReader(`{"questionnaire":"quick","answers":{"Z0":5},"channel":"touch","idempotency_key":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 404 {
		t.Errorf("the public address takes responses: %d", resp.StatusCode)
	}
	if code, body, err := g.get("/metrics"); code != 200 || err != nil || !strings.Contains(body, "hailong_web_kept_total 1\n") {
		t.Errorf("metrics: %d %v\n%s", code, err, body)
	}
	if n := g.status(t).Last; n != 2 {
		t.Errorf("%d records", n)
	}
}

// A demonstration serves both at one address, to its own machine.
func TestTogetherForADemonstration(t *testing.T) {
	t.Parallel()
	o := startOffice(t)
	app, err := kioskapp.New(online(t.TempDir(), o.base), kioskapp.Options{Together: true})
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, app)
	g.ready(t)
	if n := g.press(t, "as before"); n != 1 || app.Internal() != "" {
		t.Errorf("record %d, internal address %q", n, app.Internal())
	}
	if code, err := answer(http.DefaultClient, g.base+o.link(t, survey.CounterCode(g.status(t).Counters[0])), "4"); code != http.StatusCreated || err != nil {
		t.Fatalf("an answer got %d, %v", code, err)
	}
	req, err := http.NewRequest(http.MethodGet, g.base+"/api/v1/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "203.0.113.1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("through a proxy the status is told: %d", resp.StatusCode)
	}
}

// pemFiles keeps a certificate for 127.0.0.1, which is its own authority, and its key.
func pemFiles(t *testing.T) (certificate, key string, pool *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), pool
}

// From a phone over TLS to the gateway, and from there over NATS inside TLS to a centre
// that takes nothing else.
func TestAnAnswerTravelsInsideTLSAllTheWay(t *testing.T) {
	t.Parallel()
	certificate, key, pool := pemFiles(t)
	o := startOffice(t, func(c *centreapp.Config) { c.NATS.TLS = centreapp.TLS{Certificate: certificate, Key: key} })
	c := online(t.TempDir(), o.base)
	_, hostPort, ok := strings.Cut(o.app.NATS(), "://")
	if !ok {
		t.Fatalf("the message server is at %q", o.app.NATS())
	}
	c.Centre.NATS, c.Centre.CA = "tls://"+hostPort, certificate
	c.TLS = kioskapp.TLS{Certificate: certificate, Key: key}
	g := startGateway(t, c)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	if !strings.HasPrefix(g.form, "https://") {
		t.Fatalf("the form is at %s", g.form)
	}
	if code, err := answer(client, g.form+o.link(t, survey.CounterCode(g.status(t).Counters[0])), "4"); code != http.StatusCreated || err != nil {
		t.Fatalf("an answer got %d, %v", code, err)
	}
	until(t, "the centre has signed for the answer", func() error {
		if st := g.status(t); st.Receipted != 1 || !st.Link.Connected {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	if _, err := http.Get("http" + strings.TrimPrefix(g.form, "https") + "/"); err == nil {
		resp, err := http.Get("http" + strings.TrimPrefix(g.form, "https") + "/")
		if err == nil && resp.StatusCode == http.StatusOK {
			t.Error("the form is served without TLS, too")
		}
	}
}

func TestSettingsOfAGateway(t *testing.T) {
	good := online(t.TempDir(), "http://127.0.0.1:1")
	for path, spoil := range map[string]func(*kioskapp.Config){
		"internal":                      func(c *kioskapp.Config) { c.Internal = "8083" },
		"tls.key":                       func(c *kioskapp.Config) { c.TLS.Certificate = "cert.pem" },
		"tls.certificate":               func(c *kioskapp.Config) { c.TLS = kioskapp.TLS{Certificate: "none.pem", Key: "none.key"} },
		"proxies[1]":                    func(c *kioskapp.Config) { c.Proxies = []string{"10.0.0.0/8", "proxy"} },
		"disk.keep_days":                func(c *kioskapp.Config) { c.Disk.KeepDays = 5 },
		"web.keep_months":               func(c *kioskapp.Config) { c.Web.KeepMonths = 0 },
		"web.questionnaire":             func(c *kioskapp.Config) { c.Web.Questionnaire = "tomorrow" },
		"web.limits.prefix":             func(c *kioskapp.Config) { c.Web.Limits.Prefix = 0 },
		"web.limits.prefix_connections": func(c *kioskapp.Config) { c.Web.Limits.PerPlace = -1 },
	} {
		c := good
		c.Data = t.TempDir()
		spoil(&c)
		app, err := kioskapp.New(c, kioskapp.Options{})
		if err == nil {
			t.Errorf("%s: it is taken", path)
			if err := app.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error does not name it: %v", path, err)
		}
	}
}
