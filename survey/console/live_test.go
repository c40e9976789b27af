package console

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hailong/survey"
	"hailong/survey/score"
)

// shown is what the board says of a counter, a unit or ("") the total, on the five
// faces.
func (c *centre) shown(code string) score.Row {
	c.t.Helper()
	b, err := c.present(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	if code == "" {
		return b.scales[0].total.row
	}
	for _, r := range b.scales[0].rows {
		if r.row.Key == code {
			return r.row
		}
	}
	c.t.Fatalf("%s is not on the board", code)
	return score.Row{}
}

// betrayals counts how often somebody who watches every published figure learns the
// level of a single press, while a counter is pressed n times.
func betrayals(t *testing.T, step int64, n int) (told int) {
	c := open(t, Settings{LiveStep: step})
	for i := range n {
		before := map[string]score.Row{"TT-01": c.shown("TT-01"), "SB-TT": c.shown("SB-TT"), "SB": c.shown("SB"), "": c.shown("")}
		// Presses elsewhere go on at the same time, by their own steps.
		if i%3 == 0 {
			c.press("HP-01", 4)
		}
		c.press("TT-01", survey.Level(i%5+1))
		for code, was := range before {
			is := c.shown(code)
			if d := is.N - was.N; d != 0 && d < 5 {
				told++
			}
			// Nor may the difference between a larger figure and its parts move.
			if rest := c.shown("").N - c.shown("SB-TT").N - c.shown("SB-HP").N - c.shown("SB-TA").N; rest != 0 {
				told++
			}
		}
	}
	if got := c.shown("TT-01").N; got != int64(n)/step*step {
		t.Errorf("after %d presses with a step of %d the figure shows %d", n, step, got)
	}
	return told
}

func TestLiveFiguresMoveInSteps(t *testing.T) {
	if told := betrayals(t, 5, 33); told != 0 {
		t.Errorf("with a step of 5, %d moves of fewer than 5 answers were seen", told)
	}
}

// The control: with the protection off, the same watcher learns presses. Were it not
// so, the test above would prove nothing.
func TestLiveFiguresWithoutStepsTell(t *testing.T) {
	if told := betrayals(t, 1, 33); told == 0 {
		t.Error("with a step of 1 nothing was learnt, so the watcher of the other test is blind")
	}
}

func TestOnePressAndItsHastyRepeatsMakeNoStep(t *testing.T) {
	c := open(t, Settings{})
	c.press("TT-01", 1)
	for range 6 {
		c.put("TT-01", quick(), 1, survey.TooSoon)
		c.settle("TT-01")
	}
	if r := c.shown("TT-01"); r.N != 0 || r.Excluded != 0 {
		t.Errorf("one person's press is shown: %+v", r)
	}
	c.press("TT-01", 5, 5, 5, 5)
	if r := c.shown("TT-01"); r.N != 5 || r.Excluded != 6 || *r.Rate != 80 {
		t.Errorf("five people's presses are not shown: %+v", r)
	}
}

func TestScalesStepEachByItself(t *testing.T) {
	c := open(t, Settings{})
	c.press("TT-01", 5, 5, 5, 5)
	c.put("TT-01", quick3(), 1)
	c.settle("TT-01")
	b, _ := c.boards.current()
	if b.scales[0].total.row.N != 0 || b.scales[1].total.row.N != 0 {
		t.Error("four answers on one scale and one on another made a step")
	}
	for range 4 {
		c.put("TT-01", quick3(), 3)
	}
	c.settle("TT-01")
	b, _ = c.boards.current()
	if b.scales[0].total.row.N != 0 || b.scales[1].total.row.N != 5 || b.scales[1].total.row.MixedScales {
		t.Errorf("%+v", b.scales)
	}
}

func TestANewDayBeginsWithNothing(t *testing.T) {
	c := open(t, Settings{})
	c.press("TT-01", 5, 5, 5, 5, 5)
	if c.shown("TT-01").N != 5 {
		t.Fatal("nothing is shown")
	}
	c.pass(12 * time.Hour)
	if r := c.shown("TT-01"); r.N != 0 || r.Rate != nil {
		t.Errorf("yesterday's figure is shown: %+v", r)
	}
	c.press("TT-01", 1, 1, 1, 1)
	if c.shown("TT-01").N != 0 {
		t.Error("four answers are shown")
	}
	c.press("TT-01", 1)
	if r := c.shown("TT-01"); r.N != 5 || *r.Rate != 0 {
		t.Errorf("%+v", r)
	}
}

// A restart shows what was shown before it, and goes on by the step from there.
func TestARestartTellsNothingFresh(t *testing.T) {
	seen := func(forgets bool) (shown, after score.Row) {
		c := open(t, Settings{})
		for range 17 {
			c.press("TT-01", 5)
		}
		shown = c.shown("TT-01")
		c.put("TT-01", quick(), 1) // somebody at the counter
		if forgets {
			c.store.board = nil
		}
		c.restart()
		after = c.shown("TT-01")
		c.press("TT-01", 5)
		if !forgets && c.shown("TT-01").N != 15 {
			t.Errorf("four answers after the last figure: %+v", c.shown("TT-01"))
		}
		c.press("TT-01", 5)
		if !forgets && c.shown("TT-01").N != 20 {
			t.Errorf("five answers after the last figure: %+v", c.shown("TT-01"))
		}
		return shown, after
	}
	if shown, after := seen(false); shown.N != 15 || !reflect.DeepEqual(shown, after) {
		t.Errorf("before the restart %+v, after it %+v", shown, after)
	}
	// The control: a console that forgets tells the press.
	if shown, after := seen(true); after.N-shown.N != 3 {
		t.Errorf("before the restart %+v, after it %+v: the other test would see nothing", shown, after)
	}
}

// Yesterday's figures are not today's, whatever the store still keeps.
func TestARestartOnAnotherDayBeginsWithNothing(t *testing.T) {
	c := open(t, Settings{})
	c.press("TT-01", 5, 5, 5, 5, 5)
	c.pass(24 * time.Hour)
	c.restart()
	if r := c.shown("TT-01"); r.N != 0 {
		t.Errorf("%+v", r)
	}
}

// What cannot be kept is not shown: after a restart nobody would know it was.
func TestAFigureThatCannotBeKeptIsNotShown(t *testing.T) {
	c := open(t, Settings{})
	c.store.mu.Lock()
	c.store.full = errors.New("no space")
	c.store.mu.Unlock()
	for range 5 {
		c.put("TT-01", quick(), 5)
	}
	if err := c.rearrange(context.Background()); err == nil || c.shown("TT-01").N != 0 {
		t.Errorf("%v, shown %+v", err, c.shown("TT-01"))
	}
	c.store.mu.Lock()
	c.store.full = nil
	c.store.mu.Unlock()
	if err := c.rearrange(context.Background()); err != nil || c.shown("TT-01").N != 5 {
		t.Errorf("%v, shown %+v", err, c.shown("TT-01"))
	}
}

// Answers that waited for a counter to be declared are shown as soon as it is.
func TestNewUnitsBringWhatWaitedForThem(t *testing.T) {
	c := open(t, Settings{LiveStep: 1})
	c.put("TT-01", quick(), 5) // as a store does that counts held answers at the change
	units := c.ask("GET", "/api/v1/units", "")
	if got := c.ask("PUT", "/api/v1/units", string(units.body)); got.StatusCode != 200 {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if r := c.shown("TT-01"); r.N != 1 {
		t.Errorf("%+v", r)
	}
}

func TestAChangedMindShowsInTrialMode(t *testing.T) {
	c := open(t, Settings{LiveStep: 1})
	c.press("TT-01", 1)
	c.store.mu.Lock()
	c.store.placed[0].Response.Flags = []survey.Flag{survey.Replaced}
	c.store.mu.Unlock()
	c.press("TT-01", 5)
	if r := c.shown("TT-01"); r.N != 1 || r.Excluded != 1 || *r.Rate != 100 {
		t.Errorf("%+v", r)
	}
}

func TestFewerThanTheMinimumAreWithheld(t *testing.T) {
	c := open(t, Settings{LiveStep: 1, Minimum: 3})
	c.press("TT-01", 5, 5)
	if r := c.shown("TT-01"); !r.Suppressed || r.Rate != nil || r.Levels != nil || r.N != 2 {
		t.Errorf("%+v", r)
	}
	c.press("TT-01", 5)
	if r := c.shown("TT-01"); r.Suppressed || *r.Rate != 100 {
		t.Errorf("%+v", r)
	}
}

func TestAStoreThatFailsIsAskedAgain(t *testing.T) {
	c := open(t, Settings{LiveStep: 1})
	c.put("TT-01", quick(), 5)
	c.store.mu.Lock()
	c.store.broken = errors.New("no")
	c.store.mu.Unlock()
	c.pending.mu.Lock()
	c.pending.counters["TT-01"] = true // without waking the console's own goroutine
	c.pending.mu.Unlock()
	if err := c.refresh(context.Background()); err == nil {
		t.Error("nobody hears that the store cannot be read")
	}
	c.store.mu.Lock()
	c.store.broken = nil
	c.store.mu.Unlock()
	if err := c.refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	if c.shown("TT-01").N != 1 {
		t.Error("the counter was forgotten")
	}
}

// Published sums are worked out here, exact ones by score.Compute. With every answer
// published both must say the same of every unit.
func TestPublishedFiguresAgreeWithScores(t *testing.T) {
	counters := town().Counters
	rapid.Check(t, func(rt *rapid.T) {
		c := open(t, Settings{LiveStep: 1, Minimum: 2})
		for range rapid.IntRange(0, 25).Draw(rt, "answers") {
			at := rapid.SampledFrom(counters).Draw(rt, "counter").Code
			var flags []survey.Flag
			if rapid.Bool().Draw(rt, "excluded") {
				flags = []survey.Flag{survey.Test}
			}
			c.put(at, quick(), survey.Level(rapid.IntRange(1, 5).Draw(rt, "level")), flags...)
		}
		for _, row := range counters {
			c.Changed([]survey.CounterCode{row.Code})
		}
		c.settle("TT-01")
		world := score.World{Structure: c.store.structure, Catalogue: c.store.catalogue, Minimum: 2}
		for _, unit := range []survey.UnitCode{"", "SB", "SB-TT", "SB-HP", "SB-TA"} {
			res, err := score.Compute(context.Background(), c.store, world, survey.ScoreQuery{Unit: unit, From: c.today(), To: c.today(), By: survey.ByNone})
			if err != nil {
				rt.Fatal(err)
			}
			got, want := c.shown(string(unit)), res.Total
			if !sameCounts(got, want) || got.Suppressed != want.Suppressed || !near(got.Rate, want.Rate) || !near(got.Mean, want.Mean) {
				rt.Fatalf("unit %q: %+v, not %+v", unit, got, want)
			}
			if want.Interval != nil && *got.Interval != *want.Interval {
				rt.Fatalf("unit %q: %+v, not %+v", unit, got.Interval, want.Interval)
			}
		}
	})
}

func near(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return math.Abs(*a-*b) < 1e-9
}
