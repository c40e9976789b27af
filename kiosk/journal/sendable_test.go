package journal

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// Who looks at a folder is told that another kiosk's journal lies there, by the rules of a
// start: this kiosk's own files that name another one are damaged, and nothing more.
func TestInspectTellsAnotherKiosksJournal(t *testing.T) {
	theirs, their := journalIn(t, "k-theirs", 60, closed)
	mine, chain := journalIn(t, "k-mine", 60, closed)
	mixed := copyFolder(t, filepath.Join(mine, "journal"))
	for _, name := range []string{dbName(1), logName(1)} {
		if err := os.WriteFile(filepath.Join(mixed, name), []byte(contents(t, filepath.Join(theirs, "journal"))[filepath.Join(theirs, "journal", name)]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	altered := copyFolder(t, filepath.Join(mine, "journal"))
	replace(t, filepath.Join(altered, dbName(1)), []byte("kioskk-mine"), []byte("kioskk-mind"))
	for _, c := range []struct {
		name  string
		dir   string
		kiosk survey.KioskID
		chain survey.Chain // that its identity remembers
		want  survey.KioskID
	}{
		{"the wrong card", filepath.Join(theirs, "journal"), "k-mine", chain, "k-theirs"},
		{"the wrong card, in a kiosk that never had a journal", filepath.Join(theirs, "journal"), "k-mine", survey.Chain{}, "k-theirs"},
		{"a file of the wrong card among its own", mixed, "k-mine", chain, "k-theirs"},
		{"its owner", filepath.Join(theirs, "journal"), "k-theirs", their, ""},
		{"its own", filepath.Join(mine, "journal"), "k-mine", chain, ""},
		{"its own, with an identity that forgot the chain", filepath.Join(mine, "journal"), "k-mine", survey.Chain{}, ""},
		{"its own, with an altered name", altered, "k-mine", chain, ""},
	} {
		if got := inspect(t, c.dir, func(o *Options) { o.Reserve = mine }).Foreign(c.kiosk, c.chain); got != c.want {
			t.Errorf("%s: another kiosk's: %q, want %q", c.name, got, c.want)
		}
	}
}

// The same of an earlier chain, which only the lineage knows.
func TestInspectKnowsTheLineage(t *testing.T) {
	data, old := journalIn(t, testKiosk, 60, closed)
	dir := filepath.Join(data, "journal")
	remove(t, dir, dbName(2))
	remove(t, dir, logName(2))
	j := openTest(t, dir, small, as(testKiosk, data), func(o *Options) { o.Chain = old })
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	renamed(t, dir, 1)
	h := inspect(t, dir, func(o *Options) { o.Reserve = data })
	if other := h.Foreign(testKiosk, j.Chain()); other != "" {
		t.Errorf("an earlier chain is %q's", other)
	}
	if other := h.Foreign(testKiosk, newChain()); other == "" {
		t.Error("the control: whoever remembers another chain takes it for its own")
	}
	for _, c := range []struct {
		name              string
		chain, remembered survey.Chain
		kiosk             survey.KioskID
		own               bool
	}{
		{"the one before, by the lineage", old, j.Chain(), "k-nobody", true},
		{"the one after, by the lineage", j.Chain(), old, "k-nobody", true},
		{"one that no file names", j.Chain(), newChain(), "k-nobody", false},
		{"one that a file names", j.Chain(), newChain(), testKiosk, true},
		{"any, where none is remembered", old, survey.Chain{}, "k-nobody", true},
	} {
		if got := h.Own(c.chain, c.kiosk, c.remembered); got != c.own {
			t.Errorf("%s: its own %v, want %v", c.name, got, c.own)
		}
	}
}

// taken is how far a centre goes that has a chain up to at, when it is given the batches of
// what was inspected; each must be one that it takes.
func taken(t *testing.T, h *Holding, chain survey.Chain, after uint64, at custody.Head) custody.Head {
	t.Helper()
	_, key := testKey(t)
	err := h.Batches(chain, after, at.Sequence, testKiosk, key, func(b *custody.Batch) error {
		got, err := custody.ParseMessage(b.Message())
		if err != nil || got.Verify(key.Public().(ed25519.PublicKey)) != nil {
			t.Fatalf("a batch nobody takes: %v", err)
		}
		if got.Header.Last() <= at.Sequence {
			return nil
		}
		c, _, err := custody.Admit(at, got, func(seq uint64) (survey.Hash, error) { return h.haul.chains[chain][seq].Hash, nil })
		if err != nil || c != custody.New {
			t.Fatalf("after %d a batch from %d: %v %v", at.Sequence, got.Header.First, c, err)
		}
		at = custody.Head{Sequence: got.Header.Last(), Hash: got.Header.LastHash}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Of a journal with a gap only what the centre can take is signed: what lies behind waits for
// the chain that carries it. Once that has begun, the old chain has nothing more to send.
func TestWhatLiesBehindAGapWaitsForTheNextChain(t *testing.T) {
	const presses = 40
	dir, _, chain := pressed(t, presses, true)
	ruinLog(t, dir, 1, 3000)
	h := inspect(t, dir)
	runs := h.Chains[0].Runs
	if len(runs) != 2 {
		t.Fatalf("rows %+v", runs)
	}
	end := custody.Head{Sequence: runs[0].Last, Hash: h.haul.chains[chain][runs[0].Last].Hash}
	if ready, behind := h.Unsent(chain, 0, 0); ready != end.Sequence || behind != runs[1].Last-runs[1].First+1 {
		t.Errorf("it can send %d, and %d lie behind the gap", ready, behind)
	}
	if at := taken(t, h, chain, 0, custody.Head{}); at != end {
		t.Errorf("a centre that has nothing takes it up to %d, want %d", at.Sequence, end.Sequence)
	}
	// A centre that has what is missing here takes what follows.
	has := custody.Head{Sequence: runs[1].First, Hash: h.haul.chains[chain][runs[1].First].Hash}
	if ready, behind := h.Unsent(chain, has.Sequence, has.Sequence); ready != presses-has.Sequence || behind != 0 {
		t.Errorf("of what a centre lacks that has %d it can send %d, and %d not", has.Sequence, ready, behind)
	}
	if at := taken(t, h, chain, 0, has); at.Sequence != presses {
		t.Errorf("a centre that has %d takes it up to %d", has.Sequence, at.Sequence)
	}
	j := openTest(t, dir, func(o *Options) { o.Chain = chain })
	s, next := declared(t, j, chain), j.Head()
	if err := j.Close(); err != nil || s.Salvaged == 0 {
		t.Fatalf("declared %+v, %v", s, err)
	}
	h = inspect(t, dir)
	if ready, behind := h.Unsent(chain, 0, 0); ready != end.Sequence || behind != 0 {
		t.Errorf("beside its follower the old chain can send %d, and %d lie behind a gap", ready, behind)
	}
	if ready, behind := h.Unsent(j.Chain(), 0, 0); ready != next.Sequence || behind != 0 {
		t.Errorf("the follower can send %d of %d, and %d not", ready, next.Sequence, behind)
	}
	if at := taken(t, h, j.Chain(), 0, custody.Head{}); at != next {
		t.Errorf("of the follower a centre takes %d of %d", at.Sequence, next.Sequence)
	}
}

// The beginning of a chain was let go, and the centre, restored, has less than that: nothing
// of it can be taken. Where nobody knows what it has, it is sent.
func TestWhatWasLetGoIsAGapForACentreThatLacksIt(t *testing.T) {
	dir := t.TempDir()
	j := segmented(t, dir, 60)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, dir, dbName(1))
	remove(t, dir, logName(1))
	h := inspect(t, dir)
	kept := h.Chains[0].Kept
	for has, want := range map[uint64][2]uint64{0: {60 - kept + 1, 0}, kept - 2: {0, 60 - kept + 1}, kept - 1: {60 - kept + 1, 0}, 60: {}} {
		if ready, behind := h.Unsent(j.Chain(), has, has); ready != want[0] || behind != want[1] {
			t.Errorf("a centre that has %d, of records from %d on, takes %d, and %d not", has, kept, ready, behind)
		}
	}
}

// A stranded kiosk has begun a new chain, which carries all that it kept of the old one: of
// that one nothing is left to send, though its row has no gap.
func TestAStrandedChainHasNothingLeftToSend(t *testing.T) {
	k := strand(t)
	k.meets()
	if ready, behind := look(t, k).Unsent(k.chain, inOlder, inOlder); ready != 0 || behind != inNone-k.first+1 {
		t.Errorf("before the new chain it can send %d, and %d not", ready, behind)
	}
	j := k.again()
	if ready, behind := look(t, k).Unsent(k.chain, 0, 0); j.Chain() == k.chain || ready != 0 || behind != 0 {
		t.Errorf("beside the new chain it can send %d, and %d not", ready, behind)
	}
}

// look inspects a copy of a kiosk's journal as it lies there.
func look(t *testing.T, k *strandedKiosk) *Holding {
	t.Helper()
	return inspect(t, copyFolder(t, k.dir))
}

// An earlier chain is there, and the one that was written last is not: who looks is told, and
// how many numbers it had reserved.
func TestInspectTellsThatTheLastChainIsGone(t *testing.T) {
	dir, _, old := pressed(t, 30, true)
	cutShort(t, dir, 1)
	j := openTest(t, dir, func(o *Options) { o.Chain = old })
	press(t, j, "in the second chain")
	number, chain := j.active().number, j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for remembered, name := range map[survey.Chain]string{{}: "none", chain: "the last one", old: "the one before, since it was not told yet"} {
		if lost, _ := inspect(t, dir).Lost(remembered); lost {
			t.Errorf("an identity that remembers %s: lost", name)
		}
	}
	alone := copyFolder(t, dir) // without the old chain
	aside, err := filepath.Glob(filepath.Join(alone, "damaged-*"))
	if err := errors.Join(err, os.RemoveAll(aside[0]), os.Remove(filepath.Join(alone, dbName(1))), os.Remove(filepath.Join(alone, logName(1)))); err != nil {
		t.Fatal(err)
	}
	if lost, _ := inspect(t, alone).Lost(old); lost {
		t.Error("its follower is there, and the old chain is told to be lost")
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, dbName(number))), os.Remove(filepath.Join(dir, logName(number)))); err != nil {
		t.Fatal(err)
	}
	if lost, reserved := inspect(t, dir).Lost(chain); !lost || reserved < 2 || reserved > 2+2*block {
		t.Errorf("lost %v, numbers up to %d", lost, reserved)
	}
	if lost, _ := inspect(t, dir).Lost(old); lost {
		t.Error("the earlier chain is there, and told to be lost")
	}
}

// Each fault of a segment's files is told on its own, with the file's name, and a panic of the
// library is no sentence for people.
func TestFaultsAreToldInSentences(t *testing.T) {
	dir, _, _ := pressed(t, 60, true)
	truncate(t, filepath.Join(dir, segmentDB), 5000)
	overwrite(t, filepath.Join(dir, segmentLog), 3000, make([]byte, 64))
	w := inspect(t, dir).Segments[0].Words()
	vi, en := w[survey.Vietnamese], w[survey.English]
	for _, want := range []string{segmentDB + ": ", "; " + segmentLog + ": the log breaks off after record "} {
		if !strings.Contains(en, want) || !strings.Contains(vi, "nhật ký bị đứt giữa chừng (chi tiết kỹ thuật: ") || strings.Contains(en, ErrDamaged.Error()) || strings.Contains(en, "\n") {
			t.Errorf("%s\n%s", vi, en)
		}
	}
	f := Files{Fault: errors.Join(ofFile(segmentDB, fmt.Errorf("%w: panic: freepages: failed", ErrDamaged)))}
	if w := f.Words(); w[survey.English] != segmentDB+": its structure is damaged (freepages: failed)" || !strings.HasPrefix(w[survey.Vietnamese], "cấu trúc bên trong bị hỏng") {
		t.Errorf("a panic: %v", w)
	}
	if w := (&Files{}).Words(); w != nil {
		t.Errorf("no fault: %v", w)
	}
}
