package kioskapp_test

import (
	"bufio"
	"errors"
	"net/url"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"hailong/cmd/internal/kioskapp"
	"hailong/kiosk/panel"
)

// What an operator takes out of service takes no presses, from buttons neither.
func TestButtonsOfABoxThatIsOutOfService(t *testing.T) {
	c := settings(t.TempDir(), startCentre(t).base)
	device := buttonBox(filepath.Join(t.TempDir(), "usb-box"))
	device.Failed.Send = "NO\n"
	c.Buttons, c.Operator.PIN = []panel.Device{device}, "24680"
	box := plugIn(t, device.Path)
	k := inService(t, c)
	page := k.operate(t, url.Values{"pin": {"24680"}})
	token := regexp.MustCompile(`name="token" value="([0-9a-f]+)"`).FindStringSubmatch(page)
	if token == nil {
		t.Fatal(page)
	}
	lines := bufio.NewReader(box)
	presses := func(do, want string, last uint64) {
		t.Helper()
		k.operate(t, url.Values{"token": {token[1]}, "do": {do}})
		if _, err := box.WriteString("5\n"); err != nil {
			t.Fatal(err)
		}
		if err := box.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if got, err := lines.ReadString('\n'); err != nil || got != want {
			t.Errorf("after %s a button was answered with %q, %v", do, got, err)
		}
		if n := k.status(t).Last; n != last {
			t.Errorf("after %s the journal ends at %d, want %d", do, n, last)
		}
	}
	until(t, "the buttons are heard", func() error {
		list, err := kioskapp.ReadDiary(c.Data)
		for _, e := range list {
			if e.Kind == kioskapp.DiaryButtons {
				return nil
			}
		}
		return errors.Join(err, errors.New("not yet"))
	})
	presses("pause", "NO\n", 0)
	presses("resume", "OK\n", 1)
}
