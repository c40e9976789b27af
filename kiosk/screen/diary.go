package screen

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// Event is something that happened to the kiosk, in plain words.
type Event struct {
	At    time.Time // by the box's clock
	Sure  bool      // the clock was known to be right then
	Kind  string    // what sort of event, for programs
	Words survey.Words
}

type eventBody struct {
	At   string `json:"at"`
	Sure bool   `json:"clock_sure"`
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// diary tells the events in the caller's language.
func (s *Screen) diary(c *fiber.Ctx) error {
	list, err := s.options.Diary()
	if err != nil {
		return err
	}
	items := make([]eventBody, len(list))
	for i, e := range list {
		items[i] = eventBody{At: instant(e.At), Sure: e.Sure, Kind: e.Kind, Text: e.Words.In(preferred(c))}
	}
	return c.JSON(fiber.Map{"items": items, "next": nil})
}
