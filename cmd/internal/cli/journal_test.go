package cli_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// The commands start their own program again to look at damaged files.
func TestMain(m *testing.M) {
	if code, is := kioskapp.Child(os.Args[1:]); is {
		os.Exit(code)
	}
	if code, is := centreapp.Child(os.Args[1:], os.Stdout); is {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

var centreKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))

// box is a kiosk's data folder with an open journal of so many presses, of which the
// centre signed for some.
func box(t *testing.T, presses int, durable uint64) (dir string, j *journal.Journal) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "kiosk")
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	id.Enrolment = &identity.Enrolment{Name: "hộp", CentreKey: centreKey.Public().(ed25519.PublicKey), Counters: []identity.Counter{{Code: "Q1"}}}
	j = reopen(t, dir, id)
	for i := range presses {
		d := survey.Draft{Nonce: survey.KeyNonce(fmt.Sprint(i)), Response: survey.Response{
			Questionnaire: survey.Hash{1}, Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 5}}, Channel: survey.Touch, Stage: survey.Result, Counter: "Q1",
		}}
		if i == 1 {
			d.Comment = "Chờ lâu quá"
		}
		if _, _, err := j.Append(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if durable > 0 {
		sum, err := j.HashAt(durable)
		if err != nil {
			t.Fatal(err)
		}
		j.SetReceipt(custody.SignReceipt(custody.Receipt{Kiosk: id.Kiosk(), Chain: j.Chain(), Durable: durable, DurableSum: sum, ServerTime: time.Now().UnixMilli()}, centreKey))
	}
	return dir, j
}

// reopen opens the journal of a box, and has its identity remember the chain.
func reopen(t *testing.T, dir string, id *identity.Identity) *journal.Journal {
	t.Helper()
	j, err := journal.Open(filepath.Join(dir, identity.JournalFolder), journal.Options{Kiosk: id.Kiosk(), Chain: id.Chain, Reserve: dir, Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // most tests have closed it
	id.Chain = j.Chain()
	if err := id.Save(dir); err != nil {
		t.Fatal(err)
	}
	return j
}

func shut(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// carried reads a journal file as the centre does: which records it holds, each from a
// batch that its kiosk signed.
func carried(t *testing.T, path string, dir string) (ids []survey.RecordID, comments int) {
	t.Helper()
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is for others to read: %v %v", info.Mode(), err)
	}
	in, err := custody.NewTravelReader(f)
	for err == nil {
		var message []byte
		if message, err = in.Next(); err != nil {
			break
		}
		b, err := custody.ParseMessage(message)
		if err != nil || b.Verify(id.Public()) != nil || b.Header.Kiosk != id.Kiosk() {
			t.Fatalf("a batch nobody takes: %v", err)
		}
		for i := range b.Records {
			ids = append(ids, b.Records[i].ID())
			if _, ok := b.Comment(&b.Records[i]); ok {
				comments++
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return ids, comments
}

func TestWhatWasNotSentIsExported(t *testing.T) {
	dir, j := box(t, 9, 4)
	out := t.TempDir()
	if code, _, errs := run("vi", "journal", "export", dir, filepath.Join(out, "0")); code != 1 || !strings.Contains(errs, "đang chạy") {
		t.Errorf("of a running kiosk: exit %d %s", code, errs)
	}
	chain := j.Chain()
	shut(t, j)
	for name, c := range map[string]struct {
		args     []string
		first    uint64
		comments int
	}{
		"since the receipt": {nil, 5, 0}, "all": {[]string{"--all"}, 1, 1}, "after 7": {[]string{"--after", "7"}, 8, 0},
	} {
		path := filepath.Join(out, name)
		code, _, errs := run("en", append([]string{"journal", "export", dir, path}, c.args...)...)
		if code != 0 || !strings.Contains(errs, fmt.Sprintf("Records written into %s: %d (batches: 1)", path, 10-c.first)) {
			t.Fatalf("%s: exit %d %s", name, code, errs)
		}
		ids, comments := carried(t, path, dir)
		if len(ids) != int(10-c.first) || ids[0] != (survey.RecordID{Chain: chain, Sequence: c.first}) || comments != c.comments {
			t.Errorf("%s: it holds %v and %d comments", name, ids, comments)
		}
	}
	if code, _, errs := run("vi", "journal", "export", dir, filepath.Join(out, "all")); code != 1 || !strings.Contains(errs, "đã có") {
		t.Errorf("over another file: exit %d %s", code, errs)
	}
	if code, _, _ := run("vi", "journal", "export", dir, "x", "--all", "--after", "3"); code != 2 {
		t.Errorf("both --all and --after: exit %d", code)
	}
	if code, _, errs := run("vi", "journal", "export", out, "x"); code != 1 || !strings.Contains(errs, "không phải thư mục dữ liệu") {
		t.Errorf("of another folder: exit %d %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(out, identity.FirstCopy)); err == nil {
		t.Error("an identity was made there")
	}
}

func TestNothingToExport(t *testing.T) {
	dir, j := box(t, 3, 3)
	shut(t, j)
	path := filepath.Join(t.TempDir(), "file")
	code, out, _ := run("vi", "journal", "export", dir, path)
	if _, err := os.Stat(path); code != 0 || !strings.Contains(out, "Không có gì phải gửi") || err == nil {
		t.Errorf("exit %d %s, file %v", code, out, err)
	}
}

// TestAnEarlierChainTravelsToo: what was salvaged of a damaged journal is exported
// before the chain that follows it.
func TestAnEarlierChainTravelsToo(t *testing.T) {
	dir, j := box(t, 200, 0)
	old := j.Chain()
	shut(t, j)
	if err := os.Remove(filepath.Join(dir, "journal/000001.db")); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "journal/000001.log")
	info, err := os.Stat(log)
	if err == nil {
		err = os.Truncate(log, info.Size()/2)
	}
	if err != nil {
		t.Fatal(err)
	}
	salvaged := filepath.Join(t.TempDir(), "salvaged")
	code, out, errs := run("en", "salvage", dir, "--out", salvaged)
	if code != 0 || !strings.Contains(out, "Segment 1: ") || !strings.Contains(out, old.String()) {
		t.Fatalf("exit %d %s %s", code, out, errs)
	}
	ids, _ := carried(t, salvaged, dir)
	if len(ids) < 90 || len(ids) > 110 {
		t.Errorf("salvaged %d records", len(ids))
	}
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	next := reopen(t, dir, id)
	chain := next.Chain()
	shut(t, next)
	path := filepath.Join(t.TempDir(), "file")
	if code, _, errs := run("vi", "journal", "export", dir, path); code != 0 {
		t.Fatal(errs)
	}
	both, _ := carried(t, path, dir)
	if len(both) != len(ids)+1 || both[0] != (survey.RecordID{Chain: old, Sequence: 1}) || both[len(both)-1] != (survey.RecordID{Chain: chain, Sequence: 1}) {
		t.Errorf("%d records, from %v to %v", len(both), both[0], both[len(both)-1])
	}
}

func TestSalvageNeedsAKeyToSign(t *testing.T) {
	dir, j := box(t, 3, 0)
	shut(t, j)
	for _, name := range []string{identity.FirstCopy, identity.SecondCopy} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "file")
	code, out, errs := run("en", "salvage", dir, "--out", path)
	if _, err := os.Stat(path); code != 1 || !strings.Contains(errs, "nothing can be signed") || !strings.Contains(out, j.Chain().String()) || err == nil {
		t.Errorf("exit %d %s %s", code, out, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, identity.FirstCopy)); err == nil {
		t.Error("a new identity was made")
	}
}

func TestSalvageTellsRunsInEveryForm(t *testing.T) {
	dir, j := box(t, 3, 0)
	chain := j.Chain().String()
	shut(t, j)
	var held struct {
		Ended string
		Items []struct {
			Chain    string
			Runs     []struct{ First, Last uint64 }
			Answers  int
			Missing  uint64
			Reserved uint64
		}
	}
	_, out, _ := run("vi", "salvage", dir, "-o", "json")
	if err := json.Unmarshal([]byte(out), &held); err != nil || held.Ended != "closed" || len(held.Items) != 1 || held.Items[0].Chain != chain || held.Items[0].Runs[0].Last != 3 || held.Items[0].Reserved < 3 {
		t.Errorf("%v %s", err, out)
	}
	if _, out, _ := run("vi", "salvage", dir, "-o", "csv"); !strings.HasPrefix(out, "chain,first,last,records,from,to\n"+chain+",1,3,3,2") {
		t.Error(out)
	}
	if _, out, _ := run("vi", "salvage", dir); !strings.Contains(out, "3 câu trả lời đọc được, thiếu 0 số ở giữa") {
		t.Error(out)
	}
}

// importer takes journal files in as a centre does; refuse is a batch that it refuses.
type importer struct {
	*httptest.Server
	mu     sync.Mutex // protects what follows
	files  int
	taken  [][]byte
	refuse int
}

func newImporter(t *testing.T) *importer {
	i := &importer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if r.URL.Path != "/api/v1/journals" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/octet-stream" || r.Header.Get("Authorization") != "Bearer "+token {
			refuse(w, r, 401, "Cần đăng nhập", "Not signed in", "hãy gửi mã truy cập", "send a token")
			return
		}
		in, err := custody.NewTravelReader(r.Body)
		out := map[string]any{"kiosks": []string{"k1"}, "duplicates": 0, "gaps": 0, "forks": 0, "refused": []any{}}
		n := 0
		for err == nil {
			var m []byte
			if m, err = in.Next(); err == nil {
				n++
				i.taken = append(i.taken, m)
				if len(i.taken) == i.refuse {
					out["refused"] = []any{map[string]any{"batch": n, "kiosk": "k1", "reason": "its key is not known"}}
				}
			}
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("a part is no whole file: %v", err)
		}
		i.files++
		out["batches"], out["new"] = n, n
		answer(w, 200, out)
	}))
	t.Cleanup(i.Close)
	return i
}

// stick is a travel file of so many messages of so many bytes.
func stick(t *testing.T, messages, size int) (path string, data []byte) {
	t.Helper()
	var b bytes.Buffer
	w, err := custody.NewTravelWriter(&b)
	for n := 0; err == nil && n < messages; n++ {
		err = w.Add(bytes.Repeat([]byte{byte(n + 1)}, size))
	}
	if err = errors.Join(err, w.End()); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "stick")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, b.Bytes()
}

func TestAJournalFileIsImported(t *testing.T) {
	for messages, files := range map[int]int{0: 0, 1: 1, 100: 2} { // the last has 25 MB
		if testing.Short() && messages > 1 {
			continue
		}
		c := newImporter(t)
		path, _ := stick(t, messages, 250<<10)
		code, out, errs := run("en", "journal", "import", path, "-o", "csv", "--server", c.URL, "--token", token)
		if want := fmt.Sprintf("batches,new,duplicates,gaps,forks,refused\n%d,%d,0,0,0,0\n", messages, messages); code != 0 || out != want || c.files != files || len(c.taken) != messages {
			t.Errorf("%d batches: exit %d %s%s, %d parts with %d batches", messages, code, out, errs, c.files, len(c.taken))
		}
		for n, m := range c.taken {
			if m[0] != byte(n+1) {
				t.Fatalf("%d batches: batch %d is out of its order", messages, n)
			}
		}
	}
}

func TestARefusedBatchIsTold(t *testing.T) {
	c := newImporter(t)
	messages := 100
	if testing.Short() {
		messages = 3
	}
	c.refuse = messages - 1 // of a long file, in the second part
	path, _ := stick(t, messages, 250<<10)
	code, out, errs := run("vi", "journal", "import", path, "--server", c.URL, "--token", token)
	if code != 1 || !strings.Contains(out, fmt.Sprintf("Lô %d (k1): its key is not known", c.refuse)) || !strings.Contains(errs, "số lô chưa được nhận: 1") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if code, _, errs := run("vi", "journal", "import", path, "--server", c.URL, "--token", "no"); code != 1 || !strings.Contains(errs, "Cần đăng nhập") {
		t.Errorf("a stranger: exit %d %s", code, errs)
	}
}

// A file that is not whole is seen before anything is sent.
func TestADamagedJournalFileIsNotSent(t *testing.T) {
	c := newImporter(t)
	path, whole := stick(t, 3, 1000)
	changed := bytes.Clone(whole)
	changed[len(changed)/2] ^= 1
	for words, data := range map[string][]byte{"bị cắt ngắn": whole[:len(whole)-1], "bị thay đổi": changed, "không phải tệp nhật ký": []byte("PK")} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := run("vi", "journal", "import", path, "--server", c.URL, "--token", token); code != 1 || !strings.Contains(errs, words) {
			t.Errorf("%s: exit %d %s", words, code, errs)
		}
	}
	if code, _, _ := run("vi", "journal", "import", path+"x", "--server", c.URL, "--token", token); code != 1 || c.files != 0 {
		t.Errorf("exit %d, %d files arrived", code, c.files)
	}
}
