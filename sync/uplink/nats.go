package uplink

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// OverNATS is a [Bus] over a NATS connection.
func OverNATS(nc *nats.Conn) Bus { return &natsBus{nc: nc, waiting: map[string]chan []byte{}} }

// natsBus hears all answers on one subscription with short names: on a line that is paid
// by the byte, a subscription for each request would cost as much as the press in it.
type natsBus struct {
	nc *nats.Conn

	mu      sync.Mutex // protects what follows
	inbox   string     // answers come below it; "" = not subscribed yet
	asked   uint64
	waiting map[string]chan []byte // by the last part of the answer's subject
}

// Request implements [Bus].
func (b *natsBus) Request(subject string, data []byte) (func(context.Context) ([]byte, error), error) {
	inbox, name, answer, err := b.expect()
	if err == nil {
		if err = b.nc.PublishRequest(subject, inbox+name, data); err != nil {
			b.forget(name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("request on %s: %w", subject, err)
	}
	return func(ctx context.Context) ([]byte, error) {
		defer b.forget(name)
		select {
		case data := <-answer:
			if data == nil {
				return nil, fmt.Errorf("answer to a request on %s: %w", subject, ErrNobody)
			}
			return data, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("answer to a request on %s: %w", subject, ctx.Err())
		}
	}, nil
}

// expect makes a name for the answer to a request.
func (b *natsBus) expect() (inbox, name string, answer chan []byte, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inbox == "" {
		inbox := fmt.Sprintf("%s.%s.", b.nc.Opts.InboxPrefix, rand.Text()[:6])
		if _, err := b.nc.Subscribe(inbox+"*", b.hear); err != nil { // it ends with the connection
			return "", "", nil, fmt.Errorf("listen for answers: %w", err)
		}
		b.inbox = inbox
	}
	b.asked++
	name = strconv.FormatUint(b.asked, 36)
	answer = make(chan []byte, 1)
	b.waiting[name] = answer
	return b.inbox, name, answer, nil
}

// hear hands an answer to whoever waits for it.
func (b *natsBus) hear(m *nats.Msg) {
	name := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	data := m.Data
	switch {
	case len(data) == 0 && m.Header.Get("Status") != "":
		data = nil // nobody listens there
	case data == nil:
		data = []byte{}
	}
	b.mu.Lock()
	answer := b.waiting[name]
	b.mu.Unlock()
	if answer == nil {
		return
	}
	select {
	case answer <- data:
	default: // answered before
	}
}

func (b *natsBus) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, name)
}

// Reconnect implements [Bus].
func (b *natsBus) Reconnect() error { return b.nc.ForceReconnect() }

// Publish implements [Bus].
func (b *natsBus) Publish(subject string, data []byte) error {
	if err := b.nc.Publish(subject, data); err != nil {
		return fmt.Errorf("publish on %s: %w", subject, err)
	}
	return nil
}

// Subscribe implements [Bus].
func (b *natsBus) Subscribe(subject string, hear func([]byte)) (func(), error) {
	sub, err := b.nc.Subscribe(subject, func(m *nats.Msg) { hear(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // the connection is going away with it
}
