package fault

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Result is what one run of one fault came to.
type Result struct {
	Runs       int           // how many times the fault was played in it; 0 = once
	Thanked    int           // presses thanked for
	Counted    int           // answers that the aggregator counts
	Declared   int           // presses thanked for that the system itself says may be lost
	Recovered  time.Duration // from the end of the fault until everything was sent
	Violations []string      // what must not be, in words
}

// Account is what all runs of one fault came to.
type Account struct {
	Fault   string // in Vietnamese and English
	Results []Result
}

// Table is the accounts as a table in Markdown, for a reader who wants to know what the
// system survives. The last row is the sum.
func Table(accounts []Account) string {
	var b strings.Builder
	b.WriteString("| Sự cố / Fault | Số lần / Times | Đã cảm ơn / Thanked | Đã đếm / Counted | Đã khai có thể mất / Declared | Hồi phục: giữa, lâu nhất (giây) / Recovered in: median, longest (s) | Vi phạm / Violations |\n")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|\n")
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
	for _, r := range results {
		sum.Runs += max(1, r.Runs)
		sum.Thanked += r.Thanked
		sum.Counted += r.Counted
		sum.Declared += r.Declared
		sum.Violations = append(sum.Violations, r.Violations...)
		times = append(times, r.Recovered)
	}
	slices.Sort(times)
	middle, longest := time.Duration(0), time.Duration(0)
	if n := len(times); n > 0 {
		middle, longest = times[n/2], times[n-1]
	}
	fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %.1f, %.1f | %d |\n",
		name, sum.Runs, sum.Thanked, sum.Counted, sum.Declared, middle.Seconds(), longest.Seconds(), len(sum.Violations))
}
