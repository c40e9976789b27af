package kioskapp

import (
	"hailong/survey/ticket"
)

// ring is whose tickets are good here: the centre's, for the counters that the kiosk was
// taken in with.
func (a *App) ring() *ticket.Ring {
	w := a.working.Load()
	if w == nil {
		return nil
	}
	var d ticket.Directory
	for _, c := range w.enrolment.Counters {
		d.Counters = append(d.Counters, ticket.Counter(c))
	}
	return ticket.NewRing(d, w.enrolment.CentreKey)
}
