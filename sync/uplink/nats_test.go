package uplink

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/broker"
	"hailong/sync/wire"
)

// The bus over real NATS: what is requested first is heard first, answers find their
// way back, and nobody waits longer than he wants.
func TestOverNATS(t *testing.T) {
	b, err := broker.Start(context.Background(), broker.Options{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Admit: func([]byte) (survey.KioskID, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	bus := OverNATS(b.Conn())
	heard := make(chan string, 100)
	stop, err := bus.Subscribe(wire.Receipt("k-1"), func(data []byte) { heard <- string(data) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for i := range 50 {
		if _, err := bus.Request(wire.Receipt("k-1"), []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		if got := <-heard; got != fmt.Sprint(i) {
			t.Fatalf("request %d came as %q", i, got)
		}
	}
	stop()

	answer, err := bus.Request(wire.Batch("k-1"), []byte("a batch"))
	if err != nil {
		t.Fatal(err)
	}
	if data, err := answer(ctx); err != nil || !bytes.Contains(data, []byte(wire.Stream)) {
		t.Fatalf("the stream's answer: %s %v", data, err)
	}
	if answer, err = bus.Request(wire.Mark("k-1"), nil); err != nil { // nobody listens there
		t.Fatal(err)
	}
	short, cancelShort := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancelShort()
	if data, err := answer(short); err == nil && len(data) > 0 {
		t.Fatalf("nobody answered %q", data)
	}
	listening := b.Conn().NumSubscriptions()
	if _, err := bus.Request(wire.Batch("k-1"), make([]byte, custody.MaxMessage*2)); err == nil || b.Conn().NumSubscriptions() != listening {
		t.Fatalf("a request that is too large: %v, and %d subscriptions instead of %d", err, b.Conn().NumSubscriptions(), listening)
	}

	beats, err := b.Conn().SubscribeSync(wire.Heartbeat("k-1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := bus.Publish(wire.Heartbeat("k-1"), []byte("alive")); err != nil {
		t.Fatal(err)
	}
	if m, err := beats.NextMsgWithContext(ctx); err != nil || string(m.Data) != "alive" || m.Reply != "" {
		t.Fatalf("heard %+v, %v", m, err)
	}

	b.Close()
	if err := bus.Publish(wire.Heartbeat("k-1"), nil); err == nil {
		t.Fatal("a message over a closed connection was taken")
	}
	if _, err := bus.Request(wire.Batch("k-1"), nil); err == nil {
		t.Fatal("a request over a closed connection was taken")
	}
	if _, err := bus.Subscribe(wire.Receipt("k-1"), func([]byte) {}); err == nil {
		t.Fatal("a subscription over a closed connection was taken")
	}
}
