package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/survey"
)

// file writes a file for an import.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// codes are the centre's units in order, with a mark at rows that have an end.
func codes(c *centre) string {
	var list []string
	for _, u := range c.units.Units {
		code := string(u.Code)
		if u.ValidTo != 0 {
			code += "…"
		}
		list = append(list, code)
	}
	return strings.Join(list, " ")
}

const newUnits = `units:
  - {code: x, name: {vi: Tỉnh X}, kind: province}
  - {code: y, name: {vi: Xã Y}, kind: commune, parent: x}
counters:
  - {code: Y-01, unit: y, name: {vi: Quầy}}
`

func TestImportAddsAndReplacesByCode(t *testing.T) {
	c := newCentre(t)
	t.Setenv("HAILONG_SERVER", c.URL)
	t.Setenv("HAILONG_TOKEN", token)

	t.Log("a YAML file brings new units and a counter; what was there stays")
	code, out, errs := run("vi", "units", "import", file(t, "new.yaml", newUnits))
	if code != 0 || codes(c) != "01 00004 h1… x y" || len(c.units.Counters) != 2 || len(c.units.Fields) != 1 {
		t.Fatalf("exit %d %s: %+v", code, errs, c.units)
	}
	golden(t, "units_import_vi.txt", out)

	t.Log("the same file again changes nothing")
	before, _ := json.Marshal(c.units)
	code, out, errs = run("en", "units", "import", file(t, "new.yml", newUnits), "-o", "csv")
	if after, _ := json.Marshal(c.units); code != 0 || string(after) != string(before) {
		t.Fatalf("exit %d %s: %s", code, errs, after)
	}
	golden(t, "units_import_again.csv", out)

	t.Log("a CSV file gives one unit two rows, in the place where its one row was")
	code, out, errs = run("en", "units", "import", file(t, "moved.CSV", "code;name;kind;parent;valid_from;valid_to\ny;Xã Y;commune;x;;2026-12-31\ny;Phường Y;commune;01;2027-01-01;\n"), "-o", "json")
	if code != 0 || codes(c) != "01 00004 h1… x y… y" || len(c.units.Counters) != 2 {
		t.Fatalf("exit %d %s: %s", code, errs, codes(c))
	}
	golden(t, "units_import_moved.json", out)

	t.Log("a CSV file without the unit of a counter is refused, and the counter is named")
	code, _, errs = run("en", "units", "import", "--replace", file(t, "all.csv", "code,name,kind\nx,Tỉnh X,province\ny,Xã Y,commune\n"))
	if code != 1 || !strings.Contains(errs, `counters[HS-01].unit = "00004"`) || codes(c) != "01 00004 h1… x y… y" {
		t.Fatalf("exit %d %s: %s", code, errs, codes(c))
	}

	t.Log("a CSV file that is all units leaves the counters alone")
	code, _, errs = run("en", "units", "import", "--replace", file(t, "all.csv", "code,name,kind,parent,valid_from,valid_to\nx,Tỉnh X,province,,,\ny,Xã Y cũ,commune,x,,\n00004,Phường Hoa Sen,commune,x,2025-07-01,\n"))
	if code != 0 || codes(c) != "00004 x y" || len(c.units.Counters) != 2 || len(c.units.Procedures) != 1 {
		t.Fatalf("exit %d %s: %s", code, errs, codes(c))
	}

	t.Log("a YAML file that is the whole takes the rest away")
	code, out, errs = run("en", "units", "import", "--replace", file(t, "whole.yaml", newUnits))
	if code != 0 || codes(c) != "x y" || len(c.units.Counters) != 1 || len(c.units.Fields)+len(c.units.Procedures) != 0 {
		t.Fatalf("exit %d %s: %+v", code, errs, c.units)
	}
	golden(t, "units_import_whole_en.txt", out)
}

// What is listed as CSV can be imported as it is.
func TestListedUnitsCanBeImported(t *testing.T) {
	c := newCentre(t)
	t.Setenv("HAILONG_SERVER", c.URL)
	t.Setenv("HAILONG_TOKEN", token)
	_, listed, _ := run("en", "units", "list", "-o", "csv")
	was := c.units
	c.units = survey.Structure{Units: []survey.Unit{}}
	code, _, errs := run("en", "units", "import", file(t, "units.csv", listed))
	want, _ := json.Marshal(was.Units)
	if got, _ := json.Marshal(c.units.Units); code != 0 || string(got) != string(want) {
		t.Errorf("exit %d %s\ngot  %s\nwant %s", code, errs, got, want)
	}
}

func TestABadFileNeverReachesTheCentre(t *testing.T) {
	c := newCentre(t)
	t.Setenv("HAILONG_SERVER", c.URL)
	t.Setenv("HAILONG_TOKEN", token)
	for _, x := range []struct {
		name, content string
		code          int
		vi, en        string
	}{
		{"a.yaml", "units:\n- {code: a, nam: {vi: A}, kind: commune}\n", 1, "a.yaml:2: units[0].nam: không có khóa này", "a.yaml:2: units[0].nam: there is no such key"},
		{"a.csv", "code,name,kind\na,,commune\n", 1, "a.csv:2: name: thiếu lời tiếng Việt", "a.csv:2: name: the Vietnamese words are missing"},
		{"a.xlsx", "PK", 2, "phải kết thúc bằng .yaml, .yml hoặc .csv", "must end in .yaml, .yml or .csv"},
	} {
		for lang, want := range map[survey.Lang]string{survey.Vietnamese: x.vi, survey.English: x.en} {
			code, _, errs := run(lang, "units", "import", file(t, x.name, x.content))
			if code != x.code || !strings.Contains(errs, want) || c.body != "" || c.query != "" {
				t.Errorf("%s: exit %d\n%s\nwant %s", x.name, code, errs, want)
			}
		}
	}
	none := filepath.Join(t.TempDir(), "none.csv")
	for lang, want := range map[survey.Lang]string{"vi": "không đọc được " + none + ": không có ở đó\n", "en": none + " cannot be read: it is not there\n"} {
		if code, _, errs := run(lang, "units", "import", none); code != 1 || errs != "hailong: "+want {
			t.Errorf("no file: exit %d, %s", code, errs)
		}
	}
	if codes(c) != "01 00004 h1…" {
		t.Errorf("the centre's units changed: %s", codes(c))
	}
}

// A file need not be a whole: a counter of a unit that the centre has is enough.
func TestANewCounterOfAnOldUnit(t *testing.T) {
	c := newCentre(t)
	t.Setenv("HAILONG_SERVER", c.URL)
	t.Setenv("HAILONG_TOKEN", token)
	counter := func(unit string) string {
		return "counters:\n- {code: HS-09, unit: \"" + unit + "\", name: {vi: Quầy 9}, valid_from: 2026-01-01}\n"
	}
	code, _, errs := run("en", "units", "import", file(t, "one.yaml", counter("00004")))
	if code != 0 || len(c.units.Counters) != 2 || c.units.Counters[1].Unit != "00004" || codes(c) != "01 00004 h1…" {
		t.Fatalf("exit %d %s: %+v", code, errs, c.units)
	}
	for _, x := range []struct{ name, content, want string }{
		{"of no unit", counter("nowhere"), `bad.yaml:2: counters[0].unit = "nowhere"`},
		{"that is written wrongly", counter("00004") + "desks: []\n", "bad.yaml:3: desks: there is no such key"},
	} {
		code, _, errs := run("en", "units", "import", file(t, "bad.yaml", x.content))
		if code != 1 || !strings.Contains(errs, x.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("a counter %s: exit %d\n%s\nwant %s", x.name, code, errs, x.want)
		}
	}
	code, _, errs = run("en", "units", "import", "--replace", file(t, "one.yaml", counter("00004")))
	if code != 1 || !strings.Contains(errs, "one.yaml:2: counters[0].unit") || len(c.units.Units) != 3 {
		t.Errorf("as the whole: exit %d %s", code, errs)
	}
}

// A table of four columns says nothing of the rest, and so takes nothing away.
func TestColumnsThatAreMissingEraseNothing(t *testing.T) {
	c := newCentre(t)
	t.Setenv("HAILONG_SERVER", c.URL)
	t.Setenv("HAILONG_TOKEN", token)
	before := survey.Unit{Code: "00004", Name: survey.Words{"vi": "Xã Hoa Sen", "en": "Hoa Sen Commune"}, Kind: survey.Commune, Parent: "01", ValidTo: survey.NewDate(2025, 6, 30)}
	c.units.Units = append(c.units.Units, before)
	code, _, errs := run("en", "units", "import", file(t, "names.csv", "\ufeffcode;name;kind;parent\r\n01;Thành phố Mới;province;\r\n00004;Phường Sen;commune;01\r\n"))
	got, _ := json.Marshal(c.units.Units)
	want, _ := json.Marshal([]survey.Unit{
		{Code: "01", Name: survey.Words{"vi": "Thành phố Mới", "en": "Sample City"}, Kind: survey.Province},
		before,
		{Code: "00004", Name: survey.Words{"vi": "Phường Sen"}, Kind: survey.Commune, Parent: "01", ValidFrom: survey.NewDate(2025, 7, 1), AdminCode: "00004", Predecessors: []survey.UnitCode{"001", "002"}},
		{Code: "h1", Name: survey.Words{"vi": "=Huyện cũ"}, Kind: survey.District, Parent: "01", ValidTo: survey.NewDate(2025, 6, 30)},
	})
	if code != 0 || string(got) != string(want) {
		t.Fatalf("exit %d %s\ngot  %s\nwant %s", code, errs, got, want)
	}

	t.Log("a column that is there and empty takes away")
	code, _, errs = run("en", "units", "import", file(t, "days.csv", "code,name,kind,parent,valid_from,admin_code\n00004,Phường Sen,commune,01,2025-07-01,\n"))
	if u, _ := c.units.Unit("00004", survey.NewDate(2026, 1, 1)); code != 0 || u.AdminCode != "" || len(u.Predecessors) != 2 {
		t.Fatalf("exit %d %s: %+v", code, errs, u)
	}
}
