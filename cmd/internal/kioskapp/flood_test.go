package kioskapp_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hailong/survey"
)

// A flood far above the limits meets the gateway while people press at a counter and
// answer by phone: whoever was thanked is counted at the centre, nothing more, and memory
// is bounded. HAILONG_FLOOD=1m makes it longer; -v prints the figures.
func TestAFloodLosesNothing(t *testing.T) {
	length := 2 * time.Second
	if said := os.Getenv("HAILONG_FLOOD"); said != "" {
		var err error
		if length, err = time.ParseDuration(said); err != nil {
			t.Fatalf("HAILONG_FLOOD: %v", err)
		}
	}
	o := startOffice(t)
	k := inService(t, settings(t.TempDir(), o.base))
	c := online(t.TempDir(), o.base)
	c.Proxies = []string{"127.0.0.1"}
	const limit = 20 // requests per second in all
	c.Web.Limits.Total = limit
	g := startGateway(t, c)
	f := &flood{t: t, form: g.form, transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer f.transport.CloseIdleConnections()
	counter := survey.CounterCode(g.status(t).Counters[0])

	pressed := 0
	press := func(d time.Duration) (took []time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			began := time.Now()
			k.press(t, fmt.Sprint("press ", pressed))
			took = append(took, time.Since(began))
			pressed++
		}
		return took
	}
	// Intake: the age of the oldest press that the centre has not signed for, at its highest.
	var oldest float64
	watch := func(ctx context.Context) (highest float64, peak uint64) {
		for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
			peak = max(peak, heap())
			var st status
			if _, body, err := k.get("/api/v1/status"); err == nil && json.Unmarshal([]byte(body), &st) == nil {
				highest = max(highest, st.Oldest)
			}
		}
		return highest, peak
	}
	var all sync.WaitGroup
	ctx, stop := context.WithTimeout(t.Context(), length/4)
	defer stop()
	all.Go(func() { oldest, _ = watch(ctx) })
	before := press(length / 4)
	all.Wait()
	intakeBefore, heapBefore := oldest, heap()

	ctx, stop = context.WithTimeout(t.Context(), length)
	defer stop()
	f.citizen(ctx, o.link(t, counter)) // one is there before the flood
	for range 24 {
		all.Go(func() { f.pour(ctx) })
	}
	for range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				f.citizen(ctx, o.link(t, counter))
			}
		})
	}
	var peak uint64
	all.Go(func() { oldest, peak = watch(ctx) })
	during := press(length)
	all.Wait()
	after := press(length / 4)

	t.Logf("flood of %s: %d requests (%.0f/s), %d of them over a limit, %d turned away, %d citizens thanked", length, f.asked.Load(), float64(f.asked.Load())/length.Seconds(), f.limited.Load(), f.refused.Load(), f.thanked.Load())
	t.Logf("press to thanks at the counter, median and 99th percentile: before %s, during %s, after %s", spread(before), spread(during), spread(after))
	t.Logf("oldest press not signed for by the centre: at most %.2f s before, %.2f s during", intakeBefore, oldest)
	t.Logf("heap: %.1f MiB before, at most %.1f MiB during (flooders and the centre in the same process)", float64(heapBefore)/(1<<20), float64(peak)/(1<<20))
	switch {
	case f.asked.Load() < 10*uint64(limit*length.Seconds()):
		t.Logf("the machine was too busy for a flood of ten times the limit")
	case f.limited.Load() == 0:
		t.Error("nobody met the limit")
	}
	if f.thanked.Load() == 0 {
		t.Error("no citizen got through")
	}
	if peak > heapBefore+256<<20 {
		t.Error("memory is not bounded")
	}
	for name, want := range map[*service]uint64{k: uint64(pressed), g.service: f.thanked.Load()} {
		until(t, "the centre has signed for all that was thanked for", func() error {
			if st := name.status(t); st.Last != want || st.Receipted != want {
				return fmt.Errorf("%d thanked, %d recorded, %d signed for", want, st.Last, st.Receipted)
			}
			return nil
		})
	}
}

// flood is who comes, and what became of them.
type flood struct {
	t                                *testing.T
	form                             string
	transport                        *http.Transport
	asked, limited, refused, thanked atomic.Uint64
}

// from makes a client at some address behind the proxy.
type from struct {
	*flood
	ctx     context.Context
	address string
}

// RoundTrip implements [http.RoundTripper].
func (f from) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(f.ctx)
	r.Header.Set("X-Forwarded-For", f.address)
	return f.transport.RoundTrip(r)
}

func (f *flood) client(ctx context.Context) *http.Client {
	return &http.Client{Transport: from{f, ctx, fmt.Sprintf("203.%d.%d.%d", rand.IntN(256), rand.IntN(256), rand.IntN(256))}}
}

// pour asks for forms with tickets that are none, as fast as it can.
func (f *flood) pour(ctx context.Context) {
	junk := "/q/" + strings.Repeat("MFRGGZDFMZTWQ2LK", 12)
	for ctx.Err() == nil {
		resp, err := f.client(ctx).Get(f.form + junk)
		if err != nil {
			continue // cut off at the end
		}
		f.asked.Add(1)
		if resp.Body.Close(); resp.StatusCode == http.StatusTooManyRequests {
			f.limited.Add(1)
		} else {
			f.refused.Add(1)
		}
	}
}

// citizen opens a link and answers, and comes back as long as the gateway is busy: also
// after the flood, so that it is known what became of the answer.
func (f *flood) citizen(ctx context.Context, at string) {
	client := f.client(context.WithoutCancel(ctx))
	for {
		code, err := answer(client, f.form+at, "5")
		switch {
		case err != nil:
			f.t.Errorf("a citizen: %v", err)
			return
		case code == http.StatusCreated:
			f.thanked.Add(1)
			return
		case code != http.StatusTooManyRequests:
			f.t.Errorf("a citizen got %d", code)
			return
		case ctx.Err() != nil:
			return // sent away each time: nothing was promised
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func spread(took []time.Duration) string {
	slices.SortFunc(took, cmp.Compare)
	if len(took) == 0 {
		return "none"
	}
	at := func(q float64) time.Duration { return took[int(q*float64(len(took)-1))].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%s and %s (%d presses)", at(0.5), at(0.99), len(took))
}
