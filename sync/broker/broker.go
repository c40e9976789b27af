// Package broker is the centre's message server: one embedded in the program, or an
// external NATS by URL. It owns the stream that carries batches and decides which
// kiosk may use which subject.
//
// The stream is transport, never custody: it may lose what it acknowledged, and the
// kiosks fill it again. It is bounded and refuses new batches when full; it never
// drops old ones. So nothing here tries to save it: a stream that is gone is made
// again, a server that is stuck is started again, and files that cannot be used are
// set aside for an empty stream.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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
	// MaxBytes bounds the stream; 0 = DefaultMaxBytes. It is never more than a quarter of
	// the volume, so that what lies beside the stream keeps its room.
	MaxBytes int64
	// Admit says which kiosk a public key belongs to, and whether it may come in. It is
	// asked at each connection, so letting in and shutting out take effect at once. Whom it
	// shuts out is for it to tell; the server's own line of that is for debugging.
	Admit func(key []byte) (survey.KioskID, bool)
	// Stranger, if set, hears of each caller who is not let in and has proved no key.
	Stranger func(from net.Addr)
	Log      *slog.Logger // the server's own warnings, and files set aside; nil = nowhere
	// LazySync leaves syncing to the server's own interval instead of syncing each
	// message before it is acknowledged. For tests that show what custody is worth.
	LazySync bool
}

// Broker is a running embedded server, or a client of an external one.
type Broker struct {
	own   *embedded // nil when external
	conn  *nats.Conn
	addr  string
	limit int64 // of the stream, bytes

	life   sync.Mutex // held while the server starts or stops; protects closed
	closed bool

	mu  sync.Mutex // protects err
	err error
}

// Start runs the embedded server and returns once it takes connections and the stream
// is there. Files that it cannot use are set aside.
func Start(ctx context.Context, o Options) (*Broker, error) {
	own, err := newEmbedded(o)
	if err != nil {
		return nil, err
	}
	b := &Broker{own: own, limit: own.limit}
	b.life.Lock()
	err = b.open(ctx)
	b.life.Unlock()
	if err != nil {
		b.Close()
		return nil, err
	}
	b.addr = own.listen // with the port that it has by now
	return b, nil
}

// Dial uses an external server, whose permissions are its operator's job (see
// [wire.KioskPermissions]), as is its sync_interval: always. credentials is a NATS
// credentials file, "" for none.
func Dial(ctx context.Context, url, credentials string, maxBytes int64, log *slog.Logger) (*Broker, error) {
	opts := append(centreOptions(log), nats.Timeout(5*time.Second), nats.ReconnectWait(time.Second))
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

// centreOptions are those of the centre's connection, wherever its server is.
func centreOptions(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name("centre"), nats.CustomInboxPrefix(wire.CentreInboxPrefix), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("the centre's connection to the message server", "error", err)
		}),
	}
}

// Conn is the centre's own connection. It lives as long as the broker: when the embedded
// server is started again, it reconnects to the new one.
func (b *Broker) Conn() *nats.Conn { return b.conn }

// Addr is the address that kiosks connect to.
func (b *Broker) Addr() string { return b.addr }

// Close ends the connection and the embedded server, and waits for it. A watch that is
// still at work starts nothing again.
func (b *Broker) Close() {
	b.life.Lock()
	defer b.life.Unlock()
	b.closed = true
	if b.conn != nil {
		b.conn.Close()
	}
	if b.own != nil {
		b.own.stop()
	}
}

// open brings the embedded server up with the stream in it. Where its files do not let
// it, they are set aside and it begins with none.
func (b *Broker) open(ctx context.Context) error {
	err := b.raise(ctx)
	if err == nil || ctx.Err() != nil || errors.As(err, new(notTheFiles)) {
		return err
	}
	if room := b.own.room(); room != nil {
		return errors.Join(err, room) // not the files: nothing can be written beside them either
	}
	return b.openAnew(ctx, err)
}

// openAnew sets the files aside because of cause, and begins with none.
func (b *Broker) openAnew(ctx context.Context, cause error) error {
	b.own.stop()
	if err := b.own.setAside(cause); err != nil {
		return errors.Join(cause, err)
	}
	return b.raise(ctx)
}

// raise starts the embedded server over the files that are there.
func (b *Broker) raise(ctx context.Context) (err error) {
	if err := b.own.start(); err != nil {
		return err
	}
	if b.conn == nil {
		b.conn, err = nats.Connect("", append(centreOptions(b.own.options.Log), nats.InProcessServer(b.own), nats.Token(b.own.token),
			nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(0, 0))...)
		if err != nil {
			return notTheFiles{fmt.Errorf("connect to the message server: %w", err)}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := b.meet(ctx); err != nil {
		return err
	}
	return b.ensureStream(ctx)
}

// reconnectWait is how soon the centre's own connection tries to reach the embedded
// server again: they are in one process, so nobody is burdened.
const reconnectWait = 50 * time.Millisecond

// meet waits until the centre's connection has come from the last life of the embedded
// server to this one: what it sends before is lost without a word.
func (b *Broker) meet(ctx context.Context) error {
	for id := b.own.present().ID(); b.conn.ConnectedServerId() != id; {
		select {
		case <-ctx.Done():
			return notTheFiles{fmt.Errorf("reconnect to the message server: %w", ctx.Err())}
		case <-time.After(reconnectWait / 5):
		}
	}
	return nil
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
// they proved, not by the name that a client chooses for itself. A server that is just
// being started again has no connections, and lets nobody in who is shut out.
func (b *Broker) Drop(k survey.KioskID) error {
	if b.own == nil {
		return nil
	}
	srv := b.own.present()
	if srv == nil {
		return nil
	}
	list, err := srv.Connz(&server.ConnzOptions{Limit: 1 << 20, Username: true})
	if err != nil {
		return fmt.Errorf("list connections: %w", err)
	}
	var all error
	for _, c := range list.Conns {
		if key, err := publicKey(c.AuthorizedUser); err == nil && custody.KioskName(key) == k {
			all = errors.Join(all, srv.DisconnectClientByID(c.Cid))
		}
	}
	return all
}
