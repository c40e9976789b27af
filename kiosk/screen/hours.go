package screen

import (
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// closedFor is after how many seconds the page of a closed counter looks again, where the
// script does not run.
const closedFor = 60

// weekdays are the days' names, by [time.Weekday].
var weekdays = [7]survey.Words{
	says("Chủ Nhật", "Sunday"), says("thứ Hai", "Monday"), says("thứ Ba", "Tuesday"), says("thứ Tư", "Wednesday"),
	says("thứ Năm", "Thursday"), says("thứ Sáu", "Friday"), says("thứ Bảy", "Saturday"),
}

// opens says when a closed counter opens again; nil = not within a year.
func (n *shown) opens(now time.Time) survey.Words {
	at, ok := n.settings.Hours.Next(now)
	if !ok {
		return nil
	}
	at = at.In(survey.Zone)
	clock, day := at.Format("15:04"), weekdays[at.Weekday()]
	if survey.DateOf(at) == survey.DateOf(now) {
		return says("Mở cửa lại lúc "+clock+" hôm nay.", "Open again at "+clock+" today.")
	}
	return says(
		fmt.Sprintf("Mở cửa lại lúc %s, %s, ngày %s.", clock, day.In(survey.Vietnamese), at.Format("02/01/2006")),
		fmt.Sprintf("Open again at %s on %s, %s.", clock, day.In(survey.English), at.Format("02/01/2006")))
}

// asleep reports whether the page says that the counter is closed. Whoever wants to answer
// all the same asks for the first screen by one touch.
func (s *Screen) asleep(c *fiber.Ctx, now *shown) bool {
	return !now.settings.Hours.Open(s.now()) && c.Query("answer") == ""
}

// closed is the page outside opening hours.
func (s *Screen) closed(c *fiber.Ctx, now *shown) error {
	v := now.base(s.words, manner{})
	v.View, v.Scripted, v.Home = "closed", true, closedFor
	v.Reason, v.Revision = now.opens(s.now()), s.closedRevision(now)
	for _, l := range v.Langs {
		v.Answers = append(v.Answers, tongueChoice{Lang: l, Text: s.words["closed.answer"].In(l), Href: v.To("/", "answer", "1", "lang", string(l))})
	}
	s.mine(c, &v)
	return s.render(c, fiber.StatusOK, v)
}

// closedRevision changes when the counter opens, and with the moment at which it does.
func (s *Screen) closedRevision(now *shown) string {
	return "closed-" + digest([]byte(now.opens(s.now()).In(survey.Vietnamese)+s.sign()+now.revision))
}
