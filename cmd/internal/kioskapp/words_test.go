package kioskapp

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/intake"
	"hailong/sync/uplink"
	"hailong/sync/wire"
)

// No English in the Vietnamese sentences about what often goes wrong, as the system, the
// message server and the centre really say it.
func TestKnownCausesAreToldInVietnamese(t *testing.T) {
	id := survey.KioskID("k-h2k9vw3cde")
	unknown, err := intake.Admit(intake.Delivery{Subject: wire.Batch(id), Data: batch(id)}, func(survey.KioskID) (ed25519.PublicKey, bool, error) { return nil, false, nil }, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := intake.Admit(intake.Delivery{Subject: wire.Batch("k-other"), Data: batch(id)}, func(survey.KioskID) (ed25519.PublicKey, bool, error) { return nil, true, nil }, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if why := string(uplink.Refused) + ": " + unknown.Rejected.Reason; !shutOut([]worry{{problem: why}}) {
		t.Errorf("a kiosk is not shut out by %q", why)
	}
	_, missing := os.Open("/nowhere/at/all")
	for _, cause := range []string{
		unknown.Rejected.Reason, other.Rejected.Reason, custody.ErrUnreadable.Error(), custody.ErrSignature.Error(), custody.ErrBroken.Error(),
		fmt.Errorf("open: %w", journal.ErrLocked).Error(), journal.ErrDamaged.Error(), kiosk.ErrFull.Error(), syscall.EACCES.Error(), syscall.EROFS.Error(), syscall.ENOSPC.Error(), syscall.EIO.Error(), syscall.ENOTDIR.Error(),
		"dial tcp 10.0.0.1:4222: " + syscall.ECONNREFUSED.Error(), "dial tcp 10.0.0.1:4222: " + syscall.EHOSTUNREACH.Error(), "dial tcp 10.0.0.1:4222: " + syscall.ENETUNREACH.Error(),
		"dial tcp 10.0.0.1:4222: i/o timeout", "nats: timeout", "EOF", "read: " + syscall.ECONNRESET.Error(), "lookup nats.example.vn: no such host", "tls: failed to verify certificate",
	} {
		if vi := vietnamese(cause); strings.Contains(vi, "hệ thống báo") {
			t.Errorf("%q is told as %s", cause, vi)
		}
	}
	if vi := vietnamese(missing.Error()); vi != "hệ thống báo “open /nowhere/at/all: no such file or directory”" { // the control
		t.Errorf("what is not known is told as %s", vi)
	}
	for _, a := range []uplink.Alarm{uplink.Forked, uplink.Ahead, uplink.Receded, uplink.Refused, uplink.Unread} {
		if vi := alarm(string(a)).In(survey.Vietnamese); strings.Contains(vi, "hệ thống báo") {
			t.Errorf("%q is told as %s", a, vi)
		}
	}
}

// batch is a batch of one record that nobody signed.
func batch(id survey.KioskID) []byte {
	r := custody.Seal(custody.Record{Version: 1, Chain: survey.Chain{1}, Sequence: 1, Kind: custody.ResponseRecord})
	return custody.NewBatch(id, make([]byte, ed25519.PrivateKeySize), survey.Hash{}, []custody.Record{r}, nil, nil).Message()
}

// Only what a person must mend ends the program.
func TestWhatIsHopeless(t *testing.T) {
	for err, want := range map[error]bool{
		journal.ErrLocked: true, syscall.EACCES: true, syscall.EPERM: true, fs.ErrPermission: true, syscall.EROFS: false, syscall.ENOTDIR: true,
		syscall.EIO: false, syscall.ENOSPC: false, syscall.EMFILE: false, journal.ErrDamaged: false, errors.New("else"): false,
	} {
		if hopeless(because(fmt.Errorf("open it: %w", err), "không mở được", "cannot be opened")) != want {
			t.Errorf("%v: want hopeless %v", err, want)
		}
	}
}

// What a shut-out kiosk tells fits into the diary whole, names the kiosk and what is not
// sent, and leaves the data folder where it is.
func TestAShutOutKioskSaysWhatToDo(t *testing.T) {
	w := notAccepted("k-h2k9vw3cde", 12345678)
	for lang, keeps := range map[survey.Lang]string{survey.Vietnamese: "giữ nguyên thư mục data", survey.English: "keeps its data folder"} {
		text := w.In(lang)
		allow, add := strings.Index(text, "hailong kiosks allow k-h2k9vw3cde"), strings.Index(text, "hailong kiosks add --counter")
		if allow < 0 || add < allow || !strings.Contains(text, "12345678") || !strings.Contains(text, keeps) || !strings.Contains(text[max(add, 0):], "centre.code") {
			t.Errorf("it says %s", text)
		}
		if n := len([]rune(text)); n > diaryText {
			t.Errorf("%d characters, more than the diary's %d: %s", n, diaryText, text)
		}
	}
}

func TestAnErrorSaysWhatCouldNotBeDoneAndWhy(t *testing.T) {
	err := because(because(syscall.EIO, "không đọc được thẻ", "the card cannot be read"), "không mở được", "it cannot be opened")
	if got, want := err.Error(), "không mở được: không đọc được thẻ: đĩa không đọc hoặc ghi được; thẻ nhớ có thể đã hỏng / it cannot be opened: the card cannot be read: input/output error"; got != want {
		t.Errorf("it says\n%s, want\n%s", got, want)
	}
}
