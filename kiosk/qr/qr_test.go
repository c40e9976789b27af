package qr

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hailong/assets/browsertest"
	"hailong/survey"
	"hailong/survey/ticket"
)

const online = "HTTPS://DANHGIA.TINH.GOV.VN/Q/"

// addresses are those that the codes of a whole system hold.
func addresses(t testing.TB) map[string]string {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	until := time.Date(2026, 3, 2, 12, 0, 0, 0, survey.Zone)
	all := map[string]string{}
	for name, k := range map[string]ticket.Ticket{
		"screen": {Class: survey.ScreenTicket, Nonce: [12]byte{1, 200, 3}, Expires: until, Counter: "HS-01"},
		"transaction": {
			Class: survey.TransactionTicket, Nonce: [12]byte{7, 8, 9}, Expires: until, Counter: "HS-01", Questionnaire: "service", Stage: survey.Result,
			Channel: survey.Web, Respondent: survey.Citizen, ResolvingUnit: "STP", Field: "HO-TICH", Procedure: "1.004194",
		},
		"poster": {Class: survey.PosterTicket, Nonce: [12]byte{5}, Expires: until.AddDate(3, 0, 0), Counter: "HS-01", Questionnaire: "quick"},
	} {
		text, err := k.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = online + text
	}
	return all
}

func draw(t testing.TB, text string) *Picture {
	t.Helper()
	p, err := Draw(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// zbar is what an independent reader finds in a picture.
func zbar(t *testing.T, picture []byte) string {
	t.Helper()
	program := browsertest.Need(t, "no QR code is read back (package zbar-tools)", "zbarimg")
	cmd := exec.CommandContext(t.Context(), program, "--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", "-")
	cmd.Stdin = bytes.NewReader(picture)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 4 {
		return "" // it found no code
	} else if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// capacity is how many signs of the alphanumeric mode fit at level M, by version from 1
// on, out of ISO/IEC 18004, table 7. A version has 17 + 4 × its number modules.
var capacity = []int{20, 38, 61, 90, 122, 154, 178, 221, 262, 311, 366, 419, 483, 528, 600, 656, 734, 816, 909, 970}

func TestAddressesInCapitalsNeedTheSmallAlphabet(t *testing.T) {
	for name, address := range addresses(t) {
		version := 1
		for capacity[version-1] < len(address) {
			version++
		}
		bare, framed := draw(t, address).Modules()
		if want := 17 + 4*version; bare != want || framed != want+8 {
			t.Errorf("%s: %d signs take %d modules, %d with the margin; want %d and %d", name, len(address), bare, framed, want, want+8)
		}
		lower, _ := draw(t, strings.ToLower(address)).Modules()
		if lower <= bare {
			t.Errorf("%s: in small letters it takes %d modules, in capitals %d: the small alphabet was not used", name, lower, bare)
		}
		t.Logf("%-11s %3d signs, version %2d: %d × %d modules, %d with the margin; in small letters it would be %d", name, len(address), version, bare, bare, framed, lower)
	}
}

// At 240 pixels it stands on a screen, at 1200 on paper.
func TestPNGsAreReadByAnother(t *testing.T) {
	for name, address := range addresses(t) {
		for _, pixels := range []int{240, 1200, 2400} {
			b, err := draw(t, address).PNG(pixels)
			if err != nil {
				t.Fatal(err)
			}
			if config, err := png.DecodeConfig(bytes.NewReader(b)); err != nil || config.Width != pixels || config.Height != pixels {
				t.Errorf("%s: %+v, %v, want %d pixels", name, config, err, pixels)
			}
			if got := zbar(t, b); got != address {
				t.Errorf("%s at %d pixels is read as %q, want %q", name, pixels, got, address)
			}
		}
	}
}

// Lengths on both sides of each step in size, and texts out of every mode.
func TestTextsOfAllLengthsAreRead(t *testing.T) {
	texts := []string{"1234567", "http://192.168.1.20:8082/q/abc", "HTTP://[::1]:8082/Q/ABC"}
	for _, n := range capacity[4:13] {
		texts = append(texts, online+strings.Repeat("A2", n)[:n-len(online)], online+strings.Repeat("Z7", n)[:n+1-len(online)])
	}
	for _, text := range texts {
		b, err := draw(t, text).PNG(600)
		if err != nil {
			t.Fatal(err)
		}
		if got := zbar(t, b); got != text {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

func TestSVGsAreReadByAnother(t *testing.T) {
	ctx := browsertest.Chromium(t, 90*time.Second)
	for name, address := range addresses(t) {
		svg := draw(t, address).SVG()
		t.Logf("%s: %d bytes of SVG", name, len(svg))
		for _, pixels := range []int64{240, 1200} {
			if got := zbar(t, photograph(t, ctx, svg, pixels)); got != address {
				t.Errorf("%s at %d pixels is read as %q, want %q", name, pixels, got, address)
			}
		}
	}
	// The control: a picture with its first rows painted over is not read.
	svg := bytes.Replace(draw(t, addresses(t)["screen"]).SVG(), []byte(`"/></svg>`), []byte(`M0 0h60v14H0z"/></svg>`), 1)
	if got := zbar(t, photograph(t, ctx, svg, 240)); got != "" {
		t.Errorf("a spoiled picture is read as %q", got)
	}
}

// photograph is an SVG as Chromium shows it in a window of that size.
func photograph(t *testing.T, ctx context.Context, svg []byte, pixels int64) []byte {
	t.Helper()
	tab, stop := chromedp.NewContext(ctx)
	defer stop()
	if err := chromedp.Do(tab, chromedp.EmulateViewport(pixels, pixels), chromedp.Navigate("data:image/svg+xml;base64,"+base64.StdEncoding.EncodeToString(svg))); err != nil {
		t.Fatal(err)
	}
	b, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A page's policy forbids inline styles and scripts; a screen reader needs a name.
func TestTheSVGIsPlain(t *testing.T) {
	svg := draw(t, addresses(t)["screen"]).SVG()
	d, paths := xml.NewDecoder(bytes.NewReader(svg)), 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attributes := map[string]string{}
		for _, a := range e.Attr {
			attributes[a.Name.Local] = a.Value
		}
		if _, styled := attributes["style"]; styled || e.Name.Local != "svg" && e.Name.Local != "path" {
			t.Errorf("<%s> with %v", e.Name.Local, attributes)
		}
		if e.Name.Local == "path" {
			paths++
		} else if attributes["role"] != "img" || attributes["aria-label"] == "" || attributes["shape-rendering"] != "crispEdges" || attributes["viewBox"] != "0 0 57 57" {
			t.Errorf("the picture says %v of itself", attributes)
		}
	}
	if paths != 2 { // the ground and the code
		t.Errorf("%d paths", paths)
	}
}

func TestWhatCannotBeDrawn(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "too much": strings.Repeat("A", 3392)} {
		if _, err := Draw(text); err == nil {
			t.Errorf("%s was drawn", name)
		}
	}
	if _, err := draw(t, "HTTPS://A.VN").PNG(28); err == nil {
		t.Error("29 modules fit into 28 pixels")
	}
}

func BenchmarkDraw(b *testing.B) {
	address := addresses(b)["screen"]
	for i := range b.N {
		p := draw(b, fmt.Sprint(address[:len(address)-1], i%8+1))
		p.SVG()
		if _, err := p.PNG(480); err != nil {
			b.Fatal(err)
		}
	}
}
