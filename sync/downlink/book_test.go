package downlink

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/ticket"
)

var (
	centreKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	otherKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
)

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// made is a directory ready to travel.
func made(t *testing.T, at time.Time, online string, key ed25519.PrivateKey) []byte {
	t.Helper()
	d := ticket.Directory{Made: at, Online: online, Counters: []ticket.Counter{{Code: "HS-01", Name: survey.Words{"vi": "Quầy 1"}}}}
	signed, err := d.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := pack(signed)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// shows expects what the book holds.
func shows(t *testing.T, b *Book, tag Tag, online string) {
	t.Helper()
	h := b.Held()
	if h == nil || h.Tag != tag || h.Online != online {
		t.Fatalf("it holds %+v, want %v with %s", h, tag, online)
	}
	if c, ok := h.Ring.Counter("HS-01"); !ok || c.Name["vi"] != "Quầy 1" {
		t.Errorf("its counter is called %+v", c)
	}
}

func TestTheBookOutlivesTheProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), BookFile)
	b, err := OpenBook(path, public(centreKey))
	if err != nil || b.Held() != nil || b.Tag() != (Tag{}) {
		t.Fatalf("a new book holds %+v, %v", b.Held(), err)
	}
	if err := b.Take(held, made(t, noon, "https://one.vn", centreKey)); err != nil {
		t.Fatal(err)
	}
	if err := b.Take(newer, made(t, noon.Add(time.Second), "https://two.vn", centreKey)); err != nil {
		t.Fatal(err)
	}
	shows(t, b, newer, "https://two.vn")
	again, err := OpenBook(path, public(centreKey))
	if err != nil {
		t.Fatal(err)
	}
	shows(t, again, newer, "https://two.vn")
}

// Whatever is not the centre's newest word leaves the book as it was, on disk, too.
func TestWhatIsNotTheCentresNewestWordIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), BookFile)
	b, err := OpenBook(path, public(centreKey))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Take(held, made(t, noon, "https://one.vn", centreKey)); err != nil {
		t.Fatal(err)
	}
	good := made(t, noon.Add(time.Hour), "https://two.vn", centreKey)
	for name, c := range map[string]struct {
		packed []byte
		want   error // nil = any
	}{
		"signed by another":   {made(t, noon.Add(time.Hour), "https://two.vn", otherKey), ticket.ErrDirectory},
		"a moment older":      {made(t, noon.Add(-time.Nanosecond), "https://two.vn", centreKey), ErrOlder},
		"cut at its end":      {good[:len(good)-1], nil},
		"cut in the middle":   {good[:len(good)/2], nil},
		"without its middle":  {append(bytes.Clone(good[:40]), good[80:]...), nil},
		"nothing":             {nil, nil},
		"not even compressed": {[]byte("hailong"), nil},
	} {
		if err := b.Take(newer, c.packed); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		shows(t, b, held, "https://one.vn")
	}
	again, err := OpenBook(path, public(centreKey))
	if err != nil {
		t.Fatal(err)
	}
	shows(t, again, held, "https://one.vn")
	if err := b.Take(newer, good); err != nil { // the control
		t.Fatal(err)
	}
	shows(t, b, newer, "https://two.vn")
}

// A centre whose clock was years ahead for a moment would otherwise be heard no more for
// years: a revoked kiosk's codes would stay good.
func TestADirectoryFromTheFutureGivesWay(t *testing.T) {
	b, err := OpenBook(filepath.Join(t.TempDir(), BookFile), public(centreKey))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := b.Take(held, made(t, now.AddDate(5, 0, 0), "https://one.vn", centreKey)); err != nil {
		t.Fatal(err)
	}
	if err := b.Take(newer, made(t, now, "https://two.vn", centreKey)); err != nil {
		t.Fatal(err)
	}
	shows(t, b, newer, "https://two.vn")
	// One that is ahead by no more than clocks are wrong is replaced by a newer one only.
	if err := b.Take(held, made(t, now.Add(23*time.Hour), "https://one.vn", centreKey)); err != nil {
		t.Fatal(err)
	}
	if err := b.Take(newer, made(t, now, "https://two.vn", centreKey)); !errors.Is(err, ErrOlder) {
		t.Errorf("%v, want %v", err, ErrOlder)
	}
}

func TestADamagedFileIsAnEmptyBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), BookFile)
	b, err := OpenBook(path, public(centreKey))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Take(held, made(t, noon, "https://one.vn", centreKey)); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"empty": nil, "cut": good[:len(good)-5], "another file": []byte("identity: a kiosk's"), "altered": append(bytes.Clone(good[:60]), append([]byte{good[60] ^ 1}, good[61:]...)...)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := OpenBook(path, public(centreKey))
		if err == nil || b.Held() != nil {
			t.Errorf("%s: it holds %+v, %v", name, b.Held(), err)
		}
		if err := b.Take(held, made(t, noon, "https://one.vn", centreKey)); err != nil {
			t.Errorf("%s: it takes no other: %v", name, err)
		}
	}
}

// A few bytes that unpack to more than any directory has are not unpacked.
func TestABombIsNotUnpacked(t *testing.T) {
	packed, err := pack(make([]byte, maxSize+1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(packed); err == nil {
		t.Fatalf("%d bytes were unpacked to more than %d", len(packed), maxSize)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
