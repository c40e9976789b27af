package console

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// newKey is a kiosk's public key, made from a number.
func newKey(n byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
}

func base(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// invite makes a one-time code.
func (c *centre) invite(t *testing.T, body string) codeJSON {
	t.Helper()
	got := c.ask("POST", "/api/v1/kiosks", body)
	if got.StatusCode != http.StatusCreated || got.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	var out codeJSON
	if err := json.Unmarshal(got.body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *centre) enrolBy(code string, key ed25519.PublicKey) answer {
	return c.send("POST", "/enrol", fmt.Sprintf(`{"code":%q,"key":%q}`, code, base(key)))
}

func TestAKioskEnrolsByCode(t *testing.T) {
	c := open(t, Settings{NATS: "nats://centre:4222"})
	code := c.invite(t, `{"counters":["HP-01","HP-02"],"name":"Máy phường","role":"counter"}`)
	if !regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(code.Code) || !code.Expires.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("%+v", code)
	}
	for h, i := range c.store.invitations {
		if b, _ := json.Marshal(i); h != codeHash(code.Code) || bytes.Contains(b, []byte(code.Code)) {
			t.Errorf("the code itself is kept: %s", b)
		}
	}
	// People type small letters, no hyphens, and O for 0.
	typed := strings.NewReplacer("-", " ", "0", "o", "1", "l").Replace(strings.ToLower(code.Code))
	got := c.send("POST", "/enrol", fmt.Sprintf(`{"code":%q,"key":%q}`, typed, hex.EncodeToString(newKey(1))))
	if got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	var out enrolledJSON
	if err := json.Unmarshal(got.body, &out); err != nil {
		t.Fatal(err)
	}
	if out.Kiosk != custody.KioskName(newKey(1)) || out.Name != "Máy phường" || out.NATS != "nats://centre:4222" || out.CentreKey != base(c.settings.CentreKey) {
		t.Errorf("%s", got.body)
	}
	if len(out.Counters) != 2 || out.Counters[0].Code != "HP-01" || out.Counters[0].Unit != "SB-HP" || out.Counters[0].UnitName["vi"] != "Phường Hòa Phú" {
		t.Errorf("%s", got.body)
	}
	// The kiosk may ask again, having lost the answer; for any other the code is used up.
	if again := c.enrolBy(code.Code, newKey(1)); again.StatusCode != http.StatusOK || !bytes.Equal(again.body, got.body) {
		t.Errorf("%d %s", again.StatusCode, again.body)
	}
	if other := c.enrolBy(code.Code, newKey(2)); other.StatusCode != http.StatusForbidden {
		t.Errorf("%d %s", other.StatusCode, other.body)
	}
}

func TestCodesExpire(t *testing.T) {
	c := open(t, Settings{})
	code := c.invite(t, `{"counter":"TT-01"}`)
	c.pass(24 * time.Hour)
	got := c.enrolBy(code.Code, newKey(1))
	if p := got.problem(t); got.StatusCode != 403 || !strings.Contains(p.Detail, "hailong kiosks add") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestInvitationsThatAreNotValid(t *testing.T) {
	c := open(t, Settings{})
	for body, path := range map[string]string{
		`{}`: "counter", `{"counter":"XX"}`: "counter", `{"counters":[]}`: "counter", `{"counters":["TT-01","XX"]}`: "counter",
		`{"counter":"TT-01","counters":["TT-02"]}`: "counter", `{"counter":"TT-01","role":"boss"}`: "role", `{"counter":7}`: "counter",
		`{"counter":"TT-01","name":"a\u0000b"}`: "name", `{"counter":"TT-01","nam":"a"}`: "nam",
	} {
		got := c.ask("POST", "/api/v1/kiosks", body)
		if p := got.problem(t); got.StatusCode != 422 || p.Errors[0].Path != path {
			t.Errorf("%s: %d %s", body, got.StatusCode, got.body)
		}
	}
	if len(c.store.invitations) != 0 {
		t.Error("a refused invitation was kept")
	}
}

func TestEnrolmentsThatAreNotValid(t *testing.T) {
	c := open(t, Settings{})
	for body, want := range map[string]int{
		`{"code":"A"}`: 422, `{"code":"A","key":"short"}`: 422, `{"key":"` + base(newKey(1)) + `","role":"boss"}`: 422, `nonsense`: 400,
		`{"key":"` + base(newKey(1)) + `"}`: 403, `{"code":"AAAA-AAAA-AAAA-AAAA","key":"` + base(newKey(1)) + `"}`: 403,
	} {
		got := c.send("POST", "/enrol", body)
		if got.problem(t); got.StatusCode != want {
			t.Errorf("%s: %d %s", body, got.StatusCode, got.body)
		}
	}
	if got := c.send("GET", "/enrol", ""); got.StatusCode != 405 {
		t.Errorf("%d", got.StatusCode)
	}
	if len(c.store.kiosks) != 0 {
		t.Error("a refused kiosk was kept")
	}
}

func TestCodesCannotBeGoneThrough(t *testing.T) {
	c := open(t, Settings{})
	code := c.invite(t, `{"counter":"TT-01"}`)
	for i := range maxFailedEnrolsOfAll {
		if got := c.enrolBy(fmt.Sprint("WRONG-", i), newKey(1)); got.StatusCode != 403 {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
	}
	got := c.enrolBy(code.Code, newKey(1))
	if got.problem(t); got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") != "60" {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	c.pass(time.Minute)
	if got := c.enrolBy(code.Code, newKey(1)); got.StatusCode != 200 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	// Enrolments that go well are not counted.
	for i := range maxFailedEnrols + 5 {
		if got := c.enrolBy(c.invite(t, `{"counter":"TT-01"}`).Code, newKey(byte(i+2))); got.StatusCode != 200 {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
	}
}

// Kiosks with a bad code, or none, ask again and again. They are told to wait, and a
// kiosk with a good code is not.
func TestKiosksWithBadCodesHinderNobody(t *testing.T) {
	c := open(t, Settings{})
	waits := 0
	for second := 0; second < 60; second += 2 {
		for kiosk := range byte(3) {
			code := []string{"WRONG-1", "WRONG-2", ""}[kiosk]
			for range 2 { // twice as often as they should
				if got := c.enrolBy(code, newKey(kiosk+1)); got.StatusCode == 429 && got.Header.Get("Retry-After") != "" && code != "" {
					waits++
				} else if got.StatusCode != 403 {
					t.Fatalf("%q: %d %s", code, got.StatusCode, got.body)
				}
			}
		}
		c.pass(2 * time.Second)
	}
	if waits != 2*(60-maxFailedEnrols) {
		t.Errorf("%d tries were told to wait", waits)
	}
	if got := c.enrolBy(c.invite(t, `{"counter":"TT-01"}`).Code, newKey(9)); got.StatusCode != 200 {
		t.Errorf("the good kiosk: %d %s", got.StatusCode, got.body)
	}
}

// A revoked kiosk stays out, until somebody makes a code for it: that is a decision.
func TestARevokedKioskStaysOutWithoutACode(t *testing.T) {
	c := open(t, Settings{AutoEnrol: true})
	key := newKey(1)
	c.store.kiosks = []survey.Kiosk{{ID: custody.KioskName(key), Key: key, Revoked: &noon}}
	res, err := http.Post(serve(t, c)+"/enrol", "application/json", strings.NewReader(`{"key":"`+base(key)+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode != 403 || !bytes.Contains(b, []byte("hailong kiosks allow "+custody.KioskName(key))) {
		t.Errorf("without a code, on this machine: %d %s", res.StatusCode, b)
	}
	if got := c.enrolBy("AAAA-AAAA-AAAA-AAAA", key); got.StatusCode != 403 || c.store.kiosks[0].Revoked == nil {
		t.Errorf("with a wrong code: %d %s", got.StatusCode, got.body)
	}
	if got := c.enrolBy(c.invite(t, `{"counter":"TT-01"}`).Code, key); got.StatusCode != 200 || len(c.store.kiosks) != 1 || c.store.kiosks[0].Revoked != nil {
		t.Errorf("with a new code: %d %s", got.StatusCode, got.body)
	}
}

// getAs asks for an address over loopback with a Host header, and gives the status.
func getAs(t *testing.T, address, host string) int {
	t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestKiosksOnThisMachineEnrolByThemselves(t *testing.T) {
	post := func(c *centre, at string, headers ...string) answer {
		req, err := http.NewRequest("POST", at+"/enrol", strings.NewReader(`{"code":"","key":"`+base(newKey(1))+`","name":"máy này"}`))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		if host := req.Header.Get("Host"); host != "" {
			req.Host = host
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return answer{res, b}
	}

	off := open(t, Settings{})
	if got := post(off, serve(t, off)); got.StatusCode != 403 {
		t.Errorf("not asked for, yet enrolled: %d %s", got.StatusCode, got.body)
	}

	on := open(t, Settings{AutoEnrol: true, Hosts: []string{"danhgia.example.vn"}, Metrics: func(io.Writer) {}})
	at := serve(t, on)
	for _, h := range [][]string{{"X-Forwarded-For", "127.0.0.1"}, {"Origin", at}, {"Sec-Fetch-Site", "same-origin"}} {
		if got := post(on, at, h...); got.StatusCode != 403 {
			t.Errorf("%v: %d", h, got.StatusCode)
		}
	}
	// A request that does not come over loopback.
	if got := on.enrolBy("", newKey(1)); got.StatusCode != 403 {
		t.Errorf("from afar: %d", got.StatusCode)
	}
	// A page that gave its own name this machine's address.
	for host, let := range map[string]bool{
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false,
		"localhost:8080": true, "[::1]:8080": true, "127.0.0.1": true, "DanhGia.example.vn:443": true,
	} {
		if got := getAs(t, at+"/metrics", host); (got == 200) != let {
			t.Errorf("metrics for Host %q: %d", host, got)
		}
	}
	if got := post(on, at, "Host", "evil.example"); got.StatusCode != 403 {
		t.Errorf("enrolled for Host evil.example: %d", got.StatusCode)
	}
	got := post(on, at)
	if got.StatusCode != 200 || !bytes.Contains(got.body, []byte(`"TT-01"`)) {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if again := post(on, at); again.StatusCode != 200 || !bytes.Equal(again.body, got.body) || len(on.store.kiosks) != 1 {
		t.Errorf("%d %s", again.StatusCode, again.body)
	}
}
