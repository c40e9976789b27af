package custody

import (
	"time"

	"hailong/survey"
)

// Arrival is a verified batch on its way into a store.
type Arrival struct {
	Batch    *Batch
	Received time.Time
}

// Kept is what a store did with an Arrival: the case it was, and the chain's head
// after it, committed.
type Kept struct {
	Case Case
	Head Head
	// Counters are those whose counts changed.
	Counters []survey.CounterCode
}

// ChainState is how far one chain has come in a store.
type ChainState struct {
	Chain       survey.Chain
	Kiosk       survey.KioskID
	Head        Head
	Held        uint64 // records kept but not scored, until a definition arrives
	Quarantined uint64 // records kept that cannot be read or do not fit their questionnaire
	Forks       uint64 // batches kept as evidence that contradict the chain
	Received    time.Time
}

// Rejected is something that arrived and was not admitted as a batch: kept as it
// came, with the reason, for a person to look at.
type Rejected struct {
	Kiosk    survey.KioskID
	Reason   string
	Bytes    []byte
	Received time.Time
}
