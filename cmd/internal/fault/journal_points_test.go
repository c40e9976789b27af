//go:build linux

package fault

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// journalRun is a child at work on a journal.
type journalRun struct {
	process *Process
	word    io.WriteCloser
}

// startJournal starts a child; its end is for the caller to see to.
func startJournal(t *testing.T, mode, dir string) *journalRun {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, word, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(Command{Path: self, Args: []string{dir}, Env: []string{childMode + "=" + mode, "GORACE=atexit_sleep_ms=0"}, In: in})
	if err != nil {
		t.Fatal(err)
	}
	_ = in.Close() // the child has its own
	r := &journalRun{p, word}
	t.Cleanup(func() { p.Kill(); _ = word.Close() })
	return r
}

// ready waits until the child waits for its word; false if it ended before.
func (r *journalRun) ready() bool {
	return poll(startWithin, func() error {
		switch {
		case strings.Contains(r.process.Said(), "ready\n"):
			return nil
		case !r.process.Running():
			return errEnded
		}
		return os.ErrDeadlineExceeded
	}) == nil
}

// end waits for the child's end.
func (r *journalRun) end(t *testing.T) {
	t.Helper()
	select {
	case <-r.process.Done():
		_ = r.word.Close() // nobody listens any more
	case <-time.After(startWithin):
		r.process.Kill()
		t.Fatalf("the child did not end: %s", r.process.Said())
	}
}

// lines are what was said after a word.
func lines(said, word string) (list []string) {
	for _, line := range strings.Split(said, "\n") {
		if rest, ok := strings.CutPrefix(line, word+" "); ok {
			list = append(list, rest)
		}
	}
	return list
}

// finished runs a child to its end, which must be good.
func finished(t *testing.T, mode, dir string) string {
	t.Helper()
	r := startJournal(t, mode, dir)
	r.end(t)
	if code := r.process.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("%s: it ended with %d: %s", mode, code, r.process.Said())
	}
	return r.process.Said()
}

// journalWork is something that a journal does whose disk calls are to be enumerated.
type journalWork struct {
	mode  string
	files string // patterns of the files whose calls count; "" = all
	first string // what another child does before; "" = nothing
	sign  string // the child says it once the thing is done
	check string // what a child does afterwards; "" = journalCheck
	judge func(said, after string) Result
}

var (
	sealing   = journalWork{mode: journalSeal, sign: "sealed", judge: judgeJournal}
	pruning   = journalWork{mode: journalPrune, first: journalBuild, sign: "let go", judge: judgeJournal}
	reserving = journalWork{mode: journalMany, files: "data/issued-*", sign: "reserved", judge: judgeJournal}
	rescuing  = journalWork{mode: journalSave, first: journalBreak, sign: "rescued", judge: judgeRescued}
	replacing = journalWork{mode: bookTake, first: bookFirst, sign: "replaced", check: bookCheck, judge: judgeBook}
)

// at disturbs the n-th disk call of the work, counted from the child's word on. It
// reports whether there was one, and what must not be.
func (w journalWork) at(t *testing.T, d disturbance, n int) (hit bool, r Result) {
	t.Helper()
	m, dir := onDisk(t, DiskOptions{})
	defer m.drop() // there are hundreds
	said := ""
	if w.first != "" {
		said = finished(t, w.first, dir)
	}
	child := startJournal(t, w.mode, dir)
	if !child.ready() {
		t.Fatalf("the child does not begin: %s", child.process.Said())
	}
	point := d.set(m.disk, w.files, n, &Box{Process: child.process})
	_, _ = child.word.Write([]byte("go\n")) // it may be dead already
	child.end(t)
	m.disk.ClearPoints()
	said += child.process.Said()
	if !point.Hit() && !strings.Contains(said, w.sign) {
		t.Fatalf("undisturbed, and it is not done: %s", said)
	}
	if d.cut {
		m.restore()
	}
	check := cmp.Or(w.check, journalCheck)
	after := finished(t, check, dir)
	r = w.judge(said, after)
	if d.cut { // and what the check itself wrote survives, too
		m.disk.Cut(uint64(n), Lose)
		m.restore()
		r.Violations = append(r.Violations, w.judge(said+after, finished(t, check, dir)).Violations...)
	}
	return point.Hit(), r
}

// judgeJournal compares what a journal holds with what was thanked. There is no aggregator
// that counts.
func judgeJournal(said, after string) (r Result) {
	r.Counted = Uncounted
	wrong := func(format string, args ...any) { r.Violations = append(r.Violations, fmt.Sprintf(format, args...)) }
	found, keys := map[string]string{}, map[string]string{}
	for _, line := range append(lines(after, "found"), lines(after, "thanked")...) {
		key, id, _ := strings.Cut(line, " ")
		if other, twice := keys[id]; twice && other != key {
			wrong("I1: %s and %s are both %s", key, other, id)
		}
		found[key], keys[id] = id, key
	}
	kept := lines(after, "kept")
	if len(kept) != 1 {
		wrong("I3: one chain should be there: %q", kept)
		return r
	}
	var chain string
	var first, last, missing, backed uint64
	if _, err := fmt.Sscan(kept[0], &chain, &first, &last, &missing); err != nil || missing > 0 {
		wrong("I3: the chain is not whole: %q %v", kept[0], err)
	}
	if list := lines(said, "backed"); len(list) > 0 {
		backed = backedUpTo
	}
	if first > backed+1 {
		wrong("I5: records up to %d are gone, a backup holds %d", first-1, backed)
	}
	if last-first+1 != uint64(len(keys)) {
		wrong("I2: %d records are there, %d keys", last-first+1, len(keys))
	}
	for _, line := range lines(said, "thanked") {
		key, id, _ := strings.Cut(line, " ")
		r.Thanked++
		switch have, ok := found[key]; {
		case ok && have != id:
			wrong("I1: %s was thanked for as %s and is %s", key, id, have)
		case !ok && sequenceIn(id) >= first: // below that it was let go: a backup holds it
			wrong("I1: %s was thanked for as %s and is not there", key, id)
		}
	}
	return r
}

// judgeRescued compares what is left of a damaged journal with what was thanked: nothing is
// lost but what is declared, and no number is given to two keys.
func judgeRescued(said, after string) (r Result) {
	r.Counted = Uncounted
	wrong := func(format string, args ...any) { r.Violations = append(r.Violations, fmt.Sprintf(format, args...)) }
	found, keys := map[string]bool{}, map[string]string{}
	for _, line := range append(append(lines(after, "found"), lines(after, "thanked")...), lines(said, "thanked")...) {
		key, id, _ := strings.Cut(line, " ")
		if other, twice := keys[id]; twice && other != key {
			wrong("I1: %s and %s are both %s", key, other, id)
		}
		keys[id] = key
	}
	for _, line := range append(lines(after, "found"), lines(after, "thanked")...) {
		key, _, _ := strings.Cut(line, " ")
		found[key] = true
	}
	var chain string
	var last, reserved, salvaged, missing uint64
	if list := lines(after, "declared"); len(list) != 1 {
		wrong("I1: it declares %q", list)
	} else if _, err := fmt.Sscan(list[0], &chain, &last, &reserved, &salvaged); err != nil {
		wrong("I1: it declares %q: %v", list[0], err)
	}
	for _, line := range lines(said, "thanked") {
		r.Thanked++
		if key, _, _ := strings.Cut(line, " "); !found[key] {
			missing++
		}
	}
	if declared := reserved - min(reserved, last+salvaged); missing == 0 || missing > 3 || declared < missing {
		wrong("I1: %d are missing, %d declared", missing, declared)
	}
	return r
}

func sequenceIn(id string) (n uint64) {
	_, number, _ := strings.Cut(id, "/")
	_, _ = fmt.Sscan(number, &n) // 0 fails the comparison that it is for
	return n
}

// each disturbs a journal at each disk call of the work.
func (w journalWork) each(t *testing.T, d disturbance) (sum Result) {
	t.Helper()
	sum.Counted = Uncounted
	for n := 1; ; n++ {
		hit, r := w.at(t, d, n)
		for _, v := range r.Violations {
			sum.Violations = append(sum.Violations, fmt.Sprintf("%s call %d: %s", d.name, n, v))
		}
		if !hit {
			sum.Runs = n - 1
			return sum
		}
		sum.Thanked += r.Thanked
	}
}
