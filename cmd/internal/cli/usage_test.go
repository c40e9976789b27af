package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/survey"
)

// Whatever is wrong with a command line is said in the reader's language, names the
// command whose help says more, and ends with 2.
func TestWrongUsageIsSaidInTheReadersLanguage(t *testing.T) {
	for args, want := range map[string][3]string{ // in Vietnamese, in English, whose help
		"foo":                                {"không có lệnh hoặc tham số foo", "there is no command or argument foo", ""},
		"scoers":                             {`; có phải là "scores"?`, `; did you mean "scores"?`, ""},
		"kiosks lst":                         {`tham số lst; có phải là "list"?`, `argument lst; did you mean "list"?`, " kiosks"},
		"backup now":                         {"không có lệnh hoặc tham số now", "there is no command or argument now", " backup"},
		"scores --foo":                       {`không có tùy chọn --foo; có phải là "--from", "--to"?`, `there is no option --foo; did you mean "--from", "--to"?`, " scores"},
		"scores -x":                          {"không có tùy chọn -x", "there is no option -x", " scores"},
		"scores --unit":                      {"--unit: thiếu giá trị\n", "--unit: its value is missing\n", " scores"},
		"scores --unit --from 2026-01-01":    {`--unit: thiếu giá trị, ngay sau nó là "--from"; muốn dùng làm giá trị thì viết --unit="--from"`, `--unit: its value is missing, "--from" follows it; to have that as its value write --unit="--from"`, " scores"},
		"scores --by x":                      {`--by = "x": phải là một trong "none"`, `--by = "x": must be one of "none"`, " scores"},
		"scores --from x":                    {`--from: "x" không phải một ngày`, `--from: "x" is not a day`, " scores"},
		"closings --date xx":                 {`--date: "xx" không phải một ngày`, `--date: "xx" is not a day`, " closings list"},
		"closings --to 31.3.2026":            {`--to: "31.3.2026" không phải một ngày`, `--to: "31.3.2026" is not a day`, " closings list"},
		"closings verify x":                  {"thiếu tùy chọn --key=", "an option is missing: --key=", " closings verify"},
		"diary --last x":                     {`--last: "x" không phải một số nguyên`, `--last: "x" is no whole number`, " diary"},
		"journal export":                     {"thiếu <data_dir> <file>", "missing: <data_dir> <file>", " journal export"},
		"journal export a":                   {"thiếu <file>", "missing: <file>", " journal export"},
		"journal export a b --all --after 3": {"không dùng --after cùng với --all", "--after and --all cannot be used together", " journal export"},
		"journal export a b --after x":       {`--after: "x" không phải một số nguyên`, `--after: "x" is no whole number`, " journal export"},
		"backup --list=x":                    {`--list: "x": tùy chọn này chỉ có true hoặc false`, `--list: "x": this option is true or false`, " backup"},
		"restore":                            {"thiếu tùy chọn --data=DIR, --from=FOLDER", "an option is missing: --data=DIR, --from=FOLDER", " restore"},
		"kiosks revoke":                      {"thiếu <id>", "missing: <id>", " kiosks revoke"},
		"version -o xml":                     {`--output = "xml": phải là một trong "table"`, `--output = "xml": must be one of "table"`, " version"},
		"closings --from 2026-02-01 --to 2026-01-01": {"--from = 01/02/2026 phải không sau --to = 01/01/2026", "--from = 01/02/2026 must not be after --to = 01/01/2026", "-"},
		"scores --from 2026-02-01 --to 2026-01-01":   {"--from = 01/02/2026 phải không sau --to", "--from = 01/02/2026 must not be after --to", "-"},
	} {
		for i, lang := range []survey.Lang{"vi", "en"} {
			code, out, errs := run(lang, strings.Fields(args)...)
			if code != 2 || out != "" || !strings.Contains(errs, want[i]) || want[2] != "-" && !strings.HasSuffix(errs, ": hailong"+want[2]+" --help\n") {
				t.Errorf("%s: exit %d %s\nwant %s, and the help of hailong%s", args, code, errs, want[i], want[2])
			}
			for _, english := range []string{"expected", "unexpected", "unknown", "missing", "must be", "did you", "perhaps", "got"} {
				if lang == "vi" && strings.Contains(errs, english) {
					t.Errorf("%s: %q is left in English:\n%s", args, english, errs)
				}
			}
		}
	}
}

// What cannot be read, or is not there, is said once and ends with 1.
func TestWhatIsNotThereIsSaidOnce(t *testing.T) {
	dir := t.TempDir()
	nowhere := filepath.Join(dir, "nowhere")
	for args, want := range map[string][2]string{
		"journal import " + nowhere:               {"không đọc được " + nowhere + ": không có ở đó", nowhere + " cannot be read: it is not there"},
		"journal import " + dir:                   {"không đọc được " + dir + ": đó là một thư mục, cần một tệp", dir + " cannot be read: it is a folder"},
		"journal export " + nowhere + " x":        {nowhere + " không có nhật ký nào: đã tìm thư mục journal trong đó, chỉ thấy rằng không có cả thư mục này. ", nowhere + " holds no journal: looked for the folder journal in it, and found that not even this folder is there. "},
		"salvage " + nowhere:                      {nowhere + " không có nhật ký nào", nowhere + " holds no journal"},
		"units import " + nowhere + ".yaml":       {"không đọc được " + nowhere + ".yaml: không có ở đó", nowhere + ".yaml cannot be read: it is not there"},
		"closings verify " + nowhere + " --key x": {"không đọc được " + nowhere + ": không có ở đó", nowhere + " cannot be read: it is not there"},
		"doctor --config " + nowhere:              {"không đọc được " + nowhere + ": không có ở đó", nowhere + " cannot be read: it is not there"},
	} {
		for i, lang := range []survey.Lang{"vi", "en"} {
			code, out, errs := run(lang, strings.Fields(args)...)
			if code != 1 || out != "" || !strings.HasPrefix(errs, "hailong: "+want[i]) || strings.Count(errs, nowhere) > 1 || strings.Contains(errs, "no such file") {
				t.Errorf("%s: exit %d %s\nwant %s", args, code, errs, want[i])
			}
		}
	}
}

// The API tells its callers which address to look at; who uses commands is told the command.
func TestTheAPIsAdviceBecomesACommand(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/closings" {
			refuse(w, r, 400, "Yêu cầu chưa đúng", "Bad request", "…", "…", map[string]string{"path": "kiosk", "value": "x", "message": "không có; xem /api/v1/kiosks"})
			return
		}
		if r.URL.Path == "/api/v1/backups" {
			refuse(w, r, 409, "Không hợp", "Conflict", "đang tạo; xem tiến độ: GET /api/v1/backups", "…")
			return
		}
		refuse(w, r, 404, "Không có địa chỉ này", "Not found", "không có đơn vị này; xem /api/v1/units", "there is no such unit; see /api/v1/units")
	}))
	t.Cleanup(s.Close)
	for args, want := range map[string]string{
		"closings --kiosk x": "hailong: Yêu cầu chưa đúng:\n  kiosk = \"x\": không có; xem hailong kiosks list\n",
		"backup":             "hailong: Không hợp: đang tạo; xem tiến độ: hailong backup --list\n",
		"scores --unit x":    "hailong: không có đơn vị này; xem hailong units list\n",
	} {
		if code, _, errs := run("vi", append(strings.Fields(args), "--server", s.URL)...); code != 1 || errs != want {
			t.Errorf("%s: exit %d %q, want %q", args, code, errs, want)
		}
	}
	s.Close()
	if _, _, errs := run("vi", "scores", "--server", s.URL); !strings.Contains(errs, ": không có chương trình nào nhận kết nối ở đó\n") {
		t.Error(errs)
	}
}

// Backups that lie where the aggregator's settings say are looked at there.
func TestDoctorReadsTheAggregatorsSettings(t *testing.T) {
	dir := t.TempDir()
	data, backups, settings := filepath.Join(dir, "data"), filepath.Join(dir, "mounted"), filepath.Join(dir, "aggregator.yaml")
	backup := filepath.Join(backups, "b1")
	const key, store = "abab\n", "bytes"
	for path, text := range map[string]string{
		filepath.Join(data, "centre.key"): key, filepath.Join(backup, "centre.key"): key, filepath.Join(backup, "store.db"): store,
		filepath.Join(backup, "manifest.json"): `{"time":"2026-11-20T02:00:00+07:00","verified":"2026-11-20T02:00:01+07:00","size":5,"sha256":"277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9"}`,
		settings:                               "data: " + data + "\nbackup:\n  folder: " + backups + "\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, out, errs := run("en", "doctor", "--config", settings); !strings.Contains(out, "("+backup+")") || !strings.Contains(out, "every byte of the latest backup fits its hash") {
		t.Errorf("%s%s", out, errs)
	}
	if _, out, _ := run("en", "doctor", "--aggregator", data); strings.Contains(out, backup) || !strings.Contains(out, "--config SETTINGS_FILE") {
		t.Errorf("without the settings:\n%s", out)
	}
	if code, _, errs := run("vi", "doctor", "--config", filepath.Join(backup, "store.db")); code != 1 || !strings.Contains(errs, "store.db") {
		t.Errorf("settings that are none: exit %d %s", code, errs)
	}
}
