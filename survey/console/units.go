package console

import (
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// unitsJSON is the structure as it is read: a list of units, with the rest beside it.
type unitsJSON struct {
	Items      []survey.Unit      `json:"items"`
	Next       *string            `json:"next"`
	Counters   []survey.Counter   `json:"counters"`
	Fields     []survey.Field     `json:"fields"`
	Procedures []survey.Procedure `json:"procedures"`
}

// structureJSON is the structure as it is put. What was read can be sent back as it is.
type structureJSON struct {
	Units      []survey.Unit      `json:"units"`
	Items      []survey.Unit      `json:"items"`
	Next       *string            `json:"next"`
	Counters   []survey.Counter   `json:"counters"`
	Fields     []survey.Field     `json:"fields"`
	Procedures []survey.Procedure `json:"procedures"`
}

func (c *Console) getUnits(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	s, err := c.store.Structure(ctx.UserContext())
	if err != nil {
		return err
	}
	return sendJSON(ctx, fiber.StatusOK, unitsJSON{
		Items: list(s.Units), Counters: list(s.Counters), Fields: list(s.Fields), Procedures: list(s.Procedures),
	})
}

// list makes an absent list an empty one, which JSON shows as [].
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// putUnits replaces the structure as a whole, at once.
func (c *Console) putUnits(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	body, err := readBody(ctx, bodyLimit)
	if err != nil {
		return err
	}
	s, err := readStructure(body)
	if err != nil {
		return err
	}
	if err := s.Validate(); err != nil {
		return err
	}
	if err := c.store.PutStructure(ctx.UserContext(), s, c.today()); err != nil {
		return err
	}
	if err := c.rearrange(ctx.UserContext()); err != nil {
		c.log.Error("live figures do not know the new units yet", "error", err)
	}
	return c.getUnits(ctx)
}

func readStructure(body []byte) (*survey.Structure, error) {
	if ps := dayProblems(body); len(ps) > 0 {
		return nil, ps
	}
	var in structureJSON
	if err := readJSON(body, &in); err != nil {
		return nil, err
	}
	if in.Units != nil && in.Items != nil {
		return nil, survey.Problems{{Path: "items", Vi: "danh sách đơn vị nằm trong units hoặc items, không cả hai", En: "the units are under units or under items, not both"}}
	}
	if in.Units == nil {
		in.Units = in.Items
	}
	if in.Units == nil {
		return nil, survey.Problems{{Path: "units", Vi: "thiếu danh sách đơn vị; địa chỉ này thay toàn bộ cây", En: "the list of units is missing; this address replaces the whole tree"}}
	}
	return &survey.Structure{Units: in.Units, Counters: in.Counters, Fields: in.Fields, Procedures: in.Procedures}, nil
}

// dayProblems finds days that cannot be read and says in which row they stand, which
// the JSON decoder does not. Anything else wrong is left to the decoder.
func dayProblems(body []byte) survey.Problems {
	type days struct {
		ValidFrom any `json:"valid_from"`
		ValidTo   any `json:"valid_to"`
	}
	var rows struct{ Units, Items, Counters []days }
	if json.Unmarshal(body, &rows) != nil {
		return nil
	}
	var ps survey.Problems
	check := func(path string, v any) {
		s, isText := v.(string)
		if v == nil || isText && s == "" {
			return
		}
		if _, err := survey.ParseDate(s); err != nil {
			ps.Add(path, fmt.Sprint(v), "phải là một ngày có thật, dạng YYYY-MM-DD", "must be a real day written YYYY-MM-DD")
		}
	}
	for _, part := range []struct {
		name string
		rows []days
	}{{"units", rows.Units}, {"items", rows.Items}, {"counters", rows.Counters}} {
		for i, row := range part.rows {
			check(fmt.Sprintf("%s[%d].valid_from", part.name, i), row.ValidFrom)
			check(fmt.Sprintf("%s[%d].valid_to", part.name, i), row.ValidTo)
		}
	}
	return ps
}
