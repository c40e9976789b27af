package journal

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// contents are all files below a folder, by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// inspect looks at a folder and checks that nothing in it is changed by that.
func inspect(t *testing.T, dir string, change ...func(*Options)) *Holding {
	t.Helper()
	before := contents(t, dir)
	o := Options{}
	for _, c := range append(change, withChild) {
		c(&o)
	}
	h, err := Inspect(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	after := contents(t, dir)
	for path, b := range before {
		if after[path] != b {
			t.Errorf("%s was changed", path)
		}
		delete(after, path)
	}
	for path := range after {
		t.Errorf("%s was made", path)
	}
	return h
}

func TestInspectTellsWhatAJournalHolds(t *testing.T) {
	for ended, clean := range map[Ending]bool{EndedWell: true, Killed: false} {
		dir, head, chain := pressed(t, 40, clean)
		h := inspect(t, dir)
		if h.Ended != ended || h.Refused != 0 || len(h.Aside) != 0 || len(h.Segments) != 1 || len(h.Chains) != 1 {
			t.Fatalf("ended %s: %+v", ended, h)
		}
		if s := h.Segments[0]; s.Fault != nil || s.Chain != chain || s.First != 1 || s.Last != head.Sequence || s.Size == 0 {
			t.Errorf("ended %s: its segment is %+v", ended, s)
		}
		c := h.Chains[0]
		if c.Chain != chain || c.Kept != 1 || c.Last() != 40 || c.Missing() != 0 || c.Answers != 40 || c.Reserved < 40 || c.Reserved > 40+2*block || c.Receipt != nil {
			t.Errorf("ended %s: its chain is %+v", ended, c)
		}
		if len(c.Runs) != 1 || c.Runs[0].From.IsZero() || c.Runs[0].To.Before(c.Runs[0].From) {
			t.Errorf("ended %s: its runs are %+v", ended, c.Runs)
		}
	}
}

func TestInspectLeavesAJournalInUseAlone(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	press(t, j, "1")
	if _, err := Inspect(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("a journal in use: %v", err)
	}
	if _, err := Inspect(filepath.Join(dir, "elsewhere"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("it was made")
	}
	bare := t.TempDir()
	if h := inspect(t, bare); len(h.Segments)+len(h.Chains) != 0 {
		t.Errorf("an empty folder holds %+v", h)
	}
}

func TestInspectTellsSegmentsAndReceipts(t *testing.T) {
	dir := t.TempDir()
	j := segmented(t, dir, 60)
	j.SetReceipt([]byte("the centre's word"))
	oldest, newest := j.Segments()
	if oldest != 1 || newest < 3 {
		t.Fatalf("segments %d to %d", oldest, newest)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	h := inspect(t, dir)
	if len(h.Segments) != newest || h.Chains[0].Last() != 60 || len(h.Chains[0].Runs) != 1 {
		t.Fatalf("%+v", h)
	}
	next := uint64(1)
	for _, s := range h.Segments {
		if s.Fault != nil || s.First != next {
			t.Errorf("segment %+v, want it to begin with %d", s, next)
		}
		next = s.Last + 1
	}
	for _, n := range []int{1, 2} { // let go
		for _, name := range []string{dbName(n), logName(n)} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	h = inspect(t, dir)
	if c := h.Chains[0]; c.Kept != h.Segments[0].First || c.Kept == 1 || c.Missing() != 0 {
		t.Errorf("what was let go is taken for lost: %+v", c)
	}
}

// Each kind of damage is told, and what is still there is counted.
func TestInspectTellsDamage(t *testing.T) {
	whole, _, chain := pressed(t, 300, true)
	for _, file := range []string{segmentDB, segmentLog} {
		for i, harm := range harms {
			if testing.Short() && i%3 != 0 {
				continue
			}
			dir := copyFolder(t, whole)
			harm.do(t, filepath.Join(dir, file))
			h := inspect(t, dir)
			if len(h.Segments) != 1 || h.Segments[0].Fault == nil {
				t.Errorf("%s %s: nothing is said of it: %+v", file, harm.name, h.Segments)
			}
			if len(h.Chains) != 1 || h.Chains[0].Chain != chain || h.Chains[0].Answers != 300 {
				t.Errorf("%s %s: its twin holds everything: %+v", file, harm.name, h.Chains)
			}
		}
	}
	dir := copyFolder(t, whole)
	for _, file := range []string{segmentDB, segmentLog} {
		overwrite(t, filepath.Join(dir, file), size(t, filepath.Join(dir, file))/2&^4095, bytes.Repeat([]byte{0xff}, 4096))
	}
	c := inspect(t, dir).Chains[0]
	if c.Answers < 200 || c.Answers+int(c.Missing()) != 300 {
		t.Errorf("both damaged: %d answers, %d missing, runs %+v", c.Answers, c.Missing(), c.Runs)
	}
}

// After a rescue the old chain, what was set aside, and the new chain are told, the old
// one first.
func TestInspectTellsWhatARescueLeft(t *testing.T) {
	dir, _, chain := pressed(t, 30, true)
	if err := os.Remove(filepath.Join(dir, segmentDB)); err != nil {
		t.Fatal(err)
	}
	truncate(t, filepath.Join(dir, segmentLog), size(t, filepath.Join(dir, segmentLog))/2)
	j := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
	press(t, j, "after")
	next := j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	h := inspect(t, dir)
	if len(h.Aside) != 1 || len(h.Chains) != 2 || h.Chains[0].Chain != chain || h.Chains[1].Chain != next {
		t.Fatalf("set aside %v, chains %+v", h.Aside, h.Chains)
	}
}

func TestWhatWasInspectedIsSignedInBatches(t *testing.T) {
	dir, _, chain := pressed(t, 400, true)
	if err := os.Remove(filepath.Join(dir, segmentDB)); err != nil {
		t.Fatal(err)
	}
	h := inspect(t, dir)
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	for _, after := range []uint64{0, 1, 350, 399, 400, 5000} {
		at := custody.Head{Sequence: after}
		if after > 0 && after < 400 {
			at.Hash = h.haul.chains[chain][after].Hash
		}
		err := h.Batches(chain, after, after, testKiosk, key, func(b *custody.Batch) error {
			got, err := custody.ParseMessage(b.Message())
			if err != nil || got.Verify(key.Public().(ed25519.PublicKey)) != nil || got.Header.Kiosk != testKiosk {
				t.Fatalf("after %d: a batch nobody takes: %v", after, err)
			}
			c, fresh, err := custody.Admit(at, got, func(uint64) (survey.Hash, error) { return survey.Hash{}, errors.New("asked") })
			if err != nil || c != custody.New || len(fresh) != len(got.Records) || len(b.Message()) > custody.MaxMessage/2 {
				t.Fatalf("after %d: %v, %d of %d records, %d bytes, %v", after, c, len(fresh), len(got.Records), len(b.Message()), err)
			}
			at = custody.Head{Sequence: got.Header.Last(), Hash: got.Header.LastHash}
			return nil
		})
		if err != nil || at.Sequence != max(after, 400) {
			t.Errorf("after %d the batches end with %d, %v", after, at.Sequence, err)
		}
	}
}

func TestCommentsAreInTheBatches(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	for i, text := range []string{"", "Chờ lâu quá", ""} {
		d := draft(strconv.Itoa(i))
		d.Comment = text
		if _, _, err := j.Append(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	chain := j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	err := inspect(t, dir).Batches(chain, 0, 0, testKiosk, key, func(b *custody.Batch) error {
		if c, ok := b.Comment(&b.Records[1]); !ok || c.Text != "Chờ lâu quá" || len(b.Comments) != 1 {
			t.Errorf("comments %+v", b.Comments)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// totalsOf are the totals that each batch of an inspected chain carries.
func totalsOf(t *testing.T, h *Holding, chain survey.Chain, after uint64) (list []*custody.Totals) {
	t.Helper()
	_, key := testKey(t)
	err := h.Batches(chain, after, after, testKiosk, key, func(b *custody.Batch) error {
		list = append(list, b.Header.Totals)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// The batches say what the unbroken row issued, day by day; behind a gap they say nothing,
// nor of a day of which the beginning may have been let go.
func TestTheBatchesSayWhatTheRowIssued(t *testing.T) {
	day := &calendar{at: newYear}
	dir := t.TempDir()
	j := openTest(t, dir, small, func(o *Options) { o.Now = day.now })
	for i := range 60 {
		if i == 40 {
			day.set(newYear.AddDate(0, 0, 1))
		}
		press(t, j, strconv.Itoa(i))
	}
	chain, first := j.Chain(), survey.DateOf(newYear)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole := totalsOf(t, inspect(t, dir), chain, 0)
	for _, got := range whole {
		if got == nil || got.Last != 60 || len(got.Days) != 2 || got.Days[0] != (custody.DayTotal{Day: first, Issued: 40}) || got.Days[1] != (custody.DayTotal{Day: first + 1, Issued: 20}) {
			t.Fatalf("totals %+v", got)
		}
	}
	h := inspect(t, dir)
	for seq := range uint64(10) {
		delete(h.haul.chains[chain], seq+1)
	}
	for _, got := range totalsOf(t, h, chain, 0) {
		if got == nil || got.Last != 60 || len(got.Days) != 1 || got.Days[0] != (custody.DayTotal{Day: first + 1, Issued: 20}) {
			t.Fatalf("without its beginning: %+v", got)
		}
	}
	h = inspect(t, dir)
	delete(h.haul.chains[chain], 50)
	if got := totalsOf(t, h, chain, 0); len(got) != 1 || got[0] == nil || got[0].Last != 49 || got[0].Days[1].Issued != 9 {
		t.Fatalf("before a gap: %+v", got)
	}
	if got := totalsOf(t, h, chain, 50); len(got) != 1 || got[0] != nil { // the centre has what is missing
		t.Fatalf("behind a gap: %+v", got)
	}
}
