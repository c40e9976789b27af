package screen

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hailong/survey"
	"hailong/survey/disk"
)

// Tablet is a browser in the hall that shows one counter's screen.
type Tablet struct {
	ID      string // names it for people and for the interface; no secret
	Counter survey.CounterCode
	Since   time.Time // when it was paired
	Seen    time.Time // when it last asked for anything; zero = not since the program began
}

// tabletsFile holds the paired tablets, in the folder of the screen's own files.
const tabletsFile = "tablets.json"

// maxTablets is how many tablets may be paired at a time.
const maxTablets = 64

// codeLife is how long a one-time code is good for.
const codeLife = 10 * time.Minute

var (
	errNoFolder   = errors.New("this screen keeps no files, so it pairs no tablets")
	errManyPaired = fmt.Errorf("%d tablets are paired; revoke one that is not used any more", maxTablets)
	errWrongCode  = errors.New("the one-time code is wrong, used up or too old")
)

// lockedError says that nobody may guess for a while.
type lockedError time.Duration

// Error says how long.
func (e lockedError) Error() string { return "locked for " + time.Duration(e).String() }

// pairing is a tablet as it is kept. Its credential is not: only the hash.
type pairing struct {
	ID      string             `json:"id"`
	Counter survey.CounterCode `json:"counter"`
	Since   time.Time          `json:"since"`
	Hash    survey.Hash        `json:"hash"` // SHA-256 of the credential's 32 random bytes
	seen    time.Time
}

// invitation is a one-time code that was shown and not used yet.
type invitation struct {
	counter survey.CounterCode
	hash    survey.Hash
	until   time.Time
}

// tablets are those that are paired, and the one-time code that pairs the next one. Safe
// for many goroutines.
type tablets struct {
	folder string // "" = nothing can be paired

	mu     sync.Mutex // protects what follows
	paired []*pairing
	next   *invitation // nil = no code is good
	lock   lockout     // of whoever guesses codes
}

// tabletsIn reads the tablets that are kept in a folder.
func tabletsIn(folder string) (*tablets, error) {
	t := &tablets{folder: folder}
	if folder == "" {
		return t, nil
	}
	b, err := os.ReadFile(filepath.Join(folder, tabletsFile))
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, fmt.Errorf("read the paired tablets: %w", err)
	}
	var kept struct {
		Tablets []*pairing `json:"tablets"`
	}
	if err := json.Unmarshal(b, &kept); err != nil {
		return t, fmt.Errorf("read the paired tablets in %s: %w", tabletsFile, err)
	}
	t.paired = slices.DeleteFunc(kept.Tablets, func(p *pairing) bool { return p == nil || p.ID == "" || p.Hash.IsZero() })
	return t, nil
}

// keep writes a list of tablets; only then it is the list.
func (t *tablets) keep(list []*pairing) error {
	b, err := json.MarshalIndent(map[string][]*pairing{"tablets": list}, "", "  ")
	if err == nil {
		err = disk.Write(filepath.Join(t.folder, tabletsFile), append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep the paired tablets: %w", err)
	}
	t.paired = list
	return nil
}

// invite draws a one-time code for a counter. A code that was drawn before and not used is
// worth nothing any more. The error is a lockedError, or says why no tablet can be paired.
func (t *tablets) invite(counter survey.CounterCode, now time.Time) (code string, until time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := t.lock.left(now)
	switch {
	case t.folder == "":
		return "", until, errNoFolder
	case left > 0:
		return "", until, lockedError(left)
	case len(t.paired) >= maxTablets:
		return "", until, errManyPaired
	}
	code, until = newCode(), now.Add(codeLife)
	t.next = &invitation{counter: counter, hash: codeHash(code), until: until}
	return code, until, nil
}

// redeem pairs a tablet by a one-time code and returns its credential, which is told this
// once. The error is errWrongCode, a lockedError, or says that it could not be kept; gone
// reports that the code was guessed at too often, and is good no more.
func (t *tablets) redeem(code string, now time.Time) (p pairing, secret string, gone bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if left := t.lock.left(now); left > 0 {
		return p, "", false, lockedError(left)
	}
	if t.next == nil || !now.Before(t.next.until) {
		return p, "", false, errWrongCode // there is nothing to be guessed
	}
	guess := codeHash(code)
	if subtle.ConstantTimeCompare(guess[:], t.next.hash[:]) != 1 {
		if gone = t.lock.miss(now); gone {
			t.next = nil
		}
		return p, "", gone, errWrongCode
	}
	var id [4]byte
	var credential [32]byte
	_, _ = rand.Read(id[:]) // never fails, as below
	_, _ = rand.Read(credential[:])
	p = pairing{ID: hex.EncodeToString(id[:]), Counter: t.next.counter, Since: now.In(survey.Zone).Truncate(time.Second), Hash: sha256.Sum256(credential[:])}
	made := p
	if err := t.keep(append(slices.Clone(t.paired), &made)); err != nil {
		return p, "", false, err
	}
	t.next, t.lock = nil, lockout{}
	return p, base64.RawURLEncoding.EncodeToString(credential[:]), false, nil
}

// who is the tablet with that credential.
func (t *tablets) who(secret string, now time.Time) (caller, bool) {
	b, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil || len(b) != 32 {
		return caller{}, false
	}
	hash := sha256.Sum256(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.paired {
		if bytes.Equal(p.Hash[:], hash[:]) { // of a hash nobody can guess a part
			p.seen = now
			return caller{tablet: strings.Clone(p.ID), counter: p.Counter}, true
		}
	}
	return caller{}, false
}

// list is every paired tablet, the first one paired first.
func (t *tablets) list() []Tablet {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Tablet, len(t.paired))
	for i, p := range t.paired {
		all[i] = Tablet{ID: p.ID, Counter: p.Counter, Since: p.Since, Seen: p.seen}
	}
	return all
}

// revoke ends a pairing: the tablet's next request is a stranger's. It is so at once, also
// where the disk does not take it; the error then says that a restart would undo it.
func (t *tablets) revoke(id string) (gone Tablet, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.paired, func(p *pairing) bool { return p.ID == id })
	if i < 0 {
		return Tablet{}, false, nil
	}
	p := t.paired[i]
	rest := slices.Delete(slices.Clone(t.paired), i, i+1)
	err = t.keep(rest)
	t.paired = rest
	return Tablet{ID: p.ID, Counter: p.Counter, Since: p.Since, Seen: p.seen}, true, err
}

// newCode draws a one-time code of 40 random bits, for people to read and type.
func newCode() string {
	s := survey.DrawSigns(8)
	return s[:4] + "-" + s[4:]
}

// codeHash names a code, however it is typed.
func codeHash(code string) survey.Hash {
	if len(code) > 64 {
		code = ""
	}
	return sha256.Sum256([]byte("hailong/tablet/v1\x00" + survey.PlainSigns(code)))
}
