package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/survey"
)

func TestDoctorTellsWhatIsWrong(t *testing.T) {
	dir, j := box(t, 3, 3)
	shut(t, j)
	code, out, errs := run("vi", "doctor", "--kiosk", dir)
	if code != 0 || errs != "" || !strings.Contains(out, "Thiết bị đánh giá\n") || !strings.Contains(out, "bản ghi 1–3 liền mạch") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if err := os.Chmod(filepath.Join(dir, "identity.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs = run("en", "doctor", "--kiosk", dir)
	if code != 1 || !strings.Contains(out, "  BAD   other users of the machine can read") || !strings.Contains(out, "        → chmod go= ") || !strings.Contains(errs, "something is BAD") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	code, out, _ = run("en", "doctor", "--kiosk", dir, "-o", "json")
	var said struct {
		Worst string
		Items []struct{ Part, Check, Verdict, Text, Advice string }
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != 1 || said.Worst != "BAD" || len(said.Items) < 8 {
		t.Errorf("exit %d %v\n%s", code, err, out)
	}
	if testing.Short() {
		return
	}
	if _, out, _ := run("en", "doctor", "--kiosk", dir, "-o", "csv"); !strings.HasPrefix(out, "part,check,verdict,text,advice\nmachine,clock,OK,") {
		t.Error(out)
	}
}

func TestDoctorLooksAtTheUsualPlaces(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := os.Stat("/var/lib/hailong"); err == nil {
		t.Skip("a Hài Lòng is installed on this machine")
	}
	if code, _, errs := run("vi", "doctor"); code != 2 || !strings.Contains(errs, "--kiosk") {
		t.Errorf("exit %d %s", code, errs)
	}
	dir, j := box(t, 1, 0)
	shut(t, j)
	if err := os.Mkdir(".hailong", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, ".hailong/kiosk"); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := run("vi", "doctor"); code != 0 || !strings.Contains(out, "1 bản ghi chưa gửi") || strings.Contains(out, "Trung tâm\n") {
		t.Errorf("exit %d %s %s", code, out, errs)
	}
}

func TestDiaryIsTold(t *testing.T) {
	dir := t.TempDir()
	lines := `{"at":"2026-11-20T08:30:00+07:00","clock_sure":false,"kind":"started","words":{"vi":"chương trình bắt đầu","en":"the program starts"}}
{"at":"2026-11-20T01:31:00Z","clock_sure":true,"kind":"centre_reached","words":{"vi":"đã kết nối","en":"the centre is reached"}}
`
	if err := os.WriteFile(filepath.Join(dir, "diary.jsonl"), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lang        survey.Lang
		option, out string
	}{
		{"vi", "", "Lúc (? = giờ chưa chắc)  Sự kiện\n20/11/2026 08:30:00 ?    chương trình bắt đầu\n20/11/2026 08:31:00      đã kết nối\n"},
		{"en", "--last=1", "At (? = clock not sure)  Event\n20/11/2026 08:31:00      the centre is reached\n"},
		{"en", "-ocsv", "at,clock_sure,kind,text\n2026-11-20T08:30:00+07:00,false,started,the program starts\n2026-11-20T08:31:00+07:00,true,centre_reached,the centre is reached\n"},
	} {
		args := []string{"diary", "--data", dir}
		if c.option != "" {
			args = append(args, c.option)
		}
		code, out, errs := run(c.lang, args...)
		if code != 0 || out != c.out {
			t.Errorf("%s %s: exit %d %s\n%s\nwant\n%s", c.lang, c.option, code, errs, out, c.out)
		}
	}
	var list struct {
		Items []struct {
			At, Kind, Text string
			Sure           bool `json:"clock_sure"`
		}
	}
	if _, out, _ := run("vi", "diary", "--data", dir, "-o", "json"); json.Unmarshal([]byte(out), &list) != nil || len(list.Items) != 2 || !list.Items[1].Sure || list.Items[1].Text != "đã kết nối" {
		t.Errorf("%+v", list)
	}
}

// A folder without a diary is no empty diary.
func TestAFolderWithoutADiaryIsTold(t *testing.T) {
	t.Chdir(t.TempDir())
	centre := t.TempDir()
	if err := os.WriteFile(filepath.Join(centre, "store.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		code   int
		vi, en string
	}{
		{[]string{"--data", filepath.Join(centre, "nowhere")}, 1, "không có ở đó", "it is not there"},
		{[]string{"--data", t.TempDir()}, 1, "không có sổ sự kiện (diary.jsonl)", "has no diary (diary.jsonl)"},
		{[]string{"--data", centre}, 1, "thư mục dữ liệu của trung tâm; chỉ thiết bị mới có sổ sự kiện. Nhật ký của trung tâm", "is an aggregator's data folder, and only a kiosk has a diary. The aggregator's log"},
		{[]string{"--data", centre, "--last", "0"}, 2, "--last = 0: phải từ 1 trở lên", "--last = 0: must be 1 or more"},
	} {
		for lang, want := range map[survey.Lang]string{"vi": c.vi, "en": c.en} {
			if code, out, errs := run(lang, append([]string{"diary"}, c.args...)...); code != c.code || out != "" || !strings.Contains(errs, want) {
				t.Errorf("%v: exit %d %s%s", c.args, code, out, errs)
			}
		}
	}
}
