package panel

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hailong/kiosk"
	"hailong/survey"
)

// Options are what panels need of the program.
type Options struct {
	// Record keeps a press and returns its entry once it is durable, as
	// [kiosk.Recorder.Record] of this moment does. Must be given.
	Record func(context.Context, kiosk.Press) (survey.Entry, error)
	// Ask is what the buttons answer at this moment: a questionnaire, as code@hash, and
	// its overall question. Must be given; it must not block.
	Ask func() (questionnaire string, question survey.QuestionCode)
	// Tell hears, in both languages, what a person should know. nil = nobody.
	Tell func(survey.Words)
	// OnKept hears of each press that is on stable storage and is thanked for: the counter,
	// never the level. It must not block. nil = nobody.
	OnKept func(survey.CounterCode)
	// OnRefused hears of each press that is known not to be kept, and that was tried: the
	// panel's counter ("" = the kiosk's first). It must not block. nil = nobody.
	OnRefused func(survey.CounterCode)
	// Thanks is how long the thank-you stays: a key of another level replaces the answer
	// until its end. 0 = 3 s.
	Thanks time.Duration
	Now    func() time.Time            // the Recorder's clock; nil = time.Now
	Clock  Clock                       // nil = the system's
	Open   func(Device) (*Port, error) // nil = [Open]
}

// What is bounded, and how.
const (
	waiting      = 32                     // presses that may wait for the disk
	again        = time.Second            // between two looks for a device that is not there
	recordWithin = 8 * time.Second        // one try to record
	retryAfter   = 200 * time.Millisecond // between two tries
	retryFor     = 5 * time.Second        // tries of a press that is known not to be kept
	unknownFor   = time.Minute            // tries of one of which nobody knows it
	thankWithin  = 10 * time.Second       // of the key going down; later, thanks would be another's
	keepWithin   = 5 * time.Second        // of the end of the program: what waits for the disk longer is refused
	darkWithin   = time.Second            // of the end of the program: lights are out by then
	unsaid       = 64                     // words that may wait to be told
)

// Panel is one panel of buttons at work. Make it with [New].
type Panel struct {
	device  Device
	options Options
	clock   Clock
	keys    map[int]key    // by the number that the machine knows them by
	words   map[string]int // of a box
	jobs    chan job
	signals chan Signal
	news    chan survey.Words
	port    atomic.Pointer[Port] // nil = the device is not there

	machine  contacts      // this, and the next two, belong to the goroutine of Run
	now      time.Duration // the machine's time
	dropping bool          // events are passed over until the next report
	visit    visit         // belongs to the goroutine that records

	mu     sync.Mutex // protects what follows
	limits limits
	state  State
	jams   map[int]bool // keys that are stuck
}

// State is a panel at one moment.
type State struct {
	Path    string
	Counter survey.CounterCode // "" = the kiosk's first
	Open    bool               // the device is there and in use
	Worries []survey.Words     // what a person should look at now
	Kept    uint64             // presses kept since the panel was made
	Refused uint64             // presses since then of which it is not known that they were kept; none was thanked
	why     survey.Words       // why the device is not in use
}

// job is one press on its way to the disk.
type job struct {
	press kiosk.Press
	level survey.Level
	down  time.Duration // when the key went down
}

// New makes a panel out of settings that were checked.
func New(d Device, o Options) *Panel {
	p := &Panel{
		device: d, options: o, clock: o.Clock,
		jobs: make(chan job, waiting), signals: make(chan Signal, 1), news: make(chan survey.Words, unsaid),
		machine: contacts{window: d.debounce(), stuck: d.stuck(), random: rand.Text},
		visit:   visit{thanks: cmp.Or(o.Thanks, 3*time.Second)}, jams: map[int]bool{},
		state: State{Path: d.Path, Counter: d.Counter},
	}
	if p.clock == nil {
		p.clock = clock{}
	}
	if o.Open == nil {
		p.options.Open = Open
	}
	if o.Now == nil {
		p.options.Now = time.Now
	}
	if d.Kind == Serial {
		p.keys, p.words = d.box()
	} else {
		p.keys = d.keypad()
	}
	return p
}

// State is how the panel is now. It answers at once.
func (p *Panel) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := p.state
	st.Worries = nil
	if st.why != nil {
		st.Worries = append(st.Worries, st.why)
	}
	for _, k := range slices.Sorted(maps.Keys(p.jams)) {
		if p.jams[k] {
			w := p.stuckKey(p.keys[k].name)
			st.Worries = append(st.Worries, p.about(w.vi, w.en))
		}
	}
	return st
}

// Run hears the device, whenever it is there, until ctx ends; then it keeps what was
// pressed, and ends. It runs once.
func (p *Panel) Run(ctx context.Context) {
	var telling, keeping sync.WaitGroup
	quiet := make(chan struct{})
	telling.Go(func() { p.tellAll(quiet) })
	keeping.Go(func() { p.keepAll(ctx) })
	dark := make(chan struct{})
	go func() { defer close(dark); p.signal(ctx) }()
	for ctx.Err() == nil {
		port, err := p.options.Open(p.device)
		if err == nil {
			p.came(port)
			err = p.hear(ctx, port)
			p.went(ctx, err)
		} else {
			p.absent(why(err))
		}
		select {
		case <-ctx.Done():
		case <-p.clock.After(again):
		}
	}
	close(p.jobs)
	keeping.Wait()
	select {
	case <-dark:
	case <-p.clock.After(darkWithin): // a device that takes nothing must not hold the program
	}
	close(quiet)
	telling.Wait()
}

// chunk is what was read at one time.
type chunk struct {
	b   []byte
	at  time.Duration
	err error // the device is gone
}

// hear follows an open device until it is gone, or ctx ends, and says why it is gone.
func (p *Panel) hear(ctx context.Context, port *Port) error {
	chunks := make(chan chunk)
	go p.read(port, chunks)
	take := p.listen(port)
	p.foundDown(port)
	done := ctx.Done()
	for {
		var due <-chan time.Time
		if at, waits := p.machine.next(); waits {
			due = p.clock.After(max(0, at-p.clock.Now()))
		}
		var c chunk
		select {
		case c = <-chunks:
		case <-due:
			select {
			case c = <-chunks: // what was read happened before
			default:
				p.step(p.clock.Now(), passes, 0)
			}
		case <-done:
			_ = port.Close() // its reader says that it ended
			done = nil
		}
		if c.err != nil {
			p.step(p.clock.Now(), leaves, 0)
			p.dropping = false
			return c.err
		}
		take(c)
	}
}

// read reads until the device is gone.
func (p *Panel) read(port *Port, to chan<- chunk) {
	buf := make([]byte, 64*Layout64)
	for {
		n, err := port.Read(buf)
		if n > 0 {
			to <- chunk{b: slices.Clone(buf[:n]), at: p.clock.Now()}
		}
		if err != nil {
			_ = port.Close() // it is gone, or closed already
			to <- chunk{err: err}
			return
		}
	}
}

// step lets the machine go on, and does what it wants.
func (p *Panel) step(at time.Duration, e edge, key int) {
	p.now = max(p.now, at) // a stamp that is late does not turn time back
	for _, d := range p.machine.step(p.now, e, key) {
		switch d.kind {
		case pressed:
			p.send(d)
		case tooMany:
			p.twoAtOnce()
		case stuck, freed:
			p.jam(d.key, d.kind == stuck)
		}
	}
}

// send puts a press on its way to the disk, or refuses it where too many wait there.
func (p *Panel) send(d deed) {
	k := p.keys[d.key]
	questionnaire, question := p.options.Ask()
	j := job{level: k.level, down: d.down, press: kiosk.Press{
		Questionnaire: questionnaire, Channel: survey.Button, Counter: p.device.Counter, Key: d.random,
		Answers: []survey.Answer{{Question: question, Kind: survey.AtLevel, Level: k.level}},
		Pressed: p.options.Now().Add(d.down - p.clock.Now()),
	}}
	select {
	case p.jobs <- j:
	default:
		p.refuse(errCrowd)
	}
}
