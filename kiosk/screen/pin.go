package screen

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hailong/survey/disk"
)

// operatorFile remembers wrong PINs over a restart, in the folder of the screen's own
// files.
const operatorFile = "operator.json"

// sessionFor is how long the operator's menu stays open when nobody does anything.
const sessionFor = 2 * time.Minute

// maxPIN is the longest PIN, in digits.
const maxPIN = 12

// operator is who may use the operator's menu. Safe for many goroutines.
type operator struct {
	pin    string
	folder string // "" = wrong PINs are forgotten at a restart

	mu    sync.Mutex // protects what follows
	lock  lockout
	token string // of the open session, 32 hexadecimal digits; "" = there is none
	until time.Time
}

// operatorIn reads what is remembered of wrong PINs. An error leaves none remembered.
func operatorIn(folder, pin string) (*operator, error) {
	o := &operator{pin: pin, folder: folder}
	if folder == "" || pin == "" {
		return o, nil
	}
	b, err := os.ReadFile(filepath.Join(folder, operatorFile))
	if errors.Is(err, os.ErrNotExist) {
		return o, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &o.lock)
	}
	if err != nil {
		o.lock = lockout{}
		return o, fmt.Errorf("read how often a wrong PIN was typed: %w", err)
	}
	return o, nil
}

// keep remembers the lock-out over a restart.
func (o *operator) keep() error {
	if o.folder == "" {
		return nil
	}
	b, err := json.Marshal(o.lock)
	if err == nil {
		err = disk.Write(filepath.Join(o.folder, operatorFile), append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("remember how often a wrong PIN was typed: %w", err)
	}
	return nil
}

// verdict is what became of a PIN that was typed.
type verdict struct {
	token string        // the session that it opened; "" = it was wrong, or not looked at
	left  time.Duration // nobody may try for so long; then it was not even looked at, unless now is true
	now   bool          // the wait begins with this try
	more  int           // tries before the next wait
}

// enter judges a PIN. A try is remembered on disk as a wrong one before it is judged, so
// that pulling the plug gives nobody another. The error says that this could not be
// written: the try counts all the same, until the program ends.
func (o *operator) enter(pin string, now time.Time) (v verdict, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if v.left = o.lock.left(now); v.left > 0 {
		return v, nil
	}
	v.now = o.lock.miss(now)
	err = o.keep()
	guess, right := sha256.Sum256([]byte(pin)), sha256.Sum256([]byte(o.pin))
	if subtle.ConstantTimeCompare(guess[:], right[:]) != 1 {
		v.left, v.more = o.lock.left(now), guesses-o.lock.Wrong
		return v, err
	}
	o.lock = lockout{}
	err = errors.Join(err, o.keep())
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	o.token, o.until = hex.EncodeToString(b[:]), now.Add(sessionFor)
	return verdict{token: o.token}, err
}

// wait is for how long nobody may try.
func (o *operator) wait(now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lock.left(now)
}

// holds reports whether a token is that of the open session, which then stays open.
func (o *operator) holds(token string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.token == "" || !now.Before(o.until) || subtle.ConstantTimeCompare([]byte(token), []byte(o.token)) != 1 {
		return false
	}
	o.until = now.Add(sessionFor)
	return true
}

// leave ends the session.
func (o *operator) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.token = ""
}

// over reports, once, that the session has ended by itself.
func (o *operator) over(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.token == "" || now.Before(o.until) {
		return false
	}
	o.token = ""
	return true
}
