package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// cutShort ruins a closed journal's last record and its bbolt file.
func cutShort(t *testing.T, dir string, number int) {
	t.Helper()
	truncate(t, filepath.Join(dir, dbName(number)), 0)
	log := filepath.Join(dir, logName(number))
	overwrite(t, log, size(t, log)-100, []byte("hỏng"))
}

// closingOf is the centre's closing of a day.
func (c *centre) closingOf(day survey.Date) custody.Closing {
	c.t.Helper()
	list, _, err := c.store.Closings(c.t.Context(), custody.ClosingQuery{From: day, To: day, Unknown: day == custody.UnknownDay})
	c.ok(err)
	if len(list) != 1 {
		return custody.Closing{}
	}
	return list[0]
}

// A kiosk that is destroyed while it sends what was salvaged leaves a known number: the
// batches of the earlier chain say how many it issued.
func TestAnEarlierChainSaysWhatItIssued(t *testing.T) {
	for _, silent := range []bool{false, true} { // one that says nothing is the control
		t.Run(fmt.Sprint("silent ", silent), func(t *testing.T) {
			c, dir := newCentre(t), t.TempDir()
			day := &calendar{at: newYear}
			options := func(o *Options) { o.Kiosk, o.Now = c.kiosk, day.now }
			j := openTest(t, dir, options)
			for i := range 40 {
				vote(t, j, fmt.Sprint(i))
				if i == 9 {
					c.takeAll(j)
				}
				if i == 19 {
					day.set(newYear.AddDate(0, 0, 1))
				}
			}
			chain := j.Chain()
			c.ok(j.Close())
			cutShort(t, dir, 1)
			j = openTest(t, dir, options, func(o *Options) { o.Chain = chain })
			past := j.Pasts()[0]
			if past.Head().Sequence != 39 {
				t.Fatalf("found up to %d", past.Head().Sequence)
			}
			if silent {
				past.days = nil
			}
			c.ok(c.take(past, 2)) // up to 30
			first, second := c.closingOf(survey.DateOf(newYear)), c.closingOf(survey.DateOf(newYear)+1)
			if first.Received != 20 || !first.Complete() || second.Received != 10 {
				t.Fatalf("the days are %+v and %+v", first, second)
			}
			if missing := second.Missing(); missing != 9 && !silent || silent && missing != 0 {
				t.Errorf("on the second day %d are missing", missing)
			}
			c.takeAll(j)
			if second = c.closingOf(survey.DateOf(newYear) + 1); !second.Complete() || second.Counted != 19 {
				t.Errorf("in the end the second day is %+v", second)
			}
		})
	}
}

// Answers that were sent before their day was known, and got it in a part of the chain that
// was salvaged, are under their day on both sides.
func TestAnEarlierChainSaysWhichDaysBecameKnown(t *testing.T) {
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprint("silent ", silent), func(t *testing.T) {
			c, dir := newCentre(t), t.TempDir()
			day := &calendar{at: newYear}
			options := func(o *Options) { o.Kiosk, o.Now, o.NoHardwareClock = c.kiosk, day.now, true }
			j := openTest(t, dir, options)
			for i := range 5 {
				vote(t, j, fmt.Sprint(i))
			}
			c.takeAll(j)
			if unknown := c.closingOf(custody.UnknownDay); unknown.Issued != 5 || unknown.Held != 5 {
				t.Fatalf("before the clock is known: %+v", unknown)
			}
			j.Contact(day.now(), day.now(), day.now())
			for j.Head().Sequence == 5 {
				time.Sleep(time.Millisecond) // the record about the clock
			}
			vote(t, j, "after")
			vote(t, j, "the last")
			chain := j.Chain()
			c.ok(j.Close())
			cutShort(t, dir, 1)
			j = openTest(t, dir, options, func(o *Options) { o.Chain = chain })
			past := j.Pasts()[0]
			if silent {
				past.days = nil
			}
			c.ok(errors.Join(c.take(past, 1000), c.take(j, 1000)))
			today := c.closingOf(survey.DateOf(newYear))
			if unknown := c.closingOf(custody.UnknownDay); unknown.Complete() == silent || today.Counted != 6 {
				t.Errorf("the unknown day is %+v, the known one %+v", unknown, today)
			}
		})
	}
}

// Of a chain whose beginning was let go nothing is said about days that may have more than
// is here.
func TestAnEarlierChainWithoutItsBeginning(t *testing.T) {
	dir := t.TempDir()
	day := &calendar{at: newYear}
	options := []func(*Options){small, func(o *Options) { o.Now = day.now }}
	j := openTest(t, dir, options...)
	chain := j.Chain()
	for i := range 60 {
		press(t, j, fmt.Sprint(i))
		if i == 29 {
			day.set(newYear.AddDate(0, 0, 1))
		}
	}
	numbers := len(j.segments())
	if numbers < 3 || j.segments()[0].last.Sequence > 29 || j.segments()[1].last.Sequence <= 30 {
		t.Fatalf("%d segments, the first to %d", numbers, j.segments()[0].last.Sequence)
	}
	if err := errors.Join(j.noteGone(j.segments()[0]), j.Close()); err != nil {
		t.Fatal(err)
	}
	remove(t, dir, dbName(1))
	remove(t, dir, logName(1))
	truncate(t, filepath.Join(dir, dbName(numbers)), 0)
	truncate(t, filepath.Join(dir, logName(numbers)), int64(logHeader)-1)
	j = openTest(t, dir, append(options, func(o *Options) { o.Chain = chain })...)
	past := j.Pasts()[0]
	_, key := testKey(t)
	b, err := past.Batch(past.Head().Sequence, 0, 1, 1<<16, testKiosk, key)
	if err != nil {
		t.Fatal(err)
	}
	issued := past.Head().Sequence - 30
	if got := b.Header.Totals; got.Last != past.Head().Sequence || len(got.Days) != 1 || got.Days[0].Day != survey.DateOf(newYear)+1 || got.Days[0].Issued != issued {
		t.Fatalf("it says %+v, %d were issued on the second day", got, issued)
	}
}

// Each record has its time: the journal's own, and, of one that was salvaged, the answer's.
func TestWhenARecordWasMade(t *testing.T) {
	dir := t.TempDir()
	day := &calendar{at: newYear}
	options := func(o *Options) { o.Now = day.now }
	j := openTest(t, dir, options)
	for i := range 20 {
		press(t, j, fmt.Sprint(i))
	}
	chain := j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	truncate(t, filepath.Join(dir, segmentDB), 0)
	overwrite(t, filepath.Join(dir, segmentLog), size(t, filepath.Join(dir, segmentLog))/2, []byte("hỏng"))
	later := newYear.Add(time.Hour)
	day.set(later)
	j = openTest(t, dir, options, func(o *Options) { o.Chain = chain })
	press(t, j, "next")
	past := j.Pasts()[0]
	head := j.Head().Sequence
	for _, c := range []struct {
		name string
		of   interface {
			TimeAt(uint64) (time.Time, error)
		}
		seq  uint64
		want time.Time
	}{
		{"the succession", j, 1, later},
		{"a salvaged press", j, 2, newYear},
		{"a press", j, head, later},
		{"none", j, head + 1, time.Time{}},
		{"a press of the chain before", past, 1, newYear},
		{"none of the chain before", past, 1000, time.Time{}},
	} {
		if at, err := c.of.TimeAt(c.seq); err != nil || !at.Equal(c.want) {
			t.Errorf("%s was made at %s, want %s; %v", c.name, at, c.want, err)
		}
	}
}
