package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// alter turns the answer of one record in a bbolt file from "very satisfied" to "very
// dissatisfied", as one byte that goes bad would. With resum its checksum is made to fit.
func alter(t testing.TB, dir string, seq uint64, resum bool) {
	t.Helper()
	path := filepath.Join(dir, segmentDB)
	db, err := openDB(path, true)
	if err != nil {
		t.Fatal(err)
	}
	var row []byte
	err = db.View(func(tx *bbolt.Tx) error {
		row = bytes.Clone(tx.Bucket(bucketRecords).Get(sequenceKey(seq)))
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	altered := bytes.Replace(row, []byte{0x62, 'Z', '0', 5}, []byte{0x62, 'Z', '0', 1}, 1)
	if resum {
		altered = appendSummed(nil, altered[sumSize:])
	}
	replace(t, path, row, altered)
}

// replace puts other bytes of the same length wherever some stand in a file.
func replace(t testing.TB, path string, old, with []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at, n := 0, 0; ; n++ {
		i := bytes.Index(b[at:], old)
		if i < 0 && n == 0 || bytes.Equal(old, with) {
			t.Fatalf("%s does not hold the bytes to alter", path)
		}
		if i < 0 {
			return
		}
		overwrite(t, path, int64(at+i), with)
		at += i + 1
	}
}

// An answer that was altered on the disk is never sent and never counted: it is lost, and
// declared so. The control is an altered answer that nothing proves false.
func TestAnAlteredAnswerIsNotCounted(t *testing.T) {
	for name, c := range map[string]struct {
		seq      uint64
		resum    bool
		carved   bool // bbolt's structure is gone as well
		believed bool
		last     uint64 // the end of the row that is declared
		behind   uint64 // records behind it
	}{
		"in the middle":        {seq: 20, last: 19, behind: 20},
		"the last one":         {seq: 40, last: 39},
		"the last one, carved": {seq: 40, last: 39, carved: true},
		"in the middle, and only the next one says so": {seq: 20, last: 19, behind: 20, resum: true},
		"control: nothing says so":                     {seq: 40, last: 40, resum: true, believed: true},
		"control: nothing says so, carved":             {seq: 40, last: 40, resum: true, carved: true, believed: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _, chain := pressed(t, 40, false)
			remove(t, dir, segmentLog)
			alter(t, dir, c.seq, c.resum)
			if c.carved {
				overwrite(t, filepath.Join(dir, segmentDB), 0, make([]byte, 2*os.Getpagesize()))
			}
			again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
			e, ok, err := again.Find(survey.KeyNonce(strconv.Itoa(int(c.seq) - 1)))
			if err != nil || ok != c.believed || ok && e.Response.Answers[0].Level != 1 {
				t.Fatalf("record %d says %+v, %v, %v", c.seq, e.Response.Answers, ok, err)
			}
			if c.believed && !c.carved {
				if again.Chain() != chain {
					t.Fatal("the control leaves the chain")
				}
				return
			}
			s := declared(t, again, chain)
			if s.Last != c.last || s.Salvaged != c.behind || s.Lost() == 0 {
				t.Fatalf("declared %+v", s)
			}
			_, key := testKey(t)
			b, err := again.Pasts()[0].Batch(1, 0, 1000, 1<<20, testKiosk, key)
			if err != nil || b.Header.Last() != c.last {
				t.Fatalf("sent under its own numbers: %+v, %v", b, err)
			}
		})
	}
}

// Where the log is there, bbolt is made anew from it: nothing is lost.
func TestTheLogBringsAnAlteredAnswerBack(t *testing.T) {
	for _, clean := range []bool{true, false} {
		for _, seq := range []uint64{20, 40} {
			dir, head, chain := pressed(t, 40, clean)
			alter(t, dir, seq, false)
			again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
			if again.Head() != head {
				t.Fatalf("head %d", again.Head().Sequence)
			}
			e, ok, err := again.Find(survey.KeyNonce(strconv.Itoa(int(seq) - 1)))
			if err != nil || !ok || e.Response.Answers[0].Level != 5 {
				t.Errorf("clean %v: record %d says %+v, %v, %v", clean, seq, e.Response.Answers, ok, err)
			}
			checkTwins(t, dir, again)
		}
	}
}

// An answer that is altered under a journal at work is met by whatever reads it.
func TestAnAlteredAnswerIsMetAtWork(t *testing.T) {
	dir := t.TempDir()
	j, err := openWith(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		press(t, j, strconv.Itoa(i))
	}
	head, chain := j.Head(), j.Chain()
	r, err := j.active().record(3)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, segmentDB), r.Bytes, bytes.Replace(r.Bytes, []byte{0x62, 'Z', '0', 5}, []byte{0x62, 'Z', '0', 1}, 1))
	_, key := testKey(t)
	for name, read := range map[string]func() error{
		"Find":   func() error { _, _, err := j.Find(survey.KeyNonce("2")); return err },
		"Get":    func() error { _, _, err := j.Get(survey.RecordID{Chain: chain, Sequence: 3}); return err },
		"Batch":  func() error { _, err := j.Batch(3, 2, 1, 1<<16, testKiosk, key); return err },
		"TimeAt": func() error { _, err := j.TimeAt(3); return err },
	} {
		if err := read(); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
	if e, ok, err := again.Find(survey.KeyNonce("2")); err != nil || !ok || e.Response.Answers[0].Level != 5 || again.Head() != head {
		t.Fatalf("after it was mended: %+v, %v, %v", e.Response.Answers, ok, err)
	}
}

// spoilMeta damages the newer of a bbolt file's two meta pages. It is then read as it was
// one transaction before.
func spoilMeta(t testing.TB, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at, page := metaID, os.Getpagesize()
	if binary.NativeEndian.Uint64(b[page+metaID:]) > binary.NativeEndian.Uint64(b[metaID:]) {
		at += page
	}
	overwrite(t, path, int64(at), []byte{b[at] ^ 0x80})
}

// A bbolt file that went back by a transaction, and has no log beside it, cannot tell which
// number was the last one given: the chain ends, and none is given twice.
func TestBboltAloneThatWentBack(t *testing.T) {
	gone := func(t *testing.T, dir string) { remove(t, dir, segmentLog) }
	headless := func(t *testing.T, dir string) {
		overwrite(t, filepath.Join(dir, segmentLog), 0, make([]byte, logHeader))
	}
	back := func(t *testing.T, dir string) { spoilMeta(t, filepath.Join(dir, segmentDB)) }
	pageToo := func(t *testing.T, dir string) { // what only the newer meta page leads to is gone with it
		alter(t, dir, 5, false)
		back(t, dir)
	}
	short := func(t *testing.T, dir string) { dropFrames(t, dir, 2) }
	torn := func(t *testing.T, dir string) { // its last frame is damaged, and it ends where bbolt does now
		path := filepath.Join(dir, segmentLog)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		end := len(bytes.TrimRight(b, "\x00")) - 1
		overwrite(t, path, int64(end), []byte{b[end] ^ 1})
	}
	for name, c := range map[string]struct {
		clean bool
		harm  []func(*testing.T, string)
		goes  bool   // the chain goes on
		last  uint64 // its last record that is there
	}{
		"killed, the log gone":          {harm: []func(*testing.T, string){gone, back}, last: 5},
		"killed, the log headless":      {harm: []func(*testing.T, string){headless, back}, last: 5},
		"killed, and its page gone too": {harm: []func(*testing.T, string){gone, pageToo}, last: 4},
		"clean, the log gone":           {clean: true, harm: []func(*testing.T, string){gone, back}, last: 5},
		"clean, the log cut":            {clean: true, harm: []func(*testing.T, string){short, back}, last: 5},
		"killed, the log's end damaged": {harm: []func(*testing.T, string){torn, pageToo}, last: 4},
		"control: the log's end alone":  {harm: []func(*testing.T, string){torn}, goes: true, last: 5},
		"control: the log is there":     {harm: []func(*testing.T, string){back}, goes: true, last: 5},
		"control: bbolt is whole":       {harm: []func(*testing.T, string){gone}, goes: true, last: 5},
		"control: both, after a stop":   {clean: true, harm: []func(*testing.T, string){gone}, goes: true, last: 5},
	} {
		t.Run(name, func(t *testing.T) {
			dir, head, chain := pressed(t, 5, c.clean)
			for _, harm := range c.harm {
				harm(t, dir)
			}
			again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
			if c.goes {
				if again.Chain() != chain || again.Head() != head {
					t.Fatalf("chain %s, head %d", again.Chain(), again.Head().Sequence)
				}
				return
			}
			if s := declared(t, again, chain); s.Last != c.last || s.Last+s.Lost() < head.Sequence || (s.Lost() == 0) != c.clean { // a clean stop leaves the exact number
				t.Fatalf("declared %+v", s)
			}
			if e := press(t, again, "next"); e.ID.Chain == chain {
				t.Fatalf("the next press is %s", e.ID)
			}
		})
	}
}

// The control: a bbolt file of which the newer meta page is bad lacks the last press, opens
// as if it were whole, and only the two pages' numbers tell.
func TestBboltGoesBackWithoutAWord(t *testing.T) {
	dir, head, _ := pressed(t, 5, false)
	path := filepath.Join(dir, segmentDB)
	look := func() (last custody.Head, back bool) {
		t.Helper()
		db, err := openDB(path, true)
		if err != nil {
			t.Fatal(err)
		}
		err = db.View(func(tx *bbolt.Tx) (err error) {
			last, err = lastIn(tx, custody.Head{})
			return err
		})
		if err == nil {
			back, err = fellBack(path, db.Info().PageSize)
		}
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		return last, back
	}
	if last, back := look(); last != head || back {
		t.Fatalf("whole: it ends with %d, back %v", last.Sequence, back)
	}
	spoilMeta(t, path)
	if last, back := look(); last.Sequence != head.Sequence-1 || !back {
		t.Fatalf("spoilt: it ends with %d, back %v", last.Sequence, back)
	}
}

// A sealed last segment with nothing after it is held against the identity like any other.
func TestASealedSegmentOfAnotherChainDoesNotGoOn(t *testing.T) {
	for _, mine := range []bool{true, false} { // this kiosk's own is the control
		dir := t.TempDir()
		j := segmented(t, dir, 60)
		chain, last := j.Chain(), j.active().number
		dir = copyFolder(t, dir) // killed: after a clean stop the numbers would tell
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		remove(t, dir, dbName(last))
		remove(t, dir, logName(last))
		notReady(t, dir, last-1)
		want := chain
		if !mine {
			want = survey.Chain{9}
		}
		again := openTest(t, dir, small, withChild, func(o *Options) { o.Chain = want })
		if (again.Chain() == chain) != mine {
			t.Fatalf("it goes on with chain %s, the identity's is %s", again.Chain(), want)
		}
		if !mine {
			declared(t, again, want)
		}
	}
}
