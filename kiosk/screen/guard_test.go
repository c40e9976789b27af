package screen

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestOnlyTheKioskItselfMayPress(t *testing.T) {
	s := newStand(t)
	fromAfar(s.Screen)
	for path, kind := range map[string]string{"/api/v1/status": "not-local", "/api/v1/tablets": "not-local", "/revision": "not-paired", "/qr.svg": "not-paired"} {
		if a := s.get(t, path); a.StatusCode != 403 || a.problem(t).Type != "/problems/"+kind {
			t.Errorf("GET %s from 0.0.0.0: %d %s", path, a.StatusCode, a.text)
		}
	}
	if a := s.post(t, press(5, "k")); a.StatusCode != 403 {
		t.Errorf("POST from 0.0.0.0: %d %s", a.StatusCode, a.text)
	}
	if a := s.do(t, "POST", "/press", "key=k&questionnaire=quick&question=Z0&level=5", "Content-Type", "application/x-www-form-urlencoded"); a.StatusCode != 403 {
		t.Errorf("POST /press from 0.0.0.0: %d %s", a.StatusCode, a.text)
	}
	if a := s.get(t, "/", "Accept-Language", "en"); a.StatusCode != 403 || !strings.Contains(a.text, "This screen works at the counter only") || strings.Contains(a.text, "<form") {
		t.Errorf("GET / from 0.0.0.0: %d %s", a.StatusCode, a.text)
	}

	base := s.listen(t)
	for n, want := range map[string]int{"": 201, "X-Forwarded-For": 403, "Forwarded": 403, "X-Real-IP": 403, "Via": 403} {
		req, err := http.NewRequest("POST", base+"/api/v1/responses", strings.NewReader(press(5, "k"+n)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if n != "" {
			req.Header.Set(n, "127.0.0.1")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("from loopback with header %q: %d, want %d", n, res.StatusCode, want)
		}
	}
	if n := len(s.journal.kept()); n != 1 {
		t.Errorf("%d records kept, want 1", n)
	}
}

func TestOtherSitesPagesMayNotPress(t *testing.T) {
	s := newStand(t, func(o *Options, _ *Settings) { o.Hosts = []string{"kiosk.example"} })
	for i, c := range []struct {
		headers []string
		want    int
		kind    string
	}{
		{nil, 201, ""},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 201, ""},
		{[]string{"Sec-Fetch-Site", "none"}, 201, ""},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403, "cross-site"},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-site"},
		{[]string{"Origin", "http://127.0.0.1:8081"}, 201, ""},
		{[]string{"Origin", "http://127.0.0.1:8080"}, 403, "cross-site"},
		{[]string{"Origin", "http://evil.example"}, 403, "cross-site"},
		{[]string{"Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}, 403, "cross-site"},
		{[]string{"Origin", "null"}, 403, "cross-site"},
		{[]string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, 403, "cross-site"},
		{[]string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}, 201, ""},
		{[]string{"Host", "evil.example:8081"}, 403, "foreign-host"},
		{[]string{"Host", "127.0.0.1.evil.example"}, 403, "foreign-host"},
		{[]string{"Host", "localhost.evil.example"}, 403, "foreign-host"},
		{[]string{"Host", "localhost:8081"}, 201, ""},
		{[]string{"Host", "LOCALHOST"}, 201, ""},
		{[]string{"Host", "[::1]:8081"}, 201, ""},
		{[]string{"Host", "[::1]"}, 201, ""},
		{[]string{"Host", "192.0.2.7"}, 201, ""},
		{[]string{"Host", "Kiosk.Example:8081"}, 201, ""},
	} {
		a := s.post(t, press(5, fmt.Sprint("k", i)), c.headers...)
		if a.StatusCode != c.want || c.kind != "" && a.problem(t).Type != "/problems/"+c.kind {
			t.Errorf("%v: %d %s, want %d %s", c.headers, a.StatusCode, a.text, c.want, c.kind)
		}
	}
	if a := s.get(t, "/", "Host", "evil.example"); a.StatusCode != 403 || strings.Contains(a.text, "name=\"key\"") {
		t.Errorf("GET / under a foreign name: %d", a.StatusCode)
	}
	if a := s.get(t, "/", "Sec-Fetch-Site", "same-site"); a.StatusCode != 200 {
		t.Errorf("a link to the screen: %d", a.StatusCode)
	}
}

func TestOnlyJSONAsItIsIsRead(t *testing.T) {
	s := newStand(t)
	for _, ct := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=latin1", "application/jsonx", "application/json, text/plain"} {
		a := s.do(t, "POST", "/api/v1/responses", press(5, "k"), "Content-Type", ct)
		if a.StatusCode != 415 || a.problem(t).Type != "/problems/media-type" {
			t.Errorf("content type %q: %d %s", ct, a.StatusCode, a.text)
		}
	}
	if a := s.post(t, press(5, "k"), "Content-Encoding", "gzip"); a.StatusCode != 415 {
		t.Errorf("compressed: %d %s", a.StatusCode, a.text)
	}
	if a := s.do(t, "POST", "/api/v1/responses", press(5, "k"), "Content-Type", "Application/JSON; charset=UTF-8"); a.StatusCode != 201 {
		t.Errorf("with charset: %d %s", a.StatusCode, a.text)
	}
}

func TestWrongAddressesAndMethodsGetAProblem(t *testing.T) {
	s := newStand(t)
	for _, c := range []struct {
		method, path string
		want         int
		kind         string
	}{
		{"GET", "/api/v1/nothing", 404, "not-found"},
		{"GET", "/api", 404, ""},
		{"POST", "/nothing", 404, "not-found"},
		{"GET", "/api/v1/responses", 405, "method"},
		{"DELETE", "/api/v1/status", 405, "method"},
	} {
		a := s.do(t, c.method, c.path, "")
		if a.StatusCode != c.want || c.kind != "" && a.problem(t).Type != "/problems/"+c.kind {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.StatusCode, a.text)
		}
		if c.want == 405 && a.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow header", c.method, c.path)
		}
	}
	if a := s.get(t, "/nothing"); a.StatusCode != 404 || !strings.Contains(a.text, "Không có trang này") || !strings.Contains(a.text, `<a href="/">`) {
		t.Errorf("a page that is not there: %d %s", a.StatusCode, a.text)
	}
	if a := s.get(t, "/press"); a.StatusCode != 303 || a.Header.Get("Location") != "/" {
		t.Errorf("GET /press: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
}

func TestALargeBodyIsRefusedBeforeItIsRead(t *testing.T) {
	s := newStand(t)
	base := strings.TrimPrefix(s.listen(t), "http://")
	conn, err := net.Dial("tcp", base)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/v1/responses HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept-Language: en\r\nContent-Length: %d\r\n\r\n", base, bodyLimit+1)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{res, string(text)}
	if p := a.problem(t); res.StatusCode != 413 || p.Type != "/problems/too-large" || !strings.Contains(string(text), "32 KiB") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
	if res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("an answer before any handler lacks its headers")
	}
	fits := strings.Replace(press(5, "k"), "{", "{"+strings.Repeat(" ", bodyLimit-len(press(5, "k"))), 1)
	if a := s.post(t, fits); a.StatusCode != 201 {
		t.Errorf("a body of exactly the limit: %d %s", a.StatusCode, a.text)
	}
}

func TestEveryAnswerIsHardened(t *testing.T) {
	s := newStand(t)
	for _, path := range []string{"/", "/nothing", "/api/v1/status", "/api/nothing", "/assets/screen.css", "/healthz"} {
		a := s.get(t, path)
		for h, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": "", "Set-Cookie": "", "Server": "",
		} {
			if got := a.Header.Get(h); got != want {
				t.Errorf("GET %s: %s is %q, want %q", path, h, got, want)
			}
		}
		if cache := a.Header.Get("Cache-Control"); cache != "no-store" && !(cache == "no-cache" && strings.HasPrefix(path, "/assets/")) {
			t.Errorf("GET %s: Cache-Control %q", path, cache)
		}
	}
}
