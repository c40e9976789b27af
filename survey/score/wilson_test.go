package score_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"hailong/survey/score"
)

// Newcombe's four published cases (R. G. Newcombe, "Two-sided confidence intervals for
// the single proportion", Statistics in Medicine 17, 1998, 857–872, table I, method 3:
// Wilson's score without continuity correction), to his four decimals; and 100 of 120.
func TestWilsonAgainstPublishedValues(t *testing.T) {
	for _, c := range []struct {
		satisfied, n int64
		low, high    float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0.0000, 0.1611},
		{1, 29, 0.0061, 0.1718},
		{100, 120, 0.7565, 0.8894},
	} {
		low, high := score.Wilson(float64(c.satisfied)/float64(c.n), c.n)
		if math.Abs(low-c.low) > 0.00005 || math.Abs(high-c.high) > 0.00005 {
			t.Errorf("%d of %d: %.4f to %.4f, published %.4f to %.4f", c.satisfied, c.n, low, high, c.low, c.high)
		}
	}
}

func TestWilsonProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1_000_000).Draw(t, "n")
		k := rapid.Int64Range(0, n).Draw(t, "satisfied")
		p := float64(k) / float64(n)
		low, high := score.Wilson(p, n)
		if !(0 <= low && low <= p && p <= high && high <= 1 && low < high) {
			t.Fatalf("%d of %d: %v not in %v..%v within 0..1", k, n, p, low, high)
		}
		if k < n {
			l, h := score.Wilson(float64(k+1)/float64(n), n)
			if l < low || h < high {
				t.Fatalf("one more satisfied answer lowers %v..%v to %v..%v", low, high, l, h)
			}
		}
		l, h := score.Wilson(1-p, n)
		if math.Abs(l-(1-high)) > 1e-12 || math.Abs(h-(1-low)) > 1e-12 {
			t.Fatalf("%d of %d: %v..%v, mirrored %v..%v", k, n, low, high, l, h)
		}
		if l, h := score.Wilson(p, 2*n); h-l >= high-low {
			t.Fatalf("twice as many people make the interval wider: %v after %v", h-l, high-low)
		}
	})
}
