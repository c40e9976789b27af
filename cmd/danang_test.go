package cmd_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"testing"
	"time"

	"hailong/cmd/internal/demo"
	"hailong/cmd/internal/fault"
	"hailong/survey"
)

// startDemo runs the whole system in this process, on free ports.
func startDemo(t *testing.T, change ...func(*demo.Config)) *demo.Demo {
	t.Helper()
	c := demo.Config{Data: t.TempDir(), Empty: true, Console: ":0", Kiosk: ":0", Online: ":0", Broker: ":0", Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))}
	for _, f := range change {
		f(&c)
	}
	d, err := demo.Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("stop the demo: %v", err)
		}
	})
	return d
}

// Đà Nẵng published, for the first half of 2014, 7,725 assessments of service quality:
// 98.23 % content, 1.51 % acceptable, 0.26 % not content. The counts behind them are
// 7,588, 117 and 20. Each is pressed here, on the scale of that survey, at the kiosk's
// own address, carried over NATS, and read back from the centre's.
func TestDaNang2014ThroughTheWholePipe(t *testing.T) {
	d := startDemo(t)
	began := time.Now()
	counts := map[int]int{3: 7588, 2: 117, 1: 20}
	work := make(chan fault.Press)
	var hands sync.WaitGroup
	for range 64 {
		hands.Go(func() {
			for p := range work {
				if _, err := insist(d.Info.Kiosk, p, time.Now().Add(20*time.Second)); err != nil {
					t.Errorf("press %s: %v", p.Key, err)
				}
			}
		})
	}
	for level, n := range counts {
		for i := range n {
			work <- fault.Press{Questionnaire: "danang-2014", Answers: map[string]int{"Z0": level}, Channel: survey.Web, Key: fmt.Sprint(level, "-", i)}
		}
	}
	close(work)
	hands.Wait()
	t.Log("pressed", time.Since(began))
	within(t, 20*time.Second, "everything is sent", func() error { return allSent(d.Info.Kiosk) })

	t.Log("sent", time.Since(began))
	r, err := scores(d.Info.Console, d.Info.Token, "?questionnaire=danang-2014&unit="+string(d.Info.Unit))
	if err != nil {
		t.Fatal(err)
	}
	row := r.Total
	if row.N != 7725 || row.Respondents != 7725 || row.Excluded != 0 {
		t.Fatalf("n %d, respondents %d, excluded %d; want 7725, 7725, 0", row.N, row.Respondents, row.Excluded)
	}
	for level, want := range map[int]float64{3: 98.23, 2: 1.51, 1: 0.26} {
		got := 0.0
		for l, n := range row.Levels {
			if int(l) == level {
				got = 100 * float64(n) / float64(row.N)
			}
		}
		if math.Abs(got-want) > 0.005 {
			t.Errorf("level %d: %.4f %%, published %.2f %%", level, got, want)
		}
	}
	if math.Abs(*row.Rate-98.23) > 0.005 {
		t.Errorf("rate %.4f, published 98.23", *row.Rate)
	}
	st, err := statusOf(d.Info.Kiosk)
	if err != nil || st.Unsent != 0 || st.Last != 7725 {
		t.Fatalf("status %+v %v", st, err)
	}
	t.Logf("n %d: %.2f / %.2f / %.2f %%, interval %.2f – %.2f, unsent %d", row.N, *row.Rate,
		100*float64(row.Levels[2])/float64(row.N), 100*float64(row.Levels[1])/float64(row.N), row.Interval.Low, row.Interval.High, st.Unsent)
}
