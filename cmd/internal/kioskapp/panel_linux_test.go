package kioskapp_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hailong/cmd/internal/kioskapp"
	"hailong/kiosk/panel"
	"hailong/survey"
)

// plugIn makes a pseudo-terminal under a name that does not change: the box's end of it.
func plugIn(t *testing.T, name string) *os.File {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	box := os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { _ = box.Close() }) // it may be unplugged already
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0), os.Symlink(fmt.Sprintf("/dev/pts/%d", n), name)); err != nil {
		t.Fatal(err)
	}
	return box
}

// events listens to what the kiosk's page is told; the function gives one event after the
// other.
func (k *service) events(t *testing.T) func() string {
	t.Helper()
	res, err := http.Get(k.base + "/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	return func() string {
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data: ") {
				return lines.Text()
			}
		}
		t.Fatal("the stream ended: ", lines.Err())
		return ""
	}
}

// A kiosk with a button box, from the cable to the centre: a press is kept, carried and
// counted like any other; people read in the diary that the box was unplugged, and that it
// is back. A second panel, of a counter that the kiosk does not serve, keeps nothing and
// says why.
func TestButtonsOfAKiosk(t *testing.T) {
	t.Parallel()
	centre := startCentre(t)
	dir := t.TempDir()
	name, strange := filepath.Join(dir, "usb-box"), filepath.Join(dir, "usb-strange")
	c := settings(dir, centre.base)
	other := buttonBox(strange)
	other.Counter, other.Failed.Send = "NO-SUCH-COUNTER", "NO\n"
	delete(other.Keys, "2")
	c.Buttons = []panel.Device{buttonBox(name), other}
	k := inService(t, c)
	tells := func(part string, times int) {
		t.Helper()
		until(t, "the diary tells "+part, func() error {
			list, err := kioskapp.ReadDiary(dir)
			n, all := 0, ""
			for _, e := range list {
				text := e.Words.In(survey.English)
				if all += text + "\n"; e.Kind == kioskapp.DiaryButtons && strings.Contains(text, part) {
					n++
				}
			}
			if n != times {
				return fmt.Errorf("%d times in\n%s%v", n, all, err)
			}
			return nil
		})
	}
	answer := func(box *os.File, word, want string) {
		t.Helper()
		if _, err := box.WriteString(word); err != nil {
			t.Fatal(err)
		}
		if err := box.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if got, err := bufio.NewReader(box).ReadString('\n'); err != nil || got != want {
			t.Errorf("%q was answered with %q, %v", word, got, err)
		}
	}
	tells("usb-box: the device is not there", 1)
	tells("no key means the levels 2,", 1)
	tells("does not serve the counter NO-SUCH-COUNTER", 1)
	box := plugIn(t, name)
	tells("usb-box: the device is there, and its buttons are recorded", 1)
	shown := k.events(t)
	answer(box, "5\n", "OK\n")
	st := k.status(t)
	if st.Last != 1 {
		t.Errorf("the journal ends at %d", st.Last)
	}
	for _, want := range []string{`data: {"view":"wait"}`, fmt.Sprintf(`data: {"view":"thanks","first":"%s/1"}`, st.Chain)} {
		if got := shown(); got != want {
			t.Errorf("the screen is told %s, want %s", got, want)
		}
	}
	if err := errors.Join(os.Remove(name), box.Close()); err != nil {
		t.Fatal(err)
	}
	tells("usb-box: the device was unplugged", 1)
	box = plugIn(t, name)
	tells("usb-box: the device is there, and its buttons are recorded", 2)
	answer(box, "1\n", "OK\n")
	box = plugIn(t, strange)
	tells("usb-strange: the device is there, and its buttons are recorded", 1)
	answer(box, "4\n", "NO\n")
	tells("usb-strange: a press was not kept", 1)
	if _, text, err := k.get("/metrics"); err != nil || !strings.Contains(text, "\nhailong_button_refused_total 1\n") {
		t.Errorf("no refused press in %s, %v", text, err)
	}
	until(t, "the centre has both presses", func() error {
		if st := k.status(t); st.Last != 2 || st.Receipted != 2 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	if code, body, err := k.english("/api/v1/diary"); err != nil || code != http.StatusOK || !strings.Contains(body, `"buttons"`) {
		t.Errorf("the diary's page: %d %s %v", code, body, err)
	}
}

// Whoever presses a button while the disk is full reads on the counter's screen that the press
// is not kept, and does not wait for thanks.
func TestTheScreenSaysThatAButtonWasNotKept(t *testing.T) {
	t.Parallel()
	centre := startCentre(t)
	dir := t.TempDir()
	name := filepath.Join(dir, "usb-box")
	c := settings(dir, centre.base)
	c.Buttons = []panel.Device{buttonBox(name)}
	box := plugIn(t, name)
	k, journal := startWatched(t, c)
	journal.mu.Lock()
	journal.full = true
	journal.mu.Unlock()
	shown := k.events(t)
	if _, err := box.WriteString("5\n"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`data: {"view":"wait"}`, `data: {"view":"failed"}`} {
		if got := shown(); got != want {
			t.Errorf("the screen is told %s, want %s", got, want)
		}
	}
}
