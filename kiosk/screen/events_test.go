package screen

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"hailong/survey"
)

// stream listens to a counter's events and returns what comes, line by line.
func stream(t *testing.T, base, query string) *bufio.Reader {
	t.Helper()
	res, err := http.Get(base + "/events" + query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if ct := res.Header.Get("Content-Type"); res.StatusCode != 200 || ct != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	r := bufio.NewReader(res.Body)
	if line := readLine(t, r); line != ": here" {
		t.Fatalf("the stream begins with %q", line)
	}
	return r
}

// readLine is the next line that is not empty.
func readLine(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
}

func TestAPressOnThePanelIsToldToItsCounterAlone(t *testing.T) {
	s := newStand(t)
	s.state.now.Counters = []survey.CounterCode{"Q1", "Q2"}
	base := s.listen(t)
	first, named, second := stream(t, base, ""), stream(t, base, "?counter=Q1"), stream(t, base, "?counter=Q2")
	id := survey.RecordID{Chain: survey.Chain{1}, Sequence: 7}
	s.Pressed("Q1", PanelOutcome{View: PanelWait, First: id}) // not told before it is kept
	s.Pressed("", PanelOutcome{View: PanelThanks, First: id})
	s.Pressed("Q2", PanelOutcome{View: PanelFailed})
	for name, r := range map[string]*bufio.Reader{"first": first, "named": named} {
		for _, want := range []string{`data: {"view":"wait"}`, `data: {"view":"thanks","first":"01000000000000000000000000000000/7"}`} {
			if got := readLine(t, r); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	if got := readLine(t, second); got != `data: {"view":"failed"}` {
		t.Errorf("the other counter reads %s", got)
	}
	// A program that stops ends its streams; it does not wait for them.
	ctx, done := context.WithTimeout(t.Context(), 5*time.Second)
	defer done()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(second); err != nil || len(rest) > 1 {
		t.Errorf("after the end: %q %v", rest, err)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s := newStand(t)
	var pages []chan event
	for range maxStreams {
		pages = append(pages, s.feed.enter(""))
	}
	if a := s.get(t, "/events"); a.StatusCode != 503 || a.problem(t).Type != "/problems/too-many-streams" {
		t.Errorf("one too many: %d %s", a.StatusCode, a.text)
	}
	// A page that does not read is cut off and keeps nobody waiting.
	for range queued + 1 {
		s.Pressed("", PanelOutcome{View: PanelWait})
	}
	for range queued {
		<-pages[0]
	}
	if _, open := <-pages[0]; open {
		t.Error("a page that did not read is still listened to")
	}
	if n := s.feed.listeners(); n != 0 {
		t.Errorf("%d pages listen", n)
	}
	s.feed.leave(pages[0]) // and its handler leaves later
	if a := s.get(t, "/events", "X-Forwarded-For", "10.0.0.9"); a.StatusCode != 403 {
		t.Errorf("a stranger: %d", a.StatusCode)
	}
}
