// Package link dials the bus: the key, the reply subjects, TLS, and reconnecting for
// ever. It is the one place that knows how a connection is made.
package link

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"hailong/survey"
	"hailong/sync/wire"
)

// Options are what a kiosk's connection needs.
type Options struct {
	URL   string // nats://host:port, or tls://host:port
	Kiosk survey.KioskID
	Key   ed25519.PrivateKey // proves to the server, over its nonce, who is calling
	CA    string             // file of the authority that signed the server's certificate; "" = the system's
	// OnChange hears when the link comes up (problem nil), goes down, or has a problem in
	// either state. It is called from the client's own goroutine and must not block.
	OnChange func(up bool, problem error)
}

// Dial opens a kiosk's connection. It returns at once, whether or not the server can
// be reached, and goes on trying until the connection is closed. While it is down,
// publishing fails instead of piling up in memory: the journal is the queue.
func Dial(o Options) (*nats.Conn, error) {
	user, err := nkeys.FromRawSeed(nkeys.PrefixByteUser, o.Key.Seed())
	if err != nil {
		return nil, fmt.Errorf("turn the kiosk's key into a user key: %w", err)
	}
	public, err := user.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("name the kiosk's key: %w", err)
	}
	config, err := tlsConfig(o.CA)
	if err != nil {
		return nil, err
	}
	change := o.OnChange
	if change == nil {
		change = func(bool, error) {}
	}
	opts := []nats.Option{
		nats.Name(string(o.Kiosk)),
		nats.Nkey(public, user.Sign),
		nats.CustomInboxPrefix(wire.InboxPrefix(o.Kiosk)),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a kiosk shut out today may be let in tomorrow
		nats.ReconnectWait(time.Second),
		nats.ReconnectJitter(time.Second, time.Second), // a whole region may come back at once
		nats.ReconnectBufSize(-1),
		nats.PingInterval(2 * time.Minute), // a line that is paid by the byte; what waits for an answer notices sooner
		nats.MaxPingsOutstanding(2),
		nats.Timeout(5 * time.Second),
		nats.SetCustomDialer(&net.Dialer{Timeout: 5 * time.Second, KeepAlive: -1}), // the system's own probes, every 15 s, would say nothing that ours do not
		nats.ConnectHandler(func(*nats.Conn) { change(true, nil) }),
		nats.ReconnectHandler(func(*nats.Conn) { change(true, nil) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { change(false, err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { change(false, err) }),
		// The server's complaints: about a subject, while the link is up, or about the kiosk
		// itself, while the client tries to come back.
		nats.ErrorHandler(func(nc *nats.Conn, _ *nats.Subscription, err error) { change(nc.IsConnected(), err) }),
	}
	if config != nil {
		opts = append(opts, nats.Secure(config))
	}
	nc, err := nats.Connect(o.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to %s: %w", o.URL, err)
	}
	return nc, nil
}

func tlsConfig(ca string) (*tls.Config, error) {
	if ca == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", ca)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, nil
}
