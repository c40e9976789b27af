package centreapp_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/survey"
	"hailong/survey/custody"
)

// carried is a journal file with one batch for each record of a chain, and the kiosk that
// signed it, which nobody has enrolled yet.
func carried(t *testing.T, records int, comment string) (file []byte, k survey.Kiosk) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k = survey.Kiosk{ID: custody.KioskName(public), Role: survey.CounterKiosk, Counters: []survey.CounterCode{"Q1"}, Key: public, Enrolled: time.Now()}
	var b bytes.Buffer
	w, err := custody.NewTravelWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	head := custody.Head{}
	for n := range records {
		r := custody.Seal(custody.Record{
			Version: custody.RecordVersion, Chain: survey.Chain{5}, Sequence: uint64(n + 1), Previous: head.Hash, Kind: custody.ResponseRecord,
			PayloadVersion: custody.PayloadVersion, Payload: []byte(comment),
		})
		if err := w.Add(custody.NewBatch(k.ID, key, head.Hash, []custody.Record{r}, nil, nil).Message()); err != nil {
			t.Fatal(err)
		}
		head = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), k
}

// post sends bytes to a running aggregator.
func post(t *testing.T, app *centreapp.App, token, path string, body []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequest("POST", app.URL()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Language", "en")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	return resp.StatusCode, readAll(t, resp)
}

// taken is what became of a journal file.
type taken struct {
	Kiosks                                []survey.KioskID
	Batches, New, Duplicates, Gaps, Forks int
	Refused                               []struct{ Reason string }
}

func take(t *testing.T, app *centreapp.App, dir string, file []byte) (got taken) {
	t.Helper()
	code, body := post(t, app, token(t, dir), "/api/v1/journals", file)
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s %v", code, body, err)
	}
	return got
}

// A journal that was carried to the centre by hand goes the way of every batch: of a kiosk
// that nobody enrolled it is rejected and kept; tried again after the kiosk was enrolled it
// is taken in; once more it changes nothing.
func TestAJournalCarriedByHand(t *testing.T) {
	dir := t.TempDir()
	app := open(t, settings(dir))
	running(t, app)
	file, k := carried(t, 3, "")
	if got := take(t, app, dir, file); got.Batches != 3 || len(got.Refused) != 3 || !strings.Contains(got.Refused[0].Reason, "enrolled") {
		t.Fatalf("of a stranger: %+v", got)
	}
	state := func() string {
		code, body := ask(t, app, dir, "GET", "/api/v1/quarantine")
		if code != 200 {
			t.Fatalf("%d %s", code, body)
		}
		return body
	}
	if n := strings.Count(state(), `"state":"rejected"`); n != 3 {
		t.Fatalf("%d batches are kept as rejected: %s", n, state())
	}
	retry := func(want string) {
		t.Helper()
		if code, body := ask(t, app, dir, "POST", "/api/v1/quarantine/retry"); code != 200 || strings.TrimSpace(body) != want {
			t.Errorf("%d %s, want %s", code, body, want)
		}
	}
	retry(`{"rejudged":0,"admitted":0,"refused":3}`)
	if err := app.Store().PutKiosk(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	retry(`{"rejudged":0,"admitted":3,"refused":0}`)
	if head, _, err := app.Store().Marks(t.Context(), survey.Chain{5}); err != nil || head.Sequence != 3 {
		t.Errorf("the chain is at %d, %v", head.Sequence, err)
	}
	if s := state(); strings.Contains(s, `"state":"rejected"`) || strings.Count(s, `"state":"quarantined"`) != 3 {
		t.Errorf("left aside: %s", s)
	}
	retry(`{"rejudged":0,"admitted":0,"refused":0}`)
	if got := take(t, app, dir, file); got.Duplicates != 3 || got.New != 0 || len(got.Refused) != 0 || len(got.Kiosks) != 1 || got.Kiosks[0] != k.ID {
		t.Errorf("once more: %+v", got)
	}
}

// A file that was copied in part brings what it has, and says so; the whole one then brings
// the rest.
func TestAJournalThatIsCutShort(t *testing.T) {
	dir := t.TempDir()
	app := open(t, settings(dir))
	running(t, app)
	file, k := carried(t, 3, "")
	if err := app.Store().PutKiosk(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	code, body := post(t, app, token(t, dir), "/api/v1/journals", file[:len(file)-40])
	if code != http.StatusUnprocessableEntity || !strings.Contains(body, "after 2 batches") {
		t.Errorf("%d %s", code, body)
	}
	if got := take(t, app, dir, file); got.Duplicates != 2 || got.New != 1 {
		t.Errorf("%+v", got)
	}
	if code, body := post(t, app, token(t, dir), "/api/v1/journals", []byte("xin chào")); code != http.StatusUnprocessableEntity || !strings.Contains(body, "not a journal file") {
		t.Errorf("%d %s", code, body)
	}
}

// Only whoever may use the API may send as much as a journal has, and only there.
func TestALargeJournal(t *testing.T) {
	dir := t.TempDir()
	app := open(t, settings(dir))
	running(t, app)
	file, k := carried(t, 100, strings.Repeat("x", 50_000))
	if err := app.Store().PutKiosk(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if code, body := post(t, app, "", "/api/v1/journals", file); code == http.StatusOK {
		t.Errorf("a stranger: %d %s", code, body)
	}
	if code, body := post(t, app, token(t, dir), "/api/v1/kiosks", file); code == http.StatusOK || code == http.StatusCreated {
		t.Errorf("elsewhere: %d %s", code, body)
	}
	if got := take(t, app, dir, file); len(file) < 4<<20 || got.New != 100 {
		t.Errorf("%d bytes: %+v", len(file), got)
	}
}

// What a revoked kiosk recorded and never sent stays a known number. A file of it is refused
// with the day and with what to do, and doing that brings it in.
func TestAJournalOfARevokedKiosk(t *testing.T) {
	dir := t.TempDir()
	app := open(t, settings(dir))
	running(t, app)
	file, k := carried(t, 3, "")
	if err := app.Store().PutKiosk(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if err := app.Store().PutTotals(t.Context(), []custody.Said{{Kiosk: k.ID, Chain: survey.Chain{5}, Totals: custody.Totals{
		Last: 3, Days: []custody.DayTotal{{Day: custody.UnknownDay, Issued: 3}},
	}}}); err != nil {
		t.Fatal(err)
	}
	do := func(method, path, want string) {
		t.Helper()
		if code, body := ask(t, app, dir, method, path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", path, code, body, want)
		}
	}
	kiosk := "/api/v1/kiosks/" + string(k.ID)
	do("POST", kiosk+"/revoke", `"revoked":"20`)
	got := take(t, app, dir, file)
	const want = "it was revoked at "
	if len(got.Refused) != 3 || !strings.Contains(got.Refused[0].Reason, want) || !strings.Contains(got.Refused[0].Reason, "allow it again (hailong kiosks allow "+string(k.ID)+")") {
		t.Fatalf("of a revoked kiosk: %+v", got)
	}
	do("GET", "/quarantine", "thiết bị này đã bị thu hồi lúc ")
	do("POST", "/api/v1/quarantine/retry", `"admitted":0,"refused":3`)
	do("GET", "/api/v1/closings?kiosk="+string(k.ID), `"issued":3,"received":0,`)
	do("GET", "/api/v1/closings?kiosk="+string(k.ID), `"missing":3,"declared_lost":0,"closes":false`)

	do("POST", kiosk+"/allow", `"revoked":null`)
	if got := take(t, app, dir, file); got.New != 3 || len(got.Refused) != 0 {
		t.Errorf("allowed again: %+v", got)
	}
	do("POST", "/api/v1/quarantine/retry", `"admitted":3,"refused":0`)
	do("POST", kiosk+"/revoke", `"revoked":"20`)
	do("GET", "/api/v1/closings?kiosk="+string(k.ID), `"missing":0,"declared_lost":0,"closes":true`)
}
