// Package kiosk turns a press or a form into a valid response and hands it to the
// journal. It does no I/O of its own: what a press means is decided here, the same
// for a finger on the screen, a button and a phone.
package kiosk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"hailong/survey"
)

// Journal is what the Recorder needs of the kiosk's journal.
type Journal interface {
	// Append keeps a draft durably and returns its entry. When it returns without an
	// error the entry is on stable storage. A draft whose nonce the journal already
	// holds changes nothing: the entry kept first comes back, and appended is false.
	// An error that is [ErrUnknown] leaves open whether the draft was kept: asking
	// again with the same nonce settles it. Safe for many goroutines.
	Append(ctx context.Context, d survey.Draft) (e survey.Entry, appended bool, err error)
	// Find is the entry with that nonce, if the journal still holds it.
	Find(n survey.Nonce) (survey.Entry, bool, error)
	// Get is the entry with that identity, if the journal still holds it.
	Get(id survey.RecordID) (survey.Entry, bool, error)
}

var (
	// ErrUnknown says that it is not known whether a press was kept. Send it again
	// with the same key.
	ErrUnknown = errors.New("it is not known whether the answer was kept; send it again with the same key")
	// ErrFull says that the disk has no room: the press was not kept, for certain.
	ErrFull = errors.New("the disk is full: the answer was not kept")
	// ErrConflict says that a key was used before for another content.
	ErrConflict = errors.New("this idempotency key was used before for other content")
	// ErrSpent says that a ticket for one answer was used before, by another opening of
	// its form. Whether that one said the same is not told.
	ErrSpent = errors.New("this ticket's answer is counted already")
)

// Press is a response as it comes in, before anything is checked. Empty Stage and
// Counter mean the recorder's own.
type Press struct {
	Questionnaire string // code or code@hash
	Answers       []survey.Answer
	Channel       survey.Channel
	Stage         survey.Stage
	Counter       survey.CounterCode
	ResolvingUnit survey.UnitCode
	Field         survey.FieldCode
	Procedure     survey.ProcedureCode
	Respondent    survey.RespondentKind
	Comment       string
	Replaces      survey.RecordID
	Continues     survey.RecordID
	// Key is the idempotency key: the same key, the same entry. A first answer with a
	// ticket for one answer needs none: the ticket's own number is its nonce, so that what
	// spends the ticket is the commit of the record.
	Key string
	// Pressed is when the citizen pressed, by the clock of [Settings]; zero = when Record is
	// called. A press that had to wait for the disk is judged by it where repeats are looked
	// for, and nowhere else.
	Pressed time.Time
	// Ticket is the verified ticket with which the answer came; nil = none. It vouches for
	// the counter, which need not be one of the recorder's own.
	Ticket *survey.UsedTicket
}

// nonce marks the press's record.
func (p *Press) nonce() survey.Nonce {
	if p.spends() {
		return survey.Nonce(p.Ticket.ID)
	}
	return survey.KeyNonce(p.Key)
}

// spends reports whether the press uses up a ticket.
func (p *Press) spends() bool {
	return p.Ticket != nil && p.Ticket.Class.Single() && p.Continues.IsZero()
}

// MaxKey is the longest idempotency key accepted, in bytes.
const MaxKey = 200

// Settings are what a kiosk needs to know to judge a press.
type Settings struct {
	Catalogue *survey.Catalogue
	Counters  []survey.CounterCode // served here; the first is meant where a press names none
	Stage     survey.Stage         // meant where a press names none
	Repeat    time.Duration        // repeat-press interval; 0 = off
	Test      bool                 // every record is marked as a test
	Testing   func() bool          // those made while it is true are, too; nil = none
	// Open reports whether the counters are open at a moment; nil = always. A press on a
	// screen or on buttons outside these hours is kept and marked, which changes no score.
	Open func(time.Time) bool
	Now  func() time.Time // the clock, with its monotonic reading
}

// served are the counters, for messages that say what is allowed.
func (s *Settings) served() string {
	codes := make([]string, len(s.Counters))
	for i, c := range s.Counters {
		codes[i] = string(c)
	}
	return strings.Join(codes, ", ")
}

// Recorder makes entries out of presses. Safe for many goroutines.
type Recorder struct {
	settings Settings
	journal  Journal

	mu     sync.Mutex // protects latest
	latest map[survey.CounterCode][]pressed
}

// pressed is one of the latest presses on a counter's screen or buttons.
type pressed struct {
	nonce survey.Nonce
	at    time.Time
	soon  bool // it came too soon after another
}

// remembered is how many presses of a counter are remembered: more than may wait for the
// disk at a time, since each of those may come here after later ones.
const remembered = 64

// NewRecorder makes a Recorder over a journal. At least one counter must be given.
func NewRecorder(s Settings, j Journal) *Recorder {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Stage == "" {
		s.Stage = survey.Result
	}
	return &Recorder{settings: s, journal: j, latest: map[survey.CounterCode][]pressed{}}
}

// Record keeps a press and returns its entry once it is durable. The same key gives
// the same entry for as long as the journal holds it. Errors are [survey.Problems]
// for a press that is not valid, [ErrConflict], [ErrSpent], [ErrUnknown], or the journal's
// own.
func (r *Recorder) Record(ctx context.Context, p Press) (survey.Entry, error) {
	if err := r.keyProblem(p.Key); err != nil && !p.spends() {
		return survey.Entry{}, err
	}
	nonce := p.nonce()
	if e, ok, err := r.journal.Find(nonce); err != nil {
		return survey.Entry{}, fmt.Errorf("look for the key's record: %w", err)
	} else if ok {
		return r.again(p, e)
	}
	d, err := r.draft(p, nonce)
	if err != nil {
		return survey.Entry{}, err
	}
	e, appended, err := r.journal.Append(ctx, d)
	if err != nil {
		if !errors.Is(err, ErrUnknown) {
			r.forget(d.Response.Counter, nonce)
		}
		return survey.Entry{}, fmt.Errorf("keep the answer: %w", err)
	}
	if !appended {
		return r.again(p, e)
	}
	return e, nil
}

// Spent is the record that used up a ticket for one answer, if this journal holds it.
func (r *Recorder) Spent(id survey.TicketID) (survey.Entry, bool, error) {
	if id.IsZero() {
		return survey.Entry{}, false, nil
	}
	e, ok, err := r.journal.Find(survey.Nonce(id))
	if err != nil {
		return survey.Entry{}, false, fmt.Errorf("look for the ticket's record: %w", err)
	}
	return e, ok, nil
}

func (r *Recorder) keyProblem(key string) error {
	if key != "" && len(key) <= MaxKey {
		return nil
	}
	return survey.Problems{{
		Path: "idempotency_key",
		Vi:   fmt.Sprintf("cần một khóa riêng cho mỗi lượt trả lời, 1 đến %d ký tự; gửi lại cùng một lượt thì dùng lại khóa đó", MaxKey),
		En:   fmt.Sprintf("one key of 1 to %d characters is needed for each response; send the same response again with the same key", MaxKey),
	}}
}

// again answers a key that was used before: the entry kept then, if it says the same.
// What was kept is not judged anew, because settings and questionnaires may have
// changed since; what the press leaves to the kiosk is as it was then.
func (r *Recorder) again(p Press, e survey.Entry) (survey.Entry, error) {
	kept := e.Response
	if t := p.Ticket; t != nil && (kept.Ticket == nil || kept.Ticket.Visit != t.Visit) {
		return survey.Entry{}, ErrSpent // to strangers all answers look alike, also the one that was given
	}
	want := p.content()
	want.Questionnaire = kept.Questionnaire
	if want.Stage == "" {
		want.Stage = kept.Stage
	}
	if want.Counter == "" {
		want.Counter = kept.Counter
	}
	want.Answers, kept.Answers = byQuestion(want.Answers), byQuestion(kept.Answers)
	sameComment := (p.Comment != "") == e.HadComment && (e.Comment == "" || e.Comment == p.Comment)
	if !r.means(p.Questionnaire, kept.Questionnaire) || !want.SameContent(&kept) || !sameComment {
		return survey.Entry{}, ErrConflict
	}
	return e, nil
}

// means reports whether a press that names id may have meant that version: a code
// alone meant the version of then.
func (r *Recorder) means(id string, version survey.Hash) bool {
	code, hash, pinned := strings.Cut(id, "@")
	q, known := r.settings.Catalogue.ByHash(version)
	return (!known || code == string(q.Code)) && (!pinned || strings.EqualFold(hash, version.String()))
}

// byQuestion sorts answers by the code of their question.
func byQuestion(answers []survey.Answer) []survey.Answer {
	sorted := slices.Clone(answers)
	slices.SortFunc(sorted, func(a, b survey.Answer) int { return cmp.Compare(a.Question, b.Question) })
	return sorted
}

// content is what the press says, as it says it: nothing checked, nothing filled in.
func (p *Press) content() survey.Response {
	return survey.Response{
		Answers: p.Answers, Channel: p.Channel, Stage: p.Stage, Counter: p.Counter,
		ResolvingUnit: p.ResolvingUnit, Field: p.Field, Procedure: p.Procedure, Respondent: p.Respondent,
		Replaces: p.Replaces, Continues: p.Continues, Ticket: p.Ticket,
	}
}

// response is the press as a response, checked against its questionnaire.
func (r *Recorder) response(p Press) (survey.Response, error) {
	var ps survey.Problems
	v, ok := r.settings.Catalogue.Find(p.Questionnaire)
	if !ok {
		have := r.settings.Catalogue.Codes()
		ps.Add("questionnaire", p.Questionnaire, "thiết bị này không có phiếu hỏi đó; có: "+have, "this kiosk has no such questionnaire; it has: "+have)
		return survey.Response{}, ps
	}
	resp := p.content()
	resp.Questionnaire, resp.Answers = v.Hash, inOrder(p.Answers, v.Questionnaire)
	if resp.Stage == "" {
		resp.Stage = r.settings.Stage
	}
	if resp.Counter == "" {
		resp.Counter = r.settings.Counters[0]
	}
	if err := resp.Validate(v.Questionnaire); err != nil {
		errors.As(err, &ps)
	}
	if p.Ticket == nil && !slices.Contains(r.settings.Counters, resp.Counter) {
		have := r.settings.served()
		ps.Add("counter", string(resp.Counter), "thiết bị này không phục vụ quầy đó; phục vụ: "+have, "this kiosk does not serve that counter; it serves: "+have)
	}
	ps.Check(survey.CommentProblem(p.Comment))
	return resp, ps.Err()
}

// inOrder sorts answers into the questionnaire's order, unknown questions last.
func inOrder(answers []survey.Answer, q *survey.Questionnaire) []survey.Answer {
	place := map[survey.QuestionCode]int{}
	for i, x := range q.Questions {
		place[x.Code] = i - len(q.Questions)
	}
	sorted := slices.Clone(answers)
	slices.SortStableFunc(sorted, func(a, b survey.Answer) int { return place[a.Question] - place[b.Question] })
	return sorted
}

func (r *Recorder) draft(p Press, nonce survey.Nonce) (survey.Draft, error) {
	resp, err := r.response(p)
	if err != nil {
		return survey.Draft{}, err
	}
	linked, err := r.link(&resp)
	if err != nil {
		return survey.Draft{}, err
	}
	if r.settings.Test || r.settings.Testing != nil && r.settings.Testing() {
		resp.WithFlag(survey.Test)
	}
	if resp.Continues.IsZero() && onTheSpot(resp.Channel) && r.settings.Open != nil && !r.settings.Open(cmp.Or(p.Pressed, r.settings.Now())) {
		resp.WithFlag(survey.OutOfHours)
	}
	if resp.Continues.IsZero() && r.tooSoon(&resp, nonce, p.Pressed, linked) {
		resp.WithFlag(survey.TooSoon)
	}
	return survey.Draft{Response: resp, Nonce: nonce, Comment: p.Comment}, nil
}

// onTheSpot reports whether a press was made on a counter's own screen or buttons.
func onTheSpot(ch survey.Channel) bool { return ch == survey.Button || ch == survey.Touch }

// tooSoon reports whether a press on a counter's screen or buttons is too close to another
// one there, and remembers it. A press that had to wait may come here after one that was
// pressed later; only how far apart they were pressed matters. A press sent again is the same
// press. One that replaces another is no repeat, but changing one's mind does not launder one.
func (r *Recorder) tooSoon(resp *survey.Response, nonce survey.Nonce, at time.Time, replaced *survey.Entry) bool {
	soon := replaced != nil && replaced.Response.Has(survey.TooSoon)
	if r.settings.Repeat <= 0 || !onTheSpot(resp.Channel) {
		return soon
	}
	if at.IsZero() {
		at = r.settings.Now()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.latest[resp.Counter]
	for _, p := range list {
		if p.nonce == nonce {
			return p.soon
		}
		soon = soon || replaced == nil && at.Sub(p.at).Abs() < r.settings.Repeat
	}
	if len(list) == remembered {
		list = slices.Delete(list, 0, 1)
	}
	r.latest[resp.Counter] = append(list, pressed{nonce: nonce, at: at, soon: soon})
	return soon
}

// forget takes back a press that is known not to have been kept: the citizen will
// press again, and that is no repeat.
func (r *Recorder) forget(c survey.CounterCode, nonce survey.Nonce) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest[c] = slices.DeleteFunc(r.latest[c], func(p pressed) bool { return p.nonce == nonce })
}

// link checks the record that a response replaces or continues, and returns it.
func (r *Recorder) link(resp *survey.Response) (*survey.Entry, error) {
	id, path := resp.Replaces, "replaces"
	if id.IsZero() {
		id, path = resp.Continues, "continues"
	}
	if id.IsZero() {
		return nil, nil
	}
	e, ok, err := r.journal.Get(id)
	if err != nil {
		return nil, fmt.Errorf("look for the record that this one %s: %w", path, err)
	}
	if t := resp.Ticket; t != nil && ok && (e.Response.Ticket == nil || *e.Response.Ticket != *t) {
		return nil, ErrSpent // only the form that began a visit goes on with it
	}
	var ps survey.Problems
	switch {
	case !ok:
		ps.Add(path, id.String(), "thiết bị này không có phiếu đó", "this kiosk holds no such record")
	case e.Response.Counter != resp.Counter:
		ps.Add(path, id.String(), "phiếu đó thuộc quầy khác", "that record belongs to another counter")
	case resp.Ticket == nil && onTheSpot(resp.Channel) && r.over(&e):
		ps.Add(path, id.String(), "lượt trả lời đó đã kết thúc từ lâu", "that visit ended long ago")
	case path == "continues" && e.Response.Questionnaire == resp.Questionnaire && answersAgain(&e.Response, resp):
		ps.Add(path, id.String(), "phiếu nối tiếp trả lời lại câu đã trả lời", "a continuing response answers a question again")
	}
	return &e, ps.Err()
}

// visitLife is longer than anybody stands at a screen, with all the time that they ask for.
const visitLife = time.Hour

// over reports whether the visit of a record on the spot has ended, by the box's clock.
// Numbers of records are no secret: who has got hold of a tablet's credential must not
// rewrite what was answered days ago.
func (r *Recorder) over(e *survey.Entry) bool {
	return !e.At.IsZero() && r.settings.Now().Sub(e.At).Abs() > visitLife
}

func answersAgain(before, now *survey.Response) bool {
	return slices.ContainsFunc(now.Answers, func(a survey.Answer) bool {
		return slices.ContainsFunc(before.Answers, func(b survey.Answer) bool { return a.Question == b.Question && b.Kind == survey.AtLevel })
	})
}
