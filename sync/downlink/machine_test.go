package downlink

import (
	"bytes"
	"testing"
	"time"
)

var (
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	held  = Tag{1}
	newer = Tag{2}
	last  = Tag{3}
)

// kiosk is a machine and a clock that only the test turns.
type stepper struct {
	t   *testing.T
	m   *Machine
	now time.Time
}

func newStepper(t *testing.T, tuning Tuning, have Tag) *stepper {
	return &stepper{t, NewMachine(tuning, have, 7), noon}
}

// say feeds an event and gives the first action, or a zero one.
func (s *stepper) say(e Event) Action {
	s.t.Helper()
	switch list := s.m.Step(s.now, e); len(list) {
	case 0:
		return Action{}
	case 1:
		return list[0]
	default:
		s.t.Fatalf("%d actions at once: %+v", len(list), list)
		return Action{}
	}
}

// waits expects that nothing is asked before a while between least and most has passed,
// and turns the clock to then.
func (s *stepper) waits(a Action, least, most time.Duration) Action {
	s.t.Helper()
	if d := a.At.Sub(s.now); a.Kind != Wake || d < least || d > most {
		s.t.Fatalf("it does %+v, in %v; want a question between %v and %v from now", a, a.At.Sub(s.now), least, most)
	}
	s.now = a.At.Add(-1)
	if early := s.say(Event{Kind: Tick}); early.Kind != Wake {
		s.t.Fatalf("a moment too early it does %+v", early)
	}
	s.now = a.At
	return s.say(Event{Kind: Tick})
}

// asks expects a question.
func (s *stepper) asks(a Action, want question) {
	s.t.Helper()
	if a.Kind != Ask || a.question != want {
		s.t.Fatalf("it does %+v, want the question %+v", a, want)
	}
}

func (s *stepper) answer(a answer) Action { return s.say(Event{Kind: Answered, answer: a}) }

// up is a machine that is connected and has just asked.
func up(t *testing.T, tuning Tuning, have Tag) *stepper {
	t.Helper()
	s := newStepper(t, tuning, have)
	s.asks(s.waits(s.say(Event{Kind: Up}), 0, tuning.Spread), question{kind: askNew, tag: have})
	return s
}

func pieceOf(tag Tag, n, of int) answer {
	return answer{kind: piece, tag: tag, number: n, of: of, bytes: []byte{byte(tag[0]), byte(n)}}
}

func TestWhenItAsks(t *testing.T) {
	for name, tuning := range map[string]Tuning{"counter": AtCounter, "gateway": AtGateway} {
		t.Run(name, func(t *testing.T) {
			s := up(t, tuning, held)
			for range 3 { // in its rhythm
				s.asks(s.waits(s.answer(answer{kind: same}), tuning.Every*3/4, tuning.Every*5/4), question{kind: askNew, tag: held})
			}
			s.answer(answer{kind: same})
			s.asks(s.waits(s.say(Event{Kind: Greeted}), 0, tuning.Spread), question{kind: askNew, tag: held}) // the centre started
			s.answer(answer{kind: same})
			s.say(Event{Kind: Down})
			s.now = s.now.Add(24 * time.Hour)
			if a := s.say(Event{Kind: Tick}); a.Kind != 0 {
				t.Errorf("without a link it does %+v", a)
			}
			s.asks(s.say(Event{Kind: Up}), question{kind: askNew, tag: held}) // its hour has long come
		})
	}
}

// A kiosk that holds nothing does not wait for others.
func TestAnEmptyBookIsFilledAtOnce(t *testing.T) {
	s := newStepper(t, AtCounter, Tag{})
	s.asks(s.waits(s.say(Event{Kind: Up}), 0, time.Second), question{kind: askNew})
}

func TestAnUnknownSignerIsAskedForAtOnceButNotMoreOften(t *testing.T) {
	s := up(t, AtGateway, held)
	s.answer(answer{kind: same})
	s.now = s.now.Add(time.Minute)
	s.asks(s.say(Event{Kind: Wanted}), question{kind: askNew, tag: held}) // at once
	asked := s.now
	s.answer(answer{kind: same})
	questions := 0
	for range 1000 { // somebody throws made-up tickets at it, a hundred a second
		s.now = s.now.Add(10 * time.Millisecond)
		if a := s.say(Event{Kind: Wanted}); a.Kind == Ask {
			questions++
			if s.now.Sub(asked) < AtGateway.Least {
				t.Errorf("the next question comes %v after the last", s.now.Sub(asked))
			}
			s.answer(answer{kind: same})
		}
	}
	if questions != 1 {
		t.Errorf("%d questions in 10 s", questions)
	}
}

// What is wanted while a question is under way may be newer than its answer.
func TestWhatIsWantedMeanwhileIsAskedForAgain(t *testing.T) {
	s := up(t, AtGateway, held)
	s.now = s.now.Add(time.Second)
	s.say(Event{Kind: Wanted})
	s.asks(s.waits(s.answer(answer{kind: same}), 9*time.Second, 9*time.Second), question{kind: askNew, tag: held})
}

func TestPiecesArePutTogether(t *testing.T) {
	s := up(t, AtGateway, held)
	s.asks(s.answer(pieceOf(newer, 0, 3)), question{kind: askPiece, tag: newer, number: 1})
	s.asks(s.answer(pieceOf(newer, 1, 3)), question{kind: askPiece, tag: newer, number: 2})
	a := s.answer(pieceOf(newer, 2, 3))
	if a.Kind != Take || a.tag != newer || !bytes.Equal(a.packed, []byte{2, 0, 2, 1, 2, 2}) {
		t.Fatalf("it does %+v", a)
	}
	s.asks(s.waits(s.say(Event{Kind: Kept}), AtGateway.Every*3/4, AtGateway.Every*5/4), question{kind: askNew, tag: newer})
}

// A piece that is lost on the way is asked for again, and only that.
func TestALostPiece(t *testing.T) {
	s := up(t, AtGateway, held)
	s.answer(pieceOf(newer, 0, 3))
	lost := question{kind: askPiece, tag: newer, number: 1}
	least := AtGateway.Least
	for range 3 {
		s.asks(s.waits(s.say(Event{Kind: Failed}), least/2, least), lost)
		least *= 2
	}
	s.asks(s.answer(pieceOf(newer, 1, 3)), question{kind: askPiece, tag: newer, number: 2})
	s.say(Event{Kind: Down}) // the line is cut in the middle
	s.say(Event{Kind: Failed})
	s.asks(s.waits(s.say(Event{Kind: Up}), 0, AtGateway.Spread), question{kind: askPiece, tag: newer, number: 2})
	if a := s.answer(pieceOf(newer, 2, 3)); a.Kind != Take || !bytes.Equal(a.packed, []byte{2, 0, 2, 1, 2, 2}) {
		t.Fatalf("it does %+v", a)
	}
}

func TestADirectoryThatIsGoneIsBegunAnew(t *testing.T) {
	s := up(t, AtGateway, held)
	s.answer(pieceOf(newer, 0, 2))
	s.asks(s.waits(s.answer(answer{kind: gone}), AtGateway.Least, AtGateway.Least), question{kind: askNew, tag: held})
	s.asks(s.answer(pieceOf(last, 0, 2)), question{kind: askPiece, tag: last, number: 1})
}

// What is refused is thrown away, whole, and not asked for without end.
func TestARefusedDirectoryIsAskedForMoreAndMoreRarely(t *testing.T) {
	s := up(t, AtCounter, held)
	waited := time.Duration(0)
	for range 12 {
		if a := s.answer(pieceOf(newer, 0, 1)); a.Kind != Take {
			t.Fatalf("it does %+v", a)
		}
		before := s.now
		s.asks(s.waits(s.say(Event{Kind: Refused}), AtCounter.Least/2, AtCounter.Every), question{kind: askNew, tag: held})
		waited = s.now.Sub(before)
	}
	if waited < AtCounter.Every/2 {
		t.Errorf("after so many refusals it waits %v", waited)
	}
}

func TestMessages(t *testing.T) {
	for _, q := range []question{{kind: askNew}, {kind: askNew, tag: held}, {kind: askPiece, tag: newer, number: 40}} {
		if got, err := parseQuestion(q.encode()); err != nil || got != q {
			t.Errorf("%+v came as %+v, %v", q, got, err)
		}
	}
	for _, a := range []answer{{kind: same}, {kind: gone}, pieceOf(newer, 1, 2)} {
		if got, err := parseAnswer(a.encode()); err != nil || !bytes.Equal(got.bytes, a.bytes) || got.kind != a.kind || got.tag != a.tag || got.number != a.number || got.of != a.of {
			t.Errorf("%+v came as %+v, %v", a, got, err)
		}
	}
	good := pieceOf(newer, 0, 1).encode()
	for name, b := range map[string][]byte{
		"nothing": {}, "another kind": {9}, "a piece without content": good[:pieceFront], "beyond the last": pieceOf(newer, 2, 2).encode(),
		"of no directory": pieceOf(Tag{}, 0, 1).encode(), "too many": pieceOf(newer, 0, maxPieces+1).encode(), "too long": append(good, make([]byte, pieceSize)...),
	} {
		if _, err := parseAnswer(b); err == nil {
			t.Errorf("%s is an answer", name)
		}
		if _, err := parseQuestion(b); err == nil {
			t.Errorf("%s is a question", name)
		}
	}
}
