package uplink

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

// OverNATS is a [Bus] over a NATS connection.
func OverNATS(nc *nats.Conn) Bus { return natsBus{nc} }

type natsBus struct{ nc *nats.Conn }

func (b natsBus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	m, err := b.nc.RequestWithContext(ctx, subject, data)
	if err != nil {
		return nil, fmt.Errorf("request on %s: %w", subject, err)
	}
	return m.Data, nil
}

func (b natsBus) Subscribe(subject string, hear func([]byte)) (func(), error) {
	sub, err := b.nc.Subscribe(subject, func(m *nats.Msg) { hear(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // the connection is going away with it
}
