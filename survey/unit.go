package survey

import (
	"fmt"
	"slices"
	"strings"
)

// UnitKind says what sort of body a unit is.
type UnitKind string

// The kinds of units. Districts ended on 1 July 2025 and live on in history only.
const (
	Ministry      UnitKind = "ministry"
	Province      UnitKind = "province"
	Department    UnitKind = "department"
	Commune       UnitKind = "commune"
	Centre        UnitKind = "centre"
	Branch        UnitKind = "branch"
	CentralAgency UnitKind = "central_agency"
	ServiceUnit   UnitKind = "service_unit"
	District      UnitKind = "district"
)

var unitKinds = []UnitKind{Ministry, Province, Department, Commune, Centre, Branch, CentralAgency, ServiceUnit, District}

// Unit is a node of the administrative tree during a span of days. A unit that moves
// or is renamed has a second row with the same code and a later span; one that is
// merged away ends, and its successor names it in Predecessors.
type Unit struct {
	Code         UnitCode   `json:"code" yaml:"code"`
	Name         Words      `json:"name" yaml:"name"`
	Kind         UnitKind   `json:"kind" yaml:"kind"`
	Parent       UnitCode   `json:"parent,omitempty" yaml:"parent,omitempty"`
	ValidFrom    Date       `json:"valid_from,omitempty" yaml:"valid_from,omitempty"` // first day; absent = always was
	ValidTo      Date       `json:"valid_to,omitempty" yaml:"valid_to,omitempty"`     // last day; absent = open
	AdminCode    string     `json:"admin_code,omitempty" yaml:"admin_code,omitempty"` // code of Decision 19/2025/QĐ-TTg, where the unit has one
	Predecessors []UnitCode `json:"predecessors,omitempty" yaml:"predecessors,omitempty"`
}

// Counter is a desk of a unit during a span of days. It may end, and begin anew at
// another unit the next day; days that already hold answers keep their unit.
type Counter struct {
	Code      CounterCode `json:"code" yaml:"code"`
	Unit      UnitCode    `json:"unit" yaml:"unit"`
	Name      Words       `json:"name" yaml:"name"`
	ValidFrom Date        `json:"valid_from,omitempty" yaml:"valid_from,omitempty"`
	ValidTo   Date        `json:"valid_to,omitempty" yaml:"valid_to,omitempty"`
}

// Field is a field of procedures (lĩnh vực).
type Field struct {
	Code FieldCode `json:"code" yaml:"code"`
	Name Words     `json:"name" yaml:"name"`
}

// Procedure is an administrative procedure (thủ tục hành chính).
type Procedure struct {
	Code          ProcedureCode `json:"code" yaml:"code"`
	Name          Words         `json:"name" yaml:"name"`
	Field         FieldCode     `json:"field" yaml:"field"`
	StatutoryDays int           `json:"statutory_days,omitempty" yaml:"statutory_days,omitempty"` // working days allowed by law; 0 = not stated
}

// Structure is who serves where: the unit tree and its counters over time, and the
// fields and procedures. It is kept and replaced as a whole.
type Structure struct {
	Units      []Unit      `json:"units" yaml:"units"`
	Counters   []Counter   `json:"counters" yaml:"counters"`
	Fields     []Field     `json:"fields" yaml:"fields"`
	Procedures []Procedure `json:"procedures" yaml:"procedures"`
}

func covers(from, to, day Date) bool {
	return (from == 0 || from <= day) && (to == 0 || day <= to)
}

// Unit is the row of code in force on day.
func (s *Structure) Unit(code UnitCode, day Date) (Unit, bool) {
	for _, u := range s.Units {
		if u.Code == code && covers(u.ValidFrom, u.ValidTo, day) {
			return u, true
		}
	}
	return Unit{}, false
}

// HasUnit reports whether code names a unit on any day.
func (s *Structure) HasUnit(code UnitCode) bool {
	return slices.ContainsFunc(s.Units, func(u Unit) bool { return u.Code == code })
}

// Counter is the row of code in force on day.
func (s *Structure) Counter(code CounterCode, day Date) (Counter, bool) {
	for _, c := range s.Counters {
		if c.Code == code && covers(c.ValidFrom, c.ValidTo, day) {
			return c, true
		}
	}
	return Counter{}, false
}

// Subtree is the set of units at or below root on day. It is empty when root is not
// in force that day. The empty root stands for the whole forest.
func (s *Structure) Subtree(root UnitCode, day Date) map[UnitCode]bool {
	children := map[UnitCode][]UnitCode{}
	found := root == ""
	for _, u := range s.Units {
		if !covers(u.ValidFrom, u.ValidTo, day) {
			continue
		}
		found = found || u.Code == root
		parent := u.Parent
		if root == "" {
			parent = "" // everything in force is below the forest's root
		}
		children[parent] = append(children[parent], u.Code)
	}
	set := map[UnitCode]bool{}
	if !found {
		return set
	}
	for todo := []UnitCode{root}; len(todo) > 0; todo = todo[1:] {
		if set[todo[0]] {
			continue
		}
		set[todo[0]] = true
		if root != "" || todo[0] == "" {
			todo = append(todo, children[todo[0]]...)
		}
	}
	delete(set, "")
	return set
}

// Span is a run of days during which the structure does not change.
type Span struct{ From, To Date }

// Spans cuts the days from..to (both included) where any unit or counter begins or
// ends, so that each span can be scored on the tree of its own days.
func (s *Structure) Spans(from, to Date) []Span {
	cuts := map[Date]bool{from: true}
	cut := func(first, last Date) {
		if first > from && first <= to {
			cuts[first] = true
		}
		if last >= from && last < to {
			cuts[last+1] = true
		}
	}
	for _, u := range s.Units {
		cut(u.ValidFrom, u.ValidTo)
	}
	for _, c := range s.Counters {
		cut(c.ValidFrom, c.ValidTo)
	}
	starts := make([]Date, 0, len(cuts))
	for d := range cuts {
		starts = append(starts, d)
	}
	slices.Sort(starts)
	spans := make([]Span, len(starts))
	for i, d := range starts {
		spans[i] = Span{From: d, To: to}
		if i > 0 {
			spans[i-1].To = d - 1
		}
	}
	return spans
}

// Validate checks the whole structure: codes, words, kinds, spans that overlap,
// parents and counters' units that exist on each of their days, and cycles. The
// error, if any, is [Problems].
func (s *Structure) Validate() error {
	var ps Problems
	v := structureCheck{s: s, ps: &ps, units: map[UnitCode][]Span{}}
	v.unitRows()
	v.parents()
	v.cycles()
	v.counterRows()
	v.fieldsAndProcedures()
	return ps.Err()
}

type structureCheck struct {
	s     *Structure
	ps    *Problems
	units map[UnitCode][]Span // spans in force of each unit, To open = maxDate
}

const maxDate = Date(1<<31 - 2)

func openSpan(from, to Date) Span {
	if to == 0 {
		to = maxDate
	}
	return Span{from, to}
}

// span checks one row's days against each other and against rows before it.
func (v *structureCheck) span(path string, from, to Date, before []Span) Span {
	sp := openSpan(from, to)
	if sp.To < sp.From {
		v.ps.Add(path+".valid_to", to.String(), "ngày cuối phải không sớm hơn valid_from", "the last day must not be before valid_from")
	}
	for _, b := range before {
		if sp.From <= b.To && b.From <= sp.To {
			v.ps.Add(path, from.String()+".."+to.String(), "trùng ngày với một dòng khác cùng mã", "its days overlap another row with the same code")
			break
		}
	}
	return sp
}

func (v *structureCheck) unitRows() {
	for i, u := range v.s.Units {
		path := fmt.Sprintf("units[%d]", i)
		v.ps.Check(CodeProblem(path+".code", string(u.Code)))
		u.Name.problems(path+".name", v.ps)
		if !slices.Contains(unitKinds, u.Kind) {
			v.ps.Add(path+".kind", string(u.Kind), "loại đơn vị phải là một trong: "+joined(unitKinds), "the kind must be one of: "+joined(unitKinds))
		}
		v.units[u.Code] = append(v.units[u.Code], v.span(path, u.ValidFrom, u.ValidTo, v.units[u.Code]))
	}
}

// within reports whether the spans of code together cover sp.
func (v *structureCheck) within(code UnitCode, sp Span) bool {
	spans := slices.Clone(v.units[code])
	slices.SortFunc(spans, func(a, b Span) int { return int(int64(a.From) - int64(b.From)) })
	next := sp.From
	for _, have := range spans {
		if have.From > next {
			break
		}
		if have.To >= sp.To {
			return true
		}
		next = max(next, have.To+1)
	}
	return false
}

func (v *structureCheck) parents() {
	for i, u := range v.s.Units {
		if u.Parent == "" {
			continue
		}
		if !v.within(u.Parent, openSpan(u.ValidFrom, u.ValidTo)) {
			v.ps.Add(fmt.Sprintf("units[%d].parent", i), string(u.Parent),
				"đơn vị cấp trên không tồn tại trong mọi ngày của đơn vị này", "the parent does not exist on every day of this unit")
		}
	}
}

// cycles looks at the tree of each span in turn: a chain of parents that is longer
// than the number of units runs in a circle.
func (v *structureCheck) cycles() {
	starts := map[Date]bool{}
	for _, u := range v.s.Units {
		starts[u.ValidFrom] = true
	}
	told := map[UnitCode]bool{}
	for day := range starts {
		parent := map[UnitCode]UnitCode{}
		for _, u := range v.s.Units {
			if covers(u.ValidFrom, u.ValidTo, day) {
				parent[u.Code] = u.Parent
			}
		}
		settled := map[UnitCode]bool{"": true}
		for code := range parent {
			var walked []UnitCode
			on := map[UnitCode]bool{}
			at := code
			for !settled[at] && !on[at] {
				on[at] = true
				walked = append(walked, at)
				at = parent[at]
			}
			if on[at] && !told[at] {
				for _, w := range walked {
					told[w] = true
				}
				v.ps.Add("units", string(at), "cây đơn vị chạy vòng qua đơn vị này", "the tree of units runs in a circle through this unit")
			}
			for _, w := range walked {
				settled[w] = true
			}
		}
	}
}

func (v *structureCheck) counterRows() {
	seen := map[CounterCode][]Span{}
	for i, c := range v.s.Counters {
		path := fmt.Sprintf("counters[%d]", i)
		v.ps.Check(CodeProblem(path+".code", string(c.Code)))
		c.Name.problems(path+".name", v.ps)
		sp := v.span(path, c.ValidFrom, c.ValidTo, seen[c.Code])
		seen[c.Code] = append(seen[c.Code], sp)
		if !v.within(c.Unit, sp) {
			v.ps.Add(path+".unit", string(c.Unit), "đơn vị không tồn tại trong mọi ngày của quầy này", "the unit does not exist on every day of this counter")
		}
	}
}

func (v *structureCheck) fieldsAndProcedures() {
	fields := map[FieldCode]bool{}
	for i, f := range v.s.Fields {
		path := fmt.Sprintf("fields[%d]", i)
		v.ps.Check(CodeProblem(path+".code", string(f.Code)))
		f.Name.problems(path+".name", v.ps)
		if fields[f.Code] {
			v.ps.Add(path+".code", string(f.Code), "mã lĩnh vực bị lặp", "the field's code is there twice")
		}
		fields[f.Code] = true
	}
	seen := map[ProcedureCode]bool{}
	for i, p := range v.s.Procedures {
		path := fmt.Sprintf("procedures[%d]", i)
		v.ps.Check(CodeProblem(path+".code", string(p.Code)))
		p.Name.problems(path+".name", v.ps)
		if seen[p.Code] {
			v.ps.Add(path+".code", string(p.Code), "mã thủ tục bị lặp", "the procedure's code is there twice")
		}
		seen[p.Code] = true
		if !fields[p.Field] {
			v.ps.Add(path+".field", string(p.Field), "lĩnh vực chưa được khai báo", "the field is not declared")
		}
		if p.StatutoryDays < 0 {
			v.ps.Add(path+".statutory_days", fmt.Sprint(p.StatutoryDays), "số ngày không được âm", "days must not be negative")
		}
	}
}

// CheckSuccessor refuses a new structure that would move answers already counted: on
// no day up to and including today may a counter of old be gone, or belong to another
// unit, in s. New units and counters take effect at once; a counter's move begins
// tomorrow at the earliest. The error, if any, is [Problems].
func (s *Structure) CheckSuccessor(old *Structure, today Date) error {
	var ps Problems
	for _, was := range old.Counters {
		sp := openSpan(was.ValidFrom, was.ValidTo)
		sp.To = min(sp.To, today)
		if sp.To < sp.From {
			continue
		}
		if is, at, ok := s.differs(was, sp); ok {
			ps.Add("counters", string(was.Code),
				fmt.Sprintf("ngày %s quầy này thuộc đơn vị %s, nay lại là %s: ngày đã qua và hôm nay phải giữ nguyên; hãy đặt valid_to cho dòng cũ và thêm dòng mới từ ngày mai", at, was.Unit, orNone(is)),
				fmt.Sprintf("on %s this counter belonged to unit %s, now to %s: past days and today stay as they are; end the old row with valid_to and add a new row from tomorrow", at, was.Unit, orNone(is)))
		}
	}
	return ps.Err()
}

// differs finds a day in sp on which counter was belongs to another unit in s.
func (s *Structure) differs(was Counter, sp Span) (is UnitCode, at Date, found bool) {
	days := []Date{sp.From, sp.To}
	for _, c := range s.Counters {
		if c.Code == was.Code {
			days = append(days, c.ValidFrom, c.ValidTo, c.ValidTo+1)
		}
	}
	slices.Sort(days)
	for _, d := range days {
		if d < sp.From || d > sp.To {
			continue
		}
		if row, ok := s.Counter(was.Code, d); !ok || row.Unit != was.Unit {
			return row.Unit, d, true
		}
	}
	return "", 0, false
}

func orNone(u UnitCode) string {
	if u == "" {
		return "—"
	}
	return string(u)
}

func joined[T ~string](list []T) string {
	s := make([]string, len(list))
	for i, v := range list {
		s[i] = string(v)
	}
	return strings.Join(s, ", ")
}
