package journal

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// The journal's own records behind a gap are written into the new chain with the rest: a
// number that the centre finds nowhere is a loss to it.
func TestTheJournalsOwnRecordsAreSalvaged(t *testing.T) {
	dir, box := t.TempDir(), newBoxClock(0)
	j := openTest(t, dir, func(o *Options) { o.Now, o.NoHardwareClock = box.now, true })
	press(t, j, "0")
	press(t, j, "1")
	box.mono.Store(int64(time.Hour))
	box.contact(j)
	waitFor(t, j, 3) // the record of the clock
	press(t, j, "2")
	chain := j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, dir, segmentDB)
	overwrite(t, filepath.Join(dir, segmentLog), int64(logHeader)+20, []byte("hỏng")) // the first record
	again := openTest(t, dir, withChild, func(o *Options) { o.Chain, o.Now = chain, box.now })
	_, key := testKey(t)
	b, err := again.Batch(2, 0, 10, 1<<16, testKiosk, key)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []custody.Kind
	for i := range b.Records {
		inner, err := b.Records[i].Salvaged()
		if err != nil || inner.Chain != chain || inner.Sequence != uint64(i+2) {
			t.Fatalf("record %d of the new chain holds %+v, %v", i+2, inner, err)
		}
		kinds = append(kinds, inner.Kind)
	}
	s := declared(t, again, chain)
	if want := []custody.Kind{custody.ResponseRecord, custody.ClockRecord, custody.ResponseRecord}; !slices.Equal(kinds, want) || s.Salvaged != 3 {
		t.Fatalf("kinds %v salvaged, want %v; declared %+v", kinds, want, s)
	}
	if e, ok, err := again.Find(survey.KeyNonce("1")); err != nil || !ok || e.ID.Sequence != 2 {
		t.Fatalf("a salvaged press: %v %v %v", e.ID, ok, err)
	}
}
