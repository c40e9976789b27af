package survey

import "slices"

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
		if u.Code == code && u.InForce(day) {
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
		if c.Code == code && c.InForce(day) {
			return c, true
		}
	}
	return Counter{}, false
}

// InForce reports whether the row is in force on day.
func (c Counter) InForce(day Date) bool { return covers(c.ValidFrom, c.ValidTo, day) }

// InForce reports whether the row is in force on day.
func (u Unit) InForce(day Date) bool { return covers(u.ValidFrom, u.ValidTo, day) }

// Subtree is the set of units at or below root on day. It is empty when root is not
// in force that day. The empty root stands for the whole forest.
func (s *Structure) Subtree(root UnitCode, day Date) map[UnitCode]bool {
	set := map[UnitCode]bool{}
	children := map[UnitCode][]UnitCode{}
	for _, u := range s.Units {
		switch {
		case !u.InForce(day):
		case root == "" || u.Code == root:
			set[u.Code] = true
		case u.Parent != "":
			children[u.Parent] = append(children[u.Parent], u.Code)
		}
	}
	if root == "" || !set[root] {
		return set
	}
	for todo := []UnitCode{root}; len(todo) > 0; todo = todo[1:] {
		for _, child := range children[todo[0]] {
			if !set[child] {
				set[child] = true
				todo = append(todo, child)
			}
		}
	}
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
		if last != 0 && last >= from && last < to {
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
