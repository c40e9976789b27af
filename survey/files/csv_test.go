package files_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"hailong/survey"
	"hailong/survey/files"
)

const table = `code,name,kind,parent
01,Thành phố Mẫu,province,
00004,Phường Hoa Sen,commune,01
`

func TestUnitsAreReadFromATable(t *testing.T) {
	const want = "[{01 map[vi:Thành phố Mẫu] province     []} {00004 map[vi:Phường Hoa Sen] commune 01    []}]"
	for name, data := range map[string]string{
		"commas":           table,
		"semicolons":       strings.ReplaceAll(table, ",", ";"),
		"spreadsheet":      "\ufeff" + strings.ReplaceAll(table, "\n", "\r\n"),
		"empty lines":      strings.ReplaceAll(table, "00004", "\n,,,\n00004"),
		"blanks":           strings.ReplaceAll(table, ",", " , "),
		"quotes":           strings.ReplaceAll(table, "Phường Hoa Sen", `"Phường Hoa Sen"`),
		"upper case":       strings.ReplaceAll(table, "code,name", "Code,NAME"),
		"decomposed":       strings.ReplaceAll(table, "ẫ", "a\u0302\u0303"),
		"another order":    "parent,kind,name,code\n,province,Thành phố Mẫu,01\n01,commune,Phường Hoa Sen,00004\n",
		"no last line end": strings.TrimSuffix(table, "\n"),
	} {
		units, err := files.UnitsCSV("u.csv", []byte(data))
		if got := fmt.Sprint(units); err != nil || got != want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, got, want)
		}
	}
}

func TestTheOtherColumns(t *testing.T) {
	units, err := files.UnitsCSV("u.csv", []byte(`code;name;name_en;kind;valid_from;valid_to;admin_code;predecessors
a;Phường A;Ward A;commune;2025-07-01;2026-06-30;00004;x y
a;'=Phường A;;commune;2026-07-01;;;
`))
	got := fmt.Sprint(units)
	want := "[{a map[en:Ward A vi:Phường A] commune  2025-07-01 2026-06-30 00004 [x y]} {a map[vi:=Phường A] commune  2026-07-01   []}]"
	if err != nil || got != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
}

func TestTablesThatAreRefused(t *testing.T) {
	with := func(line string) string { return table + line + "\n" }
	const kinds = "ministry, province, department, commune, centre, branch, central_agency, service_unit, district"
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", "u.csv:1: the first line must name the columns: code, name, kind, parent"},
		{"no rows", "code,name,kind\n", "u.csv: there is no unit in the file"},
		{"no header", "01,Hà Nội,province,\n", `u.csv:1: "01": there is no such column; the columns are: code, name, kind, parent, valid_from, valid_to, admin_code, predecessors, name_en`},
		{"column missing", "code,kind\na,commune\n", "u.csv:1: name: this column is missing"},
		{"column twice", "code,name,kind,Code\n", `u.csv:1: "code": this column is there twice`},
		{"short line", with("00005,Phường"), "u.csv:4: the line has 2 cells, but there are 4 columns"},
		{"long line", with("00005,Phường,commune,01,x"), "u.csv:4: the line has 5 cells, but there are 4 columns"},
		{"open quote", with(`00005,"Phường,commune,01`), "u.csv:4: a double quote is misplaced or not closed"},
		{"stray quote", with(`00005,Ph"ường,commune,01`), "u.csv:4: a double quote is misplaced or not closed"},
		{"no code", with(",Phường,commune,01"), `u.csv:4: code: a code has 1 to 64 characters of A–Z, a–z, 0–9, dot, hyphen or underscore, beginning with a letter or digit`},
		{"no name", with("00005,,commune,01"), "u.csv:4: name: the Vietnamese words are missing"},
		{"kind", with("00005,Phường,ward,01"), `u.csv:4: kind = "ward": the kind must be one of: ` + kinds},
		{"twice", with("01,Tỉnh,province,"), `u.csv:4: "..": its days overlap another row with the same code`},
		{"circle", with("a,A,commune,b\nb,B,commune,a"), "the tree of units runs in a circle through this unit"},
		{"day", "code,name,kind,valid_to\na,A,commune,30/06/2025\n", `u.csv:2: valid_to = "30/06/2025": a day is written YYYY-MM-DD, for example 2026-03-31`},
		{"old encoding", with("00005,Ph\xd0,commune,01"), "u.csv:4: this line is not UTF-8 (an older encoding?); save the file as UTF-8"},
		{"UTF-16", "\xff\xfec\x00", "u.csv:1: the file is UTF-16; save it as UTF-8"},
		{"too large", strings.Repeat("\n", files.MaxStructure+1), "u.csv: the file is too large: 16777217 bytes, at most 16777216"},
	} {
		t.Run(c.name, func(t *testing.T) {
			units, err := files.UnitsCSV("u.csv", []byte(c.data))
			var fe *files.Error
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("read %v\ngot  %v\nwant %s", units, err, c.want)
			}
			if fe.Text(survey.Vietnamese) == err.Error() {
				t.Errorf("the Vietnamese text is the English one: %s", err)
			}
		})
	}
}

// A file may hold one province's new communes alone: what they belong to is known
// where the file goes.
func TestAParentMayBeElsewhere(t *testing.T) {
	units, err := files.UnitsCSV("u.csv", []byte("code,name,kind,parent\n00005,Phường,commune,99\n"))
	if err != nil || units[0].Parent != "99" {
		t.Errorf("%v, %v", units, err)
	}
}

// A whole country: as many rows as there are provinces and communes since July 2025.
func TestAWholeCountry(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("code,name,kind,parent\n")
	for p := range 34 {
		fmt.Fprintf(&b, "%02d,Tỉnh %d,province,\n", p, p)
	}
	for c := range 3321 {
		fmt.Fprintf(&b, "%05d,Xã %d,commune,%02d\n", c, c, c%34)
	}
	units, err := files.UnitsCSV("u.csv", b.Bytes())
	if err != nil || len(units) != 34+3321 {
		t.Fatalf("%d units, %v", len(units), err)
	}
	s := survey.Structure{Units: units}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	if got := len(s.Subtree("07", survey.NewDate(2026, 7, 1))); got != 1+98 {
		t.Errorf("%d units in one province", got)
	}
}

func FuzzUnitsCSV(f *testing.F) {
	f.Add([]byte(table))
	f.Add([]byte("code;name;name_en;kind;valid_from\na;A;B;commune;2025-07-01\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		units, err := files.UnitsCSV("u.csv", data)
		var fe *files.Error
		switch {
		case err == nil && len(units) == 0:
			t.Fatal("nothing was read, and no error")
		case err != nil && !errors.As(err, &fe):
			t.Fatalf("%T: %v", err, err)
		}
	})
}
