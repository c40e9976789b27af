package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/survey"
	"hailong/survey/custody"
)

// childWork makes the test binary the child that looks at damaged files.
const childWork = "HAILONG_TEST_JOURNAL_CHILD"

func withChild(o *Options) {
	o.Child = func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, os.Args[0], args...)
		cmd.Env = append(os.Environ(), childWork+"=1", "GORACE=atexit_sleep_ms=0") // a child with the race detector ends at once
		return cmd
	}
}

// overwrite puts bytes into a file at a place; a negative one counts from its end.
func overwrite(t testing.TB, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err == nil {
		if at < 0 {
			at += info.Size()
		}
		_, err = f.WriteAt(b, at)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// harms are what may become of a file on a bad card.
var harms = []struct {
	name string
	do   func(t testing.TB, path string)
}{
	{"missing", func(t testing.TB, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}},
	{"empty", func(t testing.TB, path string) { truncate(t, path, 0) }},
	{"cut to a third", func(t testing.TB, path string) { truncate(t, path, size(t, path)/3) }},
	{"zeroed", func(t testing.TB, path string) { overwrite(t, path, 0, make([]byte, size(t, path))) }},
	{"with a zeroed beginning", func(t testing.TB, path string) { overwrite(t, path, 0, make([]byte, 16<<10)) }},
	{"of rubbish", func(t testing.TB, path string) {
		overwrite(t, path, 0, bytes.Repeat([]byte("rác "), int(size(t, path))/4))
	}},
	{"with a flipped page", func(t testing.TB, path string) {
		overwrite(t, path, size(t, path)/2&^4095, bytes.Repeat([]byte{0xff}, 4096))
	}},
}

// cutZeros takes the log's unused end away, so that damage meets what is used.
func cutZeros(t testing.TB, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	truncate(t, path, int64(len(bytes.TrimRight(b, "\x00"))))
}

func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func truncate(t testing.TB, path string, to int64) {
	t.Helper()
	if err := os.Truncate(path, to); err != nil {
		t.Fatal(err)
	}
}

// pressed makes a journal of n presses that ended cleanly or was killed.
func pressed(t *testing.T, n int, clean bool) (dir string, head custody.Head, chain survey.Chain) {
	t.Helper()
	dir = t.TempDir()
	j := openTest(t, dir)
	for i := range n {
		press(t, j, strconv.Itoa(i))
	}
	head, chain = j.Head(), j.Chain()
	if !clean {
		dir = copyFolder(t, dir) // as it lies there while it is open
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, head, chain
}

// Whatever becomes of one of the two files, the other one makes it again: no record is
// lost, and the chain goes on.
func TestOneDamagedFileIsMadeAnewFromItsTwin(t *testing.T) {
	for _, clean := range []bool{true, false} {
		for _, file := range []string{segmentDB, segmentLog} {
			for i, harm := range harms {
				if testing.Short() && i%3 != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s %s, clean %v", file, harm.name, clean), func(t *testing.T) {
					dir, head, chain := pressed(t, 40, clean)
					harm.do(t, filepath.Join(dir, file))
					again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
					if again.Chain() != chain || again.Head() != head {
						t.Fatalf("chain %s to %d, want %s to %d", again.Chain(), again.Head().Sequence, chain, head.Sequence)
					}
					press(t, again, "next")
					for i := range 40 {
						if e, ok, err := again.Find(survey.KeyNonce(strconv.Itoa(i))); err != nil || !ok || e.ID.Sequence != uint64(i+1) {
							t.Fatalf("press %d: %v %v %v", i, e.ID, ok, err)
						}
					}
					checkTwins(t, dir, again)
				})
			}
		}
	}
}

// Where both files are damaged the chain cannot go on: another begins, and every press
// is either there, under its old identity, or within the number that may be lost.
func TestBothFilesDamaged(t *testing.T) {
	const presses = 60
	// All pairs take a minute; a third of them meet each kind of damage in both files.
	step := 3
	switch {
	case os.Getenv("HAILONG_FAULTS") == "long":
		step = 1
	case testing.Short():
		step = 11
	}
	for i := 0; i < len(harms)*len(harms); i += step {
		first, second := harms[i/len(harms)], harms[i%len(harms)]
		t.Run("bbolt "+first.name+", log "+second.name, func(t *testing.T) {
			dir, _, chain := pressed(t, presses, false)
			cutZeros(t, filepath.Join(dir, segmentLog))
			first.do(t, filepath.Join(dir, segmentDB))
			second.do(t, filepath.Join(dir, segmentLog))
			var said []survey.Words
			again := openTest(t, dir, withChild, func(o *Options) {
				o.Chain, o.OnEvent = chain, func(w survey.Words) { said = append(said, w) }
			})
			if again.Chain() == chain {
				t.Fatal("the chain goes on")
			}
			s := declared(t, again, chain)
			found := 0
			for i := range presses {
				e, ok, err := again.Find(survey.KeyNonce(strconv.Itoa(i)))
				if err != nil {
					t.Fatal(err)
				}
				if ok && e.ID != (survey.RecordID{Chain: chain, Sequence: uint64(i + 1)}) {
					t.Fatalf("press %d is %s now", i, e.ID)
				}
				if ok {
					found++
				}
			}
			if lost := presses - found; uint64(lost) > s.Lost() || s.Last+s.Salvaged != uint64(found) {
				t.Fatalf("%d of %d found, %d lost; declared: %d in a row, %d salvaged, at most %d lost", found, presses, lost, s.Last, s.Salvaged, s.Lost())
			}
			if len(said) == 0 {
				t.Error("nobody was told")
			}
			t.Logf("%d of %d found, %d of them behind a gap; at most %d declared lost", found, presses, s.Salvaged, s.Lost())
			if e, ok, err := again.Find(survey.KeyNonce("0")); ok { // the key of an old answer still gives that answer
				same, appended, err2 := again.Append(context.Background(), draft("0"))
				if err != nil || err2 != nil || appended || same.ID != e.ID {
					t.Errorf("sent again: %v %v %v %v", same.ID, appended, err, err2)
				}
			}
			press(t, again, "next")
			next := again.Chain()
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			later := openTest(t, dir, withChild, func(o *Options) { o.Chain = next })
			if later.Chain() != next || declared(t, later, chain) != s {
				t.Error("at the next start it is another story")
			}
		})
	}
}

// declared is what a journal's first record says about the chain it follows.
func declared(t testing.TB, j *Journal, old survey.Chain) custody.Succession {
	t.Helper()
	_, key := testKey(t)
	b, err := j.Batch(1, 0, 1, 1<<16, testKiosk, key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Records[0].Succession()
	if err != nil || s.Predecessor != old {
		t.Fatalf("it follows %s, %v; want %s", s.Predecessor, err, old)
	}
	return s
}

// What an earlier chain still holds is sent as it was.
func TestAnEarlierChainCanBeSent(t *testing.T) {
	dir, head, chain := pressed(t, 30, false)
	overwrite(t, filepath.Join(dir, segmentDB), 0, make([]byte, size(t, filepath.Join(dir, segmentDB))))
	cutZeros(t, filepath.Join(dir, segmentLog))
	overwrite(t, filepath.Join(dir, segmentLog), -2000, bytes.Repeat([]byte{7}, 30)) // inside one of the last records
	again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
	pasts := again.Pasts()
	if len(pasts) != 1 || pasts[0].Chain() != chain {
		t.Fatalf("earlier chains: %v", pasts)
	}
	past := pasts[0]
	s := declared(t, again, chain)
	if past.Head().Sequence != s.Last || past.Head().Hash != s.LastSum || s.Last >= head.Sequence || s.Salvaged == 0 {
		t.Fatalf("its head is %d, declared %d, %d behind the gap", past.Head().Sequence, s.Last, s.Salvaged)
	}
	public, key := testKey(t)
	b, err := past.Batch(1, 0, 1000, 1<<20, custody.KioskName(public), key)
	if err != nil || b.Verify(public) != nil || b.Header.Last() != s.Last || b.Header.Chain != chain {
		t.Fatalf("its batch: %+v, %v", b, err)
	}
	if b, err := past.Batch(s.Last+1, 0, 1000, 1<<20, testKiosk, key); b != nil || err != nil {
		t.Fatalf("behind its end: %v, %v", b, err)
	}
	past.SetReceipt([]byte("biên nhận"))
	press(t, again, "next")
	next := again.Chain()
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	later := openTest(t, dir, func(o *Options) { o.Chain = next })
	if got := later.Pasts()[0].Receipt(); string(got) != "biên nhận" {
		t.Fatalf("its receipt is %q after a stop", got)
	}
}

// A journal that is gone altogether, and another kiosk's, are damage as well.
func TestAJournalNeverStartsAnewInSilence(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		data := t.TempDir()
		reserve := func(o *Options) { o.Reserve = data }
		j := openTest(t, filepath.Join(data, "journal"), reserve)
		press(t, j, "one")
		chain := j.Chain()
		if err := errors.Join(j.Close(), os.RemoveAll(filepath.Join(data, "journal"))); err != nil {
			t.Fatal(err)
		}
		again := openTest(t, filepath.Join(data, "journal"), reserve, func(o *Options) { o.Chain = chain })
		if s := declared(t, again, chain); s.Last != 0 || s.Lost() < 1 || s.Lost() > 2*block {
			t.Fatalf("declared: %+v", s)
		}
		// The control: without the identity's memory the same folder is a first start.
		fresh := openTest(t, t.TempDir())
		if fresh.Head().Sequence != 0 {
			t.Fatal("a first start declares something")
		}
	})
	t.Run("another kiosk's", func(t *testing.T) {
		dir, _, _ := pressed(t, 5, true)
		mine := survey.Chain{9}
		again := openTest(t, dir, func(o *Options) { o.Kiosk, o.Chain = "k-other", mine })
		declared(t, again, mine)
		if _, ok, err := again.Find(survey.KeyNonce("0")); ok || err != nil {
			t.Fatalf("the other kiosk's answers are taken for its own: %v", err)
		}
		left, err := filepath.Glob(filepath.Join(dir+".foreign-*", "*.log"))
		if err != nil || len(left) != 1 {
			t.Fatalf("set aside: %v %v", left, err)
		}
	})
}

// A file that kills whoever reads it kills a child only.
func TestADeadlyFileKillsAChildOnly(t *testing.T) {
	dir, head, chain := pressed(t, 40, false)
	path := filepath.Join(dir, segmentDB)
	truncate(t, path, size(t, path)/2) // its map reaches beyond its end
	for range 2 {
		cmd := exec.Command(os.Args[0], childCheck, path)
		cmd.Env = append(os.Environ(), childWork+"=1", "GORACE=atexit_sleep_ms=0") // a child with the race detector ends at once
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Fatalf("a child finds nothing: %s", out)
		}
	}
	again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
	if again.Head() != head {
		t.Fatalf("head %d, want %d", again.Head().Sequence, head.Sequence)
	}
	aside, err := filepath.Glob(path + ".damaged-*")
	if err != nil || len(aside) != 1 {
		t.Fatalf("set aside: %v %v", aside, err)
	}
}

// Damage that is met while the journal is at work ends that life, and the next one mends
// it.
func TestDamageMetAtWork(t *testing.T) {
	dir := t.TempDir()
	j, err := openWith(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		press(t, j, strconv.Itoa(i))
	}
	head, chain := j.Head(), j.Chain()
	// The first record's bytes, wherever they stand in the mapped file.
	b, err := os.ReadFile(filepath.Join(dir, segmentDB))
	if err != nil {
		t.Fatal(err)
	}
	mark := append([]byte{0x01, custody.RecordVersion, 0x02, 0x50}, chain[:]...)
	for at := 0; ; {
		i := bytes.Index(b[at:], append(mark, 0x03, 0x01))
		if i < 0 {
			break
		}
		at += i + 1
		overwrite(t, filepath.Join(dir, segmentDB), int64(at+40), []byte{0xde, 0xad})
	}
	_, key := testKey(t)
	if _, err := j.Batch(1, 0, 10, 1<<16, testKiosk, key); !errors.Is(err, ErrDamaged) {
		t.Fatalf("a changed record is sent: %v", err)
	}
	select {
	case <-j.Failed():
	default:
		t.Fatal("the journal goes on")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
	if again.Head() != head || again.Chain() != chain {
		t.Fatalf("head %d, want %d", again.Head().Sequence, head.Sequence)
	}
	if b, err := again.Batch(1, 0, 10, 1<<16, testKiosk, key); err != nil || len(b.Records) != 10 {
		t.Fatalf("after it was mended: %v", err)
	}
}

// A rescue that is stopped anywhere is done again.
func TestAStoppedRescueIsDoneAgain(t *testing.T) {
	dir, _, chain := pressed(t, 20, false)
	truncate(t, filepath.Join(dir, segmentDB), 0)
	overwrite(t, filepath.Join(dir, segmentLog), int64(logHeader)+500, []byte("hỏng"))
	j := openTest(t, dir, func(o *Options) { o.Chain = chain })
	s := declared(t, j, chain)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// The new chain was never told to the identity: the power went before.
	again := openTest(t, dir, func(o *Options) { o.Chain = chain })
	twice := declared(t, again, chain)
	twice.Reason, twice.To, s.Reason, s.To = "", 0, "", 0
	if twice != s {
		t.Fatalf("the second time it declares\n%+v, the first\n%+v", twice, s)
	}
	if n := len(again.Pasts()); n != 1 {
		t.Fatalf("%d earlier chains", n)
	}
}

func TestAChildSaysWhatIsWrong(t *testing.T) {
	var out strings.Builder
	for _, args := range [][]string{nil, {"check"}, {"sing", "x"}, {"check", filepath.Join(t.TempDir(), "none")}} {
		if RunChild(args, &out) == 0 {
			t.Errorf("%v is well", args)
		}
	}
	if !strings.Contains(out.String(), "no work for a child") {
		t.Errorf("it said %s", out.String())
	}
}

// A journal that is damaged twice still tells of the first time, and still sends what was
// found then.
func TestDamagedTwice(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "journal")
	reserve := func(o *Options) { o.Reserve = data }
	j := openTest(t, dir, reserve)
	for i := range 30 {
		press(t, j, strconv.Itoa(i))
	}
	first := j.Chain()
	ruin := func(j *Journal, keep int64) {
		t.Helper()
		n := j.active().number
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		truncate(t, filepath.Join(dir, dbName(n)), 0)
		cutZeros(t, filepath.Join(dir, logName(n)))
		overwrite(t, filepath.Join(dir, logName(n)), keep, []byte("hỏng")) // inside a record
	}
	ruin(j, 5000)
	second := openTest(t, dir, reserve, func(o *Options) { o.Chain = first })
	s := declared(t, second, first)
	press(t, second, "between")
	middle := second.Chain()
	ruin(second, int64(logHeader)+20) // its very first record
	third := openTest(t, dir, reserve, func(o *Options) { o.Chain = middle })
	declared(t, third, middle)
	_, key := testKey(t)
	b, err := third.Batch(2, 0, 1, 1<<16, testKiosk, key)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.Records[0].Succession(); err != nil || again != s {
		t.Fatalf("of the first time it says %+v, %v; then it was %+v", again, err, s)
	}
	pasts := third.Pasts()
	if len(pasts) != 2 || pasts[0].Chain() != first || pasts[0].Head().Sequence != s.Last || pasts[1].Chain() != middle {
		t.Fatalf("earlier chains: %d, the first to %d, want %d", len(pasts), pasts[0].Head().Sequence, s.Last)
	}
	if e, ok, err := third.Find(survey.KeyNonce("0")); err != nil || !ok || e.ID.Chain != first {
		t.Fatalf("the first press of all: %v %v %v", e.ID, ok, err)
	}
}

// Where bbolt is gone, the log's last frame may be one that was thanked for: what follows
// the run is never taken for a torn write.
func TestTheOnlyWitnessesLastFrame(t *testing.T) {
	dir, head, chain := pressed(t, 20, false)
	remove(t, dir, segmentDB)
	b, err := os.ReadFile(filepath.Join(dir, segmentLog))
	if err != nil {
		t.Fatal(err)
	}
	end := int64(len(bytes.TrimRight(b, "\x00")))
	overwrite(t, filepath.Join(dir, segmentLog), end-3, []byte{0xff})
	again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
	if s := declared(t, again, chain); s.Last != head.Sequence-1 || s.Lost() == 0 {
		t.Fatalf("declared %+v", s)
	}
}

// What was found lies behind a gap altogether: nothing of the old chain is sent under its
// own numbers, and all of it in the new one.
func TestOnlyIslandsAreFound(t *testing.T) {
	dir, _, chain := pressed(t, 20, false)
	remove(t, dir, segmentDB)
	overwrite(t, filepath.Join(dir, segmentLog), int64(logHeader)+20, []byte("hỏng")) // the first record
	again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
	s := declared(t, again, chain)
	if head := again.Pasts()[0].Head(); head != (custody.Head{}) || s.Last != 0 || s.Salvaged != 19 {
		t.Fatalf("head %d, declared %+v", head.Sequence, s)
	}
}

// A new chain that was begun, and whose name never reached the identity, goes on: what was
// pressed in it is not thrown away.
func TestTheIdentityWasNeverToldOfTheNewChain(t *testing.T) {
	dir, _, old := pressed(t, 10, false)
	truncate(t, filepath.Join(dir, segmentDB), 0)
	overwrite(t, filepath.Join(dir, segmentLog), int64(logHeader)+500, []byte("hỏng"))
	j := openTest(t, dir, func(o *Options) { o.Chain = old })
	e := press(t, j, "in the new chain")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir, func(o *Options) { o.Chain = old })
	if again.Chain() != e.ID.Chain {
		t.Fatalf("another chain: %s, was %s", again.Chain(), e.ID.Chain)
	}
	if got, ok, err := again.Find(survey.KeyNonce("in the new chain")); err != nil || !ok || got.ID != e.ID {
		t.Fatalf("the press in it: %v %v %v", got.ID, ok, err)
	}
}

// A failed write is followed by files written anew, and if that fails, it is still due.
func TestWhatCouldNotBeWrittenAnewStaysDue(t *testing.T) {
	dir, head, chain := pressed(t, 5, false)
	if err := writeState(dir, failed, false); err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(dir, segmentLog+".fresh")
	if err := os.MkdirAll(filepath.Join(blocked, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := openWith(dir, func(o *Options) { o.Chain = chain }); err == nil {
		t.Fatal("it opened without writing its log anew")
	}
	if got := readState(dir); got != failed {
		t.Fatalf("the state is %s", got)
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	if again := openTest(t, dir, func(o *Options) { o.Chain = chain }); again.Head() != head {
		t.Fatalf("head %d", again.Head().Sequence)
	}
}

// A write that panics over a damaged page lets go of the file.
func TestAPanicInAWriteIsNoDeadlock(t *testing.T) {
	j, err := openWith(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	press(t, j, "before")
	j.days.Store(nil) // the next group meets nil where it expects a ledger
	if _, _, err := j.Append(context.Background(), draft("during")); !errors.Is(err, kiosk.ErrUnknown) {
		t.Fatalf("a press whose write panics: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- j.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it cannot be closed")
	}
}
