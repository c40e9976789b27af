package screen

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/kiosk"
	"hailong/survey"
)

// State tells how the kiosk is. It is asked often, by every page: both methods answer
// at once, from memory, and are safe for many goroutines.
type State interface {
	// Status is what /api/v1/status shows.
	Status() Status
	// Ready is nil when a press can be recorded. The error is one sentence for operators:
	// [NotEnrolled], [ErrStarting], or what is wrong with the journal.
	Ready() error
}

// NotEnrolled says that the centre has not taken the kiosk in yet.
type NotEnrolled struct {
	Why survey.Words // what the centre, or the way there, said; nil = nothing yet
}

var notYet = says("thiết bị chưa được ghi danh ở trung tâm", "the kiosk is not enrolled at the centre yet")

// Error is the reason in English.
func (e *NotEnrolled) Error() string { return e.Text(survey.English) }

// Text is the reason in one language.
func (e *NotEnrolled) Text(lang survey.Lang) string {
	if len(e.Why) == 0 {
		return notYet.In(lang)
	}
	return notYet.In(lang) + ": " + e.Why.In(lang)
}

// ErrStarting says that the program has begun and will be ready by itself.
var ErrStarting error = &begun{}

// begun is the type of ErrStarting.
type begun struct{}

// Error is the reason in English.
func (e *begun) Error() string { return e.Text(survey.English) }

// Text is the reason in one language.
func (*begun) Text(lang survey.Lang) string { return starting.title.In(lang) }

// told is what an error says to operators: in both languages where it has words in both.
func told(err error) survey.Words {
	if err == nil {
		return nil
	}
	if both := (interface{ Text(survey.Lang) string })(nil); errors.As(err, &both) {
		return says(both.Text(survey.Vietnamese), both.Text(survey.English))
	}
	return says(err.Error(), err.Error())
}

// Status is a kiosk at one moment.
type Status struct {
	Kiosk        survey.KioskID // "" before enrolment
	Counters     []survey.CounterCode
	Chain        survey.Chain  // zero while there is no journal
	Last         uint64        // sequence of the last record kept
	Receipted    uint64        // up to here the centre's store has signed for
	Unsent       uint64        // records after that
	OldestUnsent time.Duration // age of the oldest of them; 0 = there is none
	Clock        Clock
	Link         Link
	Free, Total  int64  // bytes of the journal's disk; Total 0 = not known
	Version      string // the program's
}

// Clock is what the kiosk believes about time.
type Clock struct {
	Now  time.Time     // the wall clock
	Boot time.Duration // since the machine started
	// Skew is the box's clock less the centre's at the last contact; nil = there was none
	// since the program began.
	Skew *time.Duration
}

// Link is the connection to the centre.
type Link struct {
	Connected bool
	Since     time.Time    // when it became so; zero = never tried
	Refused   bool         // the centre does not accept this kiosk any more; it goes on recording
	Problem   survey.Words // a sentence that says what is wrong with it; nil = all is well
}

// statusBody is Status in the words of the interface.
type statusBody struct {
	Kiosk         survey.KioskID       `json:"kiosk"`
	Counters      []survey.CounterCode `json:"counters"`
	Chain         string               `json:"chain"`
	LastSequence  uint64               `json:"last_sequence"`
	Receipted     uint64               `json:"receipted_sequence"`
	Unsent        uint64               `json:"unsent"`
	OldestSeconds float64              `json:"oldest_unsent_seconds"`
	Clock         clockBody            `json:"clock"`
	Link          linkBody             `json:"link"`
}

type clockBody struct {
	Now         string   `json:"now"`
	BootSeconds float64  `json:"boot_seconds"`
	SkewSeconds *float64 `json:"skew_seconds"`
}

type linkBody struct {
	Connected bool    `json:"connected"`
	Since     *string `json:"since"`
	Problem   *string `json:"problem"`
}

func (st Status) body(lang survey.Lang) statusBody {
	b := statusBody{
		Kiosk: st.Kiosk, Counters: append([]survey.CounterCode{}, st.Counters...),
		LastSequence: st.Last, Receipted: st.Receipted, Unsent: st.Unsent, OldestSeconds: seconds(st.OldestUnsent),
		Clock: clockBody{Now: instant(st.Clock.Now), BootSeconds: seconds(st.Clock.Boot)},
		Link:  linkBody{Connected: st.Link.Connected},
	}
	if st.Clock.Skew != nil {
		skew := seconds(*st.Clock.Skew)
		b.Clock.SkewSeconds = &skew
	}
	if !st.Chain.IsZero() {
		b.Chain = st.Chain.String()
	}
	if !st.Link.Since.IsZero() {
		since := instant(st.Link.Since)
		b.Link.Since = &since
	}
	if said := st.Link.Problem.In(lang); said != "" {
		b.Link.Problem = &said
	}
	return b
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

func instant(t time.Time) string {
	return t.In(survey.Zone).Format("2006-01-02T15:04:05.000Z07:00")
}

func (s *Screen) status(c *fiber.Ctx) error {
	return c.JSON(s.options.State.Status().body(preferred(c)))
}

// healthz says that the program lives, nothing more.
func healthz(c *fiber.Ctx) error { return c.SendString("ok\n") }

// readyz says whether a press can be recorded; why not is told to the kiosk's own
// machine alone, since it may name files. A kiosk that the centre refuses is ready, since
// it records; that somebody must see to it is told there, too.
func (s *Screen) readyz(c *fiber.Ctx) error {
	why := s.unready()
	if why != nil {
		if s.strange(c) {
			why.told = nil
		}
		return send(c, why)
	}
	if link := s.options.State.Status().Link; link.Refused && !s.strange(c) {
		return c.SendString("ok\n" + link.Problem.In(survey.Vietnamese) + "\n" + link.Problem.In(survey.English) + "\n")
	}
	return c.SendString("ok\n")
}

// mark is a short sign for the staff on the page in service; "" = all is well.
func (s *Screen) mark() string {
	if s.options.State.Status().Link.Refused {
		return "E4"
	}
	return ""
}

// unready is the reason why presses cannot be recorded, nil when they can.
func (s *Screen) unready() *failure {
	err := s.options.State.Ready()
	var not *NotEnrolled
	switch {
	case errors.As(err, &not):
		return &failure{kind: notEnrolled, code: "E1", told: not.Why}
	case errors.Is(err, ErrStarting):
		return &failure{kind: starting, code: "E0"}
	case errors.Is(err, kiosk.ErrFull):
		return &failure{kind: diskFull, code: "E3", cause: err}
	case err != nil:
		return &failure{kind: cannotRecord, code: "E2", told: told(err), cause: err}
	case s.Paused():
		return &failure{kind: paused, code: "E5"}
	case s.shown.Load() == nil:
		return &failure{kind: starting, code: "E0"}
	}
	return nil
}

func (s *Screen) metrics(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "text/plain; version=0.0.4; charset=utf-8")
	s.options.Metrics(c)
	return nil
}
