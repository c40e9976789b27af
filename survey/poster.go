package survey

import "time"

// Poster is a printed code that the centre made for a counter (áp phích): its short
// address leads to the web form of that counter, for anybody and any number of times,
// until it expires or is withdrawn.
type Poster struct {
	Short         string            `json:"short"` // the short address, its name for ever
	Counter       CounterCode       `json:"counter"`
	Questionnaire QuestionnaireCode `json:"questionnaire"`
	Ticket        string            `json:"ticket"` // the signed ticket that the address stands for, in its text form
	Name          string            `json:"name"`   // for people: where it hangs; free to change
	Made          time.Time         `json:"made"`
	Expires       time.Time         `json:"expires"`
	Withdrawn     *time.Time        `json:"withdrawn"` // since when it leads nowhere; nil = it still hangs
}
