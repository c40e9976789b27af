package console

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"hailong/survey"
)

// listener is one open event stream.
type listener struct {
	t    *testing.T
	r    *bufio.Reader
	body io.Closer
}

func listen(t *testing.T, c *centre, base string) *listener {
	t.Helper()
	req, err := http.NewRequest("GET", base+"/api/v1/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	t.Cleanup(func() { res.Body.Close() })
	return &listener{t, bufio.NewReader(res.Body), res.Body}
}

// event waits for the next event.
func (l *listener) event() (e liveJSON) {
	l.t.Helper()
	for {
		line, err := l.r.ReadString('\n')
		if err != nil {
			l.t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				l.t.Fatal(err)
			}
			return e
		}
	}
}

func TestAPressArrivesOnTheStream(t *testing.T) {
	c := open(t, Settings{LiveStep: 1})
	base := serve(t, c)
	l := listen(t, c, base)
	first := l.event()
	if !first.Complete || first.Date != c.today() || first.Step != 1 || first.Method.ID == "" {
		t.Errorf("%+v", first)
	}
	for _, r := range first.Rows {
		if r.N != 0 || r.Rate != nil {
			t.Errorf("nothing was pressed: %+v", r)
		}
	}
	c.put("HP-01", quick(), 5)
	c.Changed([]survey.CounterCode{"HP-01"})
	next := l.event()
	if next.Complete || next.Version <= first.Version {
		t.Errorf("%+v", next)
	}
	// The counter, its unit, the province and the total moved, and nothing else.
	got := map[string]bool{}
	for _, r := range next.Rows {
		got[string(r.Kind)+" "+r.Key] = true
		if r.N != 1 || *r.Rate != 100 || r.Scale != "five" {
			t.Errorf("%+v", r)
		}
	}
	if len(got) != 4 || !got["counter HP-01"] || !got["unit SB-HP"] || !got["unit SB"] || !got["total "] {
		t.Errorf("%v", got)
	}
}

func TestTheStreamShowsNothingFresherThanTheStep(t *testing.T) {
	c := open(t, Settings{})
	base := serve(t, c)
	c.press("HP-01", 5, 5, 5, 5, 5)
	c.press("HP-01", 1, 1)
	for _, r := range listen(t, c, base).event().Rows {
		if r.N != 0 && r.N != 5 {
			t.Errorf("%+v", r)
		}
	}
}

func TestNewUnitsArriveOnTheStream(t *testing.T) {
	c := open(t, Settings{})
	l := listen(t, c, serve(t, c))
	before := l.event()
	s := town()
	s.Counters = append(s.Counters, survey.Counter{Code: "TA-02", Unit: "SB-TA", Name: two("Quầy mới", "New")})
	body, _ := json.Marshal(s)
	if got := c.ask("PUT", "/api/v1/units", string(body)); got.StatusCode != 200 {
		t.Fatalf("%s", got.body)
	}
	if after := l.event(); !after.Complete || len(after.Rows) != len(before.Rows)+2 { // once per scale
		t.Errorf("%+v", after)
	}
}

func TestShutdownDoesNotWaitForStreams(t *testing.T) {
	c := open(t, Settings{})
	l := listen(t, c, serve(t, c))
	l.event()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := c.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(l.r); err != nil {
		t.Errorf("the stream was cut, not ended: %v", err)
	}
}

func TestServingAfterShutdownEndsAtOnce(t *testing.T) {
	c := open(t, Settings{})
	if err := c.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Serve(l); err != nil {
		t.Error(err)
	}
}

func TestStreamsAreCounted(t *testing.T) {
	c := open(t, Settings{})
	for range maxStreams {
		c.boards.enter()
	}
	got := c.ask("GET", "/api/v1/live", "")
	if got.problem(t); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	for range maxStreams {
		c.boards.leave()
	}
	// A stream that ends is counted out again.
	l := listen(t, c, serve(t, c))
	l.event()
	c.stopping.Do(func() { close(c.stop) })
	if _, err := io.ReadAll(l.r); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for c.boards.open() != 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if n := c.boards.open(); n != 0 {
		t.Errorf("%d streams are still counted", n)
	}
	if got := c.ask("HEAD", "/api/v1/live", ""); got.StatusCode != 200 || c.boards.open() != 0 {
		t.Errorf("%d", got.StatusCode)
	}
}

func (b *boards) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.streams
}
