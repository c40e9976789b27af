package kioskapp

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hailong/kiosk"
	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/link"
	"hailong/sync/uplink"
)

// parts are what a kiosk in service works with, for one life of its journal.
type parts struct {
	journal   *journal.Journal
	enrolment *identity.Enrolment
	uplink    *uplink.Uplink
	pasts     []past                // earlier chains that are still here
	noWay     atomic.Pointer[error] // why the centre cannot even be dialled; nil = it can
}

// past is an earlier chain and what carries it.
type past struct {
	*uplink.Uplink
	records *journal.Past
}

// childWord is the first argument of a process that looks at a damaged file.
const childWord = "journal-child"

// Child does the work of a process that the kiosk started to look at a file, if this is
// one: programs with a kiosk inside call it first, with their arguments.
func Child(args []string) (code int, is bool) {
	if len(args) == 0 || args[0] != childWord {
		return 0, false
	}
	return journal.RunChild(args[1:], os.Stdout), true
}

// ChildOf makes the processes that look at a journal's damaged files, for
// [journal.Options]: program is the file of a program that calls [Child].
func ChildOf(program string) func(ctx context.Context, args ...string) *exec.Cmd {
	return func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, program, append([]string{childWord}, args...)...)
	}
}

// open opens the journal and remembers its chain in the identity, so that a journal
// that goes missing later is noticed.
func (a *App) open() error {
	o := journal.Options{
		Kiosk: a.identity.Kiosk(), Chain: a.identity.Chain, Reserve: a.config.Data, Now: a.options.Now,
		NoHardwareClock: a.config.Clock.Hardware == "no" || a.config.Clock.Hardware == "auto" && !hasHardwareClock(),
		OnCommit:        func(_ int, took time.Duration) { a.commits.add(took) },
		OnEvent:         func(w survey.Words) { a.tell(remark{DiaryJournal, w}) },
		Full:            a.config.Disk.Full << 20, Spare: a.config.Disk.Spare << 20, Keep: time.Duration(a.config.Disk.KeepDays) * 24 * time.Hour,
	}
	if a.options.Program != "" {
		o.Child = ChildOf(a.options.Program)
	}
	j, err := journal.Open(filepath.Join(a.config.Data, identity.JournalFolder), o)
	if err != nil {
		return err
	}
	if a.identity.Chain != j.Chain() {
		known := *a.identity
		known.Chain = j.Chain()
		if err := known.Save(a.config.Data); err != nil {
			return errors.Join(err, j.Close())
		}
		a.identity.Chain = known.Chain // not before it is on disk: the next try must save it, too
	}
	if a.working.Swap(a.partsOf(j)) == nil {
		a.opened.Push("the journal", func() error { return a.working.Load().journal.Close() })
	}
	return nil
}

// partsOf are a journal and what carries its chains.
func (a *App) partsOf(j *journal.Journal) *parts {
	p := &parts{journal: j, enrolment: a.identity.Enrolment, uplink: a.uplink(j, j, a.heartbeat)}
	for _, records := range j.Pasts() {
		p.pasts = append(p.pasts, past{a.uplink(j, records, nil), records})
	}
	return p
}

func (a *App) uplink(own *journal.Journal, j uplink.Journal, beat func(uint64) custody.Heartbeat) *uplink.Uplink {
	chain := j.Chain()
	o := uplink.Options{
		Kiosk: a.identity.Kiosk(), Key: a.identity.Key(), CentreKey: ed25519.PublicKey(a.identity.Enrolment.CentreKey), Journal: j,
		Seed: rand.Uint64(), Log: a.log, Beat: beat, Now: a.options.Now,
		OnReceipt: func(r custody.Receipt) { a.backed(own, chain, r) },
	}
	if chain != own.Chain() {
		o.Past = true
		return uplink.New(o)
	}
	o.Contact, o.OnGreeted = own.Contact, a.directory.greeted
	o.OnReceipt = func(r custody.Receipt) {
		a.backed(own, chain, r)
		for _, news := range a.centre.hear(r) {
			a.note(news)
		}
	}
	return uplink.New(o)
}

// backed tells the journal what the centre's backup holds.
func (a *App) backed(j *journal.Journal, chain survey.Chain, r custody.Receipt) {
	if err := j.Backed(chain, custody.Head{Sequence: r.Backup, Hash: r.BackupSum}); err != nil {
		a.log.Error("the centre's backup mark", "error", err)
	}
}

// tell says what a person should know, in the log and in the diary.
func (a *App) tell(r remark) {
	a.log.Warn(r.words.In(survey.Vietnamese), "en", r.words.In(survey.English))
	a.note(r)
}

// present is the journal of the moment: another one after it had to be opened anew.
type present struct{ a *App }

func (p present) journal() *journal.Journal { return p.a.working.Load().journal }

// Append implements [kiosk.Journal].
func (p present) Append(ctx context.Context, d survey.Draft) (survey.Entry, bool, error) {
	return p.journal().Append(ctx, d)
}

// Find implements [kiosk.Journal].
func (p present) Find(n survey.Nonce) (survey.Entry, bool, error) { return p.journal().Find(n) }

// Get implements [kiosk.Journal].
func (p present) Get(id survey.RecordID) (survey.Entry, bool, error) { return p.journal().Get(id) }

var _ kiosk.Journal = present{}

var (
	// errJournal says that the journal takes no more records in this life.
	errJournal = errors.New("the journal must be opened anew")
	// errRenewed says that the centre has taken the kiosk in by a new code.
	errRenewed = errors.New("the centre has taken the kiosk in again")
)

// The waits between tries to open a journal that failed, and to set up the way to the centre.
const (
	reopenFirst = 200 * time.Millisecond
	reopenMost  = 30 * time.Second
)

// live carries until ctx ends, through as many lives of the journal as it takes. Where the
// settings have a new one-time code it asks meanwhile to be taken in by it.
func (a *App) live(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	if a.newCode() {
		asking.Go(func() { a.enrolAnew(ctx) })
	}
	for {
		err := a.carry(ctx)
		if errors.Is(err, errRenewed) {
			continue
		}
		if !errors.Is(err, errJournal) {
			return err
		}
		a.shut(because(err, "nhật ký không ghi được, đang được kiểm tra và mở lại", "the journal failed, it is looked at and opened anew"))
		if err := a.working.Load().journal.Close(); err != nil {
			a.log.Warn("close the journal that failed", "error", err)
		}
		if err := a.openJournal(ctx); err != nil {
			return unlessDone(ctx, err)
		}
		a.trouble.Store(nil)
	}
}

// shut takes the kiosk out of service because of its journal.
func (a *App) shut(why error) {
	a.keepOut(why)
	a.tell(remark{DiaryJournal, wordsOf(why)})
}

// openJournal opens the journal, however long it takes: at the start, and again after it
// failed. At the start alone it gives up where another try cannot help.
func (a *App) openJournal(ctx context.Context) error {
	start, before := a.working.Load() == nil, ""
	for wait := reopenFirst; ; wait = min(2*wait, reopenMost) {
		err := a.open()
		if err == nil && (before != "" || !start) {
			a.tell(told(DiaryJournal, "nhật ký đã mở lại; thiết bị ghi tiếp", "the journal is open again; the kiosk records"))
		}
		if err == nil {
			return nil
		}
		why := because(err, "không mở được nhật ký trong "+a.config.Data, "the journal in "+a.config.Data+" cannot be opened")
		if start && hopeless(err) {
			return why
		}
		if why.Error() != before { // once, not at every try
			before = why.Error()
			a.shut(why)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// hopeless reports whether a person must mend something before it helps to try again:
// another program has the journal, or its folder is not this program's to write. A disk that
// has become read-only is not: a dying card does that, and the screen must say so.
func hopeless(err error) bool {
	for _, why := range []error{journal.ErrLocked, fs.ErrPermission, syscall.ENOTDIR} {
		if errors.Is(err, why) {
			return true
		}
	}
	return false
}

// carry runs the uplinks until ctx ends, the journal fails, or the centre has taken the
// kiosk in again.
func (a *App) carry(told context.Context) error {
	w := a.working.Load()
	ctx, cancel := context.WithCancel(told)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- a.reach(ctx, w) }()
	var err error
	var renewed *identity.Enrolment
	select {
	case err = <-done:
		return unlessDone(told, err)
	case <-w.journal.Failed():
		err = fmt.Errorf("%w: %w", errJournal, w.journal.Err())
	case renewed = <-a.renewed:
		err = errRenewed
	}
	cancel()
	err = errors.Join(err, <-done)
	if renewed != nil {
		a.comeIn(renewed)
	}
	return err
}

// reach runs the uplinks until ctx ends, or one of them cannot go on. What keeps the kiosk
// from dialling at all, such as a file of the authority that cannot be read, is told and
// tried again: it records with or without the centre.
func (a *App) reach(ctx context.Context, w *parts) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	links := []*uplink.Uplink{w.uplink}
	for _, p := range w.pasts {
		links = append(links, p.Uplink)
	}
	down := a.downlink()
	o := link.Options{
		URL: cmp.Or(a.config.Centre.NATS, w.enrolment.NATS), Kiosk: a.identity.Kiosk(), Key: a.identity.Key(), CA: a.config.Centre.CA,
		OnChange: func(up bool, problem error) {
			for _, l := range links {
				l.Link(ctx, up, problem)
			}
			down.Link(ctx, up)
		},
	}
	nc, err := link.Dial(o)
	for wait := reopenFirst; err != nil; wait = min(2*wait, reopenMost) {
		a.unreached(w, err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		nc, err = link.Dial(o)
	}
	defer nc.Close()
	w.noWay.Store(nil)
	done := make(chan error, len(links)+1)
	own := uplink.OverNATS(nc) // shared: each has a subscription of its own, which costs bytes
	go func() { down.Run(ctx, own); done <- nil }()
	for i, l := range links {
		bus := own
		if i > 0 {
			bus = uplink.OverNATS(nc)
		}
		go func() { done <- l.Run(ctx, bus) }()
	}
	for range cap(done) {
		err = errors.Join(err, <-done)
		cancel() // without one of them the others end, too
	}
	return err
}

// unreached says why the centre cannot be dialled: once, not at every try.
func (a *App) unreached(w *parts, why error) {
	if before := w.noWay.Swap(&why); before == nil || (*before).Error() != why.Error() {
		a.tell(remark{DiaryLost, unreached(alarm(why.Error()))})
	}
}
