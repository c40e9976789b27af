package kioskapp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
	"hailong/kiosk/identity"
)

// forgotten is a kiosk that is stopped, with three presses that were sent and two that
// were not, and its centre, restored from a backup older than the kiosk's enrolment.
func forgotten(t *testing.T) (c kioskapp.Config, centre *service, data string) {
	t.Helper()
	centre = startCentre(t, func(c *centreapp.Config) { data = c.Data })
	var backup struct{ Path string }
	asAdmin(t, centre, data, http.MethodPost, "/api/v1/backups", "", &backup)
	c = settings(t.TempDir(), centre.base)
	c.Centre.Code = newCode(t, centre, data)
	k := inService(t, c)
	for i := range 3 {
		k.press(t, fmt.Sprint("sent ", i))
	}
	sent(t, k, 3)
	centre.stop()
	k.press(t, "not sent 1")
	k.press(t, "not sent 2")
	k.stop()
	if _, err := centreapp.Restore(t.Context(), centreapp.RestoreOptions{From: backup.Path, Data: data, Replace: true}); err != nil {
		t.Fatal(err)
	}
	nats := known(t, c.Data).Enrolment.NATS
	centre = startCentre(t, func(n *centreapp.Config) {
		n.Data, n.Listen, n.NATS.Listen = data, strings.TrimPrefix(c.Centre.URL, "http://"), strings.TrimPrefix(nats, "nats://")
	})
	return c, centre, data
}

func known(t *testing.T, dir string) *identity.Identity {
	t.Helper()
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// sent waits until the centre has signed for that many records and nothing is wrong.
func sent(t *testing.T, k *service, want uint64) {
	t.Helper()
	until(t, fmt.Sprintf("%d records are sent", want), func() error {
		if st := k.status(t); st.Unsent != 0 || st.Receipted != want || !st.Link.Connected || st.Link.Problem != nil {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
}

// asAdmin asks a centre with the data folder data as its administrator.
func asAdmin(t *testing.T, centre *service, data, method, path, body string, out any) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(data, centreapp.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, centre.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v", method, path, resp.Status, err)
	}
}

// newCode makes a one-time code for a counter that kiosks without a code do not get.
func newCode(t *testing.T, centre *service, data string) string {
	t.Helper()
	var out struct{ Code string }
	asAdmin(t, centre, data, http.MethodPost, "/api/v1/kiosks", `{"counter":"TINH-02"}`, &out)
	return out.Code
}

// A centre that was restored from a backup older than the kiosk's enrolment takes it in
// again by a new code: the same kiosk, with all that it recorded. Without one it stays out.
func TestAForgottenKioskComesInByANewCode(t *testing.T) {
	t.Parallel()
	c, centre, data := forgotten(t)
	before := known(t, c.Data)
	k := inService(t, c)
	k.saysThatItIsShutOut(t)
	if n := k.press(t, "outside"); n != 6 {
		t.Errorf("the press outside is %d", n)
	}
	k.stop()
	if after := known(t, c.Data); !bytes.Equal(after.Enrolment.Code, before.Enrolment.Code) || count(told(t, c.Data), kioskapp.DiaryNotEnrolled) != 0 {
		t.Errorf("it used its old code again: %v", told(t, c.Data))
	}

	c.Centre.Code = newCode(t, centre, data)
	k = inService(t, c)
	if n := k.press(t, "with the new code"); n != 7 {
		t.Errorf("the press is %d", n)
	}
	sent(t, k, 7)
	var closings struct {
		Items []struct{ Counted uint64 }
	}
	asAdmin(t, centre, data, http.MethodGet, "/api/v1/closings?kiosk="+string(before.Kiosk()), "", &closings)
	counted := uint64(0)
	for _, day := range closings.Items {
		counted += day.Counted
	}
	if counted != 7 {
		t.Errorf("the centre counts %+v", closings)
	}
	k.stop()
	after := known(t, c.Data)
	if after.Kiosk() != before.Kiosk() || after.Chain != before.Chain || bytes.Equal(after.Enrolment.Code, before.Enrolment.Code) {
		t.Errorf("it was %+v, and is %+v", before, after)
	}
	if n := count(told(t, c.Data), kioskapp.DiaryEnrolled); n != 2 {
		t.Errorf("its diary tells %d times that it was taken in", n)
	}
	sent(t, goesOn(t, c, 8), 8) // the code is not new any more
	if n := count(told(t, c.Data), kioskapp.DiaryEnrolled); n != 2 {
		t.Errorf("after a restart its diary tells %d times that it was taken in", n)
	}
}

// While a new code does not work the kiosk records and sends as before, says so, and asks
// again.
func TestANewCodeThatDoesNotWork(t *testing.T) {
	t.Parallel()
	same := func(key []byte) func([]byte) (int, any) {
		return takenIn(func(m map[string]any) { m["role"], m["centre_key"] = "online", key })
	}
	for name, wrong := range map[string]struct {
		answer func(centreKey []byte) func([]byte) (int, any) // nil = nobody answers
		say    string
	}{
		"a code that is used up":  {func([]byte) func([]byte) (int, any) { return refuses }, "(403)"},
		"another centre's key":    {func([]byte) func([]byte) (int, any) { return takenIn(nil) }, "khóa của trung tâm này khác khóa của trung tâm đã nhận thiết bị"},
		"a code for another role": {same, "mã này dành cho vai trò online"},
		"nobody there":            {nil, "không tới được trung tâm"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			centre := startCentre(t)
			dir := enrolled(t, centre.base, 1)
			before := known(t, dir)
			base, asked := "http://127.0.0.1:1", func() int { return 2 }
			if wrong.answer != nil {
				base, asked = fakeCentre(t, wrong.answer(before.Enrolment.CentreKey))
			}
			c := settings(dir, base)
			c.Centre.Code = "0000-0000-0000-0000"
			k := inService(t, c)
			k.press(t, "2")
			until(t, "all is sent to the old centre, and the status tells of the code", func() error {
				st := k.status(t)
				if st.Receipted != 2 || !st.Link.Connected || st.Link.Problem == nil || !strings.Contains(*st.Link.Problem, wrong.say) || !strings.Contains(*st.Link.Problem, "mã mới trong centre.code") {
					return fmt.Errorf("%+v", st)
				}
				return nil
			})
			until(t, "it asks again", func() error {
				if n := asked(); n < 2 {
					return fmt.Errorf("%d", n)
				}
				return nil
			})
			k.stop()
			if count(told(t, dir), kioskapp.DiaryNotEnrolled) != 1 {
				t.Errorf("its diary tells %v", told(t, dir))
			}
			if after := known(t, dir); !bytes.Equal(after.Enrolment.CentreKey, before.Enrolment.CentreKey) || !bytes.Equal(after.Enrolment.Code, before.Enrolment.Code) {
				t.Errorf("it remembers %+v", after.Enrolment)
			}
		})
	}
}

// A kiosk that an earlier version enrolled does not know its code: the one in its settings
// counts as used, and the next one is new.
func TestTheCodeOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	base, asked := fakeCentre(t, takenIn(nil))
	c := settings(t.TempDir(), base)
	c.Centre.Code = "ABCD-EFGH-0123-4567"
	inService(t, c).stop()
	id := known(t, c.Data)
	id.Enrolment.Code = nil
	if err := id.Save(c.Data); err != nil {
		t.Fatal(err)
	}
	inService(t, c).stop()
	c.Centre.Code = "abcd efgh ol23 4567" // the same, typed by hand
	k := inService(t, c)
	k.press(t, "1")
	k.stop()
	if n := asked(); n != 1 {
		t.Errorf("it asked %d times", n)
	}
	c.Centre.Code = "ABCD-EFGH-0123-4568"
	inService(t, c)
	until(t, "it asks with the new code", func() error {
		if n := asked(); n != 2 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
}
