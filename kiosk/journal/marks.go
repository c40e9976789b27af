package journal

import (
	"sync"

	"hailong/survey"
	"hailong/survey/custody"
)

// marks are the centre's words about the journal's chains.
type marks struct {
	mu       sync.Mutex // protects what follows
	receipts map[survey.Chain][]byte
	changed  map[survey.Chain]bool         // not on disk yet
	backed   map[survey.Chain]custody.Head // what a verified backup holds
}

func (m *marks) get(chain survey.Chain) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.receipts[chain]
}

func (m *marks) set(chain survey.Chain, signed []byte, isNew bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.receipts == nil {
		m.receipts, m.changed, m.backed = map[survey.Chain][]byte{}, map[survey.Chain]bool{}, map[survey.Chain]custody.Head{}
	}
	m.receipts[chain] = signed
	if isNew {
		m.changed[chain] = true
	}
}

func (m *marks) waiting() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.changed) > 0
}

// take gives the receipts that must be written.
func (m *marks) take() map[survey.Chain][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.changed) == 0 {
		return nil
	}
	list := map[survey.Chain][]byte{}
	for chain := range m.changed {
		list[chain] = m.receipts[chain]
	}
	m.changed = map[survey.Chain]bool{}
	return list
}

// all are all receipts, for a new segment.
func (m *marks) all() map[survey.Chain][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := map[survey.Chain][]byte{}
	for chain, signed := range m.receipts {
		list[chain] = signed
	}
	return list
}

func (m *marks) setBacked(chain survey.Chain, head custody.Head) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.backed == nil {
		m.backed = map[survey.Chain]custody.Head{}
	}
	m.backed[chain] = head
}

func (m *marks) backedUp(chain survey.Chain) custody.Head {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.backed[chain]
}
