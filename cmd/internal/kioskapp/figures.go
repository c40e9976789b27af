package kioskapp

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// writeMetrics writes the kiosk's figures in Prometheus' text form. They are the same
// ones from the first moment on, enrolled or not.
func (a *App) writeMetrics(w io.Writer) {
	st := a.Status()
	for _, f := range []struct {
		name, kind, help string
		value            float64
	}{
		{"hailong_enrolled", "gauge", "1 when the centre has taken the kiosk in.", truth(st.Kiosk != "")},
		{"hailong_ready", "gauge", "1 when a press can be recorded.", truth(a.Ready() == nil)},
		{"hailong_link_up", "gauge", "1 when the centre can be reached.", truth(st.Link.Connected)},
		{"hailong_refused_by_centre", "gauge", "1 when the centre does not accept this kiosk any more.", truth(st.Link.Refused)},
		{"hailong_records_total", "counter", "Records kept in the journal's chain.", float64(st.Last)},
		{"hailong_button_refused_total", "counter", "Presses of buttons that were not thanked: not kept, or not known to be.", float64(a.buttons.refused())},
		{"hailong_unsent", "gauge", "Records that the centre has not signed for.", float64(st.Unsent)},
		{"hailong_oldest_unsent_seconds", "gauge", "Age of the oldest of them.", st.OldestUnsent.Seconds()},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %g\n", f.name, f.help, f.name, f.kind, f.name, f.value)
	}
	a.commits.write(w, "hailong_journal_commit_seconds", "Time that the journal's commits took.")
	a.writeFormMetrics(w)
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// bounds are the upper ends of a histogram's buckets: a disk that syncs in 0.5 ms falls
// into the first, one that is about to die into the last.
var bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

// histogram counts how long something took, in buckets as Prometheus reads them. The
// zero histogram is empty. Safe for many goroutines.
type histogram struct {
	mu      sync.Mutex // protects the rest
	buckets [len(bounds)]uint64
	n       uint64
	sum     time.Duration
}

func (h *histogram) add(took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	h.sum += took
	for i, b := range bounds {
		if took <= b {
			h.buckets[i]++
			return
		}
	}
}

func (h *histogram) write(w io.Writer, name, help string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name)
	var up uint64
	for i, b := range bounds {
		up += h.buckets[i]
		fmt.Fprintf(w, "%s_bucket{le=\"%g\"} %d\n", name, b.Seconds(), up)
	}
	fmt.Fprintf(w, "%s_bucket{le=\"+Inf\"} %d\n%s_sum %g\n%s_count %d\n", name, h.n, name, h.sum.Seconds(), name, h.n)
}
