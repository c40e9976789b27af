package console

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/score"
)

// scoreParams are the query parameters of /api/v1/scores, in documented order.
const scoreParams = "unit, from, to, period, questionnaire, by"

func (c *Console) getScores(ctx *fiber.Ctx) error {
	q, err := c.scoreQuery(ctx)
	if err != nil {
		return err
	}
	world, err := c.world(ctx)
	if err != nil {
		return err
	}
	res, err := score.Compute(ctx.UserContext(), c.store, world, q)
	var ps survey.Problems
	if errors.As(err, &ps) {
		return atFault(fiber.StatusBadRequest, ps)
	}
	if err != nil {
		return err
	}
	return sendJSON(ctx, fiber.StatusOK, res)
}

// scoreQuery reads the query; what it leaves out is: every unit, today, the overall
// question, no groups. An empty parameter counts as left out.
func (c *Console) scoreQuery(ctx *fiber.Ctx) (survey.ScoreQuery, error) {
	q := survey.ScoreQuery{From: c.today(), To: c.today(), By: survey.ByNone}
	var ps survey.Problems
	seen := map[string]bool{}
	ctx.Context().QueryArgs().VisitAll(func(k, v []byte) {
		key, value := string(k), string(v)
		if seen[key] {
			ps.Add(key, value, "tham số này chỉ được có một lần", "this parameter may be there only once")
			return
		}
		seen[key] = true
		if value == "" && key != "" {
			if !knownScoreParam(key) {
				unknownParam(&ps, key, value)
			}
			return
		}
		switch key {
		case "unit":
			q.Unit = survey.UnitCode(value)
		case "from":
			q.From = dayParam(&ps, key, value)
		case "to":
			q.To = dayParam(&ps, key, value)
		case "questionnaire":
			q.Questionnaire = value
		case "by":
			q.By = survey.Grouping(value)
		case "period":
			ps.Add(key, value, "không có kỳ nào mang mã này; hãy dùng from và to", "there is no period with this code; use from and to")
		default:
			unknownParam(&ps, key, value)
		}
	})
	if len(ps) > 0 {
		return q, atFault(fiber.StatusBadRequest, ps)
	}
	return q, nil
}

func knownScoreParam(key string) bool {
	switch key {
	case "unit", "from", "to", "period", "questionnaire", "by":
		return true
	}
	return false
}

func unknownParam(ps *survey.Problems, key, value string) {
	ps.Add(key, value, "không có tham số này; các tham số dùng được: "+scoreParams, "there is no such parameter; there are: "+scoreParams)
}

func dayParam(ps *survey.Problems, key, value string) survey.Date {
	d, err := survey.ParseDate(value)
	if err != nil {
		ps.Add(key, value, "phải là một ngày có thật, dạng YYYY-MM-DD, ví dụ 2026-03-31", "must be a real day written YYYY-MM-DD, for example 2026-03-31")
	}
	return d
}

// noParams refuses any query parameter by name, for addresses that take none.
func noParams(ctx *fiber.Ctx) error {
	var ps survey.Problems
	ctx.Context().QueryArgs().VisitAll(func(k, v []byte) {
		ps.Add(string(k), string(v), "địa chỉ này không nhận tham số nào", "this address takes no parameters")
	})
	if len(ps) > 0 {
		return atFault(fiber.StatusBadRequest, ps)
	}
	return nil
}

// world is what a score is computed against now.
func (c *Console) world(ctx *fiber.Ctx) (score.World, error) {
	structure, err := c.store.Structure(ctx.UserContext())
	if err != nil {
		return score.World{}, err
	}
	catalogue, err := c.store.Catalogue(ctx.UserContext())
	if err != nil {
		return score.World{}, err
	}
	return score.World{Structure: structure, Catalogue: catalogue, Minimum: c.settings.Minimum}, nil
}
