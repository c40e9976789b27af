package screen

import (
	"sync"
	"time"
)

// testFor is how long test mode lasts that an operator has switched on.
const testFor = 30 * time.Minute

// modes are what an operator switched on. They end with the program. Safe for many
// goroutines.
type modes struct {
	mu     sync.Mutex
	test   time.Time // test mode until then; zero = it is off
	paused bool
}

func (m *modes) testing(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Before(m.test)
}

// over reports, once, that test mode has ended by itself.
func (m *modes) over(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.test.IsZero() || now.Before(m.test) {
		return false
	}
	m.test = time.Time{}
	return true
}

func (m *modes) setTest(until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.test = until
}

func (m *modes) setPaused(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused = yes
}

func (m *modes) isPaused() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.paused
}

// Testing reports whether an operator has switched test mode on: records that are made
// now are tests. It ends by itself after half an hour.
func (s *Screen) Testing() bool { return s.modes.testing(s.now()) }

// Paused reports whether an operator has taken the box out of service: no press is taken.
func (s *Screen) Paused() bool { return s.modes.isPaused() }

// Look notes what has ended by itself since the last look: test mode, an operator's
// session. The program calls it every few seconds.
func (s *Screen) Look() {
	now := s.now()
	if s.modes.over(now) {
		s.note(EventOperator, "chế độ thử tự kết thúc", "test mode has ended by itself")
	}
	if s.operator.over(now) {
		s.note(EventOperator, "menu vận hành tự đóng vì không ai dùng", "the operator's menu has closed by itself: nobody used it")
	}
}

// The kinds of events that a screen notes; see [Options].Note.
const (
	EventOperator = "operator"       // somebody entered the operator's menu, did something there, or left it
	EventRefused  = "operator_wrong" // a wrong PIN
	EventTablet   = "tablet"         // a tablet was paired or revoked
)

// note tells that something happened.
func (s *Screen) note(kind, vi, en string) {
	if s.options.Note != nil {
		s.options.Note(kind, says(vi, en))
	}
}

// sign changes with what every page of the moment shows besides its own: a sign for the
// staff, the banner of test mode.
func (s *Screen) sign() string {
	sign := s.mark()
	if s.Testing() {
		sign += "T"
	}
	return sign
}
