package link_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/broker"
	"hailong/sync/link"
)

// authority signs certificates, as a province's own would.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Tỉnh mẫu"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newECDSA(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file(), "CERTIFICATE", der)
	return a
}

// file holds the authority's own certificate: what a kiosk pins.
func (a *authority) file() string { return filepath.Join(a.dir, "ca.pem") }

// server makes the files of a certificate for this machine.
func (a *authority) server(t *testing.T) (certificate, key string) {
	t.Helper()
	own := newECDSA(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "nats"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, own.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(a.dir, "server.pem"), filepath.Join(a.dir, "server.key")
	writePEM(t, certificate, "CERTIFICATE", der)
	writePEM(t, key, "EC PRIVATE KEY", private)
	return certificate, key
}

func newECDSA(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// change is one call of OnChange.
type change struct {
	up      bool
	problem error
}

// box is a kiosk that dials, and what it heard.
type box struct {
	name    survey.KioskID
	key     ed25519.PrivateKey
	changes chan change
}

func newBox(t *testing.T) *box {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &box{name: custody.KioskName(public), key: key, changes: make(chan change, 256)}
}

func (b *box) dial(t *testing.T, url, ca string) {
	t.Helper()
	nc, err := link.Dial(link.Options{URL: url, Kiosk: b.name, Key: b.key, CA: ca, OnChange: func(up bool, problem error) {
		b.changes <- change{up, problem}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
}

// next is the next change.
func (b *box) next(t *testing.T) change {
	t.Helper()
	select {
	case c := <-b.changes:
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("OnChange heard nothing for 10 s")
		return change{}
	}
}

// serve runs a broker that takes everybody in.
func serve(t *testing.T, o broker.Options) *broker.Broker {
	t.Helper()
	o.Dir = t.TempDir()
	if o.Admit == nil {
		o.Admit = func(key []byte) (survey.KioskID, bool) { return custody.KioskName(key), true }
	}
	b, err := broker.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestTheServersCertificateMustBeSignedByThePinnedAuthority(t *testing.T) {
	own, other := newAuthority(t), newAuthority(t)
	certificate, key := own.server(t)
	b := serve(t, broker.Options{Listen: "127.0.0.1:0", Certificate: certificate, Key: key})
	for _, c := range []struct {
		name, scheme, ca string
		up               bool
	}{
		{"the authority that signed it", "tls://", own.file(), true},
		{"the same, without saying tls in the address", "nats://", own.file(), true},
		{"another authority", "tls://", other.file(), false},
		{"the system's authorities", "tls://", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newBox(t)
			k.dial(t, c.scheme+b.Addr(), c.ca)
			got := k.next(t)
			if got.up != c.up || (got.problem == nil) != c.up {
				t.Fatalf("up %v, problem %v; want up %v", got.up, got.problem, c.up)
			}
			if !c.up && !strings.Contains(got.problem.Error(), "certificate") {
				t.Fatalf("the problem does not speak of the certificate: %v", got.problem)
			}
		})
	}
}

func TestAnAuthorityFileThatIsNoneIsSaidAtOnce(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("xin chào"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ca := range []string{garbage, filepath.Join(t.TempDir(), "none.pem")} {
		k := newBox(t)
		_, err := link.Dial(link.Options{URL: "tls://127.0.0.1:1", Kiosk: k.name, Key: k.key, CA: ca})
		if err == nil || !strings.Contains(err.Error(), ca) {
			t.Errorf("with %s: %v, want an error that names the file", ca, err)
		}
	}
}

func TestTheServerComesAndGoes(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	k := newBox(t)
	k.dial(t, "nats://"+addr, "") // returns although nobody is there
	if c := k.next(t); c.up || c.problem == nil {
		t.Fatalf("while the server is down: %+v", c)
	}
	b := serve(t, broker.Options{Listen: addr})
	c := k.next(t)
	for !c.up { // it tried again in the meantime
		c = k.next(t)
	}
	if c.problem != nil {
		t.Fatalf("up with a problem: %v", c.problem)
	}
	b.Close()
	if c = k.next(t); c.up {
		t.Fatalf("after the server went: %+v", c)
	}
	serve(t, broker.Options{Listen: addr})
	for c = k.next(t); !c.up; {
		c = k.next(t)
	}
}

// A kiosk that the centre has shut out must never look connected: its status page would
// send the person who looks for the fault to the wrong place.
func TestAKioskThatIsShutOutIsNeverUp(t *testing.T) {
	t.Parallel()
	var out atomic.Bool
	var refused atomic.Int32
	b := serve(t, broker.Options{Listen: "127.0.0.1:0", Admit: func(key []byte) (survey.KioskID, bool) {
		if out.Load() {
			refused.Add(1)
		}
		return custody.KioskName(key), !out.Load()
	}})
	k := newBox(t)
	k.dial(t, "nats://"+b.Addr(), "")
	if c := k.next(t); !c.up {
		t.Fatalf("before it is shut out: %+v", c)
	}
	out.Store(true)
	if err := b.Drop(k.name); err != nil {
		t.Fatal(err)
	}
	heard := 0
	for refused.Load() < 2 || heard < 2 {
		if c := k.next(t); c.up {
			t.Fatalf("refused %d times, and up with the problem %v", refused.Load(), c.problem)
		}
		heard++
	}
}
