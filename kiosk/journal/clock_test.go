package journal

import (
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// boxClock is a box's clock: its wall time may be wrong, its monotonic time is not.
type boxClock struct {
	began time.Time     // with a monotonic reading
	mono  atomic.Int64  // since then, ns
	wrong time.Duration // the wall time less the true one
}

func newBoxClock(wrong time.Duration) *boxClock { return &boxClock{began: time.Now(), wrong: wrong} }

// now has the wall time that the box shows. Two of them are compared by the wall here,
// which stands still in this test but for mono.
func (b *boxClock) now() time.Time { return b.began.Round(0).Add(b.since() + b.wrong) }

func (b *boxClock) since() time.Duration { return time.Duration(b.mono.Load()) }

// true is what the centre's clock says at that moment.
func (b *boxClock) true() time.Time { return b.began.Round(0).Add(b.since()) }

// contact lets the centre answer at once.
func (b *boxClock) contact(j *Journal) { j.Contact(b.now(), b.now(), b.true()) }

func lastRecord(t *testing.T, j *Journal) custody.Record {
	t.Helper()
	_, key := testKey(t)
	b, err := j.Batch(j.Head().Sequence, 0, 1, 1<<16, testKiosk, key)
	if err != nil {
		t.Fatal(err)
	}
	return b.Records[0]
}

func within(t *testing.T, what string, got, want time.Time) {
	t.Helper()
	if d := got.Sub(want).Abs(); d > 5*time.Second {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// After a contact the record's time is the centre's, whatever the box's clock says.
func TestTheRecordsTimeIsTheBestThatIsKnown(t *testing.T) {
	for name, wrong := range map[string]time.Duration{
		"right": 0, "some seconds": -3 * time.Second, "1970": -56 * 365 * 24 * time.Hour, "ten years ahead": 3650 * 24 * time.Hour, "a day behind": -24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			box := newBoxClock(wrong)
			j := openTest(t, t.TempDir(), func(o *Options) { o.Now = box.now })
			box.contact(j)
			box.mono.Store(int64(3 * time.Hour))
			press(t, j, "one")
			r := lastRecord(t, j)
			within(t, "made at", r.At(), box.true())
			if r.Clock != custody.ClockSure || r.Mono != box.since().Milliseconds() {
				t.Errorf("clock %d, mono %d", r.Clock, r.Mono)
			}
			if skew, known := j.Skew(); !known || (skew-wrong).Abs() > time.Second {
				t.Errorf("skew %s, %v", skew, known)
			}
		})
	}
}

// Before the first contact of a boot a hardware clock is believed if it agreed last time;
// what is not believed gets its day by the next contact.
func TestBeforeTheFirstContact(t *testing.T) {
	for _, c := range []struct {
		name     string
		hardware bool
		then     time.Duration // how wrong the clock was at the last contact, if there was one
		now      time.Duration // how wrong it is in this boot
		want     custody.ClockState
	}{
		{"a clock that agreed", true, time.Minute, time.Minute, custody.ClockSure},
		{"a clock that did not agree", true, 10 * time.Minute, 10 * time.Minute, custody.ClockUnsure},
		{"a clock whose battery is empty", true, 0, -20 * 365 * 24 * time.Hour, custody.ClockUnsure},
		{"a clock that went back", true, 0, -24 * time.Hour, custody.ClockUnsure},
		{"no clock", false, 0, 0, custody.ClockUnsure},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			open := func(box *boxClock) *Journal {
				return openTest(t, dir, func(o *Options) { o.Now, o.NoHardwareClock = box.now, !c.hardware })
			}
			first := newBoxClock(c.then)
			j := open(first)
			first.contact(j)
			press(t, j, "before")
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			box := newBoxClock(c.now)
			again := open(box)
			press(t, again, "offline")
			if r := lastRecord(t, again); r.Clock != c.want {
				t.Fatalf("clock %d, want %d", r.Clock, c.want)
			}
			box.mono.Store(int64(time.Hour))
			box.contact(again)
			if c.want == custody.ClockUnsure {
				waitFor(t, again, 3)
				clocks, err := ptr(lastRecord(t, again)).Clocks()
				if err != nil || len(clocks) != 1 {
					t.Fatalf("the clock's record: %v %v", clocks, err)
				}
				within(t, "this boot began", time.UnixMilli(clocks[0].Low), box.began)
			}
			if got := again.Totals(0).Days; got[len(got)-1].Issued != 2 || again.days.Load().Issued(custody.UnknownDay) != 0 {
				t.Errorf("totals: %+v", got)
			}
			box.contact(again)
			press(t, again, "after") // no second record about the clock
			if want := uint64(3); again.Head().Sequence != want && c.want == custody.ClockSure || again.Head().Sequence > 4 {
				t.Errorf("%d records", again.Head().Sequence)
			}
		})
	}
}

func ptr(r custody.Record) *custody.Record { return &r }

func waitFor(t *testing.T, j *Journal, seq uint64) {
	t.Helper()
	for range 2000 {
		if j.Head().Sequence >= seq {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("no record %d: the head is %d", seq, j.Head().Sequence)
}

// Presses of boots that never met the centre are placed by what lies around them: on one
// day if all of it is one day, otherwise they stay without one and are said to.
func TestBootsThatNeverMetTheCentre(t *testing.T) {
	for name, later := range map[string]time.Duration{"the same day": 2 * time.Hour, "three days later": 72 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			morning := time.Date(2027, 1, 4, 8, 0, 0, 0, survey.Zone)
			open := func(at time.Time) (*Journal, *calendar) {
				c := &calendar{at: at}
				return openTest(t, dir, func(o *Options) { o.Now, o.NoHardwareClock = c.now, true }), c
			}
			j, c := open(morning)
			j.Contact(c.now(), c.now(), morning)
			press(t, j, "known")
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			lost, c := open(time.UnixMilli(0)) // powered off, and its clock began at 1970
			c.set(c.now().Add(10 * time.Minute))
			press(t, lost, "lost 1")
			press(t, lost, "lost 2")
			if err := lost.Close(); err != nil {
				t.Fatal(err)
			}
			back, c := open(time.UnixMilli(0))
			if n := back.days.Load().Issued(custody.UnknownDay); n != 2 {
				t.Fatalf("%d without a day", n)
			}
			back.Contact(c.now(), c.now(), morning.Add(later))
			if later < 24*time.Hour {
				waitFor(t, back, 4)
			}
			press(t, back, "again")
			got := back.Totals(0)
			unknown := back.days.Load().Issued(custody.UnknownDay)
			if later < 24*time.Hour && (unknown != 0 || got.Days[len(got.Days)-1].Issued != 4) || later > 24*time.Hour && unknown != 2 {
				t.Fatalf("%d without a day, %+v", unknown, got)
			}
		})
	}
}

// A power cut may leave the log with a record of the clock that bbolt lacks. The records that
// it gives a day may stand in bbolt, and have their day all the same.
func TestAClockRecordThatOnlyTheLogHas(t *testing.T) {
	dir, box := t.TempDir(), newBoxClock(0)
	j := openTest(t, dir, func(o *Options) { o.Now, o.NoHardwareClock = box.now, true })
	press(t, j, "offline")
	cut := copyFolder(t, dir)
	box.mono.Store(int64(time.Hour))
	box.contact(j)
	waitFor(t, j, 2)
	want := j.Totals(0)
	log, err := os.ReadFile(filepath.Join(dir, logName(1)))
	if err == nil {
		err = os.WriteFile(filepath.Join(cut, logName(1)), log, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // as it is completed, and as it is read the next time
		again := openTest(t, cut, func(o *Options) { o.Chain = j.Chain() })
		if got := again.Totals(0); again.Head() != j.Head() || !reflect.DeepEqual(got, want) {
			t.Errorf("it issued %+v, want %+v", got, want)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
