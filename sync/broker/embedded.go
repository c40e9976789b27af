package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"hailong/survey/custody"
	"hailong/sync/wire"
)

// embedded is the server in this program. It can be stopped and started again; address,
// folder and the centre's token stay.
type embedded struct {
	options Options
	listen  string // host:port; the port is real once the server has run
	token   string
	limit   int64 // of the stream, bytes
	log     *serverLog

	mu  sync.Mutex // protects srv
	srv *server.Server
}

// readyWithin is how long the server may take to read its files: a full stream whose
// index is gone is read through.
const readyWithin = 30 * time.Second

// notTheFiles is an error that setting files aside would not mend.
type notTheFiles struct{ error }

// Unwrap gives the error itself.
func (e notTheFiles) Unwrap() error { return e.error }

func newEmbedded(o Options) (*embedded, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the message server's folder: %w", err)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	size, err := volumeSize(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("see how big the volume of %s is: %w", o.Dir, err)
	}
	return &embedded{options: o, listen: o.Listen, token: rand.Text(), limit: min(o.MaxBytes, size/4), log: &serverLog{log: o.Log}}, nil
}

// InProcessConn implements the provider of the centre's connection: it reaches whichever
// server runs now.
func (e *embedded) InProcessConn() (net.Conn, error) {
	srv := e.present()
	if srv == nil {
		return nil, errors.New("the message server is being started again")
	}
	return srv.InProcessConn()
}

// present is the server that runs now, nil if none does.
func (e *embedded) present() *server.Server {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.srv
}

// start runs the server and returns when it takes connections.
func (e *embedded) start() error {
	opts, err := e.serverOptions()
	if err != nil {
		return notTheFiles{err}
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return notTheFiles{fmt.Errorf("make the message server: %w", err)}
	}
	if err := e.forgetConsumer(); err != nil {
		return err
	}
	e.log.fatal.Store(nil)
	srv.SetLoggerV2(e.log, false, false, false)
	srv.Start()
	switch fatal := e.log.fatal.Load(); {
	case fatal != nil:
		err = fmt.Errorf("start the message server: %s", *fatal)
	case !srv.ReadyForConnections(readyWithin):
		err = fmt.Errorf("the message server did not become ready on %s within %s", e.listen, readyWithin)
	}
	if err != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
		return err
	}
	e.listen = srv.Addr().String()
	e.mu.Lock()
	e.srv = srv
	e.mu.Unlock()
	return nil
}

// files is the server's own folder.
func (e *embedded) files() string { return filepath.Join(e.options.Dir, server.JetStreamStoreDir) }

// forgetConsumer removes what the server knew of the stream's one consumer. It is not
// needed: what was done with is no longer in the stream. And damaged, it could neither be
// read nor made again, or would pass over batches.
func (e *embedded) forgetConsumer() error {
	path := filepath.Join(e.files(), server.DEFAULT_GLOBAL_ACCOUNT, "streams", wire.Stream, "obs")
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove the old consumer of the stream: %w", err)
	}
	return nil
}

// stop ends the server, if it runs, and waits for it.
func (e *embedded) stop() {
	e.mu.Lock()
	srv := e.srv
	e.srv = nil
	e.mu.Unlock()
	if srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

func (e *embedded) serverOptions() (*server.Options, error) {
	host, portText, err := net.SplitHostPort(e.listen)
	if err != nil {
		return nil, fmt.Errorf("nats.listen = %q: host:port is needed: %w", e.listen, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("nats.listen = %q: the port must be a number: %w", e.listen, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	} else if err := portFree(e.listen); err != nil {
		return nil, err
	}
	o := e.options
	opts := &server.Options{
		ServerName: "hailong", Host: host, Port: port,
		// The stream's own limit is the one that counts. The server's has to be said outright:
		// its guess is three quarters of what is free at its start, which shuts the stream
		// out once the volume has filled, and so would any limit below the stream's last one.
		JetStream: true, StoreDir: o.Dir, SyncAlways: !o.LazySync, JetStreamMaxStore: 1 << 60, JetStreamMaxMemory: 64 << 20,
		MaxPayload: custody.MaxMessage + 4096, MaxControlLine: 4096,
		AlwaysEnableNonce: true, CustomClientAuthentication: &gate{token: e.token, admit: o.Admit, stranger: o.Stranger},
		NoSigs: true, PingInterval: 5 * time.Minute,
	}
	if o.Certificate == "" {
		return opts, nil
	}
	config, err := server.GenTLSConfig(&server.TLSConfigOpts{CertFile: o.Certificate, KeyFile: o.Key, Timeout: 5})
	if err != nil {
		return nil, fmt.Errorf("nats.tls: %w", err)
	}
	opts.TLS, opts.TLSConfig, opts.TLSTimeout = true, config, 5
	return opts, nil
}

// room says why nothing can be written where the server keeps its files, nil if it can.
func (e *embedded) room() error {
	path := filepath.Join(e.options.Dir, "room.tmp")
	f, err := os.Create(path)
	if err == nil {
		_, err = f.Write(make([]byte, custody.MaxMessage))
		if err == nil {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close(), os.Remove(path))
	}
	if err != nil {
		return fmt.Errorf("the message server's volume takes nothing: %w", err)
	}
	return nil
}

// asideKept is how many folders that were set aside are kept, for whoever wants to know
// what happened. They hold nothing that is not elsewhere.
const asideKept = 2

// setAside takes the server's files out of its way, because of cause. They stay inside
// its folder: that may be a volume of its own, whose top cannot be renamed.
func (e *embedded) setAside(cause error) error {
	aside := e.files() + ".damaged-"
	path := aside + time.Now().UTC().Format("20060102T150405.000000Z")
	if err := os.Rename(e.files(), path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("set the message server's files aside: %w", err)
	}
	e.options.Log.Error("the message server's files could not be used; it begins with none, and the kiosks send again", "aside", path, "error", cause)
	entries, err := os.ReadDir(filepath.Dir(aside)) // oldest first
	entries = slices.DeleteFunc(entries, func(d os.DirEntry) bool { return !strings.HasPrefix(d.Name(), filepath.Base(aside)) })
	for ; len(entries) > asideKept; entries = entries[1:] {
		err = errors.Join(err, os.RemoveAll(filepath.Join(filepath.Dir(aside), entries[0].Name())))
	}
	if err != nil {
		return fmt.Errorf("remove files that were set aside long ago: %w", err)
	}
	return nil
}

// portFree asks for the port first: the server itself would say it only in its log.
func portFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("nats.listen = %q: the address cannot be used; is another program using it? %w", addr, err)
	}
	return l.Close()
}
