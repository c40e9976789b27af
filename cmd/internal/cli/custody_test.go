package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/survey"
)

// account answers like the aggregator where closings, backups and the quarantine are
// asked for.
func account(t *testing.T) (server *httptest.Server, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	say := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			*asked = append(*asked, r.Method+" "+r.URL.String())
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/closings", say(200, `{"items":[
		{"kiosk":"k-a","date":"unknown","issued":2,"received":2,"counted":0,"excluded":{},"held":2,"quarantined":0,"disputed":0,"signature":"QUJD"},
		{"kiosk":"k-a","date":"2026-03-31","issued":120,"received":118,"counted":110,"excluded":{"too_soon":5,"replaced":3},"held":0,"quarantined":0,"disputed":0,"signature":"REVG"}
	],"next":null}`))
	const made = `{"name":"b1","path":"/srv/backups/b1","state":"verified","time":"2026-03-31T02:00:00+07:00","verified":"2026-03-31T02:00:09+07:00","bytes":4096,"same_disk":true}`
	mux.HandleFunc("POST /api/v1/backups", say(201, made))
	mux.HandleFunc("GET /api/v1/backups", say(200, `{"items":[`+made+`,{"name":"b0","path":"/srv/backups/b0","state":"failed","time":"2026-03-30T02:00:00+07:00","verified":null,"bytes":0,"same_disk":true,"error":"no room"}],"next":null}`))
	mux.HandleFunc("GET /api/v1/quarantine", say(200, `{"items":[
		{"state":"rejected","number":7,"kiosk":"k-b","received":"2026-03-31T11:20:00+07:00","bytes":9,"reason":"not signed by the kiosk"},
		{"state":"held","id":"01/9","kiosk":"k-a","date":"2026-03-31","reason":"=the questionnaire is not known"}],"next":null}`))
	mux.HandleFunc("POST /api/v1/quarantine/retry", say(200, `{"rejudged":4,"admitted":1,"refused":2}`))
	server = httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server, asked
}

func TestClosingsBackupsAndTheQuarantineArePrinted(t *testing.T) {
	server, _ := account(t)
	for _, c := range []struct {
		lang, command string
		want          []string
	}{
		{"vi", "closings", []string{"Ngày", "Thiếu", "2026-03-31", "replaced=3 too_soon=5", "chưa rõ", "Chưa khép: còn thiếu 2 trong số 122 lượt"}},
		{"en", "closings", []string{"Recorded", "unknown", "It does not close: 2 of the 122"}},
		{"en", "closings -o csv", []string{"date,kiosk,issued,received,missing,counted,excluded,held,quarantined,disputed,reasons,signature\n", "2026-03-31,k-a,120,118,2,110,8,0,0,0,replaced=3 too_soon=5,REVG\n"}},
		{"vi", "closings -o json", []string{`"signature": "QUJD"`, `"next": null`}},
		{"vi", "backup", []string{"Đã sao lưu và kiểm chứng: /srv/backups/b1 (4096 byte)"}},
		{"en", "backup", []string{"Backup made and verified: /srv/backups/b1"}},
		{"en", "backup -o json", []string{`"state": "verified"`}},
		{"vi", "backup --list", []string{"đã kiểm chứng", "31/03/2026 02:00", "không thành: no room", "/srv/backups/b0"}},
		{"en", "backup --list -o csv", []string{"name,time,verified,state,bytes,same_disk,path,error\n", "b0,2026-03-30T02:00:00+07:00,,failed,0,true,/srv/backups/b0,no room\n"}},
		{"vi", "quarantine list", []string{"bị từ chối", "#7", "chờ khai báo", "01/9"}},
		{"en", "quarantine list -o csv", []string{"held,k-a,2026-03-31,01/9,'=the questionnaire is not known\n"}},
		{"en", "quarantine list -o json", []string{`"number": 7`}},
		{"vi", "quarantine retry", []string{"Lượt được xét khác đi: 4. Lô nay được nhận: 1. Lô vẫn bị từ chối: 2."}},
		{"en", "quarantine retry -o csv", []string{"rejudged,admitted,refused\n4,1,2\n"}},
		{"en", "quarantine retry -o json", []string{`"admitted": 1`}},
	} {
		args := append(strings.Fields(c.command), "--server", server.URL, "--token", token)
		code, out, errs := run(survey.Lang(c.lang), args...)
		if code != 0 {
			t.Errorf("%s: exit %d %s", c.command, code, errs)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s in %s lacks %q:\n%s", c.command, c.lang, want, out)
			}
		}
	}
}

func TestClosingsAskForWhatWasSaid(t *testing.T) {
	server, asked := account(t)
	for args, want := range map[string]string{
		"closings":                                   "GET /api/v1/closings",
		"closings --date unknown --kiosk k-a":        "GET /api/v1/closings?date=unknown&kiosk=k-a",
		"closings --from 2026-03-01 --to 2026-03-31": "GET /api/v1/closings?from=2026-03-01&to=2026-03-31",
	} {
		*asked = nil
		if code, _, errs := run("en", append(strings.Fields(args), "--server", server.URL)...); code != 0 || len(*asked) != 1 || (*asked)[0] != want {
			t.Errorf("%s: exit %d %s, asked %v", args, code, errs, *asked)
		}
	}
	if code, _, errs := run("en", "closings", "--date", "2026-03-31", "--to", "2026-03-31", "--server", server.URL); code != 2 || !strings.Contains(errs, "--from") {
		t.Errorf("exit %d %s", code, errs)
	}
}

// A backup on the store's own disk is said to be one, beside the result.
func TestABackupOnTheSameDiskIsTold(t *testing.T) {
	server, _ := account(t)
	code, out, errs := run("vi", "backup", "--server", server.URL)
	if code != 0 || !strings.Contains(errs, "cùng đĩa") || strings.Contains(out, "cùng đĩa") {
		t.Errorf("exit %d, said %q and %q", code, out, errs)
	}
}

func TestRestoreSaysWhatIsWrong(t *testing.T) {
	empty := t.TempDir()
	for lang, want := range map[string]string{"vi": "không phải thư mục của một bản sao lưu", "en": "not the folder of a backup"} {
		code, out, errs := run(survey.Lang(lang), "restore", "--from", empty, "--data", filepath.Join(empty, "data"))
		if code != 1 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("exit %d %q %q", code, out, errs)
		}
	}
	if code, _, errs := run("en", "restore", "--data", empty); code != 2 || !strings.Contains(errs, "--from") {
		t.Errorf("exit %d %q", code, errs)
	}
	if _, err := os.Stat(filepath.Join(empty, "data")); !os.IsNotExist(err) {
		t.Errorf("a data folder was made: %v", err)
	}
}
