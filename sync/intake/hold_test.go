package intake_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/wire"
)

var errChain = errors.New("the chain cannot be read")

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// One chain that the store cannot keep holds up nobody else, whether it comes with them or
// before them; the first of what it sent stays on the bus, and the log and the program say
// so once.
func TestAChainThatCannotBeKept(t *testing.T) {
	t.Parallel()
	bad, a, b := newBox(1, 3), newBox(2, 20), newBox(3, 4)
	c := newCentre(t, bad, a, b)
	var log lines
	c.log = slog.New(slog.NewTextHandler(&log, nil))
	c.store.refuse(func(arrived survey.Chain) error {
		if arrived == bad.chain {
			return errChain
		}
		return nil
	})
	sbad, sa, sb := c.connect(bad), c.connect(a), c.connect(b)
	sbad.sendAll() // alone, before anything tells that the store can keep others
	c.start()
	c.until("the store has refused it", func() error {
		if n := c.store.tried(); n < 4 {
			return fmt.Errorf("tried %d times", n)
		}
		return nil
	})
	sa.sendAll()
	sb.sendAll()
	sa.receiptUpTo(20)
	sb.receiptUpTo(4)
	c.until("only the first of the chain that cannot be kept is on the bus", func() error {
		if n := c.waiting(); n != 1 {
			return fmt.Errorf("the bus holds %d batches", n)
		}
		return errors.Join(c.store.holds(a), c.store.holds(b))
	})
	sbad.quiet()
	if n := c.stuckNow(); n != 1 {
		t.Errorf("told of %d chains that cannot be kept", n)
	}
	if n := log.count("a chain cannot be kept"); n != 1 {
		t.Errorf("said %d times", n)
	}
	// Mended, the kiosk sends again, and the chain is kept. What the bus still holds of it
	// is a repeat then.
	c.store.refuse(nil)
	sbad.sendAll()
	sbad.receiptUpTo(3)
	c.until("nothing is stuck", func() error {
		if n := c.stuckNow(); n != 0 {
			return fmt.Errorf("%d chains are", n)
		}
		return c.store.holds(bad)
	})
}

// However much came first that cannot be kept, of one chain or of many, others are served;
// and before any of them came it is said that something is stuck.
func TestAFloodThatCannotBeKept(t *testing.T) {
	t.Parallel()
	many := make([]*box, 130)
	for i := range many {
		many[i] = newBox(byte(1+i), 1)
	}
	for name, bad := range map[string][]*box{"of one chain": {newBox(1, 130)}, "of many chains": many} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := newBox(200, 3)
			c := newCentre(t, append(bad, good)...)
			c.store.refuse(func(arrived survey.Chain) error {
				if arrived != good.chain {
					return errChain
				}
				return nil
			})
			for _, b := range bad {
				for seq := range uint64(len(b.records)) {
					if _, err := c.broker.Conn().Request(wire.Batch(b.name), b.message(seq+1, seq+1), 5*time.Second); err != nil {
						t.Fatal(err)
					}
				}
			}
			c.start()
			c.until("it says so", func() error {
				if c.stuckNow() == 0 {
					return errors.New("nothing is stuck")
				}
				return nil
			})
			s := c.connect(good)
			s.sendAll()
			s.receiptUpTo(3)
			c.until("what was let go is off the bus", func() error {
				if n := c.waiting(); n == 0 || n > 66 {
					return fmt.Errorf("the bus holds %d batches", n)
				}
				return nil
			})
			// Mended, the kiosks send again, and all of it is kept.
			c.store.refuse(nil)
			for _, b := range bad {
				again := c.connect(b)
				again.sendAll()
				again.nc.Close()
			}
			c.until("all is kept and nothing is stuck", func() error {
				if n := c.stuckNow(); n != 0 {
					return fmt.Errorf("%d chains are stuck", n)
				}
				for _, b := range bad {
					if err := c.store.holds(b); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

// A batch that the store cannot keep, while it keeps others, is let go of when it comes for
// the eighth time; before that it stays. Its kiosk has it, was given no receipt, and sends it
// again. Seven and six deliveries, and the other records, came before the intake here.
func TestABatchThatIsLetGo(t *testing.T) {
	t.Parallel()
	seven, six, good := newBox(1, 2), newBox(2, 2), newBox(3, 3)
	c := newCentre(t, seven, six, good)
	sseven, ssix, sgood := c.connect(seven), c.connect(six), c.connect(good)
	c.start()
	for _, s := range []*station{sseven, ssix} { // the intake made its consumer
		s.greeted()
		s.send(s.message(1, 1))
		s.receiptUpTo(1)
	}
	c.stop()
	sseven.send(seven.message(2, 2))
	c.deliver(1)
	ssix.send(six.message(2, 2))
	for range 6 {
		c.deliver(2)
	}
	sgood.sendAll()
	c.store.refuse(func(chain survey.Chain) error {
		if chain != good.chain {
			return errChain
		}
		return nil
	})
	c.start()
	sgood.receiptUpTo(3)
	c.until("one batch is let go", func() error {
		if n, chains := c.waiting(), c.stuckNow(); n != 1 || chains != 2 {
			return fmt.Errorf("the bus holds %d batches, %d chains are stuck", n, chains)
		}
		return nil
	})
	left := func(s *station) error {
		stream, err := c.jetstream().Stream(t.Context(), wire.Stream)
		if err == nil {
			_, err = stream.GetLastMsgForSubject(t.Context(), wire.Batch(s.name))
		}
		return err
	}
	if err := left(ssix); err != nil {
		t.Errorf("the one that came for the seventh time is gone: %v", err)
	}
	if err := left(sseven); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("the one that came for the eighth time is there: %v", err)
	}
	sseven.quiet()
	c.store.refuse(nil)
	sseven.send(seven.message(2, 2)) // as its kiosk does when it asks and hears of 1
	sseven.receiptUpTo(2)
	if err := c.store.holds(seven); err != nil {
		t.Error(err)
	}
}

// deliver has the bus deliver all n batches that it holds, and gives them back.
func (c *centre) deliver(n int) {
	c.t.Helper()
	consumer, err := c.jetstream().Consumer(c.t.Context(), wire.Stream, wire.Consumer)
	if err != nil {
		c.t.Fatal(err)
	}
	batch, err := consumer.Fetch(n, jetstream.FetchMaxWait(5*time.Second))
	if err != nil {
		c.t.Fatal(err)
	}
	got := 0
	for m := range batch.Messages() {
		if err := m.Nak(); err != nil {
			c.t.Fatal(err)
		}
		got++
	}
	if got != n {
		c.t.Fatalf("%d of %d batches came: %v", got, n, batch.Error())
	}
}

// refuse sets which chains cannot be kept from now on; nil = all can.
func (m *memory) refuse(why func(survey.Chain) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = why
}

// Keep keeps all of the arrivals or none.
func (m *memory) Keep(ctx context.Context, arrivals []custody.Arrival) (kept []custody.Kept, err error) {
	m.mu.Lock()
	refused := m.refused
	m.mu.Unlock()
	for _, a := range arrivals {
		if refused != nil && refused(a.Batch.Header.Chain) != nil {
			return nil, m.try(ctx, func() {}, errChain)
		}
	}
	err = m.try(ctx, func() {
		for _, a := range arrivals {
			kept = append(kept, m.keep(a.Batch))
		}
	}, nil)
	return kept, err
}
