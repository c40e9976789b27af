package kioskapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
)

// service is a program that runs until the test or stop ends it.
type service struct {
	base string // http://…
	stop func() // ends it and releases everything
}

// start runs a program; it must end without an error.
func start(t *testing.T, app interface {
	Run(context.Context) error
	Close() error
	Addr() string
}) *service {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	s := &service{base: "http://" + app.Addr()}
	if g, ok := app.(interface{ Internal() string }); ok && g.Internal() != "" {
		s.base = "http://" + g.Internal() // a gateway's own address serves the form alone
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err := errors.Join(err, app.Close()); err != nil {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("it did not stop within 20 s")
		}
	})
	t.Cleanup(s.stop)
	return s
}

// startCentre runs an aggregator that takes in kiosks of this machine.
func startCentre(t *testing.T, change ...func(*centreapp.Config)) *service {
	t.Helper()
	c := centreapp.Defaults()
	c.Data, c.Listen, c.NATS.Listen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	for _, f := range change {
		f(&c)
	}
	app, err := centreapp.New(t.Context(), c, centreapp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, app)
}

// settings are those of a kiosk in the folder dir.
func settings(dir, centre string) kioskapp.Config {
	c := kioskapp.Defaults()
	c.Data, c.Listen, c.Internal, c.Centre.URL, c.Repeat = dir, "127.0.0.1:0", "127.0.0.1:0", centre, 0
	return c
}

func startKiosk(t *testing.T, c kioskapp.Config) *service {
	t.Helper()
	app, err := kioskapp.New(c, kioskapp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, app)
}

// inService starts a kiosk and waits until it can record.
func inService(t *testing.T, c kioskapp.Config) *service {
	t.Helper()
	k := startKiosk(t, c)
	k.ready(t)
	return k
}

// goesOn starts a kiosk again, whose next press must have that sequence.
func goesOn(t *testing.T, c kioskapp.Config, want uint64) *service {
	t.Helper()
	k := inService(t, c)
	if n := k.press(t, "next"); n != want {
		t.Fatalf("the next press is %d, want %d", n, want)
	}
	return k
}

// enrolled makes a kiosk's folder: taken in by the centre, with presses, and stopped.
func enrolled(t *testing.T, centre string, presses int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	k := inService(t, settings(dir, centre))
	for i := range presses {
		k.press(t, fmt.Sprint(i))
	}
	k.stop()
	return dir
}

func until(t *testing.T, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// get reads a page; the body comes whatever the status.
func (s *service) get(path string) (int, string, error) { return s.getIn("vi", path) }

// english reads a page in English.
func (s *service) english(path string) (int, string, error) { return s.getIn("en", path) }

func (s *service) getIn(lang, path string) (int, string, error) {
	req, err := http.NewRequest(http.MethodGet, s.base+path, nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Accept-Language", lang)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func (s *service) ready(t *testing.T) {
	t.Helper()
	until(t, "the kiosk is ready", func() error {
		code, body, err := s.get("/readyz")
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("%d %s", code, body)
		}
		return err
	})
}

// post sends one press and gives the answer.
func (s *service) post(t *testing.T, key string) (int, http.Header, map[string]any) {
	t.Helper()
	body := fmt.Sprintf(`{"questionnaire":"quick","answers":{"Z0":5},"channel":"touch","idempotency_key":%q}`, key)
	resp, err := http.Post(s.base+"/api/v1/responses", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, answer
}

// press sends one press that must be kept, and gives its sequence.
func (s *service) press(t *testing.T, key string) uint64 {
	t.Helper()
	code, _, answer := s.post(t, key)
	if code != http.StatusCreated {
		t.Fatalf("a press was answered with %d %v", code, answer)
	}
	return uint64(answer["sequence"].(float64))
}

// status is /api/v1/status.
type status struct {
	Kiosk     string   `json:"kiosk"`
	Counters  []string `json:"counters"`
	Chain     string   `json:"chain"`
	Last      uint64   `json:"last_sequence"`
	Receipted uint64   `json:"receipted_sequence"`
	Unsent    uint64   `json:"unsent"`
	Oldest    float64  `json:"oldest_unsent_seconds"`
	Link      struct {
		Connected bool    `json:"connected"`
		Problem   *string `json:"problem"`
	} `json:"link"`
}

func (s *service) status(t *testing.T) (st status) {
	t.Helper()
	code, body, err := s.get("/api/v1/status")
	if err != nil || code != http.StatusOK {
		t.Fatalf("status: %d %v", code, err)
	}
	if err := json.Unmarshal([]byte(body), &st); err != nil {
		t.Fatal(err)
	}
	return st
}
