package score_test

import (
	"context"
	"fmt"

	"hailong/survey"
	"hailong/survey/score"
)

// A citizen presses "satisfied", thinks again and presses "not satisfied" instead;
// another presses "very satisfied". Two people, two answers, one left out.
func ExampleCompute() {
	d := &desk{world: province()}
	first := d.give(quick, "S-1", hour("2026-03-02", 9), "Z0=4")
	second := replacing(d.give(quick, "S-1", hour("2026-03-02", 9), "Z0=2"), first)
	other := d.give(quick, "S-1", hour("2026-03-02", 10), "Z0=5")

	store := newRollups() // any store that keeps the two roll-ups
	store.add(score.Facts([]score.Placed{first, second}, catalogue))
	store.add(score.Facts([]score.Placed{other}, catalogue))

	res, err := score.Compute(context.Background(), store, world(), survey.ScoreQuery{
		Unit: "P", From: day("2026-03-01"), To: day("2026-03-31"), By: survey.ByNone,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	t := res.Total
	fmt.Printf("n %d, people %d, satisfied %d, left out %d\n", t.N, t.Respondents, *t.Satisfied, t.Excluded)
	fmt.Printf("%.2f %% (%.2f to %.2f)\n", *t.Rate, t.Interval.Low, t.Interval.High)
	// Output:
	// n 2, people 2, satisfied 1, left out 1
	// 50.00 % (9.45 to 90.55)
}

func ExampleWilson() {
	low, high := score.Wilson(100.0/120, 120)
	fmt.Printf("100 of 120: %.2f to %.2f %%\n", 100*low, 100*high)
	// Output: 100 of 120: 75.65 to 88.94 %
}
