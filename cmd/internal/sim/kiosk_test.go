package sim

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/uplink"
)

// press is one citizen's act, and what became of it.
type press struct {
	number  int
	nonce   survey.Nonce
	payload []byte
	form    survey.Hash
	box     *box
	at      []int64             // when its record was made, in truth; more than one if the first was lost
	thanked map[*box][]recordAt // by which box, under which numbers: a second one only where the first is lost
	tries   int
}

type recordAt = survey.RecordID

// box is one kiosk. A clone is a box of its own with the same key.
type box struct {
	w       *world
	name    string
	id      survey.KioskID
	key     ed25519.PrivateKey
	card    *card
	prog    *program // nil while it is not running
	up      bool     // its program has a connection, or believes so
	dark    bool     // nothing gets through, and nobody notices
	full    bool     // no room on the disk
	gone    bool     // destroyed, with its card
	line    int      // which connection it is
	out, in way
	alarms  map[uplink.Alarm]int
	clock   boxClock
}

// program is one life of a kiosk's program.
type program struct {
	box     *box
	dead    bool
	retired []*opened
	journal *opened
	links   []*link
	nonces  map[survey.Nonce]recordAt
	saved   map[recordAt]bool // records of earlier chains that the present one holds
}

// opened is a journal that is open.
type opened struct {
	files   *files
	records []custody.Record // those not pruned
	ledger  *custody.Ledger
}

func newBox(w *world, number byte) *box {
	key := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), number))
	b := &box{w: w, name: fmt.Sprintf("K%d", number), key: key, alarms: map[uplink.Alarm]int{}}
	b.id = custody.KioskName(key.Public().(ed25519.PublicKey))
	b.card = &card{}
	b.card.begin(w)
	return b
}

// begin draws a new chain, and an empty journal for it.
func (c *card) begin(w *world) *files {
	fs := &files{before: &custody.Ledger{}}
	w.fill(fs.chain[:])
	c.journals = append(c.journals, fs)
	c.chain, c.reserved = fs.chain, reservation{}
	return fs
}

func (j *opened) head() custody.Head {
	return headOf(j.records, j.files.pruned)
}

// at is the record with that sequence; nil where the journal does not hold it.
func (j *opened) at(sequence uint64) *custody.Record {
	i := sequence - j.files.pruned.Sequence - 1
	if i >= uint64(len(j.records)) {
		return nil
	}
	return &j.records[i]
}

// hashAt is the hash of a record, zero where the journal does not know it any more.
func (j *opened) hashAt(sequence uint64) survey.Hash {
	if r := j.at(sequence); r != nil {
		return r.Hash
	}
	if sequence == j.files.pruned.Sequence {
		return j.files.pruned.Hash // stands in the first record that is left
	}
	return survey.Hash{}
}

// load reads an open journal from its records.
func load(w *world, fs *files, run []custody.Record) *opened {
	j := &opened{files: fs, ledger: fs.before.Clone()}
	for i := range run {
		j.add(w, run[i])
	}
	return j
}

func (j *opened) add(w *world, r custody.Record) {
	j.records = append(j.records, r)
	if w.opts.broken == ledgerWithoutClocks && r.Kind == custody.ClockRecord {
		return
	}
	j.ledger.Add(&r)
}

// start opens the journal, or what is left of it, and runs the program.
func (b *box) start() {
	if b.prog != nil || b.gone {
		return
	}
	b.boot()
	p := &program{box: b, nonces: map[survey.Nonce]recordAt{}, saved: map[recordAt]bool{}}
	fs := b.card.journals[len(b.card.journals)-1]
	run, whole := fs.reconcile(b.w)
	switch {
	case !whole && b.w.opts.broken == startsAnew:
		fs.pruned, fs.before = custody.Head{}, &custody.Ledger{}
		fs.restore(b.w, nil)
		b.card.reserved = reservation{}
		p.journal = load(b.w, fs, nil)
	case !whole:
		p.succeed(fs)
	default:
		p.journal = load(b.w, fs, run)
	}
	for _, fs := range b.card.journals[:len(b.card.journals)-1] {
		run, _ := fs.scan(&fs.log)
		p.retired = append(p.retired, load(b.w, fs, run))
	}
	b.prog = p
	for _, j := range append(p.retired[:len(p.retired):len(p.retired)], p.journal) {
		p.learn(j.records)
		p.links = append(p.links, newLink(p, j))
	}
	b.w.tell("%s starts: chain %x, head %d, %d retired", b.name, b.card.chain[:3], p.journal.head().Sequence, len(p.retired))
	b.w.checkThanked(b.name + " started")
}

// learn remembers which presses are kept already.
func (p *program) learn(records []custody.Record) {
	for i := range records {
		r := &records[i]
		if inner, ok := r.Issued(); ok {
			p.nonces[inner.Nonce] = inner.ID()
			p.saved[inner.ID()] = r.Kind == custody.SalvagedRecord
		}
	}
}

// stop ends the program, as a kill does, or with the power of the whole box.
func (b *box) stop(power bool) {
	if b.prog == nil {
		return
	}
	b.prog.dead = true
	b.prog = nil
	b.up = false
	b.line++
	b.w.tell("%s stops, power cut: %v", b.name, power)
	if power {
		for _, fs := range b.card.journals {
			fs.powerCut(b.w)
		}
	}
}

// again starts the program after a while, and connects it.
func (b *box) again(after int64) {
	b.w.after(after, func() {
		b.start()
		b.connect(b.w.below(3 * second))
	})
}

// connect brings the line up after a while.
func (b *box) connect(after int64) {
	if b.up {
		return
	}
	b.line++
	line := b.line
	b.w.after(after, func() {
		if b.prog == nil || b.line != line || b.up {
			return
		}
		if !b.w.bus.up {
			b.connect(2 * second)
			return
		}
		b.up = true
		b.prog.each(uplink.Event{Kind: uplink.Up})
	})
}

// disconnect takes the line down; the program notices.
func (b *box) disconnect() {
	b.line++
	if b.up {
		b.up = false
		if b.prog != nil {
			b.prog.each(uplink.Event{Kind: uplink.Down})
		}
	}
}

// beat says that the kiosk lives, and how much it has issued.
func (b *box) beat() {
	if b.prog == nil || !b.up {
		return
	}
	w, j := b.w, b.prog.journal
	l := b.prog.links[len(b.prog.links)-1]
	signed := custody.Heartbeat{
		Kiosk: b.id, Chain: j.files.chain, Last: j.head().Sequence, LastSum: j.head().Hash,
		Totals: j.ledger.Since(l.machine.Durable()), Boot: b.clock.id,
	}.Sign(b.key)
	b.toCentre(func() { w.centre.hearBeat(b.id, signed) })
}

// each tells an event to all of the program's links.
func (p *program) each(e uplink.Event) {
	for _, l := range p.links {
		l.step(e)
	}
}

// press is a finger or a phone: it is answered, or it tries again with the same key, or
// goes away.
func (b *box) press(list ...*press) {
	var fresh []*press
	for _, p := range list {
		p.tries++
		switch {
		case b.prog == nil:
			b.w.perhapsAgain(p)
		case b.w.opts.broken != noNonces && b.known(p):
			b.thank(p, b.prog.nonces[p.nonce])
			b.prog.crashes(crashThanked, 15)
		case b.full:
			b.w.count(refusedPress)
		default:
			fresh = append(fresh, p)
		}
	}
	if len(fresh) == 0 || b.prog == nil {
		return
	}
	records := make([]custody.Record, 0, len(fresh))
	for i, p := range fresh {
		p.at = append(p.at, b.w.now)
		records = append(records, b.prog.next(records, i, custody.Record{
			Nonce: p.nonce, Kind: custody.ResponseRecord, Questionnaire: p.form, Payload: p.payload, PayloadVersion: custody.PayloadVersion,
		}))
	}
	done := b.prog.write(records, func() {
		for i, p := range fresh {
			b.thank(p, records[i].ID())
		}
	})
	for _, p := range fresh {
		if !done || b.w.hits(answerLost, 15) {
			b.w.perhapsAgain(p)
		}
	}
}

// holds reports whether the record is in one of the program's journals.
func (p *program) holds(id recordAt) bool {
	for _, l := range p.links {
		if l.j.files.chain == id.Chain && l.j.at(id.Sequence) != nil {
			return true
		}
	}
	return p.saved[id]
}

func (b *box) known(p *press) bool {
	_, ok := b.prog.nonces[p.nonce]
	return ok
}

// thank says "Cảm ơn": from here on the press must not be lost.
func (b *box) thank(p *press, id recordAt) {
	if slices.Contains(p.thanked[b], id) {
		b.w.count(askedAgain)
		return
	}
	for _, before := range p.thanked[b] {
		if !b.w.declared(b, before) && b.w.opts.broken != noNonces {
			b.w.fail("I1", "press %d was thanked as %v and again as %v", p.number, before, id)
		}
	}
	p.thanked[b] = append(p.thanked[b], id)
	b.w.tally.thanked++
	b.w.tell("%s thanks for press %d: %x/%d", b.name, p.number, id.Chain[:3], id.Sequence)
}

// perhapsAgain lets somebody who heard nothing send the press again, as gateways do.
func (w *world) perhapsAgain(p *press) {
	if p.tries < 5 && w.chance(75) {
		b := p.box
		after := w.below(2 * second)
		if w.chance(50) {
			after = w.below(2 * minute)
		}
		w.after(after, func() {
			w.count(sentAgain)
			b.press(p)
		})
	}
}
