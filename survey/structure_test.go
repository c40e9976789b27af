package survey_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"hailong/survey"
)

func day(s string) survey.Date {
	d, err := survey.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

// quangAn is a small province around 1 July 2025, when districts ended and its two
// communes became one directly below the province.
func quangAn() *survey.Structure {
	lastOfDistricts, reform := day("2025-06-30"), day("2025-07-01")
	return &survey.Structure{
		Units: []survey.Unit{
			{Code: "01", Name: words("Tỉnh Quảng An", "Quang An"), Kind: survey.Province},
			{Code: "01.D1", Name: words("Huyện Bình Minh", "Binh Minh district"), Kind: survey.District, Parent: "01", ValidTo: lastOfDistricts},
			{Code: "00101", Name: words("Xã Đông", "East"), Kind: survey.Commune, Parent: "01.D1", ValidTo: lastOfDistricts},
			{Code: "00102", Name: words("Xã Tây", "West"), Kind: survey.Commune, Parent: "01.D1", ValidTo: lastOfDistricts},
			{Code: "00201", Name: words("Phường Bình Minh", "Binh Minh ward"), Kind: survey.Commune, Parent: "01", ValidFrom: reform, Predecessors: []survey.UnitCode{"00101", "00102"}},
			{Code: "SNV", Name: words("Sở Nội vụ", "Home affairs"), Kind: survey.Department, Parent: "01"},
		},
		Counters: []survey.Counter{
			{Code: "D-1", Unit: "00101", Name: words("Quầy 1", "Counter 1"), ValidTo: lastOfDistricts},
			{Code: "D-1", Unit: "00201", Name: words("Quầy 1", "Counter 1"), ValidFrom: reform},
			{Code: "S-1", Unit: "SNV", Name: words("Quầy Nội vụ", "Home affairs counter")},
		},
		Fields:     []survey.Field{{Code: "land", Name: words("Đất đai", "Land")}},
		Procedures: []survey.Procedure{{Code: "1.001", Name: words("Cấp sổ", "Title"), Field: "land", StatutoryDays: 15}},
	}
}

func TestTheDistrictEndsOnThirtyJune2025(t *testing.T) {
	s := quangAn()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		root, day, want string
	}{
		{"01", "2025-06-30", "00101 00102 01 01.D1 SNV"},
		{"01", "2025-07-01", "00201 01 SNV"},
		{"01.D1", "2025-06-30", "00101 00102 01.D1"},
		{"01.D1", "2025-07-01", ""},
		{"00201", "2025-06-30", ""},
		{"00201", "2025-07-01", "00201"},
		{"", "2025-06-30", "00101 00102 01 01.D1 SNV"},
		{"", "2025-07-01", "00201 01 SNV"},
		{"nowhere", "2025-07-01", ""},
	} {
		var got []string
		for _, u := range slices.Sorted(maps.Keys(s.Subtree(survey.UnitCode(c.root), day(c.day)))) {
			got = append(got, string(u))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("below %q on %s: %v, want %s", c.root, c.day, got, c.want)
		}
	}
	if u, ok := s.Unit("01.D1", day("2025-06-30")); !ok || u.Kind != survey.District {
		t.Errorf("the district on its last day: %+v, %v", u, ok)
	}
	if _, ok := s.Unit("01.D1", day("2025-07-01")); ok || !s.HasUnit("01.D1") || s.HasUnit("nowhere") {
		t.Error("the district is still in force, or forgotten")
	}
	before, _ := s.Counter("D-1", day("2025-06-30"))
	after, _ := s.Counter("D-1", day("2025-07-01"))
	if before.Unit != "00101" || after.Unit != "00201" {
		t.Errorf("counter D-1 belongs to %s and then to %s", before.Unit, after.Unit)
	}
}

func TestSpansCutWhereTheTreeChanges(t *testing.T) {
	s := quangAn()
	for _, c := range []struct{ from, to, want string }{
		{"2025-06-01", "2025-07-31", "2025-06-01..2025-06-30 2025-07-01..2025-07-31"},
		{"2025-06-30", "2025-07-01", "2025-06-30..2025-06-30 2025-07-01..2025-07-01"},
		{"2025-07-01", "2025-12-31", "2025-07-01..2025-12-31"},
		{"2025-06-01", "2025-06-30", "2025-06-01..2025-06-30"},
		{"2025-07-01", "2025-07-01", "2025-07-01..2025-07-01"},
	} {
		var got []string
		for _, sp := range s.Spans(day(c.from), day(c.to)) {
			got = append(got, sp.From.String()+".."+sp.To.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s..%s is cut into %v, want %s", c.from, c.to, got, c.want)
		}
	}
	if spans := s.Spans(0, day("2025-06-30")); len(spans) != 1 {
		t.Errorf("an open beginning is cut into %v", spans)
	}
}

// TestStructureProblems makes one mistake at a time and reads the whole answer.
func TestStructureProblems(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*survey.Structure)
		vi, en string
	}{
		"bad code": {
			func(s *survey.Structure) { s.Units[5].Code = "S NV"; s.Counters[2].Unit = "S NV" },
			`units[5].code = "S NV": mã phải có 1 đến 64 ký tự A–Z, a–z, 0–9, dấu chấm, gạch ngang hoặc gạch dưới, bắt đầu bằng chữ hoặc số`,
			`units[5].code = "S NV": a code has 1 to 64 characters of A–Z, a–z, 0–9, dot, hyphen or underscore, beginning with a letter or digit`,
		},
		"no Vietnamese name": {
			func(s *survey.Structure) { s.Units[5].Name = survey.Words{"en": "Home affairs"} },
			`units[5].name.vi: thiếu lời tiếng Việt`, `units[5].name.vi: the Vietnamese words are missing`,
		},
		"unknown kind": {
			func(s *survey.Structure) { s.Units[5].Kind = "agency" },
			`units[5].kind = "agency": loại đơn vị phải là một trong: ministry, province, department, commune, centre, branch, central_agency, service_unit, district`,
			`units[5].kind = "agency": the kind must be one of: ministry, province, department, commune, centre, branch, central_agency, service_unit, district`,
		},
		"ends before it begins": {
			func(s *survey.Structure) { s.Units[4].ValidTo = day("2025-06-30"); s.Counters[1].Unit = "SNV" },
			`units[4].valid_to = "2025-06-30": ngày cuối phải không sớm hơn valid_from`,
			`units[4].valid_to = "2025-06-30": the last day must not be before valid_from`,
		},
		"rows overlap": {
			func(s *survey.Structure) {
				again := s.Units[5]
				again.ValidFrom = day("2026-01-01")
				s.Units = append(s.Units, again)
			},
			`units[6] = "2026-01-01..": trùng ngày với một dòng khác cùng mã`,
			`units[6] = "2026-01-01..": its days overlap another row with the same code`,
		},
		"parent unknown": {
			func(s *survey.Structure) { s.Units[5].Parent = "02" },
			`units[5].parent = "02": đơn vị cấp trên không tồn tại trong mọi ngày của đơn vị này`,
			`units[5].parent = "02": the parent does not exist on every day of this unit`,
		},
		"parent ends a day early": {
			func(s *survey.Structure) { s.Units[1].ValidTo = day("2025-06-29"); s.Units[3].Parent = "01" },
			`units[2].parent = "01.D1": đơn vị cấp trên không tồn tại trong mọi ngày của đơn vị này`,
			`units[2].parent = "01.D1": the parent does not exist on every day of this unit`,
		},
		"its own parent": {
			func(s *survey.Structure) { s.Units[0].Parent = "01" },
			`units[0].parent = "01": cây đơn vị chạy vòng qua đơn vị này`,
			`units[0].parent = "01": the tree of units runs in a circle through this unit`,
		},
		"two in a circle": {
			func(s *survey.Structure) { s.Units[0].Parent = "SNV" },
			`units[0].parent = "SNV": cây đơn vị chạy vòng qua đơn vị này`,
			`units[0].parent = "SNV": the tree of units runs in a circle through this unit`,
		},
		"a circle that closes later": {
			func(s *survey.Structure) {
				moved := s.Units[0]
				moved.ValidFrom, moved.Parent = day("2026-01-01"), "SNV"
				s.Units[0].ValidTo = day("2025-12-31")
				s.Units = append(s.Units, moved)
			},
			`units[6].parent = "SNV": cây đơn vị chạy vòng qua đơn vị này`,
			`units[6].parent = "SNV": the tree of units runs in a circle through this unit`,
		},
		"counter's unit ends before it": {
			func(s *survey.Structure) { s.Counters[0].ValidTo = day("2025-06-30"); s.Counters[1].Unit = "00102" },
			`counters[1].unit = "00102": đơn vị không tồn tại trong mọi ngày của quầy này`,
			`counters[1].unit = "00102": the unit does not exist on every day of this counter`,
		},
		"counter rows overlap": {
			func(s *survey.Structure) { s.Counters[1].ValidFrom, s.Counters[1].Unit = day("2025-06-30"), "SNV" },
			`counters[1] = "2025-06-30..": trùng ngày với một dòng khác cùng mã`,
			`counters[1] = "2025-06-30..": its days overlap another row with the same code`,
		},
		"field twice": {
			func(s *survey.Structure) { s.Fields = append(s.Fields, s.Fields[0]) },
			`fields[1].code = "land": mã lĩnh vực bị lặp`, `fields[1].code = "land": the field's code is there twice`,
		},
		"procedure twice": {
			func(s *survey.Structure) { s.Procedures = append(s.Procedures, s.Procedures[0]) },
			`procedures[1].code = "1.001": mã thủ tục bị lặp`, `procedures[1].code = "1.001": the procedure's code is there twice`,
		},
		"procedure of no field": {
			func(s *survey.Structure) { s.Procedures[0].Field = "lamd" },
			`procedures[0].field = "lamd": lĩnh vực chưa được khai báo`, `procedures[0].field = "lamd": the field is not declared`,
		},
		"days below zero": {
			func(s *survey.Structure) { s.Procedures[0].StatutoryDays = -1 },
			`procedures[0].statutory_days = "-1": số ngày không được âm`, `procedures[0].statutory_days = "-1": days must not be negative`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := quangAn()
			c.spoil(s)
			sayProblems(t, s.Validate(), c.vi, c.en)
		})
	}
}

// sayProblems checks an error's words in both languages.
func sayProblems(t *testing.T, err error, vi, en string) {
	t.Helper()
	var ps survey.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("got %v, want problems: %s", err, en)
	}
	if got := ps.Text(survey.Vietnamese); got != vi {
		t.Errorf("reads\n%s\nwant\n%s", got, vi)
	}
	if got := ps.Text(survey.English); got != en {
		t.Errorf("reads\n%s\nwant\n%s", got, en)
	}
}

func TestParentMayBeCoveredByRowsInTurn(t *testing.T) {
	s := quangAn()
	renamed := s.Units[0]
	renamed.ValidFrom, renamed.Name = day("2025-07-01"), words("Tỉnh Quảng An mới", "New Quang An")
	s.Units[0].ValidTo = day("2025-06-30")
	s.Units = append([]survey.Unit{renamed}, s.Units...) // rows may come in any order
	if err := s.Validate(); err != nil {
		t.Errorf("a province of two rows does not cover its department: %v", err)
	}
	s.Units[1].ValidTo = day("2025-06-29") // a day without a province
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), `units[6].parent = "01"`) {
		t.Errorf("the missing day is not seen: %v", err)
	}
}

func TestProblemsComeInTheSameOrderEachTime(t *testing.T) {
	s := quangAn()
	s.Units[0].Parent = "SNV"
	s.Units[1].Parent = "00101"
	s.Units[5].Name = survey.Words{"vi": "Sở", "en": "", "fr": "", "zh": ""}
	first := s.Validate().Error()
	for range 20 {
		if again := s.Validate().Error(); again != first {
			t.Fatalf("once\n%s, then\n%s", first, again)
		}
	}
	if strings.Count(first, "runs in a circle") != 2 {
		t.Errorf("two circles, each told once, are told as: %s", first)
	}
}

func TestCheckSuccessor(t *testing.T) {
	today := day("2026-03-10")
	for name, c := range map[string]struct {
		change func(*survey.Structure)
		en     string // "" = allowed
	}{
		"nothing changes":         {func(*survey.Structure) {}, ""},
		"a new unit and counter":  {func(s *survey.Structure) { addTax(s) }, ""},
		"a counter gets new name": {func(s *survey.Structure) { s.Counters[2].Name = words("Quầy mới", "New") }, ""},
		"ends today":              {func(s *survey.Structure) { s.Counters[2].ValidTo = today }, ""},
		"moves tomorrow":          {func(s *survey.Structure) { move(s, 2, today+1, "00201") }, ""},
		"its row is cut in two":   {func(s *survey.Structure) { move(s, 2, day("2026-01-01"), "SNV") }, ""},
		"moves today": {
			func(s *survey.Structure) { move(s, 2, today, "00201") },
			`counters = "S-1": on 2026-03-10 this counter belonged to unit SNV, now to 00201: past days and today stay as they are; end the old row with valid_to and add a new row from tomorrow`,
		},
		"ended yesterday": {
			func(s *survey.Structure) { s.Counters[2].ValidTo = today - 1 },
			`counters = "S-1": on 2026-03-10 this counter belonged to unit SNV, now to —: past days and today stay as they are; end the old row with valid_to and add a new row from tomorrow`,
		},
		"gone altogether": {
			func(s *survey.Structure) { s.Counters = s.Counters[:2] },
			`counters = "S-1": from the first day this counter belonged to unit SNV, now to —: past days and today stay as they are; end the old row with valid_to and add a new row from tomorrow`,
		},
		"a past move is undone": {
			func(s *survey.Structure) { s.Counters[1].ValidFrom = day("2025-08-01") },
			`counters = "D-1": on 2025-07-01 this counter belonged to unit 00201, now to —: past days and today stay as they are; end the old row with valid_to and add a new row from tomorrow`,
		},
		"a hole of one day in the past": {
			func(s *survey.Structure) {
				move(s, 2, day("2026-01-02"), "SNV")
				s.Counters[2].ValidTo = day("2025-12-31")
			},
			`counters = "S-1": on 2026-01-01 this counter belonged to unit SNV, now to —: past days and today stay as they are; end the old row with valid_to and add a new row from tomorrow`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			next := quangAn()
			c.change(next)
			if name != "a past move is undone" && next.Validate() != nil {
				t.Fatalf("the new structure itself is wrong: %v", next.Validate())
			}
			got := ""
			if err := next.CheckSuccessor(quangAn(), today); err != nil {
				got = err.Error()
			}
			if got != c.en {
				t.Errorf("reads\n%q, want\n%q", got, c.en)
			}
		})
	}
	if err := quangAn().CheckSuccessor(&survey.Structure{}, today); err != nil {
		t.Errorf("a first structure is refused: %v", err)
	}
}

func addTax(s *survey.Structure) {
	s.Units = append(s.Units, survey.Unit{Code: "TAX", Name: words("Thuế tỉnh", "Tax"), Kind: survey.CentralAgency, Parent: "01"})
	s.Counters = append(s.Counters, survey.Counter{Code: "T-1", Unit: "TAX", Name: words("Quầy thuế", "Tax counter")})
}

// move ends row i the day before and goes on with another unit.
func move(s *survey.Structure, i int, from survey.Date, to survey.UnitCode) {
	row := s.Counters[i]
	s.Counters[i].ValidTo = from - 1
	row.ValidFrom, row.Unit = from, to
	s.Counters = append(s.Counters, row)
}

// country is 34 provinces with 3,321 communes, each with a counter and half of them
// with a row before and one after the reform.
func country() *survey.Structure {
	s := &survey.Structure{}
	for p := range 34 {
		code := survey.UnitCode(fmt.Sprintf("%02d", p+1))
		s.Units = append(s.Units, survey.Unit{Code: code, Name: words("Tỉnh "+string(code), ""), Kind: survey.Province})
		delete(s.Units[len(s.Units)-1].Name, "en")
	}
	for c := range 3321 {
		u := survey.Unit{
			Code: survey.UnitCode(fmt.Sprintf("%05d", c+1)), Name: survey.Words{"vi": "Xã"}, Kind: survey.Commune,
			Parent: s.Units[c%34].Code,
		}
		if c%2 == 0 { // each on a day of its own, as slowly as it can go
			earlier := u
			earlier.ValidTo = day("2025-06-30") - survey.Date(c)
			u.ValidFrom = earlier.ValidTo + 1
			s.Units = append(s.Units, earlier)
		}
		s.Units = append(s.Units, u)
		s.Counters = append(s.Counters, survey.Counter{Code: survey.CounterCode(u.Code) + "-1", Unit: u.Code, Name: survey.Words{"vi": "Quầy"}})
	}
	return s
}

func TestTheWholeCountryIsCheckedAtOnce(t *testing.T) {
	s := country()
	start := time.Now()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Subtree("", day("2026-01-01"))); n != 34+3321 {
		t.Errorf("%d units in force", n)
	}
	if n := len(s.Subtree("01", day("2026-01-01"))); n != 1+3321/34+1 {
		t.Errorf("%d units below the first province", n)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it takes %v", took)
	}
	other := country()
	start = time.Now()
	if err := other.CheckSuccessor(s, day("2026-01-01")); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("comparing two takes %v", took)
	}
}

// TestADeepTreeIsRefusedInTime is what somebody could upload to be a nuisance.
func TestADeepTreeIsRefusedInTime(t *testing.T) {
	chain := func(n int) *survey.Structure {
		s := &survey.Structure{}
		for i := range n {
			u := survey.Unit{Code: survey.UnitCode(fmt.Sprint("u", i)), Name: survey.Words{"vi": "Đơn vị"}, Kind: survey.Centre}
			if i > 0 {
				u.Parent = survey.UnitCode(fmt.Sprint("u", i-1))
			}
			s.Units = append(s.Units, u)
		}
		return s
	}
	if err := chain(33).Validate(); err != nil {
		t.Errorf("32 levels below the root are refused: %v", err)
	}
	sayProblems(t, chain(34).Validate(), `units[33].parent = "u32": cây đơn vị sâu quá 32 cấp`, `units[33].parent = "u32": the tree of units is deeper than 32 levels`)
	start := time.Now()
	long := chain(3355)
	long.Units[0].Parent = "u3000"
	if err := long.Validate(); err == nil {
		t.Error("a circle of 3,000 units passes")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it takes %v", took)
	}
	small := chain(5)
	small.Units[0].Parent = "u1" // the others hang below the circle
	sayProblems(t, small.Validate(), `units[0].parent = "u1": cây đơn vị chạy vòng qua đơn vị này`, `units[0].parent = "u1": the tree of units runs in a circle through this unit`)
}

func BenchmarkValidateCountry(b *testing.B) {
	s := country()
	for b.Loop() {
		if err := s.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSubtreeCountry(b *testing.B) {
	s := country()
	for b.Loop() {
		s.Subtree("01", day("2026-01-01"))
	}
}

func ExampleStructure_Subtree() {
	s := survey.Structure{Units: []survey.Unit{
		{Code: "01", Name: survey.Words{"vi": "Tỉnh Quảng An"}, Kind: survey.Province},
		{Code: "01.D1", Name: survey.Words{"vi": "Huyện Bình Minh"}, Kind: survey.District, Parent: "01", ValidTo: day("2025-06-30")},
	}}
	fmt.Println(len(s.Subtree("01", day("2025-06-30"))), len(s.Subtree("01", day("2025-07-01"))))
	// Output: 2 1
}
