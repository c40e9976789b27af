// Package score turns counts into satisfaction scores: pure sums, no I/O.
//
// [Facts] says what one respondent's records add to the roll-ups. A [Source] hands
// the roll-ups' counts back, and [Compute] makes the rows of a score from them: n,
// satisfied, rate, mean, and Wilson's interval. Sums are exact whole numbers until
// the last division. Answers of different scales are never added up.
package score
