package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
)

// presserFolder makes the test binary a program that presses into the journal of that
// folder until killed.
const presserFolder = "HAILONG_TEST_JOURNAL"

func TestMain(m *testing.M) {
	if os.Getenv(childWork) != "" {
		os.Exit(RunChild(os.Args[1:], os.Stdout))
	}
	if dir := os.Getenv(presserFolder); dir != "" {
		fmt.Fprintln(os.Stderr, presser(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// pressers is how many press at once, so that commits hold more than one record.
const pressers = 4

// presser says each press that was thanked, with its sequence. It ends only by an error.
func presser(dir string) error {
	j, err := openWith(dir)
	if err != nil {
		return err
	}
	life := os.Getpid()
	failed := make(chan error, pressers)
	for p := range pressers {
		go func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d-%d-%d", life, p, n)
				e, appended, err := j.Append(context.Background(), draftOf(key))
				if err != nil || !appended {
					failed <- fmt.Errorf("press %s: appended %v, %w", key, appended, err)
					return
				}
				fmt.Println(key, e.ID.Sequence)
			}
		}()
	}
	return <-failed
}

// draftOf is a press with the key; every other one is made with a ticket, as at a gateway.
func draftOf(key string) survey.Draft {
	d := draft(key)
	if n := len(key); (key[n-1]-'0')%2 == 1 {
		d.Response.Channel = survey.QR
		d.Response.Ticket = &survey.UsedTicket{Class: survey.ScreenTicket, ID: survey.TicketID(d.Nonce), Visit: survey.Visit(d.Nonce[8:])}
	}
	return d
}

// ledger is what was thanked: key → sequence.
type ledger map[string]uint64

// Whenever the kiosk is killed, what it thanked for is there, under the number that it
// said, and the two files are equal again after the next start.
func TestKilledWhilePressing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	thanked := ledger{}
	recovered := 0
	// Ten lives, and on a slow disk as many more as it takes to see something lost.
	for round := 0; round < 10 || len(thanked) < 50 && round < 100; round++ {
		n := killedPresser(t, dir, round < 2, thanked)
		if round < 2 {
			continue // it may not have made its files yet: the next one must cope
		}
		// The check opens a copy, and with it repairs it: the next presser repairs by itself.
		copied := copyFolder(t, dir)
		if !equalTwins(copied) {
			recovered++
		}
		if err := thanked.check(copied); err != nil {
			t.Fatalf("round %d, after %d thanked presses: %v", round, n, err)
		}
	}
	if len(thanked) < 50 {
		t.Fatalf("only %d presses were thanked", len(thanked))
	}
	t.Logf("%d presses thanked; %d times the files were unequal after the kill", len(thanked), recovered)
	// The negative control: with the last thanked press taken out of both files the very
	// same check must say so.
	lost := copyFolder(t, dir)
	if err := thanked.check(lost); err != nil {
		t.Fatal(err)
	}
	takeLast(t, lost, thanked)
	if err := thanked.check(lost); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Fatalf("the check of a journal without its last thanked press: %v", err)
	}
}

// killedPresser runs a presser, kills it soon after its start or its first press, adds
// what it thanked for to the ledger, and says how much that was.
func killedPresser(t *testing.T, dir string, early bool, thanked ledger) (n int) {
	t.Helper()
	var complaints bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), presserFolder+"="+dir)
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() } // if it ended by itself, that is found below
	moment := time.Duration(rand.IntN(100)) * time.Millisecond
	if early {
		time.AfterFunc(moment/2, kill)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); n++ {
		if n == 0 && !early {
			time.AfterFunc(moment, kill)
		}
		var key string
		var seq uint64
		if _, err := fmt.Sscan(lines.Text(), &key, &seq); err != nil {
			t.Errorf("the presser said %q: %v", lines.Text(), err)
		}
		thanked[key] = seq
	}
	_ = cmd.Wait() // it was killed
	if complaints.Len() > 0 {
		t.Fatalf("the presser ended by itself: %s", complaints.String())
	}
	return n
}

// check opens a journal and compares it with the ledger: every thanked press is there
// under its number, the numbers have no gaps, and the two files are equal.
func (l ledger) check(dir string) error {
	j, err := openWith(dir)
	if err != nil {
		return err
	}
	head := j.Head()
	err = errors.Join(l.found(j), gapFree(j), j.Close())
	if err == nil {
		err = compareTwins(dir, head)
	}
	return err
}

func (l ledger) found(j *Journal) error {
	for key, seq := range l {
		e, ok, err := j.Find(survey.KeyNonce(key))
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("press %s was thanked as %d and is not there", key, seq)
		}
		if e.ID.Sequence != seq || e.Nonce != survey.KeyNonce(key) {
			return fmt.Errorf("press %s was thanked as %d and is %d", key, seq, e.ID.Sequence)
		}
		if want := draftOf(key).Response; !reflect.DeepEqual(e.Response, want) { // by its ticket a second use is known
			return fmt.Errorf("press %s was thanked and is kept as %+v, want %+v", key, e.Response, want)
		}
	}
	return nil
}

func gapFree(j *Journal) error {
	for seq := uint64(1); seq <= j.Head().Sequence; seq++ {
		e, ok, err := j.Get(survey.RecordID{Chain: j.Chain(), Sequence: seq})
		if err != nil || !ok || e.ID.Sequence != seq {
			return fmt.Errorf("record %d is missing: found %v, %w", seq, ok, err)
		}
	}
	return nil
}

// takeLast takes the last thanked record, and what follows it, out of both files.
func takeLast(t *testing.T, dir string, thanked ledger) {
	t.Helper()
	var last uint64
	for _, seq := range thanked {
		last = max(last, seq)
	}
	j, err := openWith(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := int(j.Head().Sequence-last) + 1
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	forgetCleanStop(t, dir)
	dropRecords(t, dir, n)
	dropFrames(t, dir, n)
}

func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// equalTwins reports whether log and bbolt hold the same records as they lie there.
func equalTwins(dir string) bool {
	f, err := os.Open(filepath.Join(dir, segmentLog))
	if err != nil {
		return false
	}
	defer f.Close()
	s, err := scanLog(f, skip)
	if err != nil || compareTwins(dir, s.head) != nil {
		return false
	}
	db, err := openDB(filepath.Join(dir, segmentDB), false)
	if err != nil {
		return false
	}
	defer db.Close()
	var last uint64
	err = db.View(func(tx *bbolt.Tx) error {
		if k, _ := tx.Bucket(bucketRecords).Cursor().Last(); k != nil {
			last = sequenceOf(k)
		}
		return nil
	})
	return err == nil && last == s.head.Sequence
}

// A stop while the journal is made leaves a log without its header, or with a part of
// it. Nothing was recorded then, or bbolt has it.
func TestALogThatWasNeverFinished(t *testing.T) {
	for _, presses := range []int{0, 3} {
		for _, size := range []int64{0, 1, int64(logHeader) - 1} {
			t.Run(fmt.Sprintf("%d presses, %d bytes", presses, size), func(t *testing.T) {
				dir := t.TempDir()
				j := openTest(t, dir)
				for i := range presses {
					press(t, j, fmt.Sprint(i))
				}
				head := j.Head()
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				forgetCleanStop(t, dir)
				if err := os.Truncate(filepath.Join(dir, segmentLog), size); err != nil {
					t.Fatal(err)
				}
				again := openTest(t, dir, func(o *Options) { o.Chain = j.Chain() })
				if again.Head() != head {
					t.Fatalf("head %d, want %d", again.Head().Sequence, head.Sequence)
				}
				press(t, again, "next")
				checkTwins(t, dir, again)
			})
		}
	}
}

// openings are the ways in which a stop leaves a journal that the next start must open.
var openings = []struct {
	name  string
	leave func(t testing.TB, dir string)
}{
	{"after a clean stop", func(testing.TB, string) {}},
	{"after an unclean stop", func(t testing.TB, dir string) { forgetCleanStop(t, dir) }},
	{"the log lost, rebuilt from bbolt", func(t testing.TB, dir string) { remove(t, dir, segmentLog) }},
	{"bbolt lost, rebuilt from the log", func(t testing.TB, dir string) { remove(t, dir, segmentDB) }},
}

// timedOpening opens a journal of so many records, once, and says how long that took.
func timedOpening(t testing.TB, dir string, records uint64) time.Duration {
	t.Helper()
	began := time.Now()
	j, err := openWith(dir)
	took := time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	if j.Head().Sequence != records {
		t.Fatalf("head %d, want %d", j.Head().Sequence, records)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return took
}

func TestABigJournalIsOpenedHoweverItWasLeft(t *testing.T) {
	dir := t.TempDir()
	records := bigLog(t, dir, 2<<20)
	reserved(t, dir, bigChain, records)
	timedOpening(t, dir, records)
	for _, o := range openings {
		o.leave(t, dir)
		t.Logf("%s: %d records, opened in %s", o.name, records, timedOpening(t, dir, records).Round(time.Millisecond))
	}
}

// How long a kiosk takes to start with a log of 32 MiB, some years of a busy counter.
func BenchmarkOpenWith32MiB(b *testing.B) {
	dir := b.TempDir()
	records := bigLog(b, dir, 32<<20)
	reserved(b, dir, bigChain, records)
	timedOpening(b, dir, records)
	for _, o := range openings {
		b.Run(o.name, func(b *testing.B) {
			var all time.Duration
			for range b.N {
				o.leave(b, dir)
				all += timedOpening(b, dir, records)
			}
			b.ReportMetric(float64(all.Milliseconds())/float64(b.N), "open-ms")
			b.ReportMetric(float64(records), "records")
		})
	}
}

// A press is not held up by readers, nor they by it.
func TestReadersAndPressersAtOnce(t *testing.T) {
	j := openTest(t, t.TempDir())
	_, key := testKey(t)
	ctx, cancel := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				head := j.Head()
				if head.Sequence == 0 {
					continue
				}
				b, err := j.Batch(1, 0, 1000, 1<<20, testKiosk, key)
				if err != nil || b == nil || b.Header.Last() < head.Sequence && b.Header.Count < 1000 {
					t.Errorf("a batch with the head at %d: %v", head.Sequence, err)
					return
				}
				if h, err := j.HashAt(head.Sequence); err != nil || h != head.Hash {
					t.Errorf("hash at %d: %v", head.Sequence, err)
					return
				}
			}
		})
	}
	for i := range 40 {
		press(t, j, fmt.Sprint(i))
	}
	cancel()
	readers.Wait()
}
