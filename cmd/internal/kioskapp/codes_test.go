package kioskapp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hailong/assets/browsertest"
	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
	"hailong/survey"
	"hailong/survey/ticket"
	"hailong/sync/downlink"
)

// hall is a centre, a counter's kiosk and a gateway, each with its own clock.
type hall struct {
	t               *testing.T
	centre          *centreapp.App
	kiosk, gateway  *kioskapp.App
	base            string // of the centre
	served          *service
	ahead, boxAhead atomic.Int64 // how far the centre's and the box's clocks are ahead
}

func newHall(t *testing.T, online string, boxAhead time.Duration) *hall {
	t.Helper()
	h := &hall{t: t}
	h.boxAhead.Store(int64(boxAhead))
	c := centreapp.Defaults()
	c.Data, c.Listen, c.NATS.Listen, c.Online = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", online
	var err error
	if h.centre, err = centreapp.New(t.Context(), c, centreapp.Options{Now: func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }}); err != nil {
		t.Fatal(err)
	}
	h.served = start(t, h.centre)
	h.base = h.served.base
	h.kiosk = h.start(settings(t.TempDir(), h.base))
	gateway := settings(t.TempDir(), h.base)
	gateway.Role = survey.OnlineGateway
	h.gateway = h.start(gateway)
	return h
}

// start starts a kiosk and waits until it is in service.
func (h *hall) start(c kioskapp.Config) *kioskapp.App {
	h.t.Helper()
	app, err := kioskapp.New(c, kioskapp.Options{
		Together:  true, // the gateway's status at its one address
		Now:       func() time.Time { return time.Now().Add(time.Duration(h.boxAhead.Load())) },
		Directory: downlink.Tuning{Every: time.Hour, Spread: 10 * time.Millisecond, Least: 20 * time.Millisecond, Answer: 5 * time.Second},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	start(h.t, app).ready(h.t)
	return app
}

func counterOf(a *kioskapp.App) survey.CounterCode { return a.Status().Counters[0] }

// codeOn waits until a code stands on the kiosk's screen.
func codeOn(t *testing.T, a *kioskapp.App) (text string, ends time.Time) {
	t.Helper()
	until(t, "a code stands on the screen", func() error {
		var svg, png []byte
		var ok bool
		if text, svg, png, ends, ok = a.Code(counterOf(a)); !ok || !bytes.HasPrefix(svg, []byte("<svg")) || !bytes.HasPrefix(png, []byte("\x89PNG")) {
			return fmt.Errorf("%v, %d and %d bytes", ok, len(svg), len(png))
		}
		return nil
	})
	return text, ends
}

// The whole way: the centre tells the kiosk where phones are served, and the gateway whose
// codes are good; neither needs it afterwards.
func TestTheCodeOnTheScreenIsGoodAtTheGateway(t *testing.T) {
	h := newHall(t, "https://danhgia.tinh.gov.vn", 0)
	text, _ := codeOn(t, h.kiosk)
	const before = "HTTPS://DANHGIA.TINH.GOV.VN/Q/"
	if !strings.HasPrefix(text, before) {
		t.Fatalf("the code holds %q", text)
	}
	verify := func(at time.Time) (ticket.Ticket, error) {
		return ticket.Verify(strings.TrimPrefix(text, before), h.gateway.Ring(), at)
	}
	until(t, "the gateway knows the kiosk", func() error {
		h.gateway.Refresh()
		_, err := verify(time.Now())
		return err
	})
	got, err := verify(time.Now().Add(29 * time.Minute))
	if err != nil || got.Class != survey.ScreenTicket || got.Counter != counterOf(h.kiosk) {
		t.Errorf("after 29 minutes: %+v, %v", got, err)
	}
	if _, err := verify(time.Now().Add(31 * time.Minute)); !errors.Is(err, ticket.ErrExpired) {
		t.Errorf("after 31 minutes: %v", err)
	}
	if _, _, _, _, ok := h.gateway.Code(counterOf(h.gateway)); ok {
		t.Error("a gateway, which has no screen, signs codes")
	}
	if _, _, _, _, ok := h.kiosk.Code("HS-99"); ok {
		t.Error("the kiosk signs codes of another's counter")
	}
	h.served.stop() // the centre is gone
	if again, _ := codeOn(t, h.kiosk); again != text {
		t.Error("the code changed with the centre")
	}
	if _, err := verify(time.Now()); err != nil {
		t.Errorf("without the centre: %v", err)
	}
}

func TestTheCodeIsAnotherEveryTwentySeconds(t *testing.T) {
	h := newHall(t, "https://a.vn", 0)
	first, ends := codeOn(t, h.kiosk)
	if left := time.Until(ends); left <= 0 || left > 20*time.Second {
		t.Errorf("it stands for %v", left)
	}
	if again, _ := codeOn(t, h.kiosk); again != first {
		t.Error("a moment later it is another")
	}
	h.boxAhead.Add(int64(20 * time.Second))
	second, _ := codeOn(t, h.kiosk)
	if second == first {
		t.Error("after 20 s it is the same")
	}
	h.boxAhead.Add(-int64(time.Hour)) // the box's clock is set back
	if third, _ := codeOn(t, h.kiosk); third == second {
		t.Error("with a clock that was set back it stands for an hour")
	}
}

// A box whose clock is wrong makes codes that end by the centre's clock, once it has heard
// of it.
func TestACodeEndsByTheCentresClock(t *testing.T) {
	h := newHall(t, "https://a.vn", -5*time.Hour)
	until(t, "the code ends 30 minutes from now", func() error {
		text, _ := codeOn(t, h.kiosk)
		got, err := ticket.Verify(strings.TrimPrefix(text, "HTTPS://A.VN/Q/"), h.gateway.Ring(), time.Now().Add(-10*time.Hour))
		if err != nil {
			h.gateway.Refresh()
			return err
		}
		if left := time.Until(got.Expires); left < 29*time.Minute || left > 31*time.Minute {
			h.boxAhead.Add(int64(20 * time.Second)) // the next code
			return fmt.Errorf("it ends in %v", left)
		}
		return nil
	})
}

// Where no gateway is known there is no code; settings of the box come before the centre's.
func TestWhereTheGatewayIs(t *testing.T) {
	h := newHall(t, "", 0)
	if text, _, _, _, ok := h.kiosk.Code(counterOf(h.kiosk)); ok {
		t.Errorf("without a gateway the code is %q", text)
	}
	c := settings(t.TempDir(), h.base)
	c.Online = "http://192.168.1.5:8082"
	if text, _ := codeOn(t, h.start(c)); !strings.HasPrefix(text, "HTTP://192.168.1.5:8082/Q/") {
		t.Errorf("the code holds %q", text)
	}
}

// A kiosk that starts without the centre knows what it was told before.
func TestAKioskThatStartsWithoutTheCentreHasItsCode(t *testing.T) {
	h := newHall(t, "https://a.vn", 0)
	c := settings(t.TempDir(), h.base)
	app, err := kioskapp.New(c, kioskapp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	running := start(t, app)
	running.ready(t)
	codeOn(t, app)
	running.stop()
	h.served.stop()
	again := h.start(c)
	if _, _, _, _, ok := again.Code(counterOf(again)); !ok {
		t.Error("it has no code")
	}
}

// A counter that gets another name gets it on its screen, too, without a restart.
func TestTheScreenSaysHowTheCounterIsCalledToday(t *testing.T) {
	h := newHall(t, "https://a.vn", 0)
	codeOn(t, h.kiosk) // the first directory has come
	store := h.centre.Store()
	old, err := store.Structure(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	renamed := *old
	renamed.Counters = append([]survey.Counter{}, old.Counters...)
	for i := range renamed.Counters {
		if renamed.Counters[i].Code == counterOf(h.kiosk) {
			renamed.Counters[i].Name = survey.Words{survey.Vietnamese: "Quầy mang tên mới"}
		}
	}
	if err := store.PutStructure(context.Background(), &renamed, survey.DateOf(time.Now())); err != nil {
		t.Fatal(err)
	}
	h.kiosk.Refresh()
	page := &service{base: "http://" + h.kiosk.Addr()}
	until(t, "the screen says the new name", func() error {
		code, body, err := page.get("/")
		if err == nil && !strings.Contains(body, "Quầy mang tên mới") {
			err = fmt.Errorf("%d", code)
		}
		return err
	})
}

// What a phone does: it reads the picture on the screen, opens the address at the gateway,
// and answers; the same picture opens no second answer.
func TestAPhoneReadsTheScreenAndAnswers(t *testing.T) {
	zbar := browsertest.Need(t, "no phone reads the screen (package zbar-tools)", "zbarimg")
	h := newHall(t, "https://a.vn", 0)
	codeOn(t, h.kiosk)
	code, picture, err := (&service{base: "http://" + h.kiosk.Addr()}).get("/qr.png")
	if err != nil || code != http.StatusOK {
		t.Fatalf("the screen's picture: %d %v", code, err)
	}
	cmd := exec.CommandContext(t.Context(), zbar, "--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", "-")
	cmd.Stdin = strings.NewReader(picture)
	text, err := cmd.Output()
	path, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "HTTPS://A.VN")
	if err != nil || !ok {
		t.Fatalf("a phone reads %q, %v", text, err)
	}
	until(t, "the gateway takes the code", func() error {
		h.gateway.Refresh()
		code, err := answer(http.DefaultClient, h.gateway.URL()+path, "4")
		if err == nil && code != http.StatusCreated {
			err = fmt.Errorf("%d", code)
		}
		return err
	})
	if n := h.gateway.Status().Last; n != 1 {
		t.Errorf("the gateway has %d records", n)
	}
	if code, err := answer(http.DefaultClient, h.gateway.URL()+path, "5"); err != nil || code == http.StatusCreated || h.gateway.Status().Last != 1 {
		t.Errorf("another phone with the same picture: %d, %v, %d records", code, err, h.gateway.Status().Last)
	}
}
