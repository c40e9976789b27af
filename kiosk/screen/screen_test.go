package screen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/survey"
)

func TestAPressIsKeptAndNamed(t *testing.T) {
	s := newStand(t)
	a := s.post(t, press(5, "k1"))
	if a.StatusCode != 201 || a.text != `{"id":"01000000000000000000000000000000/1","sequence":1}` {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	if again := s.post(t, press(5, "k1")); again.StatusCode != 201 || again.text != a.text {
		t.Errorf("the same key again: %d %s", again.StatusCode, again.text)
	}
	full := `{"questionnaire":"service","answers":{"Z0":"na"},"channel":"app","idempotency_key":"k2","counter":"Q2","stage":"refusal","field":"land",
		"procedure":"1.0001","resolving_unit":"H.01","respondent":"organisation","comment":"Cảm ơn \"nhiều\"","continues":null,"replaces":null}`
	if a := s.post(t, full); a.StatusCode != 201 {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	follow := `{"questionnaire":"service","answers":{"Z0":null},"channel":"app","idempotency_key":"k3","counter":"Q2","replaces":"01000000000000000000000000000000/2"}`
	if a := s.post(t, follow); a.StatusCode != 201 {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	kept := s.journal.kept()
	if len(kept) != 3 {
		t.Fatalf("%d records kept, want 3", len(kept))
	}
	want := survey.Response{
		Questionnaire: questionnaire("service", 1, 2, 3, 4, 5).Hash(), Answers: []survey.Answer{{Question: "Z0", Kind: survey.NotApplicable}}, Channel: survey.App,
		Stage: survey.Refusal, Counter: "Q2", ResolvingUnit: "H.01", Field: "land", Procedure: "1.0001", Respondent: survey.Organisation,
	}
	if got := kept[1].Response; !got.SameContent(&want) || kept[1].Comment != `Cảm ơn "nhiều"` {
		t.Errorf("kept %+v %q", got, kept[1].Comment)
	}
	if got := kept[2].Response; got.Replaces != kept[1].ID || got.Answers[0].Kind != survey.Blank {
		t.Errorf("kept %+v", got)
	}
}

func TestRecorderErrorsHaveTheirStatus(t *testing.T) {
	s := newStand(t)
	disk := errors.New("write /data/journal.log: no space left on device")
	s.journal.fail([]error{fmt.Errorf("sync: %w", kiosk.ErrUnknown), disk}, nil)
	a := s.post(t, press(5, "k1"))
	if a.StatusCode != 503 || a.Header.Get("Retry-After") != "1" || a.problem(t).Type != "/problems/unknown-outcome" {
		t.Errorf("unknown outcome: %d %v %s", a.StatusCode, a.Header, a.text)
	}
	a = s.post(t, press(5, "k1"))
	if a.StatusCode != 503 || a.problem(t).Type != "/problems/cannot-record" || strings.Contains(a.text, "journal.log") {
		t.Errorf("disk full: %d %s", a.StatusCode, a.text)
	}
	if a = s.post(t, press(5, "k1")); a.StatusCode != 201 {
		t.Errorf("the third try: %d %s", a.StatusCode, a.text)
	}
	a = s.post(t, press(4, "k1"), "Accept-Language", "en")
	if p := a.problem(t); a.StatusCode != 409 || !strings.Contains(p.Detail, "other content") {
		t.Errorf("same key, other content: %d %s", a.StatusCode, a.text)
	}
	if n := len(s.journal.kept()); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

func TestAPressKeptAfterAnUnknownOutcomeCountsOnce(t *testing.T) {
	s := newStand(t)
	s.journal.fail(nil, []error{kiosk.ErrUnknown})
	if a := s.post(t, press(2, "k1")); a.StatusCode != 503 {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	if a := s.post(t, press(2, "k1")); a.StatusCode != 201 {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	if n := len(s.journal.kept()); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

// Fiber lends out buffers that it uses again for the next request. What is kept must
// not change under the requests that follow.
func TestAnswersKeepTheirWordsUnderReusedBuffers(t *testing.T) {
	s := newStand(t)
	base := s.listen(t)
	const clients, each = 8, 40
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for i := range each {
				level := (n+i)%5 + 1
				mark := strings.Repeat(fmt.Sprintf("%d-%d.", n, i), 1+(n*7+i)%30)
				body := fmt.Sprintf(`{"questionnaire":"quick","answers":{"Z0":%d},"channel":"web","idempotency_key":%q,"field":"f%d.%d","comment":%q}`, level, mark, n, i, fmt.Sprintf("%d|%d|%d|%s", n, i, level, mark))
				res, err := client.Post(base+"/api/v1/responses", "application/json", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != 201 {
					t.Errorf("status %d", res.StatusCode)
				}
			}
		})
	}
	wg.Wait()
	kept := s.journal.kept()
	if len(kept) != clients*each {
		t.Fatalf("%d records, want %d", len(kept), clients*each)
	}
	for _, e := range kept {
		part := strings.SplitN(e.Comment, "|", 4)
		if len(part) != 4 {
			t.Fatalf("comment %q", e.Comment)
		}
		if want := "f" + part[0] + "." + part[1]; string(e.Response.Field) != want || fmt.Sprint(e.Response.Answers[0].Level) != part[2] || e.Nonce != survey.KeyNonce(part[3]) {
			t.Errorf("record %d says %q but has field %q, level %d", e.ID.Sequence, e.Comment, e.Response.Field, e.Response.Answers[0].Level)
		}
	}
}

// A browser opens connections before it needs them. They must not hold up the stop.
func TestShutdownDoesNotWaitForSilentConnections(t *testing.T) {
	s := newStand(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	silent, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	res, err := http.Get("http://" + ln.Addr().String() + "/healthz") // accepted after the silent one
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	ctx, done := context.WithTimeout(context.Background(), 3*time.Second)
	defer done()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestStatusTellsWhatIsUnsentAndWhy(t *testing.T) {
	s := newStand(t)
	at, skew := time.Date(2026, 3, 31, 1, 2, 3, 4e6, time.UTC), -90*time.Second
	s.state.now = Status{
		Kiosk: "k1", Counters: []survey.CounterCode{"Q1", "Q2"}, Chain: survey.Chain{0xab}, Last: 12, Receipted: 9, Unsent: 3, OldestUnsent: 1500 * time.Millisecond,
		Clock: Clock{Now: at, Boot: time.Hour, Skew: &skew},
		Link:  Link{Since: at, Problem: both("Không nối được tới trung tâm.", "The centre cannot be reached.")},
	}
	a := s.get(t, "/api/v1/status", "Accept-Language", "en-GB")
	want := `{"kiosk":"k1","counters":["Q1","Q2"],"chain":"ab000000000000000000000000000000","last_sequence":12,"receipted_sequence":9,"unsent":3,"oldest_unsent_seconds":1.5,` +
		`"clock":{"now":"2026-03-31T08:02:03.004+07:00","boot_seconds":3600,"skew_seconds":-90},"link":{"connected":false,"since":"2026-03-31T08:02:03.004+07:00","problem":"The centre cannot be reached."}}`
	if a.StatusCode != 200 || a.text != want {
		t.Errorf("%d\n%s, want\n%s", a.StatusCode, a.text, want)
	}
	s.state.now = Status{}
	if a := s.get(t, "/api/v1/status"); !strings.Contains(a.text, `"counters":[],"chain":""`) || !strings.Contains(a.text, `"skew_seconds":null`) || !strings.Contains(a.text, `"since":null,"problem":null`) {
		t.Errorf("of an empty kiosk: %s", a.text)
	}
}

func TestHealthReadinessAndMetrics(t *testing.T) {
	s := newStand(t, func(o *Options, _ *Settings) {
		o.Metrics = func(w io.Writer) { _, _ = io.WriteString(w, "unsent 3\n") }
	})
	if a := s.get(t, "/metrics"); a.StatusCode != 200 || a.text != "unsent 3\n" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("metrics: %d %q", a.StatusCode, a.text)
	}
	if a := s.get(t, "/readyz"); a.StatusCode != 200 {
		t.Errorf("ready: %d %s", a.StatusCode, a.text)
	}
	s.state.set(errors.New("the disk of /data is full"))
	a := s.get(t, "/readyz")
	if p := a.problem(t); a.StatusCode != 503 || !strings.Contains(p.Detail, "the disk of /data is full") {
		t.Errorf("not ready: %d %s", a.StatusCode, a.text)
	}
	if a := s.get(t, "/readyz", "X-Forwarded-For", "203.0.113.9"); a.StatusCode != 503 || strings.Contains(a.text, "/data") {
		t.Errorf("not ready, asked from elsewhere: %d %s", a.StatusCode, a.text)
	}
	if a := s.get(t, "/healthz"); a.StatusCode != 200 {
		t.Errorf("healthy all the same: %d %s", a.StatusCode, a.text)
	}
}

func TestShowRefusesWhatCannotBeDrawn(t *testing.T) {
	s := newStand(t)
	six := questionnaire("six", 1, 2, 3, 4, 5)
	six.Scales[0].Levels = append(six.Scales[0].Levels, survey.ScaleLevel{Value: 6, Words: both("Tuyệt", "Great"), Satisfied: true})
	bare := questionnaire("bare", 1, 2, 3)
	bare.Questions[0].Kind = survey.Satisfaction
	list := survey.NewCatalogue(six, bare)
	for _, c := range []struct {
		set  Settings
		r    Recorder
		want string
	}{
		{s.settings, nil, "needs a recorder"},
		{Settings{Questionnaire: "quick"}, s.recorder, "no catalogue"},
		{Settings{Questionnaire: "none", Catalogue: list}, s.recorder, "only bare, six"},
		{Settings{Questionnaire: "six", Catalogue: list}, s.recorder, "3 that are; a screen has faces for 2 to 5 levels"},
		{Settings{Questionnaire: "bare", Catalogue: list}, s.recorder, "no overall question"},
	} {
		if err := s.Show(c.set, c.r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Show(%+v) = %v, want %q", c.set, err, c.want)
		}
	}
	if a := s.get(t, "/"); a.StatusCode != 200 || !strings.Contains(a.text, "Nhìn chung") {
		t.Errorf("the screen did not stay as it was: %d", a.StatusCode)
	}
}

func TestAPanicIsAFaultOfOursAndIsLogged(t *testing.T) {
	var log bytes.Buffer
	s := newStand(t, func(o *Options, _ *Settings) {
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.Metrics = func(io.Writer) { panic("figures are gone") }
	})
	a := s.get(t, "/metrics")
	if a.problem(t); a.StatusCode != 500 || strings.Contains(a.text, "figures") || !strings.Contains(log.String(), "figures are gone") {
		t.Errorf("%d %s; log: %s", a.StatusCode, a.text, log.String())
	}
}

// A kiosk that the centre refuses goes on recording and shows the citizen the same page.
// The staff sees a small sign, and whoever asks for its health is told what to do.
func TestAKioskThatTheCentreRefusesSaysSoToItsStaff(t *testing.T) {
	s := newStand(t)
	look := func() (page, revision, ready, elsewhere string) {
		t.Helper()
		a := s.get(t, "/readyz")
		if a.StatusCode != 200 || !strings.HasPrefix(a.text, "ok\n") {
			t.Errorf("ready: %d %s", a.StatusCode, a.text)
		}
		return s.get(t, "/").text, s.get(t, "/revision").text, a.text, s.get(t, "/readyz", "X-Forwarded-For", "203.0.113.9").text
	}
	before, calm, ready, _ := look()
	if strings.Contains(before, "E4") || ready != "ok\n" {
		t.Errorf("a kiosk in good order says %s\n%s", ready, before)
	}
	why := both("trung tâm không chấp nhận thiết bị này nữa", "the centre does not accept this kiosk any more")
	s.state.now = Status{Link: Link{Refused: true, Problem: why}}
	page, revision, ready, elsewhere := look()
	if !strings.Contains(page, `<code class="mark" aria-hidden="true">E4</code></footer>`) || !strings.Contains(page, `data-revision="`+revision+`"`) || revision == calm {
		t.Errorf("revision %q, before %q; the page is\n%s", revision, calm, page)
	}
	if strings.Contains(page, "trung tâm") || strings.Contains(page, "centre does") || !strings.Contains(page, "Không ghi tên") {
		t.Errorf("a citizen reads\n%s", page)
	}
	if ready != "ok\n"+why["vi"]+"\n"+why["en"]+"\n" || elsewhere != "ok\n" {
		t.Errorf("ready: %q here, %q elsewhere", ready, elsewhere)
	}
	if a := s.post(t, press(5, "k1")); a.StatusCode != 201 {
		t.Errorf("a press: %d %s", a.StatusCode, a.text)
	}
}
