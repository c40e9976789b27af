package ticket_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/ticket"
)

var (
	kioskKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	otherKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	centreKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	noon      = time.Date(2026, 3, 2, 12, 0, 0, 0, survey.Zone)
)

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func directory() ticket.Directory {
	id := func(k ed25519.PrivateKey) survey.KioskID { return custody.KioskName(public(k)) }
	return ticket.Directory{
		Made: noon, Online: "https://danhgia.example.vn",
		Kiosks: []ticket.KioskKey{
			{ID: id(kioskKey), Key: public(kioskKey), Counters: []survey.CounterCode{"HS-01", "HS-02"}},
			{ID: id(otherKey), Key: public(otherKey), Counters: []survey.CounterCode{"HS-09"}},
		},
		Counters: []ticket.Counter{{Code: "HS-01", Name: survey.Words{"vi": "Quầy 1"}, Unit: "SNV", UnitName: survey.Words{"vi": "Sở Nội vụ"}}},
	}
}

func ring() *ticket.Ring { return ticket.NewRing(directory(), public(centreKey)) }

func screenTicket() ticket.Ticket {
	return ticket.Ticket{Class: survey.ScreenTicket, Nonce: [12]byte{1, 2, 3}, Expires: noon.Add(30 * time.Minute), Counter: "HS-01"}
}

func fullTicket() ticket.Ticket {
	return ticket.Ticket{
		Class: survey.TransactionTicket, Nonce: [12]byte{9}, Expires: noon.Add(72 * time.Hour), Counter: "HS-01", Questionnaire: "service",
		Stage: survey.Refusal, Channel: survey.Web, Respondent: survey.Organisation, ResolvingUnit: "STP", Field: "HO-TICH", Procedure: "1.004194",
	}
}

func signed(t *testing.T, k ed25519.PrivateKey, in ticket.Ticket) string {
	t.Helper()
	text, err := in.Sign(k)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTicketsComeBackAsTheyWere(t *testing.T) {
	for name, c := range map[string]struct {
		key ed25519.PrivateKey
		in  ticket.Ticket
	}{
		"screen":      {kioskKey, screenTicket()},
		"transaction": {centreKey, fullTicket()},
		"poster":      {centreKey, ticket.Ticket{Class: survey.PosterTicket, Expires: noon.AddDate(1, 0, 0), Counter: "HS-01", Questionnaire: "quick"}},
	} {
		text := signed(t, c.key, c.in)
		if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
			t.Errorf("%s: %q needs more than a QR code's small alphabet", name, text)
		}
		got, err := ticket.Verify(text, ring(), noon)
		c.in.Signer = ticket.SignerOf(public(c.key))
		c.in.Expires = got.Expires.In(survey.Zone) // compared below
		got.Expires = c.in.Expires
		if err != nil || got != c.in {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		t.Logf("%s: %d signs", name, len(text))
	}
}

// A ticket of which anything was changed opens nothing.
// Links that were handed out must go on meaning what they meant.
func TestPlacesInAListStandInTicketsForEver(t *testing.T) {
	same := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v; tickets know them as %v: only the end may grow", what, got, want)
		}
	}
	same("stages", survey.Stages[:4], []survey.Stage{survey.Reception, survey.Supplement, survey.Refusal, survey.Result})
	same("channels", survey.Channels[:8], []survey.Channel{survey.Button, survey.Touch, survey.QR, survey.Web, survey.App, survey.Portal, survey.Campaign, survey.Paper})
	same("respondents", survey.RespondentKinds[:2], []survey.RespondentKind{survey.Citizen, survey.Organisation})
	tk := fullTicket()
	text, err := tk.Sign(centreKey)
	if err != nil {
		t.Fatal(err)
	}
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	at := bytes.Index(b, []byte("service")) + len("service")
	if want := []byte{3, 4, 2}; err != nil || !bytes.Equal(b[at:at+3], want) {
		t.Errorf("stage, channel and respondent are %v, want %v (%v)", b[at:at+3], want, err)
	}
}

func TestEveryByteOfATicketMatters(t *testing.T) {
	for _, text := range []string{signed(t, kioskKey, screenTicket()), signed(t, centreKey, fullTicket())} {
		tried := 0
		for i := range text {
			for b := range 256 {
				if byte(b) == text[i] {
					continue
				}
				altered := text[:i] + string([]byte{byte(b)}) + text[i+1:]
				if _, err := ticket.Verify(altered, ring(), noon); err == nil {
					t.Fatalf("byte %d changed from %q to %q: still good", i, text[i], byte(b))
				}
				tried++
			}
		}
		for _, altered := range []string{"", text + "A", text + "=", text[1:], text[:len(text)-1], strings.ToLower(text), text[:20] + "\n" + text[20:], text + text, strings.Repeat("A", ticket.MaxText+1)} {
			if _, err := ticket.Verify(altered, ring(), noon); !errors.Is(err, ticket.ErrMalformed) && !errors.Is(err, ticket.ErrForged) {
				t.Errorf("%.40q…: %v", altered, err)
			}
		}
		if tried != 255*len(text) {
			t.Errorf("only %d changes were tried", tried)
		}
	}
}

func TestWhoMaySignWhat(t *testing.T) {
	at := func(counter survey.CounterCode) ticket.Ticket {
		s := screenTicket()
		s.Counter = counter
		return s
	}
	for name, c := range map[string]struct {
		key  ed25519.PrivateKey
		in   ticket.Ticket
		now  time.Time
		want error
	}{
		"the kiosk's other counter":               {kioskKey, at("HS-02"), noon, nil},
		"another kiosk's counter":                 {kioskKey, at("HS-09"), noon, ticket.ErrCounter},
		"a key that nobody knows":                 {ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), screenTicket(), noon, ticket.ErrForeign},
		"a kiosk that makes a transaction's":      {kioskKey, fullTicket(), noon, ticket.ErrForeign},
		"the centre that makes a screen's":        {centreKey, screenTicket(), noon, ticket.ErrForeign},
		"a moment before it expires":              {kioskKey, screenTicket(), noon.Add(30*time.Minute - time.Second), nil},
		"the moment when it expires":              {kioskKey, screenTicket(), noon.Add(30 * time.Minute), ticket.ErrExpired},
		"expired, and of another kiosk's counter": {kioskKey, at("HS-09"), noon.AddDate(0, 0, 9), ticket.ErrCounter},
	} {
		if _, err := ticket.Verify(signed(t, c.key, c.in), ring(), c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// A signature that another signer's name was put before.
	forged := screenTicket()
	text := signed(t, otherKey, forged)
	mine := signed(t, kioskKey, screenTicket())
	if _, err := ticket.Verify(mine[:30]+text[30:], ring(), noon); err == nil {
		t.Error("the head of one ticket with the signature of another is good")
	}
}

func TestATicketsNumber(t *testing.T) {
	a, b := screenTicket(), screenTicket()
	b.Counter, b.Expires = "HS-02", noon.Add(time.Hour) // a signer who uses a nonce again spends one ticket
	signed(t, kioskKey, a)
	if a.Sign(kioskKey); a.ID().IsZero() {
		t.Error("no number")
	}
	b.Sign(kioskKey)
	if a.ID() != b.ID() {
		t.Error("one nonce of one signer has two numbers")
	}
	if b.Sign(otherKey); a.ID() == b.ID() {
		t.Error("two signers share a number")
	}
	poster := ticket.Ticket{Class: survey.PosterTicket}
	if !poster.ID().IsZero() {
		t.Error("a poster has a number")
	}
}

func TestWhatATicketCannotSay(t *testing.T) {
	for name, in := range map[string]ticket.Ticket{
		"no class":             {Counter: "HS-01"},
		"no counter":           {Class: survey.ScreenTicket},
		"a stage that is none": {Class: survey.TransactionTicket, Counter: "HS-01", Stage: "later"},
		"a code that is none":  {Class: survey.TransactionTicket, Counter: "HS-01", Field: "đất đai"},
	} {
		if text, err := in.Sign(centreKey); err == nil {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestDirectories(t *testing.T) {
	b, err := directory().Sign(centreKey)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ticket.OpenDirectory(b, public(centreKey))
	if err != nil || len(d.Kiosks) != 2 || !d.Made.Equal(noon) {
		t.Fatalf("%+v, %v", d, err)
	}
	for i := range b {
		altered := bytes.Clone(b)
		altered[i] ^= 0x20
		if _, err := ticket.OpenDirectory(altered, public(centreKey)); err == nil {
			t.Fatalf("byte %d may be changed", i)
		}
	}
	for _, wrong := range [][]byte{nil, b[:64], b[:63]} {
		if _, err := ticket.OpenDirectory(wrong, public(centreKey)); err == nil {
			t.Errorf("%d bytes are a directory", len(wrong))
		}
	}
	if _, err := ticket.OpenDirectory(b, public(kioskKey)); !errors.Is(err, ticket.ErrDirectory) {
		t.Errorf("another centre's key: %v", err)
	}
}

func TestShortAddresses(t *testing.T) {
	const signs = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	short := ticket.NewShort()
	for range 1000 {
		short = ticket.NewShort()
		if got, ok := ticket.ParseShort(strings.ToLower(short[:3]) + "-" + short[3:]); !ok || got != short {
			t.Fatalf("%s is read as %q", short, got)
		}
		for i := range short {
			for j := range signs {
				wrong := short[:i] + signs[j:j+1] + short[i+1:]
				swapped := short[i] == '0' && signs[j] == 'Z' || short[i] == 'Z' && signs[j] == '0'
				if _, ok := ticket.ParseShort(wrong); ok && wrong != short && !swapped {
					t.Fatalf("%s, a misprint of %s, is one, too", wrong, short)
				}
			}
		}
	}
	for _, wrong := range []string{"", "healthz", "metrics", "favicon", short + "0", short[1:], strings.Repeat("-", 40)} {
		if got, ok := ticket.ParseShort(wrong); ok {
			t.Errorf("%q is read as %q", wrong, got)
		}
	}
	d := directory()
	d.Posters = []ticket.PosterPlace{{Short: short, Ticket: "T"}}
	if got, ok := ticket.NewRing(d, nil).Poster(strings.ToLower(short)); !ok || got != "T" {
		t.Errorf("the poster is %q", got)
	}
	if r := ticket.NewRing(d, nil); !r.Hangs("T") || r.Hangs("U") || r.Hangs("") {
		t.Error("which poster hangs is not what the directory says")
	}
}

func FuzzVerify(f *testing.F) {
	r := ring()
	for _, c := range []struct {
		key ed25519.PrivateKey
		in  ticket.Ticket
	}{{kioskKey, screenTicket()}, {centreKey, fullTicket()}} {
		text, _ := c.in.Sign(c.key)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ticket.Verify(text, r, noon)
		if err != nil {
			return
		}
		key := kioskKey
		if got.Class != survey.ScreenTicket {
			key = centreKey
		}
		if again, err := got.Sign(key); err != nil || again != text {
			t.Errorf("%q is good, and %q is the same ticket (%v)", text, again, err)
		}
	})
}
