package kioskapp_test

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/cmd/internal/kioskapp"
)

// What keeps a kiosk from dialling the centre at all, a file of the authority that its card
// cannot read any more or an address that is none, is a problem of the link: the kiosk
// records, says so, and goes on by itself when it is mended.
func TestAKioskThatCannotDialRecordsAllTheSame(t *testing.T) {
	t.Parallel()
	centre := startCentre(t)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, c *kioskapp.Config)
		say   string
	}{
		"no file of the authority": {func(_ *testing.T, c *kioskapp.Config) { c.Centre.CA = filepath.Join(c.Data, "ca.pem") }, "không đọc được tệp ghi ở centre.ca"},
		"an address of no server": {func(t *testing.T, c *kioskapp.Config) {
			id := known(t, c.Data)
			id.Enrolment.NATS = "nats://[::1"
			if err := id.Save(c.Data); err != nil {
				t.Fatal(err)
			}
		}, "địa chỉ máy chủ bản tin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := settings(enrolled(t, centre.base, 1), "http://127.0.0.1:1")
			c.spoil(t, &conf)
			k := goesOn(t, conf, 2)
			says := func() error {
				if st := k.status(t); st.Link.Connected || st.Link.Problem == nil || !strings.Contains(*st.Link.Problem, c.say) {
					return fmt.Errorf("%+v", st)
				}
				return nil
			}
			until(t, "the status tells why", says)
			until(t, "the diary tells it", func() error {
				if kinds := told(t, conf.Data); count(kinds, kioskapp.DiaryLost) != 1 {
					return fmt.Errorf("it tells %v", kinds)
				}
				return nil
			})
			if conf.Centre.CA == "" {
				return
			}
			if err := os.WriteFile(conf.Centre.CA, []byte("xin chào"), 0o600); err != nil {
				t.Fatal(err)
			}
			until(t, "the diary tells the next reason", func() error {
				if kinds := told(t, conf.Data); count(kinds, kioskapp.DiaryLost) != 2 {
					return fmt.Errorf("it tells %v", kinds)
				}
				return nil
			})
			server := httptest.NewTLSServer(nil)
			defer server.Close()
			certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
			if err := os.WriteFile(conf.Centre.CA, certificate, 0o600); err != nil {
				t.Fatal(err)
			}
			until(t, "it dials", func() error {
				if st := k.status(t); st.Link.Problem == nil || strings.Contains(*st.Link.Problem, "centre.ca") {
					return fmt.Errorf("%+v", st)
				}
				return nil
			})
		})
	}
}
