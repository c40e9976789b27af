package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hailong/survey"
)

// cookie is the session cookie an answer sets, as a browser would send it back.
func (a answer) cookie(t *testing.T) string {
	t.Helper()
	for _, c := range a.Cookies() {
		if strings.HasSuffix(c.Name, "hailong") {
			return c.Name + "=" + c.Value
		}
	}
	t.Fatalf("no session cookie: %d %v", a.StatusCode, a.Header)
	return ""
}

func (c *centre) signin(t *testing.T) string {
	t.Helper()
	got := c.send("POST", "/signin", url.Values{"token": {" " + c.token + "\n"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/" {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	return got.cookie(t)
}

func TestSignInByToken(t *testing.T) {
	c := open(t, Settings{})
	if got := c.send("GET", "/", ""); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/signin" {
		t.Fatalf("%d", got.StatusCode)
	}
	page := c.send("GET", "/signin", "")
	if page.StatusCode != 200 || !strings.Contains(string(page.body), `name="token"`) {
		t.Fatalf("%d %s", page.StatusCode, page.body)
	}
	wrong := c.send("POST", "/signin", "token=hl_wrong", "Accept", "text/html")
	if wrong.StatusCode != 401 || !strings.Contains(string(wrong.body), "không đúng") || wrong.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %s", wrong.StatusCode, wrong.body)
	}
	cookie := c.signin(t)
	for _, target := range []string{"/", "/kiosks", "/api/v1/scores"} {
		if got := c.send("GET", target, "", "Cookie", cookie); got.StatusCode != 200 {
			t.Errorf("%s: %d", target, got.StatusCode)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	c := open(t, Settings{})
	set := c.send("POST", "/signin", "token="+c.token).Header.Get("Set-Cookie")
	for _, want := range []string{"hailong=", "HttpOnly", "SameSite=Lax", "path=/"} {
		if !strings.Contains(set, want) {
			t.Errorf("%q lacks %s", set, want)
		}
	}
	if strings.Contains(strings.ToLower(set), "secure") {
		t.Errorf("over plain http a Secure cookie is thrown away: %q", set)
	}
	behindTLS := open(t, Settings{Secure: true})
	set = behindTLS.send("POST", "/signin", "token="+behindTLS.token).Header.Get("Set-Cookie")
	if !strings.HasPrefix(set, "__Host-hailong=") || !strings.Contains(set, "secure") || strings.Contains(set, "domain") {
		t.Errorf("%q", set)
	}
}

func TestOneTimeLinkWorksOnce(t *testing.T) {
	c := open(t, Settings{})
	link := c.OneTimeLink()
	if got := c.send("HEAD", link, ""); got.StatusCode != 200 || got.Header.Get("Set-Cookie") != "" {
		t.Errorf("a look at the link spent it: %d", got.StatusCode)
	}
	got := c.send("GET", link, "", "Accept", "text/html")
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/" {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if in := c.send("GET", "/", "", "Cookie", got.cookie(t)); in.StatusCode != 200 {
		t.Errorf("%d", in.StatusCode)
	}
	again := c.send("GET", link, "", "Accept", "text/html")
	if again.StatusCode != http.StatusGone || again.Header.Get("Set-Cookie") != "" || !strings.Contains(string(again.body), "chỉ dùng được một lần") {
		t.Errorf("%d %s", again.StatusCode, again.body)
	}
	mine := c.send("GET", link, "", "Cookie", got.cookie(t), "Accept", "text/html")
	if mine.StatusCode != http.StatusSeeOther || mine.Header.Get("Location") != "/" || mine.Header.Get("Set-Cookie") != "" {
		t.Errorf("opened again by whom it let in: %d %s", mine.StatusCode, mine.body)
	}
	late := c.OneTimeLink()
	c.pass(linkLife)
	if got := c.send("GET", late, ""); got.StatusCode != http.StatusGone {
		t.Errorf("%d", got.StatusCode)
	}
	if got := c.send("GET", "/signin/"+secret(), ""); got.StatusCode != http.StatusGone {
		t.Errorf("%d", got.StatusCode)
	}
}

func TestSessionsEnd(t *testing.T) {
	c := open(t, Settings{})
	let := func(cookie string) bool {
		return c.send("GET", "/api/v1/units", "", "Cookie", cookie).StatusCode == 200
	}

	idle := c.signin(t)
	c.pass(sessionIdle - time.Second)
	if !let(idle) {
		t.Error("a session ended early")
	}
	c.pass(sessionIdle)
	if let(idle) {
		t.Error("an idle session goes on")
	}

	busy := c.signin(t)
	for range int(sessionLife/(20*time.Minute)) - 1 {
		c.pass(20 * time.Minute)
		if !let(busy) {
			t.Fatal("a session in use ended")
		}
	}
	c.pass(20 * time.Minute)
	if let(busy) {
		t.Error("a session lives longer than 12 hours")
	}

	out := c.signin(t)
	if got := c.send("POST", "/signout", "", "Cookie", out, "Sec-Fetch-Site", "same-origin"); got.StatusCode != http.StatusSeeOther || let(out) {
		t.Errorf("%d: signing out did not end the session", got.StatusCode)
	}

	old := c.signin(t)
	fresh := c.send("POST", "/signin", "token="+c.token, "Cookie", old, "Sec-Fetch-Site", "same-origin").cookie(t)
	if fresh == old || let(old) || !let(fresh) {
		t.Error("signing in again did not change the session's id")
	}

	delete(c.store.tokens, hashOf(c.token))
	if let(fresh) {
		t.Error("the session outlives its token")
	}
}

func TestAnotherSiteCannotActThroughTheBrowser(t *testing.T) {
	c := open(t, Settings{})
	cookie := c.signin(t)
	body := `{"counter":"TT-01"}`
	for _, each := range []struct {
		headers []string
		want    int
	}{
		{[]string{"Sec-Fetch-Site", "same-origin"}, 201},
		{[]string{"Sec-Fetch-Site", "none"}, 201},
		{[]string{"Origin", "http://example.com"}, 201}, // httptest's host
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site", "Origin", "http://example.com"}, 403},
		{[]string{"Origin", "http://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{nil, 403},
	} {
		got := c.send("POST", "/api/v1/kiosks", body, append(each.headers, "Cookie", cookie)...)
		if got.StatusCode != each.want {
			t.Errorf("%v: %d %s", each.headers, got.StatusCode, got.body)
		}
	}
	// A program with a token has no browser to be led astray.
	if got := c.ask("POST", "/api/v1/kiosks", body); got.StatusCode != 201 {
		t.Errorf("%d", got.StatusCode)
	}
	basic := c.send("POST", "/api/v1/kiosks", body, "Authorization", "Bearer "+c.token, "Sec-Fetch-Site", "cross-site")
	if basic.StatusCode != 403 {
		t.Errorf("%d", basic.StatusCode)
	}
	for _, target := range []string{"/signout", "/signin", "/enrol"} {
		if got := c.send("POST", target, "token="+c.token, "Sec-Fetch-Site", "cross-site"); got.StatusCode != 403 {
			t.Errorf("%s: %d", target, got.StatusCode)
		}
	}
}

func TestSecretsAreKeptAsHashes(t *testing.T) {
	c := open(t, Settings{})
	for h, tok := range c.store.tokens {
		if h != hashOf(c.token) || tok.Hash != h {
			t.Errorf("%v", tok)
		}
	}
	if len(strings.TrimPrefix(c.token, "hl_")) < 43 {
		t.Errorf("token %q has fewer than 256 bits", c.token)
	}
}

func TestATokenForPartOfTheTreeIsRefused(t *testing.T) {
	c := open(t, Settings{})
	c.store.tokens[hashOf("part")] = survey.Token{Hash: hashOf("part"), Unit: "SB-HP"}
	if got := c.send("GET", "/api/v1/scores", "", "Authorization", "Bearer part"); got.StatusCode != 403 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := c.send("POST", "/signin", "token=part"); got.StatusCode != 403 || got.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d", got.StatusCode)
	}
}
