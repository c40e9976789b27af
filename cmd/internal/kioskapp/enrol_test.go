package kioskapp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
	"hailong/kiosk/identity"
	"hailong/survey"
	"hailong/survey/custody"
)

// A wrong code leaves the kiosk out of service, asking again, and saying why.
func TestAWrongCode(t *testing.T) {
	centre := startCentre(t, func(c *centreapp.Config) { c.AutoEnrol = false })
	c := settings(t.TempDir(), centre.base)
	c.Centre.Code = "0000-0000-0000-0000"
	k := startKiosk(t, c)
	until(t, "the kiosk says why it is out of service", func() error {
		code, body, err := k.get("/readyz")
		if err == nil && (code != http.StatusServiceUnavailable || !strings.Contains(body, "trung tâm chưa nhận thiết bị này (403): mã ghi danh không đúng")) {
			err = fmt.Errorf("%d %s", code, body)
		}
		return err
	})
	if code, page, err := k.get("/"); err != nil || code != http.StatusServiceUnavailable || strings.Contains(page, `value="5"`) {
		t.Fatalf("the page of a kiosk out of service: %d %v\n%s", code, err, page)
	}
	code, header, problem := k.post(t, "too early")
	if code != http.StatusServiceUnavailable || !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") || problem["title"] == "" {
		t.Fatalf("a press is answered with %d %s %v", code, header.Get("Content-Type"), problem)
	}
	if problem["type"] != "/problems/not-enrolled" || !strings.Contains(fmt.Sprint(problem["detail"]), "mã ghi danh không đúng") {
		t.Errorf("a press is told %v", problem)
	}
	if st := k.status(t); st.Kiosk != "" || st.Chain != "" || st.Link.Connected || st.Link.Problem == nil || !strings.Contains(*st.Link.Problem, "mã ghi danh không đúng") {
		t.Fatalf("its status is %+v", st)
	}
}

// fakeCentre answers enrolments with what it is given, one after the other, and then
// always with the last.
func fakeCentre(t *testing.T, answers ...func(key []byte) (int, any)) (base string, asked func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ask struct {
			Key  []byte // base64, as JSON has it
			Code string
			Role survey.KioskRole
		}
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || r.URL.Path != "/enrol" || ask.Role != survey.CounterKiosk {
			t.Errorf("asked %s with %+v, %v", r.URL.Path, ask, err)
		}
		mu.Lock()
		code, answer := answers[min(n, len(answers)-1)](ask.Key)
		n++
		mu.Unlock()
		w.WriteHeader(code)
		if b, ok := answer.([]byte); ok {
			_, _ = w.Write(b) // a caller that went away is none of the test's business
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	})}
	go func() { _ = server.Serve(l) }() // ends with the test
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// takenIn is a centre's good answer, changed as wanted.
func takenIn(change func(map[string]any)) func([]byte) (int, any) {
	return func(key []byte) (int, any) {
		answer := map[string]any{
			"kiosk": custody.KioskName(key), "name": "Quầy 1", "role": "counter", "centre_key": bytes.Repeat([]byte{1}, 32), "nats": "nats://127.0.0.1:1",
			"counters": []any{map[string]any{"code": "Q1", "name": map[string]string{"vi": "Quầy 1"}, "unit": "mau", "unit_name": map[string]string{"vi": "Mẫu"}}},
		}
		if change != nil {
			change(answer)
		}
		return http.StatusOK, answer
	}
}

func refuses(key []byte) (int, any) {
	return http.StatusForbidden, map[string]any{"title": "mã không đúng", "detail": "the code is wrong"}
}

// The kiosk asks until it is taken in, and then never again.
func TestAKioskAsksUntilItIsTakenIn(t *testing.T) {
	t.Parallel()
	base, asked := fakeCentre(t, refuses, takenIn(nil))
	dir := t.TempDir()
	k := inService(t, settings(dir, base))
	k.press(t, "1")
	if n := asked(); n != 2 {
		t.Fatalf("it asked %d times, want 2", n)
	}
	k.stop()
	k = inService(t, settings(dir, base))
	if n := k.press(t, "2"); n != 2 || asked() != 2 {
		t.Fatalf("after a restart press %d, asked %d times", n, asked())
	}
}

// Settings that give the kiosk another role than its code did are refused: when it is
// taken in, and at every start until they agree.
func TestACodeForAnotherRole(t *testing.T) {
	t.Parallel()
	base, _ := fakeCentre(t, takenIn(func(m map[string]any) { m["role"] = "online" }))
	c := settings(t.TempDir(), base)
	app, err := kioskapp.New(c, kioskapp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(app.Run(context.Background()), app.Close())
	said(t, err, "role", "counter", "enrolled with a code for the role online", "ghi danh bằng mã cho vai trò online")
	_, err = kioskapp.New(c, kioskapp.Options{})
	said(t, err, "role", "counter", "set role: online", "hãy đặt role: online")
	c.Role, c.Internal = survey.OnlineGateway, "127.0.0.1:0"
	startGateway(t, c)
}

// An answer that is not whole, or about another kiosk, takes nobody in.
func TestAnswersOfACentreThatAreNoEnrolment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer func([]byte) (int, any)
		why    string
	}{
		{"a refusal", refuses, "the centre refuses this kiosk (403): most often"},
		{"a refusal without words", func([]byte) (int, any) { return 502, []byte("<html>") }, "the centre refuses this kiosk (502): no reason given"},
		{"no JSON", func([]byte) (int, any) { return 200, []byte("<html>xin chào") }, "the centre's answer cannot be used: it cannot be read"},
		{"no key of the centre", takenIn(func(m map[string]any) { delete(m, "centre_key") }), "names no key"},
		{"a short key", takenIn(func(m map[string]any) { m["centre_key"] = []byte{1, 2} }), "names no key"},
		{"another kiosk", takenIn(func(m map[string]any) { m["kiosk"] = "k-other" }), "the centre calls this kiosk k-other"},
		{"no counter", takenIn(func(m map[string]any) { m["counters"] = []any{} }), "no counter"},
		{"no address of a message server", takenIn(func(m map[string]any) { m["nats"] = "127.0.0.1:4222" }), "cannot be used; at the centre, nats.advertise must be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, _ := fakeCentre(t, c.answer)
			dir := t.TempDir()
			k := startKiosk(t, settings(dir, base))
			until(t, "the kiosk says why", func() error {
				code, body, err := k.english("/readyz")
				if err == nil && (code != http.StatusServiceUnavailable || !strings.Contains(body, c.why) || strings.Contains(body, "trung tâm")) {
					err = fmt.Errorf("%d %s", code, body)
				}
				return err
			})
			k.stop()
			id, err := identity.Load(dir)
			if err != nil || id.Enrolment != nil {
				t.Fatalf("it remembers %+v, %v", id.Enrolment, err)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		k := startKiosk(t, settings(t.TempDir(), "http://127.0.0.1:1"))
		until(t, "the kiosk says why", func() error {
			_, body, err := k.english("/readyz")
			if err == nil && !strings.Contains(body, "cannot reach the centre") {
				err = errors.New(body)
			}
			return err
		})
	})
	t.Run("an authority that cannot be read", func(t *testing.T) {
		c := settings(t.TempDir(), "https://127.0.0.1:1")
		c.Centre.CA = filepath.Join(t.TempDir(), "none.pem")
		app, err := kioskapp.New(c, kioskapp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(app.Run(context.Background()), app.Close()); err == nil || !strings.Contains(err.Error(), "centre.ca") {
			t.Fatalf("it ended with %v, want the setting's name", err)
		}
	})
}
