package cli_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/survey"
	"hailong/survey/boltstore"
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
		{"kiosk":"k-a","date":"unknown","issued":2,"received":2,"counted":0,"excluded":{},"held":2,"quarantined":0,"disputed":0,"declared_lost":null,"closes":false,"signature":"QUJD"},
		{"kiosk":"k-a","date":"2026-03-31","issued":120,"received":118,"counted":110,"excluded":{"too_soon":5,"replaced":3},"held":0,"quarantined":0,"disputed":0,"missing":2,"declared_lost":4,"closes":false,"as_of":"2026-03-31T17:30:00+07:00","signature":"REVG"}
	],"next":null,"losses":[
		{"kiosk":"k-a","chain":"c2","predecessor":"c1","at_least":2,"at_most":4,"from":"2026-03-30T20:00:00+07:00","to":"2026-03-31T07:00:00+07:00","reason":"the log is cut\u001b[2J"},
		{"kiosk":"k-c","at_least":1,"at_most":null,"from":null,"to":"2026-03-31T07:00:00+07:00","reason":"all gone"},
		{"kiosk":"k-b","at_least":0,"at_most":9,"from":null,"to":"2026-03-31T07:00:00+07:00","reason":"mất cả / gone"}
	]}`))
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
		{"vi", "closings", []string{"Ngày", "Thiếu", "2026-03-31", "replaced=3 too_soon=5", "chưa rõ", "Báo mất", "Chưa khép: còn thiếu 2 trong số 122 lượt",
			"Nhật ký hỏng của k-a: mất từ 2 đến 4 lượt, giữa 30/03/2026 20:00 và 31/03/2026 07:00\n", "k-b: mất nhiều nhất 9 lượt, giữa – và 31/03/2026 07:00 (mất cả)\n",
			"k-c: mất ít nhất 1 lượt, không rõ nhiều nhất bao nhiêu, giữa – và", "không rõ"}},
		{"en", "closings", []string{"Recorded", "unknown", "Declared lost", "It does not close: 2 of the 122", "Damaged journal of k-a: 2 to 4 presses lost, between 30/03/2026 20:00 and 31/03/2026 07:00 (the log is cut[2J)\n", "k-b: at most 9 presses lost, between – and 31/03/2026 07:00 (gone)\n"}},
		{"en", "closings -o csv", []string{"date,kiosk,issued,received,missing,counted,excluded,held,quarantined,disputed,reasons,signature,declared_lost,closes,as_of\n",
			"unknown,k-a,2,2,0,0,0,2,0,0,,QUJD,,false,\n", "2026-03-31,k-a,120,118,2,110,8,0,0,0,replaced=3 too_soon=5,REVG,4,false,2026-03-31T17:30:00+07:00\n"}},
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

// That the days close is said only where nothing stands against it: no row, no loss, and no
// kiosk that may have recorded more.
func TestTheCommandSaysThatItClosesOnlyIfItDoes(t *testing.T) {
	const row = `{"kiosk":"k-a","date":"2026-03-31","issued":9,"received":9,"counted":9,"declared_lost":0,"closes":true}`
	const loss = `{"kiosk":"k-b","at_least":0,"at_most":9,"from":null,"to":"2026-03-31T07:00:00+07:00","reason":"gone"}`
	const huge = `{"kiosk":"k-e","date":"2026-03-31","issued":9223372036854775808,"received":0,"declared_lost":0,"closes":false}`
	const silent = `{"kiosk":"k-c","last_contact":"2026-03-31T11:20:00+07:00"},{"kiosk":"k-d","last_contact":null}`
	for name, c := range map[string]struct{ items, losses, silent, want string }{
		"it closes":             {row, "", "", "It closes to the last press that kiosks have told of: 9."},
		"a row does not":        {strings.Replace(row, "true", "false", 1), "", "", "It does not close: in 1 rows"},
		"numbers without end":   {huge + "," + huge, "", "", "It does not close: 18446744073709551615 of the 18446744073709551615 presses"},
		"a loss of another day": {row, loss, "", "It does not close: a kiosk declares presses lost."},
		"a loss, and no row":    {"", loss, "", "It does not close: a kiosk declares presses lost."},
		"kiosks are silent":     {row, "", silent, "As kiosks last told, nothing is missing of 9 presses.\nKiosks silent (not connected, or revoked), which may have recorded more: 2; last heard of: k-c (31/03/2026 11:20), k-d (–)\n"},
		"silent, and no row":    {"", "", silent, "No presses are told of on these days.\nKiosks silent (not connected, or revoked), which may have recorded more: 2;"},
		"nothing":               {"", "", "", "There are no presses on these days."},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"items":[%s],"next":null,"losses":[%s],"silent":[%s]}`, c.items, c.losses, c.silent)
		}))
		code, out, errs := run("en", "closings", "--server", server.URL)
		server.Close()
		if code != 0 || !strings.Contains(out, c.want) || strings.Contains(out, "It closes") != (name == "it closes") {
			t.Errorf("%s: exit %d %s\n%s", name, code, errs, out)
		}
	}
}

// A press whose day is not known may be of any day: that days close is said only where it
// closes, too. Its losses are told beside those of the days, each once.
func TestDaysDoNotCloseWithoutTheUnknownDay(t *testing.T) {
	const row = `{"kiosk":"k-a","date":"2026-03-31","issued":9,"received":9,"counted":9,"declared_lost":0,"closes":true}`
	const missing = `{"kiosk":"k-a","date":"unknown","issued":3,"received":1,"held":1,"declared_lost":0,"closes":false}`
	const loss = `{"kiosk":"k-b","predecessor":"c1","at_most":9,"to":"2026-03-31T07:00:00+07:00","reason":"gone"}`
	const other = `{"kiosk":"k-b","predecessor":"c2","at_most":7,"to":"2026-03-31T07:00:00+07:00","reason":"gone"}`
	for name, c := range map[string]struct{ losses, undated, undatedLosses, want, closes string }{
		"nothing is undated":  {"", "", "", "2026-03-31", "It closes to the last press that kiosks have told of: 9."},
		"some are missing":    {"", missing, "", "unknown", "It does not close: 2 of the 12 presses"},
		"a loss of both":      {loss, "", loss, "at most 9 presses", "It does not close: a kiosk declares presses lost."},
		"a loss without days": {loss, "", loss + "," + other, "at most 7 presses", "It does not close: a kiosk declares presses lost."},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			items, losses := row, c.losses
			if r.URL.Query().Get("date") == "unknown" {
				items, losses = c.undated, c.undatedLosses
			}
			fmt.Fprintf(w, `{"items":[%s],"next":null,"losses":[%s],"silent":[]}`, items, losses)
		}))
		for _, args := range []string{"--date 2026-03-31", "--from 2026-03-31", "--from 2026-03-31 --to 2026-03-31"} {
			code, out, errs := run("en", append(strings.Fields("closings "+args), "--server", server.URL)...)
			if code != 0 || !strings.Contains(out, c.want) || !strings.Contains(out, c.closes) || strings.Count(out, "at most 9 presses") > 1 || strings.Contains(out, "It closes") != strings.HasPrefix(c.closes, "It closes") {
				t.Errorf("%s, %s: exit %d %s\n%s", name, args, code, errs, out)
			}
		}
		server.Close()
	}
}

// The table of closings says which days it shows, and how to choose others; what programs
// read does not.
func TestClosingsSayWhichDaysTheyShow(t *testing.T) {
	server, _ := account(t)
	for args, want := range map[string][2]string{
		"":                                   {"Mọi ngày: có số liệu từ 31/03/2026 đến 31/03/2026; ", "All days: there are figures from 31/03/2026 to 31/03/2026; "},
		" --kiosk k-a":                       {"Mọi ngày: có số liệu từ 31/03/2026", "All days: there are figures from 31/03/2026"},
		" --date 2026-03-31":                 {"Ngày 31/03/2026; ", "31/03/2026; "},
		" --date unknown":                    {"Lượt chưa rõ ngày; ", "Presses whose day is not known; "},
		" --from 2026-03-01":                 {"Từ 01/03/2026; ", "From 01/03/2026 on; "},
		" --to 2026-04-30":                   {"Đến hết 30/04/2026; ", "Up to 30/04/2026, included; "},
		" --from 2026-03-01 --to 2026-04-30": {"Từ 01/03/2026 đến hết 30/04/2026; ", "01/03/2026 to 30/04/2026, both included; "},
	} {
		for i, lang := range []survey.Lang{"vi", "en"} {
			_, out, errs := run(lang, append(strings.Fields("closings"+args), "--server", server.URL)...)
			if first, _, _ := strings.Cut(out, "\n\n"); !strings.HasPrefix(first, want[i]) || !strings.Contains(first, "--from") || !strings.Contains(first, "--to") {
				t.Errorf("%s%s: %q, want %q", lang, args, first, want[i])
			}
			if errs != "" {
				t.Error(errs)
			}
		}
	}
	for _, form := range []string{"json", "csv"} {
		if _, out, _ := run("en", "closings", "-o", form, "--server", server.URL); strings.Contains(out, "--from") {
			t.Errorf("in %s:\n%s", form, out)
		}
	}
	nothing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"items":[],"next":null,"losses":[],"silent":[]}`))
	}))
	defer nothing.Close()
	if _, out, _ := run("vi", "closings", "--server", nothing.URL); !strings.HasPrefix(out, "Mọi ngày; ") {
		t.Error(out)
	}
}

func TestClosingsAskForWhatWasSaid(t *testing.T) {
	server, asked := account(t)
	for args, want := range map[string]string{
		"closings":                                   "GET /api/v1/closings",
		"closings --date unknown --kiosk k-a":        "GET /api/v1/closings?date=unknown&kiosk=k-a",
		"closings --from 2026-03-01 --to 2026-03-31": "GET /api/v1/closings?date=unknown GET /api/v1/closings?from=2026-03-01&to=2026-03-31",
		"closings --date 2026-03-01 --kiosk k-a":     "GET /api/v1/closings?date=unknown&kiosk=k-a GET /api/v1/closings?date=2026-03-01&kiosk=k-a",
		"closings --to 2026-03-31 -o json":           "GET /api/v1/closings?to=2026-03-31",
		"closings --to 2026-03-31 -o csv":            "GET /api/v1/closings?to=2026-03-31",
	} {
		*asked = nil
		if code, _, errs := run("en", append(strings.Fields(args), "--server", server.URL)...); code != 0 || strings.Join(*asked, " ") != want {
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

// A backup's folder without the centre's key is told to be what it is, before anything is done.
func TestRestoreOfABackupWithoutItsKey(t *testing.T) {
	backup, data := emptyBackup(t), filepath.Join(t.TempDir(), "data")
	if err := os.Remove(filepath.Join(backup, "centre.key")); err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{"vi": "không phải một bản sao lưu đủ: không có tệp centre.key", "en": "not a whole backup: there is no file centre.key"} {
		code, out, errs := run(survey.Lang(lang), "restore", "--from", backup, "--data", data)
		if code != 1 || out != "" || !strings.Contains(errs, want) || strings.Contains(errs, "no such file") {
			t.Errorf("exit %d %q %q", code, out, errs)
		}
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("a data folder was made: %v", err)
	}
}

// emptyBackup is a verified backup of a store that holds nothing.
func emptyBackup(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	path := filepath.Join(folder, "store.db")
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	epoch := s.Epoch()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"centre.key": strings.Repeat("ab", 32) + "\n",
		"manifest.json": fmt.Sprintf(`{"version":1,"number":1,"time":"2026-03-31T02:00:00+07:00","epoch":"%x","size":%d,"sha256":"%x","heads":[],"verified":"2026-03-31T02:00:09+07:00"}`,
			epoch, len(b), sha256.Sum256(b)),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// On a new machine the restored folder must be given to the aggregator's user, and has a new
// token; where the aggregator has worked neither is the case, and neither is said.
func TestRestoreSaysWhatANewMachineNeeds(t *testing.T) {
	backup, data := emptyBackup(t), filepath.Join(t.TempDir(), "data")
	token := filepath.Join(data, "admin.token")
	code, out, errs := run("vi", "restore", "--from", backup, "--data", data)
	for _, want := range []string{"bản sao lưu lúc 31/03/2026 02:00", "Thư mục " + data + " là mới", "chown -R", "tạo một mã mới trong " + token,
		"đổi sau 31/03/2026 02:00", "thiết bị thu hồi sau đó lại được chấp nhận", "hailong kiosks list", "hailong kiosks revoke"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, without %q\n%s%s", code, want, out, errs)
		}
	}
	if err := os.WriteFile(token, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs = run("en", "restore", "--from", backup, "--data", data, "--replace")
	if code != 0 || strings.Contains(out, "is new") || strings.Contains(out, token) || !strings.Contains(out, "Moved out of the way, not deleted: "+filepath.Join(data, "store.db.replaced-")) {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}
