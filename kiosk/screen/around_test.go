package screen

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hailong/survey"
)

// Nobody is there: after a minute the screen invites, and a touch works at once.
func browserInvitation(t *testing.T, ctx context.Context) {
	var code atomic.Bool
	code.Store(true)
	s := newStand(t, withCode(&code))
	v := attend(t, ctx, s.listen(t))
	before := v.dom()
	source := func() string { return ask[string](v, `document.querySelector('.code img').getAttribute('src')`) }
	if src := source(); src != "/qr.svg" {
		t.Errorf("the first code is %q", src)
	}
	v.pass(59_999)
	if v.dom() != before || source() != "/qr.svg?n=2" {
		t.Errorf("after 59 s: %s", v.dom())
	}
	v.pass(1)
	if said := ask[string](v, `document.querySelector('.say').innerText`); said != "Mời Ông/Bà chạm vào một khuôn mặt." || v.dom() == before {
		t.Errorf("after a minute the page says %q", said)
	}
	v.do(tap(".code"), tap(".code img")) // not to be pressed
	if v.dom() != before {
		t.Errorf("somebody is there, and the page goes on inviting")
	}
	v.pass(60_000)
	v.do(tap(`.face[value="5"]`))
	v.now("thanks", 0)
	v.pass(3000)
	v.shows("ask", 0)
	if v.dom() != before {
		t.Errorf("after the visit the page is\n%s\nbefore it was\n%s", v.dom(), before)
	}
	s.wantLinks(t, "Z0=5 touch")
	v.leavesNoTrace()
}

// A press on the button panel is shown like a touch.
func browserPanel(t *testing.T, ctx context.Context) {
	s := newStand(t, withFollowUp)
	s.state.now.Counters = []survey.CounterCode{"Q1", "Q2"}
	v := attend(t, ctx, s.listen(t))
	before := v.dom()
	for deadline := time.Now().Add(10 * time.Second); s.feed.listeners() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the page does not listen")
		}
	}
	kept := s.post(t, press(2, "panel"))
	id, err := survey.ParseRecordID(kept.text[len(`{"id":"`):strings.Index(kept.text, `","sequence`)])
	if err != nil {
		t.Fatal(err)
	}
	s.Pressed("Q2", PanelOutcome{View: PanelWait}) // another counter's
	s.Pressed("Q1", PanelOutcome{View: PanelWait})
	v.shows("wait", 0)
	s.Pressed("Q1", PanelOutcome{View: PanelThanks, First: id})
	v.now("more", 1)
	v.do(tap(`.reason[value="5"]`))
	v.now("more", 2)
	v.do(tap(button("end")))
	v.now("done", 0)
	v.pass(3000)
	v.shows("ask", 0)
	s.wantLinks(t, "Z0=2 touch", "R1=5 continues 1 touch")

	s.Pressed("", PanelOutcome{View: PanelWait})
	v.shows("wait", 0)
	s.Pressed("", PanelOutcome{View: PanelFailed})
	v.shows("failed", 0)
	if n := ask[int](v, `document.querySelectorAll('[data-again]').length`); n != 0 {
		t.Error("the page offers to press again for the panel")
	}
	v.pass(40_000)
	v.shows("ask", 0)
	s.Pressed("", PanelOutcome{View: PanelWait})
	v.shows("wait", 0)
	v.pass(12_000) // and no more is heard
	v.shows("ask", 0)
	if v.dom() != before {
		t.Errorf("after the visit the page is\n%s\nbefore it was\n%s", v.dom(), before)
	}
	v.leavesNoTrace()
}

// What can be heard is the question and all its answers, never the one that was given.
func browserListening(t *testing.T, ctx context.Context) {
	s := newStand(t, withFollowUp, withSounds)
	v := attend(t, ctx, s.listen(t))
	ask[bool](v, `(window.played = [], window.Audio = function(src) { this.play = async () => played.push(src); this.pause = () => played.push('stop'); }, true)`)
	before := v.dom()
	v.do(tap(`.tools [data-hear]`), tap(`.langs [data-lang="en"]`))
	if visible := ask[bool](v, `document.querySelector('.tools [data-hear]').checkVisibility()`); visible {
		t.Error("English has no sound, and the button is there")
	}
	v.do(tap(`.langs [data-lang="vi"]`), tap(`.face[value="1"]`))
	v.now("more", 1)
	v.do(tap(`.above [data-hear]`), tap(button("skip")))
	v.now("more", 2)
	if n := ask[int](v, `document.querySelectorAll('.above [data-hear]').length`); n != 0 {
		t.Error("the second question has no sound, and the button is there")
	}
	v.do(tap(button("end")))
	v.now("done", 0)
	v.pass(3000)
	v.shows("ask", 0)
	want := []string{"/audio/vi/question.mp3", "stop", "/audio/vi/thanks.mp3", "stop", "/audio/vi/R1.mp3", "stop"}
	if got := ask[[]string](v, "played"); !slices.Equal(got, want) {
		t.Errorf("played %q, want %q", got, want)
	}
	if v.dom() != before {
		t.Errorf("after the visit the page is\n%s\nbefore it was\n%s", v.dom(), before)
	}
	v.leavesNoTrace()
}
