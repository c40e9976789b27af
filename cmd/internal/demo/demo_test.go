package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/cmd/internal/demo"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/score"
)

// config is a demo on free ports.
func config(dir string, change ...func(*demo.Config)) demo.Config {
	c := demo.Config{Data: dir, Empty: true, Console: "127.0.0.1:0", Kiosk: ":0", Online: "127.0.0.1:0", Broker: "127.0.0.1:0"}
	for _, f := range change {
		f(&c)
	}
	return c
}

// running is a demo that the test, or stop, ends.
type running struct {
	*demo.Demo
	t    *testing.T
	stop func()
}

func start(t *testing.T, c demo.Config) *running {
	t.Helper()
	d, err := demo.Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Demo: d, t: t, stop: sync.OnceFunc(func() {
		if err := d.Close(); err != nil {
			t.Errorf("stop the demo: %v", err)
		}
	})}
	t.Cleanup(r.stop)
	return r
}

// press presses a face that must be kept.
func (r *running) press(key string, face int) {
	r.t.Helper()
	body := fmt.Sprintf(`{"questionnaire":%q,"answers":{"Z0":%d},"channel":"touch","idempotency_key":%q}`, r.Info.Questionnaires["quick"], face, key)
	resp, err := http.Post(r.Info.Kiosk+"/api/v1/responses", "application/json", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusCreated {
		r.t.Fatalf("a press was answered with %d %s %v", resp.StatusCode, said, err)
	}
}

// ask asks the console with a token.
func (r *running) ask(token, path string, into any) int {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.Info.Console+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			r.t.Fatal(err)
		}
	}
	return resp.StatusCode
}

// today are the scores of today at the demo's unit.
func (r *running) today() (total score.Row) {
	r.t.Helper()
	var result score.Result
	today := survey.DateOf(time.Now())
	if code := r.ask(r.Info.Token, fmt.Sprintf("/api/v1/scores?unit=%s&from=%s&to=%s", r.Info.Unit, today, today), &result); code != http.StatusOK {
		r.t.Fatalf("the scores are answered with %d", code)
	}
	return result.Total
}

// counted waits until that many answers of today are counted, and that many left out.
func (r *running) counted(n, excluded int64) {
	r.t.Helper()
	var row score.Row
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if row = r.today(); row.N == n && row.Excluded == excluded {
			return
		}
	}
	r.t.Fatalf("counted %d, excluded %d; want %d and %d", row.N, row.Excluded, n, excluded)
}

// info reads demo.json, which is for its owner only.
func info(t *testing.T, dir string) (i demo.Info) {
	t.Helper()
	path := filepath.Join(dir, demo.InfoFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &i); err != nil {
		t.Fatal(err)
	}
	if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, %v, want 0600: it holds a token", demo.InfoFile, stat.Mode(), err)
	}
	return i
}

func TestASecondStartOnTheSameFolderGoesOn(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(foreign, []byte("của tôi"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, demo.InfoFile), []byte("left by somebody"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := start(t, config(dir))
	first := info(t, dir)
	if !reflect.DeepEqual(first, d.Info) {
		t.Errorf("%s says %+v, the demo %+v", demo.InfoFile, first, d.Info)
	}
	if first.Token == "" || first.Unit == "" || first.Counter == "" || !strings.HasPrefix(string(first.KioskID), "k-") {
		t.Errorf("%s lacks something: %+v", demo.InfoFile, first)
	}
	for _, code := range []string{"quick", "quick3", "service"} {
		if id := first.Questionnaires[code]; !strings.HasPrefix(id, code+"@") {
			t.Errorf("the questionnaire %s is %q", code, id)
		}
	}
	for name, address := range map[string]string{"http://": first.Console, "http://1": first.Kiosk, "http://127": first.Online, "nats://": first.NATS} {
		if !strings.HasPrefix(address, name) || strings.HasSuffix(address, ":0") {
			t.Errorf("an address is %q", address)
		}
	}
	d.press("1", 5) // at once: the demo said that it is ready
	d.press("2", 4)
	d.counted(2, 0)
	chain := d.Kiosk.Status().Chain
	d.stop()

	d = start(t, config(dir))
	second := info(t, dir)
	if second.KioskID != first.KioskID || second.Counter != first.Counter || second.Unit != first.Unit || d.Kiosk.Status().Chain != chain {
		t.Errorf("the second start is %+v on chain %s, the first was %+v on %s", second, d.Kiosk.Status().Chain, first, chain)
	}
	if second.Token == first.Token || d.ask(second.Token, "/api/v1/kiosks", nil) != http.StatusOK {
		t.Error("the second start minted no token of its own that opens the API")
	}
	if d.ask("x"+second.Token, "/api/v1/kiosks", nil) != http.StatusUnauthorized {
		t.Error("any token opens the API")
	}
	d.counted(2, 0)
	d.press("2", 4) // the very same press, sent again after the restart
	d.press("3", 1)
	d.counted(3, 0)
	if b, err := os.ReadFile(foreign); err != nil || string(b) != "của tôi" {
		t.Errorf("the foreign file holds %q, %v", b, err)
	}
	d.stop()
	if _, err := os.Stat(filepath.Join(dir, demo.InfoFile)); err != nil {
		t.Errorf("the folder was not kept: %v", err)
	}
}

func TestWithoutAFolderNothingIsLeft(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	d := start(t, config(""))
	var told bytes.Buffer
	d.Tell(&told, false)
	folders, err := filepath.Glob(filepath.Join(temp, "hailong-demo-*"))
	if err != nil || len(folders) != 1 || !strings.Contains(told.String(), folders[0]) || !strings.Contains(told.String(), "removed at the end") {
		t.Fatalf("folders %v, %v; it told %s", folders, err, told.String())
	}
	for _, address := range []string{d.Info.Console, d.Info.Kiosk, d.Info.Online, d.Info.NATS, d.Info.Console + "/signin"} {
		if !strings.Contains(told.String(), address) {
			t.Errorf("%s is not told:\n%s", address, told.String())
		}
	}
	d.stop()
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v %v", left, err)
	}
}

func TestAPortInUseIsSaid(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	for name, change := range map[string]func(*demo.Config){
		"console": func(c *demo.Config) { c.Console = taken },
		"kiosk":   func(c *demo.Config) { c.Kiosk = taken },
		"online":  func(c *demo.Config) { c.Online = taken },
		"NATS":    func(c *demo.Config) { c.Broker = taken },
	} {
		flag := "--" + strings.ToLower(name) + " " + taken
		if _, err := demo.Start(context.Background(), config("", change)); err == nil || !strings.HasPrefix(err.Error(), flag) {
			t.Errorf("%s on a port in use: %v", name, err)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v %v", left, err)
	}
}

func TestTwoDemosInOneFolder(t *testing.T) {
	dir := t.TempDir()
	d := start(t, config(dir))
	before := info(t, dir)
	if _, err := demo.Start(context.Background(), config(dir)); !errors.Is(err, boltstore.ErrLocked) {
		t.Fatalf("the second: %v, want ErrLocked", err)
	}
	if !reflect.DeepEqual(info(t, dir), before) {
		t.Fatal("the second changed what the first had written")
	}
	d.press("still at work", 5)
}

// Where a part listens on every address, people are told one that they can open.
func TestEveryAddress(t *testing.T) {
	everywhere := func(c *demo.Config) {
		c.Console, c.Kiosk, c.Online, c.Repeat = "0.0.0.0:0", "0.0.0.0:0", "0.0.0.0:0", 5*time.Second
	}
	d := start(t, config(t.TempDir(), everywhere))
	if !strings.HasPrefix(d.Info.Kiosk, "http://127.0.0.1:") {
		t.Errorf("the kiosk takes presses of this machine only, it is said to be at %s", d.Info.Kiosk)
	}
	d.press("1", 5)
	d.counted(1, 0)
	var told bytes.Buffer
	d.Tell(&told, true)
	for _, address := range []string{d.Info.Console, d.Info.Online} {
		if strings.Contains(address, "0.0.0.0") || strings.Contains(address, "[::]") {
			t.Errorf("nobody can open %s", address)
		}
	}
	if !strings.Contains(told.String(), d.Info.Console+"/signin/") || strings.Contains(told.String(), "[::]") || strings.Contains(told.String(), "0.0.0.0") {
		t.Errorf("it told\n%s", told.String())
	}
	if !strings.Contains(told.String(), "cách nhau dưới 5 giây") || !strings.Contains(told.String(), "closer than 5 s") {
		t.Errorf("it does not tell of the repeat interval:\n%s", told.String())
	}
}

func TestThePublicURLIsTold(t *testing.T) {
	d := start(t, config(t.TempDir(), func(c *demo.Config) { c.PublicURL = "https://danhgia.example.vn/" }))
	var told bytes.Buffer
	d.Tell(&told, true)
	if d.Info.Console != "https://danhgia.example.vn" || !strings.Contains(told.String(), "https://danhgia.example.vn/signin/") || strings.Contains(told.String(), "--repeat") {
		t.Errorf("the console is at %s; it told\n%s", d.Info.Console, told.String())
	}
}

// scores asks for a result with an administrator's token.
func (r *running) scores(query string) (result score.Result) {
	r.t.Helper()
	if code := r.ask(r.Info.Token, "/api/v1/scores?"+query, &result); code != http.StatusOK {
		r.t.Fatalf("the scores of %s are answered with %d", query, code)
	}
	return result
}

// page is the console's front page as a visitor sees it who followed the sign-in link.
func (r *running) page() string {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.Info.Console+"/", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.Info.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func TestTheRepeatInterval(t *testing.T) {
	for _, c := range []struct {
		repeat  time.Duration
		counted int64
		tooSoon int64
	}{{time.Minute, 1, 2}, {0, 3, 0}} {
		d := start(t, config(t.TempDir(), func(cfg *demo.Config) { cfg.Repeat = c.repeat }))
		for i := range 3 {
			d.press(fmt.Sprint(i), 5)
		}
		d.counted(c.counted, c.tooSoon)
		d.stop()
	}
}

// Waiting ends with the context, and then everything stops.
func TestWaitEndsWithTheContext(t *testing.T) {
	d := start(t, config(t.TempDir()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Wait(ctx) }()
	select {
	case err := <-done:
		t.Fatalf("it ended by itself with %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	d.stop()
	if _, err := http.Get(d.Info.Console + "/healthz"); err == nil {
		t.Fatal("the console still answers")
	}
}

// Where the demo asks what mattered most, the answer goes on with the press that came
// before it, and no score moves by it.
func TestTheDemoAsksFurther(t *testing.T) {
	if _, err := demo.Start(t.Context(), config("", func(c *demo.Config) { c.FollowUp = "reasons" })); err == nil || !strings.Contains(err.Error(), `screen.follow_up = "reasons": there is no such questionnaire; there are: `) {
		t.Fatalf("a questionnaire that is not there: %v", err)
	}
	r := start(t, config("", func(c *demo.Config) { c.FollowUp = "reason" }))
	resp, err := http.Get(r.Info.Kiosk + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if page, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(page), "Điều gì ảnh hưởng nhất") {
		t.Fatalf("the page does not ask further: %s %v", page, err)
	}
	r.press("visit", 2)
	st := r.Kiosk.Status()
	body := fmt.Sprintf(`{"questionnaire":"reason","answers":{"R1":3},"channel":"touch","idempotency_key":"visit.1","continues":"%s/%d"}`, st.Chain, st.Last)
	further, err := http.Post(r.Info.Kiosk+"/api/v1/responses", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer further.Body.Close()
	if further.StatusCode != http.StatusCreated {
		t.Fatalf("the further answer: %d", further.StatusCode)
	}
	r.press("next visit", 5)
	r.counted(2, 0) // the further answer is none of them
}

// Links, posters and codes lead to the gateway at the address that a phone can reach,
// whatever port it got.
func TestLinksLeadToTheDemosGateway(t *testing.T) {
	for _, online := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		r := start(t, config(t.TempDir(), func(c *demo.Config) { c.Online = online }))
		req, err := http.NewRequest(http.MethodPost, r.Info.Console+"/api/v1/links", strings.NewReader(fmt.Sprintf(`{"counter":%q,"stage":"result"}`, r.Info.Counter)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+r.Info.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var made struct{ URL string }
		err = json.NewDecoder(resp.Body).Decode(&made)
		resp.Body.Close()
		if err != nil || !strings.HasPrefix(made.URL, strings.ToUpper(r.Info.Online)+"/Q/") || strings.Contains(made.URL, "0.0.0.0") || strings.HasSuffix(r.Info.Online, ":0") {
			t.Errorf("%s: the link is %q, %v; the gateway is at %s", online, made.URL, err, r.Info.Online)
		}
		r.stop()
	}
}
