package centreapp

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/intake"
)

// admit says which enrolled kiosk a public key belongs to. While the store cannot be
// read nobody is let in; kiosks try again. One that is not let in is named.
func (a *App) admit(key []byte) (survey.KioskID, bool) {
	id := custody.KioskName(key)
	known, enrolled, err := a.keyOf(id)
	if err == nil && enrolled && known.Equal(ed25519.PublicKey(key)) {
		return id, true
	}
	if err == nil {
		err = errors.New("its key is not enrolled")
	}
	if times := a.knocks.Knock(fmt.Sprint(id, err)); times > 0 {
		a.log.Warn("kiosk not let in", "kiosk", id, "error", err, "times", times)
	}
	return id, false
}

// stranger hears of callers of the message server who show no key at all.
func (a *App) stranger(from net.Addr) {
	host := fmt.Sprint(from)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h // each attempt comes from another port
	}
	if times := a.knocks.Knock(host); times > 0 {
		a.log.Warn("a caller of the message server who proved no kiosk's key was not let in", "from", host, "times", times)
	}
}

// keyOf is the key of a kiosk that is in service. It implements [intake.Keys].
func (a *App) keyOf(id survey.KioskID) (ed25519.PublicKey, bool, error) {
	k, ok, err := a.store.Kiosk(context.Background(), id)
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("look up kiosk %s: %w", id, err)
	case ok && k.Revoked != nil:
		return nil, false, &intake.ShutOut{Kiosk: id, Since: *k.Revoked}
	}
	return ed25519.PublicKey(k.Key), ok, nil
}
