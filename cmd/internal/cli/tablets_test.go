package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hailong/survey"
)

// newKiosk answers like a kiosk's own interface. Whoever listens to itself only names no
// address.
func newKiosk(t *testing.T, addresses ...string) *httptest.Server {
	t.Helper()
	at := time.Date(2026, 11, 20, 8, 30, 0, 0, survey.Zone)
	tablet := map[string]any{"id": "0badcafe", "counter": "HS-01", "since": at, "last_seen": at.Add(time.Hour)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/tablets", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"next": nil, "items": []any{tablet, map[string]any{"id": "1badcafe", "counter": "HS-02", "since": at, "last_seen": nil}}})
	})
	mux.HandleFunc("POST /api/v1/tablets", func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in) != 1 || in["counter"] != "HS-01" {
			refuse(w, r, 422, "Phiếu trả lời không hợp lệ", "The response is not valid", "…", "…", map[string]string{"path": "counter", "value": in["counter"], "message": "this kiosk does not serve that counter"})
			return
		}
		answer(w, 201, map[string]any{"counter": "HS-01", "code": "7K3M-9QXT", "until": at.Add(10 * time.Minute), "addresses": append([]string{}, addresses...)})
	})
	mux.HandleFunc("DELETE /api/v1/tablets/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") != "0badcafe" {
			refuse(w, r, 404, "Không có máy tính bảng này", "There is no such tablet", "Xem danh sách: GET /api/v1/tablets.", "For a list: GET /api/v1/tablets.")
			return
		}
		answer(w, 200, tablet)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestTabletsInEveryForm(t *testing.T) {
	k := newKiosk(t, "http://192.168.1.20:8081/pair", "http://10.0.0.7:8081/pair")
	for name, args := range map[string]string{"tablets_list": "list", "tablets_add": "add --counter HS-01", "tablets_revoke": "revoke 0badcafe"} {
		for _, form := range []struct{ flag, lang, file string }{
			{"table", "vi", name + "_vi.txt"}, {"table", "en", name + "_en.txt"}, {"json", "vi", name + ".json"}, {"csv", "en", name + ".csv"},
		} {
			code, out, errs := run(survey.Lang(form.lang), append([]string{"tablets", "--kiosk", k.URL, "-o", form.flag}, strings.Fields(args)...)...)
			if code != 0 || errs != "" {
				t.Errorf("%s -o %s: exit %d, %s", args, form.flag, code, errs)
				continue
			}
			golden(t, form.file, out)
		}
	}
}

func TestABoxThatListensToItselfOnlySaysWhatToDo(t *testing.T) {
	code, out, _ := run("en", "tablets", "add", "--counter", "HS-01", "--kiosk", newKiosk(t).URL)
	if code != 0 || !strings.Contains(out, "7K3M-9QXT") || !strings.Contains(out, "set listen: 0.0.0.0:8081") {
		t.Errorf("exit %d %s", code, out)
	}
}

func TestTabletsThatCannotBeDone(t *testing.T) {
	k := newKiosk(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	strange := httptest.NewServer(http.NotFoundHandler())
	defer strange.Close()
	for _, c := range []struct {
		kiosk, args string
		code        int
		vi, en      string
	}{
		{k.URL, "add --counter HS-09", 1, `counter = "HS-09"`, "does not serve"},
		{k.URL, "revoke ffffffff", 1, "hailong tablets list", "For a list: hailong tablets list"},
		{k.URL, "add", 2, "thiếu tùy chọn", "an option is missing"},
		{gone.URL, "list", 1, "không kết nối được tới thiết bị", "Is it running? The address is set with --kiosk."},
		{strange.URL, "list", 1, "không giống API của thiết bị", "not like the API of a Hài Lòng kiosk; check --kiosk"},
		{"kiosk", "list", 2, "--kiosk =", "--kiosk ="},
	} {
		for lang, want := range map[survey.Lang]string{"vi": c.vi, "en": c.en} {
			code, out, errs := run(lang, append([]string{"tablets", "--kiosk", c.kiosk}, strings.Fields(c.args)...)...)
			if code != c.code || out != "" || !strings.Contains(errs, want) || strings.Contains(errs, "HAILONG_SERVER") {
				t.Errorf("%s in %s: exit %d, said %q, want %q", c.args, lang, code, errs, want)
			}
		}
	}
}

func TestAKioskOfSeveralCounters(t *testing.T) {
	c := newCentre(t)
	code, _, errs := run("en", "kiosks", "add", "--counter", "HS-01", "--counter", "HS-03", "--server", c.URL, "--token", token)
	if want := `{"counters":["HS-01","HS-03"],"name":"","role":"counter"}`; code != 0 || c.body != want {
		t.Errorf("exit %d %s, sent %s, want %s", code, errs, c.body, want)
	}
}
