package console

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/ticket"
)

var signingKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))

// printing is a centre that makes tickets for a gateway.
func printing(t *testing.T) *centre {
	t.Helper()
	return open(t, Settings{
		Tickets: func(k *ticket.Ticket) (string, error) { return k.Sign(signingKey) },
		Online:  func() string { return "https://danhgia.tinh.gov.vn" },
	}, func(c *centre) {
		c.store.structure.Fields = []survey.Field{{Code: "DAT", Name: two("Đất đai", "Land")}, {Code: "HO-TICH", Name: two("Hộ tịch", "Civil status")}}
		c.store.structure.Procedures = []survey.Procedure{{Code: "1.004194", Name: two("Đăng ký tạm trú", "Residence"), Field: "HO-TICH"}}
	})
}

// opened verifies a ticket's text as a gateway does.
func opened(t *testing.T, text string, at time.Time) ticket.Ticket {
	t.Helper()
	got, err := ticket.Verify(text, ticket.NewRing(ticket.Directory{}, signingKey.Public().(ed25519.PublicKey)), at)
	if err != nil {
		t.Fatalf("a gateway says of the ticket: %v", err)
	}
	return got
}

func into[T any](t *testing.T, a answer, status int) (v T) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestALinkSaysWhatTheRecordMayKeep(t *testing.T) {
	c := printing(t)
	link := into[madeLinkJSON](t, c.ask("POST", "/api/v1/links", `{"unit":"SB-TA","resolving_unit":"SB-HP","procedure":"1.004194","stage":"refusal","respondent":"organisation","questionnaire":"quick","channel":"app"}`), http.StatusCreated)
	if link.URL != "HTTPS://DANHGIA.TINH.GOV.VN/Q/"+link.Ticket || link.Counter != "TA-01" || link.Unit != "SB-TA" || !link.Expires.Equal(noon.Add(72*time.Hour)) {
		t.Errorf("it says %+v", link)
	}
	got := opened(t, link.Ticket, noon.Add(72*time.Hour-time.Second))
	want := ticket.Ticket{
		Class: survey.TransactionTicket, Signer: got.Signer, Nonce: got.Nonce, Expires: got.Expires, Counter: "TA-01", Questionnaire: "quick", Stage: survey.Refusal,
		Channel: survey.App, Respondent: survey.Organisation, ResolvingUnit: "SB-HP", Field: "HO-TICH", Procedure: "1.004194",
	}
	if got != want || got.Nonce == [12]byte{} {
		t.Errorf("the ticket says %+v, want %+v", got, want)
	}
	// The least that must be said; each link is another.
	one := into[madeLinkJSON](t, c.ask("POST", "/api/v1/links", `{"counter":"TT-01","stage":"result"}`), http.StatusCreated)
	two := into[madeLinkJSON](t, c.ask("POST", "/api/v1/links", `{"counter":"TT-01","stage":"result"}`), http.StatusCreated)
	if got := opened(t, one.Ticket, noon); got.Channel != survey.Web || got.Counter != "TT-01" || got.Questionnaire != "" {
		t.Errorf("the ticket says %+v", got)
	}
	a, b := opened(t, one.Ticket, noon), opened(t, two.Ticket, noon)
	if a.ID() == b.ID() {
		t.Error("two links are good for one answer together")
	}
}

// Whoever sends something of a case is told that there is no place for it, and it is not
// repeated.
func TestALinkNeverTakesACase(t *testing.T) {
	c := printing(t)
	for _, key := range []string{"case", "case_code", "case_id", "code", "ma_ho_so", "hồ_sơ", "dossier", "file_number", "receipt", "citizen_id", "phone", "email", "name"} {
		got := c.ask("POST", "/api/v1/links", `{"counter":"TT-01","stage":"result","`+key+`":"H29.12-260302-0001"}`)
		if p := got.problem(t); got.StatusCode != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Path != key || strings.Contains(string(got.body), "260302") {
			t.Errorf("%s: %d %s", key, got.StatusCode, got.body)
		}
	}
}

func TestWhatALinkCannotSay(t *testing.T) {
	c := printing(t)
	c.store.structure.Counters = append(c.store.structure.Counters, survey.Counter{Code: "TA-00", Unit: "SB-TA", Name: two("Quầy cũ", "Old"), ValidTo: survey.DateOf(noon) - 1})
	for body, path := range map[string]string{
		`{"stage":"result"}`: "counter",
		`{"counter":"TT-01","unit":"SB-TT","stage":"result"}`:                               "counter",
		`{"counter":"XX","stage":"result"}`:                                                 "counter",
		`{"counter":"TA-00","stage":"result"}`:                                              "counter",
		`{"unit":"SB-TT","stage":"result"}`:                                                 "unit",
		`{"unit":"SB-KHONG","stage":"result"}`:                                              "unit",
		`{"counter":"TT-01"}`:                                                               "stage",
		`{"counter":"TT-01","stage":"later"}`:                                               "stage",
		`{"counter":"TT-01","stage":"result","channel":"touch"}`:                            "channel",
		`{"counter":"TT-01","stage":"result","respondent":"officer"}`:                       "respondent",
		`{"counter":"TT-01","stage":"result","resolving_unit":"XX"}`:                        "resolving_unit",
		`{"counter":"TT-01","stage":"result","field":"XX"}`:                                 "field",
		`{"counter":"TT-01","stage":"result","procedure":"9.9"}`:                            "procedure",
		`{"counter":"TT-01","stage":"result","procedure":"1.004194","field":"DAT"}`:         "field",
		`{"counter":"TT-01","stage":"result","questionnaire":"long"}`:                       "questionnaire",
		`{"counter":["TT-01"],"stage":"result"}`:                                            "counter",
		`{"counter":"TT-01","stage":"result","channel":"` + strings.Repeat("x", 300) + `"}`: "channel",
	} {
		got := c.ask("POST", "/api/v1/links", body)
		if p := got.problem(t); got.StatusCode != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Path != path {
			t.Errorf("%s: %d %s, want a problem with %s", body, got.StatusCode, got.body, path)
		}
	}
}

func TestWithoutAGatewayThereAreNoTickets(t *testing.T) {
	for name, s := range map[string]Settings{
		"no address": {Tickets: func(*ticket.Ticket) (string, error) { return "T", nil }, Online: func() string { return "" }},
		"nothing":    {},
	} {
		c := open(t, s)
		for _, path := range []string{"/api/v1/links", "/api/v1/posters"} {
			got := c.ask("POST", path, `{"counter":"TT-01"}`, "Accept-Language", "en")
			if p := got.problem(t); got.StatusCode != http.StatusConflict || !strings.Contains(p.Detail, "online") {
				t.Errorf("%s, %s: %d %s", name, path, got.StatusCode, got.body)
			}
		}
	}
}

// The life of a poster: made, listed, withdrawn.
func TestPosters(t *testing.T) {
	c := printing(t)
	made := into[posterJSON](t, c.ask("POST", "/api/v1/posters", `{"counter":"HP-01","questionnaire":"quick","name":"Bàn nước"}`), http.StatusCreated)
	short, ok := ticket.ParseShort(made.Short)
	if !ok || made.Address != "danhgia.tinh.gov.vn/"+short || made.URL != "HTTPS://DANHGIA.TINH.GOV.VN/Q/"+made.Ticket ||
		made.Unit != "SB-HP" || made.UnitName["en"] != "Hòa Phú ward" || made.CounterName["en"] != "Counter 1: civil status" || !made.Expires.Equal(noon.AddDate(2, 0, 0)) {
		t.Errorf("made %+v", made)
	}
	got := opened(t, made.Ticket, noon)
	if got.Class != survey.PosterTicket || got.Counter != "HP-01" || got.Questionnaire != "quick" || !got.Expires.Equal(made.Expires) {
		t.Errorf("the ticket says %+v", got)
	}
	short2 := into[posterJSON](t, c.ask("POST", "/api/v1/posters", `{"counter":"TT-01","expires":"2026-04-01T00:00:00Z"}`), http.StatusCreated).Short
	listed := func() []posterJSON {
		return into[struct{ Items []posterJSON }](t, c.ask("GET", "/api/v1/posters", ""), http.StatusOK).Items
	}
	if all := listed(); len(all) != 2 || all[0].Withdrawn != nil {
		t.Errorf("listed %+v", all)
	}
	for range 2 { // once more changes nothing
		gone := into[posterJSON](t, c.ask("DELETE", "/api/v1/posters/"+strings.ToLower(made.Short[:3]+"-"+made.Short[3:]), ""), http.StatusOK)
		if gone.Short != made.Short || gone.Withdrawn == nil || !gone.Withdrawn.Equal(noon) {
			t.Errorf("withdrawn: %+v", gone)
		}
		c.pass(time.Minute)
	}
	if all := listed(); len(all) != 2 || all[0].Short != short2 || all[1].Short != made.Short {
		t.Errorf("those that hang do not come first: %+v", all)
	}
	for _, unknown := range []string{ticket.NewShort(), "nonsense", ""} {
		if got := c.ask("DELETE", "/api/v1/posters/"+unknown, ""); got.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %d %s", unknown, got.StatusCode, got.body)
		}
	}
}

func TestWhatAPosterCannotSay(t *testing.T) {
	c := printing(t)
	for body, path := range map[string]string{
		`{}`: "counter", `{"counter":"XX"}`: "counter", `{"counter":"TT-01","questionnaire":"long"}`: "questionnaire",
		`{"counter":"TT-01","name":"` + strings.Repeat("x", 101) + `"}`: "name", `{"counter":"TT-01","stage":"result"}`: "stage",
		`{"counter":"TT-01","expires":"2026-03-31T12:20:00+07:00"}`: "expires", `{"counter":"TT-01","expires":"2036-04-01T00:00:00Z"}`: "expires",
		`{"counter":"TT-01","expires":"mai"}`: "expires",
	} {
		got := c.ask("POST", "/api/v1/posters", body)
		if p := got.problem(t); got.StatusCode != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Path != path {
			t.Errorf("%s: %d %s, want a problem with %s", body, got.StatusCode, got.body, path)
		}
	}
	if len(c.store.posters) != 0 {
		t.Errorf("kept %+v", c.store.posters)
	}
}
