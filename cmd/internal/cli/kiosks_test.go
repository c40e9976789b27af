package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hailong/survey"
)

func TestKiosksAddSendsWhatWasSaid(t *testing.T) {
	c := newCentre(t)
	code, _, errs := run("vi", "kiosks", "add", "--counter", "HS-01", "--name", "Máy 1", "--role", "online", "--server", c.URL, "--token", token)
	if want := `{"counter":"HS-01","name":"Máy 1","role":"online"}`; code != 0 || c.body != want {
		t.Errorf("exit %d %s, sent %s, want %s", code, errs, c.body, want)
	}
}

// Two kiosks at one counter may be meant, or forgotten.
func TestACounterThatHasAKioskIsTold(t *testing.T) {
	c := newCentre(t)
	for _, form := range []string{"table", "csv", "json"} {
		for lang, want := range map[survey.Lang]string{
			"vi": "Lưu ý: quầy HS-02 đã có thiết bị k1, k7; mã này thêm một thiết bị nữa. Nếu để thay thiết bị cũ: hailong kiosks revoke k1\n",
			"en": "Note: counter HS-02 already has kiosk k1, k7; this code adds one more. If it takes the old one's place: hailong kiosks revoke k1\n",
		} {
			code, out, errs := run(lang, "kiosks", "add", "--counter", "HS-02", "-o", form, "--server", c.URL, "--token", token)
			if code != 0 || errs != want || !strings.Contains(out, "ABCD-EFGH") {
				t.Errorf("%s %s: exit %d, said %q", lang, form, code, errs)
			}
		}
	}
}

// A kiosk whose journal was damaged is not well, and the list says how much may be lost.
func TestADamagedJournalIsToldInTheList(t *testing.T) {
	for losses, want := range map[string]string{
		`{"at_least":0,"at_most":9},{"at_least":1,"at_most":3}`:                                     "journal was damaged: at most 12 lost, see hailong closings\n",
		`{"at_least":0,"at_most":9223372036854775808},{"at_least":0,"at_most":9223372036854775808}`: "at most 18446744073709551615 lost",
		`{"at_least":0,"at_most":9},{"at_least":0}`:                                                 "journal was damaged: nobody knows how many are lost, see hailong closings\n",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"items":[{"id":"k1","problems":["damaged"],"losses":[%s]}],"next":null}`, losses)
		}))
		code, out, errs := run("en", "kiosks", "list", "--server", server.URL)
		server.Close()
		if code != 0 || !strings.Contains(out, want) || strings.Contains(out, "good") {
			t.Errorf("exit %d %s\n%s", code, errs, out)
		}
	}
}
