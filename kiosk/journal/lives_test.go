package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// life is a box with a real journal, and a centre with a real store, from one seed.
type life struct {
	*centre
	t       *testing.T
	r       *rand.Rand
	dir     string
	clocked bool // it has a hardware clock
	truth   time.Time
	clock   *calendar
	j       *Journal
	chain   survey.Chain
	presses int
	last    survey.RecordID
	backups [][]byte
	ruined  bool // both files of a segment were damaged at once
	pruned  bool // records were let go
	trace   []string
}

// ownRecords is more than any of these lives has records of the journal's own: they are
// numbers, too, and may be lost like a press.
const ownRecords = 12

func (l *life) tell(format string, a ...any) { l.trace = append(l.trace, fmt.Sprintf(format, a...)) }

func (l *life) open() {
	l.t.Helper()
	l.j = openTest(l.t, l.dir, small, func(o *Options) {
		o.Segment, o.Kiosk, o.Now, o.NoHardwareClock, o.Chain = 3<<10, l.kiosk, l.clock.now, !l.clocked, l.chain
	})
	if l.chain = l.j.Chain(); !l.chain.IsZero() {
		l.tell("opened chain %s up to %d", l.chain, l.j.Head().Sequence)
	}
}

func (l *life) pass(d time.Duration) {
	l.truth = l.truth.Add(d)
	l.clock.set(l.clock.now().Add(d))
}

func (l *life) boot() {
	if !l.clocked && l.r.Intn(2) == 0 {
		l.clock = &calendar{at: time.UnixMilli(0)}
		l.tell("its clock begins at 1970")
	}
	l.pass(time.Duration(l.r.Intn(30)) * time.Hour)
	l.open()
}

// anew reports whether the journal had to be opened anew, because it was left with this error.
func (l *life) anew(err error) bool {
	l.t.Helper()
	if !errors.Is(err, ErrDamaged) {
		l.ok(err)
		return false
	}
	l.tell("left: %v", err)
	_ = l.j.Close()
	l.open()
	return true
}

func (l *life) contact() {
	l.j.Contact(l.clock.now(), l.clock.now(), l.truth)
	quiet(l.j)
}

func (l *life) press() {
	l.t.Helper()
	d := draft(strconv.Itoa(l.presses))
	d.Response.Questionnaire = quick(l.t).Hash()
	if l.r.Intn(4) == 0 && l.last.Sequence > 0 {
		d.Response.Replaces = l.last
	}
	e, _, err := l.j.Append(context.Background(), d)
	l.ok(err)
	l.presses, l.last = l.presses+1, e.ID
	l.tell("press %d at %s, in truth %s", e.ID.Sequence, e.At, l.truth)
}

func (l *life) heartbeat(durable uint64) {
	totals := l.j.Totals(durable)
	l.ok(l.store.PutTotals(l.t.Context(), []custody.Said{{Kiosk: l.kiosk, Chain: l.chain, Totals: *totals, LastSum: l.j.Head().Hash, Received: l.truth}}))
	l.tell("said since %d: %+v", durable, totals)
}

// send carries up to n batches of each chain; false = the journal was opened anew meanwhile.
func (l *life) send(n int) bool {
	for _, p := range l.j.Pasts() {
		if l.anew(l.take(p, n)) {
			return false
		}
	}
	return !l.anew(l.take(l.j, n))
}

// verified makes a backup, and tells the kiosk of it.
func (l *life) verified() {
	l.backups = append(l.backups, l.backup())
	chains := []survey.Chain{l.chain}
	for _, p := range l.j.Pasts() {
		chains = append(chains, p.Chain())
	}
	for _, chain := range chains {
		mark := l.mark(chain)
		if mark == 0 {
			continue
		}
		hash, err := l.j.hashOf(chain, mark)
		l.ok(err)
		if !hash.IsZero() {
			l.ok(l.j.Backed(chain, custody.Head{Sequence: mark, Hash: hash}))
		}
	}
}

// damage takes one file of a segment, or takes one and spoils the other.
func (l *life) damage() {
	numbers, err := numbersIn(l.dir)
	l.ok(err)
	n := numbers[l.r.Intn(len(numbers))]
	l.ok(l.j.Close())
	log := filepath.Join(l.dir, logName(n))
	switch at := size(l.t, log) - int64(logHeader); {
	case l.r.Intn(2) > 0:
		name := []string{dbName(n), logName(n)}[l.r.Intn(2)]
		remove(l.t, l.dir, name)
		l.tell("%s is gone", name)
	case at > 600:
		remove(l.t, l.dir, dbName(n))
		at = int64(logHeader) + l.r.Int63n(at-100)
		overwrite(l.t, log, at, []byte("hỏnghỏnghỏng"))
		l.tell("%s is gone, and %s spoilt at %d", dbName(n), logName(n), at)
		l.ruined = true
	}
	l.boot()
}

func (l *life) step(letsGo bool) {
	switch l.r.Intn(14) {
	case 0, 1, 2, 3:
		l.pass(time.Duration(l.r.Intn(6*60)) * time.Minute)
		for range 1 + l.r.Intn(4) {
			l.press()
		}
	case 4:
		l.contact()
	case 5:
		l.ok(l.j.Close())
		l.boot()
	case 6:
		l.send(l.r.Intn(4))
	case 7:
		l.heartbeat(uint64(l.r.Int63n(int64(l.j.Head().Sequence) + 1)))
	case 8:
		l.heartbeat(l.mark(l.chain))
	case 9:
		l.verified()
	case 10:
		l.pass(time.Duration(l.r.Intn(100)) * 24 * time.Hour)
		l.contact()
		if letsGo {
			l.ok(l.j.prune())
			l.pruned = true
		}
	case 11:
		if len(l.backups) > 0 && l.r.Intn(2) == 0 {
			l.restore(l.backups[l.r.Intn(len(l.backups))])
			l.tell("the centre is restored")
		}
	case 12:
		if l.r.Intn(3) == 0 {
			l.damage()
		}
	}
}

// account is what the centre says once everything was sent that the box still has.
func (l *life) account() {
	l.ok(l.store.Recount(l.t.Context()))
	list, losses, err := l.store.Closings(l.t.Context(), custody.ClosingQuery{})
	l.ok(err)
	var here, missing, least, most uint64
	for _, c := range list {
		if !c.Balanced() {
			l.t.Errorf("it does not balance: %+v", c)
		}
		here += c.Counted + c.Held + c.Excluded[survey.Replaced] + c.Excluded[survey.TooSoon]
		missing += c.Missing()
		l.tell("closing %+v", c)
	}
	for _, loss := range losses {
		least, most = least+loss.AtLeast, most+loss.AtMost
		l.tell("loss %+v", loss)
	}
	lost := uint64(l.presses) - here
	switch said := fmt.Sprintf("%d presses, %d are here, %d missing, %d to %d lost", l.presses, here, missing, least, most); {
	case here > uint64(l.presses):
		l.t.Errorf("counted twice: %s", said)
	case lost > most, missing > lost, least > lost+ownRecords:
		l.t.Errorf("not true: %s", said)
	case lost > 0 && !l.ruined && !l.pruned:
		l.t.Errorf("nothing can have been lost: %s", said)
	}
}

// Whatever becomes of a box, its clock and its centre: no press is counted twice, what is lost
// is within what is declared, and nothing that has arrived is called missing. For more lives:
// HAILONG_LIVES=1000; for one of them -run 'Lives/17'.
func TestLives(t *testing.T) {
	lives := 8
	if n, err := strconv.Atoi(os.Getenv("HAILONG_LIVES")); err == nil {
		lives = n
	}
	for seed := range lives {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			l := &life{t: t, centre: newCentre(t), r: rand.New(rand.NewSource(int64(seed))), dir: t.TempDir(), clocked: seed%2 == 0}
			l.truth = time.Date(2027, 1, 4, 8, 0, 0, 0, survey.Zone)
			l.clock = &calendar{at: l.truth}
			defer func() {
				if t.Failed() {
					for _, line := range l.trace {
						t.Log(line)
					}
				}
			}()
			l.open()
			for range 100 {
				l.step(seed%4 > 1)
			}
			for range 4 {
				if l.send(10_000) {
					break
				}
			}
			l.heartbeat(l.mark(l.chain))
			l.account()
		})
	}
}
