package journal

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/kiosk"
	"hailong/survey"
	"hailong/survey/custody"
)

const testKiosk = survey.KioskID("k-test")

// draft is a press with a key of its own.
func draft(key string) survey.Draft {
	return survey.Draft{Nonce: survey.KeyNonce(key), Response: survey.Response{
		Questionnaire: survey.Hash{1}, Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 5}},
		Channel: survey.Touch, Stage: survey.Result, Counter: "Q1",
	}}
}

func openTest(t testing.TB, dir string, change ...func(*Options)) *Journal {
	t.Helper()
	j, err := openWith(dir, change...)
	if err != nil {
		t.Fatalf("open the journal: %v", err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close the journal: %v", err)
		}
	})
	return j
}

func openWith(dir string, change ...func(*Options)) (*Journal, error) {
	o := Options{Kiosk: testKiosk}
	for _, c := range change {
		c(&o)
	}
	return Open(dir, o)
}

func press(t testing.TB, j *Journal, key string) survey.Entry {
	t.Helper()
	e, appended, err := j.Append(context.Background(), draft(key))
	if err != nil || !appended {
		t.Fatalf("press %s: appended %v, %v", key, appended, err)
	}
	return e
}

func TestPressesAreNumberedWithoutGapsAndSurviveAStop(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	var ids []survey.RecordID
	for i := range 5 {
		e := press(t, j, strconv.Itoa(i))
		if want := (survey.RecordID{Chain: j.Chain(), Sequence: uint64(i + 1)}); e.ID != want {
			t.Fatalf("press %d is %s, want %s", i, e.ID, want)
		}
		ids = append(ids, e.ID)
	}
	head := j.Head()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir, func(o *Options) { o.Chain = ids[0].Chain })
	if again.Head() != head {
		t.Fatalf("after a stop the head is %v, was %v", again.Head(), head)
	}
	if e := press(t, again, "after"); e.ID.Sequence != 6 {
		t.Fatalf("the next press is %s, want sequence 6", e.ID)
	}
	for i, id := range ids {
		e, ok, err := again.Get(id)
		if err != nil || !ok || e.Nonce != survey.KeyNonce(strconv.Itoa(i)) {
			t.Fatalf("record %s: %v %v %v", id, e, ok, err)
		}
	}
}

func TestTheSameKeyIsOneRecordHoweverOftenAndWhenever(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	first := press(t, j, "key")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			e, appended, err := j.Append(context.Background(), draft("key"))
			if err != nil || appended || e.ID != first.ID {
				t.Errorf("sent again: %v %v %v", e.ID, appended, err)
			}
		})
	}
	all.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir)
	if e, ok, err := again.Find(survey.KeyNonce("key")); err != nil || !ok || e.ID != first.ID {
		t.Fatalf("after a stop: %v %v %v", e.ID, ok, err)
	}
	if again.Head().Sequence != 1 {
		t.Fatalf("%d records, want 1", again.Head().Sequence)
	}
}

func TestAKeyIsFoundHoweverManyCameAfterIt(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	const presses = 2*generation + 500
	var all sync.WaitGroup
	for hand := range 200 {
		all.Go(func() {
			for i := hand; i < presses; i += 200 {
				press(t, j, strconv.Itoa(i))
			}
		})
	}
	all.Wait()
	look := func(j *Journal) {
		t.Helper()
		seen := map[uint64]bool{}
		for i := range presses {
			e, ok, err := j.Find(survey.KeyNonce(strconv.Itoa(i)))
			if err != nil || !ok || seen[e.ID.Sequence] {
				t.Fatalf("key %d: %v %v %v", i, e.ID, ok, err)
			}
			seen[e.ID.Sequence] = true
		}
		if _, ok, err := j.Find(survey.KeyNonce("never")); ok || err != nil {
			t.Fatalf("a key never used was found: %v", err)
		}
	}
	look(j)
	if j.active().nonces.sealed == 0 || len(j.active().nonces.recent) >= 2*generation {
		t.Fatalf("no generation was sealed: %d in memory", len(j.active().nonces.recent))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	look(openTest(t, dir))
}

func TestPressesDuringASyncShareTheNext(t *testing.T) {
	var mu sync.Mutex
	var sizes []int
	j := openTest(t, t.TempDir(), func(o *Options) {
		o.OnCommit = func(n int, _ time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			sizes = append(sizes, n)
		}
	})
	var all sync.WaitGroup
	const presses = 400
	for i := range presses {
		all.Go(func() { press(t, j, strconv.Itoa(i)) })
	}
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	sum := 0
	for _, n := range sizes {
		sum += n
	}
	if sum != presses || len(sizes) > presses/2 {
		t.Fatalf("%d presses in %d commits: %v", sum, len(sizes), sizes)
	}
}

func TestCommentStaysBesideTheChain(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	d := draft("with comment")
	d.Comment = "Chờ hơi lâu"
	if _, _, err := j.Append(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	e, ok, err := j.Find(d.Nonce)
	if err != nil || !ok || e.Comment != d.Comment {
		t.Fatalf("comment %q, %v, %v", e.Comment, ok, err)
	}
	_, key, _ := ed25519.GenerateKey(nil)
	b, err := j.Batch(1, 0, 10, 1<<16, testKiosk, key)
	if err != nil {
		t.Fatal(err)
	}
	rec := custody.DecodeRecord(b.Records[0].Bytes)
	if c, ok := b.Comment(&rec); !ok || c.Text != d.Comment {
		t.Fatalf("the batch's comment is %v, %v", c, ok)
	}
	log, err := os.ReadFile(filepath.Join(dir, segmentLog))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(log, []byte(d.Comment)) || bytes.Contains(b.Bytes, []byte(d.Comment)) {
		t.Fatal("the comment's text stands in the log or in the signed bytes")
	}
}

// damage is a way in which a stop or a bad disk leaves the files.
func TestEitherFileRebuildsTheOther(t *testing.T) {
	cases := []struct {
		name   string
		damage func(t *testing.T, dir string)
	}{
		{"the log is gone", func(t *testing.T, dir string) { remove(t, dir, segmentLog) }},
		{"bbolt is gone", func(t *testing.T, dir string) { remove(t, dir, segmentDB) }},
		{"the log's last frame is torn", func(t *testing.T, dir string) { cut(t, dir, 7) }},
		{"the log lost its last three frames", func(t *testing.T, dir string) { dropFrames(t, dir, 3) }},
		{"the log has bytes of a frame never completed", func(t *testing.T, dir string) { spill(t, dir, []byte{0, 0, 1, 2, 3}) }},
		{"the log has a flipped bit", flipMiddle},
		{"bbolt lost its last three records", func(t *testing.T, dir string) { dropRecords(t, dir, 3) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			j := openTest(t, dir)
			for i := range 20 {
				press(t, j, strconv.Itoa(i))
			}
			head, chain := j.Head(), j.Chain()
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			forgetCleanStop(t, dir)
			c.damage(t, dir)
			again := openTest(t, dir, func(o *Options) { o.Chain = chain })
			if again.Head() != head {
				t.Fatalf("head %d, want %d", again.Head().Sequence, head.Sequence)
			}
			press(t, again, "next")
			for i := range 20 {
				if e, ok, err := again.Find(survey.KeyNonce(strconv.Itoa(i))); err != nil || !ok || e.ID.Sequence != uint64(i+1) {
					t.Fatalf("press %d: %v %v %v", i, e.ID, ok, err)
				}
			}
			checkTwins(t, dir, again)
		})
	}
}

func TestASecondProgramIsRefused(t *testing.T) {
	dir := t.TempDir()
	openTest(t, dir)
	if _, err := openWith(dir); !errors.Is(err, ErrLocked) {
		t.Fatalf("opened twice: %v, want ErrLocked", err)
	}
}

func TestAFailedWriteIsUnknownAndSettledByTheNonce(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	press(t, j, "before")
	if err := j.log.f.Close(); err != nil { // the disk goes away under the log, not under bbolt
		t.Fatal(err)
	}
	_, _, err := j.Append(context.Background(), draft("during"))
	if !errors.Is(err, kiosk.ErrUnknown) {
		t.Fatalf("a press while the log cannot be written: %v, want ErrUnknown", err)
	}
	<-j.Failed()
	if _, _, err := j.Append(context.Background(), draft("after")); !errors.Is(err, kiosk.ErrUnknown) {
		t.Fatalf("a press after it: %v, want ErrUnknown", err)
	}
	_ = j.Close() // the log's descriptor is closed already
	again := openTest(t, dir)
	e, found, err := again.Find(survey.KeyNonce("during"))
	if err != nil {
		t.Fatal(err)
	}
	sent, appended, err := again.Append(context.Background(), draft("during"))
	if err != nil || appended == found || found && sent.ID != e.ID || sent.ID.Sequence != 2 {
		t.Fatalf("sent again: %v appended %v, found before %v, %v", sent.ID, appended, found, err)
	}
	checkTwins(t, dir, again)
}

func TestBatchesAreBoundedAndVerify(t *testing.T) {
	j := openTest(t, t.TempDir())
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		press(t, j, strconv.Itoa(i))
	}
	var from uint64 = 1
	for batches := 0; ; batches++ {
		b, err := j.Batch(from, 0, 1000, 1200, testKiosk, key)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			if from != 31 || batches < 4 {
				t.Fatalf("ended before %d after %d batches", from, batches)
			}
			return
		}
		parsed, err := custody.ParseMessage(b.Message())
		if err != nil || parsed.Verify(public) != nil || parsed.Header.First != from || len(b.Bytes) > 1600 {
			t.Fatalf("batch from %d: %v, %d bytes", from, err, len(b.Bytes))
		}
		from = b.Header.Last() + 1
	}
}

func TestReconcile(t *testing.T) {
	h := func(n uint64, b byte) custody.Head { return custody.Head{Sequence: n, Hash: survey.Hash{b}} }
	cases := []struct {
		name        string
		db, log     custody.Head
		logAt, dbAt survey.Hash
		tail        bool
		want        Repair
	}{
		{"both empty", h(0, 0), h(0, 0), survey.Hash{}, survey.Hash{}, false, Agree},
		{"both the same", h(5, 5), h(5, 5), survey.Hash{5}, survey.Hash{5}, false, Agree},
		{"the log has a torn tail", h(5, 5), h(5, 5), survey.Hash{5}, survey.Hash{5}, true, MendLog},
		{"the log goes further", h(5, 5), h(7, 7), survey.Hash{5}, survey.Hash{}, false, CompleteDB},
		{"bbolt is empty", h(0, 0), h(7, 7), survey.Hash{}, survey.Hash{}, false, CompleteDB},
		{"bbolt goes further", h(7, 7), h(5, 5), survey.Hash{}, survey.Hash{5}, false, MendLog},
		{"the log is empty", h(7, 7), h(0, 0), survey.Hash{}, survey.Hash{}, false, MendLog},
		{"the log goes further on another branch", h(5, 5), h(7, 7), survey.Hash{6}, survey.Hash{}, false, Refuse},
		{"bbolt goes further on another branch", h(7, 7), h(5, 5), survey.Hash{}, survey.Hash{6}, false, Refuse},
		{"the same length, other records", h(5, 5), h(5, 6), survey.Hash{6}, survey.Hash{5}, false, Refuse},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Reconcile(custody.Head{}, c.db, c.log, c.tail, c.logAt, c.dbAt); got != c.want {
				t.Fatalf("got %d, want %d", got, c.want)
			}
		})
	}
}

func remove(t testing.TB, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// cut shortens the log by n bytes.
func cut(t *testing.T, dir string, n int64) {
	t.Helper()
	path := filepath.Join(dir, segmentLog)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-n); err != nil {
		t.Fatal(err)
	}
}

func dropFrames(t *testing.T, dir string, n int) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, segmentLog), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sizes []int64
	if _, err := scanLog(f, func(r *custody.Record) error {
		sizes = append(sizes, int64(len(r.Bytes))+frameHeader)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var drop int64
	for _, s := range sizes[len(sizes)-n:] {
		drop += s
	}
	cut(t, dir, drop)
}

func spill(t *testing.T, dir string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, segmentLog), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func flipMiddle(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, segmentLog)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func inDB(t testing.TB, dir string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := openDB(filepath.Join(dir, segmentDB), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// forgetCleanStop makes the last stop look like a cut.
func forgetCleanStop(t testing.TB, dir string) {
	inDB(t, dir, func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Delete(keyClean) })
}

func dropRecords(t *testing.T, dir string, n int) {
	inDB(t, dir, func(tx *bbolt.Tx) error {
		for range n {
			k, _ := tx.Bucket(bucketRecords).Cursor().Last()
			if err := tx.Bucket(bucketRecords).Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkTwins closes the journal and compares its two files record by record, and has
// bbolt check itself.
func checkTwins(t *testing.T, dir string, j *Journal) {
	t.Helper()
	head := j.Head()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compareTwins(dir, head); err != nil {
		t.Fatal(err)
	}
}

func compareTwins(dir string, head custody.Head) error {
	db, err := openDB(filepath.Join(dir, segmentDB), false)
	if err != nil {
		return err
	}
	defer db.Close()
	f, err := os.Open(filepath.Join(dir, segmentLog))
	if err != nil {
		return err
	}
	defer f.Close()
	return db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		var index nonces
		if err := index.load(tx); err != nil {
			return err
		}
		s, err := scanLog(f, func(r *custody.Record) error {
			if in, err := recordAt(tx, r.Sequence); err != nil || in == nil || !bytes.Equal(r.Bytes, in.Bytes) {
				return fmt.Errorf("record %d differs between log and bbolt", r.Sequence)
			}
			if seq, err := index.find(tx, r.Nonce); err != nil || seq != r.Sequence {
				return fmt.Errorf("record %d is not found by its nonce", r.Sequence)
			}
			return nil
		})
		if err == nil && s.head != head {
			err = fmt.Errorf("the log ends at %d, the journal at %d", s.head.Sequence, head.Sequence)
		}
		return err
	})
}

func TestWhatIsCutFromTheLogIsKeptBeside(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	press(t, j, "one")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	forgetCleanStop(t, dir)
	torn := []byte("half a frame that was never thanked for")
	spill(t, dir, torn)
	openTest(t, dir)
	kept, err := filepath.Glob(filepath.Join(dir, segmentLog+".cut-*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept beside: %v %v", kept, err)
	}
	if b, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(b, torn) {
		t.Fatalf("kept %q, %v", b, err)
	}
}

// A stop between the two syncs must not leave a record whose comment seems erased: when
// its frame reaches the log, bbolt must have both.
func TestACommentIsInBboltBeforeItsRecordIsInTheLog(t *testing.T) {
	j := openTest(t, t.TempDir())
	d := draft("with comment")
	d.Comment = "Chờ hơi lâu"
	real, seen := j.log, make(chan string, 1)
	watched := &logFile{f: real.f, size: real.size, ahead: real.ahead, work: make(chan []byte), done: make(chan error, 1)}
	go func() {
		for frames := range watched.work {
			if len(frames) > 0 {
				_ = j.active().db.View(func(tx *bbolt.Tx) error { // an absent row is what the test is about
					seen <- string(tx.Bucket(bucketComments).Get(sequenceKey(1)))
					return nil
				})
			}
			watched.done <- watched.write(frames)
		}
		close(real.work)
	}()
	j.log = watched
	if _, _, err := j.Append(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	if row := <-seen; !strings.HasSuffix(row, d.Comment) {
		t.Fatalf("when the record reached the log, bbolt's row was %q", row)
	}
}

// A journal that lost bbolt while it was still empty is whole again: a torn write of a
// later day, whose second page reached the disk and whose first did not, is no damage.
func TestARebuiltJournalIsAJournalLikeAnyOther(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	chain := j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, dir, segmentDB)
	j = openTest(t, dir, func(o *Options) { o.Chain = chain })
	e := press(t, j, "one")
	record := custody.Seal(custody.Record{Version: custody.RecordVersion, Chain: chain, Sequence: 3, Kind: custody.ResponseRecord})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	forgetCleanStop(t, dir)
	spill(t, dir, appendFrame(make([]byte, 40), record.Bytes))
	again := openTest(t, dir, func(o *Options) { o.Chain = chain })
	if again.Head().Sequence != e.ID.Sequence {
		t.Fatalf("head %d, want %d", again.Head().Sequence, e.ID.Sequence)
	}
}
