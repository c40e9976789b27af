package journal

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hailong/survey"
	"hailong/survey/custody"
)

// fromRecords is what a journal's totals must be: its chain's records, counted one by one.
func fromRecords(t *rapid.T, j *Journal) *custody.Ledger {
	l := &custody.Ledger{}
	for _, s := range j.segments() {
		if s.chain != j.chain {
			continue
		}
		if err := s.each(s.first, func(r *custody.Record) error { l.Add(r); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// quiet waits until the journal has written what it has to, and begun a new segment where
// that was due: behind a second request that asks for nothing both are done.
func quiet(j *Journal) {
	for range 2 {
		r := &request{answer: make(chan answer, 1)}
		j.queue <- r
		<-r.answer
	}
}

// Whatever happens to a box, its journal's totals are those of its records: with clocks that
// know the time or do not, contacts with the centre, stops of both kinds at which one file
// lacks the last group of the other, and files that are gone. Each life of a journal takes
// a dozen syncs, so that only some are played here; for more: -rapid.checks=1000.
func TestTotalsAreThoseOfTheRecords(t *testing.T) {
	few := 10
	if f := flag.Lookup("rapid.checks"); f.Value.String() != f.DefValue {
		few = math.MaxInt
	}
	rapid.Check(t, func(rt *rapid.T) {
		if few--; few < 0 {
			return
		}
		dir := t.TempDir()
		morning := time.Date(2027, 1, 4, 8, 0, 0, 0, survey.Zone)
		truth, clock := morning, &calendar{at: morning}
		var j *Journal
		chain := survey.Chain{}
		open := func() {
			var err error
			if j, err = openWith(dir, small, func(o *Options) { o.Now, o.NoHardwareClock, o.Chain = clock.now, true, chain }); err != nil {
				rt.Fatal(err)
			}
			chain = j.Chain()
		}
		pass := func(d time.Duration) {
			truth = truth.Add(d)
			clock.set(clock.now().Add(d))
		}
		boot := func() {
			if rapid.Bool().Draw(rt, "the clock begins anew") {
				clock = &calendar{at: time.UnixMilli(0)}
			}
			pass(time.Duration(rapid.IntRange(0, 30).Draw(rt, "hours off")) * time.Hour)
			open()
		}
		open()
		defer func() { _ = j.Close() }()
		before := copyInto(rt, t, dir) // the folder one step ago
		presses := 0
		// endWith ends the program as a power cut does, harms what it left, and starts it anew.
		endWith := func(rt *rapid.T, harm func(dir string, segment int)) {
			quiet(j)
			now, n := copyInto(rt, t, dir), j.active().number
			if err := errors.Join(j.Close(), os.RemoveAll(dir)); err != nil {
				rt.Fatal(err)
			}
			harm(now, n)
			dir = now
			boot()
		}
		rt.Repeat(map[string]func(*rapid.T){
			"press": func(rt *rapid.T) {
				pass(time.Duration(rapid.IntRange(0, 5).Draw(rt, "hours")) * time.Hour)
				press(t, j, strconv.Itoa(presses))
				presses++
			},
			"contact": func(*rapid.T) { j.Contact(clock.now(), clock.now(), truth) },
			"stop": func(rt *rapid.T) {
				if err := j.Close(); err != nil {
					rt.Fatal(err)
				}
				boot()
			},
			"power cut": func(rt *rapid.T) {
				endWith(rt, func(now string, n int) {
					lost := rapid.SampledFrom([]string{"", dbName(n), logName(n)}).Draw(rt, "what lacks the last group")
					if _, err := os.Stat(filepath.Join(before, lost)); lost != "" && err == nil {
						moveFile(rt, filepath.Join(before, lost), filepath.Join(now, lost))
					}
				})
			},
			"a file is gone": func(rt *rapid.T) {
				endWith(rt, func(now string, n int) {
					for _, name := range rapid.SampledFrom([][]string{{dbName(n)}, {logName(n)}, {dbName(n), logName(n)}}).Draw(rt, "which") {
						if err := os.Remove(filepath.Join(now, name)); err != nil {
							rt.Fatal(err)
						}
					}
				})
			},
			"": func(rt *rapid.T) {
				quiet(j)
				if got, want := j.Totals(0), fromRecords(rt, j).Since(0); !reflect.DeepEqual(got, want) {
					rt.Fatalf("it says that it issued %+v, its records %+v", got, want)
				}
				if err := os.RemoveAll(before); err != nil {
					rt.Fatal(err)
				}
				before = copyInto(rt, t, dir)
			},
		})
	})
}

func copyInto(rt *rapid.T, t *testing.T, from string) string {
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		rt.Fatal(err)
	}
	return to
}

func moveFile(rt *rapid.T, from, to string) {
	if err := os.Rename(from, to); err != nil {
		rt.Fatal(err)
	}
}
