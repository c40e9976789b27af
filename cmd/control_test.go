package cmd_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"hailong/cmd/internal/fault"
	"hailong/cmd/internal/kioskapp"
	"hailong/cmd/internal/run"
	"hailong/kiosk"
	"hailong/survey"
)

// These are the negative controls of the ledger: with a protection taken away, the
// same measure must show a loss or a double. Otherwise it would measure nothing.

// thanksFirst is a kiosk that says thank you before it has kept the answer.
const thanksFirst = "thanks-first"

// keysForgotten is a kiosk that does not know a key that it has seen.
const keysForgotten = "keys-forgotten"

// child runs the kiosk program with one protection taken away, or a load generator.
func child(mode string, args []string) int {
	if mode == loadMode {
		return load(args[0], args[1])
	}
	wrap := map[string]func(kiosk.Journal) kiosk.Journal{
		thanksFirst:   func(j kiosk.Journal) kiosk.Journal { return hastyJournal{j} },
		keysForgotten: func(j kiosk.Journal) kiosk.Journal { return forgetfulJournal{j} },
	}[mode]
	return run.Main("kiosk", args, os.Stdout, os.Stderr, func(_ context.Context, file string, log *slog.Logger) (run.Service, error) {
		c, err := kioskapp.Load(file)
		if err != nil {
			return nil, err
		}
		return kioskapp.New(c, kioskapp.Options{Log: log, Wrap: wrap})
	})
}

type hastyJournal struct{ kiosk.Journal }

func (j hastyJournal) Append(ctx context.Context, d survey.Draft) (survey.Entry, bool, error) {
	go func() {
		time.Sleep(time.Second)
		_, _, _ = j.Journal.Append(context.WithoutCancel(ctx), d)
	}()
	return survey.Entry{ID: survey.RecordID{Chain: survey.Chain(d.Nonce), Sequence: 1}, Response: d.Response}, true, nil
}

type forgetfulJournal struct{ kiosk.Journal }

func (j forgetfulJournal) Find(survey.Nonce) (survey.Entry, bool, error) {
	return survey.Entry{}, false, nil
}

func (j forgetfulJournal) Append(ctx context.Context, d survey.Draft) (survey.Entry, bool, error) {
	if _, err := rand.Read(d.Nonce[:]); err != nil {
		return survey.Entry{}, false, err
	}
	return j.Journal.Append(ctx, d)
}

// badSite is a site whose kiosks lack a protection.
func badSite(t *testing.T, mode string) *site {
	t.Helper()
	s := newSite(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.boxPath, s.boxEnv = self, []string{childMode + "=" + mode}
	for i := range s.boxes {
		s.boxes[i].stop(t)
		s.startBox(t, i)
	}
	return s
}

func TestControlThanksBeforeDiskLosesPresses(t *testing.T) {
	s := badSite(t, thanksFirst)
	l := ledger{kept: map[string]string{}}
	for n := range 20 {
		p := fault.Press{Questionnaire: "quick", Answers: map[string]int{"Z0": 5}, Channel: survey.Web, Key: fmt.Sprint("hasty-", n)}
		got, err := send(s.kiosks[0], p)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.thank(p.Key, got.ID); err != nil {
			t.Fatal(err)
		}
	}
	s.boxes[0].kill()
	s.startBox(t, 0)
	s.drained(t)
	err := l.balance(s.counted(t))
	if err == nil {
		t.Fatal("a kiosk that thanks before it keeps was killed, and the ledger still balances: it cannot see a loss")
	}
	t.Log("as it should, the ledger says:", err)
}

func TestControlForgottenKeysCountTwice(t *testing.T) {
	s := badSite(t, keysForgotten)
	l := ledger{kept: map[string]string{}}
	var said error
	for n := range 20 {
		p := fault.Press{Questionnaire: "quick", Answers: map[string]int{"Z0": 5}, Channel: survey.Web, Key: fmt.Sprint("forgotten-", n)}
		for range 2 { // the answer to the first is uncertain, so it is sent again
			got, err := send(s.kiosks[0], p)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.thank(p.Key, got.ID); err != nil {
				said = err
			}
		}
	}
	s.drained(t)
	if err := l.balance(s.counted(t)); err == nil || said == nil || !strings.Contains(said.Error(), "thanked for as") {
		t.Fatalf("keys are forgotten, and the ledger does not see the doubles: %v, %v", err, said)
	}
}
