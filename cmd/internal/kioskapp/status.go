package kioskapp

import (
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
		if err := w.journal.Err(); err != nil {
			return because(err, "nhật ký không ghi được", "the journal cannot be written")
		}
	}
	return nil
}

// Status implements [screen.State].
func (a *App) Status() screen.Status {
	now := a.options.Now()
	st := screen.Status{Clock: screen.Clock{Now: now, Boot: time.Since(a.began)}, Version: run.Version()}
	if space := a.space.Load(); space != nil && space.Total > 0 {
		st.Free, st.Total = space.Free, space.Total
	}
	w := a.working.Load()
	if w == nil {
		if why := a.Ready(); why != nil {
			st.Link.Problem = wordsOf(why)
		}
		return st
	}
	st.Kiosk = a.identity.Kiosk()
	for _, c := range w.enrolment.Counters {
		st.Counters = append(st.Counters, c.Code)
	}
	up, worries := w.link() // before the head, so that nothing is ever sent that is not there
	st.Chain, st.Last = w.journal.Chain(), w.journal.Head().Sequence
	st.Receipted = min(up.Durable, st.Last)
	waits := func(durable, unsent uint64, timeAt func(uint64) (time.Time, error)) {
		if st.Unsent += unsent; unsent == 0 {
			return
		}
		if at, err := timeAt(durable + 1); err == nil && !at.IsZero() {
			st.OldestUnsent = max(now.Sub(at), st.OldestUnsent)
		}
	}
	waits(st.Receipted, st.Last-st.Receipted, w.journal.TimeAt)
	for _, p := range w.pasts { // what an earlier chain still has to send is unsent, too
		waits(p.State().Durable, p.Unsent(), p.records.TimeAt)
	}
	if skew, known := w.journal.Skew(); known {
		st.Clock.Skew = &skew
	}
	st.Link = screen.Link{Connected: up.Up, Since: up.Since, Refused: shutOut(worries), Problem: a.linkProblem(up.Up, worries, st.Unsent)}
	return st
}

// linkProblem is what the status says about the way to the centre, and about a new code
// by which the kiosk was not taken in yet; nil = all is well.
func (a *App) linkProblem(up bool, worries []worry, unsent uint64) survey.Words {
	way, code := a.wayProblem(up, worries, unsent), a.outside.Load()
	switch {
	case code == nil:
		return way
	case way == nil:
		return *code
	}
	return problem(way.In(survey.Vietnamese)+". "+code.In(survey.Vietnamese), way.In(survey.English)+". "+code.In(survey.English))
}

func (a *App) wayProblem(up bool, worries []worry, unsent uint64) survey.Words {
	switch why := said(worries); {
	case shutOut(worries):
		return notAccepted(a.identity.Kiosk(), unsent)
	case up && why != nil:
		return problem("cần xem lại: "+why.In(survey.Vietnamese), "needs a look: "+why.In(survey.English))
	case up:
		return nil
	case why != nil:
		return unreached(why)
	}
	return problem("không tới được trung tâm; thiết bị vẫn ghi và sẽ gửi sau", "the centre cannot be reached; the kiosk goes on recording and sends later")
}

// unreached says that the centre cannot be reached, and why.
func unreached(why survey.Words) survey.Words {
	return problem("không tới được trung tâm ("+why.In(survey.Vietnamese)+"); thiết bị vẫn ghi và sẽ gửi sau", "the centre cannot be reached ("+why.In(survey.English)+"); the kiosk goes on recording and sends later")
}

// heartbeat is what the kiosk says of itself to the centre.
func (a *App) heartbeat(durable uint64) custody.Heartbeat {
	w := a.working.Load()
	j := w.journal
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
		h.Trouble = bilingual(wordsOf(err))
	} else if alarms := a.alarms(w.link()); alarms != nil {
		h.Trouble = bilingual(alarms) // which somebody at the centre should see
	}
	return h
}
