package uplink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/broker"
	"hailong/sync/wire"
)

// startBroker starts a real message server.
func startBroker(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Start(context.Background(), broker.Options{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Admit: func([]byte) (survey.KioskID, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// The bus over real NATS: what is requested first is heard first, answers find their
// way back, and nobody waits longer than he wants.
func TestOverNATS(t *testing.T) {
	b := startBroker(t)
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
	if data, err := answer(ctx); !errors.Is(err, ErrNobody) {
		t.Fatalf("where nobody listens the answer is %q, %v", data, err)
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

// watched is a real bus that counts the questions and the connections given up. One that is
// dull does not pass on that the message server lives.
type watched struct {
	Bus
	dull         bool
	asked, again atomic.Int64
}

// Request implements [Bus].
func (w *watched) Request(subject string, data []byte) (func(context.Context) ([]byte, error), error) {
	answer, err := w.Bus.Request(subject, data)
	return func(ctx context.Context) ([]byte, error) {
		data, err := answer(ctx)
		if errors.Is(err, ErrNobody) {
			w.asked.Add(1)
			if w.dull {
				err = context.DeadlineExceeded
			}
		}
		return data, err
	}, err
}

// Reconnect implements [Bus].
func (w *watched) Reconnect() error {
	w.again.Add(1)
	return nil
}

// A message server that says that the centre is away is no dead line: it is kept, however
// long the centre stays away.
func TestALineToALivingBusIsKept(t *testing.T) {
	for _, dull := range []bool{false, true} { // the dull one is the control
		t.Run(fmt.Sprint("dull ", dull), func(t *testing.T) {
			bus := &watched{Bus: OverNATS(startBroker(t).Conn()), dull: dull}
			b := newBox(t)
			b.over = bus
			b.tuning.AskAnswer = time.Minute // whatever the machine is busy with
			b.renew()
			b.press(1)
			b.run()
			b.up()
			b.until("the centre was asked in vain again and again", func() error {
				if n := bus.asked.Load(); n < 3*deaf {
					return fmt.Errorf("%d times", n)
				}
				return nil
			})
			if n := bus.again.Load(); (n > 0) != dull {
				t.Errorf("%d connections were given up", n)
			}
		})
	}
}
