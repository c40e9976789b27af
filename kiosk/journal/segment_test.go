package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/kiosk"
	"hailong/survey"
	"hailong/survey/custody"
)

// calendar is a clock that tests move.
type calendar struct {
	mu sync.Mutex // protects at
	at time.Time
}

func (c *calendar) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *calendar) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

var newYear = time.Date(2027, 1, 4, 8, 0, 0, 0, survey.Zone)

// small has small segments, and lets the test do by hand what is done while nobody presses.
func small(o *Options) { o.Segment, o.Ballast, o.idle = 4<<10, -1, time.Hour }

// segmented makes a journal of several segments.
func segmented(t *testing.T, dir string, presses int, change ...func(*Options)) *Journal {
	t.Helper()
	j := openTest(t, dir, append([]func(*Options){small}, change...)...)
	for i := range presses {
		press(t, j, strconv.Itoa(i))
	}
	if n := len(j.segments()); n < 3 {
		t.Fatalf("%d segments only", n)
	}
	return j
}

func found(t *testing.T, j *Journal, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		e, ok, err := j.Find(survey.KeyNonce(strconv.Itoa(i)))
		if err != nil || !ok || e.ID.Sequence != uint64(i+1) {
			t.Fatalf("press %d: %v %v %v", i, e.ID, ok, err)
		}
		if e, ok, err := j.Get(e.ID); err != nil || !ok || e.Nonce != survey.KeyNonce(strconv.Itoa(i)) {
			t.Fatalf("record %s: %v %v", e.ID, ok, err)
		}
	}
}

// sendAll sends a journal's records from a sequence on as the uplink does, and checks
// that they form one chain.
func sendAll(t *testing.T, j *Journal, from uint64) (records uint64) {
	t.Helper()
	public, key := testKey(t)
	var at survey.Hash
	for from <= j.Head().Sequence {
		b, err := j.Batch(from, 0, 7, 1<<16, custody.KioskName(public), key)
		if err != nil || b.Verify(public) != nil {
			t.Fatalf("the batch from %d on: %v", from, err)
		}
		if records > 0 && b.Header.Previous != at {
			t.Fatalf("the batch from %d on does not follow the one before", from)
		}
		at = b.Header.LastHash
		records += b.Header.Count
		from = b.Header.Last() + 1
	}
	return records
}

func TestAFullSegmentIsSealedAndTheNextGoesOn(t *testing.T) {
	dir := t.TempDir()
	j := segmented(t, dir, 60)
	chain, head := j.Chain(), j.Head()
	check := func(j *Journal) {
		t.Helper()
		found(t, j, 0, 60)
		if n := sendAll(t, j, 1); n != 60 || j.Head() != head || firstKept(j) != 1 {
			t.Fatalf("%d records to send, head %d, the first is %d", n, j.Head().Sequence, firstKept(j))
		}
		e, appended, err := j.Append(context.Background(), draft("3"))
		if err != nil || appended || e.ID.Sequence != 4 {
			t.Fatalf("an old key: %v %v %v", e.ID, appended, err)
		}
	}
	check(j)
	killed := copyFolder(t, dir)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"clean": dir, "killed": killed} {
		t.Run(name, func(t *testing.T) {
			again := openTest(t, dir, small, withChild, func(o *Options) { o.Chain = chain })
			check(again)
			if e := press(t, again, "next"); e.ID.Sequence != 61 {
				t.Fatalf("the next is %s", e.ID)
			}
			if got := again.Totals(0); len(got.Days) != 1 || got.Days[0].Issued != 61 || got.Last != 61 {
				t.Fatalf("totals over all segments: %+v", got)
			}
		})
	}
}

// A stop at any moment of sealing leaves a journal that goes on: each file that the next
// segment may lack is taken away.
func TestAStopWhileASegmentIsBegun(t *testing.T) {
	dir := t.TempDir()
	j := segmented(t, dir, 60)
	for i := 60; j.active().first != j.Head().Sequence+1; i++ { // until a segment was just begun
		press(t, j, strconv.Itoa(i))
		if _, _, err := j.Append(context.Background(), draft("0")); err != nil { // answered once the press's segment is sealed, if it is full
			t.Fatal(err)
		}
	}
	chain, head, last := j.Chain(), j.Head(), j.active().number
	fresh := copyFolder(t, dir)
	for name, harm := range map[string]func(t *testing.T, dir string){
		"before its log": func(t *testing.T, dir string) {
			remove(t, dir, dbName(last))
			remove(t, dir, logName(last))
			notReady(t, dir, last-1)
		},
		"its log half made": func(t *testing.T, dir string) {
			remove(t, dir, dbName(last))
			truncate(t, filepath.Join(dir, logName(last)), 9)
			notReady(t, dir, last-1)
		},
		"before its bbolt":    func(t *testing.T, dir string) { remove(t, dir, dbName(last)) },
		"its bbolt half made": func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, dbName(last)), 5000) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyFolder(t, fresh)
			harm(t, dir)
			again := openTest(t, dir, small, withChild, func(o *Options) { o.Chain = chain })
			if again.Chain() != chain {
				t.Fatalf("another chain begins: %+v", declared(t, again, chain))
			}
			if again.Head() != head {
				t.Fatalf("head %d, want %d", again.Head().Sequence, head.Sequence)
			}
			found(t, again, 0, int(head.Sequence))
			if e := press(t, again, "next"); e.ID.Sequence != head.Sequence+1 {
				t.Fatalf("the next is %s", e.ID)
			}
			if got := again.Totals(0).Days; len(got) != 1 || got[0].Issued != head.Sequence+1 {
				t.Fatalf("totals: %+v", got)
			}
		})
	}
}

// notReady takes from a sealed segment the note that the next one is ready.
func notReady(t *testing.T, dir string, number int) {
	t.Helper()
	db, err := openDB(filepath.Join(dir, dbName(number)), false)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Delete(keyFollowed) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A last segment that was ready and is not there, or of which both files are useless, is
// a loss: its numbers may have been given out.
func TestTheLastSegmentIsLost(t *testing.T) {
	for name, harm := range map[string]func(t testing.TB, path string){"missing": harms[0].do, "empty": harms[1].do, "zeroed": harms[3].do} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := segmented(t, dir, 60)
			for i := 60; j.active().first > j.Head().Sequence; i++ { // until it holds something
				press(t, j, strconv.Itoa(i))
			}
			chain, last, before := j.Chain(), j.active().number, j.active().first-1
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			harm(t, filepath.Join(dir, dbName(last)))
			harm(t, filepath.Join(dir, logName(last)))
			again := openTest(t, dir, small, withChild, func(o *Options) { o.Chain = chain })
			if s := declared(t, again, chain); s.Last != before || s.Lost() == 0 {
				t.Fatalf("declared %+v, want a loss after %d", s, before)
			}
			found(t, again, 0, int(before))
		})
	}
}

// An oldest segment that is lost is a loss, unless it was let go.
func TestTheFirstSegmentIsLost(t *testing.T) {
	dir := t.TempDir()
	j := segmented(t, dir, 60)
	chain, first := j.Chain(), j.segments()[0].last
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, dir, dbName(1))
	remove(t, dir, logName(1))
	again := openTest(t, dir, small, withChild, func(o *Options) { o.Chain = chain })
	if s := declared(t, again, chain); s.Last != 0 || s.Salvaged != 60-first.Sequence {
		t.Fatalf("declared %+v", s)
	}
}

// A sealed segment's file is made anew from its twin like any other.
func TestADamagedSealedSegmentIsMended(t *testing.T) {
	for i, name := range []string{dbName(1), logName(1), dbName(2), logName(2)} {
		for k, harm := range harms[:4] {
			if testing.Short() && i != k {
				continue
			}
			t.Run(name+" "+harm.name, func(t *testing.T) {
				dir := t.TempDir()
				j := segmented(t, dir, 60)
				chain, head := j.Chain(), j.Head()
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				harm.do(t, filepath.Join(dir, name))
				if err := writeState(dir, trying, false); err != nil { // a start that died at it
					t.Fatal(err)
				}
				again := openTest(t, dir, small, withChild, func(o *Options) { o.Chain = chain })
				if again.Head() != head || again.Chain() != chain {
					t.Fatalf("head %d of %s, want %d of %s", again.Head().Sequence, again.Chain(), head.Sequence, chain)
				}
				found(t, again, 0, 60)
				if n := sendAll(t, again, 1); n != 60 {
					t.Fatalf("%d records to send", n)
				}
			})
		}
	}
}

func TestOnlyWhatABackupHoldsIsLetGo(t *testing.T) {
	dir := t.TempDir()
	day := &calendar{at: newYear}
	space := Space{Free: 900 << 20, Total: 1000 << 20}
	j := segmented(t, dir, 100, func(o *Options) { o.Now, o.Space = day.now, func(string) Space { return space } })
	segments := func() int { return len(j.segments()) }
	all := segments()
	prune := func(what string, want int) {
		t.Helper()
		if err := j.prune(); err != nil {
			t.Fatal(err)
		}
		if got := segments(); got != want {
			t.Fatalf("%s: %d segments, want %d", what, got, want)
		}
	}
	contact := func() { j.Contact(day.now(), day.now(), day.now()) }
	contact()
	prune("nothing is backed", all)
	second := j.segments()[1].last
	if err := j.Backed(j.Chain(), custody.Head{Sequence: second.Sequence, Hash: survey.Hash{1}}); err == nil {
		t.Fatal("a backup of another record is believed")
	}
	day.set(newYear.AddDate(1, 0, 0))
	contact()
	prune("a backup of other records", all)
	day.set(newYear)
	contact()
	if err := j.Backed(j.Chain(), second); err != nil {
		t.Fatal(err)
	}
	prune("backed, but young", all)
	space.Free = 400 << 20
	day.set(newYear.Add(spendable - time.Second))
	contact()
	prune("the disk is more than half full, and a ticket that was spent may still be shown", all)
	// The control of that is below: what was let go is found no more.
	if _, appended, err := j.Append(t.Context(), draft("0")); appended || err != nil {
		t.Fatalf("a ticket is good once more: %v", err)
	}
	day.set(newYear.Add(spendable))
	contact()
	prune("the disk is more than half full", all-2)
	found(t, j, int(second.Sequence), 100)
	if _, ok, err := j.Find(survey.KeyNonce("0")); ok || err != nil {
		t.Fatalf("what was let go is found: %v", err)
	}
	if h, err := j.HashAt(second.Sequence); err != nil || h != second.Hash {
		t.Fatalf("the hash of the last record that was let go: %v", err)
	}
	if h, err := j.HashAt(second.Sequence - 1); err != nil || !h.IsZero() {
		t.Fatalf("the hash of one before it: %v %v", h, err)
	}
	if firstKept(j) != second.Sequence+1 {
		t.Fatalf("the first is %d", firstKept(j))
	}
	space.Free = 900 << 20
	third := j.segments()[0].last
	if err := j.Backed(j.Chain(), third); err != nil {
		t.Fatal(err)
	}
	prune("room again", all-2)
	day.set(newYear.AddDate(0, 0, 89))
	contact()
	prune("89 days", all-2)
	day.set(newYear.AddDate(0, 0, 91))
	contact()
	prune("91 days", all-3)
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(files) != segments() {
		t.Fatalf("files left: %v %v", files, err)
	}
	chain, head := j.Chain(), j.Head()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir, small, func(o *Options) { o.Chain = chain })
	if again.Head() != head || sendAll(t, again, firstKept(again)) != head.Sequence-third.Sequence {
		t.Fatal("after a stop it is another journal")
	}
}

// A clock that cannot be believed lets nothing go by age.
func TestNothingIsLetGoByAClockThatLies(t *testing.T) {
	day := &calendar{at: newYear}
	j := segmented(t, t.TempDir(), 60, func(o *Options) {
		o.Now, o.Space = day.now, func(string) Space { return Space{Free: 9, Total: 10} }
		o.Full, o.Spare = 1, 1
	})
	all := len(j.segments())
	if err := j.Backed(j.Chain(), j.segments()[all-2].last); err != nil {
		t.Fatal(err)
	}
	day.set(newYear.AddDate(10, 0, 0)) // no contact in this boot: nobody says that it is true
	if err := j.prune(); err != nil || len(j.segments()) != all {
		t.Fatalf("%d segments left of %d: %v", len(j.segments()), all, err)
	}
}

func TestAQuietKiosksSegmentIsSealedAfterAMonth(t *testing.T) {
	day := &calendar{at: newYear}
	j := openTest(t, t.TempDir(), func(o *Options) { o.Now = day.now })
	press(t, j, "one")
	for month := 1; month <= 3; month++ {
		day.set(newYear.AddDate(0, 0, 32*month))
		j.Contact(day.now(), day.now(), day.now())
		press(t, j, fmt.Sprint(month))
		for i := 0; len(j.segments()) != month+1; i++ { // the press is answered first
			if time.Sleep(time.Millisecond); i > 2000 {
				t.Fatalf("%d segments after %d months", len(j.segments()), month)
			}
		}
	}
}

// A full disk is said, counted, and over when there is room again. Nobody is thanked for
// what was not kept.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	space := Space{Free: 1 << 30, Total: 2 << 30}
	j := openTest(t, dir, func(o *Options) { o.Space = func(string) Space { return space } })
	press(t, j, "before")
	space.Free = 49 << 20
	if err := j.Err(); !errors.Is(err, kiosk.ErrFull) {
		t.Fatalf("the journal says %v", err)
	}
	for range 3 {
		if _, _, err := j.Append(context.Background(), draft("during")); !errors.Is(err, kiosk.ErrFull) {
			t.Fatalf("a press on a full disk: %v", err)
		}
	}
	if e, appended, err := j.Append(context.Background(), draft("before")); err != nil || appended || e.ID.Sequence != 1 {
		t.Fatalf("what was kept before is still said to be: %v %v", appended, err)
	}
	if n := j.Refused(); n != 3 {
		t.Fatalf("%d refused", n)
	}
	space.Free = 1 << 30
	if e := press(t, j, "during"); e.ID.Sequence != 2 || j.Err() != nil {
		t.Fatalf("with room again: %s, %v", e.ID, j.Err())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if again := openTest(t, dir); again.Refused() != 3 {
		t.Fatalf("%d refused, after a stop", again.Refused())
	}
}

// The numbers' file: torn anywhere, it still says at least the number before.
func TestACounterSurvivesATornWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "count")
	c, err := openCounter(path)
	if err != nil {
		t.Fatal(err)
	}
	for v := uint64(1); v <= 5; v++ {
		if err := c.set(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.f.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 5, counterSlot, counterSlot + 11} {
		torn := bytes.Clone(whole)
		torn[at] ^= 0xff
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := openCounter(path)
		if err != nil || c.value < 4 || c.value > 5 {
			t.Fatalf("torn at %d: %d, %v", at, c.value, err)
		}
		if err := c.f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A number that was given out lies never above what is reserved.
func TestNumbersAreReservedBeforeTheyAreGiven(t *testing.T) {
	j := openTest(t, t.TempDir())
	for i := range 3 * block {
		if i%7 == 0 {
			press(t, j, strconv.Itoa(i))
			continue
		}
		if _, _, err := j.Append(context.Background(), draft(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
		c, err := openCounter(j.issued.f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if head := j.Head().Sequence; c.value < head || c.value > head+2*block {
			t.Fatalf("at %d the file says %d", head, c.value)
		}
		if err := c.f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A sealed segment that is damaged at rest is met at a start that expects nothing: the
// child looks at it before anybody opens it to mend it.
func TestASealedSegmentDamagedAtRest(t *testing.T) {
	dir := t.TempDir()
	j := segmented(t, dir, 60)
	chain, head := j.Chain(), j.Head()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, dbName(1))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 2 * 4096; at < len(b); at += 4096 { // its two first pages say where the rest is
		copy(b[at:], bytes.Repeat([]byte{0xaa}, 64))
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir, small, withChild, func(o *Options) { o.Chain = chain })
	if again.Head() != head {
		t.Fatalf("head %d, want %d", again.Head().Sequence, head.Sequence)
	}
	found(t, again, 0, 60)
}
