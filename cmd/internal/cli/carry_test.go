package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hailong/kiosk/identity"
	"hailong/survey"
	"hailong/survey/custody"
)

// Another kiosk's journal lies in the folder: signed with this one's key its records would
// count as this one's for ever, and the other's would be missing for ever.
func TestAnotherKiosksJournalIsNotCarried(t *testing.T) {
	theirs, j := box(t, 9, 4)
	shut(t, j)
	owner, err := identity.Load(theirs)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*identity.Identity){
		"a kiosk that has recorded":         func(*identity.Identity) {},
		"a kiosk that remembers no journal": func(id *identity.Identity) { id.Chain = survey.Chain{} },
	} {
		dir, j := box(t, 3, 0)
		shut(t, j)
		id, err := identity.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		change(id)
		folder := filepath.Join(dir, identity.JournalFolder)
		if err := errors.Join(id.Save(dir), os.RemoveAll(folder), os.CopyFS(folder, os.DirFS(filepath.Join(theirs, identity.JournalFolder)))); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "file")
		for lang, want := range map[survey.Lang]string{
			"vi": fmt.Sprintf("nhật ký của thiết bị khác: %s, còn đây là dữ liệu của %s", owner.Kiosk(), id.Kiosk()),
			"en": fmt.Sprintf("the journal of another kiosk: %s, and this is the data of %s", owner.Kiosk(), id.Kiosk()),
		} {
			for _, args := range [][]string{{"journal", "export", dir, file}, {"journal", "export", dir, file, "--all"}, {"salvage", dir, "--out", file}} {
				if code, _, errs := run(lang, args...); code != 1 || !strings.Contains(errs, want) {
					t.Errorf("%s, %v: exit %d %s", name, args, code, errs)
				}
			}
			if code, out, errs := run(lang, "salvage", dir); code != 0 || !strings.Contains(errs, want) || !strings.Contains(out, "9") {
				t.Errorf("%s, who only looks: exit %d %s%s", name, code, out, errs)
			}
		}
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a file was written: %v", name, err)
		}
	}
	if code, _, errs := run("en", "journal", "export", theirs, filepath.Join(t.TempDir(), "file")); code != 0 || strings.Contains(errs, "another kiosk") {
		t.Errorf("the control, its owner: exit %d %s", code, errs)
	}
}

// Only the logs are left of another kiosk's journal, and they do not tell whose they are: a
// kiosk that remembers its own chain does not sign what does not lead there.
func TestLogsOfNobodyAreNotCarried(t *testing.T) {
	theirs, other := ruined(t, 60)
	dir, j := box(t, 3, 0)
	shut(t, j)
	folder := filepath.Join(dir, identity.JournalFolder)
	if err := errors.Join(os.RemoveAll(folder), os.CopyFS(folder, os.DirFS(filepath.Join(theirs, identity.JournalFolder)))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	for _, args := range [][]string{{"journal", "export", dir, file, "--all"}, {"salvage", dir, "--out", file}} {
		if code, _, errs := run("en", args...); code != 1 || !strings.Contains(errs, "nothing tells that chain "+other.String()+" is this kiosk's") {
			t.Errorf("%v: exit %d %s", args, code, errs)
		}
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written: %v", err)
	}
	if code, _, errs := run("en", "journal", "export", theirs, file); code != 0 || strings.Contains(errs, "nothing tells") {
		t.Errorf("the control, its owner: exit %d %s", code, errs)
	}
}

// ruined is a box whose journal has a gap in the middle; nothing tells what was sent of it.
func ruined(t *testing.T, presses int) (dir string, chain survey.Chain) {
	t.Helper()
	dir, j := box(t, presses, 0)
	shut(t, j)
	path := filepath.Join(dir, identity.JournalFolder, "000001.log")
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(log[len(bytes.TrimRight(log, "\x00"))/2:], make([]byte, 64))
	if err := errors.Join(os.WriteFile(path, log, 0o600), os.Remove(filepath.Join(dir, identity.JournalFolder, "000001.db"))); err != nil {
		t.Fatal(err)
	}
	return dir, j.Chain()
}

// rows are the sequences of each chain in a journal file; one that does not follow the one
// before is an error.
func rows(t *testing.T, path, dir string) map[survey.Chain]uint64 {
	t.Helper()
	ids, _ := carried(t, path, dir)
	last := map[survey.Chain]uint64{}
	for _, id := range ids {
		if last[id.Chain]++; last[id.Chain] != id.Sequence {
			t.Fatalf("after %d of chain %s the file goes on with %d", last[id.Chain]-1, id.Chain, id.Sequence)
		}
	}
	return last
}

// What lies behind a gap is not written, since no centre takes it; the way out is said. After
// the kiosk's program has opened the journal all is carried, and then nothing is left to send.
func TestWhatLiesBehindAGapIsToldAndNotWritten(t *testing.T) {
	const presses = 200
	dir, chain := ruined(t, presses)
	usb := t.TempDir()
	end := uint64(0)
	for name, args := range map[string][]string{
		"export": {"journal", "export", dir, filepath.Join(usb, "export")}, "all": {"journal", "export", dir, filepath.Join(usb, "all"), "--all"},
		"salvage": {"salvage", dir, "--out", filepath.Join(usb, "salvage")},
	} {
		code, _, errs := run("en", args...)
		end = rows(t, filepath.Join(usb, name), dir)[chain]
		if code != 0 || end < 50 || end > 150 || !strings.Contains(errs, fmt.Sprintf("Records written into %s: %d", filepath.Join(usb, name), end)) ||
			!strings.Contains(errs, "chain "+chain.String()+": records behind a gap") || !strings.Contains(errs, "only when the program kiosk is started with this data folder ("+dir+")") {
			t.Errorf("%s, up to %d: exit %d %s", name, end, code, errs)
		}
	}
	if code, _, errs := run("vi", "salvage", dir); code != 0 || !strings.Contains(errs, "nằm sau một chỗ đứt") || !strings.Contains(errs, "khởi động chương trình kiosk với thư mục dữ liệu này") {
		t.Errorf("who only looks: exit %d %s", code, errs)
	}
	nothing := filepath.Join(usb, "nothing")
	code, out, errs := run("vi", "journal", "export", dir, nothing, "--after", fmt.Sprint(end))
	if _, err := os.Stat(nothing); code != 1 || out != "" || !strings.Contains(errs, "nằm sau một chỗ đứt") || err == nil {
		t.Errorf("where only that is left: exit %d %s%s", code, out, errs)
	}

	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	next := reopen(t, dir, id)
	heads := map[survey.Chain]custody.Head{next.Chain(): next.Head()}
	shut(t, next)
	both := filepath.Join(usb, "both")
	code, _, errs = run("en", "journal", "export", dir, both)
	if got := rows(t, both, dir); code != 0 || strings.Contains(errs, "gap") || got[chain] != end || got[next.Chain()] != heads[next.Chain()].Sequence || heads[next.Chain()].Sequence < presses-end-10 {
		t.Errorf("after a start: exit %d %s, %v", code, errs, got)
	}

	next = reopen(t, dir, id)
	next.SetReceipt(signedFor(id, next.Chain(), next.Head()))
	for _, p := range next.Pasts() {
		p.SetReceipt(signedFor(id, p.Chain(), p.Head()))
	}
	shut(t, next)
	code, out, errs = run("en", "journal", "export", dir, nothing)
	if _, err := os.Stat(nothing); code != 0 || !strings.Contains(out, "the centre holds all of it") || errs != "" || err == nil {
		t.Errorf("when all has arrived: exit %d %s%s", code, out, errs)
	}
}

func signedFor(id *identity.Identity, chain survey.Chain, head custody.Head) []byte {
	return custody.SignReceipt(custody.Receipt{Kiosk: id.Kiosk(), Chain: chain, Durable: head.Sequence, DurableSum: head.Hash, ServerTime: time.Now().UnixMilli()}, centreKey)
}

// The chain that was written last is gone, and an earlier one is still there: it is never
// said that the centre has it all.
func TestALastChainThatIsGoneIsTold(t *testing.T) {
	dir, old := ruined(t, 60)
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	j := reopen(t, dir, id)
	for _, p := range j.Pasts() {
		p.SetReceipt(signedFor(id, p.Chain(), p.Head()))
	}
	_, newest := j.Segments()
	shut(t, j)
	folder := filepath.Join(dir, identity.JournalFolder)
	for _, kind := range []string{"db", "log"} {
		if err := os.Remove(filepath.Join(folder, fmt.Sprintf("%06d.%s", newest, kind))); err != nil {
			t.Fatal(err)
		}
	}
	want := "no record can be read of chain " + j.Chain().String() + ", in which this kiosk recorded last; lost may be: at most "
	file := filepath.Join(t.TempDir(), "file")
	if code, out, errs := run("en", "salvage", dir); code != 0 || !strings.Contains(out, old.String()) || !strings.Contains(errs, want) {
		t.Errorf("who looks: exit %d %s%s", code, out, errs)
	}
	if code, _, errs := run("en", "journal", "export", dir, file, "--all"); code != 0 || !strings.Contains(errs, want) || rows(t, file, dir)[old] == 0 {
		t.Errorf("what is left: exit %d %s", code, errs)
	}
}

// A centre that did not take batches because of a gap: either a file was left out, or the
// journal itself has the gap, and no export helps.
func TestBatchesAfterAGapAreExplained(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"kiosks": []string{"k1"}, "batches": 2, "new": 1, "duplicates": 0, "gaps": 1, "forks": 0, "refused": []any{}})
	}))
	defer server.Close()
	path, _ := stick(t, 2, 100)
	for lang, want := range map[survey.Lang][]string{
		"vi": {"số lô chưa được nhận: 1", "nhập tệp ấy trước", "--all", "khởi động chương trình kiosk"},
		"en": {"batches that were not taken: 1", "import that first", "--all", "start the program kiosk"},
	} {
		code, _, errs := run(lang, "journal", "import", path, "--server", server.URL, "--token", token)
		for _, words := range want {
			if code != 1 || !strings.Contains(errs, words) || strings.Contains(errs, "quarantine") {
				t.Errorf("exit %d, without %q: %s", code, words, errs)
			}
		}
	}
}
