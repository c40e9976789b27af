package kioskapp_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hailong/cmd/internal/kioskapp"
)

// out checks that a kiosk serves its page and takes no press, for the reason named.
func (s *service) out(t *testing.T, words ...string) {
	t.Helper()
	if code, body, err := s.get("/healthz"); err != nil || code != http.StatusOK {
		t.Errorf("healthz: %d %s %v", code, body, err)
	}
	code, ready, err := s.get("/readyz")
	if err != nil || code != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d %s %v", code, ready, err)
	}
	code, page, err := s.get("/")
	if err != nil || code != http.StatusServiceUnavailable || strings.Contains(page, "<form") {
		t.Errorf("the page: %d %v\n%s", code, err, page)
	}
	for _, w := range words {
		if !strings.Contains(page+ready, w) {
			t.Errorf("neither the page nor readyz says %q:\n%s\n%s", w, page, ready)
		}
	}
	if code, header, answer := s.post(t, "too early"); code != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("a press is answered with %d %v %v", code, header, answer)
	}
}

// A journal that takes long to open, as a damaged or a large one does, leaves nobody
// before a dead page: the kiosk serves at once and says that it is starting.
func TestThePageIsServedWhileTheJournalIsOpened(t *testing.T) {
	dir := enrolled(t, startCentre(t).base, 1)
	state := filepath.Join(dir, "journal", "state")
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(state, 0o600); err != nil { // reading it lasts until somebody writes
		t.Fatal(err)
	}
	k := startKiosk(t, settings(dir, "http://127.0.0.1:1"))
	k.out(t, "Đang khởi động", "Starting", "Thiết bị đang khởi động")
	gate, err := os.OpenFile(state, os.O_WRONLY, 0) // once this returns, the journal is being opened
	if err != nil {
		t.Fatal(err)
	}
	k.out(t, "Đang khởi động", "Starting", "Thiết bị đang khởi động")
	if st := k.status(t); st.Link.Problem == nil || *st.Link.Problem != "Thiết bị đang khởi động" {
		t.Errorf("its status is %+v", st)
	}
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	if err := gate.Close(); err != nil {
		t.Fatal(err)
	}
	k.ready(t)
	if n := k.press(t, "too early"); n != 2 {
		t.Errorf("the press is %d, want 2", n)
	}
}

// What may pass by itself is waited for, at the start as later on: the screen says that it
// cannot record, and why, and the kiosk is in service again without a hand.
func TestAJournalThatCannotBeOpenedYet(t *testing.T) {
	dir := enrolled(t, startCentre(t).base, 1)
	state := filepath.Join(dir, "journal", "state")
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(state, 0o700); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	k := startKiosk(t, settings(dir, "http://127.0.0.1:1"))
	until(t, "the diary tells that it cannot be opened", func() error {
		if kinds := told(t, dir); count(kinds, kioskapp.DiaryJournal) != 1 {
			return fmt.Errorf("it tells %v", kinds)
		}
		return nil
	})
	k.out(t, "<code>E2</code>", "không mở được nhật ký trong "+dir)
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	k.ready(t)
	if n := k.press(t, "next"); n != 2 {
		t.Errorf("the press is %d, want 2", n)
	}
	if kinds := told(t, dir); count(kinds, kioskapp.DiaryJournal) != 2 {
		t.Errorf("the diary tells %v", kinds)
	}
}

// What a person must mend ends the program at the start, with the reason. A kiosk in
// service does not end for it: its screen says that it cannot record, until it is mended.
func TestAFolderThatIsNotToBeWritten(t *testing.T) {
	dir := enrolled(t, startCentre(t).base, 1)
	folder, away := filepath.Join(dir, "journal"), filepath.Join(dir, "away")
	spoil := func() {
		t.Helper()
		if err := os.Rename(folder, away); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mend := func() {
		t.Helper()
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(away, folder); err != nil {
			t.Fatal(err)
		}
	}
	spoil()
	refused(t, settings(dir, "http://127.0.0.1:1"), syscall.ENOTDIR, dir, "không mở được nhật ký", "ở đó có một tệp", "not a directory")
	mend()

	k := goesOn(t, settings(dir, "http://127.0.0.1:1"), 2)
	spoil()
	failFile(t, filepath.Join(away, "000001.log"))
	k.post(t, "during")
	until(t, "the kiosk says why it cannot record", func() error {
		if _, body, err := k.get("/readyz"); err != nil || !strings.Contains(body, "không mở được nhật ký") {
			return fmt.Errorf("%s %v", body, err)
		}
		return nil
	})
	k.out(t, "<code>E2</code>", "ở đó có một tệp")
	mend()
	k.ready(t)
	if n := k.press(t, "during"); n != 3 {
		t.Errorf("the press is %d, want 3", n)
	}
}
