package screen

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/survey"
)

func both(vi, en string) survey.Words {
	return survey.Words{survey.Vietnamese: vi, survey.English: en}
}

var five = survey.Scale{Code: "five", Levels: []survey.ScaleLevel{
	{Value: 1, Words: both("Rất không hài lòng", "Very dissatisfied")},
	{Value: 2, Words: both("Không hài lòng", "Dissatisfied")},
	{Value: 3, Words: both("Bình thường", "Neutral")},
	{Value: 4, Words: both("Hài lòng", "Satisfied"), Satisfied: true},
	{Value: 5, Words: both("Rất hài lòng", "Very satisfied"), Satisfied: true},
}}

func questionnaire(code survey.QuestionnaireCode, levels ...int) *survey.Questionnaire {
	scale := survey.Scale{Code: survey.ScaleCode(fmt.Sprintf("of%d", len(levels)))}
	for _, l := range levels {
		scale.Levels = append(scale.Levels, five.Levels[l-1])
	}
	return &survey.Questionnaire{
		Code: code, Title: both("Bấm nhanh", "Quick press"), Scales: []survey.Scale{scale},
		Questions: []survey.Question{{
			Code: "Z0", Kind: survey.Overall, Scale: scale.Code, NotApplicable: code == "service",
			Words: both("Nhìn chung, Ông/Bà hài lòng thế nào về lần phục vụ này?", "Overall, how satisfied are you with today’s service?"),
		}},
	}
}

// further is what may be asked after the first answer: a list of choices, faces, and a
// question that not everybody can answer.
func further() *survey.Questionnaire {
	reasons := survey.Scale{Code: "reasons"}
	for i, w := range []survey.Words{
		both("Thời gian chờ", "Waiting time"), both("Cách hướng dẫn", "Explanations"), both("Thái độ phục vụ", "Manner of the staff"),
		both("Số lần đi lại", "Number of visits needed"), both("Chi phí", "Costs"), both("Điều khác", "Something else"),
	} {
		reasons.Levels = append(reasons.Levels, survey.ScaleLevel{Value: survey.Level(i + 1), Words: w})
	}
	return &survey.Questionnaire{
		Code: "then", Title: both("Hỏi thêm", "Further questions"), Scales: []survey.Scale{reasons, five},
		Questions: []survey.Question{
			{Code: "R1", Kind: survey.Reason, Scale: "reasons", Words: both("Điều gì ảnh hưởng nhất đến đánh giá của Ông/Bà?", "What mattered most for your answer?")},
			{Code: "C1", Kind: survey.Satisfaction, Scale: "five", Words: both("Ông/Bà hài lòng thế nào về thái độ giao tiếp của công chức tiếp nhận?", "How satisfied are you with the manner of the official who received you?")},
			{Code: "E1", Kind: survey.Satisfaction, Scale: "five", NotApplicable: true, Words: both("Nếu đã góp ý hoặc phản ánh: Ông/Bà hài lòng thế nào về cách cơ quan trả lời?", "If you made a comment or complaint: how satisfied are you with the reply?")},
		},
	}
}

// memory is a journal in memory that can be told to fail, before or after it has kept
// the draft.
type memory struct {
	mu      sync.Mutex
	busy    chan struct{} // while it is there, appends wait for it to be closed
	entries []survey.Entry
	before  []error // for the next appends, in turn; nil = none
	after   []error
}

func take(list *[]error) (err error) {
	if len(*list) > 0 {
		err, *list = (*list)[0], (*list)[1:]
	}
	return err
}

func (m *memory) Append(_ context.Context, d survey.Draft) (survey.Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if busy := m.busy; busy != nil {
		m.mu.Unlock()
		<-busy
		m.mu.Lock()
	}
	if err := take(&m.before); err != nil {
		return survey.Entry{}, false, err
	}
	for _, e := range m.entries {
		if e.Nonce == d.Nonce {
			return e, false, nil
		}
	}
	e := survey.Entry{ID: survey.RecordID{Chain: survey.Chain{1}, Sequence: uint64(len(m.entries) + 1)}, Nonce: d.Nonce, Response: d.Response, Comment: d.Comment, HadComment: d.Comment != ""}
	m.entries = append(m.entries, e)
	return e, true, take(&m.after)
}

func (m *memory) Find(n survey.Nonce) (survey.Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		if e.Nonce == n {
			return e, true, nil
		}
	}
	return survey.Entry{}, false, nil
}

func (m *memory) Get(id survey.RecordID) (survey.Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := id.Sequence; id.Chain == (survey.Chain{1}) && n >= 1 && n <= uint64(len(m.entries)) {
		return m.entries[n-1], true, nil
	}
	return survey.Entry{}, false, nil
}

// kept is what the journal holds.
func (m *memory) kept() []survey.Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]survey.Entry(nil), m.entries...)
}

// hold makes appends wait, as a slow disk does, until release is called.
func (m *memory) hold() (release func()) {
	busy := make(chan struct{})
	set := func(c chan struct{}) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.busy = c
	}
	set(busy)
	return sync.OnceFunc(func() {
		set(nil)
		close(busy)
	})
}

// fail makes the next appends fail, before or after they kept the draft.
func (m *memory) fail(before, after []error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before, m.after = before, after
}

// condition is a State that a test can change.
type condition struct {
	mu    sync.Mutex
	ready error
	now   Status
}

func (c *condition) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *condition) Ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready
}

func (c *condition) set(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = err
}

// stand is a screen in service at counter Q1, over the real Recorder and a journal in
// memory.
type stand struct {
	*Screen
	journal  *memory
	recorder *kiosk.Recorder
	state    *condition
	settings Settings
}

// everybody takes every address for the box itself: app.Test comes from 0.0.0.0.
func everybody(netip.Addr) bool { return true }

func newStand(t *testing.T, change ...func(*Options, *Settings)) *stand {
	t.Helper()
	catalogue := survey.NewCatalogue(questionnaire("quick", 1, 2, 3, 4, 5), questionnaire("quick4", 1, 2, 4, 5), questionnaire("quick3", 1, 3, 5), questionnaire("twice", 3, 4, 5), questionnaire("service", 1, 2, 3, 4, 5), further())
	st := &stand{journal: &memory{}, state: &condition{}}
	st.settings = Settings{
		Counters: []Counter{
			{Code: "Q1", Unit: both("Trung tâm Phục vụ hành chính công thành phố Đà Nẵng", "Da Nang Public Administration Service Centre"), Name: both("Quầy 3 · Hộ tịch – Chứng thực", "Counter 3 · Civil status")},
			{Code: "Q2", Unit: both("Trung tâm Phục vụ hành chính công thành phố Đà Nẵng", "Da Nang Public Administration Service Centre"), Name: both("Quầy 4 · Đất đai", "Counter 4 · Land")},
		},
		Catalogue: catalogue, Questionnaire: "quick",
	}
	o := Options{State: st.state, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range change {
		f(&o, &st.settings)
	}
	st.recorder = kiosk.NewRecorder(kiosk.Settings{Catalogue: catalogue, Counters: []survey.CounterCode{"Q1", "Q2"}}, st.journal)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	st.Screen = s
	s.near = everybody
	if err := s.Show(st.settings, st.recorder); err != nil {
		t.Fatal(err)
	}
	return st
}

// fromAfar makes the box take nobody for itself but whoever sits at it.
func fromAfar(s *Screen) { s.near = netip.Addr.IsLoopback }

// answer is what came back for a request.
type answer struct {
	*http.Response
	text string
}

func (s *stand) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.app.Test(req, 5000)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(b)}
}

func (s *stand) post(t *testing.T, body string, headers ...string) answer {
	t.Helper()
	return s.do(t, "POST", "/api/v1/responses", body, append([]string{"Content-Type", "application/json"}, headers...)...)
}

func (s *stand) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return s.do(t, "GET", path, "", headers...)
}

// problem reads a problem+json and checks its form.
func (a answer) problem(t *testing.T) body {
	t.Helper()
	if ct := a.Header.Get("Content-Type"); ct != "application/problem+json; charset=utf-8" {
		t.Fatalf("content type %q, body %s", ct, a.text)
	}
	var b body
	dec := json.NewDecoder(strings.NewReader(a.text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		t.Fatalf("%v in %s", err, a.text)
	}
	if b.Status != a.StatusCode || b.Title == "" || b.Detail == "" || !strings.HasPrefix(b.Type, "/problems/") {
		t.Errorf("not a whole problem for status %d: %s", a.StatusCode, a.text)
	}
	return b
}

func press(level any, key string) string {
	return fmt.Sprintf(`{"questionnaire":"quick","answers":{"Z0":%v},"channel":"touch","idempotency_key":%q}`, level, key)
}

// listen serves the screen on a real loopback port and returns its address.
func (s *stand) listen(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}
