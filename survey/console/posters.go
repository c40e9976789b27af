package console

import (
	"fmt"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/ticket"
)

// How long a poster's code is good, where nothing else is said, and at most.
const (
	posterYears     = 2
	posterYearsMost = 10
)

// newPosterJSON asks for a printed code.
type newPosterJSON struct {
	Counter       survey.CounterCode       `json:"counter"`
	Questionnaire survey.QuestionnaireCode `json:"questionnaire"`
	Name          string                   `json:"name"`
	Expires       string                   `json:"expires"`
}

// posterJSON is a poster with what is printed on it.
type posterJSON struct {
	survey.Poster
	URL         string          `json:"url"`     // what the QR code holds; "" while no gateway is known
	Address     string          `json:"address"` // what people type; "" while no gateway is known
	CounterName survey.Words    `json:"counter_name"`
	Unit        survey.UnitCode `json:"unit"`
	UnitName    survey.Words    `json:"unit_name"`
}

// printed is a poster as it is called today.
func (c *Console) printed(s *survey.Structure, p survey.Poster) posterJSON {
	out := posterJSON{Poster: p, CounterName: survey.Words{survey.Vietnamese: string(p.Counter)}, UnitName: survey.Words{}}
	if online := c.online(); online != "" {
		out.URL, out.Address = ticket.Address(online, p.Ticket), ticket.ShortAddress(online, p.Short)
	}
	if row, ok := s.Counter(p.Counter, c.today()); ok {
		unit, _ := s.Unit(row.Unit, c.today())
		out.CounterName, out.Unit, out.UnitName = row.Name, row.Unit, unit.Name
	}
	return out
}

// getPosters lists all posters ever made, those that hang first, each by its short address.
func (c *Console) getPosters(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	all, err := c.store.Posters(ctx.UserContext())
	if err != nil {
		return err
	}
	s, err := c.store.Structure(ctx.UserContext())
	if err != nil {
		return err
	}
	var hanging, gone []posterJSON
	for _, p := range all {
		if p.Withdrawn == nil && c.now().Before(p.Expires) {
			hanging = append(hanging, c.printed(s, p))
		} else {
			gone = append(gone, c.printed(s, p))
		}
	}
	return sendJSON(ctx, fiber.StatusOK, struct {
		Items []posterJSON `json:"items"`
		Next  *string      `json:"next"`
	}{Items: list(slices.Concat(hanging, gone))})
}

// postPosters makes a printed code for a counter.
func (c *Console) postPosters(ctx *fiber.Ctx) error {
	var in newPosterJSON
	s, catalogue, _, err := c.ticketOf(ctx, &in)
	if err != nil {
		return err
	}
	p, err := in.check(s, catalogue, c.now())
	if err != nil {
		return err
	}
	p.Ticket, err = c.settings.Tickets(&ticket.Ticket{
		Class: survey.PosterTicket, Nonce: ticket.NewNonce(), Expires: p.Expires, Counter: p.Counter, Questionnaire: p.Questionnaire,
	})
	if err != nil {
		return fmt.Errorf("sign a poster's ticket: %w", err)
	}
	all, err := c.store.Posters(ctx.UserContext())
	if err != nil {
		return err
	}
	for p.Short == "" || slices.ContainsFunc(all, func(other survey.Poster) bool { return other.Short == p.Short }) {
		p.Short = ticket.NewShort()
	}
	if err := c.store.PutPoster(ctx.UserContext(), p); err != nil {
		return fmt.Errorf("keep the poster: %w", err)
	}
	c.log.Info("poster made", "poster", p.Short, "counter", p.Counter, "name", p.Name, "expires", p.Expires)
	return sendJSON(ctx, fiber.StatusCreated, c.printed(s, p))
}

// check finds what is wrong, and makes the poster, without its ticket and address.
func (in *newPosterJSON) check(s *survey.Structure, catalogue *survey.Catalogue, now time.Time) (survey.Poster, error) {
	var ps survey.Problems
	if in.Counter == "" {
		ps.Add("counter", "", "thiếu quầy mà mã này dẫn tới", "the counter that the code leads to is missing")
	} else {
		checkCounter(&ps, s, in.Counter, survey.DateOf(now))
	}
	checkQuestionnaire(&ps, catalogue, in.Questionnaire)
	ps.Check(nameProblem(in.Name))
	expires := now.AddDate(posterYears, 0, 0)
	if in.Expires != "" {
		at, err := time.Parse(time.RFC3339, in.Expires)
		if expires = at; err != nil || !at.After(now) || at.After(now.AddDate(posterYearsMost, 0, 0)) {
			ps.Add("expires", in.Expires, fmt.Sprintf("cần một thời điểm trong tương lai, trong vòng %d năm, dạng 2028-12-31T17:00:00+07:00", posterYearsMost),
				fmt.Sprintf("a moment in the future is needed, within %d years, written 2028-12-31T17:00:00+07:00", posterYearsMost))
		}
	}
	return survey.Poster{
		Counter: in.Counter, Questionnaire: in.Questionnaire, Name: in.Name, Made: now.In(survey.Zone), Expires: expires.Truncate(time.Second).In(survey.Zone),
	}, ps.Err()
}

// deletePoster withdraws a poster: its code and its address lead nowhere from now on. What
// was answered with it stays counted.
func (c *Console) deletePoster(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	all, err := c.store.Posters(ctx.UserContext())
	if err != nil {
		return err
	}
	short, _ := ticket.ParseShort(ctx.Params("short"))
	i := slices.IndexFunc(all, func(p survey.Poster) bool { return p.Short == short })
	if i < 0 {
		return refuse(fiber.StatusNotFound, "không có áp phích nào mang địa chỉ ngắn này; xem /api/v1/posters", "there is no poster with this short address; see /api/v1/posters")
	}
	p := all[i]
	if p.Withdrawn == nil {
		now := c.now().In(survey.Zone)
		p.Withdrawn = &now
		if err := c.store.PutPoster(ctx.UserContext(), p); err != nil {
			return fmt.Errorf("withdraw poster %s: %w", p.Short, err)
		}
		c.log.Info("poster withdrawn", "poster", p.Short, "counter", p.Counter, "name", p.Name)
	}
	s, err := c.store.Structure(ctx.UserContext())
	if err != nil {
		return err
	}
	return sendJSON(ctx, fiber.StatusOK, c.printed(s, p))
}
