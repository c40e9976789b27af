package broker_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"hailong/sync/broker"
)

// external is a message server that is not the broker's.
type external struct {
	t    *testing.T
	dir  string
	port int
	srv  *server.Server
}

func (e *external) start() {
	e.t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: e.port, JetStream: true, StoreDir: e.dir, NoSigs: true, NoLog: true})
	if err != nil {
		e.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		e.t.Fatal("the external server did not start")
	}
	e.srv = srv
}

func (e *external) stop() {
	e.srv.Shutdown()
	e.srv.WaitForShutdown()
}

// An external server that goes away and comes back, without its files, is its operator's
// affair; the stream on it is made again.
func TestAnExternalServerGoneAndBack(t *testing.T) {
	t.Parallel()
	e := &external{t: t, dir: t.TempDir(), port: server.RANDOM_PORT}
	e.start()
	defer func() { e.stop() }()
	url := e.srv.ClientURL()
	if _, err := fmt.Sscanf(url[strings.LastIndex(url, ":"):], ":%d", &e.port); err != nil {
		t.Fatal(err)
	}
	b, err := broker.Dial(context.Background(), url, "", 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := watch(t, b)
	w.told(t, broker.SyncUnseen, 1)
	publishAll(t, b, "a", 5)
	e.stop()
	w.told(t, broker.Unwell, 1)
	if b.Err() == nil {
		t.Fatal("without a server the broker says that all is well")
	}
	if err := os.RemoveAll(filepath.Join(e.dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	e.start()
	w.told(t, broker.Well, 1)
	w.told(t, broker.StreamMade, 1)
	publishAll(t, b, "b", 5)
	if taken := takeUpTo(t, b, "b004"); taken['a'] != 0 || taken['b'] != 5 || w.count(broker.Restarted) != 0 {
		t.Fatalf("taken were %v; the watch told:\n%s", taken, w.story())
	}
}
