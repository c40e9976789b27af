package console

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"sync"
	"time"

	"hailong/survey"
)

// How long things that let people in hold.
const (
	sessionIdle          = 30 * time.Minute
	sessionLife          = 12 * time.Hour
	linkLife             = 15 * time.Minute
	invitationLife       = 24 * time.Hour
	maxSessions          = 1000
	maxLinks             = 100
	maxFailedEnrols      = 30  // in a minute, with the same code
	maxFailedEnrolsOfAll = 600 // in a minute, with all codes together
)

// secret is 256 random bits, in characters that need no quoting anywhere.
func secret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashOf is what is kept of a token, a link or a session's id. All of them are long
// random values, so a plain SHA-256 cannot be turned back by guessing.
func hashOf(s string) survey.Hash { return sha256.Sum256([]byte(s)) }

// TokenHash is the hash by which the store knows an API token.
func TokenHash(token string) survey.Hash { return hashOf(token) }

// signer is who sends a request.
type signer struct {
	name  string
	token survey.Hash // the token they came with; zero for a one-time link
}

// session is one browser's stay.
type session struct {
	who        signer
	made, used time.Time
}

func (s session) over(now time.Time) bool {
	return now.Sub(s.used) >= sessionIdle || now.Sub(s.made) >= sessionLife
}

// sessions are the browsers signed in, in memory alone: a restart signs everybody out.
type sessions struct {
	now func() time.Time

	mu   sync.Mutex // protects open
	open map[survey.Hash]session
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, open: map[survey.Hash]session{}}
}

// begin opens a session and gives its id. The browser's old session, if it names one,
// ends: signing in always changes the id, so that one planted before is worth nothing.
func (s *sessions) begin(who signer, oldID string) (id string) {
	id = secret()
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, hashOf(oldID))
	var eldest survey.Hash
	for h, each := range s.open {
		if each.over(now) {
			delete(s.open, h)
		} else if eldest.IsZero() || each.used.Before(s.open[eldest].used) {
			eldest = h
		}
	}
	if len(s.open) >= maxSessions {
		delete(s.open, eldest)
	}
	s.open[hashOf(id)] = session{who: who, made: now, used: now}
	return id
}

// find is who a session id belongs to; being asked for counts as use.
func (s *sessions) find(id string) (signer, bool) {
	if id == "" {
		return signer{}, false
	}
	h, now := hashOf(id), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.open[h]
	if !ok {
		return signer{}, false
	}
	if found.over(now) {
		delete(s.open, h)
		return signer{}, false
	}
	found.used = now
	s.open[h] = found
	return found.who, true
}

// end closes a session, if it is open.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, hashOf(id))
}

// links are the one-time sign-in links not used yet.
type links struct {
	now func() time.Time

	mu      sync.Mutex // protects expires
	expires map[survey.Hash]time.Time
}

func newLinks(now func() time.Time) *links {
	return &links{now: now, expires: map[survey.Hash]time.Time{}}
}

// make draws a link's secret.
func (l *links) make() string {
	s := secret()
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	var first survey.Hash
	for h, at := range l.expires {
		if !now.Before(at) {
			delete(l.expires, h)
		} else if first.IsZero() || at.Before(l.expires[first]) {
			first = h
		}
	}
	if len(l.expires) >= maxLinks {
		delete(l.expires, first)
	}
	l.expires[hashOf(s)] = now.Add(linkLife)
	return s
}

// spend uses a link up and reports whether it was good.
func (l *links) spend(s string) bool {
	h := hashOf(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.expires[h]
	delete(l.expires, h)
	return ok && l.now().Before(at)
}

// limiter bounds failed tries within a span of time: those of one thing by most, so that
// a kiosk with a bad code hinders nobody else, and those of all things together by
// mostAll, so that nobody can go through codes from many addresses at once.
type limiter struct {
	now           func() time.Time
	most, mostAll int
	span          time.Duration

	mu     sync.Mutex  // protects failed
	failed []failedTry // the oldest first
}

type failedTry struct {
	what survey.Hash
	at   time.Time
}

func newLimiter(now func() time.Time, most, mostAll int, span time.Duration) *limiter {
	return &limiter{now: now, most: most, mostAll: mostAll, span: span}
}

// try reports whether one more try of what is allowed, or else how long to wait. The
// try counts as failed until succeeded is called.
func (l *limiter) try(what survey.Hash) (wait time.Duration, ok bool) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.failed) > 0 && now.Sub(l.failed[0].at) >= l.span {
		l.failed = l.failed[1:]
	}
	if len(l.failed) >= l.mostAll {
		return l.span - now.Sub(l.failed[0].at), false
	}
	same := 0
	for i := len(l.failed) - 1; i >= 0; i-- {
		if l.failed[i].what != what {
			continue
		}
		if same++; same >= l.most {
			return l.span - now.Sub(l.failed[i].at), false
		}
	}
	l.failed = append(l.failed, failedTry{what, now})
	return 0, true
}

// succeeded takes the tries of what back out of the count.
func (l *limiter) succeeded(what survey.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = slices.DeleteFunc(l.failed, func(f failedTry) bool { return f.what == what })
}
