package kioskapp_test

import (
	"fmt"
	"strings"
	"testing"

	"hailong/cmd/internal/centreapp"
)

// The same figures are there before and after the kiosk is taken in, as Prometheus
// reads them.
func TestFiguresOfAKiosk(t *testing.T) {
	shows := func(k *service, want ...string) {
		t.Helper()
		until(t, "the figures are right", func() error {
			_, text, err := k.get("/metrics")
			for _, w := range want {
				if err == nil && !strings.Contains("\n"+text, "\n"+w+"\n") {
					err = fmt.Errorf("no %q in\n%s", w, text)
				}
			}
			return err
		})
	}
	shut := startCentre(t, func(c *centreapp.Config) { c.AutoEnrol = false })
	out := startKiosk(t, settings(t.TempDir(), shut.base))
	shows(out, "hailong_enrolled 0", "hailong_ready 0", "hailong_link_up 0", "hailong_records_total 0", "hailong_unsent 0", "hailong_oldest_unsent_seconds 0",
		"hailong_journal_commit_seconds_count 0", "# TYPE hailong_records_total counter", "# TYPE hailong_ready gauge")

	open := startCentre(t)
	k := inService(t, settings(t.TempDir(), open.base))
	k.press(t, "1")
	k.press(t, "2")
	shows(k, "hailong_enrolled 1", "hailong_ready 1", "hailong_link_up 1", "hailong_records_total 2", "hailong_unsent 0",
		"# TYPE hailong_journal_commit_seconds histogram", `hailong_journal_commit_seconds_bucket{le="+Inf"} 2`, "hailong_journal_commit_seconds_count 2")
}
