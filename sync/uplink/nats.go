package uplink

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

// OverNATS is a [Bus] over a NATS connection.
func OverNATS(nc *nats.Conn) Bus { return natsBus{nc} }

type natsBus struct{ nc *nats.Conn }

// Request implements [Bus].
func (b natsBus) Request(subject string, data []byte) (func(context.Context) ([]byte, error), error) {
	inbox := b.nc.NewInbox()
	sub, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("listen for the answer to a request on %s: %w", subject, err)
	}
	if err = sub.AutoUnsubscribe(1); err == nil {
		err = b.nc.PublishRequest(subject, inbox, data)
	}
	if err != nil {
		_ = sub.Unsubscribe() // fails only where the connection, and it with it, is gone
		return nil, fmt.Errorf("request on %s: %w", subject, err)
	}
	return func(ctx context.Context) ([]byte, error) {
		defer func() { _ = sub.Unsubscribe() }() // done already, or the connection is gone
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("answer to a request on %s: %w", subject, err)
		}
		return m.Data, nil
	}, nil
}

// Publish implements [Bus].
func (b natsBus) Publish(subject string, data []byte) error {
	if err := b.nc.Publish(subject, data); err != nil {
		return fmt.Errorf("publish on %s: %w", subject, err)
	}
	return nil
}

// Subscribe implements [Bus].
func (b natsBus) Subscribe(subject string, hear func([]byte)) (func(), error) {
	sub, err := b.nc.Subscribe(subject, func(m *nats.Msg) { hear(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // the connection is going away with it
}
