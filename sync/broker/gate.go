package broker

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"hailong/survey"
	"hailong/sync/wire"
)

// gate lets in the centre by its token and each kiosk by its key, and gives a kiosk
// its own subjects only.
type gate struct {
	token    string
	admit    func(key []byte) (survey.KioskID, bool)
	stranger func(from net.Addr)
}

// Check implements the server's authentication: true lets the client in.
func (g *gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if o.Token != "" && subtle.ConstantTimeCompare([]byte(o.Token), []byte(g.token)) == 1 {
		c.RegisterUser(&server.User{Username: "centre"})
		return true
	}
	key, ok := provenKey(o.Nkey, o.Sig, c.GetNonce())
	if !ok || o.Token != "" {
		if g.stranger != nil {
			g.stranger(c.RemoteAddress())
		}
		return false
	}
	kiosk, ok := g.admit(key)
	if !ok {
		return false
	}
	p := wire.KioskPermissions(kiosk)
	c.RegisterUser(&server.User{Username: string(kiosk), Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: p.Publish}, Subscribe: &server.SubjectPermission{Allow: p.Subscribe},
	}})
	return true
}

// provenKey is the raw public key of a caller who signed the server's nonce with it.
func provenKey(nkey, signature string, nonce []byte) ([]byte, bool) {
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return nil, false
	}
	public, err := nkeys.FromPublicKey(nkey)
	if err != nil || len(nonce) == 0 || public.Verify(nonce, sig) != nil {
		return nil, false
	}
	raw, err := publicKey(nkey)
	return raw, err == nil
}

// publicKey is the raw key that NATS writes as nkey.
func publicKey(nkey string) ([]byte, error) {
	return nkeys.Decode(nkeys.PrefixByteUser, []byte(nkey))
}

// serverLog hands the server's own warnings on; its notices are not ours.
type serverLog struct {
	log   *slog.Logger
	fatal atomic.Pointer[string] // why the server gave up, nil if it did not
}

func (l *serverLog) say(level slog.Level, format string, v ...any) {
	l.log.Log(context.Background(), level, "message server: "+fmt.Sprintf(format, v...))
}

// Noticef is what the server tells of its everyday work: for debugging here.
func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v...) }

// Warnf is what an operator should know.
func (l *serverLog) Warnf(format string, v ...any) { l.say(slog.LevelWarn, format, v...) }

// Fatalf is the server giving up.
func (l *serverLog) Fatalf(format string, v ...any) {
	why := fmt.Sprintf(format, v...)
	l.fatal.Store(&why)
	l.say(slog.LevelError, "%s", why)
}

// Errorf is something that went wrong. Of a caller who is not let in the gate tells, who
// knows more of it; the server has a line for each attempt.
func (l *serverLog) Errorf(format string, v ...any) {
	level := slog.LevelError
	if strings.Contains(fmt.Sprintf(format, v...), server.ErrAuthentication.Error()) {
		level = slog.LevelDebug
	}
	l.say(level, format, v...)
}

// Debugf is of no use here.
func (l *serverLog) Debugf(format string, v ...any) {}

// Tracef is of no use here.
func (l *serverLog) Tracef(format string, v ...any) {}
