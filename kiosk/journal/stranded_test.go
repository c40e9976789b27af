package journal

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/configs"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
	"hailong/survey/files"
)

// centre is a real store, with one kiosk that sends to it.
type centre struct {
	t     *testing.T
	path  string
	store *boltstore.Store
	kiosk survey.KioskID
	key   ed25519.PrivateKey
}

// quick is the questionnaire of one question that comes with the programs.
func quick(t testing.TB) *survey.Questionnaire {
	t.Helper()
	q, err := files.Questionnaire("quick.yaml", configs.Quick.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	public, key := testKey(t)
	c := &centre{t: t, path: filepath.Join(t.TempDir(), "centre.db"), kiosk: custody.KioskName(public), key: key}
	c.open()
	t.Cleanup(func() { c.ok(c.store.Close()) })
	name := survey.Words{survey.Vietnamese: "Một cửa"}
	c.ok(c.store.PutStructure(t.Context(), &survey.Structure{
		Units:    []survey.Unit{{Code: "48", Name: name, Kind: survey.Province}, {Code: "48.001", Name: name, Kind: survey.Commune, Parent: "48"}},
		Counters: []survey.Counter{{Code: "Q1", Unit: "48.001", Name: name}},
	}, 1))
	c.ok(c.store.AddQuestionnaires(t.Context(), quick(t)))
	c.ok(c.store.PutKiosk(t.Context(), survey.Kiosk{ID: c.kiosk, Counters: []survey.CounterCode{"Q1"}, Key: public}))
	return c
}

func (c *centre) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *centre) open() {
	c.t.Helper()
	var err error
	c.store, err = boltstore.Open(c.path, boltstore.Options{})
	c.ok(err)
}

// backup is a copy of the store.
func (c *centre) backup() (copied []byte) {
	c.t.Helper()
	var b bytes.Buffer
	c.ok(c.store.Snapshot(c.t.Context(), &b))
	return b.Bytes()
}

// restore puts a backup in the store's place.
func (c *centre) restore(copied []byte) {
	c.t.Helper()
	c.ok(errors.Join(c.store.Close(), os.WriteFile(c.path, copied, 0o600), boltstore.Restore(c.path)))
	c.open()
}

// mark is how far the centre has a chain.
func (c *centre) mark(chain survey.Chain) uint64 {
	c.t.Helper()
	durable, _, err := c.store.Marks(c.t.Context(), chain)
	c.ok(err)
	return durable.Sequence
}

// sent is what an uplink sends: the journal, or an earlier chain of it.
type sent interface {
	Chain() survey.Chain
	Batch(first, durable uint64, maxRecords, maxBytes int, kiosk survey.KioskID, key ed25519.PrivateKey) (*custody.Batch, error)
	SetReceipt(signed []byte)
}

// take sends a chain from the centre's mark on, up to a number of batches, as the uplink
// does it.
func (c *centre) take(s sent, batches int) error {
	c.t.Helper()
	for range batches {
		mark := c.mark(s.Chain())
		s.SetReceipt([]byte("biên nhận"))
		b, err := s.Batch(mark+1, mark, 10, 1<<16, c.kiosk, c.key)
		if err != nil || b == nil {
			return err
		}
		message, err := custody.ParseMessage(b.Message())
		c.ok(err)
		c.ok(message.Verify(c.key.Public().(ed25519.PublicKey)))
		kept, err := c.store.Keep(c.t.Context(), []custody.Arrival{{Batch: message, Received: newYear.AddDate(1, 0, 0)}})
		c.ok(err)
		if kept[0].Case != custody.New {
			c.t.Fatalf("the batch from %d on is %s", mark+1, kept[0].Case)
		}
	}
	return nil
}

// takeAll sends all that a journal has, its earlier chains first.
func (c *centre) takeAll(j *Journal) {
	c.t.Helper()
	for _, p := range j.Pasts() {
		c.ok(c.take(p, 1000))
	}
	c.ok(c.take(j, 1000))
}

// counted is how many presses count, and how many numbers are said to be lost.
func (c *centre) counted() (n, atLeast, atMost uint64) {
	c.t.Helper()
	c.ok(c.store.Recount(c.t.Context()))
	closings, losses, err := c.store.Closings(c.t.Context(), custody.ClosingQuery{})
	c.ok(err)
	for i := range closings {
		if !closings[i].Balanced() {
			c.t.Errorf("a closing does not balance: %+v", closings[i])
		}
		n += closings[i].Counted
	}
	for _, l := range losses {
		atLeast, atMost = atLeast+l.AtLeast, atMost+l.AtMost
	}
	return n, atLeast, atMost
}

// vote is a press that the centre can count.
func vote(t testing.TB, j *Journal, key string) survey.Entry {
	t.Helper()
	d := draft(key)
	d.Response.Questionnaire = quick(t).Hash()
	e, appended, err := j.Append(context.Background(), d)
	if err != nil || !appended {
		t.Fatalf("press %s: appended %v, %v", key, appended, err)
	}
	return e
}

// The presses of a stranded kiosk: those in the older backup, those in the newer one,
// which allowed that they were let go, and those after it.
const inOlder, inNewer, inNone = 10, 60, 65

// firstKept is the first record of a journal's chain that is still here.
func firstKept(j *Journal) uint64 { return j.strandedAt(j.chain, 0).first }

// strandedKiosk is a kiosk that let records go under a newer backup than the one that the
// centre was restored from. first is the first record that it kept.
type strandedKiosk struct {
	*centre
	dir                 string
	journal             *Journal
	chain               survey.Chain
	options             []func(*Options)
	day                 *calendar
	said                []survey.Words
	empty, older, newer []byte // backups
	first               uint64
}

func strand(t *testing.T) *strandedKiosk {
	t.Helper()
	day := &calendar{at: newYear}
	k := &strandedKiosk{centre: newCentre(t), dir: t.TempDir(), day: day}
	k.options = []func(*Options){small, withChild, func(o *Options) {
		o.Kiosk, o.Now, o.OnEvent = k.kiosk, day.now, func(w survey.Words) { k.said = append(k.said, w) }
	}}
	j := openTest(t, k.dir, k.options...)
	k.journal, k.chain = j, j.Chain()
	k.empty = k.backup()
	for i := range inNone {
		vote(t, j, fmt.Sprint(i))
		switch i + 1 {
		case inOlder:
			k.takeAll(j)
			k.older = k.backup()
		case inNewer:
			k.takeAll(j)
			k.newer = k.backup()
			hash, err := j.HashAt(inNewer)
			k.ok(errors.Join(err, j.Backed(k.chain, custody.Head{Sequence: inNewer, Hash: hash})))
			day.set(newYear.AddDate(1, 0, 0))
			j.Contact(day.now(), day.now(), day.now())
			k.ok(j.prune())
		}
	}
	if k.first = firstKept(j); k.first <= inOlder+1 || k.first > inNewer {
		t.Fatalf("the first record kept is %d", k.first)
	}
	k.restore(k.older)
	return k
}

// again opens the journal anew, as the program does after a failure.
func (k *strandedKiosk) again() *Journal {
	k.t.Helper()
	k.ok(k.journal.Close())
	k.journal = openTest(k.t, k.dir, append(k.options, func(o *Options) { o.Chain = k.chain })...)
	return k.journal
}

// meets has the journal asked for what it let go.
func (k *strandedKiosk) meets() {
	k.t.Helper()
	if err := k.take(k.journal, 1); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "restored") {
		k.t.Fatalf("asked for what was let go it says %v", err)
	}
	select {
	case <-k.journal.Failed():
	default:
		k.t.Fatal("the journal goes on")
	}
}

// A kiosk whose centre was restored from a backup older than what was let go here goes on
// by itself: what it kept counts, once, and what is lost is said. Whichever backup is then
// brought back besides, nothing counts twice, and the loss is what that one lacks.
func TestAStrandedKioskGoesOn(t *testing.T) {
	k := strand(t)
	k.meets()
	j := k.again()
	s := declared(t, j, k.chain)
	kept := inNone - k.first + 1
	if j.Chain() == k.chain || s.Last != 0 || s.Salvaged != kept || s.Reserved != inNone {
		t.Fatalf("declared %+v, %d records are kept", s, kept)
	}
	said := k.said[len(k.said)-1].In(survey.English)
	if want := fmt.Sprintf("these are lost: %d;", k.first-1-inOlder); !strings.Contains(said, want) {
		t.Fatalf("it says %q, not %q", said, want)
	}
	found(t, j, int(k.first)-1, inNone)
	vote(t, j, "in the new chain")
	for _, then := range []struct {
		name   string
		backup []byte
		has    uint64 // of the old chain
	}{{"the backup it was restored from", nil, inOlder}, {"the newer one", k.newer, inNewer}, {"one still older", k.empty, 0}} {
		if then.backup != nil {
			k.restore(then.backup)
		}
		k.takeAll(j)
		lost := max(k.first-1, then.has) - then.has
		n, least, most := k.counted()
		if want := inNone + 1 - lost; n != want || most != lost || least > lost {
			t.Errorf("%s: counted %d, want %d; lost between %d and %d, want %d", then.name, n, want, least, most, lost)
		}
	}
	k.chain = j.Chain()
	if j = k.again(); j.Chain() != k.chain {
		t.Fatal("it leaves the new chain, too")
	}
}

// What was salvaged into the new chain stays here until a backup holds all of it there.
func TestWhatWasSalvagedIsKeptUntilItIsBackedAnew(t *testing.T) {
	k := strand(t)
	k.meets()
	j := k.again()
	vote(t, j, "in the new chain")
	salvaged := inNone - k.first + 1 // behind the succession
	k.day.set(newYear.AddDate(2, 0, 0))
	j.Contact(k.day.now(), k.day.now(), k.day.now())
	for _, c := range []struct {
		backed uint64
		kept   bool
	}{{0, true}, {1, true}, {salvaged, true}, {salvaged + 1, false}} {
		hash, err := j.HashAt(c.backed)
		k.ok(errors.Join(err, j.Backed(j.Chain(), custody.Head{Sequence: c.backed, Hash: hash}), j.prune()))
		if kept := j.holder(k.chain, inNone) != nil; kept != c.kept {
			t.Errorf("with a backup up to %d the old records are kept: %v", c.backed, kept)
		}
	}
}

// The control: a journal that is not told to leave its chain opens as it was, and nothing
// that it has ever counts.
func TestAStrandedKioskThatIsNotToldStaysStranded(t *testing.T) {
	k := strand(t)
	k.meets()
	k.ok(os.Remove(k.journal.strandedPath(k.chain)))
	if j := k.again(); j.Chain() != k.chain {
		t.Fatal("it leaves its chain without being told")
	}
	k.meets()
	if n, _, most := k.counted(); n != inOlder || most != 0 {
		t.Fatalf("counted %d, lost %d", n, most)
	}
}

// Only the centre's word says what the centre lacks. Without one, as after a repair that
// cost the receipts, what was let go is an error and no reason to leave.
func TestAKioskWithoutAReceiptIsNotStranded(t *testing.T) {
	k := strand(t)
	k.journal.marks.receipts = nil
	_, err := k.journal.Batch(1, 0, 10, 1<<16, k.kiosk, k.key)
	if !errors.Is(err, errLetGo) || errors.Is(err, ErrDamaged) || k.journal.Err() != nil {
		t.Fatalf("asked for the first record it says %v, and the journal %v", err, k.journal.Err())
	}
	k.journal.SetReceipt([]byte("biên nhận"))
	_, err = k.journal.Batch(1, k.first-1, 10, 1<<16, k.kiosk, k.key)
	if !errors.Is(err, errLetGo) || k.journal.Err() != nil {
		t.Fatalf("asked for the first record by a centre that has more it says %v, and the journal %v", err, k.journal.Err())
	}
}

// The leaving of a chain can be stopped: it is done again, wherever its files are.
func TestALeavingThatWasStoppedIsDoneAgain(t *testing.T) {
	k := strand(t)
	k.meets()
	j := k.again()
	kept := inNone - k.first + 1
	last := j.active().number
	k.ok(j.Close())
	remove(t, k.dir, dbName(last)) // the power went before the new chain was there
	remove(t, k.dir, logName(last))
	k.ok(os.Remove(j.issuedPath(j.Chain())))
	j = k.again()
	if s := declared(t, j, k.chain); s.Last != 0 || s.Salvaged != kept || s.Reserved < inNone {
		t.Fatalf("the second time it declares %+v", s)
	}
	k.takeAll(j)
	if n, _, most := k.counted(); n != inOlder+kept || most < k.first-1-inOlder || most > k.first-1-inOlder+2*block {
		t.Fatalf("counted %d, lost %d", n, most)
	}
}

// succeeded damages both files of the segment in use, so that a new chain begins, and what
// was let go lies before the old one's row.
func (k *strandedKiosk) succeeded() *Past {
	k.t.Helper()
	k.ok(k.journal.Close())
	numbers, err := numbersIn(k.dir)
	k.ok(err)
	n := numbers[len(numbers)-1]
	truncate(k.t, filepath.Join(k.dir, dbName(n)), 0)
	truncate(k.t, filepath.Join(k.dir, logName(n)), int64(logHeader)+20)
	past := k.again().Pasts()[0]
	if past.Chain() != k.chain || past.Head().Sequence < k.first {
		k.t.Fatal("nothing of the old chain is left")
	}
	return past
}

// kept are how many records of the first chain are still here.
func (k *strandedKiosk) kept() (n uint64) {
	for _, s := range k.journal.segments() {
		if s.chain == k.chain {
			n += s.last.Sequence - s.before().Sequence
		}
	}
	return n
}

// An earlier chain can be stranded, too: the journal was damaged, and the centre is then
// restored from a backup that lacks what was let go of the chain before the damage. What is
// kept of it goes up in a new chain, and counts once, whichever backup is brought back.
func TestAStrandedEarlierChain(t *testing.T) {
	for _, c := range []struct {
		name    string
		lineage bool // is there
		stopped bool // the leaving, and done again
	}{{"", true, false}, {"without the lineage", false, false}, {"stopped and done again", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			k := strand(t)
			past := k.succeeded()
			second := k.journal.Chain()
			vote(t, k.journal, "in the second chain")
			k.ok(k.take(k.journal, 1000))
			if err := k.take(past, 1); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "restored") {
				t.Fatalf("asked for what was let go it says %v", err)
			}
			if !c.lineage {
				k.ok(os.Remove(filepath.Join(k.dir, lineageFile)))
			}
			if c.stopped {
				k.ok(k.journal.Close())
				inTheWay := filepath.Join(k.dir, lineageFile+".new") // what was found is written, and the new chain is not there yet
				k.ok(os.Mkdir(inTheWay, 0o700))
				if _, err := openWith(k.dir, append(k.options, func(o *Options) { o.Chain = k.chain })...); err == nil {
					t.Fatal("the leaving was not stopped")
				}
				k.ok(os.Remove(inTheWay))
			}
			j := k.again()
			if s := declared(t, j, second); s.Last != s.Reserved || s.Salvaged != 0 || s.Unbounded {
				t.Fatalf("of the chain that was whole it declares %+v", s)
			}
			vote(t, j, "in the third chain")
			if n := len(j.Pasts()); n != 2 {
				t.Fatalf("%d earlier chains", n)
			}
			kept := k.kept()
			lineage, err := j.readLineage()
			if err != nil || len(lineage) != 2 || lineage[0].Succession.Predecessor != k.chain {
				t.Fatalf("the lineage is %v, %v", lineage, err)
			}
			reserved := lineage[0].Succession.Reserved // no number of the first chain above it was given out
			for _, then := range []struct {
				name   string
				backup []byte
				has    uint64 // of the first chain
			}{{"the backup it was restored from", nil, inOlder}, {"the newer one", k.newer, inNewer}, {"one still older", k.empty, 0}, {"the older one again", k.older, inOlder}} {
				if then.backup != nil {
					k.restore(then.backup)
				}
				k.takeAll(k.journal)
				lost := max(k.first-1, then.has) - then.has
				alsoLost := inNone - (k.first - 1 + kept) // in the damaged files
				n, least, most := k.counted()
				if want := inNone + 2 - lost - alsoLost; n != want || most != reserved-(n-2) || least > lost+alsoLost {
					t.Errorf("%s: counted %d, want %d; lost between %d and %d, want %d and %d", then.name, n, want, least, most, lost+alsoLost, reserved-(n-2))
				}
			}
			chain := j.Chain()
			if j = k.again(); j.Chain() != chain {
				t.Fatal("it leaves the third chain, too")
			}
		})
	}
}

// The control: an earlier chain whose kept records are not taken along never counts.
func TestAStrandedEarlierChainThatIsNotToldStaysStranded(t *testing.T) {
	k := strand(t)
	past := k.succeeded()
	_ = k.take(past, 1)
	k.ok(os.Remove(k.journal.strandedPath(k.chain)))
	second := k.journal.Chain()
	if j := k.again(); j.Chain() != second {
		t.Fatal("it leaves its chain without being told")
	}
	k.ok(k.take(k.journal, 1000))
	if n, _, _ := k.counted(); n != inOlder {
		t.Fatalf("counted %d", n)
	}
}

// What was kept of a stranded earlier chain stays until a backup holds it where it goes up
// anew, and does not keep what comes after it.
func TestAStrandedEarlierChainIsKeptUntilItIsBackedAnew(t *testing.T) {
	k := strand(t)
	_ = k.take(k.succeeded(), 1)
	j := k.again()
	kept := k.kept()
	for i := range 100 {
		vote(t, j, fmt.Sprint("more ", i))
	}
	k.day.set(newYear.AddDate(5, 0, 0))
	j.Contact(k.day.now(), k.day.now(), k.day.now())
	successions := uint64(2)
	for _, c := range []struct {
		backed uint64
		kept   uint64
	}{{0, kept}, {1, kept}, {successions + kept - 1, kept}, {successions + kept, 0}} {
		hash, err := j.HashAt(c.backed)
		k.ok(errors.Join(err, j.Backed(j.Chain(), custody.Head{Sequence: c.backed, Hash: hash}), j.prune()))
		if n := k.kept(); n != c.kept {
			t.Errorf("with a backup up to %d, %d old records are kept, want %d", c.backed, n, c.kept)
		}
	}
}

// What only a backup held that is no more the centre's is kept until another one holds it.
func TestARestoredCentreIsAskedAnewWhatIsBacked(t *testing.T) {
	k := newCentre(t)
	day := &calendar{at: newYear}
	j := segmented(t, t.TempDir(), 60, func(o *Options) { o.Now = day.now })
	contact := func() { j.Contact(day.now(), day.now(), day.now()) }
	contact()
	backed := func(h custody.Head) { t.Helper(); k.ok(j.Backed(j.Chain(), h)) }
	all := len(j.segments())
	first, second := j.segments()[0].last, j.segments()[1].last
	backed(second)
	backed(custody.Head{}) // a centre without any backup
	day.set(newYear.AddDate(1, 0, 0))
	contact()
	k.ok(j.prune())
	if n := len(j.segments()); n != all {
		t.Fatalf("%d segments of %d are left", n, all)
	}
	backed(second)
	backed(first)
	k.ok(j.prune())
	if n := len(j.segments()); n != all-1 {
		t.Fatalf("%d segments of %d are left", n, all)
	}
	backed(second) // the control: it is the backup's word that lets go
	k.ok(j.prune())
	if n := len(j.segments()); n != all-2 {
		t.Fatalf("%d segments of %d are left", n, all)
	}
}

// Nothing is let go before the receipt that allows it is on disk: after a power cut a kiosk in
// dispute would send again from an older mark, which is not here any more.
func TestTheReceiptGoesToDiskBeforeWhatItLetsGo(t *testing.T) {
	day := &calendar{at: newYear}
	j := segmented(t, t.TempDir(), 60, func(o *Options) { o.Now = day.now })
	j.SetReceipt([]byte("biên nhận")) // as the uplink keeps it, before it tells of the backup
	if err := j.Backed(j.Chain(), j.Head()); err != nil {
		t.Fatal(err)
	}
	day.set(newYear.AddDate(1, 0, 0))
	j.Contact(day.now(), day.now(), day.now())
	all := len(j.segments())
	if err := j.tend(); err != nil || len(j.segments()) != all {
		t.Fatalf("with a receipt that only memory has %d of %d segments are left, %v", len(j.segments()), all, err)
	}
	press(t, j, "with the receipt")
	if err := j.tend(); err != nil || len(j.segments()) == all {
		t.Fatalf("nothing is let go: %v", err)
	}
}
