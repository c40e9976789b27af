package custody

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"hailong/survey"
)

// The versions of response payloads. A response without a ticket is written as it was
// before there were any, so that a centre of then can count it; one with a ticket waits
// there until a newer program reads it.
const (
	PayloadVersion       = 1
	TicketPayloadVersion = 2 // field 13: the ticket with which the response was made
)

// ErrPayloadVersion marks a payload of a version that this program does not know. The
// record is kept and counted as held until a program that knows it reads it again.
var ErrPayloadVersion = errors.New("the payload's version is not known")

// payload is a response inside a record. Counter and questionnaire stand in the envelope.
type payload struct {
	Answers       []answer     `cbor:"1,keyasint"`
	Channel       string       `cbor:"2,keyasint"`
	Stage         string       `cbor:"3,keyasint"`
	ResolvingUnit string       `cbor:"4,keyasint,omitempty"`
	Field         string       `cbor:"5,keyasint,omitempty"`
	Procedure     string       `cbor:"6,keyasint,omitempty"`
	Respondent    string       `cbor:"7,keyasint,omitempty"`
	Flags         []string     `cbor:"8,keyasint,omitempty"`
	ReplacesChain survey.Chain `cbor:"9,keyasint,omitzero"`
	Replaces      uint64       `cbor:"10,keyasint,omitempty"`
	ContChain     survey.Chain `cbor:"11,keyasint,omitzero"`
	Continues     uint64       `cbor:"12,keyasint,omitempty"`
	Ticket        *usedTicket  `cbor:"13,keyasint,omitempty"` // not in version 1
}

// usedTicket is a [survey.UsedTicket]; an ID of no bytes is none.
type usedTicket struct {
	_     struct{} `cbor:",toarray"`
	Class string
	ID    []byte
	Visit survey.Visit
}

// answer is a question's code and its level, or one of the two values below.
type answer struct {
	_        struct{} `cbor:",toarray"`
	Question string
	Value    int
}

const (
	valueBlank         = -1
	valueNotApplicable = -2
)

// PayloadVersionOf is the version in which a response is written.
func PayloadVersionOf(r *survey.Response) uint {
	if r.Ticket != nil {
		return TicketPayloadVersion
	}
	return PayloadVersion
}

// EncodeResponse is the payload of a response, in the version of [PayloadVersionOf].
func EncodeResponse(r *survey.Response) []byte {
	p := payload{
		Channel: string(r.Channel), Stage: string(r.Stage), ResolvingUnit: string(r.ResolvingUnit),
		Field: string(r.Field), Procedure: string(r.Procedure), Respondent: string(r.Respondent),
		ReplacesChain: r.Replaces.Chain, Replaces: r.Replaces.Sequence,
		ContChain: r.Continues.Chain, Continues: r.Continues.Sequence,
		Answers: make([]answer, len(r.Answers)),
	}
	for i, a := range r.Answers {
		v := int(a.Level)
		switch a.Kind {
		case survey.Blank:
			v = valueBlank
		case survey.NotApplicable:
			v = valueNotApplicable
		}
		p.Answers[i] = answer{Question: string(a.Question), Value: v}
	}
	for _, f := range r.Flags {
		p.Flags = append(p.Flags, string(f))
	}
	if t := r.Ticket; t != nil {
		p.Ticket = &usedTicket{Class: string(t.Class), ID: []byte{}, Visit: t.Visit}
		if !t.ID.IsZero() {
			p.Ticket.ID = t.ID[:]
		}
	}
	return encode(p)
}

// Response reads a record's payload. Whether its answers fit the questionnaire is for
// [survey.Response.Validate].
func (r *Record) Response() (survey.Response, error) {
	if r.Kind != ResponseRecord {
		return survey.Response{}, fmt.Errorf("%w: records of kind %d hold no response", errRecord, r.Kind)
	}
	if r.PayloadVersion != PayloadVersion && r.PayloadVersion != TicketPayloadVersion {
		return survey.Response{}, fmt.Errorf("version %d: %w", r.PayloadVersion, ErrPayloadVersion)
	}
	resp := survey.Response{Questionnaire: r.Questionnaire, Counter: survey.CounterCode(r.Counter)}
	in := reader{b: r.Payload}
	last := uint64(0)
	for range in.pairs() {
		key := in.uint()
		if in.err == nil && key <= last {
			in.fail(fmt.Errorf("field %d follows field %d", key, last))
		}
		last = key
		if key == 13 && r.PayloadVersion == TicketPayloadVersion {
			resp.Ticket = in.ticket()
			continue
		}
		in.field(key, &resp)
	}
	if err := in.end(); err != nil {
		return survey.Response{}, fmt.Errorf("payload cannot be read: %w", err)
	}
	return resp, nil
}

// field reads one field of a payload into its place.
func (r *reader) field(key uint64, to *survey.Response) {
	switch key {
	case 1:
		r.answers(to)
	case 2:
		to.Channel = survey.Channel(r.text())
	case 3:
		to.Stage = survey.Stage(r.text())
	case 4:
		to.ResolvingUnit = survey.UnitCode(r.text())
	case 5:
		to.Field = survey.FieldCode(r.text())
	case 6:
		to.Procedure = survey.ProcedureCode(r.text())
	case 7:
		to.Respondent = survey.RespondentKind(r.text())
	case 8:
		for range r.array() {
			to.Flags = append(to.Flags, survey.Flag(r.text()))
		}
	case 9:
		r.fill(to.Replaces.Chain[:])
	case 10:
		to.Replaces.Sequence = r.uint()
	case 11:
		r.fill(to.Continues.Chain[:])
	case 12:
		to.Continues.Sequence = r.uint()
	default:
		r.fail(fmt.Errorf("field %d is not known", key))
	}
}

func (r *reader) ticket() *survey.UsedTicket {
	r.tuple(3)
	t := &survey.UsedTicket{Class: survey.TicketClass(r.text())}
	switch id := r.bytes(); len(id) {
	case 0:
	case len(t.ID):
		copy(t.ID[:], id)
	default:
		r.fail(fmt.Errorf("a ticket's number has %d bytes", len(id)))
	}
	r.fill(t.Visit[:])
	return t
}

func (r *reader) answers(to *survey.Response) {
	n := r.array()
	to.Answers = make([]survey.Answer, 0, min(n, 64))
	for range n {
		r.tuple(2)
		a := survey.Answer{Question: survey.QuestionCode(r.text()), Kind: survey.AtLevel}
		switch v := r.int(); {
		case v == valueBlank:
			a.Kind = survey.Blank
		case v == valueNotApplicable:
			a.Kind = survey.NotApplicable
		case v < 0 || v > int64(survey.MaxLevel):
			r.fail(fmt.Errorf("%d is not a level", v))
		default:
			a.Level = survey.Level(v)
		}
		if r.err != nil {
			return
		}
		to.Answers = append(to.Answers, a)
	}
}

// Comment is the free text that goes with a record, beside the chain: erasing it and
// its salt leaves the chain whole.
type Comment struct {
	_        struct{} `cbor:",toarray"`
	Sequence uint64
	Salt     [16]byte
	Text     string
}

// Commit is the salted commitment that the record carries instead of the text.
func (c *Comment) Commit() survey.Hash {
	b := append([]byte("hailong/comment/v1"), c.Salt[:]...)
	return sha256.Sum256(append(b, c.Text...))
}
