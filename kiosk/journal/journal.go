// Package journal is the kiosk's append-only record of what it was told: a bbolt file
// and, beside it, a plain checksummed log. A press is thanked only after both are
// synced, and either rebuilds the other (see DESIGN.md).
//
// One journal's life is a chain: 16 random bytes drawn when it is made, then records
// 1, 2, 3 … without gaps, each carrying the hash of the one before.
package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"hailong/kiosk"
	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/disk"
)

var (
	// ErrLocked says that another program has the journal open.
	ErrLocked = errors.New("another program has this journal open; stop it first, or give this one a data folder of its own")
	// ErrDamaged says that what is on disk is not what was written. [Open] mends what can
	// be mended, and begins a new chain where it cannot.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrClosed says that the journal is closed.
	ErrClosed = errors.New("the journal is closed")
)

// Options are how to open a journal. The zero value of each but Kiosk is right for a
// kiosk.
type Options struct {
	Kiosk survey.KioskID
	// Chain is the chain that the kiosk's identity remembers. Zero means that no
	// journal was ever made: then, and only then, a missing one is no damage.
	Chain survey.Chain
	// Reserve is a folder besides the journal's own for the file that says up to which
	// number records may have been given out; "" = the journal's.
	Reserve string
	Now     func() time.Time // the clock, with its monotonic reading; nil = time.Now
	// NoHardwareClock says that the box has no clock that goes on while it is off: its
	// wall time is not believed before the first contact with the centre.
	NoHardwareClock bool
	// Child, if set, makes the command of a process that runs [RunChild] with these
	// arguments: a file that may be damaged is looked at there, where a panic takes
	// nothing down. Without it, it is looked at in this process.
	Child func(ctx context.Context, args ...string) *exec.Cmd
	// OnCommit, if set, hears of each commit: how many records and how long both
	// syncs took together.
	OnCommit func(records int, took time.Duration)
	// OnEvent, if set, hears what a person should know, in both languages. It must not
	// block.
	OnEvent func(survey.Words)

	Space   func(dir string) Space // nil = [SpaceOf]
	Full    int64                  // bytes: with less free, no press is taken; 0 = 50 MiB
	Spare   int64                  // bytes: with less free, what a backup holds goes before its time; 0 = 200 MiB
	Ballast int64                  // bytes set aside for repairs on a full disk; 0 = 16 MiB, < 0 = none
	Segment int64                  // bytes of log after which a segment is sealed; 0 = 32 MiB
	Keep    time.Duration          // how long records are kept that a backup holds; 0 = 90 days

	idle time.Duration // between two looks at what to do while nobody presses; 0 = receiptDelay
}

func (o *Options) fill(dir string) {
	set := func(v *int64, to int64) {
		if *v == 0 {
			*v = to
		}
	}
	set(&o.Full, defaultFull)
	set(&o.Spare, defaultSpare)
	set(&o.Ballast, defaultBallast)
	set(&o.Segment, defaultSegment)
	if o.Keep == 0 {
		o.Keep = defaultKeep
	}
	if o.idle == 0 {
		o.idle = receiptDelay
	}
	if o.Reserve == "" {
		o.Reserve = dir
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Space == nil {
		o.Space = SpaceOf
	}
	if o.OnEvent == nil {
		o.OnEvent = func(survey.Words) {}
	}
}

// Journal is an open journal. Safe for many goroutines.
type Journal struct {
	opts  Options
	dir   string
	guard *os.File // the lock
	chain survey.Chain
	boot  custody.BootID
	start time.Time
	was   state        // how the last life ended
	well  bool         // the last one that could take a press was stopped cleanly: see endedWell
	lost  map[int]bool // segments of which a file that held something was put aside

	queue   chan *request
	stop    chan struct{}
	done    chan struct{}
	changed chan struct{}
	failed  chan struct{}

	list    atomic.Pointer[[]*segment]   // oldest first; the last one is written
	head    atomic.Pointer[custody.Head] // last record, durable
	days    atomic.Pointer[custody.Ledger]
	clock   clock
	marks   marks
	refused atomic.Uint64
	broken  error // set before failed is closed
	closing sync.Once
	failing sync.Once

	// Of the writer alone.
	log     *logFile
	issued  *counter // numbers up to it may have been given out
	refusal *counter
	pruned  time.Time // when pruning was last thought of
	wall    int64     // of the last record
}

// request is one draft waiting for the writer; a nil draft asks for a record about the
// clock.
type request struct {
	draft   *survey.Draft
	payload []byte // of its response, made by the caller: the writer's time is everybody's
	answer  chan answer
}

type answer struct {
	entry    survey.Entry
	appended bool
	err      error
}

// Open opens the journal in folder dir, creating it if the kiosk never had one. What was
// not closed cleanly is checked from its first byte, and whichever of a segment's two
// files goes further completes the other. A file that cannot be used is set aside and
// made anew from its twin. Where neither is whole, what can be read is salvaged, and a
// new chain begins that names the old one and what may be lost: see [Journal.Chain].
func Open(dir string, o Options) (*Journal, error) {
	o.fill(dir)
	if err := disk.MakeFolder(dir); err != nil {
		return nil, fmt.Errorf("make the journal's folder: %w", err)
	}
	guard, err := lock(dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		opts: o, dir: dir, guard: guard, start: o.Now(),
		queue: make(chan *request, maxGroup), stop: make(chan struct{}), done: make(chan struct{}),
		changed: make(chan struct{}, 1), failed: make(chan struct{}),
	}
	if _, err := rand.Read(j.boot[:]); err != nil {
		return nil, errors.Join(fmt.Errorf("draw the boot id: %w", err), guard.Close())
	}
	if err := j.load(); err != nil {
		if noRoom(err) {
			err = fmt.Errorf("%w: %w", kiosk.ErrFull, err)
		}
		return nil, errors.Join(err, j.closeFiles())
	}
	go j.write()
	return j, nil
}

// load brings the folder into order and opens it.
func (j *Journal) load() error {
	j.was, j.well = readState(j.dir), endedWell(j.dir)
	if j.was == failed { // until this is done, the next start must do it, too
		if err := j.refresh(); err != nil {
			return err
		}
	}
	begun := trying
	if j.well {
		begun = again
	}
	if err := writeState(j.dir, begun, true); err != nil && !noRoom(err) {
		return err
	}
	err := j.openSegments()
	if errors.Is(err, ErrDamaged) {
		j.closeSegments()
		err = j.succeed(err)
	}
	if err == nil {
		err = j.ready()
	}
	return err
}

// ready opens what stands beside the segments.
func (j *Journal) ready() (err error) {
	if j.issued, err = j.openIssued(j.chain); err != nil {
		return err
	}
	if j.refusal, err = openCounter(filepath.Join(j.dir, refusedFile)); err != nil {
		return err
	}
	j.refused.Store(j.refusal.value)
	if err := writeState(j.dir, opening, true); err != nil { // before more is reserved than was used: see giveBack
		return err
	}
	if err := j.reserveAnew(j.Head().Sequence + 1); err != nil {
		return err
	}
	j.holdBallast()
	return j.unmark()
}

// Chain is the journal's chain.
func (j *Journal) Chain() survey.Chain { return j.chain }

// Boot is this start of the program, which records carry.
func (j *Journal) Boot() custody.BootID { return j.boot }

// Head is the last record: its sequence and hash. Everything up to it is durable.
func (j *Journal) Head() custody.Head { return *j.head.Load() }

// Changed receives a value after records were added; several commits may share one.
func (j *Journal) Changed() <-chan struct{} { return j.changed }

// Failed is closed when a write failed and the journal takes no more records: what
// the failed write left on disk is unknown until the journal is opened anew.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// Err is nil while the journal can record, and otherwise why it cannot.
func (j *Journal) Err() error {
	select {
	case <-j.failed:
		return j.broken
	case <-j.stop:
		return ErrClosed
	default:
	}
	if j.full() {
		return kiosk.ErrFull
	}
	return nil
}

// Append implements [kiosk.Journal]. A draft that arrives during a sync shares the
// next one with all others that do; a lone one is committed at once.
func (j *Journal) Append(ctx context.Context, d survey.Draft) (survey.Entry, bool, error) {
	r := &request{draft: &d, payload: custody.EncodeResponse(&d.Response), answer: make(chan answer, 1)}
	select {
	case j.queue <- r:
	case <-ctx.Done():
		return survey.Entry{}, false, fmt.Errorf("wait for the journal: %w", ctx.Err()) // never queued
	case <-j.stop:
		return survey.Entry{}, false, ErrClosed
	case <-j.failed:
		return survey.Entry{}, false, fmt.Errorf("%w: %w", kiosk.ErrUnknown, j.broken)
	}
	select {
	case a := <-r.answer:
		return a.entry, a.appended, a.err
	case <-ctx.Done():
	case <-j.done:
		select {
		case a := <-r.answer:
			return a.entry, a.appended, a.err
		default:
		}
	}
	return survey.Entry{}, false, kiosk.ErrUnknown
}

// Close writes what is still queued, notes the clean stop and closes all files.
func (j *Journal) Close() error {
	var err error
	j.closing.Do(func() {
		close(j.stop)
		<-j.done
		select {
		case <-j.failed: // what is on disk is unknown: leave no clean mark
		default:
			if err = j.log.trim(); err == nil {
				err = errors.Join(j.giveBack(), j.markClean())
			}
			if err == nil {
				err = writeState(j.dir, closed, false)
			}
		}
		err = errors.Join(err, j.closeFiles())
	})
	return err
}

func (j *Journal) closeFiles() error {
	err := j.closeSegments()
	for _, c := range []*counter{j.issued, j.refusal} {
		if c != nil {
			err = errors.Join(err, c.f.Close())
		}
	}
	return errors.Join(err, j.guard.Close())
}

func (j *Journal) closeSegments() error {
	var err error
	if j.log != nil {
		err = j.log.close()
		j.log = nil
	}
	for _, s := range j.segments() {
		err = errors.Join(err, s.db.Close())
	}
	j.list.Store(nil)
	return err
}

// segments are all segments, the oldest first.
func (j *Journal) segments() []*segment {
	if list := j.list.Load(); list != nil {
		return *list
	}
	return nil
}

// active is the segment that is written.
func (j *Journal) active() *segment {
	list := j.segments()
	return list[len(list)-1]
}

var _ kiosk.Journal = (*Journal)(nil)
