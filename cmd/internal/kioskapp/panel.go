package kioskapp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"hailong/kiosk"
	"hailong/kiosk/panel"
	"hailong/kiosk/screen"
	"hailong/survey"
	"hailong/sync/uplink"
)

// DiaryButtons is what happened to a panel of buttons.
const DiaryButtons DiaryKind = "buttons"

// buttons are the kiosk's panels and what they answer.
type buttons struct {
	panels        []*panel.Panel
	missing       []survey.Words // levels that some panel has no key for
	questionnaire string         // as code@hash
	question      survey.QuestionCode
	first         sync.Map // by counter: the first record of the visit whose press was kept last
}

// prepareButtons makes the panels of the settings. A key that means a level which the
// questionnaire's overall question does not have is refused.
func (a *App) prepareButtons() error {
	if len(a.config.Buttons) == 0 {
		return nil
	}
	v, _ := a.catalogue.Find(a.config.Screen.Questionnaire)
	i := slices.IndexFunc(v.Questions, func(q survey.Question) bool { return q.Kind == survey.Overall })
	if i < 0 {
		return survey.Problem{Path: "screen.questionnaire", Value: a.config.Screen.Questionnaire,
			Vi: "phiếu này không có câu hỏi chung (kind: overall) để nút bấm trả lời", En: "this questionnaire has no overall question (kind: overall) for the buttons to answer"}
	}
	b, scale := &a.buttons, v.Scale(v.Questions[i].Scale)
	b.questionnaire, b.question = v.ID(), v.Questions[i].Code
	var ps survey.Problems
	for i, d := range a.config.Buttons {
		d.CheckLevels(fmt.Sprintf("buttons[%d]", i), scale, &ps)
		if none := d.Missing(scale); none != "" {
			b.missing = append(b.missing, problem("nút bấm "+d.Path+": không có nút nào cho mức "+none+", nên ở đó không ai chọn được", "buttons "+d.Path+": no key means the levels "+none+", so that nobody can choose them there"))
		}
		b.panels = append(b.panels, panel.New(d, panel.Options{
			Record: a.recordButton, Ask: func() (string, survey.QuestionCode) { return b.questionnaire, b.question },
			Tell:   func(w survey.Words) { a.tell(remark{DiaryButtons, w}) },
			OnKept: a.thanked, OnRefused: a.notKept, Thanks: a.config.Screen.Thanks, Now: a.options.Now,
		}))
	}
	return ps.Err()
}

// recordButton keeps a button's press with the recorder of the moment. The counter's
// screen shows meanwhile that the press was felt.
func (a *App) recordButton(ctx context.Context, p kiosk.Press) (survey.Entry, error) {
	r := a.recorder.Load()
	if r == nil || a.screen.Paused() {
		return survey.Entry{}, panel.ErrOutOfService
	}
	a.screen.Pressed(p.Counter, screen.PanelOutcome{View: screen.PanelWait})
	e, err := r.Record(ctx, p)
	if err == nil {
		first := p.Replaces
		if first.IsZero() {
			first = e.ID
		}
		a.buttons.first.Store(e.Response.Counter, first)
	}
	return e, err
}

// refused are presses of which it is not known that they were kept; none was thanked.
func (b *buttons) refused() (n uint64) {
	for _, p := range b.panels {
		n += p.State().Refused
	}
	return n
}

// hearButtons hears the panels until ctx ends or stop is called; stop waits until what was
// pressed is kept.
func (a *App) hearButtons(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	for _, w := range slices.Concat(a.buttons.missing, a.strangeCounters()) {
		a.tell(remark{DiaryButtons, w})
	}
	var hearing sync.WaitGroup
	for _, p := range a.buttons.panels {
		hearing.Go(func() { p.Run(ctx) })
	}
	return func() {
		cancel()
		hearing.Wait()
	}
}

// thanked hears that a button's press of a counter was kept. It is the place where that
// counter's screen says thank you, and asks further; which button it was is not told.
func (a *App) thanked(c survey.CounterCode) {
	first, _ := a.buttons.first.Load(c)
	id, _ := first.(survey.RecordID)
	a.screen.Pressed(c, screen.PanelOutcome{View: screen.PanelThanks, First: id})
}

// notKept hears that a button's press is not kept: whoever pressed is asked, by that counter's
// screen, to press again.
func (a *App) notKept(c survey.CounterCode) {
	a.screen.Pressed(c, screen.PanelOutcome{View: screen.PanelFailed})
}

// strangeCounters says which panels are of counters that the kiosk does not serve: their
// presses cannot be kept.
func (a *App) strangeCounters() (list []survey.Words) {
	w := a.working.Load()
	if w == nil {
		return nil
	}
	var have []string
	for _, c := range w.enrolment.Counters {
		have = append(have, string(c.Code))
	}
	for _, d := range a.config.Buttons {
		if d.Counter != "" && !slices.Contains(have, string(d.Counter)) {
			list = append(list, problem(fmt.Sprintf("nút bấm %s: thiết bị này không phục vụ quầy %s, chỉ phục vụ: %s; lượt bấm ở đó không ghi được", d.Path, d.Counter, strings.Join(have, ", ")),
				fmt.Sprintf("buttons %s: this kiosk does not serve the counter %s, only: %s; presses there cannot be kept", d.Path, d.Counter, strings.Join(have, ", "))))
		}
	}
	return list
}

// buttonWorries are what a person should look at now.
func (a *App) buttonWorries() []survey.Words {
	list := a.strangeCounters()
	for _, p := range a.buttons.panels {
		list = append(list, p.State().Worries...)
	}
	return list
}

// alarms are what is wrong while the kiosk records: with the centre, while that is
// reached, and with the buttons. nil = nothing is.
func (a *App) alarms(centre uplink.State, worries []worry) survey.Words {
	list := a.buttonWorries()
	if centre.Up && len(worries) > 0 {
		list = slices.Insert(list, 0, said(worries))
	}
	if len(list) == 0 {
		return nil
	}
	var vi, en []string
	for _, w := range list {
		vi, en = append(vi, w.In(survey.Vietnamese)), append(en, w.In(survey.English))
	}
	return problem(strings.Join(vi, "; "), strings.Join(en, "; "))
}
