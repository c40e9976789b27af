package console

import (
	"errors"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/score"
)

// scoreParams are the query parameters of /api/v1/scores, in documented order.
const scoreParams = "unit, from, to, period, questionnaire, by"

func (c *Console) getScores(ctx *fiber.Ctx) error {
	world, err := c.world(ctx)
	if err != nil {
		return err
	}
	q, ps := c.scoreQuery(ctx)
	ps = append(ps, queryProblems(world, q, ps)...)
	if len(ps) > 0 {
		return atFault(fiber.StatusBadRequest, ps)
	}
	res, err := score.Compute(ctx.UserContext(), c.store, world, q)
	if errors.As(err, &ps) {
		return atFault(fiber.StatusBadRequest, ps)
	}
	if err != nil {
		return err
	}
	if spokenLang(ctx) == survey.English {
		res.Method.Label = methodInEnglish
	}
	ctx.Vary(fiber.HeaderAcceptLanguage)
	return sendJSON(ctx, fiber.StatusOK, res)
}

// methodInEnglish is what [score.RatePooled] is called in English.
const methodInEnglish = "Satisfaction rate (answers pooled)"

// queryProblems are what is wrong with a query besides what was found while it was
// read, so that everything is told at once.
func queryProblems(w score.World, q survey.ScoreQuery, before survey.Problems) (ps survey.Problems) {
	if slices.ContainsFunc(before, func(p survey.Problem) bool { return p.Path == "from" || p.Path == "to" }) {
		q.From = q.To // what stands there is told already
	}
	_ = errors.As(q.Validate(w.Structure), &ps) // it gives nothing but problems
	if _, ok := w.Catalogue.Find(q.Questionnaire); q.Questionnaire != "" && !ok {
		ps.Add("questionnaire", q.Questionnaire, "không có phiếu hỏi này; có: "+w.Catalogue.Codes(), "there is no such questionnaire; there are: "+w.Catalogue.Codes())
	}
	return ps
}

// scoreQuery reads the query; what it leaves out is: every unit, today, the overall
// question, no groups. An empty parameter counts as left out, and so does a day that
// cannot be read.
func (c *Console) scoreQuery(ctx *fiber.Ctx) (q survey.ScoreQuery, ps survey.Problems) {
	q = survey.ScoreQuery{From: c.today(), To: c.today(), By: survey.ByNone}
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
			q.From = dayParam(&ps, key, value, q.From)
		case "to":
			q.To = dayParam(&ps, key, value, q.To)
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
	return q, ps
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

func dayParam(ps *survey.Problems, key, value string, otherwise survey.Date) survey.Date {
	d, err := survey.ParseDate(value)
	if err == nil {
		return d
	}
	if _, err := time.Parse(time.DateOnly, value); err == nil {
		ps.Add(key, value, "phải từ 1970-01-02 đến 9999-12-31", "must be from 1970-01-02 to 9999-12-31")
	} else {
		ps.Add(key, value, "phải là một ngày có thật, dạng YYYY-MM-DD, ví dụ 2026-03-31", "must be a real day written YYYY-MM-DD, for example 2026-03-31")
	}
	return otherwise
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
