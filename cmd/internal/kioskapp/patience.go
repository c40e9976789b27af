package kioskapp

import (
	"errors"
	"math/rand/v2"
	"time"

	"hailong/survey"
)

// How long a kiosk that is not taken in yet waits before it asks again.
const (
	enrolEvery  = 2 * time.Second // while nobody answers, and after the first refusal
	enrolAtMost = 5 * time.Minute // after many refusals
	enrolMercy  = time.Hour       // the longest wait that the centre may ask for
)

// refusal is the centre's answer that it does not take the kiosk in: why, in words for
// people, and how long it wants to be left alone. A centre that does not answer at all
// has refused nothing.
type refusal struct {
	words survey.Words
	after time.Duration // from Retry-After; 0 = the centre did not say
}

// Error is the reason in both languages.
func (r *refusal) Error() string { return r.Text(survey.Vietnamese) + " / " + r.Text(survey.English) }

// Text is the reason in one language.
func (r *refusal) Text(lang survey.Lang) string { return r.words.In(lang) }

// patience says how long to wait between two tries. A centre counts failed tries and
// then answers nobody for a while, so a kiosk that is refused asks ever more rarely.
// The zero patience has not been tried yet.
type patience struct{ last time.Duration }

// next is the wait after a try that ended with err. A part of it is drawn, so that
// kiosks that were switched on together do not ask together for ever.
func (p *patience) next(err error) time.Duration {
	var r *refusal
	if !errors.As(err, &r) {
		p.last = 0
		return enrolEvery
	}
	p.last = min(max(2*p.last, enrolEvery), enrolAtMost)
	wait := max(p.last*3/4, min(r.after, enrolMercy))
	return wait + rand.N(p.last/4)
}
