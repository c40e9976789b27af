package console

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/score"
)

// memory is a central store without a disk: sums are made anew for each query.
type memory struct {
	mu          sync.Mutex
	structure   *survey.Structure
	catalogue   *survey.Catalogue
	placed      []score.Placed
	chains      []custody.ChainState
	kiosks      []survey.Kiosk
	posters     []survey.Poster
	invitations map[survey.Hash]survey.Invitation
	redeemed    map[survey.Hash]survey.KioskID
	tokens      map[survey.Hash]survey.Token
	board       []byte
	broken      error // every read of counts fails with it
	full        error // a board cannot be kept because of it

	closings []custody.Closing
	said     []custody.Said
	lost     []custody.Loss
	held     []custody.Waiting
	bad      []custody.Waiting
	rejected []custody.Rejected
	rejudged int    // records that judging again would change
	reads    int    // of closings
	reading  func() // happens with each; nil = nothing
}

var _ Store = (*memory)(nil)

func (m *memory) PutPoster(_ context.Context, p survey.Poster) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.posters = append(slices.DeleteFunc(m.posters, func(old survey.Poster) bool { return old.Short == p.Short }), p)
	return nil
}

func (m *memory) Posters(context.Context) ([]survey.Poster, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.posters), nil
}

func (m *memory) TimeCounts(_ context.Context, span score.Span, counters []survey.CounterCode, visit func(score.TimeKey, score.Count) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	for _, p := range m.placed {
		if day := p.Hour.Date(); day < span.From || day > span.To || !slices.Contains(counters, p.Response.Counter) {
			continue
		}
		for f, n := range score.Facts([]score.Placed{p}, m.catalogue) {
			if span.Whole {
				f.Time.Hour = f.Time.Hour.Date().Month().First().FirstHour() // coarser, as a driver may be
			}
			if err := visit(f.Time, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) PutBoard(_ context.Context, board []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full != nil {
		return m.full
	}
	m.board = board
	return nil
}

func (m *memory) Board(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.board, nil
}

func (m *memory) ServiceCounts(_ context.Context, span score.Span, units []survey.UnitCode, visit func(score.ServiceKey, score.Count) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.placed {
		if day := p.Hour.Date(); day < span.From || day > span.To || !slices.Contains(units, p.Receiving) {
			continue
		}
		for f, n := range score.Facts([]score.Placed{p}, m.catalogue) {
			if err := visit(f.Service(), n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Structure(context.Context) (*survey.Structure, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.structure, nil
}

func (m *memory) PutStructure(_ context.Context, s *survey.Structure, today survey.Date) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.CheckSuccessor(m.structure, today); err != nil {
		return err
	}
	m.structure = s
	return nil
}

func (m *memory) Catalogue(context.Context) (*survey.Catalogue, error) { return m.catalogue, nil }

func (m *memory) Chains(context.Context) ([]custody.ChainState, error) { return m.chains, nil }

func (m *memory) Kiosks(context.Context) ([]survey.Kiosk, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.kiosks), nil
}

func (m *memory) Kiosk(_ context.Context, id survey.KioskID) (survey.Kiosk, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.kiosks, func(k survey.Kiosk) bool { return k.ID == id })
	if i < 0 {
		return survey.Kiosk{}, false, nil
	}
	return m.kiosks[i], true, nil
}

func (m *memory) PutKiosk(_ context.Context, k survey.Kiosk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kiosks = append(slices.DeleteFunc(m.kiosks, func(o survey.Kiosk) bool { return o.ID == k.ID }), k)
	return nil
}

func (m *memory) PutInvitation(_ context.Context, i survey.Invitation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.invitations[i.CodeHash] = i
	return nil
}

func (m *memory) Redeem(ctx context.Context, code survey.Hash, k survey.Kiosk, now time.Time) (survey.Kiosk, error) {
	m.mu.Lock()
	i, ok := m.invitations[code]
	by, used := m.redeemed[code]
	m.mu.Unlock()
	if used {
		if known, _, err := m.Kiosk(ctx, by); by == k.ID {
			return known, err
		}
		return k, survey.ErrNoInvitation
	}
	if !ok || !now.Before(i.Expires) {
		return k, survey.ErrNoInvitation
	}
	m.mu.Lock()
	m.redeemed[code] = k.ID
	m.mu.Unlock()
	k.Counters, k.Name, k.Role = i.Counters, i.Name, i.Role
	return k, m.PutKiosk(ctx, k)
}

func (m *memory) PutToken(_ context.Context, t survey.Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens[t.Hash] = t
	return nil
}

func (m *memory) Token(_ context.Context, hash survey.Hash) (survey.Token, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tokens[hash]
	return t, ok, nil
}

func two(vi, en string) survey.Words { return survey.Words{"vi": vi, "en": en} }

// quick asks the overall question on five levels, quick3 on three.
func quick() *survey.Questionnaire {
	s := survey.Scale{Code: "five"}
	for i, w := range []survey.Words{
		two("Rất không hài lòng", "Very dissatisfied"), two("Không hài lòng", "Dissatisfied"), two("Bình thường", "Neutral"),
		two("Hài lòng", "Satisfied"), two("Rất hài lòng", "Very satisfied"),
	} {
		s.Levels = append(s.Levels, survey.ScaleLevel{Value: survey.Level(i + 1), Words: w, Satisfied: i >= 3})
	}
	return &survey.Questionnaire{
		Code: "quick", Title: two("Bấm nhanh", "Quick press"), Scales: []survey.Scale{s},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "five", Words: two("Nhìn chung, Ông/Bà hài lòng thế nào?", "Overall, how satisfied are you?")}},
	}
}

func quick3() *survey.Questionnaire {
	s := survey.Scale{Code: "three", Levels: []survey.ScaleLevel{
		{Value: 1, Words: two("Chưa hài lòng", "Not satisfied")},
		{Value: 2, Words: two("Hài lòng", "Satisfied"), Satisfied: true},
		{Value: 3, Words: two("Rất hài lòng", "Very satisfied"), Satisfied: true},
	}}
	return &survey.Questionnaire{
		Code: "quick3", Title: two("Ba mặt", "Three faces"), Scales: []survey.Scale{s},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "three", Words: two("Nhìn chung?", "Overall?")}},
	}
}

func town() *survey.Structure {
	return &survey.Structure{
		Units: []survey.Unit{
			{Code: "SB", Name: two("Tỉnh Sông Bé", "Sông Bé province"), Kind: survey.Province},
			{Code: "SB-TT", Name: two("Trung tâm Phục vụ hành chính công tỉnh", "Provincial service centre"), Kind: survey.Centre, Parent: "SB"},
			{Code: "SB-HP", Name: two("Phường Hòa Phú", "Hòa Phú ward"), Kind: survey.Commune, Parent: "SB"},
			{Code: "SB-TA", Name: two("Xã Tân An", "Tân An commune"), Kind: survey.Commune, Parent: "SB"},
			{Code: "SB-KHONG", Name: two("Xã chưa có quầy", "A commune without counters"), Kind: survey.Commune, Parent: "SB"},
		},
		Counters: []survey.Counter{
			{Code: "TT-01", Unit: "SB-TT", Name: two("Quầy 1: Đất đai", "Counter 1: land")},
			{Code: "TT-02", Unit: "SB-TT", Name: two("Quầy 2: Đăng ký kinh doanh", "Counter 2: business")},
			{Code: "HP-01", Unit: "SB-HP", Name: two("Quầy 1: Hộ tịch, chứng thực", "Counter 1: civil status")},
			{Code: "HP-02", Unit: "SB-HP", Name: two("Quầy 2: Bảo trợ xã hội", "Counter 2: social")},
			{Code: "TA-01", Unit: "SB-TA", Name: two("Quầy chung", "Counter")},
		},
	}
}

// noon is a Tuesday.
var noon = time.Date(2026, 3, 31, 12, 20, 0, 0, survey.Zone)

// centre is a console over a store in memory, with a clock that stands still until it
// is moved.
type centre struct {
	*Console
	t     *testing.T
	store *memory
	token string

	mu sync.Mutex
	at time.Time
}

func (c *centre) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *centre) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// open starts a centre in which prepare has put things first.
func open(t *testing.T, s Settings, prepare ...func(*centre)) *centre {
	t.Helper()
	c := &centre{t: t, at: noon, store: &memory{
		structure: town(), catalogue: survey.NewCatalogue(quick(), quick3()),
		invitations: map[survey.Hash]survey.Invitation{}, redeemed: map[survey.Hash]survey.KioskID{}, tokens: map[survey.Hash]survey.Token{},
	}}
	for _, f := range prepare {
		f(c)
	}
	c.start(s)
	return c
}

// start makes the console over the centre's store.
func (c *centre) start(s Settings) {
	t := c.t
	t.Helper()
	s.Now = c.clock
	if s.CentreKey == nil {
		s.CentreKey = bytes.Repeat([]byte{7}, ed25519.PublicKeySize)
	}
	console, err := New(c.store, s)
	if err != nil {
		t.Fatal(err)
	}
	c.Console = console
	t.Cleanup(func() {
		if err := console.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if c.token, err = c.MintToken(context.Background(), "thử nghiệm"); err != nil {
		t.Fatal(err)
	}
}

// restart stops the console and makes another one over the same store.
func (c *centre) restart() {
	c.t.Helper()
	if err := c.Shutdown(context.Background()); err != nil {
		c.t.Fatal(err)
	}
	c.start(c.settings)
}

// put keeps an answer as intake would, without telling the console.
func (c *centre) put(counter survey.CounterCode, q *survey.Questionnaire, level survey.Level, flags ...survey.Flag) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	unit, _ := c.store.structure.Counter(counter, survey.DateOf(c.clock()))
	c.store.placed = append(c.store.placed, score.Placed{
		Hour: survey.HourOf(c.clock()), Receiving: unit.Unit,
		Response: &survey.Response{
			Questionnaire: q.Hash(), Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: level}},
			Channel: survey.Touch, Stage: survey.Result, Counter: counter, Flags: flags,
		},
	})
}

// press keeps answers and has the live figures worked out.
func (c *centre) press(counter survey.CounterCode, levels ...survey.Level) {
	c.t.Helper()
	for _, l := range levels {
		c.put(counter, quick(), l)
	}
	c.settle(counter)
}

// settle works out the live figures of counters now, not a quarter of a second later.
func (c *centre) settle(counters ...survey.CounterCode) {
	c.t.Helper()
	c.Changed(counters)
	if err := c.refresh(context.Background()); err != nil {
		c.t.Fatal(err)
	}
}

// answer is what came back.
type answer struct {
	*http.Response
	body []byte
}

// send sends a request without a socket. Headers come in pairs.
func (c *centre) send(method, target, body string, headers ...string) answer {
	c.t.Helper()
	req := httptest.NewRequest(method, target, bytes.NewReader([]byte(body)))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := c.App().Test(req, -1)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{res, b}
}

// ask sends a request with the administrator's token.
func (c *centre) ask(method, target, body string, headers ...string) answer {
	c.t.Helper()
	return c.send(method, target, body, append(headers, "Authorization", "Bearer "+c.token)...)
}

func (a answer) problem(t *testing.T) problemJSON {
	t.Helper()
	var p problemJSON
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" || p.Status != a.StatusCode || p.Title == "" || p.Detail == "" || p.Type == "" {
		t.Fatalf("not a whole problem: %s %s", got, a.body)
	}
	return p
}
