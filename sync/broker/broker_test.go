package broker_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/broker"
	"hailong/sync/link"
	"hailong/sync/wire"
)

// newKey is a kiosk's key and the name that it gives.
func newKey(t *testing.T) (survey.KioskID, ed25519.PrivateKey) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return custody.KioskName(public), key
}

// start runs a broker that lets in the given kiosks.
func start(t *testing.T, change func(*broker.Options), admitted ...survey.KioskID) *broker.Broker {
	t.Helper()
	o := broker.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Admit: func(key []byte) (survey.KioskID, bool) {
		name := custody.KioskName(key)
		for _, k := range admitted {
			if k == name {
				return k, true
			}
		}
		return "", false
	}}
	if change != nil {
		change(&o)
	}
	b, err := broker.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// dial connects a kiosk and waits until it is up, or says why not.
func dial(t *testing.T, b *broker.Broker, name survey.KioskID, key ed25519.PrivateKey) (*nats.Conn, <-chan error) {
	t.Helper()
	state := make(chan error, 64)
	nc, err := link.Dial(link.Options{URL: "nats://" + b.Addr(), Kiosk: name, Key: key, OnChange: func(up bool, problem error) {
		if !up && problem == nil {
			problem = errors.New("down")
		}
		select {
		case state <- problem:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc, state
}

func next(t *testing.T, state <-chan error) error {
	t.Helper()
	select {
	case err := <-state:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the connection's state did not change within 10 s")
		return nil
	}
}

// request sends and waits briefly for an answer.
func request(nc *nats.Conn, subject string) (*nats.Msg, error) {
	return nc.Request(subject, []byte("x"), 200*time.Millisecond)
}

func TestAKioskMayUseItsOwnSubjectsAndNothingElse(t *testing.T) {
	t.Parallel()
	name, key := newKey(t)
	b := start(t, nil, name)
	nc, state := dial(t, b, name, key)
	if err := next(t, state); err != nil {
		t.Fatalf("an enrolled kiosk was not let in: %v", err)
	}
	if m, err := request(nc, wire.Batch(name)); err != nil || !strings.Contains(string(m.Data), wire.Stream) {
		t.Fatalf("its own batch was not taken: %v %v", m, err)
	}
	for _, subject := range []string{
		wire.Batch("k-other"), wire.Mark("k-other"), wire.Heartbeat("k-other"), wire.Directory("k-other"), wire.Receipt(name), wire.Receipt("k-other"),
		"$JS.API.STREAM.INFO." + wire.Stream, "$JS.API.STREAM.PURGE." + wire.Stream, "$JS.API.CONSUMER.MSG.NEXT." + wire.Stream + ".intake",
		"$SYS.REQ.SERVER.PING", "anything",
	} {
		if m, err := request(nc, subject); err == nil {
			t.Errorf("it may publish to %s and got %q", subject, m.Data)
		} else if denied := next(t, state); denied == nil || !strings.Contains(denied.Error(), "ermission") {
			t.Errorf("publishing to %s: the server said %v, want a permission error", subject, denied)
		}
	}
	for _, subject := range []string{wire.AllBatches, wire.Receipt("k-other"), ">", "_INBOX.>", wire.InboxPrefix("k-other") + ".>"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if denied := next(t, state); denied == nil || !strings.Contains(denied.Error(), "ermission") {
			t.Errorf("it may subscribe to %s: the server said %v", subject, denied)
		}
	}
}

func TestStrangersAreNotLetIn(t *testing.T) {
	name, key := newKey(t)
	_, otherKey := newKey(t)
	b := start(t, nil, name)
	t.Run("a key that is not enrolled", func(t *testing.T) {
		_, state := dial(t, b, "k-stranger", otherKey)
		if err := next(t, state); err == nil {
			t.Fatal("it was let in")
		}
	})
	t.Run("no key", func(t *testing.T) {
		if _, err := nats.Connect("nats://" + b.Addr()); err == nil {
			t.Fatal("it was let in")
		}
	})
	t.Run("an enrolled key's name with another's signature", func(t *testing.T) {
		user := natsUser(t, key)
		if _, err := nats.Connect("nats://"+b.Addr(), nats.Nkey(user, func(nonce []byte) ([]byte, error) { return ed25519.Sign(otherKey, nonce), nil })); err == nil {
			t.Fatal("it was let in")
		}
		// The control: with its own signature the same name is let in.
		nc, err := nats.Connect("nats://"+b.Addr(), nats.Nkey(user, func(nonce []byte) ([]byte, error) { return ed25519.Sign(key, nonce), nil }))
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
	})
	t.Run("a guessed token", func(t *testing.T) {
		if _, err := nats.Connect("nats://"+b.Addr(), nats.Token("guess")); err == nil {
			t.Fatal("it was let in")
		}
	})
}

func TestAKioskThatIsShutOutLosesItsConnection(t *testing.T) {
	t.Parallel()
	name, key := newKey(t)
	var out atomic.Bool
	b := start(t, func(o *broker.Options) {
		o.Admit = func(k []byte) (survey.KioskID, bool) { return name, !out.Load() }
	})
	_, state := dial(t, b, name, key)
	if err := next(t, state); err != nil {
		t.Fatal(err)
	}
	out.Store(true)
	if err := b.Drop(name); err != nil {
		t.Fatal(err)
	}
	if err := next(t, state); err == nil {
		t.Fatal("it is still connected")
	}
	if err := next(t, state); err == nil {
		t.Fatal("it was let in again")
	}
	out.Store(false) // and let in again later
	for err := next(t, state); err != nil; {
		err = next(t, state)
	}
}

// What a client calls itself neither hides it from being shut out nor shuts out others.
func TestNamesThatClientsChooseDecideNothing(t *testing.T) {
	name, key := newKey(t)
	bystander, otherKey := newKey(t)
	b := start(t, nil, name, bystander)
	connect := func(key ed25519.PrivateKey, called survey.KioskID) (*nats.Conn, chan struct{}) {
		t.Helper()
		down := make(chan struct{}, 8)
		nc, err := nats.Connect("nats://"+b.Addr(), nats.Name(string(called)), nats.NoReconnect(),
			nats.Nkey(natsUser(t, key), func(nonce []byte) ([]byte, error) { return ed25519.Sign(key, nonce), nil }),
			nats.ClosedHandler(func(*nats.Conn) { down <- struct{}{} }))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc, down
	}
	_, gone := connect(key, bystander)
	other, _ := connect(otherKey, name)
	if err := b.Drop(name); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("it kept its connection under another's name")
	}
	if err := other.Flush(); err != nil || !other.IsConnected() {
		t.Fatalf("another kiosk lost its connection: %v", err)
	}
}

func TestAFullStreamRefusesAndKeepsWhatItHas(t *testing.T) {
	name, key := newKey(t)
	b := start(t, func(o *broker.Options) { o.MaxBytes = 1 << 20 }, name)
	nc, state := dial(t, b, name, key)
	if err := next(t, state); err != nil {
		t.Fatal(err)
	}
	taken, refused := 0, 0
	for range 40 {
		m, err := nc.Request(wire.Batch(name), make([]byte, 60<<10), 5*time.Second)
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.Contains(string(m.Data), "10077"):
			refused++
		case strings.Contains(string(m.Data), wire.Stream):
			taken++
		default:
			t.Fatalf("answer %s", m.Data)
		}
	}
	if taken < 10 || refused < 10 {
		t.Fatalf("taken %d, refused %d of a stream of 1 MiB", taken, refused)
	}
}

func TestAUsedPortIsSaidPlainly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = broker.Start(context.Background(), broker.Options{Dir: t.TempDir(), Listen: l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "nats.listen") || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Fatalf("error %v", err)
	}
}

func TestTheStreamSurvivesARestart(t *testing.T) {
	name, key := newKey(t)
	dir := t.TempDir()
	again := func(o *broker.Options) { o.Dir = dir }
	b := start(t, again, name)
	nc, state := dial(t, b, name, key)
	if err := next(t, state); err != nil {
		t.Fatal(err)
	}
	if _, err := request(nc, wire.Batch(name)); err != nil {
		t.Fatal(err)
	}
	nc.Close()
	b.Close()
	b = start(t, again, name)
	m, err := b.Conn().Request("$JS.API.STREAM.INFO."+wire.Stream, nil, 5*time.Second)
	if err != nil || !strings.Contains(string(m.Data), `"messages":1`) {
		t.Fatalf("after a restart: %s %v", m.Data, err)
	}
}
