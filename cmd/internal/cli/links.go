package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"hailong/survey"
)

// LinksCmd groups the commands about links of transactions.
type LinksCmd struct {
	Add LinksAddCmd `cmd:"" help:"Tạo đường dẫn dùng một lần cho một giao dịch / make the link of one transaction, good for one answer"`
}

// LinksAddCmd makes the link of one transaction. It has no place for a case code.
type LinksAddCmd struct {
	Counter       survey.CounterCode       `placeholder:"CODE" help:"Quầy / the counter"`
	Unit          survey.UnitCode          `placeholder:"CODE" help:"Thay cho --counter, khi đơn vị chỉ có một quầy / in place of --counter, where the unit has only one"`
	Stage         survey.Stage             `required:"" placeholder:"STAGE" help:"Khâu: reception, supplement, refusal, result / the stage"`
	ResolvingUnit survey.UnitCode          `placeholder:"CODE" help:"Đơn vị giải quyết / the unit that decided"`
	Field         survey.FieldCode         `placeholder:"CODE" help:"Lĩnh vực / the field"`
	Procedure     survey.ProcedureCode     `placeholder:"CODE" help:"Thủ tục / the procedure"`
	Respondent    survey.RespondentKind    `placeholder:"KIND" help:"citizen hoặc organisation / citizen or organisation"`
	Questionnaire survey.QuestionnaireCode `placeholder:"CODE" help:"Phiếu hỏi / the questionnaire"`
	Channel       survey.Channel           `placeholder:"CHANNEL" help:"web (mặc định), qr, app / web (default), qr, app"`
}

// madeLink is a link as the centre gives it.
type madeLink struct {
	URL     string             `json:"url"`
	Expires time.Time          `json:"expires"`
	Counter survey.CounterCode `json:"counter"`
	Unit    survey.UnitCode    `json:"unit"`
}

// Run prints the link.
func (cmd *LinksAddCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	in := map[string]string{}
	for key, value := range map[string]string{
		"counter": string(cmd.Counter), "unit": string(cmd.Unit), "stage": string(cmd.Stage), "resolving_unit": string(cmd.ResolvingUnit), "field": string(cmd.Field),
		"procedure": string(cmd.Procedure), "respondent": string(cmd.Respondent), "questionnaire": string(cmd.Questionnaire), "channel": string(cmd.Channel),
	} {
		if value != "" {
			in[key] = value
		}
	}
	out, raw, err := ask[madeLink](ctx, g, t, http.MethodPost, "/api/v1/links", nil, in)
	if err != nil {
		return err
	}
	switch g.Output {
	case AsJSON:
		return t.json(raw)
	case AsCSV:
		return t.csv([]string{"url", "expires", "counter", "unit"}, [][]string{{out.URL, rfc3339(&out.Expires), string(out.Counter), string(out.Unit)}})
	}
	return t.write(fmt.Sprintf(t.say("%s\n\nĐường dẫn này nhận một câu trả lời cho quầy %s, đến %s. Nó không hiện lại lần nữa.\n",
		"%s\n\nThis link takes one answer for counter %s, until %s. It is not shown again.\n"), oneLine(out.URL), out.Counter, moment(&out.Expires)))
}
