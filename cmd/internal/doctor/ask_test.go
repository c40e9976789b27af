package doctor

import (
	"strings"
	"testing"

	"hailong/survey"
	"hailong/sync/uplink"
)

// Where the centre is reached the network is not to blame, and an alarm about the centre's
// store is cured at the centre.
func TestAKioskThatReachesTheCentreIsNotSentToTheNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		connected bool
		problem   string
		unsent    float64 // seconds
		want      string
	}{
		"the store was put back by hand": {true, string(uplink.Receded), 0, "hailong restore"},
		"of an earlier chain":            {true, "earlier chain 0102: " + string(uplink.Receded), 0, "hailong restore"},
		"another alarm":                  {true, string(uplink.Refused) + ": fork", 0, "the centre's page of kiosks"},
		"it is slow":                     {true, "", 6000, "the centre's page of kiosks"},
		"no way":                         {false, "no route to host", 6000, "check the network"},
		"never reached":                  {false, "", 0, "check the network"},
	} {
		var st kioskStatus
		st.Link.Connected, st.Oldest = c.connected, c.unsent
		var problem survey.Words
		if c.problem != "" {
			problem = words(c.problem, c.problem)
		}
		e := &exam{}
		e.unsent(st, problem)
		f := e.found[0]
		if advice := f.Advice.In(survey.English); f.Verdict != Warn || !strings.Contains(advice, c.want) || strings.Contains(advice, "check the network") == c.connected {
			t.Errorf("%s: %s %s", name, f.Verdict, advice)
		}
	}
}
