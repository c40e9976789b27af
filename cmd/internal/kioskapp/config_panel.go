package kioskapp

import (
	"fmt"
	"slices"

	"hailong/kiosk/panel"
	"hailong/survey"
)

// checkButtons adds what is wrong with the panels' settings. Their levels are judged when
// the questionnaire is known.
func (c *Config) checkButtons(ps *survey.Problems) {
	if len(c.Buttons) > 0 && c.Role == survey.OnlineGateway {
		ps.Add("buttons", "", "cổng trực tuyến (role: online) không có nút bấm", "an online gateway (role: online) has no buttons")
	}
	for i := range c.Buttons {
		path := fmt.Sprintf("buttons[%d]", i)
		c.Buttons[i].Check(path, ps)
		same := func(d panel.Device) bool { return d.Path != "" && d.Path == c.Buttons[i].Path }
		if slices.ContainsFunc(c.Buttons[:i], same) {
			ps.Add(path+".path", c.Buttons[i].Path, "thiết bị này đã có ở trên", "this device is there already, above")
		}
	}
}
