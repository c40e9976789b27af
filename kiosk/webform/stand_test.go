package webform

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/files"
	"hailong/survey/ticket"
)

var (
	kioskKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	centreKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	otherKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	noon      = time.Date(2026, 3, 2, 12, 0, 0, 0, survey.Zone)
)

const counter = "HS-01"

// stand is a form in service over a real Recorder and a real journal, at an address of its
// own.
type stand struct {
	t       testing.TB
	form    *Form
	journal *journal.Journal
	base    string
	log     *safeBuffer
	short   string // a poster's short address
	quick   string // another's, with a questionnaire of its own
	unknown string // another's, with one that is not known here

	mu    sync.Mutex // protects the rest
	now   time.Time
	ready error
	fails func() error // what stands before the journal says
	after func() error // what the journal's promise becomes
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// faulty is a journal that fails as the stand says, before or after it has kept.
type faulty struct {
	kiosk.Journal
	*stand
}

func (f faulty) Append(ctx context.Context, d survey.Draft) (survey.Entry, bool, error) {
	f.mu.Lock()
	before, after := f.fails, f.after
	f.mu.Unlock()
	if before != nil {
		if err := before(); err != nil {
			return survey.Entry{}, false, err
		}
	}
	e, appended, err := f.Journal.Append(ctx, d)
	if err == nil && after != nil {
		err = after()
	}
	return e, appended, err
}

func (s *stand) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stand) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func catalogue(t testing.TB) *survey.Catalogue {
	t.Helper()
	list, err := files.Questionnaires(nil)
	if err != nil {
		t.Fatal(err)
	}
	return survey.NewCatalogue(list...)
}

func (s *stand) ring() *ticket.Ring {
	id := func(k ed25519.PrivateKey) survey.KioskID { return custody.KioskName(k.Public().(ed25519.PublicKey)) }
	words := func(vi, en string) survey.Words { return survey.Words{survey.Vietnamese: vi, survey.English: en} }
	var posters []ticket.PosterPlace
	for short, questionnaire := range map[string]survey.QuestionnaireCode{s.short: "", s.quick: "quick", s.unknown: "tomorrow"} {
		poster := ticket.Ticket{Class: survey.PosterTicket, Nonce: ticket.NewNonce(), Expires: noon.AddDate(1, 0, 0), Counter: counter, Questionnaire: questionnaire}
		text, err := poster.Sign(centreKey)
		if err != nil {
			s.t.Fatal(err)
		}
		posters = append(posters, ticket.PosterPlace{Short: short, Ticket: text})
	}
	return ticket.NewRing(ticket.Directory{
		Kiosks: []ticket.KioskKey{{ID: id(kioskKey), Key: kioskKey.Public().(ed25519.PublicKey), Counters: []survey.CounterCode{counter}}},
		Counters: []ticket.Counter{{Code: counter, Name: words("Quầy 1 – Hộ tịch", "Counter 1 – Civil status"), Unit: "P01",
			UnitName: words("Trung tâm Phục vụ hành chính công phường Hải Châu", "Hải Châu Ward Public Administration Centre")}},
		Posters: posters,
	}, centreKey.Public().(ed25519.PublicKey))
}

// generous limits are in nobody's way.
var generous = Limits{Prefix: 1e5, Ticket: 1e5, Poster: 1e5, Total: 1e5, Conns: 4096, PerPlace: 4096}

func open(t testing.TB, change ...func(*Options)) *stand {
	t.Helper()
	s := &stand{t: t, now: noon, log: &safeBuffer{}, short: ticket.NewShort(), quick: ticket.NewShort(), unknown: ticket.NewShort()}
	var err error
	if s.journal, err = journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Kiosk: custody.KioskName(kioskKey.Public().(ed25519.PublicKey)), Now: s.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	ring := s.ring()
	o := Options{
		Ready: func() error { s.mu.Lock(); defer s.mu.Unlock(); return s.ready }, Ring: func() *ticket.Ring { return ring },
		Secret: []byte("a key of this gateway alone"), Limits: generous, Now: s.clock, Log: slog.New(slog.NewTextHandler(s.log, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	if s.form, err = New(o); err != nil {
		t.Fatal(err)
	}
	s.show("service")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.form.Serve(ln) }()
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		if err := s.form.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	s.base = "http://" + ln.Addr().String()
	if o.TLS != nil {
		s.base = "https" + s.base[len("http"):]
	}
	return s
}

func (s *stand) show(questionnaire string) {
	s.t.Helper()
	c := catalogue(s.t)
	r := kiosk.NewRecorder(kiosk.Settings{Catalogue: c, Counters: []survey.CounterCode{"ONLINE"}, Now: s.clock}, faulty{s.journal, s})
	err := s.form.Show(Settings{Catalogue: c, Questionnaire: questionnaire, Office: survey.Words{survey.Vietnamese: "Văn phòng UBND thành phố", survey.English: "City People's Committee Office"}, Contact: "0236 1022", KeepMonths: 24}, r)
	if err != nil {
		s.t.Fatal(err)
	}
}

// sign is the address of a ticket.
func sign(t testing.TB, key ed25519.PrivateKey, in ticket.Ticket) string {
	t.Helper()
	text, err := in.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return "/q/" + text
}

func screenTicket() ticket.Ticket {
	return ticket.Ticket{Class: survey.ScreenTicket, Nonce: ticket.NewNonce(), Expires: noon.Add(30 * time.Minute), Counter: counter}
}

func (s *stand) fresh() string { return sign(s.t, kioskKey, screenTicket()) }

// page is what a phone got.
type page struct {
	status int
	header http.Header
	body   string
}

func (p page) view() string {
	m := regexp.MustCompile(`data-webform="(\w+)"`).FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return m[1]
}

var input = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// form are the hidden fields of the page's form.
func (p page) form() url.Values {
	v := url.Values{}
	for _, m := range input.FindAllStringSubmatch(p.body, -1) {
		v.Set(m[1], strings.NewReplacer("&#43;", "+", "&amp;", "&", "&#34;", `"`).Replace(m[2]))
	}
	return v
}

// phone is a browser with cookies, without scripts.
type phone struct {
	*stand
	client *http.Client
	lang   string
}

func (s *stand) phone() *phone {
	return &phone{s, &http.Client{Jar: newJar(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, "vi"}
}

// jar keeps cookies by exact path.
type jar struct {
	mu  sync.Mutex
	all map[string]*http.Cookie
}

func newJar() *jar { return &jar{all: map[string]*http.Cookie{}} }

func (j *jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range cookies {
		j.all[c.Path] = c
	}
}

func (j *jar) Cookies(u *url.URL) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	if c := j.all[u.Path]; c != nil {
		return []*http.Cookie{{Name: c.Name, Value: c.Value}}
	}
	return nil
}

func (p *phone) do(method, path, body string, header ...string) page {
	p.t.Helper()
	req, err := http.NewRequest(method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Accept-Language", p.lang)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Header, string(b)}
}

func (p *phone) get(path string) page { p.t.Helper(); return p.do(http.MethodGet, path, "") }

func (p *phone) post(path string, form url.Values, fields ...string) page {
	p.t.Helper()
	v := url.Values{}
	for name, value := range form {
		v[name] = value
	}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return p.do(http.MethodPost, path, v.Encode())
}

// want fails unless a page has a status and shows a view.
func (p page) want(t testing.TB, status int, view string) page {
	t.Helper()
	if p.status != status || p.view() != view {
		t.Fatalf("got %d %q, want %d %q:\n%s", p.status, p.view(), status, view, p.body)
	}
	return p
}

// records are all that the journal holds.
func (s *stand) records() []survey.Entry {
	s.t.Helper()
	var all []survey.Entry
	for n := uint64(1); n <= s.journal.Head().Sequence; n++ {
		e, ok, err := s.journal.Get(survey.RecordID{Chain: s.journal.Chain(), Sequence: n})
		if err != nil || !ok {
			s.t.Fatalf("record %d: %v %v", n, ok, err)
		}
		all = append(all, e)
	}
	return all
}

func (s *stand) counted(want int) []survey.Entry {
	s.t.Helper()
	all := s.records()
	if len(all) != want {
		s.t.Fatalf("%d records, want %d: %+v", len(all), want, all)
	}
	return all
}

func levelOf(e survey.Entry, q survey.QuestionCode) survey.Level {
	i := slices.IndexFunc(e.Response.Answers, func(a survey.Answer) bool { return a.Question == q })
	if i < 0 {
		return 0
	}
	return e.Response.Answers[i].Level
}
