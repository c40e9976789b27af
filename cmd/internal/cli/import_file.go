package cli

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hailong/survey"
	"hailong/survey/files"
)

// importFile is a file to import as it was read, before the centre's structure is known.
type importFile struct {
	survey.Structure
	columns []string     // a CSV file's; nil for YAML
	alone   *files.Error // what is wrong with it when nothing else is there; nil = nothing
}

// readYAML reads units and what belongs to them. They need not be a whole: units, fields
// and the like that they name may be the centre's.
func readYAML(name string, data []byte) (*importFile, error) {
	s, err := files.Structure(name, data)
	if err == nil {
		return &importFile{Structure: *s}, nil
	}
	var f importFile
	// What can be bound is written correctly: what is wrong is the whole. A file too large
	// for this is one that must be a whole.
	if !errors.As(err, &f.alone) || files.Strict(name, data, &f.Structure) != nil {
		return nil, err
	}
	return &f, nil
}

// readCSV reads units.
func readCSV(name string, data []byte) (*importFile, error) {
	units, err := files.UnitsCSV(name, data)
	if err != nil {
		return nil, err
	}
	// The reader has found this line good: plain names of columns.
	first, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r", "\n"), "\n")
	columns := strings.FieldsFunc(strings.ToLower(first), func(r rune) bool { return strings.ContainsRune(",; \t\"", r) })
	return &importFile{Structure: survey.Structure{Units: units}, columns: columns}, nil
}

// complete gives units of a CSV file what its columns do not speak of: that stays as the
// centre has it. Without days, a row speaks of the unit's last span, and spans before it
// stay, too.
func (f *importFile) complete(have []survey.Unit) {
	if f.columns == nil {
		return
	}
	was := byCode(have, func(u survey.Unit) survey.UnitCode { return u.Code })
	told := map[survey.UnitCode]bool{}
	var units []survey.Unit
	for _, u := range f.Units {
		old := slices.Clone(was[u.Code])
		slices.SortFunc(old, func(a, b survey.Unit) int { return int(a.ValidFrom) - int(b.ValidFrom) })
		at := len(old) - 1
		if slices.Contains(f.columns, "valid_from") {
			at = slices.IndexFunc(old, func(o survey.Unit) bool { return o.ValidFrom == u.ValidFrom })
		} else if at > 0 && !told[u.Code] {
			units = append(units, old[:at]...)
		}
		told[u.Code] = true
		if at >= 0 {
			f.fill(&u, old[at])
		}
		units = append(units, u)
	}
	f.Units = units
}

// fill takes from old what no column speaks of.
func (f *importFile) fill(u *survey.Unit, old survey.Unit) {
	silent := func(column string) bool { return !slices.Contains(f.columns, column) }
	names := maps.Clone(u.Name)
	for lang, words := range old.Name {
		if lang != survey.Vietnamese && silent("name_"+string(lang)) {
			names[lang] = words
		}
	}
	u.Name = names
	if silent("parent") {
		u.Parent = old.Parent
	}
	if silent("valid_from") {
		u.ValidFrom = old.ValidFrom
	}
	if silent("valid_to") {
		u.ValidTo = old.ValidTo
	}
	if silent("admin_code") {
		u.AdminCode = old.AdminCode
	}
	if silent("predecessors") {
		u.Predecessors = old.Predecessors
	}
}

// check finds what is wrong with the structure that an import would make. Where the file
// has the same fault by itself, its lines are told; else the code of each row at fault.
func (f *importFile) check(whole *survey.Structure) error {
	var ps survey.Problems
	if err := whole.Validate(); !errors.As(err, &ps) {
		return err
	}
	if f.alone != nil {
		left := files.Error{File: f.alone.File}
		for i, p := range f.alone.Problems {
			if slices.ContainsFunc(ps, func(q survey.Problem) bool { return sameFault(p, q) }) {
				left.Problems, left.Lines = append(left.Problems, p), append(left.Lines, f.alone.Lines[i])
			}
		}
		if len(left.Problems) > 0 {
			return &left
		}
	}
	for i := range ps {
		ps[i].Path = named(whole, ps[i].Path)
	}
	return ps
}

// sameFault compares two problems but for the numbers of their rows.
func sameFault(a, b survey.Problem) bool {
	list, _, field := row(a.Path)
	otherList, _, otherField := row(b.Path)
	return list == otherList && field == otherField && a.Value == b.Value && a.Vi == b.Vi
}

// row takes a place like counters[3].unit apart.
func row(path string) (list, number, field string) {
	list, rest, _ := strings.Cut(path, "[")
	number, field, _ = strings.Cut(rest, "]")
	return list, number, field
}

// named puts the row's code in place of its number, which nobody can see: counters[3].unit
// becomes counters[HS-01].unit.
func named(s *survey.Structure, path string) string {
	list, number, field := row(path)
	i, err := strconv.Atoi(number)
	if err != nil {
		return path
	}
	code := ""
	switch {
	case list == "units" && i < len(s.Units):
		code = string(s.Units[i].Code)
	case list == "counters" && i < len(s.Counters):
		code = string(s.Counters[i].Code)
	case list == "fields" && i < len(s.Fields):
		code = string(s.Fields[i].Code)
	case list == "procedures" && i < len(s.Procedures):
		code = string(s.Procedures[i].Code)
	}
	if code == "" {
		return path
	}
	return list + "[" + code + "]" + field
}
