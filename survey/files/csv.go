package files

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"hailong/survey"
)

// unitColumns are the columns that a file of units may have, beside name_en and other
// name_ columns: one for each language. The first three must be there.
var unitColumns = []string{"code", "name", "kind", "parent", "valid_from", "valid_to", "admin_code", "predecessors"}

// UnitsCSV reads units from a table whose first line names the columns: code, name,
// kind and parent, and where needed name_en, valid_from, valid_to, admin_code and
// predecessors (codes with blanks between), in any order. The separator is a comma or
// a semicolon, told by the first line; empty lines are passed over.
//
// Each row is checked by itself and against the others; a parent that is not in the
// file may exist elsewhere and is not asked for. The error, if any, is an [*Error].
//
// Spreadsheet programs like to turn a code 007 into 7; such a column must be
// formatted as text before the file is saved.
func UnitsCSV(name string, data []byte) ([]survey.Unit, error) {
	t := &table{findings: &findings{file: name}}
	data, ok := t.plain(data, MaxStructure)
	if !ok || !t.header(data) {
		return nil, t.err()
	}
	var units []survey.Unit
	var lines []int
	for {
		row, line, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if row != nil {
			units = append(units, t.unit(row, line))
			lines = append(lines, line)
		}
	}
	if len(units) == 0 && len(t.found) == 0 {
		t.add(0, "", "", "tệp không có đơn vị nào", "there is no unit in the file")
	}
	t.check(units, lines)
	if err := t.err(); err != nil {
		return nil, err
	}
	return units, nil
}

// table reads a CSV file row by row.
type table struct {
	*findings
	rows    *csv.Reader
	columns []string
}

// header reads the first line: the separator and the columns.
func (t *table) header(data []byte) bool {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	t.rows = csv.NewReader(bytes.NewReader(data))
	t.rows.FieldsPerRecord = -1
	if bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		t.rows.Comma = ';'
	}
	names, line, err := t.next()
	if err != nil || names == nil {
		t.add(max(line, 1), "", "", "dòng đầu phải là tên các cột: code, name, kind, parent", "the first line must name the columns: code, name, kind, parent")
		return false
	}
	seen := map[string]bool{}
	for _, name := range names {
		name = strings.ToLower(name)
		switch {
		case seen[name]:
			t.add(line, "", name, "cột này có hai lần", "this column is there twice")
		case !isUnitColumn(name):
			allowed := strings.Join(unitColumns, ", ") + ", name_en"
			t.add(line, "", name, "không có cột này; các cột là: "+allowed, "there is no such column; the columns are: "+allowed)
		}
		seen[name] = true
		t.columns = append(t.columns, name)
	}
	for _, must := range unitColumns[:3] {
		if !seen[must] {
			t.add(line, must, "", "thiếu cột này", "this column is missing")
		}
	}
	return len(t.found) == 0
}

func isUnitColumn(name string) bool {
	for _, c := range unitColumns {
		if name == c {
			return true
		}
	}
	lang, ok := strings.CutPrefix(name, "name_")
	return ok && lang != ""
}

// next is the next row, its cells trimmed and normalised, and its line. A row that is
// empty or has the wrong number of cells (which is told) comes as nil. The error is
// io.EOF at the end, and an [*Error] when the rest cannot be read.
func (t *table) next() ([]string, int, error) {
	row, err := t.rows.Read()
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		t.add(bad.Line, "", "", "dấu nháy kép đặt sai chỗ hoặc chưa đóng", "a double quote is misplaced or not closed")
		return nil, bad.Line, t.err()
	}
	if err != nil {
		return nil, 0, err
	}
	line, _ := t.rows.FieldPos(0)
	empty := true
	for i, cell := range row {
		row[i] = normal(strings.TrimSpace(unguarded(cell)))
		empty = empty && row[i] == ""
	}
	if empty {
		return nil, line, nil
	}
	if t.columns != nil && len(row) != len(t.columns) {
		t.add(line, "", "", fmt.Sprintf("dòng có %d ô, nhưng có %d cột", len(row), len(t.columns)),
			fmt.Sprintf("the line has %d cells, but there are %d columns", len(row), len(t.columns)))
		return nil, line, nil
	}
	return row, line, nil
}

// unguarded undoes the quote that our own CSV files put before a cell that a
// spreadsheet would take for a formula.
func unguarded(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.ContainsRune("=+-@\t\r", rune(cell[1])) {
		return cell[1:]
	}
	return cell
}

func (t *table) unit(row []string, line int) survey.Unit {
	u := survey.Unit{Name: survey.Words{}}
	for i, cell := range row {
		switch column := t.columns[i]; column {
		case "code":
			u.Code = survey.UnitCode(cell)
		case "name":
			u.Name[survey.Vietnamese] = cell
		case "kind":
			u.Kind = survey.UnitKind(cell)
		case "parent":
			u.Parent = survey.UnitCode(cell)
		case "valid_from":
			u.ValidFrom = t.day(column, cell, line)
		case "valid_to":
			u.ValidTo = t.day(column, cell, line)
		case "admin_code":
			u.AdminCode = cell
		case "predecessors":
			for _, code := range strings.Fields(cell) {
				u.Predecessors = append(u.Predecessors, survey.UnitCode(code))
			}
		default:
			if cell != "" {
				u.Name[survey.Lang(strings.TrimPrefix(column, "name_"))] = cell
			}
		}
	}
	return u
}

func (t *table) day(column, cell string, line int) survey.Date {
	var d survey.Date
	if err := d.UnmarshalText([]byte(cell)); err != nil {
		t.add(line, column, cell, "ngày phải có dạng NĂM-THÁNG-NGÀY, ví dụ 2026-03-31", "a day is written YYYY-MM-DD, for example 2026-03-31")
	}
	return d
}

// check validates the units as a structure of their own, from which parents outside
// the file are left out, and gives each problem its line and column.
func (t *table) check(units []survey.Unit, lines []int) {
	inside := map[survey.UnitCode]bool{}
	for _, u := range units {
		inside[u.Code] = true
	}
	s := survey.Structure{Units: make([]survey.Unit, len(units))}
	for i, u := range units {
		if !inside[u.Parent] {
			u.Parent = ""
		}
		s.Units[i] = u
	}
	var ps survey.Problems
	if !errors.As(s.Validate(), &ps) {
		return
	}
	for _, p := range ps {
		var i int
		line := 0
		if _, err := fmt.Sscanf(p.Path, "units[%d]", &i); err == nil {
			line = lines[i]
			p.Path = column(p.Path)
		}
		t.found = append(t.found, finding{line, p})
	}
}

// column turns a place in a structure, "units[7].name.en", into the table's column.
func column(path string) string {
	_, place, _ := strings.Cut(path, ".")
	switch lang, name := strings.CutPrefix(place, "name."); {
	case !name:
		return place
	case lang == string(survey.Vietnamese):
		return "name"
	default:
		return "name_" + lang
	}
}
