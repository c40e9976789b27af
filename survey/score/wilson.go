package score

import "math"

// z95 is the 97.5 % quantile of the standard normal distribution.
const z95 = 1.959963984540054

// Wilson is Wilson's score interval at 95 % for a rate p seen among n respondents,
// both bounds as fractions (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927, 209–212):
//
//	(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)
//
// It has no value for n = 0. At p = 0 and p = 1 the outer bound is exact.
func Wilson(p float64, n int64) (low, high float64) {
	z2, m := z95*z95, float64(n)
	centre := p + z2/(2*m)
	half := z95 * math.Sqrt(p*(1-p)/m+z2/(4*m*m))
	low, high = (centre-half)/(1+z2/m), (centre+half)/(1+z2/m)
	if p == 0 {
		low = 0
	}
	if p == 1 {
		high = 1
	}
	return low, high
}
