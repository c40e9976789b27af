package console

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

var update = flag.Bool("update", false, "write golden files anew")

// Every API address, one that is not there, and methods none of them takes.
var apiAddresses = []struct{ method, target string }{
	{"GET", "/api/v1/scores"},
	{"GET", "/api/v1/units"},
	{"PUT", "/api/v1/units"},
	{"POST", "/api/v1/kiosks/k-a/revoke"},
	{"POST", "/api/v1/kiosks/k-a/allow"},
	{"GET", "/api/v1/questionnaires"},
	{"GET", "/api/v1/kiosks"},
	{"POST", "/api/v1/kiosks"},
	{"GET", "/api/v1/closings"},
	{"GET", "/api/v1/quarantine"},
	{"POST", "/api/v1/quarantine/retry"},
	{"GET", "/api/v1/backups"},
	{"POST", "/api/v1/backups"},
	{"POST", "/api/v1/journals"},
	{"POST", "/api/v1/links"},
	{"GET", "/api/v1/posters"},
	{"POST", "/api/v1/posters"},
	{"DELETE", "/api/v1/posters/ABCDEF0"},
	{"GET", "/api/v1/live"},
	{"HEAD", "/api/v1/live"},
	{"GET", "/api"},
	{"GET", "/api/"},
	{"GET", "/api/v1/nothing"},
	{"GET", "/API/v1/scores"},
	{"GET", "/%61pi/v1/scores"},
	{"GET", "//api/v1/scores"},
	{"GET", "/x/../api/v1/scores"},
	{"DELETE", "/api/v1/scores"},
	{"OPTIONS", "/api/v1/units"},
	{"GET", "/api/v1/scores?from=nonsense"},
}

func TestNothingUnderAPIAnswersAStranger(t *testing.T) {
	c := open(t, Settings{})
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	strangers := map[string][]string{
		"nothing":      nil,
		"wrong token":  {"Authorization", "Bearer hl_wrong"},
		"empty token":  {"Authorization", "Bearer "},
		"wrong basic":  {"Authorization", basic("admin:hl_wrong")},
		"broken basic": {"Authorization", "Basic %%%"},
		"other scheme": {"Authorization", "Digest " + c.token},
		"wrong cookie": {"Cookie", "hailong=" + strings.Repeat("A", 43)},
		"token in url": {"X-Token", c.token},
	}
	for _, a := range apiAddresses {
		for who, headers := range strangers {
			got := c.send(a.method, a.target, "", headers...)
			if got.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s with %s: %d %s", a.method, a.target, who, got.StatusCode, got.body)
			}
			if !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: headers %v", a.method, a.target, got.Header)
			}
		}
	}
	for _, header := range []string{"Bearer " + c.token, "bearer " + c.token, basic("anybody:" + c.token), basic(":" + c.token)} {
		if got := c.send("GET", "/api/v1/scores", "", "Authorization", header); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", header, got.StatusCode)
		}
	}
}

func TestABodyTooLargeIsRefused(t *testing.T) {
	c := open(t, Settings{})
	base := serve(t, c)
	for token, want := range map[string]int{"": http.StatusUnauthorized, c.token: http.StatusRequestEntityTooLarge} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "PUT /api/v1/units HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", token, bodyLimit+1)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("token %q: %d %v", token, res.StatusCode, res.Header)
		}
	}
	if got := c.ask("POST", "/api/v1/kiosks", strings.Repeat(" ", smallBody+1)); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := c.ask("PUT", "/api/v1/units", "{}", "Content-Encoding", "gzip"); got.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// serve opens a socket on loopback for a centre.
func serve(t *testing.T, c *centre) (base string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := c.Serve(l); err != nil {
			t.Error(err)
		}
	}()
	return "http://" + l.Addr().String()
}

func TestKnownAddressesRefuseOtherMethods(t *testing.T) {
	c := open(t, Settings{})
	for target, want := range map[string]int{"/api/v1/nothing": 404, "/api/v1/scores/": 404, "/api": 404} {
		if got := c.ask("GET", target, ""); got.StatusCode != want {
			t.Errorf("%s: %d", target, got.StatusCode)
		} else {
			got.problem(t)
		}
	}
	got := c.ask("DELETE", "/api/v1/units", "")
	if allow := got.Header.Get("Allow"); got.StatusCode != 405 || !strings.Contains(allow, "GET") || !strings.Contains(allow, "PUT") {
		t.Errorf("%d Allow %q", got.StatusCode, allow)
	}
	got.problem(t)
}

func TestScoreParameters(t *testing.T) {
	c := open(t, Settings{})
	for _, bad := range []struct{ query, path string }{
		{"from=2026-02-30", "from"},
		{"from=31/03/2026", "from"},
		{"to=2026-3-31", "to"},
		{"to=20260331", "to"},
		{"to=hôm nay", "to"},
		{"from=2026-04-01", "from"},
		{"from=2026-04-02&to=2026-04-01", "from"},
		{"unit=XX", "unit"},
		{"unit=sb", "unit"},
		{"by=week_day", "by"},
		{"by=Unit", "by"},
		{"questionnaire=none", "questionnaire"},
		{"questionnaire=quick@abc", "questionnaire"},
		{"period=2026", "period"},
		{"unti=SB", "unti"},
		{"Unit=SB", "Unit"},
		{"lang=en", "lang"},
		{"from=2026-03-01&from=2026-03-02", "from"},
		{"counter=", "counter"},
	} {
		got := c.ask("GET", "/api/v1/scores?"+strings.ReplaceAll(bad.query, " ", "%20"), "")
		if got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad.query, got.StatusCode, got.body)
			continue
		}
		p := got.problem(t)
		if len(p.Errors) == 0 || p.Errors[0].Path != bad.path || p.Errors[0].Message == "" {
			t.Errorf("%s: %s", bad.query, got.body)
		}
	}
	for _, good := range []string{
		"", "unit=&from=&to=&period=&questionnaire=&by=", "from=2030-01-01&to=2030-12-31", "to=2027-01-01", "by=none", "by=weekday", "by=resolving_unit",
		"unit=SB&by=unit", "questionnaire=quick3", "questionnaire=" + quick().ID(),
	} {
		if got := c.ask("GET", "/api/v1/scores?"+good, ""); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", good, got.StatusCode, got.body)
		}
	}
	for _, g := range survey.Groupings {
		if got := c.ask("GET", "/api/v1/scores?by="+string(g), ""); got.StatusCode != http.StatusOK {
			t.Errorf("by=%s: %d", g, got.StatusCode)
		}
	}
}

func TestProblemsSpeakVietnameseUnlessEnglishIsPreferred(t *testing.T) {
	c := open(t, Settings{})
	for header, want := range map[string]string{
		"": "vi", "vi": "vi", "en": "en", "en-US,en;q=0.9": "en", "vi-VN,vi;q=0.9,en;q=0.8": "vi", "vi;q=0.5,en;q=0.6": "en",
		"fr": "vi", "en;q=0": "vi", "*": "vi", "en;q=x": "vi", "en,vi": "en",
	} {
		got := c.ask("GET", "/api/v1/scores?by=x", "", "Accept-Language", header)
		p := got.problem(t)
		if got.Header.Get("Content-Language") != want || strings.Contains(p.Errors[0].Message, "must be") != (want == "en") {
			t.Errorf("%q: %s", header, got.body)
		}
	}
}

// The answers of /api/v1/scores, byte for byte: two scales apart and together, and a
// month without answers.
func TestScoresJSON(t *testing.T) {
	c := open(t, Settings{})
	for level, n := range map[survey.Level]int{3: 14, 2: 5, 1: 2} {
		for range n {
			c.put("TT-01", quick3(), level)
		}
	}
	c.put("TT-02", quick3(), 3, survey.TooSoon)
	for _, l := range []survey.Level{5, 5, 4, 3, 1} {
		c.put("HP-01", quick(), l)
	}
	for name, query := range map[string]string{
		"scores_none": "", "scores_unit": "?by=unit&questionnaire=quick3", "scores_counter": "?by=counter&unit=SB-HP", "scores_empty": "?from=2025-01-01&to=2025-01-31&by=day",
	} {
		got := c.ask("GET", "/api/v1/scores"+query, "")
		if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %v %s", query, got.StatusCode, got.Header, got.body)
		}
		golden(t, name+".json", got.body)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(pretty.Bytes(), want) {
		t.Errorf("%s differs; got:\n%s", name, pretty.Bytes())
	}
}

func TestUnitsAreReplacedAtOnce(t *testing.T) {
	c := open(t, Settings{LiveStep: 1})
	var read map[string]any
	got := c.ask("GET", "/api/v1/units", "")
	if err := json.Unmarshal(got.body, &read); err != nil {
		t.Fatal(err)
	}
	if len(read["items"].([]any)) != 5 || len(read["counters"].([]any)) != 5 || read["fields"] == nil || read["procedures"] == nil {
		t.Fatalf("%s", got.body)
	}
	if v, there := read["next"]; !there || v != nil {
		t.Fatalf("next: %v", v)
	}
	// What was read goes back as it is, with one counter more.
	read["counters"] = append(read["counters"].([]any), map[string]any{"code": "TA-02", "unit": "SB-TA", "name": map[string]string{"vi": "Quầy mới"}})
	body, _ := json.Marshal(read)
	if got := c.ask("PUT", "/api/v1/units", string(body)); got.StatusCode != http.StatusOK || !bytes.Contains(got.body, []byte("Quầy mới")) {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	c.press("TA-02", 5)
	if got := c.ask("GET", "/api/v1/scores?by=counter", ""); !bytes.Contains(got.body, []byte("Quầy mới")) {
		t.Errorf("%s", got.body)
	}
	// "units" is understood as well; taking a counter's past away is not.
	s := town()
	s.Counters = s.Counters[1:]
	body, _ = json.Marshal(s)
	got = c.ask("PUT", "/api/v1/units", string(body))
	if p := got.problem(t); got.StatusCode != http.StatusUnprocessableEntity || p.Errors[0].Path != "counters" || p.Errors[0].Value != "TT-01" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestUnitsThatAreNotValid(t *testing.T) {
	c := open(t, Settings{})
	for _, bad := range []struct {
		body, path string
		status     int
	}{
		{``, "", 400},
		{`{`, "", 400},
		{`[]`, "body", 422},
		{`{} {}`, "", 400},
		{`{}`, "units", 422},
		{`{"unit":[]}`, "unit", 422},
		{`{"units":[],"items":[]}`, "items", 422},
		{`{"units":7}`, "units", 422},
		{`{"units":[{"code":"a b","name":{"vi":"x"},"kind":"commune"}]}`, "units[0].code", 422},
		{`{"units":[{"code":"A","name":{"vi":"x"},"kind":"kingdom"}]}`, "units[0].kind", 422},
		{`{"units":[{"code":"A","name":{"vi":"x"},"kind":"commune","parent":"B"}]}`, "units[0].parent", 422},
		{`{"units":[{"code":"A","name":{"vi":"x"},"kind":"commune"},{"code":"B","name":{"vi":"x"},"kind":"commune","valid_from":"2026-02-30"}]}`, "units[1].valid_from", 422},
		{`{"units":[],"counters":[{"code":"C","unit":"A","name":{"vi":"x"},"valid_to":20260101}]}`, "counters[0].valid_to", 422},
	} {
		got := c.ask("PUT", "/api/v1/units", bad.body)
		p := got.problem(t)
		path := ""
		if len(p.Errors) > 0 {
			path = p.Errors[0].Path
		}
		if got.StatusCode != bad.status || path != bad.path {
			t.Errorf("%s: %d at %q: %s", bad.body, got.StatusCode, path, got.body)
		}
	}
	if c.store.structure.Units[0].Code != "SB" {
		t.Error("a refused structure was kept")
	}
}

func TestTheWholeCountryFitsInOnePut(t *testing.T) {
	c := open(t, Settings{})
	s := town()
	for i := range 3355 {
		s.Units = append(s.Units, survey.Unit{
			Code: survey.UnitCode(fmt.Sprintf("U%05d", i)), Kind: survey.Commune, Parent: "SB",
			Name: two(fmt.Sprint("Xã có một cái tên khá dài số ", i), "A commune with a rather long name"),
		})
	}
	body, _ := json.Marshal(s)
	if got := c.ask("PUT", "/api/v1/units", string(body)); got.StatusCode != http.StatusOK {
		t.Fatalf("%d bytes: %d %.300s", len(body), got.StatusCode, got.body)
	}
}

func TestQuestionnaires(t *testing.T) {
	c := open(t, Settings{})
	got := c.ask("GET", "/api/v1/questionnaires", "")
	var list struct {
		Items []struct {
			ID, Code, Hash string
			Title          survey.Words
			Questions      []struct {
				Code, Kind string
				Factor     *string
				Levels     []survey.ScaleLevel
			}
		}
		Next *string
	}
	if err := json.Unmarshal(got.body, &list); err != nil {
		t.Fatal(err)
	}
	first := list.Items[0]
	if len(list.Items) != 2 || first.ID != quick().ID() || first.ID != first.Code+"@"+first.Hash || first.Title["vi"] != "Bấm nhanh" {
		t.Errorf("%s", got.body)
	}
	if x := first.Questions[0]; x.Code != "Z0" || x.Kind != "overall" || x.Factor != nil || len(x.Levels) != 5 || !x.Levels[4].Satisfied || x.Levels[0].Words["vi"] == "" {
		t.Errorf("%s", got.body)
	}
}

func TestKiosksShowWhatTheCentreHolds(t *testing.T) {
	beat := noon.Add(-time.Minute)
	c := open(t, Settings{Heartbeats: func() map[survey.KioskID]Heartbeat { return map[survey.KioskID]Heartbeat{"k-a": {At: beat}} }}, func(c *centre) {
		c.store.kiosks = []survey.Kiosk{
			{ID: "k-a", Name: "Máy A", Role: survey.CounterKiosk, Counters: []survey.CounterCode{"TT-01"}},
			{ID: "k-b", Role: survey.OnlineGateway, Revoked: &noon},
		}
		c.store.said = []custody.Said{{Kiosk: "k-a", Chain: survey.Chain{2}, Totals: custody.Totals{Last: 11}}}
		c.store.chains = []custody.ChainState{
			{Chain: survey.Chain{1}, Kiosk: "k-a", Head: custody.Head{Sequence: 90}, Held: 1, Forks: 1, Received: noon.Add(-48 * time.Hour)},
			{Chain: survey.Chain{2}, Kiosk: "k-a", Head: custody.Head{Sequence: 7}, Held: 2, Quarantined: 3, Received: noon.Add(-time.Hour)},
		}
	})
	got := c.ask("GET", "/api/v1/kiosks", "")
	var list listJSON[kioskJSON]
	if err := json.Unmarshal(got.body, &list); err != nil {
		t.Fatal(err)
	}
	a, b := list.Items[0], list.Items[1]
	if a.Head != 7 || a.Held != 3 || a.Quarantined != 3 || a.Forks != 1 || len(a.Chains) != 2 || !a.LastContact.Equal(beat) || !a.Connected || *a.Unsent != 4 || !slices.Equal(a.Problems, []kioskProblem{forked, unreadable, waiting}) {
		t.Errorf("%s", got.body)
	}
	if b.LastContact != nil || b.Connected || b.Unsent != nil || len(b.Problems) != 0 || b.Revoked == nil || !bytes.Contains(got.body, []byte(`"counters":[]`)) {
		t.Errorf("%s", got.body)
	}
}

func TestWhatGoesWrongInsideStaysInside(t *testing.T) {
	c := open(t, Settings{})
	c.store.broken = errors.New("disk /secret/path is on fire")
	got := c.ask("GET", "/api/v1/scores", "")
	if p := got.problem(t); p.Status != 500 || strings.Contains(string(got.body), "secret") {
		t.Errorf("%s", got.body)
	}
}

func TestHealth(t *testing.T) {
	ready := errors.New("the bus is not reached yet")
	c := open(t, Settings{Ready: func() error { return ready }})
	if got := c.send("GET", "/healthz", ""); got.StatusCode != 200 {
		t.Error(got.StatusCode)
	}
	if got := c.send("GET", "/readyz", ""); got.StatusCode != 503 || !strings.Contains(string(got.body), "the bus") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	ready = nil
	if got := c.send("GET", "/readyz", ""); got.StatusCode != 200 {
		t.Error(got.StatusCode)
	}
}
