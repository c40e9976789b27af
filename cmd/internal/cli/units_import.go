package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"hailong/survey"
)

// UnitsImportCmd brings a file's units, counters, fields and procedures into the
// centre. All rows of a code that the file names take the place of the rows the centre
// has of it; everything else stays. What a CSV file has no column for stays, too. With
// Replace, the file is the whole structure and what it does not name is taken away. The
// structure that comes out must be valid; without Replace the file alone need not be.
//
// The centre's structure is read, changed and put back. Who imports while somebody else
// does may undo the other's change: the last one stays.
type UnitsImportCmd struct {
	File    string `arg:"" placeholder:"FILE" help:"Tệp .yaml hoặc .csv / a .yaml or .csv file"`
	Replace bool   `help:"Tệp là toàn bộ: bỏ những gì không có trong tệp (tệp CSV: chỉ bỏ đơn vị) / the file is the whole: remove what it does not name (of a CSV file: units only)"`
}

// change counts what an import does to one list, by code.
type change struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Same    int `json:"same"`
	Removed int `json:"removed"`
}

// changes are all lists' changes.
type changes struct {
	Units      change `json:"units"`
	Counters   change `json:"counters"`
	Fields     change `json:"fields"`
	Procedures change `json:"procedures"`
}

// Run imports the file and prints what changed.
func (cmd *UnitsImportCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	file, err := cmd.read()
	if err != nil {
		return err
	}
	have, _, err := c.structure(ctx)
	if err != nil {
		return err
	}
	file.complete(have.Units)
	want, did := cmd.merged(have, &file.Structure)
	if err := file.check(want); err != nil {
		return err
	}
	if err := c.put(ctx, want); err != nil {
		return err
	}
	return did.print(g, t)
}

func (cmd *UnitsImportCmd) ending() string { return strings.ToLower(filepath.Ext(cmd.File)) }

func (cmd *UnitsImportCmd) isCSV() bool { return cmd.ending() == ".csv" }

// read reads the file as its name's ending says.
func (cmd *UnitsImportCmd) read() (*importFile, error) {
	if e := cmd.ending(); e != ".yaml" && e != ".yml" && e != ".csv" {
		return nil, &Error{
			Vi:   fmt.Sprintf("%q: tên tệp phải kết thúc bằng .yaml, .yml hoặc .csv", cmd.File),
			En:   fmt.Sprintf("%q: the file's name must end in .yaml, .yml or .csv", cmd.File),
			Code: usage,
		}
	}
	data, err := os.ReadFile(cmd.File)
	if err != nil {
		return nil, unreadable(cmd.File, err)
	}
	if cmd.isCSV() {
		return readCSV(cmd.File, data)
	}
	return readYAML(cmd.File, data)
}

func (cmd *UnitsImportCmd) merged(have, file *survey.Structure) (*survey.Structure, changes) {
	var s survey.Structure
	var did changes
	rest := cmd.Replace && !cmd.isCSV() // a CSV file has nothing to say about counters
	s.Units, did.Units = merge(have.Units, file.Units, cmd.Replace, func(u survey.Unit) survey.UnitCode { return u.Code })
	s.Counters, did.Counters = merge(have.Counters, file.Counters, rest, func(c survey.Counter) survey.CounterCode { return c.Code })
	s.Fields, did.Fields = merge(have.Fields, file.Fields, rest, func(f survey.Field) survey.FieldCode { return f.Code })
	s.Procedures, did.Procedures = merge(have.Procedures, file.Procedures, rest, func(p survey.Procedure) survey.ProcedureCode { return p.Code })
	return &s, did
}

// merge puts the file's rows in place of those with the same code. The order of what
// was there stays; new codes come last. The result is never nil.
func merge[T any, C comparable](have, file []T, replace bool, code func(T) C) ([]T, change) {
	was, is := byCode(have, code), byCode(file, code)
	merged := make([]T, 0, len(have)+len(file))
	var did change
	done := map[C]bool{}
	for _, row := range have {
		c := code(row)
		rows, named := is[c]
		switch {
		case done[c]:
			continue
		case named && reflect.DeepEqual(rows, was[c]):
			did.Same++
		case named:
			did.Changed++
		case replace:
			did.Removed++
		default:
			rows = was[c]
		}
		done[c] = true
		merged = append(merged, rows...)
	}
	for _, row := range file {
		if c := code(row); !done[c] {
			done[c] = true
			did.Added++
			merged = append(merged, is[c]...)
		}
	}
	return merged, did
}

func byCode[T any, C comparable](list []T, code func(T) C) map[C][]T {
	m := map[C][]T{}
	for _, row := range list {
		m[code(row)] = append(m[code(row)], row)
	}
	return m
}

func (did changes) print(g *Globals, t *Terminal) error {
	if g.Output == AsJSON {
		raw, err := json.Marshal(did)
		if err != nil {
			return fmt.Errorf("write the changes: %w", err)
		}
		return t.json(raw)
	}
	var rows [][]string
	for _, part := range []struct {
		key, vi string
		change
	}{{"units", "đơn vị", did.Units}, {"counters", "quầy", did.Counters}, {"fields", "lĩnh vực", did.Fields}, {"procedures", "thủ tục", did.Procedures}} {
		name := part.key
		if g.Output == AsTable {
			name = t.say(part.vi, part.key)
		}
		rows = append(rows, []string{name, fmt.Sprint(part.Added), fmt.Sprint(part.Changed), fmt.Sprint(part.Same), fmt.Sprint(part.Removed)})
	}
	if g.Output == AsCSV {
		return t.csv([]string{"part", "added", "changed", "same", "removed"}, rows)
	}
	return t.table([]column{
		{vi: "", en: ""},
		{vi: "Thêm", en: "Added", number: true},
		{vi: "Đổi", en: "Changed", number: true},
		{vi: "Giữ nguyên", en: "Same", number: true},
		{vi: "Bỏ", en: "Removed", number: true},
	}, rows)
}
