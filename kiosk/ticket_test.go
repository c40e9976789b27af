package kiosk_test

import (
	"errors"
	"testing"

	"hailong/kiosk"
	"hailong/survey"
)

// phone is a first answer with a ticket for one answer, from one opening of its form.
func phone(visit byte, level survey.Level) kiosk.Press {
	p := press("", level)
	p.Channel, p.Counter = survey.QR, "ELSEWHERE-7"
	p.Ticket = &survey.UsedTicket{Class: survey.ScreenTicket, ID: survey.TicketID{0x7e}, Visit: survey.Visit{visit}}
	return p
}

func TestATicketIsSpentByTheCommit(t *testing.T) {
	h := open(t)
	first := h.after(0, phone(1, 5))
	if first.Nonce != survey.Nonce(phone(1, 5).Ticket.ID) || *first.Response.Ticket != *phone(1, 5).Ticket {
		t.Fatalf("the record is %+v", first)
	}
	if e, ok, err := h.Spent(survey.TicketID{0x7e}); !ok || err != nil || e.ID != first.ID {
		t.Errorf("Spent = %v %v %v", e.ID, ok, err)
	}
	if again := h.after(0, phone(1, 5)); again.ID != first.ID {
		t.Error("the same form sent twice made another record")
	}
	if _, err := h.Record(t.Context(), phone(1, 4)); !errors.Is(err, kiosk.ErrConflict) {
		t.Errorf("the same form with another answer gives %v", err)
	}
	// Whoever has the used ticket cannot find out, by trying, which answer was given.
	for level := survey.Level(1); level <= 5; level++ {
		if _, err := h.Record(t.Context(), phone(2, level)); !errors.Is(err, kiosk.ErrSpent) {
			t.Errorf("another form with answer %d gives %v", level, err)
		}
	}
	if n := len(h.journal.entries); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

func TestAVisitGoesOnWithItsOwnTicketOnly(t *testing.T) {
	h := open(t)
	first := h.after(0, phone(1, 5))
	more := func(visit byte) kiosk.Press {
		p := phone(visit, 4)
		p.Questionnaire, p.Answers[0].Question, p.Continues, p.Key = "service", "A1", first.ID, "more"
		return p
	}
	for name, p := range map[string]kiosk.Press{"another visit": more(2), "no ticket": func() kiosk.Press { p := more(1); p.Ticket = nil; return p }()} {
		if _, err := h.Record(t.Context(), p); err == nil {
			t.Errorf("%s went on with the visit", name)
		}
	}
	if e := h.after(0, more(1)); e.Response.Continues != first.ID {
		t.Errorf("the visit went on as %+v", e.Response)
	}
}

// Nobody changes a phone's answer without its ticket, not even at a counter of the recorder's
// own, at which such a press is one like any other.
func TestWithoutATicketNobodyChangesAnAnswerMadeWithOne(t *testing.T) {
	h := open(t)
	p := phone(1, 1)
	p.Counter = "H-1"
	first := h.after(0, p)
	for name, link := range map[string]func(*kiosk.Press){
		"replaces":  func(p *kiosk.Press) { p.Replaces = first.ID },
		"continues": func(p *kiosk.Press) { p.Continues, p.Questionnaire, p.Answers[0].Question = first.ID, "service", "A1" },
	} {
		p := press(name, 5)
		link(&p)
		if _, err := h.Record(t.Context(), p); !errors.As(err, new(survey.Problems)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A poster's ticket is never spent: each opening of its form is an answer of its own.
func TestAPosterIsNotSpent(t *testing.T) {
	h := open(t)
	for _, key := range []string{"visit 1", "visit 2", "visit 2"} {
		p := phone(1, 5)
		p.Ticket.Class, p.Ticket.ID, p.Key = survey.PosterTicket, survey.TicketID{}, key
		h.after(0, p)
	}
	if n := len(h.journal.entries); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}
