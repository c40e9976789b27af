package kioskapp_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"hailong/cmd/internal/kioskapp"
	"hailong/survey"
)

const configs = "../../../configs/"

// The example says which values are the defaults: it is the manual.
func TestTheExampleShowsTheDefaults(t *testing.T) {
	c, err := kioskapp.Load(configs + "kiosk.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c.Centre.Code = ""
	if got, want := fmt.Sprintf("%+v", c), fmt.Sprintf("%+v", kioskapp.Defaults()); got != want {
		t.Errorf("the example sets\n%s\nthe defaults are\n%s", got, want)
	}
	if none, err := kioskapp.Load(""); err != nil || !reflect.DeepEqual(none, kioskapp.Defaults()) {
		t.Errorf("without a file: %+v, %v", none, err)
	}
}

func TestAnUnknownKeyIsNamedWithItsLine(t *testing.T) {
	path := write(t, "data: d\nscreen:\n  questionnaire: quick\n  langauges: [vi]\nreapet: 5s\n")
	_, err := kioskapp.Load(path)
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{path + ":4: screen.langauges", path + ":5: reapet", "languages"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %q", err, want)
		}
	}
	if _, err := kioskapp.Load(path + ".none"); err == nil || !strings.Contains(err.Error(), path+".none") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kiosk.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every rule names the key and the value, in both languages, whether the settings come
// from a file or from a program.
func TestBadSettings(t *testing.T) {
	for _, c := range []struct {
		yaml   string
		change func(*kioskapp.Config)
		path   string
		value  string
		en, vi string
	}{
		{`data: ""`, func(c *kioskapp.Config) { c.Data = "" }, "data", "", "a folder is needed", "cần một thư mục"},
		{"listen: 8081", func(c *kioskapp.Config) { c.Listen = "8081" }, "listen", "8081", "host:port", "máy:cổng"},
		{"role: hall", func(c *kioskapp.Config) { c.Role = "hall" }, "role", "hall", "counter or online", "counter hoặc online"},
		{"online: 'https://a.vn/q'", func(c *kioskapp.Config) { c.Online = "https://a.vn/q" }, "online", "https://a.vn/q", "without a path", "không kèm đường dẫn"},
		{"centre: {url: trungtam}", func(c *kioskapp.Config) { c.Centre.URL = "trungtam" }, "centre.url", "trungtam", "http:// or https://", "http:// hoặc https://"},
		{"centre: {url: 'ftp://x'}", func(c *kioskapp.Config) { c.Centre.URL = "ftp://x" }, "centre.url", "ftp://x", "http:// or https://", "http:// hoặc https://"},
		{"centre: {nats: 'http://x:4222'}", func(c *kioskapp.Config) { c.Centre.NATS = "http://x:4222" }, "centre.nats", "http://x:4222", "nats:// or tls://", "nats:// hoặc tls://"},
		{"centre: {nats: 'x:4222'}", func(c *kioskapp.Config) { c.Centre.NATS = "x:4222" }, "centre.nats", "x:4222", "nats:// or tls://", "nats:// hoặc tls://"},
		{"centre: {code: ABCD-EFGH-JKMN}", func(c *kioskapp.Config) { c.Centre.Code = "ABCD-EFGH-JKMN" }, "centre.code", "", "there are 12 here", "ở đây có 12"},
		{"centre: {code: ABCD-EFGH-JKMN-PQRU}", func(c *kioskapp.Config) { c.Centre.Code = "ABCD-EFGH-JKMN-PQRU" }, "centre.code", "", "16 digits and letters (no U)", "không có U"},
		{"centre: {code: '- -'}", func(c *kioskapp.Config) { c.Centre.Code = "- -" }, "centre.code", "", "there are 0 here", "ở đây có 0"},
		{"screen: {languages: [vi, km]}", func(c *kioskapp.Config) { c.Screen.Languages = []survey.Lang{"vi", "km"} }, "screen.languages[1]", "km", "must be one of [vi en]", "phải là một trong [vi en]"},
		{"screen: {languages: [vi, vi]}", func(c *kioskapp.Config) { c.Screen.Languages = []survey.Lang{"vi", "vi"} }, "screen.languages[1]", "vi", "each once", "một lần"},
		{"hosts: ['']", func(c *kioskapp.Config) { c.Hosts = []string{""} }, "hosts[0]", "", "a host name is needed", "cần một tên máy"},
		{"hosts: [quay, 'http://quay']", func(c *kioskapp.Config) { c.Hosts = []string{"quay", "http://quay"} }, "hosts[1]", "http://quay", "without http://", "không kèm http://"},
		{"", func(c *kioskapp.Config) { c.Questionnaires = []string{"none.yaml"} }, "questionnaires[0]", "none.yaml", "cannot be read", "không đọc được"},
		{"stage: end", func(c *kioskapp.Config) { c.Stage = "end" }, "stage", "end", "reception, supplement, refusal or result", "reception, supplement, refusal hoặc result"},
		{"repeat: -1s", func(c *kioskapp.Config) { c.Repeat = -time.Second }, "repeat", "-1s", "between 0s and 1m", "từ 0s đến 1m"},
		{"repeat: 61s", func(c *kioskapp.Config) { c.Repeat = 61 * time.Second }, "repeat", "1m1s", "between 0s and 1m", "từ 0s đến 1m"},
		{"screen: {thanks: 500ms}", func(c *kioskapp.Config) { c.Screen.Thanks = 500 * time.Millisecond }, "screen.thanks", "500ms", "between 2s and 10s", "từ 2s đến 10s"},
		{"screen: {thanks: 11s}", func(c *kioskapp.Config) { c.Screen.Thanks = 11 * time.Second }, "screen.thanks", "11s", "between 2s and 10s", "từ 2s đến 10s"},
		{"screen: {idle: 14s}", func(c *kioskapp.Config) { c.Screen.Idle = 14 * time.Second }, "screen.idle", "14s", "between 15s and 180s", "từ 15s đến 180s"},
		{"screen: {idle: 181s}", func(c *kioskapp.Config) { c.Screen.Idle = 181 * time.Second }, "screen.idle", "3m1s", "between 15s and 180s", "từ 15s đến 180s"},
		{"screen: {audio: no-such-folder}", func(c *kioskapp.Config) { c.Screen.Audio = "no-such-folder" }, "screen.audio", "no-such-folder", "there is no such folder", "không có thư mục này"},
		{
			"", func(c *kioskapp.Config) { c.Screen.FollowUp = "reasons" },
			"screen.follow_up", "reasons", "there is no such questionnaire; there are: danang-2014,", "không có phiếu hỏi này; có: danang-2014,",
		},
		{
			"", func(c *kioskapp.Config) { c.Screen.Questionnaire = "quik" },
			"screen.questionnaire", "quik", "there is no such questionnaire; there are: danang-2014, dvctt-3, quick,", "không có phiếu hỏi này; có: danang-2014, dvctt-3, quick,",
		},
	} {
		t.Run(c.path+" = "+c.value, func(t *testing.T) {
			config := kioskapp.Defaults()
			config.Data, config.Listen = t.TempDir(), "127.0.0.1:0"
			c.change(&config)
			app, err := kioskapp.New(config, kioskapp.Options{})
			if err == nil {
				t.Fatal("New took it", app.Close())
			}
			said(t, err, c.path, c.value, c.en, c.vi)
			if c.yaml != "" {
				_, err := kioskapp.Load(write(t, c.yaml+"\n"))
				said(t, err, c.path, c.value, c.en, c.vi)
			}
		})
	}
}

// said checks that an error names the place and the value in both languages.
func said(t *testing.T, err error, path, value, en, vi string) {
	t.Helper()
	both := (interface{ Text(survey.Lang) string })(nil)
	if !errors.As(err, &both) {
		t.Fatalf("%v has no words in two languages", err)
	}
	for lang, want := range map[survey.Lang]string{survey.English: en, survey.Vietnamese: vi} {
		text := both.Text(lang)
		if !strings.Contains(text, path) || !strings.Contains(text, want) || value != "" && !strings.Contains(text, fmt.Sprintf("%q", value)) {
			t.Errorf("it says %q, want %s, %q and %q", text, path, value, want)
		}
	}
}

func TestQuestionnairesThatCannotBeRead(t *testing.T) {
	bad := write(t, "code: x\n")
	for path, want := range map[string]string{filepath.Join(t.TempDir(), "none.yaml"): "none.yaml", bad: bad + ":"} {
		config := kioskapp.Defaults()
		config.Data, config.Listen, config.Questionnaires = t.TempDir(), "127.0.0.1:0", []string{path}
		if _, err := kioskapp.New(config, kioskapp.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// However a good code was typed, it is taken.
func TestCodesAsPeopleTypeThem(t *testing.T) {
	for _, code := range []string{"0000-0000-0000-0000", "abcd efgh jkmn pqrs", "ABCDEFGHJKMNPQRS", "OIL0-1111-2222-3333"} {
		if _, err := kioskapp.Load(write(t, fmt.Sprintf("centre: {code: %q}\n", code))); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// A one-time code that would travel in the open is warned of, once, at the start.
func TestAnAddressInTheOpenIsWarnedOf(t *testing.T) {
	for address, warned := range map[string]bool{
		"http://127.0.0.1:1": false, "http://localhost:1": false, "http://[::1]:1": false, "https://trungtam.example.vn": false,
		"http://trungtam.example.vn": true, "http://10.0.0.5:8080": true,
	} {
		var log strings.Builder
		app, err := kioskapp.New(settings(t.TempDir(), address), kioskapp.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "without https"); got != warned {
			t.Errorf("%s: warned %v, want %v", address, got, warned)
		}
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	}
}
