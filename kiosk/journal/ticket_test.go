package journal

import (
	"errors"
	"fmt"
	"testing"

	"hailong/kiosk"
	"hailong/survey"
	"hailong/survey/files"
)

// A ticket that was spent stays spent after both of the journal's files were damaged and
// another chain has begun, and after the stop that follows: what could be read refuses a second
// use, and the phone that spent it goes on. Of the records that were lost nobody knows; that their
// tickets are good again is the control.
func TestASpentTicketStaysSpentInTheChainThatFollows(t *testing.T) {
	const tickets = 20
	list, err := files.Questionnaires(nil)
	if err != nil {
		t.Fatal(err)
	}
	service := func(j *Journal) *kiosk.Recorder {
		return kiosk.NewRecorder(kiosk.Settings{Catalogue: survey.NewCatalogue(list...), Counters: []survey.CounterCode{"GATE"}}, j)
	}
	phone := func(n, visit byte) kiosk.Press {
		return kiosk.Press{
			Questionnaire: "quick", Channel: survey.QR, Counter: "HS-01", Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 4}},
			Ticket: &survey.UsedTicket{Class: survey.ScreenTicket, ID: survey.TicketID{1, n}, Visit: survey.Visit{visit}},
		}
	}
	dir := t.TempDir()
	j := openTest(t, dir)
	first, lost := map[byte]survey.RecordID{}, map[byte]bool{}
	for n := range byte(tickets) {
		e, err := service(j).Record(t.Context(), phone(n, 1))
		if err != nil {
			t.Fatal(err)
		}
		first[n] = e.ID
	}
	old := j.Chain()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	ruinLog(t, dir, 1, int64(logHeader)+500)
	for life, chain := 0, old; life < 2; life++ {
		j := openTest(t, dir, func(o *Options) { o.Chain = chain })
		if chain = j.Chain(); chain == old {
			t.Fatal("the chain goes on")
		}
		r := service(j)
		for n := range byte(tickets) {
			e, spent, err := r.Spent(phone(n, 1).Ticket.ID)
			if err != nil {
				t.Fatal(err)
			}
			if life == 0 && !spent {
				lost[n] = true
				if _, err := r.Record(t.Context(), phone(n, 2)); err != nil {
					t.Errorf("a ticket of which nobody knows is refused: %v", err)
				}
			}
			if lost[n] {
				continue
			}
			if !spent || e.ID != first[n] {
				t.Errorf("life %d: ticket %d was spent by %s, and now by %s", life, n, first[n], e.ID)
			}
			if _, err := r.Record(t.Context(), phone(n, 2)); !errors.Is(err, kiosk.ErrSpent) {
				t.Errorf("life %d: a second use of ticket %d gives %v", life, n, err)
			}
			if again, err := r.Record(t.Context(), phone(n, 1)); err != nil || again.ID != first[n] {
				t.Errorf("life %d: the same form sent again is %s, %v", life, again.ID, err)
			}
			more := phone(n, 1)
			more.Questionnaire, more.Answers[0].Question, more.Continues, more.Key = "reason", "R1", e.ID, fmt.Sprint("more ", life, n)
			if _, err := r.Record(t.Context(), more); err != nil {
				t.Errorf("life %d: the visit does not go on: %v", life, err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(lost); n == 0 || n > 3 {
		t.Errorf("%d of %d tickets are lost", len(lost), tickets)
	}
}
