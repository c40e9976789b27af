package survey

import (
	"fmt"
	"slices"
	"strings"
)

// Validate checks the whole structure: codes, words, kinds, spans that overlap,
// parents and counters' units that exist on each of their days, and cycles. The
// error, if any, is [Problems].
func (s *Structure) Validate() error {
	var ps Problems
	v := structureCheck{s: s, ps: &ps, units: map[UnitCode][]Span{}, rows: map[UnitCode][]Unit{}}
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
	rows  map[UnitCode][]Unit // the same as rows
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
		v.rows[u.Code] = append(v.rows[u.Code], u)
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

// maxDepth is the deepest that a tree of units may be; the real one has six levels.
const maxDepth = 32

// cycles climbs from each row on its first day: a circle of parents closes on the day
// when the last of its rows begins, so every circle is met from that row.
func (v *structureCheck) cycles() {
	told := map[UnitCode]bool{}
	for i, u := range v.s.Units {
		climbed := []UnitCode{u.Code}
		at := u.Parent
		for at != "" && !slices.Contains(climbed, at) && len(climbed) <= maxDepth {
			climbed = append(climbed, at)
			at = v.parentOn(at, u.ValidFrom)
		}
		path := fmt.Sprintf("units[%d].parent", i)
		switch {
		case at == "" || told[u.Code]:
		case at == u.Code:
			for _, code := range climbed {
				told[code] = true
			}
			v.ps.Add(path, string(u.Parent), "cây đơn vị chạy vòng qua đơn vị này", "the tree of units runs in a circle through this unit")
		case len(climbed) > maxDepth:
			v.ps.Add(path, string(u.Parent), fmt.Sprintf("cây đơn vị sâu quá %d cấp", maxDepth), fmt.Sprintf("the tree of units is deeper than %d levels", maxDepth))
		}
	}
}

func (v *structureCheck) parentOn(code UnitCode, day Date) UnitCode {
	for _, u := range v.rows[code] {
		if u.InForce(day) {
			return u.Parent
		}
	}
	return ""
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
	rows := map[CounterCode][]Counter{}
	for _, c := range s.Counters {
		rows[c.Code] = append(rows[c.Code], c)
	}
	for _, was := range old.Counters {
		sp := openSpan(was.ValidFrom, was.ValidTo)
		sp.To = min(sp.To, today)
		if sp.To < sp.From {
			continue
		}
		if is, at, ok := differs(was, rows[was.Code], sp); ok {
			vi, en := "ngày "+at.String(), "on "+at.String()
			if at == 0 {
				vi, en = "từ ngày đầu", "from the first day"
			}
			ps.Add("counters", string(was.Code),
				fmt.Sprintf("%s quầy này thuộc đơn vị %s, nay lại là %s: ngày đã qua và hôm nay phải giữ nguyên; hãy đặt valid_to cho dòng cũ và thêm dòng mới từ ngày mai", vi, was.Unit, orNone(is)),
				fmt.Sprintf("%s this counter belonged to unit %s, now to %s: past days and today stay as they are; end the old row with valid_to and add a new row from tomorrow", en, was.Unit, orNone(is)))
		}
	}
	return ps.Err()
}

// differs finds a day in sp on which the counter's new rows give it another unit.
func differs(was Counter, rows []Counter, sp Span) (is UnitCode, at Date, found bool) {
	days := []Date{sp.From, sp.To}
	for _, c := range rows {
		days = append(days, c.ValidFrom, c.ValidTo, c.ValidTo+1)
	}
	slices.Sort(days)
	for _, d := range days {
		if d < sp.From || d > sp.To {
			continue
		}
		i := slices.IndexFunc(rows, func(c Counter) bool { return c.InForce(d) })
		if i < 0 {
			return "", d, true
		}
		if rows[i].Unit != was.Unit {
			return rows[i].Unit, d, true
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
