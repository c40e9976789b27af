// Package broker is the centre's message server: one embedded in the program, or an
// external NATS by URL. It owns the stream that carries batches and decides which
// kiosk may use which subject.
//
// The stream is transport, never custody: it may lose what it acknowledged, and the
// kiosks fill it again. It is bounded and refuses new batches when full; it never
// drops old ones.
package broker

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

// DefaultMaxBytes bounds the stream where nothing else is said: 1 GiB, some millions
// of presses waiting for a centre whose store is slow.
const DefaultMaxBytes = 1 << 30

// Options are how to run the embedded server.
type Options struct {
	Dir    string // the stream's files; not a place to keep anything
	Listen string // host:port; port 0 picks a free one
	// Certificate and Key are PEM files; with them the listener speaks TLS only.
	Certificate, Key string
	MaxBytes         int64 // of the stream; 0 = DefaultMaxBytes
	// Admit says which kiosk a public key belongs to, and whether it may come in. It is
	// asked at each connection, so letting in and shutting out take effect at once.
	Admit func(key []byte) (survey.KioskID, bool)
	Log   *slog.Logger
	// LazySync leaves syncing to the server's own interval instead of syncing each
	// message before it is acknowledged. For tests that show what custody is worth.
	LazySync bool
}

// Broker is a running embedded server, or a client of an external one.
type Broker struct {
	srv   *server.Server // nil when external
	conn  *nats.Conn
	addr  string
	limit int64
}

// Start runs the embedded server and returns once it takes connections and the stream
// is there.
func Start(ctx context.Context, o Options) (*Broker, error) {
	host, portText, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("nats.listen = %q: host:port is needed: %w", o.Listen, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("nats.listen = %q: the port must be a number: %w", o.Listen, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	} else if err := portFree(o.Listen); err != nil {
		return nil, err
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	token, err := randomToken()
	if err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName: "hailong", Host: host, Port: port,
		JetStream: true, StoreDir: o.Dir, SyncAlways: !o.LazySync,
		JetStreamMaxStore: 2 * o.MaxBytes, JetStreamMaxMemory: 64 << 20,
		MaxPayload: custody.MaxMessage + 4096, MaxControlLine: 4096,
		AlwaysEnableNonce: true, CustomClientAuthentication: &gate{token: token, admit: o.Admit},
		NoSigs: true, PingInterval: 20 * time.Second,
	}
	if err := useTLS(opts, o); err != nil {
		return nil, err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("make the message server: %w", err)
	}
	srv.SetLoggerV2(serverLog{o.Log}, false, false, false)
	srv.Start()
	b := &Broker{srv: srv, limit: o.MaxBytes}
	if !srv.ReadyForConnections(10 * time.Second) {
		srv.Shutdown()
		return nil, fmt.Errorf("the message server did not become ready on %s within 10 s", o.Listen)
	}
	b.addr = srv.Addr().String()
	if b.conn, err = nats.Connect("", nats.InProcessServer(srv), nats.Token(token), nats.Name("centre"),
		nats.CustomInboxPrefix(wire.CentreInboxPrefix), nats.MaxReconnects(-1)); err != nil {
		b.Close()
		return nil, fmt.Errorf("connect to the message server: %w", err)
	}
	if err := b.ensureStream(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Dial uses an external server, whose permissions are its operator's job (see
// [wire.KioskPermissions]). credentials is a NATS credentials file, "" for none.
func Dial(ctx context.Context, url, credentials string, maxBytes int64) (*Broker, error) {
	opts := []nats.Option{
		nats.Name("centre"), nats.CustomInboxPrefix(wire.CentreInboxPrefix), nats.MaxReconnects(-1),
		nats.Timeout(5 * time.Second), nats.ReconnectWait(time.Second),
	}
	if credentials != "" {
		opts = append(opts, nats.UserCredentials(credentials))
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to the message server at %s: %w", url, err)
	}
	if maxBytes == 0 {
		maxBytes = DefaultMaxBytes
	}
	b := &Broker{conn: nc, addr: nc.ConnectedAddr(), limit: maxBytes}
	if err := b.ensureStream(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Conn is the centre's own connection.
func (b *Broker) Conn() *nats.Conn { return b.conn }

// Addr is the address that kiosks connect to.
func (b *Broker) Addr() string { return b.addr }

// Close ends the connection and the embedded server, and waits for it.
func (b *Broker) Close() {
	if b.conn != nil {
		b.conn.Close()
	}
	if b.srv != nil {
		b.srv.Shutdown()
		b.srv.WaitForShutdown()
	}
}

// ensureStream makes the stream, or brings its limits up to date.
func (b *Broker) ensureStream(ctx context.Context) error {
	js, err := jetstream.New(b.conn)
	if err != nil {
		return fmt.Errorf("use the message server's streams: %w", err)
	}
	_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: wire.Stream, Subjects: []string{wire.AllBatches},
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage,
		MaxBytes: b.limit, MaxMsgSize: custody.MaxMessage, Replicas: 1,
	})
	if err != nil {
		return fmt.Errorf("make stream %s: %w", wire.Stream, err)
	}
	return nil
}

// Drop ends the connections of a kiosk that was shut out. It knows them by the key that
// they proved, not by the name that a client chooses for itself.
func (b *Broker) Drop(k survey.KioskID) error {
	if b.srv == nil {
		return nil
	}
	list, err := b.srv.Connz(&server.ConnzOptions{Limit: 1 << 20, Username: true})
	if err != nil {
		return fmt.Errorf("list connections: %w", err)
	}
	var all error
	for _, c := range list.Conns {
		if key, err := publicKey(c.AuthorizedUser); err == nil && custody.KioskName(key) == k {
			all = errors.Join(all, b.srv.DisconnectClientByID(c.Cid))
		}
	}
	return all
}

func useTLS(opts *server.Options, o Options) error {
	if o.Certificate == "" {
		return nil
	}
	config, err := server.GenTLSConfig(&server.TLSConfigOpts{CertFile: o.Certificate, KeyFile: o.Key, Timeout: 5})
	if err != nil {
		return fmt.Errorf("nats.tls: %w", err)
	}
	opts.TLS, opts.TLSConfig, opts.TLSTimeout = true, config, 5
	return nil
}

// portFree asks for the port first: the server itself would end the whole program.
func portFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("nats.listen = %q: the address cannot be used; is another program using it? %w", addr, err)
	}
	return l.Close()
}

func randomToken() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("draw the centre's token: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// gate lets in the centre by its token and each kiosk by its key, and gives a kiosk
// its own subjects only.
type gate struct {
	token string
	admit func(key []byte) (survey.KioskID, bool)
}

// Check implements the server's authentication: true lets the client in.
func (g *gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if o.Token != "" {
		if o.Token != g.token {
			return false
		}
		c.RegisterUser(&server.User{Username: "centre"})
		return true
	}
	key, ok := provenKey(o.Nkey, o.Sig, c.GetNonce())
	if !ok {
		return false
	}
	kiosk, ok := g.admit(key)
	if !ok {
		return false
	}
	p := wire.KioskPermissions(kiosk)
	c.RegisterUser(&server.User{Username: string(kiosk), Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: p.Publish}, Subscribe: &server.SubjectPermission{Allow: p.Subscribe},
	}})
	return true
}

// provenKey is the raw public key of a caller who signed the server's nonce with it.
func provenKey(nkey, signature string, nonce []byte) ([]byte, bool) {
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return nil, false
	}
	public, err := nkeys.FromPublicKey(nkey)
	if err != nil || len(nonce) == 0 || public.Verify(nonce, sig) != nil {
		return nil, false
	}
	raw, err := publicKey(nkey)
	return raw, err == nil
}

// publicKey is the raw key that NATS writes as nkey.
func publicKey(nkey string) ([]byte, error) {
	return nkeys.Decode(nkeys.PrefixByteUser, []byte(nkey))
}

// serverLog hands the server's own warnings on; its notices are not ours.
type serverLog struct{ log *slog.Logger }

func (l serverLog) say(level slog.Level, format string, v ...any) {
	if l.log != nil {
		l.log.Log(context.Background(), level, "message server: "+fmt.Sprintf(format, v...))
	}
}

// Noticef is what the server tells of its everyday work: for debugging here.
func (l serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v...) }

// Warnf is what an operator should know.
func (l serverLog) Warnf(format string, v ...any) { l.say(slog.LevelWarn, format, v...) }

// Fatalf is the server giving up.
func (l serverLog) Fatalf(format string, v ...any) { l.say(slog.LevelError, format, v...) }

// Errorf is something that went wrong.
func (l serverLog) Errorf(format string, v ...any) { l.say(slog.LevelError, format, v...) }

// Debugf is of no use here.
func (l serverLog) Debugf(format string, v ...any) {}

// Tracef is of no use here.
func (l serverLog) Tracef(format string, v ...any) {}
