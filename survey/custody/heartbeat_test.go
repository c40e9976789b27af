package custody_test

import (
	"crypto/ed25519"
	"errors"
	"reflect"
	"strings"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

func fullHeartbeat() custody.Heartbeat {
	return custody.Heartbeat{
		Kiosk: kiosk, Chain: chain, Last: 300, LastSum: survey.Hash{3}, Unsent: 7, At: 1_772_420_401_000, Free: 1 << 30, Refused: 2,
		Trouble: "đĩa gần đầy", Skew: -1500, Software: "1.0", Boot: custody.BootID{0xb0},
		Totals: &custody.Totals{Last: 300, Days: []custody.DayTotal{{Day: custody.UnknownDay, Issued: 1}, {Day: 20514, Issued: 299}}},
	}
}

func TestHeartbeat(t *testing.T) {
	sent := fullHeartbeat()
	got, err := custody.OpenHeartbeat(sent.Sign(kioskKey), public(kioskKey))
	sent.Version = 1
	if err != nil || !reflect.DeepEqual(got, sent) || got.Time().UnixMilli() != sent.At {
		t.Errorf("read %+v, %v, sent %+v", got, err, sent)
	}
}

func TestHeartbeatsThatAreNone(t *testing.T) {
	good := fullHeartbeat().Sign(kioskKey)
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		bytes []byte
		key   ed25519.PublicKey
		fault string
	}{
		"nothing":            {nil, public(kioskKey), "cannot be read"},
		"words":              {[]byte("xin chào"), public(kioskKey), "cannot be read"},
		"cut short":          {good[:20], public(kioskKey), "cannot be read"},
		"with a bit changed": {flipped, public(kioskKey), "signature"},
		"of another's key":   {good, public(centreKey), "signature"},
		"of no key":          {good, nil, "signature"},
		"no chain":           {custody.Heartbeat{Last: 3}.Sign(kioskKey), public(kioskKey), "names no chain"},
	} {
		if h, err := custody.OpenHeartbeat(c.bytes, c.key); err == nil || !strings.Contains(err.Error(), c.fault) || h.Last != 0 {
			t.Errorf("%s: read %+v, %v, want the fault %q", name, h, err, c.fault)
		}
	}
	if _, err := custody.OpenHeartbeat(flipped, public(kioskKey)); !errors.Is(err, custody.ErrHeartbeat) {
		t.Errorf("a changed heartbeat: %v", err)
	}
}
