package downlink

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/ticket"
	"hailong/sync/broker"
	"hailong/sync/link"
	"hailong/sync/uplink"
	"hailong/sync/wire"
)

// country is a centre behind a real message server, with what its store holds.
type country struct {
	t      testing.TB
	broker *broker.Broker
	clock  atomic.Int64 // added to the real time

	mu        sync.Mutex // protects what follows
	online    string
	kiosks    []survey.Kiosk
	structure *survey.Structure
	posters   []survey.Poster
}

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func idOf(name string) survey.KioskID { return custody.KioskName(public(keyOf(name))) }

func kioskOf(name string, role survey.KioskRole, counters ...survey.CounterCode) survey.Kiosk {
	return survey.Kiosk{ID: idOf(name), Name: name, Role: role, Counters: counters, Key: public(keyOf(name))}
}

// newCountry is a small one: two counters with a kiosk each, one that is out of service,
// two gateways, and posters of every kind.
func newCountry(t testing.TB) *country {
	t.Helper()
	c := &country{t: t, online: "https://danhgia.example.vn"}
	revoked := kioskOf("revoked", survey.CounterKiosk, "HS-02")
	revoked.Revoked = &noon
	c.kiosks = []survey.Kiosk{
		kioskOf("one", survey.CounterKiosk, "HS-01", "HS-03"), kioskOf("two", survey.CounterKiosk, "HS-02"), revoked,
		kioskOf("gateway", survey.OnlineGateway, "HS-01"), kioskOf("other gateway", survey.OnlineGateway, "HS-01"),
	}
	yesterday := survey.DateOf(time.Now()) - 1
	c.structure = &survey.Structure{
		Units: []survey.Unit{{Code: "SNV", Name: survey.Words{"vi": "Sở Nội vụ", "en": "Department of Home Affairs"}}},
		Counters: []survey.Counter{
			{Code: "HS-03", Unit: "SNV", Name: survey.Words{"vi": "Quầy cũ"}, ValidTo: yesterday},
			{Code: "HS-02", Unit: "SNV", Name: survey.Words{"vi": "Quầy 2"}},
			{Code: "HS-01", Unit: "SNV", Name: survey.Words{"vi": "Quầy 1"}},
		},
	}
	next := time.Now().Add(time.Hour)
	c.posters = []survey.Poster{
		{Short: "BBBBBBB", Ticket: "B", Expires: next}, {Short: "AAAAAAA", Ticket: "A", Expires: next},
		{Short: "CCCCCCC", Ticket: "withdrawn", Expires: next, Withdrawn: &noon}, {Short: "DDDDDDD", Ticket: "expired", Expires: noon},
	}
	return c
}

// start runs the message server and the centre until the test ends.
func (c *country) start() *country {
	c.t.Helper()
	var err error
	c.broker, err = broker.Start(c.t.Context(), broker.Options{Dir: c.t.TempDir(), Listen: "127.0.0.1:0", Admit: func(key []byte) (survey.KioskID, bool) {
		return custody.KioskName(key), true // as an external server that knows no better
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.broker.Close)
	centre := NewCentre(CentreOptions{
		Source: c, Sign: centreKey, Log: slog.New(slog.DiscardHandler), Now: c.now,
		Online: func() string { c.mu.Lock(); defer c.mu.Unlock(); return c.online },
	})
	answer, err := centre.Listen(c.broker.Conn())
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { answer(ctx); close(done) }()
	c.t.Cleanup(func() { cancel(); <-done })
	return c
}

func (c *country) now() time.Time { return time.Now().Add(time.Duration(c.clock.Load())) }

// change changes what the store holds, so long after the last question that the centre
// looks again.
func (c *country) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.clock.Add(int64(fresh))
}

// Kiosks implements [Source].
func (c *country) Kiosks(context.Context) ([]survey.Kiosk, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]survey.Kiosk{}, c.kiosks...), nil
}

// Kiosk implements [Source].
func (c *country) Kiosk(_ context.Context, id survey.KioskID) (survey.Kiosk, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kiosks {
		if k.ID == id {
			return k, true, nil
		}
	}
	return survey.Kiosk{}, false, nil
}

// Structure implements [Source].
func (c *country) Structure(context.Context) (*survey.Structure, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.structure, nil
}

// Posters implements [Source].
func (c *country) Posters(context.Context) ([]survey.Poster, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]survey.Poster{}, c.posters...), nil
}

// dial connects a kiosk; denied hears what the message server forbids it.
func (c *country) dial(name, address string) (nc *nats.Conn, denied chan error) {
	c.t.Helper()
	up, denied := make(chan bool, 8), make(chan error, 8)
	nc, err := link.Dial(link.Options{URL: "nats://" + address, Kiosk: idOf(name), Key: keyOf(name), OnChange: func(is bool, problem error) {
		if problem != nil {
			denied <- problem
		} else if is {
			up <- true
		}
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(nc.Close)
	select {
	case <-up:
	case <-time.After(time.Minute): // nobody waits for it unless it fails
		c.t.Fatal("a kiosk could not connect within 10 s")
	}
	return nc, denied
}

// hasty are waits that no test notices.
var hasty = Tuning{Every: time.Hour, Spread: time.Millisecond, Least: 20 * time.Millisecond, Answer: 10 * time.Second}

// box is a kiosk with a downlink that runs until the test ends.
type box struct {
	*Kiosk
	path  string
	taken chan *Held
}

// run starts the downlink of a kiosk. wrap, if given, stands between it and the bus.
func (c *country) run(name string, wrap func(Bus) Bus) *box {
	c.t.Helper()
	b := &box{path: filepath.Join(c.t.TempDir(), BookFile), taken: make(chan *Held, 8)}
	book, err := OpenBook(b.path, public(centreKey))
	if err != nil {
		c.t.Fatal(err)
	}
	b.Kiosk = NewKiosk(Options{Kiosk: idOf(name), Book: book, Tuning: hasty, Seed: 1, OnTaken: func(h *Held) { b.taken <- h }, Log: slog.New(slog.DiscardHandler)})
	nc, _ := c.dial(name, c.broker.Addr())
	var bus Bus = uplink.OverNATS(nc)
	if wrap != nil {
		bus = wrap(bus)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.Run(ctx, bus); close(done) }()
	c.t.Cleanup(func() { cancel(); <-done })
	b.Link(ctx, true)
	return b
}

// takes waits for the next directory.
func (b *box) takes(t *testing.T) *Held {
	t.Helper()
	select {
	case h := <-b.taken:
		return h
	case <-time.After(time.Minute): // nobody waits for it unless it fails
		t.Fatal("no directory within a minute")
		return nil
	}
}

// nothing expects that the kiosk's book stays as it is.
func (b *box) nothing(t *testing.T, why string) {
	t.Helper()
	select {
	case h := <-b.taken:
		t.Errorf("%s, and it took %+v", why, h)
	case <-time.After(400 * time.Millisecond):
	}
}

// screenOf reports whether a ring takes the screen code of a kiosk's counter.
func screenOf(t *testing.T, r *ticket.Ring, name string, counter survey.CounterCode) bool {
	t.Helper()
	k := ticket.Ticket{Class: survey.ScreenTicket, Expires: time.Now().Add(time.Minute), Counter: counter}
	text, err := k.Sign(keyOf(name))
	if err != nil {
		t.Fatal(err)
	}
	_, err = ticket.Verify(text, r, time.Now())
	return err == nil
}

func TestAGatewayIsToldOfEverythingInService(t *testing.T) {
	c := newCountry(t).start()
	g := c.run("gateway", nil)
	h := g.takes(t)
	if h.Online != "https://danhgia.example.vn" {
		t.Errorf("phones are sent to %q", h.Online)
	}
	for name, want := range map[string]bool{"one": true, "two": true, "revoked": false, "gateway": false, "stranger": false} {
		counter := survey.CounterCode("HS-02")
		if name == "one" || name == "gateway" {
			counter = "HS-01"
		}
		if got := screenOf(t, h.Ring, name, counter); got != want {
			t.Errorf("the code on the screen of %s is good: %v, want %v", name, got, want)
		}
	}
	for code, want := range map[survey.CounterCode]bool{"HS-01": true, "HS-02": true, "HS-03": false} {
		if row, ok := h.Ring.Counter(code); ok != want || ok && row.UnitName["en"] != "Department of Home Affairs" {
			t.Errorf("counter %s: %+v, %v", code, row, ok)
		}
	}
	for text, want := range map[string]bool{"A": true, "B": true, "withdrawn": false, "expired": false} {
		if h.Ring.Hangs(text) != want {
			t.Errorf("poster %s hangs: %v, want %v", text, !want, want)
		}
	}
	// At once after somebody met a new kiosk's code, and not without need.
	c.change(func() { c.kiosks = append(c.kiosks, kioskOf("three", survey.CounterKiosk, "HS-02")) })
	g.nothing(t, "nobody asked for more")
	g.Refresh()
	if h := g.takes(t); !screenOf(t, h.Ring, "three", "HS-02") {
		t.Error("the new kiosk's code is not good")
	}
	g.Refresh()
	g.nothing(t, "nothing has changed")
	c.change(func() { c.kiosks[1].Revoked = &noon })
	g.Greeted()
	if h := g.takes(t); screenOf(t, h.Ring, "two", "HS-02") {
		t.Error("the code of a kiosk that was shut out is good")
	}
	again, err := OpenBook(g.path, public(centreKey))
	if err != nil || again.Tag() != g.Book.Tag() {
		t.Errorf("on disk is %v, %v, want %v", again.Tag(), err, g.Book.Tag())
	}
}

func TestACountersKioskIsToldOfItsOwnCounters(t *testing.T) {
	c := newCountry(t).start()
	k := c.run("one", nil)
	h := k.takes(t)
	if row, ok := h.Ring.Counter("HS-01"); !ok || row.Name["vi"] != "Quầy 1" || row.Unit != "SNV" || h.Online != "https://danhgia.example.vn" {
		t.Errorf("its counter is %+v, %v; phones are sent to %q", row, ok, h.Online)
	}
	for _, not := range []survey.CounterCode{"HS-02", "HS-03"} { // another's; one that has ended
		if row, ok := h.Ring.Counter(not); ok {
			t.Errorf("it is told of %+v", row)
		}
	}
	if screenOf(t, h.Ring, "two", "HS-02") || h.Ring.Hangs("A") {
		t.Error("it is told of other kiosks' keys, or of posters")
	}
	c.change(func() { c.kiosks[1].Name = "x"; c.posters = nil }) // what does not concern it
	k.Refresh()
	k.nothing(t, "nothing of its own has changed")
	c.change(func() {
		s := *c.structure
		s.Counters = []survey.Counter{{Code: "HS-01", Unit: "SNV", Name: survey.Words{"vi": "Quầy Hộ tịch"}}}
		c.structure = &s
	})
	k.Refresh()
	if row, _ := k.takes(t).Ring.Counter("HS-01"); row.Name["vi"] != "Quầy Hộ tịch" {
		t.Errorf("its counter is still called %v", row.Name)
	}
}

func TestWhoIsNotInServiceIsToldNothing(t *testing.T) {
	c := newCountry(t).start()
	for _, name := range []string{"revoked", "stranger"} {
		c.run(name, nil).nothing(t, name+" asked")
	}
}

// A kiosk asks in its own name, and has the answer sent to itself.
func TestAKioskAsksForItselfOnly(t *testing.T) {
	c := newCountry(t).start()
	nc, denied := c.dial("one", c.broker.Addr())
	ask := question{kind: askNew}.encode()
	if m, err := nc.Request(wire.Directory(idOf("one")), ask, 5*time.Second); err != nil || len(m.Data) <= pieceFront {
		t.Fatalf("its own question was answered with %v, %v", m, err)
	}
	if m, err := nc.Request(wire.Directory(idOf("gateway")), ask, 300*time.Millisecond); err == nil {
		t.Errorf("in a gateway's name it was told %d bytes", len(m.Data))
	}
	select {
	case err := <-denied:
		if !strings.Contains(err.Error(), "ermission") {
			t.Errorf("the message server said %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the message server did not say that it is forbidden")
	}
	for _, reply := range []string{wire.InboxPrefix(idOf("two")) + ".x", wire.Receipt(idOf("one")), wire.Batch(idOf("one"))} {
		heard, err := c.broker.Conn().SubscribeSync(">")
		if err == nil {
			err = c.broker.Conn().Flush()
		}
		if err == nil {
			err = nc.PublishRequest(wire.Directory(idOf("one")), reply, ask)
		}
		if err != nil {
			t.Fatal(err)
		}
		for {
			m, err := heard.NextMsg(200 * time.Millisecond)
			if err != nil {
				break
			}
			if m.Subject == reply && len(m.Data) > 0 {
				t.Errorf("it had %d bytes sent to %s", len(m.Data), reply)
			}
		}
		if err := heard.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
}

// lossy loses some answers.
type lossy struct {
	Bus
	lose  func(n int64) bool // the n-th answer, from 1 on
	asked atomic.Int64
}

// Request implements [Bus].
func (l *lossy) Request(subject string, data []byte) (func(context.Context) ([]byte, error), error) {
	answer, err := l.Bus.Request(subject, data)
	n := l.asked.Add(1)
	return func(ctx context.Context) ([]byte, error) {
		data, err := answer(ctx)
		if l.lose(n) {
			return nil, errors.New("lost on the way")
		}
		return data, err
	}, err
}

// large makes the country one of n kiosks and counters in n/10 units.
func (c *country) large(n int) *country {
	c.structure = &survey.Structure{}
	for i := range n / 10 {
		c.structure.Units = append(c.structure.Units, survey.Unit{Code: survey.UnitCode(fmt.Sprintf("H29.%d", i)), Name: survey.Words{
			"vi": fmt.Sprintf("Ủy ban nhân dân phường số %d", i), "en": fmt.Sprintf("People's Committee of Ward %d", i)}})
	}
	for i := range n {
		code := survey.CounterCode(fmt.Sprintf("H29.%d-%02d", i/10, i%10))
		c.structure.Counters = append(c.structure.Counters, survey.Counter{Code: code, Unit: c.structure.Units[i/10].Code, Name: survey.Words{
			"vi": fmt.Sprintf("Quầy %d – Hộ tịch, chứng thực", i%10), "en": fmt.Sprintf("Counter %d – civil status", i%10)}})
		c.kiosks = append(c.kiosks, kioskOf(fmt.Sprint("kiosk ", i), survey.CounterKiosk, code))
	}
	return c
}

// A whole country's directory: its size, and how long it takes over real NATS on one
// machine. With lost pieces it comes all the same, and nothing but what was lost is asked
// for again.
func TestTheDirectoryOfACountry(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED with -short: the directory of a whole country")
	}
	for _, loses := range []bool{false, true} {
		t.Run(fmt.Sprint("loses ", loses), func(t *testing.T) {
			c := newCountry(t).large(10_000).start()
			bus := &lossy{lose: func(n int64) bool { return loses && n%3 == 0 }}
			began := time.Now()
			g := c.run("gateway", func(b Bus) Bus { bus.Bus = b; return bus })
			h := g.takes(t)
			took := time.Since(began)
			for _, i := range []int{0, 4567, 9999} {
				if code := c.structure.Counters[i].Code; !screenOf(t, h.Ring, fmt.Sprint("kiosk ", i), code) {
					t.Errorf("the code of kiosk %d is not good", i)
				}
			}
			packed := g.travelled(t)
			pieces := int64((packed + pieceSize - 1) / pieceSize)
			t.Logf("%d kiosks, %d counters: %d bytes in %d pieces, held after %v", len(c.kiosks), len(c.structure.Counters), packed, pieces, took.Round(time.Millisecond))
			want := pieces
			if loses {
				want += (bus.asked.Load()) / 3
			}
			if got := bus.asked.Load(); got != want || pieces < 2 {
				t.Errorf("it asked %d times for %d pieces, want %d", got, pieces, want)
			}
		})
	}
}

// travelled is how many bytes of the directory did.
func (b *box) travelled(t *testing.T) int {
	t.Helper()
	again, err := OpenBook(b.path, public(centreKey))
	if err != nil || again.Tag() != b.Book.Tag() {
		t.Fatalf("on disk is %v, %v", again.Tag(), err)
	}
	return int(size(t, b.path)) - len(bookMagic) - len(Tag{})
}

// meter counts the bytes of one connection to the message server, both ways.
type meter struct {
	net.Listener
	bytes atomic.Int64
}

func newMeter(t *testing.T, target string) *meter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		go m.pass(server, client)
		m.pass(client, server)
	}()
	return m
}

func (m *meter) pass(to, from net.Conn) {
	defer to.Close()
	_, _ = io.Copy(io.MultiWriter(to, m), from) // until one of them is closed
}

// Write counts.
func (m *meter) Write(p []byte) (int, error) {
	m.bytes.Add(int64(len(p)))
	return len(p), nil
}

// What an idle kiosk's hourly question costs on its line, of the 20 MB that it may use in
// a month.
func TestTheHourlyQuestionIsCheap(t *testing.T) {
	c := newCountry(t).start()
	m := newMeter(t, c.broker.Addr())
	nc, _ := c.dial("one", m.Addr().String())
	bus := uplink.OverNATS(nc)
	ask := func(have Tag) answer {
		wait, err := bus.Request(wire.Directory(idOf("one")), question{kind: askNew, tag: have}.encode())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		data, err := wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		a, err := parseAnswer(data)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := ask(Tag{})
	before := m.bytes.Load()
	const times = 20
	for range times {
		if a := ask(first.tag); a.kind != same {
			t.Fatalf("answered with %+v", a)
		}
	}
	// Each way one packet with data and one that says that it came, 40 bytes of IP and TCP each.
	each := (m.bytes.Load()-before)/times + 4*40
	month := each * 24 * 30
	t.Logf("a question that is answered with one byte: %d bytes on the line; hourly %d kB in 30 days; a counter's directory has %d bytes", each, month/1000, len(first.bytes))
	if month > 400_000 {
		t.Errorf("the hourly question costs %d bytes a month", month)
	}
}

// What the centre spends on a counter's kiosk that asks, of a country of 10,000, and on the
// directory of a gateway after a change.
func BenchmarkCentre(b *testing.B) {
	c := newCountry(b).large(10_000)

	centre := NewCentre(CentreOptions{Source: c, Sign: centreKey, Now: c.now, Log: slog.New(slog.DiscardHandler), Online: func() string { return c.online }})
	first, err := centre.bundleFor(b.Context(), c.kiosks[9], Tag{})
	if err != nil {
		b.Fatal(err)
	}
	for name, have := range map[string]Tag{"counter asks for the first time": {}, "counter has it already": first.tag} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if _, err := centre.answer(b.Context(), c.kiosks[9], question{kind: askNew, tag: have}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("gateway after a change", func(b *testing.B) {
		for range b.N {
			centre.current = nil
			if _, err := centre.answer(b.Context(), c.kiosks[3], question{kind: askNew}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
