package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/ticket"
)

// ticketLife is how long a transaction's link may be used.
const ticketLife = 72 * time.Hour

// linkJSON asks for the link of one transaction. It says of the case what a record may
// keep, and nothing that names it: any other key is refused.
type linkJSON struct {
	Counter       survey.CounterCode       `json:"counter"`
	Unit          survey.UnitCode          `json:"unit"` // in place of the counter, where the unit has only one
	ResolvingUnit survey.UnitCode          `json:"resolving_unit"`
	Field         survey.FieldCode         `json:"field"`
	Procedure     survey.ProcedureCode     `json:"procedure"`
	Stage         survey.Stage             `json:"stage"`
	Respondent    survey.RespondentKind    `json:"respondent"`
	Questionnaire survey.QuestionnaireCode `json:"questionnaire"`
	Channel       survey.Channel           `json:"channel"`
}

// madeLinkJSON is a link for one answer. It is shown this once and kept nowhere.
type madeLinkJSON struct {
	URL     string             `json:"url"`
	Ticket  string             `json:"ticket"`
	Expires time.Time          `json:"expires"`
	Counter survey.CounterCode `json:"counter"`
	Unit    survey.UnitCode    `json:"unit"`
}

// postLinks makes a link for the citizen of one transaction.
func (c *Console) postLinks(ctx *fiber.Ctx) error {
	var in linkJSON
	s, catalogue, online, err := c.ticketOf(ctx, &in)
	if err != nil {
		return err
	}
	row, err := in.check(s, catalogue, c.today())
	if err != nil {
		return err
	}
	expires := c.now().Add(ticketLife).Truncate(time.Second).In(survey.Zone)
	text, err := c.settings.Tickets(&ticket.Ticket{
		Class: survey.TransactionTicket, Nonce: ticket.NewNonce(), Expires: expires, Counter: row.Code, Questionnaire: in.Questionnaire, Stage: in.Stage,
		Channel: in.Channel, Respondent: in.Respondent, ResolvingUnit: in.ResolvingUnit, Field: in.Field, Procedure: in.Procedure,
	})
	if err != nil {
		return fmt.Errorf("sign a transaction's ticket: %w", err)
	}
	return sendJSON(ctx, fiber.StatusCreated, madeLinkJSON{URL: ticket.Address(online, text), Ticket: text, Expires: expires, Counter: row.Code, Unit: row.Unit})
}

// ticketOf reads a request for a ticket, and what its parts are compared with. There is
// none without a gateway that takes it.
func (c *Console) ticketOf(ctx *fiber.Ctx, in any) (s *survey.Structure, catalogue *survey.Catalogue, online string, err error) {
	if err := noParams(ctx); err != nil {
		return nil, nil, "", err
	}
	body, err := readBody(ctx, smallBody)
	if err != nil {
		return nil, nil, "", err
	}
	if err := readJSON(body, in); err != nil {
		return nil, nil, "", err
	}
	if online = c.online(); online == "" || c.settings.Tickets == nil {
		return nil, nil, "", refuse(fiber.StatusConflict,
			"chưa có cổng khảo sát trực tuyến: hãy đặt địa chỉ của cổng vào khóa online trong tệp cấu hình của trung tâm rồi khởi động lại",
			"there is no online gateway yet: set its address under online in the aggregator's settings file, and start it again")
	}
	if s, err = c.store.Structure(ctx.UserContext()); err != nil {
		return nil, nil, "", err
	}
	catalogue, err = c.store.Catalogue(ctx.UserContext())
	return s, catalogue, online, err
}

// online is where phones reach the gateway; "" = nowhere.
func (c *Console) online() string {
	if c.settings.Online == nil {
		return ""
	}
	return c.settings.Online()
}

// check fills in what may be left out and finds what is wrong.
func (in *linkJSON) check(s *survey.Structure, catalogue *survey.Catalogue, today survey.Date) (survey.Counter, error) {
	var ps survey.Problems
	row := in.counter(s, today, &ps)
	if in.Channel == "" {
		in.Channel = survey.Web
	}
	oneOf(&ps, "stage", in.Stage, survey.Stages)
	oneOf(&ps, "channel", in.Channel, []survey.Channel{survey.Web, survey.QR, survey.App})
	if in.Respondent != "" {
		oneOf(&ps, "respondent", in.Respondent, survey.RespondentKinds)
	}
	if _, ok := s.Unit(in.ResolvingUnit, today); in.ResolvingUnit != "" && !ok {
		ps.Add("resolving_unit", string(in.ResolvingUnit), "hôm nay không có đơn vị nào mang mã này; xem /api/v1/units", "today there is no unit with this code; see /api/v1/units")
	}
	in.checkCase(s, &ps)
	checkQuestionnaire(&ps, catalogue, in.Questionnaire)
	return row, ps.Err()
}

// counter is the one asked for by its code or by its unit's.
func (in *linkJSON) counter(s *survey.Structure, today survey.Date, ps *survey.Problems) survey.Counter {
	switch {
	case (in.Counter == "") == (in.Unit == ""):
		ps.Add("counter", string(in.Counter), "cần counter hoặc unit, đúng một trong hai", "counter or unit is needed, exactly one of them")
	case in.Counter != "":
		return checkCounter(ps, s, in.Counter, today)
	default:
		var of []survey.Counter
		for _, row := range s.Counters {
			if row.Unit == in.Unit && row.InForce(today) {
				of = append(of, row)
			}
		}
		if len(of) == 1 {
			return of[0]
		}
		ps.Add("unit", string(in.Unit), fmt.Sprintf("hôm nay đơn vị này có %d quầy; hãy nêu counter; xem /api/v1/units", len(of)),
			fmt.Sprintf("today this unit has %d counters; name the counter; see /api/v1/units", len(of)))
	}
	return survey.Counter{}
}

// checkCase compares field and procedure with those declared. A procedure brings its field.
func (in *linkJSON) checkCase(s *survey.Structure, ps *survey.Problems) {
	if in.Procedure != "" {
		i := slices.IndexFunc(s.Procedures, func(p survey.Procedure) bool { return p.Code == in.Procedure })
		switch {
		case i < 0:
			ps.Add("procedure", string(in.Procedure), "không có thủ tục nào mang mã này; xem /api/v1/units", "there is no procedure with this code; see /api/v1/units")
		case in.Field == "":
			in.Field = s.Procedures[i].Field
		case in.Field != s.Procedures[i].Field:
			ps.Add("field", string(in.Field), "thủ tục này thuộc lĩnh vực "+string(s.Procedures[i].Field), "this procedure belongs to the field "+string(s.Procedures[i].Field))
		}
		return
	}
	if in.Field != "" && !slices.ContainsFunc(s.Fields, func(f survey.Field) bool { return f.Code == in.Field }) {
		ps.Add("field", string(in.Field), "không có lĩnh vực nào mang mã này; xem /api/v1/units", "there is no field with this code; see /api/v1/units")
	}
}

func checkCounter(ps *survey.Problems, s *survey.Structure, code survey.CounterCode, today survey.Date) survey.Counter {
	row, ok := s.Counter(code, today)
	if !ok {
		ps.Add("counter", string(code), "hôm nay không có quầy nào mang mã này; xem /api/v1/units", "today there is no counter with this code; see /api/v1/units")
	}
	return row
}

// checkQuestionnaire finds a questionnaire by its code; none leaves the choice to the gateway.
func checkQuestionnaire(ps *survey.Problems, catalogue *survey.Catalogue, code survey.QuestionnaireCode) {
	if _, ok := catalogue.InForce(code); code != "" && !ok {
		ps.Add("questionnaire", string(code), "không có phiếu hỏi này; có: "+catalogue.Codes(), "there is no such questionnaire; there are: "+catalogue.Codes())
	}
}

func oneOf[T ~string](ps *survey.Problems, path string, v T, list []T) {
	if slices.Contains(list, v) {
		return
	}
	words := make([]string, len(list))
	for i, each := range list {
		words[i] = string(each)
	}
	ps.Add(path, string(v), "phải là một trong: "+strings.Join(words, ", "), "must be one of: "+strings.Join(words, ", "))
}
