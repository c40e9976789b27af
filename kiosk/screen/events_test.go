package screen

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
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
	s := newStand(t, twoCounters)
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

func twoCounters(_ *Options, set *Settings) {
	set.Counters = []Counter{{Code: "Q1", Name: both("Quầy 1", "Counter 1")}, {Code: "Q2", Name: both("Quầy 2", "Counter 2")}}
}

// Everything that follows a press on a counter's page stays with that counter.
func TestAVisitStaysWithItsCounter(t *testing.T) {
	var code atomic.Bool
	code.Store(true)
	s := newStand(t, withFollowUp, twoCounters, withCode(&code))
	page := s.get(t, "/?counter=Q2&text=large")
	for _, want := range []string{
		`data-events="/events?counter=Q2"`, `<img src="/qr.svg?counter=Q2"`, `href="/?contrast=high&amp;counter=Q2&amp;lang=vi&amp;text=large"`, `data-counter="Q2"`,
	} {
		if !strings.Contains(page.text, want) {
			t.Errorf("the page lacks %s: %s", want, page.text)
		}
	}
	if n := strings.Count(page.text, `action="/press?counter=Q2"`); n != 5 { // the question, what follows, and the change of mind
		t.Errorf("%d forms go to the counter", n)
	}
	v := with(fields(page.text), "level", "2")
	a := s.do(t, "POST", "/press?counter=Q2", v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if a.StatusCode != 201 || !strings.Contains(a.text, `content="40; url=/?counter=Q2"`) {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	a = s.do(t, "POST", "/press?counter=Q2", with(fields(a.text), "level", "6").Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if a.StatusCode != 201 {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	s.wantLinks(t, "Z0=2 touch", "R1=6 continues 1 touch")
	for _, e := range s.journal.kept() {
		if e.Response.Counter != "Q2" {
			t.Errorf("kept for %s", e.Response.Counter)
		}
	}
	if a := s.get(t, "/events?counter=Q9"); a.StatusCode != 404 {
		t.Errorf("events of a counter that is not here: %d", a.StatusCode)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s := newStand(t)
	var pages []chan event
	for range maxStreams {
		pages = append(pages, s.feed.enter(listening{}))
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

// A tablet's credential opens a few streams, and leaves room for the others and the box.
func TestATabletCannotTakeAllStreams(t *testing.T) {
	h := newHall(t)
	cookie, other := h.tablet(t, "Q1"), h.tablet(t, "Q1")
	base := h.listen(t)
	listens := func(cookie string) int {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, base+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", cookie)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res.StatusCode
	}
	h.afar.Store(true)
	for i := range maxOfTablet {
		if got := listens(cookie); got != 200 {
			t.Fatalf("stream %d: %d", i+1, got)
		}
	}
	if one, another := listens(cookie), listens(other); one != 503 || another != 200 {
		t.Errorf("one more of the same tablet: %d, another tablet's first: %d", one, another)
	}
	h.afar.Store(false)
	if got := listens(""); got != 200 {
		t.Errorf("the box's own: %d", got)
	}
}
