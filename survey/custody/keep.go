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
	Held        uint64 // responses kept but not scored, until a definition, a day or a newer program arrives
	Quarantined uint64 // records kept that cannot be read or do not fit their questionnaire
	Forks       uint64 // batches kept as evidence that contradict the chain
	Disputed    uint64 // responses in them that the chain has not, each once
	Unkept      uint64 // batches that contradict the chain and came when there was no more room for evidence
	Received    time.Time
}

// Rejected is something that arrived and was not admitted as a batch: kept as it
// came, with the reason, for a person to look at.
type Rejected struct {
	Number   uint64 // given by the store, from 1
	Kiosk    survey.KioskID
	Reason   string
	Bytes    []byte
	Received time.Time
	Resolved bool // a person has dealt with it
}

// Said is what a kiosk signed about the responses that one of its chains has issued.
type Said struct {
	Kiosk    survey.KioskID
	Chain    survey.Chain
	Totals   Totals
	LastSum  survey.Hash // of the record Totals.Last; zero where a kept batch says it, which need not hold that record
	Signed   []byte      // the heartbeat that says so, as it came; empty where a kept batch says it
	Received time.Time
}

// ClosingQuery says which closings are wanted.
type ClosingQuery struct {
	Kiosk    survey.KioskID // "" = all
	From, To survey.Date    // both included; 0 = no bound
	// Unknown asks for the records without a known day alone; From and To say nothing
	// then. Otherwise these are given only where both bounds are open.
	Unknown bool
}

// Loss is how many records of a damaged journal are lost: what its successor says,
// narrowed by what the store holds and was told of the chain before.
type Loss struct {
	Kiosk      survey.KioskID
	Chain      survey.Chain // the successor
	Succession Succession
	Heard      time.Time // when the centre first had the successor's word
	From       int64     // what is lost was recorded after this, ms since 1970; 0 = not known
	AtLeast    uint64    // numbers that the kiosk once said were given out, and that neither are here nor, as it says, still with it
	AtMost     uint64    // numbers that may have been given out, and are not here; more if Succession.Unbounded
}

// Touches reports whether closings asked for may lack what is lost: it was recorded
// between From and the moment at which the centre heard of it, by the centre's clock. When the successor began its own clock may not know: a box that lost
// both files lost its memory of its clock, too. Where the times contradict each other it may
// have been on any day. Lost records whose day was not known belong to no other day, so what
// is lost may be among those, too.
func (l *Loss) Touches(q ClosingQuery) bool {
	from, to := l.From, l.Heard.UnixMilli()
	switch {
	case l.AtMost == 0 && !l.Succession.Unbounded, q.Kiosk != "" && q.Kiosk != l.Kiosk:
		return false
	case q.Unknown, from > to:
		return true
	}
	return q.From <= survey.DateOf(l.Heard) && (q.To == 0 || from <= 0 || survey.DateOf(milli(from)) <= q.To)
}

// Waiting is a record that is held or quarantined.
type Waiting struct {
	ID     survey.RecordID
	Kiosk  survey.KioskID
	Day    survey.Date // of its closing; UnknownDay = not known
	Reason string
}

// DuplicateRecord is why a record is left out that a store has already under the same
// identity: salvaged into a later chain, and received in its own one too.
const DuplicateRecord survey.Flag = "duplicate"
