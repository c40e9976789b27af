package fault

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is what one run of one fault came to.
type Result struct {
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

// Table is the accounts for a reader who wants to know what the system survives.
func Table(accounts []Account) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Sự cố / Fault\tSố lần / Times\tĐã cảm ơn / Thanked\tĐã đếm / Counted\tĐã khai có thể mất / Declared\tHồi phục: giữa, lâu nhất / Recovered in: median, longest\tVi phạm / Violations")
	for _, a := range accounts {
		var sum Result
		var times []time.Duration
		for _, r := range a.Results {
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
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.1f s, %.1f s\t%d\n",
			a.Fault, len(a.Results), sum.Thanked, sum.Counted, sum.Declared, middle.Seconds(), longest.Seconds(), len(sum.Violations))
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}
