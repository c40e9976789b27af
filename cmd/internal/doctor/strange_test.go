package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/survey/custody"
)

// Another kiosk's journal lies in the folder: its files are whole, and nothing is good.
func TestAnotherKiosksJournalIsBad(t *testing.T) {
	theirs, j := box(t, 9, 9, time.Minute)
	shut(t, j)
	dir, j := box(t, 3, 3, time.Minute)
	shut(t, j)
	folder := filepath.Join(dir, identity.JournalFolder)
	if err := errors.Join(os.RemoveAll(folder), os.Rename(filepath.Join(theirs, identity.JournalFolder), folder)); err != nil {
		t.Fatal(err)
	}
	owner, err := identity.Load(theirs)
	if err != nil {
		t.Fatal(err)
	}
	got, said := examined(t, atKiosk(dir), askKiosk)
	if _, told := got["chain"]; got["journal"] != Bad || told || !strings.Contains(said, "holds the journal of another kiosk: "+string(owner.Kiosk())) {
		t.Errorf("%v\n%s", got, said)
	}
}

// rescued is a box whose journal had a gap and was opened again; the centre signed for all
// that can be sent, two days ago.
func rescued(t *testing.T) (dir string, j *journal.Journal) {
	t.Helper()
	dir, old := box(t, 300, 0, 0)
	shut(t, old)
	ruin(t, dir)
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	j, err = journal.Open(filepath.Join(dir, identity.JournalFolder), journal.Options{Kiosk: id.Kiosk(), Chain: id.Chain, Reserve: dir, Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // most tests have closed it
	id.Chain = j.Chain()
	sign := func(r custody.Receipt) []byte {
		r.Epoch, r.Kiosk, r.ServerTime, r.Backup, r.BackupSum = custody.Epoch{1}, id.Kiosk(), now.Add(-48*time.Hour).UnixMilli(), r.Durable, r.DurableSum
		return custody.SignReceipt(r, centreKey)
	}
	j.SetReceipt(sign(custody.Receipt{Chain: j.Chain(), Durable: j.Head().Sequence, DurableSum: j.Head().Hash}))
	for _, p := range j.Pasts() {
		p.SetReceipt(sign(custody.Receipt{Chain: p.Chain(), Durable: p.Head().Sequence, DurableSum: p.Head().Hash}))
	}
	if err := id.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir, j
}

// ruin makes a gap in the middle of a journal of one segment.
func ruin(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "journal/000001.log")
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(log[len(bytes.TrimRight(log, "\x00"))/2:], make([]byte, 64))
	if err := errors.Join(os.WriteFile(path, log, 0o600), os.Remove(filepath.Join(dir, "journal/000001.db"))); err != nil {
		t.Fatal(err)
	}
}

// What lay behind the gap of an earlier chain has arrived inside the next one: nothing is
// left to send, however old the receipts are.
func TestWhatTheNextChainCarriesIsNotUnsent(t *testing.T) {
	dir, j := rescued(t)
	shut(t, j)
	got, said := examined(t, atKiosk(dir), askKiosk)
	if got["receipt"] != OK || strings.Count(said, "not sent: 0") != 2 {
		t.Errorf("%v\n%s", got, said)
	}
}

// What lies behind a gap, before the kiosk was started again, is not sent by an export.
func TestWhatLiesBehindAGapNeedsAStart(t *testing.T) {
	dir, j := box(t, 300, 20, time.Minute)
	receipt := j.Receipt()
	shut(t, j)
	ruin(t, dir)
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	h, err := journal.Inspect(filepath.Join(dir, "journal"), journal.Options{Reserve: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := &h.Chains[0]
	c.Receipt = receipt // as from a bbolt file of which a part can be read
	e := &exam{Options: atKiosk(dir), part: Kiosk}
	e.holding(h, id)
	last := e.found[len(e.found)-1]
	behind := c.Runs[1].Last - c.Runs[1].First + 1
	want := fmt.Sprintf("not sent: %d, of these behind a gap: %d", c.Runs[0].Last-20+behind, behind)
	if last.Check != "receipt" || last.Verdict != Warn || !strings.Contains(last.Words.In("en"), want) || !strings.Contains(last.Advice.In("en"), "only when the kiosk is started") || !strings.Contains(last.Advice.In("vi"), "khởi động thiết bị") {
		t.Errorf("want %q: %+v", want, last)
	}
}

// The chain that was written last is gone, and an earlier one is still there.
func TestALastChainThatIsGoneIsBad(t *testing.T) {
	dir, j := rescued(t)
	_, newest := j.Segments()
	shut(t, j)
	for _, kind := range []string{"db", "log"} {
		if err := os.Remove(filepath.Join(dir, "journal", fmt.Sprintf("%06d.%s", newest, kind))); err != nil {
			t.Fatal(err)
		}
	}
	got, said := examined(t, atKiosk(dir), askKiosk)
	if got["journal"] != Bad || !strings.Contains(said, "no record can be read of chain "+j.Chain().String()[:8]) || !strings.Contains(said, "lost may be: at most ") {
		t.Errorf("%v\n%s", got, said)
	}
}
