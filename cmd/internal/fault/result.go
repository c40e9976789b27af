package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Uncounted is the number of counted answers where there is no aggregator to count.
const Uncounted = -1

// Result is what one run of one fault came to.
type Result struct {
	Runs       int           // how many times the fault was played in it; 0 = once
	Missed     bool          // the fault found nothing to happen to: the run proves nothing
	Thanked    int           // presses thanked for
	Counted    int           // answers that the aggregator counts, or [Uncounted]
	Unthanked  int           // answers among those, or held, of presses that were sent and never thanked for
	Declared   int           // presses thanked for that the system itself says may be lost
	Disputed   int           // presses thanked for by a clone: kept as evidence, not counted
	Recovered  time.Duration // from the end of the fault until everything was sent; 0 = it was not measured
	Violations []string      // what must not be, in words
}

// resultOf is a run's result as the ledger has it.
func resultOf(v Verdict) Result {
	return Result{Thanked: v.Thanked, Counted: v.Counted, Unthanked: v.Unasked, Declared: v.Declared, Disputed: v.Disputed, Violations: v.Violations}
}

// Account is what all runs of one fault came to.
type Account struct {
	Fault   string // in Vietnamese and English
	Results []Result
}

// columns are the table's, the first one aside.
var columns = []string{
	"Số lần / Times", "Đã cảm ơn / Thanked", "Đã đếm / Counted", "Trong đó chưa cảm ơn / Of these never thanked for",
	"Đã khai có thể mất / Declared lost", "Tranh chấp / Disputed",
	"Hồi phục: giữa, lâu nhất (giây) / Recovered in: median, longest (s)", "Vi phạm / Violations",
}

// Table is the accounts as a table in Markdown, for a reader who wants to know what the
// system survives. The last row is the sum. A run in which nothing was injected is not
// counted, and the time of one that failed is not among the times; "–" is what a fault
// has no number of.
func Table(accounts []Account) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| Sự cố / Fault | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)))
	var all []Result
	for _, a := range accounts {
		if len(a.Results) > 0 {
			row(&b, a.Fault, a.Results)
			all = append(all, a.Results...)
		}
	}
	row(&b, "**Tất cả / All**", all)
	return b.String()
}

func row(b *strings.Builder, name string, results []Result) {
	var sum Result
	var times []time.Duration
	counted := "–"
	for _, r := range results {
		sum.Violations = append(sum.Violations, r.Violations...)
		if r.Missed {
			continue
		}
		sum.Runs += max(1, r.Runs)
		sum.Thanked += r.Thanked
		sum.Unthanked += r.Unthanked
		sum.Declared += r.Declared
		sum.Disputed += r.Disputed
		if r.Counted != Uncounted {
			sum.Counted += r.Counted
			counted = strconv.Itoa(sum.Counted)
		}
		if r.Recovered > 0 && len(r.Violations) == 0 {
			times = append(times, r.Recovered)
		}
	}
	slices.Sort(times)
	recovered := "–"
	if n := len(times); n > 0 {
		recovered = fmt.Sprintf("%.1f, %.1f", times[n/2].Seconds(), times[n-1].Seconds())
	}
	fmt.Fprintf(b, "| %s | %d | %d | %s | %d | %d | %d | %s | %d |\n",
		name, sum.Runs, sum.Thanked, counted, sum.Unthanked, sum.Declared, sum.Disputed, recovered, len(sum.Violations))
}
