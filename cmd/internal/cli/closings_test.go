package cli_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// saved writes closings, signed by the centre, as `hailong closings -o json` gives them;
// change may do something to them after that.
func saved(t *testing.T, change func(items []map[string]any)) (path string) {
	t.Helper()
	at := time.Date(2026, 3, 31, 17, 30, 0, 0, survey.Zone)
	list := []custody.Closing{
		{Kiosk: "k-a", AsOf: at, DeclaredLost: 4, Date: survey.NewDate(2026, 3, 31), Issued: 120, Received: 118, Counted: 110, Excluded: map[survey.Flag]uint64{"too_soon": 5, "replaced": 3}},
		{Kiosk: "k-a", AsOf: at, LostUnknown: true, Date: custody.UnknownDay, Issued: 2, Received: 2, Held: 1, Quarantined: 1},
		{Kiosk: "k-b", AsOf: at, Date: survey.NewDate(2026, 3, 31), Issued: 9, Received: 9, Counted: 9},
	}
	items := make([]map[string]any, len(list))
	for i, k := range list {
		var lost any
		if !k.LostUnknown {
			lost = k.DeclaredLost
		}
		items[i] = map[string]any{
			"declared_lost": lost, "missing": k.Missing(), "closes": k.Closes(), "as_of": k.AsOf,
			"kiosk": k.Kiosk, "date": k.Day(), "issued": k.Issued, "received": k.Received, "counted": k.Counted, "excluded": k.Excluded,
			"held": k.Held, "quarantined": k.Quarantined, "disputed": k.Disputed, "unaccounted": k.Unaccounted, "signature": base64.StdEncoding.EncodeToString(k.Sign(centreKey)),
		}
	}
	if change != nil {
		change(items)
	}
	raw, err := json.Marshal(map[string]any{"items": items, "next": nil, "losses": []any{}})
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "closings.json", string(raw))
}

// asOf is when the saved closings were signed.
const asOf = "2026-03-31T17:30:00+07:00"

func TestSavedClosingsAreVerified(t *testing.T) {
	public := centreKey.Public().(ed25519.PublicKey)
	text := base64.StdEncoding.EncodeToString(public)
	open := fmt.Sprintf(`{"algorithm":"Ed25519","key":%q,"of":"centre"}`, text)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/open/key" || r.Header.Get("Authorization") != "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(open))
	}))
	t.Cleanup(srv.Close)
	t.Setenv("HAILONG_TOKEN", "stays at home")
	path := saved(t, nil)
	for name, key := range map[string]string{
		"text": text, "a file of text": file(t, "key.txt", text+"\n"), "a file of JSON": file(t, "key.json", open), "the centre": srv.URL, "its page": srv.URL + "/open/key",
	} {
		code, out, errs := run("en", "closings", "verify", path, "--key", key, "-o", "csv")
		if want := "date,kiosk,signed,balanced,missing,declared_lost,closes,as_of\n2026-03-31,k-a,true,true,2,4,false," + asOf + "\nunknown,k-a,true,true,0,,false," + asOf + "\n2026-03-31,k-b,true,true,0,0,true," + asOf + "\n"; code != 0 || out != want || errs != "" {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
	}
	older := saved(t, func(items []map[string]any) {
		for _, k := range items {
			delete(k, "missing")
			delete(k, "closes")
		}
	})
	if code, out, errs := run("en", "closings", "verify", older, "--key", text); code != 0 || errs != "" {
		t.Errorf("a list that does not say what follows: exit %d\n%s%s", code, out, errs)
	}
	if code, out, errs := run("vi", "closings", "verify", path, "--key", text); code != 0 || strings.Count(out, "  đúng") != 6 || !strings.Contains(out, "dòng bị bỏ khỏi danh sách thì không nhận ra được") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	other := base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)).Public().(ed25519.PublicKey))
	if code, out, errs := run("vi", "closings", "verify", path, "--key", other); code != 1 || strings.Count(out, "  SAI  ") != 3 || !strings.Contains(errs, "3 trong số 3 dòng không đúng") {
		t.Errorf("another key: exit %d\n%s%s", code, out, errs)
	}
	for name, key := range map[string]string{"too short": "QUJD", "an empty file": file(t, "key.txt", ""), "another page": srv.URL + "/x", "another file": path} {
		if code, out, errs := run("en", "closings", "verify", path, "--key", key); code == 0 || out != "" || errs == "" {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
	}
}

// Each figure that was changed after the signature is found, and nothing else is blamed.
func TestAChangedClosingIsFound(t *testing.T) {
	text := base64.StdEncoding.EncodeToString(centreKey.Public().(ed25519.PublicKey))
	for name, c := range map[string]struct {
		change func(k map[string]any)
		want   string
	}{
		"issued":         {func(k map[string]any) { k["issued"] = 118 }, "2026-03-31,k-a,false,false,0,4,false,"},
		"received":       {func(k map[string]any) { k["received"] = 120 }, "2026-03-31,k-a,false,false,0,4,false,"},
		"a reason":       {func(k map[string]any) { k["excluded"] = map[string]int{"too_soon": 3, "replaced": 5} }, "2026-03-31,k-a,false,true,2,4,false,"},
		"the kiosk":      {func(k map[string]any) { k["kiosk"] = "k-b" }, "2026-03-31,k-b,false,true,2,4,false,"},
		"the day":        {func(k map[string]any) { k["date"] = "2026-03-30" }, "2026-03-30,k-a,false,true,2,4,false,"},
		"no day at all":  {func(k map[string]any) { k["date"] = "tomorrow" }, "tomorrow,k-a,false,true,2,4,false,"},
		"a loss":         {func(k map[string]any) { k["declared_lost"] = 0 }, "2026-03-31,k-a,false,true,2,0,false"},
		"an unknown one": {func(k map[string]any) { k["declared_lost"] = nil }, "2026-03-31,k-a,false,true,2,,false"},
		"the missing":    {func(k map[string]any) { k["missing"] = 0 }, "2026-03-31,k-a,true,false,2,4,false"},
		"that it closes": {func(k map[string]any) { k["closes"] = true }, "2026-03-31,k-a,true,false,2,4,false"},
		"the account":    {func(k map[string]any) { k["unaccounted"] = 2 }, "2026-03-31,k-a,false,false,2,4,false,"},
		"the moment":     {func(k map[string]any) { k["as_of"] = "2026-04-01T17:30:00+07:00" }, "2026-03-31,k-a,false,true,2,4,false,2026-04-01"},
		"no moment":      {func(k map[string]any) { delete(k, "as_of") }, "2026-03-31,k-a,false,true,2,4,false,\n"},
		"no signature":   {func(k map[string]any) { k["signature"] = "" }, "2026-03-31,k-a,false,true,2,4,false,"},
		"rubbish":        {func(k map[string]any) { k["signature"] = "?" }, "2026-03-31,k-a,false,true,2,4,false,"},
	} {
		path := saved(t, func(items []map[string]any) { c.change(items[0]) })
		code, out, errs := run("en", "closings", "verify", path, "--key", text, "-o", "csv")
		if code != 1 || !strings.Contains(out, c.want) || !strings.Contains(out, "unknown,k-a,true,true,0,,false,"+asOf+"\n") || !strings.Contains(errs, "1 of 3 rows are not right") {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
	}
	for name, content := range map[string]string{"empty": "", "no list": "{}", "an empty list": `{"items":[]}`, "a table": "Date  Kiosk\n2026-03-31  k-a\n"} {
		if code, out, errs := run("en", "closings", "verify", file(t, "x", content), "--key", text); code != 1 || out != "" || !strings.Contains(errs, "holds no closings") {
			t.Errorf("%s: exit %d %s%s", name, code, out, errs)
		}
	}
}

// A closing of which the centre signed that its account is off does not close offline either.
func TestAClosingWhoseAccountIsOffIsFound(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(centreKey.Public().(ed25519.PublicKey))
	k := custody.Closing{Kiosk: "k-a", Date: survey.NewDate(2026, 3, 31), Issued: 9, Received: 9, Counted: 9, Unaccounted: 2, AsOf: time.Unix(1775000000, 0)}
	const off = "2026-03-31,k-a,true,false,0,0,false,"
	for content, want := range map[string]string{
		signedText(k): off, fmt.Sprintf(`{"items":[{"kiosk":"k-a","date":"2026-03-31","issued":9,"received":9,"counted":9,"unaccounted":2,"declared_lost":0,"closes":false,"as_of":%q,"signature":%q}]}`,
			k.AsOf.Format(time.RFC3339), base64.StdEncoding.EncodeToString(k.Sign(centreKey))): off,
		strings.Replace(signedText(k), "unaccounted 2\n", "", 1): "2026-03-31,k-a,false,true,0,0,true,",
	} {
		if code, out, errs := run("en", "closings", "verify", file(t, "closing.txt", content), "--key", key, "-o", "csv"); code != 1 || !strings.Contains(out, want) || !strings.Contains(errs, "the centre's own account is off") {
			t.Errorf("exit %d, want %s\n%s%s%s", code, want, content, out, errs)
		}
	}
}

// signedText is a closing as the page gives it.
func signedText(k custody.Closing) string {
	return k.Text() + "signature " + base64.StdEncoding.EncodeToString(k.Sign(centreKey)) + "\n"
}

// The signed text itself can be checked, too: each of its bytes, and that there are no others.
func TestTheSignedTextIsVerified(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(centreKey.Public().(ed25519.PublicKey))
	k := custody.Closing{Kiosk: "k-a", Date: survey.NewDate(2026, 3, 31), Issued: 9, Received: 9, Counted: 5, Excluded: map[survey.Flag]uint64{"too_soon": 4}, DeclaredLost: 2, AsOf: time.Unix(1775000000, 0)}
	text := signedText(k)
	undated := k
	undated.Date = custody.UnknownDay
	became := func(old, now string) string { return strings.Replace(text, old, now, 1) }
	for content, want := range map[string]int{
		text: 0, strings.ReplaceAll(text, "\n", "\r\n"): 0, signedText(undated): 0,
		became("counted 5", "counted 4"): 1, became("too_soon 4", "test 4"): 1,
		became("declared_lost 2", "declared_lost unknown"): 1, became("declared_lost 2\n", ""): 1, became("as_of 2026", "as_of 2027"): 1,
		text + "held 1 2 3\n": 1, became("issued 9", "issued many"): 1, k.Text(): 1,
		became("hailong/closing/v1", "hailong/closing/v2"): 1, became("hailong/closing/v1\n", ""): 1, "issued 999\n" + text: 1, "\n" + text: 1,
		became("counted 5", "counted 999\ncounted 5"): 1, became("held 0\n", "held 0\nheld 0\n"): 1, became("signature ", "kiosk k-a\nsignature "): 1,
		became("counted 5", "counted  5"): 1, became("counted 5", "counted 05"): 1, became("disputed 0", "disputed 0\nunaccounted 0"): 1,
		became("held 0\nquarantined 0", "quarantined 0\nheld 0"): 1, became("excluded ", "excluded test 0\nexcluded "): 1, text + "\n": 1,
	} {
		if code, out, errs := run("en", "closings", "verify", file(t, "closing.txt", content), "--key", key, "-o", "csv"); code != want {
			t.Errorf("exit %d, want %d\n%s%s%s", code, want, content, out, errs)
		}
	}
}
