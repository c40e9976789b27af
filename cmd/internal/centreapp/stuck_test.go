package centreapp_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"hailong/cmd/internal/centreapp"
	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/intake"
)

// oneStuck is a store that cannot keep what the first kiosk sends.
type oneStuck struct {
	intake.Store
	mu    *sync.Mutex
	first *survey.KioskID
}

func (s oneStuck) Keep(ctx context.Context, arrivals []custody.Arrival) ([]custody.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range arrivals {
		if *s.first == "" {
			*s.first = a.Batch.Header.Kiosk
		}
		if a.Batch.Header.Kiosk == *s.first {
			return nil, errors.New("the chain cannot be read")
		}
	}
	return s.Store.Keep(ctx, arrivals)
}

// A kiosk whose batches cannot be kept holds up no other, and /readyz says so.
func TestReadySaysThatAChainIsStuck(t *testing.T) {
	app := open(t, settings(t.TempDir()), func(o *centreapp.Options) {
		o.Wrap = func(s intake.Store) intake.Store { return oneStuck{s, &sync.Mutex{}, new(survey.KioskID)} }
	})
	stop, ended := running(t, app)
	eventually(t, "ready", func() bool { code, _ := readiness(t, app); return code == 200 })
	sendBatch(t, app)
	sendBatch(t, app)
	eventually(t, "the other kiosk's batch", func() bool {
		durable, _, err := app.Store().Marks(t.Context(), survey.Chain{1})
		return durable.Sequence == 1 && err == nil
	})
	eventually(t, "it says so", func() bool {
		code, why := readiness(t, app)
		return code == 503 && strings.Contains(why, "1 chains cannot be kept")
	})
	stop()
	if err := wait(t, ended); err != nil {
		t.Fatal(err)
	}
}
