package centreapp

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"hailong/sync/broker"
	"hailong/sync/wire"
)

func opened(t *testing.T, o Options) *App {
	t.Helper()
	c := Defaults()
	c.Data, c.Listen, c.NATS.Listen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	a, err := New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// What the watch of the message server sees is logged as gravely as it is, and counted.
func TestBusEventsAreLoggedAndCounted(t *testing.T) {
	var log, metrics bytes.Buffer
	a := opened(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for kind, level := range map[broker.EventKind]string{
		broker.Unwell: "ERROR", broker.Restarted: "ERROR", broker.Well: "WARN", broker.StreamMade: "WARN", broker.SyncUnseen: "WARN",
	} {
		log.Reset()
		a.busEvent(broker.Event{Kind: kind, Err: errors.New("vì sao")})
		if !strings.Contains(log.String(), "level="+level) || !strings.Contains(log.String(), "vì sao") {
			t.Errorf("%s: %s", kind, log.String())
		}
		metrics.Reset()
		a.writeMetrics(&metrics)
		if want := `hailong_bus_events_total{event="` + string(kind) + `"} 1`; !strings.Contains(metrics.String(), want) {
			t.Errorf("%s lacks %s", metrics.String(), want)
		}
	}
}

// A running centre watches: a stream that is gone is made again.
func TestTheCentreWatchesItsBus(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in -short: it waits for the next look at the stream")
	}
	t.Parallel()
	a := opened(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	js, err := jetstream.New(a.broker.Conn())
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := js.Consumer(ctx, wire.Stream, wire.Consumer); err == nil {
			break // intake is at work
		}
		if time.Now().After(end) {
			t.Fatal("intake did not begin")
		}
	}
	if err := js.DeleteStream(ctx, wire.Stream); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * broker.WatchEvery); a.busEvents(broker.StreamMade).Get() == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the stream was not made again")
		}
	}
}
