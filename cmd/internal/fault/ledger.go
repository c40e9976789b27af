package fault

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"hailong/survey"
)

// Press is one press as the kiosk's interface takes it.
type Press struct {
	Questionnaire string         `json:"questionnaire"`
	Answers       map[string]int `json:"answers"`
	Channel       survey.Channel `json:"channel"`
	Comment       string         `json:"comment,omitempty"`
	Key           string         `json:"idempotency_key"`
}

// commentMark begins the comments of a [Crowd], so that one is known wherever it turns up.
const commentMark = "góp ý thử nghiệm "

// Outcome is what is known of a press that was sent.
type Outcome string

// The outcomes.
const (
	Unknown Outcome = "unknown" // no answer, or an uncertain one: to be sent again
	Thanked Outcome = "thanked" // it was answered 201
	Refused Outcome = "refused" // it was answered that it will not be taken
)

// Ledger is the list of the presses that were sent and of what was answered: the
// measure of everything else.
type Ledger struct {
	mu     sync.Mutex // protects what follows
	lines  map[string]*line
	broken []string // what was wrong with the answers themselves
}

// line is one press of the ledger.
type line struct {
	kiosk   string // its base address
	press   Press
	outcome Outcome
	id      survey.RecordID
}

// NewLedger is an empty ledger.
func NewLedger() *Ledger { return &Ledger{lines: map[string]*line{}} }

// Send notes that a press is about to be sent to a kiosk, also for the second time. It
// can be resolved at that kiosk alone.
func (l *Ledger) Send(kiosk string, p Press) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines[p.Key] == nil {
		l.lines[p.Key] = &line{kiosk: kiosk, press: p, outcome: Unknown}
	}
}

// Thank notes that a press was answered 201 with an id.
func (l *Ledger) Thank(key string, id survey.RecordID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lines[key]
	switch {
	case n == nil:
		l.broken = append(l.broken, fmt.Sprintf("%s was thanked for and never sent", key))
		return
	case n.outcome == Thanked && n.id != id:
		l.broken = append(l.broken, fmt.Sprintf("I1: the press %s was thanked for as %s and as %s", key, n.id, id))
		return
	}
	n.outcome, n.id = Thanked, id
}

// note keeps what was wrong with an answer.
func (l *Ledger) note(wrong string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = append(l.broken, wrong)
}

// Refuse notes that a press was answered that it will not be taken.
func (l *Ledger) Refuse(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.lines[key]; n != nil && n.outcome == Unknown {
		n.outcome = Refused
	}
}

// Open are the presses whose outcome is not known, for each kiosk.
func (l *Ledger) Open() map[string][]Press {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := map[string][]Press{}
	for _, n := range l.lines {
		if n.outcome == Unknown {
			list[n.kiosk] = append(list[n.kiosk], n.press)
		}
	}
	return list
}

// Thanks is how many presses were thanked for.
func (l *Ledger) Thanks() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, each := range l.lines {
		if each.outcome == Thanked {
			n++
		}
	}
	return n
}

// Verdict is how a ledger and a store compare.
type Verdict struct {
	Thanked    int      // presses thanked for
	Counted    int      // answers that the aggregator counts, those left out of the headline included
	Declared   int      // presses thanked for that are missing and lie in a loss that was declared
	Disputed   int      // presses thanked for by a clone: kept as evidence, not counted
	Nowhere    int      // presses that were sent, never thanked for, and are not in the store: allowed
	Unasked    int      // records of presses that were sent and never thanked for: allowed, once each
	Violations []string // what must not be, in words
}

// Check compares the ledger with what a store holds.
func (l *Ledger) Check(s *Stored) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := Verdict{Counted: s.Counted, Violations: slices.Concat(l.broken, s.Violations)}
	there, disputed := byNonce(s.Records), byNonce(s.Disputed)
	known := map[survey.Nonce]bool{}
	for _, key := range slices.Sorted(maps.Keys(l.lines)) {
		n := l.lines[key]
		nonce := survey.KeyNonce(key)
		known[nonce] = true
		v.content(n, there[nonce])
		switch {
		case n.outcome != Thanked:
			v.Unasked += len(there[nonce])
			if len(there[nonce]) == 0 {
				v.Nowhere++
			}
			continue
		case len(there[nonce]) > 0:
			v.identity(n, there[nonce])
		case len(disputed[nonce]) > 0:
			v.Disputed++
		case s.declares(n.id):
			v.Declared++
		default:
			v.wrong("I1: the press %s was thanked for as %s and is not in the store", key, n.id)
		}
		v.Thanked++
	}
	for nonce, records := range there {
		if !known[nonce] {
			v.wrong("I2: %s is in the store and nobody pressed it", ids(records))
		}
	}
	if want := v.Thanked - v.Declared - v.Disputed + v.Unasked; v.Counted+s.Held+s.Quarantined != want {
		v.wrong("I1: %d presses should be counted, %d are, %d are held, %d in quarantine", want, v.Counted, s.Held, s.Quarantined)
	}
	v.account(s)
	return v
}

func (v *Verdict) wrong(format string, args ...any) {
	v.Violations = append(v.Violations, fmt.Sprintf(format, args...))
}

// content checks that a press has one record at most, and that it says what was pressed.
func (v *Verdict) content(n *line, records []StoredRecord) {
	if len(records) > 1 {
		v.wrong("I1: the press %s is in the store %d times: %s", n.press.Key, len(records), ids(records))
	}
	for _, r := range records {
		if why := r.differs(n.press); why != "" {
			v.wrong("I1: the press %s is in the store as %s with another content: %s", n.press.Key, r.ID, why)
		}
		if r.Comment != n.press.Comment {
			v.wrong("I10: the press %s was made with the comment %q, the store has %q", n.press.Key, n.press.Comment, r.Comment)
		}
	}
}

// identity checks that a press stands under the id that was answered.
func (v *Verdict) identity(n *line, records []StoredRecord) {
	if len(records) == 1 && records[0].ID != n.id {
		v.wrong("I1: the press %s was thanked for as %s and is in the store as %s", n.press.Key, n.id, records[0].ID)
	}
}

func ids(records []StoredRecord) string {
	text := ""
	for _, r := range records {
		text += " " + r.ID.String()
	}
	return text[1:]
}
