//go:build linux

package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"hailong/survey"
)

// Hand presses a press once at a kiosk, and notes in the ledger what came of it.
func Hand(l *Ledger, kiosk string, p Press) Outcome {
	l.Send(kiosk, p)
	var thanks struct{ ID string }
	status, err := Call(http.MethodPost, kiosk+"/api/v1/responses", "", p, &thanks)
	switch {
	case err == nil && status == http.StatusCreated:
		id, err := survey.ParseRecordID(thanks.ID)
		if err != nil {
			l.note(fmt.Sprintf("I1: the press %s was thanked for as %q, which is no record", p.Key, thanks.ID))
		}
		l.Thank(p.Key, id)
		return Thanked
	case status >= 400 && status < 500:
		l.Refuse(p.Key)
		return Refused
	}
	return Unknown
}

// Crowd are people who press at kiosks until told to stop. A press whose outcome is
// uncertain is sent again with its key, by the same person, before the next one.
type Crowd struct {
	ledger *Ledger
	stop   chan struct{}
	hands  sync.WaitGroup
}

// pressEvery is about how long a person waits between two presses: faults are the
// point, not the load.
const pressEvery = 4 * time.Millisecond

// NewCrowd begins to press: hands people at each kiosk, with keys and answers that seed
// determines. Now and then somebody writes a comment.
func NewCrowd(l *Ledger, seed uint64, hands int, kiosks ...string) *Crowd {
	c := &Crowd{ledger: l, stop: make(chan struct{})}
	for i, k := range kiosks {
		for h := range hands {
			c.hands.Go(func() {
				c.person(k, fmt.Sprintf("%d-%d-%d", seed, i, h), rand.New(rand.NewPCG(seed, uint64(1000*i+h))))
			})
		}
	}
	return c
}

func (c *Crowd) person(kiosk, name string, rnd *rand.Rand) {
	for n := 0; ; n++ {
		p := Press{Questionnaire: "quick", Answers: map[string]int{"Z0": 1 + rnd.IntN(5)}, Channel: survey.Web, Key: fmt.Sprintf("%s-%d", name, n)}
		if n%4 == 3 {
			p.Comment = commentMark + p.Key
		}
		for Hand(c.ledger, kiosk, p) == Unknown {
			if !c.wait(5 * pressEvery) {
				return
			}
		}
		if !c.wait(pressEvery) {
			return
		}
	}
}

// wait is false once the crowd was told to stop.
func (c *Crowd) wait(d time.Duration) bool {
	select {
	case <-c.stop:
		return false
	case <-time.After(d):
		return true
	}
}

// Stop ends the pressing at once; outcomes may stay unknown.
func (c *Crowd) Stop() {
	close(c.stop)
	c.hands.Wait()
}

// errUncertain says that presses stayed without an outcome.
var errUncertain = errors.New("presses stayed without an answer")

// Resolve sends what is uncertain again, with its key and to its kiosk, until every
// outcome is known.
func (l *Ledger) Resolve(within time.Duration) error {
	return poll(within, func() error {
		for kiosk, list := range l.Open() {
			for _, p := range list {
				Hand(l, kiosk, p)
			}
		}
		left := 0
		for _, list := range l.Open() {
			left += len(list)
		}
		if left > 0 {
			return fmt.Errorf("%w: %d", errUncertain, left)
		}
		return nil
	})
}
