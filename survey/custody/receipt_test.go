package custody_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

func isVersion(err error) bool { return errors.Is(err, custody.ErrPayloadVersion) }

func TestReceiptRoundTrip(t *testing.T) {
	data := custody.SignReceipt(fullReceipt(), centreKey)
	got, err := custody.OpenReceipt(data, public(centreKey))
	want := fullReceipt()
	want.Version = 1
	if err != nil || got != want {
		t.Errorf("opened\n%+v, signed\n%+v (%v)", got, want, err)
	}
	if got.Head() != (custody.Head{Sequence: 3, Hash: survey.Hash{3}}) || got.At().UnixMilli() != want.ServerTime {
		t.Errorf("it says %v at %v", got.Head(), got.At())
	}
}

func TestOnlyTheCentresWordOpens(t *testing.T) {
	data := custody.SignReceipt(fullReceipt(), centreKey)
	for name, key := range map[string]ed25519.PublicKey{"another key": public(kioskKey), "no key": nil, "a short key": public(centreKey)[:31]} {
		if _, err := custody.OpenReceipt(data, key); !errors.Is(err, custody.ErrReceipt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range data {
		bit := i % 8
		bad := bytes.Clone(data)
		bad[i] ^= 1 << bit
		if r, err := custody.OpenReceipt(bad, public(centreKey)); err == nil {
			t.Fatalf("byte %d changed and it opens: %+v", i, r)
		}
	}
}

func TestMarkRequest(t *testing.T) {
	m, err := custody.ParseMarkRequest(custody.MarkRequest{Chain: chain}.Encode())
	if err != nil || m.Chain != chain {
		t.Errorf("read %v, %v", m, err)
	}
	for _, bad := range [][]byte{nil, {0xa0}, []byte("chain"), custody.MarkRequest{}.Encode()} {
		if m, err := custody.ParseMarkRequest(bad); err == nil {
			t.Errorf("%x is read as %+v", bad, m)
		}
	}
}

func TestKioskNames(t *testing.T) {
	if p := survey.CodeProblem("kiosk", string(kiosk)); p != nil || len(kiosk) != 12 || kiosk != custody.KioskName(public(kioskKey)) {
		t.Errorf("the kiosk is called %q", kiosk)
	}
	if kiosk == custody.KioskName(public(centreKey)) {
		t.Error("two keys have one name")
	}
}
