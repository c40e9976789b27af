package storetest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/score"
)

// today is the day on which the stories happen, a Wednesday, and noon its middle.
var (
	today = survey.NewDate(2026, time.April, 15)
	noon  = today.Start().Add(12 * time.Hour)
)

func words(s string) survey.Words { return survey.Words{survey.Vietnamese: s, survey.English: s} }

// scale is a scale of levels 1 to n, satisfied from level good.
func scale(code survey.ScaleCode, n, good survey.Level) survey.Scale {
	s := survey.Scale{Code: code}
	for v := survey.Level(1); v <= n; v++ {
		s.Levels = append(s.Levels, survey.ScaleLevel{Value: v, Words: words(fmt.Sprint("mức ", v)), Satisfied: v >= good})
	}
	return s
}

func overall(code survey.QuestionnaireCode, s survey.Scale) *survey.Questionnaire {
	return &survey.Questionnaire{
		Code: code, Title: words("Nhìn chung"), Scales: []survey.Scale{s},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: s.Code, Words: words("Ông/Bà có hài lòng không?")}},
	}
}

// The questionnaires of the stories: five faces, the three levels of Đà Nẵng 2014, and
// one with two factors.
var (
	faces   = overall("faces", scale("faces5", 5, 4))
	danang  = overall("danang-2014", scale("danang3", 3, 3))
	service = &survey.Questionnaire{
		Code: "service", Title: words("Phục vụ"), Scales: []survey.Scale{scale("likert5", 5, 4)},
		Factors: []survey.Factor{{Code: "A", Name: words("Tiếp cận")}, {Code: "B", Name: words("Công chức")}},
		Questions: []survey.Question{
			{Code: "Z0", Kind: survey.Overall, Scale: "likert5", Words: words("Nhìn chung")},
			{Code: "A1", Factor: "A", Kind: survey.Satisfaction, Scale: "likert5", Words: words("Biển hiệu")},
			{Code: "A2", Factor: "A", Kind: survey.Satisfaction, Scale: "likert5", Words: words("Nơi chờ"), NotApplicable: true},
			{Code: "B1", Factor: "B", Kind: survey.Satisfaction, Scale: "likert5", Words: words("Thái độ")},
		},
	}
)

// structure is a province with two departments and three counters.
func structure() *survey.Structure {
	return &survey.Structure{
		Units: []survey.Unit{
			{Code: "48", Name: words("Đà Nẵng"), Kind: survey.Province},
			{Code: "48.XD", Name: words("Sở Xây dựng"), Kind: survey.Department, Parent: "48"},
			{Code: "48.TC", Name: words("Sở Tài chính"), Kind: survey.Department, Parent: "48"},
		},
		Counters: []survey.Counter{
			{Code: "Q1", Unit: "48.XD", Name: words("Quầy 1")},
			{Code: "Q2", Unit: "48.XD", Name: words("Quầy 2")},
			{Code: "Q3", Unit: "48.TC", Name: words("Quầy 3")},
		},
	}
}

// story is one test with its own store.
type story struct {
	*testing.T
	ctx   context.Context
	dir   string
	open  func(t *testing.T, dir string) Store
	store Store
	codes byte // one-time codes given so far
}

func newStory(t *testing.T, open func(t *testing.T, dir string) Store) *story {
	s := &story{T: t, ctx: t.Context(), dir: t.TempDir(), open: open}
	s.store = open(t, s.dir)
	t.Cleanup(func() { s.ok(s.store.Close()) })
	return s
}

// counting is a story whose store has the structure and all questionnaires.
func counting(t *testing.T, open func(t *testing.T, dir string) Store) *story {
	s := newStory(t, open)
	s.ok(s.store.PutStructure(s.ctx, structure(), today))
	s.ok(s.store.AddQuestionnaires(s.ctx, faces, danang, service))
	return s
}

func (s *story) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// reopen closes the store and opens it again.
func (s *story) reopen() {
	s.Helper()
	s.ok(s.store.Close())
	s.store = s.open(s.T, s.dir)
}

// keep keeps batches in one call.
func (s *story) keep(batches ...*custody.Batch) []custody.Kept {
	s.Helper()
	kept, err := s.store.Keep(s.ctx, arrivals(batches))
	s.ok(err)
	if len(kept) != len(batches) {
		s.Fatalf("Keep answered %d of %d arrivals", len(kept), len(batches))
	}
	return kept
}

// expect keeps one batch and checks the case and the head answered.
func (s *story) expect(b *custody.Batch, want custody.Case, head custody.Head) {
	s.Helper()
	if got := s.keep(b)[0]; got.Case != want || got.Head != head {
		s.Fatalf("batch %d–%d: got %v at %d, want %v at %d", b.Header.First, b.Header.Last(), got.Case, got.Head.Sequence, want, head.Sequence)
	}
	if got, _, err := s.store.Marks(s.ctx, b.Header.Chain); err != nil || got != head {
		s.Fatalf("the store's head is %d, %v; want %d", got.Sequence, err, head.Sequence)
	}
}

func arrivals(batches []*custody.Batch) []custody.Arrival {
	list := make([]custody.Arrival, len(batches))
	for i, b := range batches {
		list[i] = custody.Arrival{Batch: b, Received: noon}
	}
	return list
}

// score computes a score of the story's days around today.
func (s *story) score(q survey.ScoreQuery) score.Result {
	s.Helper()
	if q.To == 0 {
		q.From, q.To = today-40, today+40
	}
	if q.By == "" {
		q.By = survey.ByNone
	}
	res, err := compute(s.ctx, s.store, q)
	s.ok(err)
	return res
}

func compute(ctx context.Context, store Store, q survey.ScoreQuery) (score.Result, error) {
	w := score.World{Minimum: 1}
	var err error
	if w.Structure, err = store.Structure(ctx); err != nil {
		return score.Result{}, err
	}
	if w.Catalogue, err = store.Catalogue(ctx); err != nil {
		return score.Result{}, err
	}
	return score.Compute(ctx, store, w, q)
}

// figures checks the answers, people and excluded answers of a row.
func (s *story) figures(what string, r score.Row, n, respondents, excluded int64) {
	s.Helper()
	if r.N != n || r.Respondents != respondents || r.Excluded != excluded {
		s.Errorf("%s: n %d, respondents %d, excluded %d; want %d, %d, %d", what, r.N, r.Respondents, r.Excluded, n, respondents, excluded)
	}
}

// chainState is the store's word about one chain.
func (s *story) chainState(c survey.Chain) custody.ChainState {
	s.Helper()
	list, err := s.store.Chains(s.ctx)
	s.ok(err)
	for _, st := range list {
		if st.Chain == c {
			return st
		}
	}
	return custody.ChainState{}
}

// waiting checks how many records of a chain are held and quarantined.
func (s *story) waiting(c survey.Chain, held, quarantined uint64) {
	s.Helper()
	if st := s.chainState(c); st.Held != held || st.Quarantined != quarantined {
		s.Errorf("held %d, quarantined %d; want %d, %d", st.Held, st.Quarantined, held, quarantined)
	}
}

// recounted checks that the counts agree with the batches.
func (s *story) recounted() {
	s.Helper()
	if err := s.store.Recount(s.ctx); err != nil {
		s.Error(err)
	}
}

// kiosk is a kiosk of the stories with its journal: what it pressed can be cut into
// batches at will.
type kiosk struct {
	id       survey.KioskID
	key      ed25519.PrivateKey
	chain    survey.Chain
	records  []custody.Record
	comments []custody.Comment
	now      time.Time
	boot     custody.BootID
	started  time.Time // when the boot began
	unsure   bool      // of its clock
	silent   bool      // it signs no totals
}

// newKiosk makes a kiosk whose key and chain follow from its name.
func newKiosk(name string) *kiosk {
	seed := sha256.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	return &kiosk{id: custody.KioskName(key.Public().(ed25519.PublicKey)), key: key, chain: survey.Chain(seed[16:]), now: noon, started: noon, silent: true}
}

func (k *kiosk) public() ed25519.PublicKey { return k.key.Public().(ed25519.PublicKey) }

// successor is the same kiosk with a new journal, after the one of k was damaged.
func (k *kiosk) successor(name string) *kiosk {
	next := newKiosk(name)
	next.id, next.key, next.now, next.silent = k.id, k.key, k.now, k.silent
	return next
}

// reboot starts the kiosk anew; from then on it is not sure of its clock.
func (k *kiosk) reboot() {
	k.boot[0]++
	k.started, k.unsure = k.now, true
}

// clock notes between which moments the present boot began.
func (k *kiosk) clock(low, high time.Time) {
	k.seal(custody.Record{Kind: custody.ClockRecord, PayloadVersion: 1, Payload: custody.EncodeClocks([]custody.BootClock{
		{Boot: k.boot, Low: low.UnixMilli(), High: high.UnixMilli()},
	})})
}

// salvage keeps a record of an earlier journal in this one.
func (k *kiosk) salvage(r custody.Record) survey.RecordID {
	return k.seal(custody.Record{Kind: custody.SalvagedRecord, PayloadVersion: 1, Payload: r.Bytes})
}

// totals is what the kiosk says it has issued so far.
func (k *kiosk) totals() *custody.Totals {
	var l custody.Ledger
	for i := range k.records {
		l.Add(&k.records[i])
	}
	return l.Since(0)
}

// press is a response of one face.
func press(counter survey.CounterCode, level survey.Level) survey.Response {
	return survey.Response{
		Questionnaire: faces.Hash(), Channel: survey.Touch, Stage: survey.Result, Counter: counter,
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: level}},
	}
}

// form is a response to the service questionnaire; a level of 0 leaves it blank.
func form(counter survey.CounterCode, answers map[survey.QuestionCode]survey.Level) survey.Response {
	r := survey.Response{Questionnaire: service.Hash(), Channel: survey.QR, Stage: survey.Result, Counter: counter}
	for _, q := range service.Questions {
		if level, ok := answers[q.Code]; ok {
			a := survey.Answer{Question: q.Code, Kind: survey.AtLevel, Level: level}
			if level == 0 {
				a.Kind = survey.Blank
			}
			r.Answers = append(r.Answers, a)
		}
	}
	return r
}

// last is the id of the last record.
func (k *kiosk) last() survey.RecordID {
	return survey.RecordID{Chain: k.chain, Sequence: uint64(len(k.records))}
}

func (k *kiosk) head() custody.Head { return k.headAt(len(k.records)) }

func (k *kiosk) headAt(n int) custody.Head {
	if n == 0 {
		return custody.Head{}
	}
	return custody.Head{Sequence: uint64(n), Hash: k.records[n-1].Hash}
}

// record keeps a response in the journal, pressed now.
func (k *kiosk) record(r survey.Response) survey.RecordID {
	return k.seal(custody.Record{
		Kind: custody.ResponseRecord, Counter: string(r.Counter), Questionnaire: r.Questionnaire,
		PayloadVersion: custody.PayloadVersionOf(&r), Payload: custody.EncodeResponse(&r),
	})
}

// comment is record with a comment beside it.
func (k *kiosk) comment(r survey.Response, text string) survey.RecordID {
	c := custody.Comment{Sequence: uint64(len(k.records)) + 1, Text: text}
	copy(c.Salt[:], text)
	commit := c.Commit()
	k.comments = append(k.comments, c)
	return k.seal(custody.Record{
		Kind: custody.ResponseRecord, Counter: string(r.Counter), Questionnaire: r.Questionnaire,
		PayloadVersion: custody.PayloadVersionOf(&r), Payload: custody.EncodeResponse(&r), Comment: &commit,
	})
}

// seal gives a record its place at the end of the chain.
func (k *kiosk) seal(r custody.Record) survey.RecordID {
	r.Version, r.Chain, r.Sequence, r.Previous = custody.RecordVersion, k.chain, uint64(len(k.records))+1, k.head().Hash
	r.Wall, r.Mono, r.Boot = k.now.UnixMilli(), k.now.Sub(k.started).Milliseconds(), k.boot
	if k.unsure && r.Kind == custody.ResponseRecord {
		r.Clock = custody.ClockUnsure
	}
	r.Nonce[0], r.Nonce[1] = byte(r.Sequence), byte(r.Sequence>>8)
	k.records = append(k.records, custody.Seal(r))
	return k.last()
}

// noise puts bytes that are no record into the chain.
func (k *kiosk) noise(b string) survey.RecordID {
	r := custody.DecodeRecord([]byte(b))
	r.Chain, r.Sequence = k.chain, uint64(len(k.records))+1 // only so that a batch can be made of it
	k.records = append(k.records, r)
	return k.last()
}

// batch is the records first to last, signed, sent and received: all that a caller of
// Keep does before it.
func (k *kiosk) batch(first, last int) *custody.Batch {
	var totals *custody.Totals
	if !k.silent {
		totals = k.totals()
	}
	made := custody.NewBatch(k.id, k.key, k.headAt(first-1).Hash, k.records[first-1:last], k.comments, totals)
	b, err := custody.ParseMessage(made.Message())
	if err == nil {
		err = b.Verify(k.public())
	}
	if err != nil {
		panic("storetest: a batch of its own cannot be read: " + err.Error())
	}
	return b
}

// all is one batch of everything.
func (k *kiosk) all() *custody.Batch { return k.batch(1, len(k.records)) }
