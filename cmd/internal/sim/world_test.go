// Package sim runs kiosks, bus and centre in one goroutine, from one number: time passes
// and things fail as the number says. A seed that fails once fails always.
//
// What decides without touching anything is the code of the programs: records, hashes,
// signatures, batches, receipts, successions, admission and the ledger of days (custody),
// which of a journal's files completes the other (journal.Reconcile), the uplink's machine
// and what it makes of the centre's word (uplink.Within, uplink.Differs), what the intake
// makes of deliveries and answers to them (intake.Admit, intake.Settle).
//
// All else is a model, and a mistake in the real thing is not seen here:
//
//   - the journal around its rule: its files are lists of records; when they are written
//     and synced, when numbers are reserved, how a key sent again is found, what is
//     salvaged and declared after damage, and what may be forgotten is said once more
//   - the kiosk's clock; the uplink's runner around the machine; the bus
//   - the intake's order of commit, receipt and acknowledgement; the store, which keeps
//     what admission says in memory; backup and restore
//   - closings, which the checker counts by itself from the records
//
// The packages' own tests and cmd/internal/fault try the real ones. Some things never
// happen here: a journal's two files never contradict each other, a copied card is not
// damaged besides, and what was declared as lost is not forgotten by the kiosk.
//
// A run has two phases. In the first, faults happen. Then they stop, and within a bound
// of simulated time everything must have come over. What must hold is in check_test.go,
// what goes wrong in faults_test.go. That it is seen is shown in control_test.go: some
// controls put another answer in the place of a program's rule, the others break a model.
//
//	go test ./cmd/internal/sim                                            some seeds, and the controls
//	HAILONG_SIM_RUNS=10000 go test ./cmd/internal/sim -run Sim -v -timeout 60m
//	go test ./cmd/internal/sim -run Sim -v -sim.seed=N                     one seed, with its story
//	go test ./cmd/internal/sim -run Sim -v -sim.seed=N -sim.off='…'        the same in a control
package sim

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"hailong/survey"
)

// The units of simulated time: milliseconds.
const (
	second int64 = 1000
	minute       = 60 * second
	hour         = 60 * minute
)

// world is one run.
type world struct {
	opts   options
	rnd    *rand.Rand
	now    int64 // ms since 1970: the truth, and the centre's clock
	queue  events
	serial int
	began  int64
	faulty bool // the first phase
	tally  *tally
	wrong  error // the first violation; the run ends with it

	bus    *bus
	centre *centre
	boxes  []*box

	presses []*press
	byNonce map[survey.Nonce]*press
	cloned  map[survey.Chain]bool // chains that two boxes go on with
	setBack bool                  // the centre was, after a card was copied

	story  []string
	digest uint64 // of the story, told or not: two runs of one seed have the same
}

// event is something that happens at its time.
type event struct {
	at     int64
	serial int
	do     func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].serial < e[j].serial
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// after lets something happen later.
func (w *world) after(d int64, do func()) {
	w.serial++
	heap.Push(&w.queue, event{w.now + d, w.serial, do})
}

// until lets time pass up to a moment, or a violation.
func (w *world) until(end int64, done func() bool) {
	for w.wrong == nil && len(w.queue) > 0 && w.queue[0].at <= end {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.do()
		if done != nil && done() {
			return
		}
	}
	if w.wrong == nil {
		w.now = max(w.now, end)
	}
}

// time is now, as the programs' code wants it.
func (w *world) time() time.Time { return time.UnixMilli(w.now) }

// below is a random number from 0 to n-1.
func (w *world) below(n int64) int64 { return w.rnd.Int64N(n) }

// chance is true in so many of 100 cases.
func (w *world) chance(percent int) bool { return w.rnd.IntN(100) < percent }

// hits is whether a fault happens here and now, in so many of 100 cases. Each run has
// some kinds of faults only, so that rare ones meet often.
func (w *world) hits(f fault, percent int) bool {
	if w.opts.often {
		percent = min(4*percent, max(percent, 60))
	}
	if !w.faulty || !w.opts.faults[f] || !w.chance(percent) {
		return false
	}
	w.count(f)
	return true
}

func (w *world) count(f fault) {
	w.tally.faults[f]++
	w.tell("fault: %s", f)
}

// fill draws random bytes.
func (w *world) fill(b []byte) {
	for i := range b {
		b[i] = byte(w.rnd.Uint32())
	}
}

// fail notes a violation. The first one counts.
func (w *world) fail(invariant, format string, args ...any) {
	if w.wrong == nil {
		w.wrong = fmt.Errorf("%s: %s", invariant, fmt.Sprintf(format, args...))
		w.tell("VIOLATION %v", w.wrong)
	}
}

// tell adds a line to the story.
func (w *world) tell(format string, args ...any) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d ", w.digest, w.now)
	fmt.Fprintf(h, format, args...)
	w.digest = h.Sum64()
	if w.opts.told {
		at := time.UnixMilli(w.now).In(survey.Zone).Format("02 15:04:05.000")
		w.story = append(w.story, at+"  "+fmt.Sprintf(format, args...))
	}
}

// newWorld makes everything that a seed says, before the first press.
func newWorld(o options, t *tally) *world {
	w := &world{
		opts: o, rnd: rand.New(rand.NewPCG(o.seed, 9)), tally: t, faulty: true,
		byNonce: map[survey.Nonce]*press{}, cloned: map[survey.Chain]bool{},
	}
	midnight := time.Date(2026, 3, 31, 24, 0, 0, 0, survey.Zone).UnixMilli()
	w.now = midnight - w.below(4*hour)
	w.began = w.now
	w.bus = &bus{w: w, up: true}
	w.centre = newCentre(w)
	for i := range o.kiosks {
		w.boxes = append(w.boxes, newBox(w, byte(i+1)))
	}
	return w
}

// run is a whole run; it returns the first violation.
func run(o options, t *tally) (*world, error) {
	w := newWorld(o, t)
	w.centre.start()
	for _, b := range w.boxes {
		b.start()
		b.connect(w.below(second))
	}
	for range o.steps {
		if w.wrong != nil {
			break
		}
		w.until(w.now+w.pause(), nil)
		w.step()
		w.checkSteps()
	}
	if w.wrong == nil {
		w.settle()
	}
	if w.wrong == nil {
		w.checkEnd()
	}
	t.add(w)
	return w, w.wrong
}

// pause is the time between two steps of the first phase: from none to an hour, and in
// some runs a day.
func (w *world) pause() int64 {
	switch n := w.rnd.IntN(100); {
	case n < 45:
		return w.below(200)
	case n < 75:
		return w.below(8 * second)
	case n < 95:
		return w.below(3 * minute)
	case w.opts.days:
		return w.below(30 * hour)
	default:
		return w.below(hour)
	}
}
