package broker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hailong/sync/broker"
	"hailong/sync/wire"
)

// often is how often the canary is sent here. An answer must come within it.
const often = 300 * time.Millisecond

// watched is what a watch told.
type watched struct {
	mu     sync.Mutex
	events []broker.Event
}

// watch runs a watch until the test ends.
func watch(t *testing.T, b *broker.Broker) *watched {
	t.Helper()
	w := &watched{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Watch(ctx, often, func(e broker.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return w
}

// count is how often something was told.
func (w *watched) count(kind broker.EventKind) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// story is what was told, in order.
func (w *watched) story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var s strings.Builder
	for _, e := range w.events {
		fmt.Fprintf(&s, "%s: %v\n", e.Kind, e.Err)
	}
	return s.String()
}

// until waits for something that must come true.
func (w *watched) until(t *testing.T, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s: %v\nthe watch told:\n%s", what, err, w.story())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// told waits until the watch has told something so often.
func (w *watched) told(t *testing.T, kind broker.EventKind, times int) {
	t.Helper()
	w.until(t, string(kind), func() error {
		if n := w.count(kind); n < times {
			return fmt.Errorf("told %d times of %d", n, times)
		}
		return nil
	})
}

// canaries waits until so many canaries were sent.
func canaries(t *testing.T, b *broker.Broker, n int) {
	t.Helper()
	sent, err := b.Conn().SubscribeSync(wire.Canary)
	for range n {
		if err == nil {
			_, err = sent.NextMsg(10 * time.Second)
		}
	}
	if err != nil {
		t.Fatalf("no canary: %v", err)
	}
}

// publish puts a batch into the stream by the centre's own connection, named by its
// first letters.
func publish(b *broker.Broker, name string, within time.Duration) error {
	m, err := b.Conn().Request(wire.Batch("k-abcdefghij"), append([]byte(name), make([]byte, 500)...), within)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if !strings.Contains(string(m.Data), wire.Stream) || strings.Contains(string(m.Data), "error") {
		return fmt.Errorf("answered %s", m.Data)
	}
	return nil
}

// publishAll puts in n batches, which must all be taken.
func publishAll(t *testing.T, b *broker.Broker, name string, n int) {
	t.Helper()
	for i := range n {
		if err := publish(b, fmt.Sprintf("%s%03d", name, i), 5*time.Second); err != nil {
			t.Fatalf("batch %d of %d: %v", i, n, err)
		}
	}
}

// takeUpTo takes batches as intake does, from a consumer made anew, up to the named one,
// and counts them by their first letter.
func takeUpTo(t *testing.T, b *broker.Broker, last string) map[byte]int {
	t.Helper()
	js, err := jetstream.New(b.Conn())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := js.CreateOrUpdateConsumer(ctx, wire.Stream, jetstream.ConsumerConfig{Durable: wire.Consumer, AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	taken := map[byte]int{}
	for {
		m, err := c.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatalf("%s did not come; taken were %v: %v", last, taken, err)
		}
		if err := m.DoubleAck(ctx); err != nil {
			t.Fatal(err)
		}
		if m.Subject() == wire.Canary {
			continue
		}
		taken[m.Data()[0]]++
		if strings.HasPrefix(string(m.Data()), last) {
			return taken
		}
	}
}

func TestAStreamThatIsGoneIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	publishAll(t, b, "a", 5)
	js, err := jetstream.New(b.Conn())
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(context.Background(), wire.Stream); err != nil {
		t.Fatal(err)
	}
	// The control: nobody watches yet, and nothing is taken.
	if err := publish(b, "lost", time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Fatalf("without a stream and a watch: %v", err)
	}
	w := watch(t, b)
	w.told(t, broker.StreamMade, 1)
	publishAll(t, b, "b", 5)
	if taken := takeUpTo(t, b, "b004"); taken['a'] != 0 || taken['b'] != 5 {
		t.Fatalf("taken were %v", taken)
	}
	if n := w.count(broker.Restarted); n != 0 || b.Err() != nil {
		t.Fatalf("%d restarts, error %v", n, b.Err())
	}
}

func TestAFullStreamIsWell(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *broker.Options) { o.MaxBytes = 64 << 10 })
	js, err := jetstream.New(b.Conn())
	for err == nil {
		_, err = js.Publish(context.Background(), wire.Canary, nil) // nothing is smaller
	}
	if !strings.Contains(err.Error(), "maximum bytes") {
		t.Fatalf("the full stream says %v", err)
	}
	w := watch(t, b)
	canaries(t, b, 6) // more than a stuck server is given
	if err := publish(b, "x", 5*time.Second); err == nil || !strings.Contains(err.Error(), "10077") {
		t.Fatalf("the full stream says %v", err)
	}
	if b.Err() != nil || w.story() != "" {
		t.Fatalf("%v; the watch told:\n%s", b.Err(), w.story())
	}
}

// A volume that fills up makes the server stuck, and it stays so when there is room
// again. The watch starts it again, over its files, and every connection of the centre
// goes on.
func TestAStuckServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	b, free := stuck(t)
	// The control: there is room again, nobody watches, and still nothing is taken.
	free()
	for range 3 {
		if err := publish(b, "lost", time.Second); !errors.Is(err, nats.ErrTimeout) {
			t.Fatalf("unwatched, the server said: %v", err)
		}
	}
	addr := b.Addr()
	heard, err := b.Conn().SubscribeSync(wire.AllMarks)
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, b)
	w.told(t, broker.Restarted, 1)
	w.told(t, broker.Well, 1)
	publishAll(t, b, "b", 5)
	if taken := takeUpTo(t, b, "b004"); taken['a'] != 20 || taken['b'] != 5 {
		t.Fatalf("taken were %v, of 20 a and 5 b; the watch told:\n%s", taken, w.story())
	}
	if err := b.Conn().Publish(wire.Mark("k-abcdefghij"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := heard.NextMsg(5 * time.Second); err != nil {
		t.Fatalf("a subscription of before hears nothing: %v", err)
	}
	if n := w.count(broker.Restarted); n != 1 || b.Addr() != addr || b.Err() != nil {
		t.Fatalf("%d restarts, now at %s, before %s, error %v", n, b.Addr(), addr, b.Err())
	}
}

// As long as the volume is full a restart would make it worse: kiosks could not even ask.
func TestAFullVolumeIsWaitedFor(t *testing.T) {
	t.Parallel()
	b, free := stuck(t)
	w := watch(t, b)
	w.told(t, broker.Unwell, 1)
	canaries(t, b, 4)
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), "no space left") || w.count(broker.Restarted) != 0 {
		t.Fatalf("error %v; the watch told:\n%s", err, w.story())
	}
	if !b.Conn().IsConnected() {
		t.Fatal("the server is down")
	}
	free()
	w.told(t, broker.Well, 1)
	publishAll(t, b, "b", 5)
	if taken := takeUpTo(t, b, "b004"); taken['a'] != 20 {
		t.Fatalf("taken were %v; the watch told:\n%s", taken, w.story())
	}
}

// The server's folder is taken away under it, and something else put in its place: it can
// neither go on nor start again over that, and begins with nothing.
func TestAStuckServerWhoseFilesAreNoUse(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for answers that do not come: skipped with -short")
	}
	dir := t.TempDir()
	b := start(t, func(o *broker.Options) { o.Dir = dir })
	publishAll(t, b, "a", 5)
	files := filepath.Join(dir, "jetstream")
	err := errors.Join(os.RemoveAll(files), os.WriteFile(files, nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, b)
	for i := 0; err == nil; i++ { // it notices when it begins a new file
		if _, err = b.Conn().Request(wire.Canary, make([]byte, 200<<10), time.Second); i > 200 {
			t.Fatal("the server goes on without its folder")
		}
	}
	w.told(t, broker.Restarted, 1)
	w.told(t, broker.Well, 1)
	publishAll(t, b, "b", 5)
	if taken := takeUpTo(t, b, "b004"); taken['a'] != 0 || taken['b'] != 5 {
		t.Fatalf("taken were %v", taken)
	}
	if aside, err := filepath.Glob(filepath.Join(dir, "jetstream.damaged-*")); err != nil || len(aside) != 1 {
		t.Fatalf("aside are %v: %v", aside, err)
	}
}

// A centre that comes back after a long time has thousands of kiosks sending at once: the
// canary waits behind them. That is no reason to start again and have them all come anew.
func TestABusyServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("floods a server for some seconds: skipped with -short")
	}
	name, key := newKey(t)
	b := start(t, nil, name)
	nc, state := dial(t, b, name, key)
	if err := next(t, state); err != nil {
		t.Fatal(err)
	}
	w := watch(t, b)
	late := 0
	for began := time.Now(); late < 8 && time.Since(began) < 20*time.Second; {
		for range 5000 { // nobody waits for the answers
			if err := nc.Publish(wire.Batch(name), make([]byte, 1000)); err != nil {
				t.Fatalf("%v; the watch told:\n%s", err, w.story())
			}
		}
		if err := publish(b, "x", often); err != nil {
			late++
		}
	}
	if late < 8 {
		t.Skipf("SKIPPED: this machine is too fast to be kept busy: only %d answers were late", late)
	}
	if n := w.count(broker.Restarted); n != 0 {
		t.Fatalf("%d restarts; the watch told:\n%s", n, w.story())
	}
}

// stuck is a server whose volume filled up after 20 batches, until free is called.
func stuck(t *testing.T) (b *broker.Broker, free func()) {
	t.Helper()
	if testing.Short() {
		t.Skip("fills a volume and waits for answers that do not come: skipped with -short")
	}
	dir := smallVolume(t)
	b = start(t, func(o *broker.Options) { o.Dir = filepath.Join(dir, "nats") })
	publishAll(t, b, "a", 20)
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 1<<10))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for err = nil; !errors.Is(err, nats.ErrTimeout); { // the last page may still take some
		if err = publish(b, "full", 500*time.Millisecond); time.Now().After(deadline) {
			t.Fatal("the server goes on although its volume is full")
		}
	}
	return b, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
}

// The end of a watch, and of the broker under it, in either order.
func TestAClosedBrokerIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	w := watch(t, b)
	b.Close()
	w.told(t, broker.Unwell, 1)
	if n := w.count(broker.Restarted); n != 0 || b.Conn().IsConnected() {
		t.Fatalf("it was started again %d times", n)
	}
}
