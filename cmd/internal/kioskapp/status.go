package kioskapp

import (
	"fmt"
	"time"

	"hailong/cmd/internal/run"
	"hailong/kiosk/journal"
	"hailong/kiosk/screen"
	"hailong/survey"
	"hailong/survey/custody"
)

var _ screen.State = (*App)(nil)

// Ready implements [screen.State].
func (a *App) Ready() error {
	if t := a.trouble.Load(); t != nil {
		return *t
	}
	if w := a.working.Load(); w != nil {
		return w.journal.Err()
	}
	return nil
}

// Status implements [screen.State].
func (a *App) Status() screen.Status {
	now := a.options.Now()
	st := screen.Status{Clock: screen.Clock{Now: now, Boot: time.Since(a.began)}}
	w := a.working.Load()
	if w == nil {
		st.Link.Problem = screen.Told(a.Ready())
		return st
	}
	st.Kiosk = a.identity.Kiosk()
	for _, c := range a.identity.Enrolment.Counters {
		st.Counters = append(st.Counters, c.Code)
	}
	up := w.uplink.State() // before the head, so that nothing is ever sent that is not there
	st.Chain, st.Last = w.journal.Chain(), w.journal.Head().Sequence
	st.Receipted = min(up.Durable, st.Last)
	if st.Unsent = st.Last - st.Receipted; st.Unsent > 0 {
		if at, err := w.journal.TimeAt(st.Receipted + 1); err == nil && !at.IsZero() {
			st.OldestUnsent = max(now.Sub(at), 0)
		}
	}
	if skew, known := w.journal.Skew(); known {
		st.Clock.Skew = &skew
	}
	for _, p := range w.pasts { // what an earlier chain still has to send is unsent, too
		st.Unsent += p.Unsent()
	}
	st.Link = screen.Link{Connected: up.Up, Since: up.Since}
	switch {
	case !up.Up:
		st.Link.Problem = problem("không tới được trung tâm; thiết bị vẫn ghi và sẽ gửi lại sau", "the centre cannot be reached; the kiosk goes on recording and will send later")
		if up.Problem != "" {
			st.Link.Problem = problem(st.Link.Problem.In(survey.Vietnamese)+" ("+up.Problem+")", st.Link.Problem.In(survey.English)+" ("+up.Problem+")")
		}
	case up.Problem != "":
		st.Link.Problem = problem(fmt.Sprintf("cần xem lại: %s", up.Problem), fmt.Sprintf("needs a look: %s", up.Problem))
	}
	return st
}

// heartbeat is what the kiosk says of itself to the centre.
func (a *App) heartbeat(durable uint64) custody.Heartbeat {
	j := a.working.Load().journal
	head := j.Head()
	h := custody.Heartbeat{
		Kiosk: a.identity.Kiosk(), Chain: j.Chain(), Last: head.Sequence, LastSum: head.Hash,
		Unsent: head.Sequence - min(head.Sequence, durable), At: a.options.Now().UnixMilli(), Totals: j.Totals(durable),
		Free: -1, Refused: j.Refused(), Software: run.Version(), Boot: j.Boot(),
	}
	if space := journal.SpaceOf(a.config.Data); space.Total > 0 {
		h.Free = space.Free
	}
	if skew, known := j.Skew(); known {
		h.Skew = skew.Milliseconds()
	}
	if err := a.Ready(); err != nil {
		h.Trouble = err.Error()
	} else if st := a.working.Load().uplink.State(); st.Up {
		h.Trouble = st.Problem // an alarm, which somebody at the centre should see
	}
	return h
}

func problem(vi, en string) survey.Words {
	return survey.Words{survey.Vietnamese: vi, survey.English: en}
}
