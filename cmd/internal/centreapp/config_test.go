package centreapp_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hailong/cmd/internal/centreapp"
	"hailong/survey"
)

const configs = "../../../configs/"

// The example says which values are the defaults of a file: it is the manual. Units are
// an example, and a file takes no kiosk in by itself unless it says so.
func TestTheExampleShowsTheDefaults(t *testing.T) {
	c, err := centreapp.Load(configs + "aggregator.yaml")
	if err != nil {
		t.Fatal(err)
	}
	empty, err := centreapp.Load(write(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if c.Units == "" || c.AutoEnrol || empty.AutoEnrol || !centreapp.Defaults().AutoEnrol {
		t.Errorf("units %q; auto_enrol: example %v, empty file %v, no file %v", c.Units, c.AutoEnrol, empty.AutoEnrol, centreapp.Defaults().AutoEnrol)
	}
	c.Units = ""
	if got, want := fmt.Sprintf("%+v", c), fmt.Sprintf("%+v", empty); got != want {
		t.Errorf("the example sets\n%s\nan empty file leaves\n%s", got, want)
	}
	none, err := centreapp.Load("")
	if err != nil || !reflect.DeepEqual(none, centreapp.Defaults()) {
		t.Errorf("without a file: %+v, %v", none, err)
	}
	none.AutoEnrol = false
	if !reflect.DeepEqual(none, empty) {
		t.Errorf("without a file %+v\nan empty file %+v", none, empty)
	}
}

func TestAnUnknownKeyIsNamedWithItsLine(t *testing.T) {
	path := write(t, "data: d\nnats:\n  port: 4222\nlisen: 127.0.0.1:8080\n")
	_, err := centreapp.Load(path)
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{path + ":3: nats.port", path + ":4: lisen", "listen"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %q", err, want)
		}
	}
	if _, err := centreapp.Load(path + ".none"); err == nil || !strings.Contains(err.Error(), path+".none") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aggregator.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every rule names the key and the value, in both languages.
func TestBadSettings(t *testing.T) {
	for _, c := range []struct {
		yaml        string
		path, value string
		en, vi      string
	}{
		{`data: ""`, "data", "", "a folder is needed", "cần một thư mục"},
		{"listen: here", "listen", "here", "host:port", "máy:cổng"},
		{"nats: {listen: here}", "nats.listen", "here", "host:port", "máy:cổng"},
		{"public_url: danhgia.example.vn", "public_url", "danhgia.example.vn", "a whole address", "địa chỉ đầy đủ"},
		{"online: 'https://a.vn/q'", "online", "https://a.vn/q", "without a path", "không kèm đường dẫn"},
		{"nats: {url: 'localhost:4222'}", "nats.url", "localhost:4222", "a whole address", "địa chỉ đầy đủ"},
		{"nats: {advertise: nats.example.vn}", "nats.advertise", "nats.example.vn", "a whole address", "địa chỉ đầy đủ"},
		{"nats: {listen: '0.0.0.0:4222'}", "nats.advertise", "", "which one kiosks are told", "địa chỉ báo cho thiết bị"},
		{"nats: {listen: '[::]:4222'}", "nats.advertise", "", "which one kiosks are told", "địa chỉ báo cho thiết bị"},
		{"nats: {listen: ':4222'}", "nats.advertise", "", "which one kiosks are told", "địa chỉ báo cho thiết bị"},
		{"tls: {certificate: a.pem}", "tls", "", "certificate and key are needed together", "cả certificate và key"},
		{"nats: {tls: {key: a.key}}", "nats.tls", "", "certificate and key are needed together", "cả certificate và key"},
		{"minimum: 0", "minimum", "0", "1 or more", "từ 1 trở lên"},
		{"backup: {at: noon}", "backup.at", "noon", "HH:MM", "HH:MM"},
		{"backup: {keep: 0}", "backup.keep", "0", "1 or more", "từ 1 trở lên"},
		{"live_step: -5", "live_step", "-5", "1 or more", "từ 1 trở lên"},
		{"nats: {max_bytes: 1000}", "nats.max_bytes", "1000", "1048576 or more", "từ 1048576 trở lên"},
	} {
		t.Run(c.yaml, func(t *testing.T) {
			config, err := centreapp.Load(write(t, c.yaml+"\n"))
			said(t, err, c.path, c.value, c.en, c.vi)
			if config.Data != "" {
				config.Data = t.TempDir()
			}
			if app, err := centreapp.New(t.Context(), config, centreapp.Options{}); err == nil {
				t.Error("New took it", app.Close())
			} else {
				said(t, err, c.path, c.value, c.en, c.vi)
			}
		})
	}
	// The controls: what the rules allow.
	for _, good := range []string{
		"nats: {listen: '0.0.0.0:4222', advertise: 'nats://nats.example.vn:4222'}",
		"nats: {listen: nonsense, url: 'nats://127.0.0.1:4222'}", // not used with an external server
		"minimum: 1\nlive_step: 1\nnats: {max_bytes: 1048576}",
		"public_url: https://danhgia.example.vn",
	} {
		if _, err := centreapp.Load(write(t, good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
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
