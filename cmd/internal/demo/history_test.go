package demo_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hailong/cmd/internal/demo"
	"hailong/survey"
	"hailong/survey/score"
)

// The simulated past says so wherever it is seen, reaches up to now, lies at other
// counters than the visitor's, and is put once.
func TestTheSimulatedPast(t *testing.T) {
	dir := t.TempDir()
	d := start(t, config(dir)) // empty at first
	if n := simulated(d, d.Info.Token); n != 0 {
		t.Fatalf("%d simulated kiosks in an empty demo", n)
	}
	if page := d.page(); strings.Contains(page, "mô phỏng") || !strings.Contains(page, "đơn vị và quầy là mẫu") {
		t.Error("an empty demo's page speaks of simulated figures, or not of sample units")
	}
	d.stop()
	var before score.Row
	for life, empty := range []bool{false, false, true} {
		d = start(t, config(dir, func(c *demo.Config) { c.Empty = empty }))
		if n := simulated(d, d.Info.Token); n != 1 {
			t.Fatalf("%d simulated kiosks after start %d", n, life+1)
		}
		to := survey.DateOf(time.Now())
		all := d.scores(fmt.Sprintf("from=%s&to=%s", to-28, to))
		if all.Total.N < 1000 || life > 0 && all.Total.N != before.N {
			t.Fatalf("start %d: %d simulated answers, before %d", life+1, all.Total.N, before.N)
		}
		before = all.Total
		if n := d.scores(fmt.Sprintf("from=%s&to=%s", to, to)).Total.N; n == 0 {
			t.Fatal("the page of today has nothing to show")
		}
		for _, row := range d.scores(fmt.Sprintf("by=counter&from=%s&to=%s", to-28, to)).Rows {
			if row.Key == string(d.Info.Counter) && row.N != 0 {
				t.Fatalf("the visitor's own counter has %d simulated answers", row.N)
			}
		}
		factors := d.scores(fmt.Sprintf("questionnaire=service&by=factor&from=%s&to=%s", to-28, to))
		if len(factors.Rows) != 5 {
			t.Fatalf("the service questionnaire has %d factors with answers, want 5", len(factors.Rows))
		}
		for _, row := range factors.Rows {
			if row.Rate == nil || row.N < 100 {
				t.Errorf("factor %s: %d answers, rate %v", row.Key, row.N, row.Rate)
			}
		}
		if page := d.page(); !strings.Contains(page, "mô phỏng") && !strings.Contains(page, "simulated") {
			t.Error("the console's page does not say that figures are simulated")
		}
		d.stop()
	}
}

// At every hour there is something of today, nothing of it later than now.
func TestTheSimulatedPastEndsNow(t *testing.T) {
	for _, hour := range []int{1, 12} {
		now := survey.NewDate(2026, time.March, 1).Start().Add(time.Duration(hour)*time.Hour + time.Minute) // a Sunday
		d := start(t, config(t.TempDir(), func(c *demo.Config) { c.Empty, c.Now = false, func() time.Time { return now } }))
		today := survey.DateOf(now)
		if n := d.scores(fmt.Sprintf("from=%s&to=%s", today, today)).Total.N; n < 20 {
			t.Errorf("at %d o'clock: %d answers of today", hour, n)
		}
		for _, row := range d.scores(fmt.Sprintf("by=hour&from=%s&to=%s", today, today)).Rows {
			if row.Key > fmt.Sprintf("%02d", hour) && row.N > 0 {
				t.Errorf("at %d o'clock there are %d answers of %s", hour, row.N, row.Key)
			}
		}
		d.stop()
	}
}

// Real records are never mixed with simulated ones afterwards.
func TestNoSimulatedPastAfterARealPress(t *testing.T) {
	dir := t.TempDir()
	d := start(t, config(dir))
	d.press("1", 5)
	d.counted(1, 0)
	d.stop()
	d = start(t, config(dir, func(c *demo.Config) { c.Empty = false }))
	if n := simulated(d, d.Info.Token); n != 0 {
		t.Errorf("%d simulated kiosks among real records", n)
	}
	to := survey.DateOf(time.Now())
	if n := d.scores(fmt.Sprintf("from=%s&to=%s", to-28, to)).Total.N; n != 1 {
		t.Errorf("%d answers, want the one that was given", n)
	}
	if strings.Contains(d.page(), "mô phỏng") {
		t.Error("the page calls real figures simulated")
	}
}

// simulated counts the kiosks that say that they are simulated and have records.
func simulated(d *running, token string) (n int) {
	var list struct{ Items []struct{ Name string } }
	if code := d.ask(token, "/api/v1/kiosks", &list); code != http.StatusOK {
		d.t.Fatalf("the kiosks are answered with %d", code)
	}
	for _, k := range list.Items {
		if strings.Contains(k.Name, "Mô phỏng") && strings.Contains(k.Name, "Simulated") {
			n++
		}
	}
	return n
}
