package screen

import (
	"time"
)

// How often somebody may guess, and how long they wait then: twice as long each time, up
// to the longest.
const (
	guesses   = 5
	firstWait = time.Minute
	longest   = time.Hour
)

// lockout makes whoever guesses wrong wait, longer each time. The zero lockout has seen no
// guess. Whoever uses it from several goroutines holds a lock of their own.
type lockout struct {
	Wrong int       `json:"wrong"` // guesses since the last wait, or the last right one
	Waits int       `json:"waits"` // since the last right one
	Until time.Time `json:"until"` // the end of the last wait
}

// span is how long the last wait is.
func (l *lockout) span() time.Duration {
	if l.Waits == 0 {
		return 0
	}
	return min(firstWait<<min(l.Waits-1, 16), longest)
}

// left is how long nobody may guess; 0 = they may. A clock that went back meanwhile, as
// that of a box without a battery does, makes no wait longer than it was.
func (l *lockout) left(now time.Time) time.Duration {
	if now.Add(l.span()).Before(l.Until) {
		l.Until = now.Add(l.span())
	}
	return max(l.Until.Sub(now), 0)
}

// miss takes a wrong guess. It reports whether a wait begins.
func (l *lockout) miss(now time.Time) bool {
	if l.Wrong++; l.Wrong < guesses {
		return false
	}
	l.Wrong = 0
	l.Waits++
	l.Until = now.Add(l.span())
	return true
}
