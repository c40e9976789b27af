package boltstore_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

func words(s string) survey.Words { return survey.Words{survey.Vietnamese: s} }

// faces is the one questionnaire of these tests: the overall question on five levels.
var faces = func() *survey.Questionnaire {
	q := &survey.Questionnaire{
		Code: "faces", Title: words("Nhìn chung"), Scales: []survey.Scale{{Code: "faces5"}},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "faces5", Words: words("Ông/Bà có hài lòng không?")}},
	}
	for v := survey.Level(1); v <= 5; v++ {
		q.Scales[0].Levels = append(q.Scales[0].Levels, survey.ScaleLevel{Value: v, Words: words("mức"), Satisfied: v > 3})
	}
	return q
}()

// centre is a structure of n counters in units of twenty.
func centre(n int) *survey.Structure {
	s := &survey.Structure{Units: []survey.Unit{{Code: "48", Name: words("Đà Nẵng"), Kind: survey.Province}}}
	for i := range n {
		unit := survey.UnitCode(fmt.Sprintf("48.%03d", i/20))
		if i%20 == 0 {
			s.Units = append(s.Units, survey.Unit{Code: unit, Name: words("Xã"), Kind: survey.Commune, Parent: "48"})
		}
		s.Counters = append(s.Counters, survey.Counter{Code: counterCode(i), Unit: unit, Name: words("Quầy")})
	}
	return s
}

func counterCode(i int) survey.CounterCode {
	return survey.CounterCode(fmt.Sprintf("48.%03d.Q%02d", i/20, i%20))
}

// journal makes the records of one kiosk, a press every few minutes of office hours.
type journal struct {
	key     ed25519.PrivateKey
	chain   survey.Chain
	counter survey.CounterCode
	head    custody.Head
	start   time.Time
	perHour int
	linked  bool // every fifth press replaces the one before
	tickets bool // each is made with a ticket of its own
}

func newJournal(name string, counter survey.CounterCode) *journal {
	seed := sha256.Sum256([]byte(name))
	return &journal{
		key: ed25519.NewKeyFromSeed(seed[:]), chain: survey.Chain(seed[:16]), counter: counter,
		start: survey.NewDate(2026, time.January, 5).Start().Add(8 * time.Hour), perHour: 20,
	}
}

// press is the next record.
func (j *journal) press() custody.Record {
	n := int(j.head.Sequence)
	r := survey.Response{
		Questionnaire: facesHash, Channel: survey.Touch, Stage: survey.Result, Counter: j.counter,
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: survey.Level(5 - n*n%7%5)}},
	}
	if j.linked && n%5 == 4 {
		r.Replaces = survey.RecordID{Chain: j.chain, Sequence: j.head.Sequence}
	}
	if j.tickets {
		sum := sha256.Sum256(fmt.Append(j.chain[:], n))
		r.Channel, r.Ticket = survey.QR, &survey.UsedTicket{Class: survey.ScreenTicket, ID: survey.TicketID(sum[:16])}
	}
	hours := n / j.perHour
	at := j.start.AddDate(0, 0, hours/8).Add(time.Duration(hours%8)*time.Hour + time.Duration(n%j.perHour)*time.Minute)
	return j.seal(custody.Record{Wall: at.UnixMilli(), Mono: int64(n) * 1000}, &r)
}

// seal gives a record its place in the chain. Where resp is there, it is its response.
func (j *journal) seal(r custody.Record, resp *survey.Response) custody.Record {
	r.Version, r.Chain, r.Sequence, r.Previous = custody.RecordVersion, j.chain, j.head.Sequence+1, j.head.Hash
	r.Nonce, r.PayloadVersion = survey.KeyNonce(fmt.Sprint(j.head.Sequence)), custody.PayloadVersion
	if resp != nil {
		r.Kind, r.Counter, r.Questionnaire = custody.ResponseRecord, string(resp.Counter), resp.Questionnaire
		r.Payload, r.PayloadVersion = custody.EncodeResponse(resp), custody.PayloadVersionOf(resp)
	}
	r = custody.Seal(r)
	j.head = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
	return r
}

var facesHash = faces.Hash()

// batch is the next n records as they arrive.
func (j *journal) batch(n int) custody.Arrival {
	previous := j.head.Hash
	records := make([]custody.Record, n)
	for i := range records {
		records[i] = j.press()
	}
	return j.arrival(previous, records, nil)
}

// arrival is a batch of records as it arrives.
func (j *journal) arrival(previous survey.Hash, records []custody.Record, totals *custody.Totals) custody.Arrival {
	id := custody.KioskName(j.key.Public().(ed25519.PublicKey))
	b, err := custody.ParseMessage(custody.NewBatch(id, j.key, previous, records, nil, totals).Message())
	if err != nil {
		panic(err)
	}
	return custody.Arrival{Batch: b, Received: records[len(records)-1].At()}
}
