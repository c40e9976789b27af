package intake_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/intake"
)

// memory is a central store without a disk, which can be told to fail.
type memory struct {
	mu       sync.Mutex
	kiosks   []survey.Kiosk
	chains   map[survey.Chain][]custody.Record
	backups  map[survey.Chain]custody.Head
	rejected []custody.Rejected
	tries    int                         // of Keep and Reject
	refused  func(survey.Chain) error    // why a chain cannot be kept, nil = all can
	before   func(context.Context) error // asked before anything is done; an error ends the call
	after    func() error                // asked when it was done
}

var _ intake.Store = (*memory)(nil)

var errDisk = errors.New("the disk is gone")

func (m *memory) Epoch() custody.Epoch { return custody.Epoch{9} }

// try runs one change of the store with its faults, and ends with the error given.
func (m *memory) try(ctx context.Context, change func(), end error) error {
	m.mu.Lock()
	m.tries++
	before, after := m.before, m.after
	m.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	if after != nil {
		return after()
	}
	return end
}

func (m *memory) keep(b *custody.Batch) custody.Kept {
	chain := b.Header.Chain
	c, fresh, err := custody.Admit(m.head(chain), b, func(seq uint64) (survey.Hash, error) {
		return m.chains[chain][seq-1].Hash, nil
	})
	if err != nil {
		panic(err) // hashes are looked up without errors
	}
	var counters []survey.CounterCode
	for i := range fresh {
		m.chains[chain] = append(m.chains[chain], fresh[i])
		counters = append(counters, survey.CounterCode(fresh[i].Counter))
	}
	return custody.Kept{Case: c, Head: m.head(chain), Counters: counters}
}

func (m *memory) head(chain survey.Chain) custody.Head {
	if have := m.chains[chain]; len(have) > 0 {
		return custody.Head{Sequence: uint64(len(have)), Hash: have[len(have)-1].Hash}
	}
	return custody.Head{}
}

func (m *memory) Reject(ctx context.Context, r custody.Rejected) error {
	return m.try(ctx, func() { m.rejected = append(m.rejected, r) }, nil)
}

func (m *memory) Marks(_ context.Context, chain survey.Chain) (durable, backup custody.Head, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head(chain), m.backups[chain], nil
}

// backUp sets what a verified backup holds of a chain.
func (m *memory) backUp(chain survey.Chain, head custody.Head) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.backups = map[survey.Chain]custody.Head{chain: head}
}

func (m *memory) Kiosks(context.Context) ([]survey.Kiosk, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.kiosks), nil
}

// fault sets what goes wrong from now on; nil, nil = nothing.
func (m *memory) fault(before func(context.Context) error, after func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before, m.after = before, after
}

func (m *memory) tried() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tries
}

// holds is nil when the chain of b is there, whole and once.
func (m *memory) holds(b *box) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	have := m.chains[b.chain]
	if len(have) != len(b.records) {
		return fmt.Errorf("the store holds %d records of %s, want %d", len(have), b.name, len(b.records))
	}
	for i, r := range have {
		if r.Hash != b.records[i].Hash {
			return fmt.Errorf("record %d of %s is another", i+1, b.name)
		}
	}
	return nil
}

// fails is a fault that always happens.
func fails(context.Context) error { return errDisk }
