package sim

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/uplink"
)

// fault is something that goes wrong, or that follows from it.
type fault int

// The faults that a run may have.
const (
	kill fault = iota
	powerCut
	crashReserving
	crashWriting
	crashThanked
	syncError
	damagedDatabase
	wornDatabase
	damagedReservation
	damagedLog
	lostLog
	damagedBoth
	lostBoth
	diskFull
	clock1970
	clockAhead
	clockBehind
	clockStep
	copiedCard
	destroyed
	answerLost
	lineCut
	lineDark
	slowLine
	wordLost
	wordTwice
	wordLate
	ackLost
	busFull
	busStopped
	busWithoutPower
	busWiped
	messageLost
	messageFlipped
	messageLate
	messageTwice
	messageForged
	deliveryAgain
	reordered
	storeFails
	unknownCommit
	centreStopped
	crashBeforeCommit
	crashBeforeReceipt
	crashBeforeAck
	backupDamaged
	restored
	restoredByHand
	lastFault

	// What follows.
	completedFile fault = iota
	rebuiltDatabase
	rebuiltLog
	succession
	refusedPress
	sentAgain
	askedAgain
	streamFull
	busPowerCut
	backedUp
	allFaults
)

// String is the row's name in the table.
func (f fault) String() string {
	return [...]string{
		"kiosk killed", "kiosk's power cut", "crash while numbers are reserved", "crash between write and thanks", "crash right after the thanks",
		"sync fails (unknown outcome)", "database damaged", "database a transaction back", "reservation damaged", "log damaged", "log missing", "both damaged", "both missing", "kiosk's disk full",
		"clock at 1970", "clock ten years ahead", "clock a day behind", "clock steps", "card copied, both go on", "kiosk destroyed", "thanks not heard",
		"line cut", "line dark, unnoticed", "slow line", "word of the centre lost", "word twice", "word late", "bus's acknowledgement lost",
		"stream full", "bus stopped", "bus's host without power", "stream wiped", "message lost by the bus", "message flipped",
		"message late", "message twice", "batch forged", "delivery again", "deliveries reordered", "store fails", "commit outcome unknown",
		"centre stopped", "crash before the commit", "crash before the receipt", "crash before the bus hears", "backup damaged",
		"restored, new epoch", "restored by hand", "",
		"→ a file completed the other", "→ database rebuilt from log", "→ log rebuilt from database", "→ new chain after damage",
		"→ press refused, disk full", "→ press sent again", "→ press known by its nonce", "→ batch refused, stream full",
		"→ unsynced part of the stream lost", "→ verified backup",
	}[f]
}

// options are all that a run depends on.
type options struct {
	seed     uint64
	kiosks   int
	steps    int
	batch    uint64 // most records of a batch
	busSyncs bool
	days     bool // it goes on for days
	tuning   uplink.Tuning
	faults   [allFaults]bool
	often    bool       // what may happen happens four times as often
	broken   protection // what is switched off, in a control
	told     bool       // keep the story
}

// optionsOf draws a run's options: some kinds of faults out of all.
func optionsOf(seed uint64, broken protection) options {
	o := options{seed: seed, broken: broken, tuning: uplink.Defaults}
	n := func(below uint64) uint64 { // SplitMix64, apart from the run's own numbers
		seed += 0x9e3779b97f4a7c15
		z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return (z ^ z>>31) % below
	}
	o.kiosks, o.steps, o.batch, o.busSyncs = int(1+n(3)), int(20+n(45)), []uint64{2, 5, 1000}[n(3)], n(2) == 0
	o.days = n(12) == 0
	if n(2) == 0 {
		o.tuning.Window, o.tuning.Fill = 4, 2
	}
	for f := range lastFault {
		o.faults[f] = n(100) < 40
	}
	return o
}

// String says all of them, for a report.
func (o options) String() string {
	var on []string
	for f := range lastFault {
		if o.faults[f] {
			on = append(on, f.String())
		}
	}
	return fmt.Sprintf("seed %d, kiosks %d, steps %d, batch %d, bus syncs %v, days %v, window %d, fill %d, switched off %q, faults %q",
		o.seed, o.kiosks, o.steps, o.batch, o.busSyncs, o.days, o.tuning.Window, o.tuning.Fill, o.broken, on)
}

// tally is how often what happened, over all runs.
type tally struct {
	faults                                       [allFaults]int
	alarms                                       map[uplink.Alarm]int
	cases                                        map[custody.Case]int
	runs, presses, thanked, counted              int
	lost, declared, salvaged, disputed, onTheBox int
	notKnown, notKnownLost                       int
	repeats, doubled                             int
	destroyed, unheard                           int
	pruned, batches, receipts, asked, rejected   int
	clocks, bridged, placed, unplaced, beats     int
	simulated, slowest                           int64
}

func newTally() *tally {
	return &tally{alarms: map[uplink.Alarm]int{}, cases: map[custody.Case]int{}}
}

func (t *tally) add(w *world) {
	t.runs++
	t.presses += len(w.presses)
	t.simulated += w.now - w.began
}

// write prints the table.
func (t *tally) write(out io.Writer) {
	tab := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer func() { _ = tab.Flush() }()
	for f := range allFaults {
		if f != lastFault {
			fmt.Fprintf(tab, "%s\t%d\n", f, t.faults[f])
		}
	}
	for _, why := range slices.Sorted(maps.Keys(t.alarms)) {
		fmt.Fprintf(tab, "alarm: %s\t%d\n", why, t.alarms[why])
	}
	for _, c := range slices.Sorted(maps.Keys(t.cases)) {
		fmt.Fprintf(tab, "batch case: %s\t%d\n", c, t.cases[c])
	}
	for _, row := range t.figures() {
		fmt.Fprintf(tab, "%s\t%d\n", row.name, row.n)
	}
	fmt.Fprintf(tab, "simulated time\t%v\nslowest recovery\t%v\n",
		(time.Duration(t.simulated) * time.Millisecond).Round(time.Hour), time.Duration(t.slowest)*time.Millisecond)
}

type figure struct {
	name string
	n    int
}

func (t *tally) figures() []figure {
	return []figure{
		{"runs", t.runs}, {"presses", t.presses}, {"thanked", t.thanked}, {"counted, held or left out", t.counted},
		{"thanked and lost, declared", t.lost}, {"declared at most", t.declared}, {"losses said to be not known", t.notKnown},
		{"thanked and lost in one of these", t.notKnownLost}, {"salvaged", t.salvaged},
		{"salvaged and there already", t.repeats}, {"twice across a declared loss", t.doubled},
		{"disputed (copied card)", t.disputed}, {"disputed, still on the box", t.onTheBox}, {"records forgotten after backup", t.pruned},
		{"lost with a destroyed kiosk, number known", t.destroyed}, {"lost after its last word", t.unheard},
		{"batches signed", t.batches}, {"receipts signed", t.receipts}, {"questions", t.asked}, {"heartbeats heard", t.beats}, {"batches rejected", t.rejected},
		{"clock records", t.clocks}, {"boots without contact, bounded", t.bridged},
		{"unsure records given their day", t.placed}, {"day unknown", t.unplaced},
	}
}

// step is one thing of the first phase.
func (w *world) step() {
	b := w.boxes[w.rnd.IntN(len(w.boxes))]
	if w.chance(15) {
		b.beat()
	}
	if w.chance(60) {
		w.touch(b)
		return
	}
	happens := []struct {
		fault   fault
		percent int
		do      func()
	}{
		{kill, 100, func() { b.down(false) }},
		{powerCut, 100, func() { b.down(true) }},
		{diskFull, 100, func() { b.full = !b.full }},
		{clockStep, 100, func() { b.clock.shift += w.below(4*hour) - 2*hour }},
		{copiedCard, 100, func() { w.copyCard(b) }},
		{destroyed, 20, func() { w.destroy(b) }},
		{lineCut, 100, func() { b.disconnect(); b.connect(w.below(5 * minute)) }},
		{lineDark, 100, func() { b.dark = true; w.after(w.below(10*minute), func() { b.dark = false }) }},
		{busFull, 100, func() { w.bus.full = true; w.after(w.below(10*minute), func() { w.bus.full = false }) }},
		{busStopped, 100, func() { w.bus.crash(false) }},
		{busWithoutPower, 100, func() { w.bus.crash(true) }},
		{busWiped, 100, func() { w.bus.stream = nil }},
		{messageForged, 100, func() { w.bus.forge(b) }},
		{centreStopped, 100, func() { w.centre.stop(); w.after(w.below(5*minute), w.centre.start) }},
		{restored, 100, func() { w.centre.restore(true) }},
		{restoredByHand, 100, func() { w.centre.restore(false) }},
	}
	if i := w.rnd.IntN(len(happens) + 4); i < len(happens) {
		if h := happens[i]; w.hits(h.fault, h.percent) {
			h.do()
		}
		return
	}
	if w.chance(50) {
		w.centre.saveBackup()
	}
	for _, b := range w.running() {
		b.prog.prune()
	}
}

// known is the questionnaire that the centre knows; answers to another are held.
var known = survey.Hash{1}

// touch is one press, or several at once.
func (w *world) touch(b *box) {
	var list []*press
	n := 1
	if w.chance(30) {
		n += w.rnd.IntN(group)
	}
	for range n {
		p := &press{number: len(w.presses), box: b, form: known, thanked: map[*box][]recordAt{}}
		if w.chance(10) {
			p.form = survey.Hash{2}
		}
		resp := survey.Response{
			Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: survey.Level(1 + w.rnd.IntN(5))}},
			Channel: survey.Touch, Stage: survey.Result,
		}
		if w.chance(10) {
			resp.WithFlag(survey.TooSoon)
		}
		p.nonce, p.payload = survey.KeyNonce(fmt.Sprint(p.number)), custody.EncodeResponse(&resp)
		w.presses = append(w.presses, p)
		w.byNonce[p.nonce] = p
		list = append(list, p)
	}
	b.press(list...)
}

// destroy ends a box for good; not one that was copied, or nobody could tell whose loss
// is whose.
func (w *world) destroy(b *box) {
	if copied := func(c *box) bool { return c != b && c.id == b.id }; !slices.ContainsFunc(w.boxes, copied) {
		b.stop(true)
		b.gone = true
	}
}

// copyCard makes a second box out of a copy of the card; both go on.
func (w *world) copyCard(b *box) {
	if len(w.cloned) > 0 || b.prog == nil {
		return
	}
	chain := b.card.chain
	w.cloned[chain] = true
	c := &box{w: w, name: b.name, id: b.id, key: b.key, card: b.card.clone(), alarms: map[uplink.Alarm]int{}}
	for _, fs := range c.card.journals { // the copy is of what a stopped box has on its disk
		fs.powerCut(w)
	}
	w.boxes = append(w.boxes, c)
	c.again(w.below(minute))
}
