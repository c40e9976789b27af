package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"hailong/survey"
)

// unitsPath is the address of the structure.
const unitsPath = "/api/v1/units"

// UnitsCmd groups the commands about units and what belongs to them.
type UnitsCmd struct {
	List   UnitsListCmd   `cmd:"" help:"Liệt kê đơn vị / list the units"`
	Show   UnitsShowCmd   `cmd:"" help:"Xem một đơn vị và các quầy / show one unit and its counters"`
	Import UnitsImportCmd `cmd:"" help:"Đưa đơn vị từ tệp YAML hoặc CSV vào trung tâm / bring units from a YAML or CSV file into the centre"`
}

// structureJSON is the structure as the centre gives it.
type structureJSON struct {
	Items      []survey.Unit      `json:"items"`
	Next       *string            `json:"next"`
	Counters   []survey.Counter   `json:"counters"`
	Fields     []survey.Field     `json:"fields"`
	Procedures []survey.Procedure `json:"procedures"`
}

// structure reads what the centre has, and the JSON as it came.
func (c *client) structure(ctx context.Context) (*survey.Structure, []byte, error) {
	var in structureJSON
	raw, err := c.get(ctx, unitsPath, nil, &in)
	if err != nil {
		return nil, nil, err
	}
	if in.Items == nil || in.Next != nil {
		// Whoever took a part for the whole would put the rest out of existence.
		return nil, nil, c.stranger("units are incomplete")
	}
	return &survey.Structure{Units: in.Items, Counters: in.Counters, Fields: in.Fields, Procedures: in.Procedures}, raw, nil
}

// UnitsListCmd lists all units, those of other days too. Its CSV can be imported again.
type UnitsListCmd struct{}

// Run prints the units.
func (*UnitsListCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	s, raw, err := c.structure(ctx)
	if err != nil {
		return err
	}
	switch g.Output {
	case AsJSON:
		return t.json(raw)
	case AsCSV:
		return unitsCSV(t, s.Units)
	default:
		return unitsTable(t, s.Units)
	}
}

// UnitsShowCmd shows one unit.
type UnitsShowCmd struct {
	Code survey.UnitCode `arg:"" help:"Mã đơn vị / the unit's code"`
}

// Run prints the unit's rows, the units directly below it and its counters.
func (cmd *UnitsShowCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	s, _, err := c.structure(ctx)
	if err != nil {
		return err
	}
	own := filter(s.Units, func(u survey.Unit) bool { return u.Code == cmd.Code })
	below := filter(s.Units, func(u survey.Unit) bool { return u.Parent == cmd.Code })
	desks := filter(s.Counters, func(d survey.Counter) bool { return d.Unit == cmd.Code })
	if len(own) == 0 {
		return &Error{
			Vi: fmt.Sprintf("không có đơn vị nào mang mã %q; xem: hailong units list", cmd.Code),
			En: fmt.Sprintf("there is no unit with the code %q; see: hailong units list", cmd.Code),
		}
	}
	switch g.Output {
	case AsJSON:
		raw, err := json.Marshal(map[string]any{"items": own, "below": below, "counters": desks})
		if err != nil {
			return fmt.Errorf("write the unit: %w", err)
		}
		return t.json(raw)
	case AsCSV:
		return unitsCSV(t, own)
	}
	return cmd.tables(t, own, below, desks)
}

func (*UnitsShowCmd) tables(t *Terminal, own, below []survey.Unit, desks []survey.Counter) error {
	if err := unitsTable(t, own); err != nil {
		return err
	}
	if len(below) > 0 {
		if err := t.write("\n" + t.say("Trực thuộc:", "Directly below:") + "\n"); err != nil {
			return err
		}
		if err := unitsTable(t, below); err != nil {
			return err
		}
	}
	if len(desks) == 0 {
		return nil
	}
	if err := t.write("\n" + t.say("Các quầy:", "Counters:") + "\n"); err != nil {
		return err
	}
	var rows [][]string
	for _, d := range desks {
		rows = append(rows, []string{string(d.Code), d.Name.In(t.Lang), day(d.ValidFrom), day(d.ValidTo)})
	}
	return t.table([]column{{vi: "Mã", en: "Code"}, {vi: "Tên", en: "Name"}, {vi: "Từ ngày", en: "From"}, {vi: "Đến ngày", en: "To"}}, rows)
}

// filter is never nil, so that JSON shows a list.
func filter[T any](list []T, keep func(T) bool) []T {
	kept := []T{}
	for _, v := range list {
		if keep(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

func unitsTable(t *Terminal, units []survey.Unit) error {
	var rows [][]string
	for _, u := range units {
		rows = append(rows, []string{string(u.Code), u.Name.In(t.Lang), t.kind(u.Kind), string(u.Parent), day(u.ValidFrom), day(u.ValidTo)})
	}
	return t.table([]column{
		{vi: "Mã", en: "Code"},
		{vi: "Tên", en: "Name"},
		{vi: "Loại", en: "Kind"},
		{vi: "Thuộc", en: "Parent"},
		{vi: "Từ ngày", en: "From"},
		{vi: "Đến ngày", en: "To"},
	}, rows)
}

// day is a day for people; an open end is empty.
func day(d survey.Date) string {
	if d == 0 {
		return ""
	}
	return d.Start().Format("02/01/2006")
}

var kindsVi = map[survey.UnitKind]string{
	survey.Ministry: "bộ", survey.Province: "tỉnh/thành phố", survey.Department: "sở", survey.Commune: "xã/phường",
	survey.Centre: "trung tâm", survey.Branch: "chi nhánh", survey.CentralAgency: "cơ quan trung ương",
	survey.ServiceUnit: "đơn vị sự nghiệp", survey.District: "huyện",
}

func (t *Terminal) kind(k survey.UnitKind) string {
	if vi := kindsVi[k]; vi != "" {
		return t.say(vi, string(k))
	}
	return string(k)
}

// unitsCSV prints units in the columns that an import reads, with one more for every
// language that a name is given in.
func unitsCSV(t *Terminal, units []survey.Unit) error {
	var langs []survey.Lang
	for _, u := range units {
		for lang := range u.Name {
			if lang != survey.Vietnamese && !slices.Contains(langs, lang) {
				langs = append(langs, lang)
			}
		}
	}
	slices.Sort(langs)
	columns := []string{"code", "name"}
	for _, lang := range langs {
		columns = append(columns, "name_"+string(lang))
	}
	columns = append(columns, "kind", "parent", "valid_from", "valid_to", "admin_code", "predecessors")
	var rows [][]string
	for _, u := range units {
		row := []string{string(u.Code), u.Name[survey.Vietnamese]}
		for _, lang := range langs {
			row = append(row, u.Name[lang])
		}
		var before []string
		for _, p := range u.Predecessors {
			before = append(before, string(p))
		}
		rows = append(rows, append(row, string(u.Kind), string(u.Parent), u.ValidFrom.String(), u.ValidTo.String(), u.AdminCode, strings.Join(before, " ")))
	}
	return t.csv(columns, rows)
}

// put replaces the centre's structure.
func (c *client) put(ctx context.Context, s *survey.Structure) error {
	_, err := c.do(ctx, http.MethodPut, unitsPath, nil, map[string]any{
		"units": s.Units, "counters": s.Counters, "fields": s.Fields, "procedures": s.Procedures,
	})
	return err
}
