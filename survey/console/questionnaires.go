package console

import (
	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// questionnaireJSON is one questionnaire version.
type questionnaireJSON struct {
	ID        string                   `json:"id"` // code@hash
	Code      survey.QuestionnaireCode `json:"code"`
	Hash      string                   `json:"hash"`
	InForce   bool                     `json:"in_force"` // the version that the code alone means
	Title     survey.Words             `json:"title"`
	Factors   []survey.Factor          `json:"factors"`
	Questions []questionJSON           `json:"questions"`
}

type questionJSON struct {
	Code          survey.QuestionCode `json:"code"`
	Factor        *survey.FactorCode  `json:"factor"` // null for a question outside the factors
	Kind          survey.QuestionKind `json:"kind"`
	Words         survey.Words        `json:"words"`
	NotApplicable bool                `json:"not_applicable"`
	Scale         survey.ScaleCode    `json:"scale"`
	Levels        []survey.ScaleLevel `json:"levels"`
}

func (c *Console) getQuestionnaires(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	catalogue, err := c.store.Catalogue(ctx.UserContext())
	if err != nil {
		return err
	}
	items := []questionnaireJSON{}
	for _, v := range catalogue.All() {
		latest, _ := catalogue.InForce(v.Code)
		item := questionnaireJSON{
			ID: v.ID(), Code: v.Code, Hash: v.Hash.String(), InForce: latest.Hash == v.Hash,
			Title: v.Title, Factors: list(v.Factors), Questions: []questionJSON{},
		}
		for _, x := range v.Questions {
			item.Questions = append(item.Questions, questionAsJSON(v.Questionnaire, x))
		}
		items = append(items, item)
	}
	return sendJSON(ctx, fiber.StatusOK, listJSON[questionnaireJSON]{Items: items})
}

func questionAsJSON(q *survey.Questionnaire, x survey.Question) questionJSON {
	out := questionJSON{
		Code: x.Code, Kind: x.Kind, Words: x.Words, NotApplicable: x.NotApplicable, Scale: x.Scale, Levels: q.Scale(x.Scale).Levels,
	}
	if x.Factor != "" {
		out.Factor = &x.Factor
	}
	return out
}

// listJSON is the shape of every list. All of it is sent at once; next is for the day
// when a list outgrows that.
type listJSON[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}
