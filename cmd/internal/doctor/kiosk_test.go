package doctor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// asJournalChild makes the test program the child that looks at a journal's files.
const asJournalChild = "HAILONG_TEST_JOURNAL_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asJournalChild) != "" {
		os.Exit(journal.RunChild(os.Args[1:], os.Stdout))
	}
	if code, is := centreapp.Child(os.Args[1:], os.Stdout); is {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func journalChild(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asJournalChild+"=1")
	return cmd
}

var centreKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))

// now is when the examinations are made.
var now = time.Now()

// box is a kiosk's data folder with an open journal of so many presses, of which the
// centre signed for some, so long ago.
func box(t *testing.T, presses int, durable uint64, ago time.Duration) (dir string, j *journal.Journal) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "kiosk")
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	j, err = journal.Open(filepath.Join(dir, identity.JournalFolder), journal.Options{Kiosk: id.Kiosk(), Reserve: dir, Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // most tests have closed it
	for i := range presses {
		_, _, err := j.Append(t.Context(), survey.Draft{Nonce: survey.KeyNonce(fmt.Sprint(i)), Response: survey.Response{
			Questionnaire: survey.Hash{1}, Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 5}}, Channel: survey.Touch, Stage: survey.Result, Counter: "Q1",
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if durable > 0 {
		sum, err := j.HashAt(durable)
		if err != nil {
			t.Fatal(err)
		}
		j.SetReceipt(custody.SignReceipt(custody.Receipt{
			Epoch: custody.Epoch{1}, Kiosk: id.Kiosk(), Chain: j.Chain(), Durable: durable, DurableSum: sum, Backup: durable, BackupSum: sum, ServerTime: now.Add(-ago).UnixMilli(),
		}, centreKey))
	}
	id.Chain = j.Chain()
	id.Enrolment = &identity.Enrolment{Name: "hộp", CentreKey: centreKey.Public().(ed25519.PublicKey), Counters: []identity.Counter{{Code: "Q1"}}}
	if err := id.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir, j
}

func shut(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func atKiosk(dir string) Options {
	return Options{Kiosk: dir, Full: 1, Spare: 2, Now: func() time.Time { return now }}
}

func askKiosk(e *exam) { e.kiosk(context.Background()) }

func TestAHealthyKioskAtRest(t *testing.T) {
	dir, j := box(t, 5, 5, time.Minute)
	shut(t, j)
	got, said := examined(t, atKiosk(dir), askKiosk)
	for _, check := range []string{"permissions", "identity", "journal", "chain", "receipt"} {
		if got[check] != OK {
			t.Errorf("%s is %s", check, got[check])
		}
	}
	for _, want := range []string{"records 1–5 follow each other", "not sent: 0", "backup up to 5"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
}

// Each thing that can be wrong with a stopped kiosk's folder is told.
func TestWhatIsWrongWithAKioskAtRest(t *testing.T) {
	first, second := identity.FirstCopy, identity.SecondCopy
	for name, c := range map[string]struct {
		durable uint64
		ago     time.Duration
		harm    func(dir string) error
		check   string
		want    Verdict
		say     string
	}{
		"its key is for all to read": {5, 0, func(dir string) error { return os.Chmod(filepath.Join(dir, first), 0o644) }, "permissions", Bad, first},
		"its folder is for all":      {5, 0, func(dir string) error { return os.Chmod(dir, 0o755) }, "permissions", Bad, "/kiosk"},
		"one copy is gone":           {5, 0, func(dir string) error { return os.Remove(filepath.Join(dir, second)) }, "identity", Warn, "one is missing"},
		"one copy is another":        {5, 0, func(dir string) error { return os.WriteFile(filepath.Join(dir, second), []byte("?"), 0o600) }, "identity", Warn, "differ"},
		"both copies are gone":       {5, 0, identityGone, "identity", Bad, ""},
		"both copies are rubbish": {5, 0, func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, first), nil, 0o600), os.WriteFile(filepath.Join(dir, second), nil, 0o600))
		}, "identity", Bad, "damaged"},
		"bbolt is cut":    {5, 0, func(dir string) error { return os.Truncate(filepath.Join(dir, "journal/000001.db"), 5000) }, "journal_files", Warn, "segment 1"},
		"the log is gone": {5, 0, func(dir string) error { return os.Remove(filepath.Join(dir, "journal/000001.log")) }, "journal_files", Warn, "000001.log is not there"},
		"the disk failed": {5, 0, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "journal/state"), []byte("failed"), 0o600)
		}, "journal", Bad, "failed"},
		"it died while opening": {5, 0, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "journal/state"), []byte("trying"), 0o600)
		}, "journal", Warn, "died"},
		"damage was set aside": {5, 0, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "journal/000001.db.damaged-2026"), nil, 0o600)
		}, "set_aside", Warn, "damaged-2026"},
		"another kiosk's journal was set aside": {5, 0, func(dir string) error { return os.Mkdir(filepath.Join(dir, "journal.foreign-2026"), 0o700) }, "foreign", Warn, "set aside: journal.foreign-2026"},
		"the reserved numbers are gone":         {5, 0, reservedGone, "reserved", Warn, "set aside"},
		"the journal is gone":                   {5, 0, journalGone, "journal", Bad, "the folder journal is gone"},
		"the journal was emptied": {5, 0, func(dir string) error {
			return errors.Join(journalGone(dir), os.Mkdir(filepath.Join(dir, "journal"), 0o700))
		}, "journal", Bad, "is gone or empty"},
		"only the identity is left": {5, 0, func(dir string) error { return errors.Join(journalGone(dir), reservedGone(dir)) }, "journal", Bad, "the folder journal is gone"},
		"only the numbers are left": {5, 0, func(dir string) error {
			return errors.Join(journalGone(dir), identityGone(dir))
		}, "journal", Bad, "the folder journal is gone"},
		"the receipt is in a damaged file": {5, 0, func(dir string) error {
			return os.Truncate(filepath.Join(dir, "journal/000001.db"), 5000)
		}, "receipt", Warn, "receipt cannot be read"},
		"another centre signed": {5, 0, func(dir string) error {
			id, err := identity.Load(dir)
			if err != nil {
				return err
			}
			id.Enrolment.CentreKey = bytes.Repeat([]byte{7}, 32)
			return id.Save(dir)
		}, "receipt", Warn, "not signed by this centre"},
		"it is an aggregator's": {5, 0, func(dir string) error {
			return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, storeFile), nil, 0o600))
		}, "folder", Bad, "is the data folder of an aggregator, not of a kiosk"},
		"it is empty":           {5, 0, func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) }, "folder", Warn, "holds nothing of a kiosk"},
		"it is a file":          {5, 0, func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) }, "folder", Bad, "is no folder"},
		"nothing was ever sent": {0, 0, nil, "receipt", Warn, "not sent: 5"},
		"unsent for two days":   {3, 48 * time.Hour, nil, "receipt", Warn, "not sent: 2"},
		"unsent for a minute":   {3, time.Minute, nil, "receipt", OK, "not sent: 2"},
		"the folder is gone":    {5, 0, os.RemoveAll, "folder", Bad, "there is no folder"},
	} {
		dir, j := box(t, 5, c.durable, c.ago)
		shut(t, j)
		if c.harm != nil {
			if err := c.harm(dir); err != nil {
				t.Fatal(name, err)
			}
		}
		o := atKiosk(dir)
		if c.check == "journal_files" || c.check == "receipt" { // it can kill whoever reads it
			o.Child = journalChild
		}
		got, said := examined(t, o, askKiosk)
		if got[c.check] != c.want || !strings.Contains(said, c.say) {
			t.Errorf("%s: %s is %q, want %q with %q\n%s", name, c.check, got[c.check], c.want, c.say, said)
		}
	}
}

// Without a whole identity nobody can send what is unsent: how much that is, is
// said all the same, or that nothing tells it.
func TestWhatIsUnsentIsToldWithoutAnIdentity(t *testing.T) {
	rubbish := func(dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, identity.FirstCopy), []byte("?"), 0o600), os.WriteFile(filepath.Join(dir, identity.SecondCopy), []byte("?"), 0o600))
	}
	for name, c := range map[string]struct {
		durable uint64
		harm    func(dir string) error
		want    Verdict
		vi, en  string
	}{
		"it is damaged":         {2, rubbish, Warn, "trung tâm giữ đến 2, chưa gửi 3, theo biên nhận cuối", "holds up to 2; not sent: 3, by the last receipt"},
		"it is gone":            {2, identityGone, Warn, "trung tâm giữ đến 2, chưa gửi 3", "holds up to 2; not sent: 3"},
		"one copy is gone":      {2, func(dir string) error { return os.Remove(filepath.Join(dir, identity.FirstCopy)) }, Warn, "chưa gửi 3", "not sent: 3"},
		"all was sent":          {5, identityGone, OK, "chưa gửi 0", "not sent: 0"},
		"nothing was ever sent": {0, identityGone, Warn, "còn giữ 5 bản ghi; ở đây không có biên nhận nào", "holds records: 5; there is no receipt of the centre here, so that nothing tells"},
		"the receipt is in a damaged file": {2, func(dir string) error {
			return errors.Join(identityGone(dir), os.Truncate(filepath.Join(dir, "journal/000001.db"), 5000))
		}, Warn, "còn giữ 5 bản ghi; không đọc được biên nhận", "holds records: 5; the centre's receipt cannot be read"},
	} {
		dir, j := box(t, 5, c.durable, time.Minute)
		shut(t, j)
		if err := c.harm(dir); err != nil {
			t.Fatal(name, err)
		}
		o := atKiosk(dir)
		o.Child = journalChild
		e := &exam{Options: o, part: Kiosk}
		askKiosk(e)
		last := e.found[len(e.found)-1]
		if last.Check != "receipt" || last.Verdict != c.want || !strings.Contains(last.Words[survey.Vietnamese], c.vi) || !strings.Contains(last.Words[survey.English], c.en) || (last.Advice == nil) != (c.want == OK) {
			t.Errorf("%s: %+v", name, last)
		}
	}
}

func identityGone(dir string) error {
	return errors.Join(os.Remove(filepath.Join(dir, identity.FirstCopy)), os.Remove(filepath.Join(dir, identity.SecondCopy)))
}

func journalGone(dir string) error { return os.RemoveAll(filepath.Join(dir, "journal")) }

func reservedGone(dir string) error {
	list, err := filepath.Glob(filepath.Join(dir, "issued-*"))
	for _, path := range list {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// A hole that nobody has declared is bad.
func TestARecordThatIsMissingIsBad(t *testing.T) {
	dir, j := box(t, 300, 0, 0)
	shut(t, j)
	if err := os.Remove(filepath.Join(dir, "journal/000001.db")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "journal/000001.log")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(b[len(b)/2:], make([]byte, 64))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, said := examined(t, atKiosk(dir), askKiosk)
	if got["chain"] != Bad || !strings.Contains(said, "records missing between 1 and 300: ") {
		t.Errorf("%v\n%s", got, said)
	}
}

func TestARunningKioskIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		ready  int
		status string
		check  string
		want   Verdict
		say    string
	}{
		"well":           {200, `{"last_sequence":5,"unsent":0,"clock":{"skew_seconds":0.2},"link":{"connected":true,"problem":null}}`, "link", OK, "records: 5, not sent: 0"},
		"its clock":      {200, `{"clock":{"skew_seconds":-400},"link":{"connected":true}}`, "skew", Warn, "6m40s"},
		"not compared":   {200, `{"clock":{"skew_seconds":null},"link":{"connected":true}}`, "skew", "", ""},
		"cut off":        {200, `{"last_sequence":9,"unsent":4,"oldest_unsent_seconds":60,"link":{"connected":false,"problem":"no route"}}`, "link", Warn, "no route"},
		"slow":           {200, `{"last_sequence":9,"unsent":4,"oldest_unsent_seconds":6000,"link":{"connected":true}}`, "link", Warn, "1h40m0s"},
		"never reached":  {200, `{"link":{"connected":false}}`, "link", Warn, "not reached"},
		"out of service": {503, `{"link":{"connected":true}}`, "ready", Bad, "The disk is full: 3 presses"},
		"told nothing":   {200, `no JSON`, "status", Warn, "does not show"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/readyz":
				w.WriteHeader(c.ready)
				_, _ = w.Write([]byte(`{"title":"The disk is full","detail":"3 presses"}`))
			case "/api/v1/status":
				_, _ = w.Write([]byte(c.status))
			default:
				http.NotFound(w, r)
			}
		}))
		dir, _ := box(t, 1, 0, 0) // its journal stays open
		o := atKiosk(dir)
		o.KioskURL = srv.URL + "/"
		got, said := examined(t, o, askKiosk)
		srv.Close()
		if got[c.check] != c.want || !strings.Contains(said, c.say) || got["journal"] != OK || got["identity"] != OK {
			t.Errorf("%s: %s is %q, want %q with %q\n%s", name, c.check, got[c.check], c.want, c.say, said)
		}
		if got, said := examined(t, o, askKiosk); got["ready"] != Warn {
			t.Errorf("%s, nobody answers: %v\n%s", name, got, said)
		}
	}
}

// Where the centre refuses the kiosk the network is not to blame.
func TestAShutOutKioskIsNotSentToTheNetwork(t *testing.T) {
	for why, network := range map[string]bool{"it is refused (code E4)": false, "no route to host": true} {
		e := &exam{}
		e.unsent(kioskStatus{}, words(why, why))
		advice := e.found[0].Advice.In(survey.English)
		if strings.Contains(advice, "check the network") != network || strings.Contains(advice, "hailong kiosks allow") == network {
			t.Errorf("%s: %s", why, advice)
		}
	}
}

// A kiosk that has an identity and nothing else has not begun yet.
func TestAKioskThatHasNotBegun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kiosk")
	if _, err := identity.Load(dir); err != nil {
		t.Fatal(err)
	}
	if got, said := examined(t, atKiosk(dir), askKiosk); got["journal"] != Warn || !strings.Contains(said, "there is no journal yet") {
		t.Errorf("%v\n%s", got, said)
	}
}

// Whose folder it is not is said, with what to type.
func TestTheOtherProgramsFolderIsNamed(t *testing.T) {
	kiosk, j := box(t, 1, 0, 0)
	shut(t, j)
	centre, s := centre(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Options{"hailong doctor --aggregator " + centre: {Kiosk: centre}, "hailong doctor --kiosk " + kiosk: {Aggregator: kiosk}} {
		list := Examine(t.Context(), o)
		if last := list[len(list)-1]; last.Verdict != Bad || !strings.HasSuffix(last.Advice.In(survey.English), want) || !strings.HasSuffix(last.Advice.In(survey.Vietnamese), want) {
			t.Errorf("%+v: %+v", o, last)
		}
	}
}

// The kiosk at the address must be the folder's own, and is asked in both languages.
func TestTheKioskAtTheAddress(t *testing.T) {
	dir, j := box(t, 1, 0, 0) // its journal stays open
	own, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		id    survey.KioskID
		check string
		want  Verdict
		en    string
		vi    string
	}{
		"its own":     {own.Kiosk(), "link", Warn, "no way there", "không có đường"},
		"not told":    {"", "link", Warn, "no way there", "không có đường"},
		"another one": {"k-another", "kiosk_url", Warn, "is the kiosk k-another", "là thiết bị k-another"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			problem := "không có đường"
			if r.Header.Get("Accept-Language") == "en" {
				problem = "no way there"
			}
			if r.URL.Path == "/api/v1/status" {
				fmt.Fprintf(w, `{"kiosk":%q,"link":{"connected":false,"problem":%q}}`, c.id, problem)
			}
		}))
		o := atKiosk(dir)
		o.KioskURL = srv.URL
		e := &exam{Options: o, part: Kiosk}
		askKiosk(e)
		srv.Close()
		last := e.found[len(e.found)-1]
		if last.Check != c.check || last.Verdict != c.want || !strings.Contains(last.Words[survey.English], c.en) || !strings.Contains(last.Words[survey.Vietnamese], c.vi) {
			t.Errorf("%s: %+v", name, last)
		}
	}
	shut(t, j)
}
