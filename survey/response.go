package survey

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Channel is the way an answer came (kênh).
type Channel string

// The channels.
const (
	Button   Channel = "button"
	Touch    Channel = "touch"
	QR       Channel = "qr"
	Web      Channel = "web"
	App      Channel = "app"
	Portal   Channel = "portal"
	Campaign Channel = "campaign"
	Paper    Channel = "paper"
)

// Channels are all channels. A ticket names one by its place here, so new ones come at the
// end.
var Channels = []Channel{Button, Touch, QR, Web, App, Portal, Campaign, Paper}

// Stage is the point of a case at which the citizen was asked (khâu).
type Stage string

// The stages. Not only the happy end: also requests to supplement and refusals
// (Circular 01/2018/TT-VPCP art. 12: a form goes with each of them).
const (
	Reception  Stage = "reception"
	Supplement Stage = "supplement"
	Refusal    Stage = "refusal"
	Result     Stage = "result"
)

// Stages are all stages in the order of a case. A ticket names one by its place here, so
// new ones come at the end.
var Stages = []Stage{Reception, Supplement, Refusal, Result}

// RespondentKind says for whom the respondent came, where known.
type RespondentKind string

// The kinds of respondents.
const (
	Citizen      RespondentKind = "citizen"
	Organisation RespondentKind = "organisation"
)

// RespondentKinds are all kinds of respondents. A ticket names one by its place here, so
// new ones come at the end.
var RespondentKinds = []RespondentKind{Citizen, Organisation}

// AnswerKind tells a level from the two ways of giving none.
type AnswerKind uint8

// The kinds of answers. The zero value is no answer at all and never valid.
const (
	AtLevel       AnswerKind = 1 // a level of the question's scale
	Blank         AnswerKind = 2 // shown and left empty; never taken for any level
	NotApplicable AnswerKind = 3 // "không sử dụng", where the question offers it
)

// Answer is one question's answer.
type Answer struct {
	Question QuestionCode
	Kind     AnswerKind
	Level    Level // only with AtLevel
}

// Flag is a mark stored on a record (cờ). Records are never dropped: some flags leave
// them out of the headline score (see [Exclusions]), every other one only marks.
type Flag string

// The flags that leave a record out of the headline score.
const (
	Test        Flag = "test"         // pressed in test mode
	Replaced    Flag = "replaced"     // the citizen changed their mind; the later record counts
	SpentTicket Flag = "spent_ticket" // its ticket had been used before
	TooSoon     Flag = "too_soon"     // closer to the press before than the repeat interval
)

// Exclusions are the flags that leave a record out of the headline score. A record
// with several is counted under the first of them in this order.
var Exclusions = []Flag{Test, Replaced, SpentTicket, TooSoon}

// OutOfHours marks a press outside the counter's opening hours. It only marks.
const OutOfHours Flag = "out_of_hours"

// TicketClass says what a ticket proves (vé): by what kind of code an answer came.
type TicketClass string

// The classes of tickets.
const (
	ScreenTicket      TicketClass = "screen"      // the code on a counter's screen, another one every few seconds: one answer
	TransactionTicket TicketClass = "transaction" // the link of one transaction, signed by the centre: one answer
	PosterTicket      TicketClass = "poster"      // a printed code: anybody may answer, any number of times
)

// TicketClasses are all classes of tickets.
var TicketClasses = []TicketClass{ScreenTicket, TransactionTicket, PosterTicket}

// Single reports whether a ticket of the class is good for one answer only.
func (c TicketClass) Single() bool { return c == ScreenTicket || c == TransactionTicket }

// TicketID names a ticket for one answer in the records made with it: the same on
// every gateway, so that the centre finds those that were made with one ticket. It tells
// nothing of the ticket but whether it is the same. The zero value is none: a poster's.
type TicketID [16]byte

// IsZero reports whether id names no ticket.
func (id TicketID) IsZero() bool { return id == TicketID{} }

// UsedTicket is what a record keeps of the ticket with which it was made.
type UsedTicket struct {
	Class TicketClass
	ID    TicketID // zero for a poster's, which is never spent
	// Visit is drawn for each opening of the form. It tells a form that was sent twice
	// from a second use of its ticket, and nothing else.
	Visit Visit
}

// Visit tells one opening of the web form from another: 8 random bytes.
type Visit [8]byte

// Response is one citizen's act (phiếu trả lời). It holds nothing that identifies the
// citizen, no case code and no officer.
type Response struct {
	Questionnaire Hash
	Answers       []Answer // in the questionnaire's order, each question at most once
	Channel       Channel
	Stage         Stage
	Counter       CounterCode
	ResolvingUnit UnitCode       // who decided the case; empty = not known
	Field         FieldCode      // empty = not known
	Procedure     ProcedureCode  // empty = not known
	Respondent    RespondentKind // empty = not known
	Flags         []Flag         // set by the kiosk, sorted
	Replaces      RecordID       // an earlier record that this one stands for
	Continues     RecordID       // an earlier record of the same respondent
	Ticket        *UsedTicket    // with which ticket it was made; nil = none
}

// Has reports whether the response carries flag.
func (r *Response) Has(flag Flag) bool { return slices.Contains(r.Flags, flag) }

// WithFlag adds flag, keeping the list sorted and without repeats.
func (r *Response) WithFlag(flag Flag) {
	if !r.Has(flag) {
		r.Flags = append(slices.Clone(r.Flags), flag)
		slices.Sort(r.Flags)
	}
}

// Excluded is the reason why the response is left out of the headline score, "" if
// it is in.
func (r *Response) Excluded() Flag {
	for _, f := range Exclusions {
		if r.Has(f) {
			return f
		}
	}
	return ""
}

// SameContent reports whether two responses say the same, whatever flags and ticket they
// carry: the test for a request sent again under its key.
func (r *Response) SameContent(o *Response) bool {
	return r.Questionnaire == o.Questionnaire && slices.Equal(r.Answers, o.Answers) &&
		r.Channel == o.Channel && r.Stage == o.Stage && r.Counter == o.Counter &&
		r.ResolvingUnit == o.ResolvingUnit && r.Field == o.Field && r.Procedure == o.Procedure &&
		r.Respondent == o.Respondent && r.Replaces == o.Replaces && r.Continues == o.Continues
}

// MaxComment is the longest comment accepted, in characters.
const MaxComment = 2000

// Draft is a response on its way to the journal.
type Draft struct {
	Response Response
	Nonce    Nonce
	Comment  string // free text; the chain holds only a salted commitment to it
}

// Entry is a response that a journal has kept: durable, with its identity.
type Entry struct {
	ID         RecordID
	Nonce      Nonce
	At         time.Time // the kiosk's wall clock, to the millisecond
	Response   Response
	Comment    string // "" where there was none or it was erased
	HadComment bool   // one was given: the record carries a commitment to it
}

// Validate checks a response against the questionnaire it names. The error, if any,
// is [Problems] with paths as in the HTTP interface.
func (r *Response) Validate(q *Questionnaire) error {
	var ps Problems
	if len(r.Answers) == 0 {
		ps.Add("answers", "", "phải có ít nhất một câu trả lời", "at least one answer is needed")
	}
	seen := map[QuestionCode]bool{}
	for _, a := range r.Answers {
		path := "answers." + clip(string(a.Question))
		if seen[a.Question] {
			ps.Add(path, "", "câu hỏi được trả lời hai lần", "the question is answered twice")
		}
		seen[a.Question] = true
		a.problems(path, q, &ps)
	}
	oneOf("channel", r.Channel, Channels, false, &ps)
	oneOf("stage", r.Stage, Stages, false, &ps)
	oneOf("respondent", r.Respondent, RespondentKinds, true, &ps)
	ps.Check(CodeProblem("counter", string(r.Counter)))
	optionalCode("resolving_unit", string(r.ResolvingUnit), &ps)
	optionalCode("field", string(r.Field), &ps)
	optionalCode("procedure", string(r.Procedure), &ps)
	for _, f := range r.Flags {
		ps.Check(CodeProblem("flags", string(f)))
	}
	if t := r.Ticket; t != nil {
		oneOf("ticket", t.Class, TicketClasses, false, &ps)
		if t.ID.IsZero() == t.Class.Single() {
			ps.Add("ticket", string(t.Class), "vé dùng một lần phải có số của nó, mã in thì không", "a ticket for one answer has a number of its own, a poster's has none")
		}
	}
	if !r.Replaces.IsZero() && !r.Continues.IsZero() {
		ps.Add("continues", r.Continues.String(), "một phiếu không vừa thay thế vừa nối tiếp phiếu khác", "a response either replaces another or continues one, not both")
	}
	return ps.Err()
}

func (a Answer) problems(path string, q *Questionnaire, ps *Problems) {
	x, ok := q.Question(a.Question)
	if !ok {
		var codes []QuestionCode
		for _, x := range q.Questions {
			codes = append(codes, x.Code)
		}
		ps.Add(path, "", "phiếu hỏi "+string(q.Code)+" không có câu hỏi này; có: "+joined(codes), "questionnaire "+string(q.Code)+" has no such question; it has: "+joined(codes))
		return
	}
	switch a.Kind {
	case AtLevel:
		scale := q.Scale(x.Scale)
		if _, ok := scale.Level(a.Level); !ok {
			allowed := scale.allowed()
			ps.Add(path, strconv.Itoa(int(a.Level)), "mức phải là một trong: "+allowed, "the level must be one of: "+allowed)
		}
	case Blank:
	case NotApplicable:
		if !x.NotApplicable {
			ps.Add(path, "na", "câu hỏi này không có lựa chọn «không sử dụng»", "this question does not offer \"not applicable\"")
		}
	default:
		ps.Add(path, fmt.Sprint(a.Kind), "loại câu trả lời không hợp lệ", "not a kind of answer")
	}
}

func (s *Scale) allowed() string {
	var b []byte
	for i, l := range s.Levels {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, int64(l.Value), 10)
	}
	return string(b)
}

// CommentProblem says what is wrong with a comment, or returns nil.
func CommentProblem(s string) *Problem {
	if utf8.ValidString(s) && utf8.RuneCountInString(s) <= MaxComment {
		return nil
	}
	return &Problem{
		Path: "comment", Value: clip(s),
		Vi: fmt.Sprintf("góp ý phải là văn bản UTF-8, nhiều nhất %d ký tự", MaxComment),
		En: fmt.Sprintf("a comment is UTF-8 text of at most %d characters", MaxComment),
	}
}

func oneOf[T ~string](path string, v T, allowed []T, emptyOK bool, ps *Problems) {
	if v == "" && emptyOK || slices.Contains(allowed, v) {
		return
	}
	ps.Add(path, string(v), "phải là một trong: "+joined(allowed), "must be one of: "+joined(allowed))
}

func optionalCode(path, v string, ps *Problems) {
	if v != "" {
		ps.Check(CodeProblem(path, v))
	}
}
